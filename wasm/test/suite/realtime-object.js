// client.realtime: the state with its causes, and questions with their answers.
import { coded, deepEqual, equal, instance, match, ok, rejects } from './assert.js';
import { theme } from './runner.js';

const test = theme('realtime object');
const ours = { only: 'ours' };
const states = ['idle', 'dialing', 'authenticating', 'resyncing', 'live', 'waiting', 'needs-auth', 'closed'];

// watch collects the changes of a client's state.
function watch(t, client) {
	const box = t.box();
	box.remove = client.realtime.onState((change) => box.add(change));
	box.state = (name, ms) => box.find(({ to }) => to === name, `the state ${name}`, ms);
	return box;
}

test('is one object, also after with()', async (t) => {
	const { url } = await t.server();
	const client = t.client(url);
	const { realtime } = client;
	equal(client.realtime, realtime, 'the same');
	equal(client.with(() => ({ more: 1 })).realtime, realtime, 'the same after with()');
	equal(realtime.state, 'idle', 'its state');
}, ours);

test('state goes from idle to live, each change with its cause', async (t) => {
	const { url } = await t.server();
	const client = t.client(url);
	const box = watch(t, client);
	await client.connect();
	await box.state('live');
	deepEqual(box.items.map(({ to }) => to).filter((to) => to !== 'resyncing'), ['dialing', 'authenticating', 'live']);
	let from = 'idle';
	for (const change of box.items) {
		equal(change.from, from, 'from');
		ok(states.includes(change.to), `a state, not ${change.to}`);
		equal(typeof change.cause.reason, 'string', 'typeof cause.reason');
		instance(change.at, Date);
		from = change.to;
	}
	equal(client.realtime.state, 'live', 'state');
}, ours);

test('an outage is waiting, with the time of the next attempt and what happened', async (t) => {
	const { proxy } = await t.proxied();
	const client = await t.connected(proxy.url, { reconnect: { delay: 200, retries: 20 } });
	const box = watch(t, client);
	await proxy.set({ refuse: true });
	await proxy.cut();
	const change = await box.state('waiting');
	instance(change.next, Date);
	ok(change.next >= change.at - 100, `a time to come, not ${change.at - change.next} ms ago`); // the wait may be nothing
	ok(change.cause.reason, 'a reason');
	await proxy.set({ refuse: false });
	await box.state('live');
	equal(client.realtime.state, 'live', 'state');
}, ours);

test('a refused credential is needs-auth, and stays so', async (t) => {
	const { url } = await t.server();
	const client = t.client(url, { token: 'wrong', reconnect: { delay: 100, retries: 5 } });
	const box = watch(t, client);
	await rejects(client.connect());
	const change = await box.state('needs-auth');
	equal(change.cause.reason, 'auth-failed', 'cause.reason');
	await t.pause(300);
	equal(client.realtime.state, 'needs-auth', 'state');
}, ours);

test('disconnect() is closed, or idle', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url);
	const box = watch(t, client);
	client.disconnect();
	await box.find(({ to }) => to === 'closed' || to === 'idle', 'the end');
	ok(['closed', 'idle'].includes(client.realtime.state), `closed or idle, not ${client.realtime.state}`);
}, ours);

test('the remover of onState removes, and a listener that throws stops nobody else', async (t) => {
	const { url } = await t.server();
	const client = t.client(url);
	const reported = t.uncaught.claim(/thrown by a listener/);
	const removeFirst = client.realtime.onState(() => {
		removeFirst();
		throw new Error('thrown by a listener');
	});
	let calls = 0;
	const remove = client.realtime.onState(() => calls++);
	const box = watch(t, client);
	equal(remove(), true, 'the first time');
	equal(remove(), false, 'the second time');
	await client.connect();
	await box.state('live');
	await t.within(reported, 'the report');
	equal(calls, 0, 'calls');
}, { ...ours, alone: true });

// ask().

const write = (t, text) => ({ type: 'items', collection: 'messages', action: 'create', data: { text, user: t.user } });

test('ask() resolves with the reply', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url);
	const question = Object.freeze(write(t, 'asked'));
	const reply = await t.within(client.realtime.ask(question), 'the reply');
	deepEqual([reply.type, reply.data.text], ['items', 'asked']);
	const gone = await t.within(client.realtime.ask({ type: 'items', collection: 'messages', action: 'delete', id: reply.data.id }), 'the reply');
	equal(gone.data, reply.data.id, 'data');
}, ours);

test('ask() rejects with the server\'s code and sentence', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url, { token: 'reader-demo-token' });
	const reason = await t.within(rejects(client.realtime.ask(write(t, 'not allowed'))));
	coded(reason, 'FORBIDDEN');
	match(reason.message, /permission/, 'the sentence');
	const other = await t.within(rejects(client.realtime.ask({ type: 'items', collection: 'messages', action: 'read', query: { limit: -5 } })));
	coded(other, 'INVALID_QUERY');
}, ours);

test('ask() waits for the connection', async (t) => {
	const { proxy } = await t.proxied();
	await proxy.set({ hold: true });
	const client = t.client(proxy.url);
	const connecting = client.connect();
	const reply = client.realtime.ask(write(t, 'early'));
	await proxy.set({ hold: false });
	await connecting;
	equal((await t.within(reply, 'the reply')).data.text, 'early', 'text');
}, ours);

test('answers reach their question in any order', async (t) => {
	const peer = await t.peer({ silent: ['items'] });
	const client = await t.connected(peer.url, { reconnect: false });
	const [one, two] = ['one', 'two'].map((text) => client.realtime.ask(write(t, text)));
	await peer.until(() => peer.sent('items').length === 2, 'two questions');
	const [first, second] = peer.sent('items').map(({ message }) => message);
	ok(first.uid !== second.uid, 'different uids');
	await peer.send({ type: 'items', data: 2, uid: second.uid }, { type: 'items', data: 1, uid: first.uid });
	deepEqual([(await t.within(one)).data, (await t.within(two)).data], [1, 2]);
}, ours);

test('a question that was sent when the link is lost has an unknown outcome', async (t) => {
	const peer = await t.peer({ silent: ['items'] });
	const client = await t.connected(peer.url, { reconnect: { delay: 100, retries: 10 } });
	const asking = rejects(client.realtime.ask({ type: 'items', collection: 'messages', action: 'update', id: 1, data: { text: 'x' } }));
	await peer.until(() => peer.sent('items').length === 1, 'the question');
	await peer.drop();
	coded(await t.within(asking, 'the rejection'), 'OUTCOME_UNKNOWN');
	await peer.until(() => peer.upgrades().length === 2, 'the second socket');
	await t.pause(200);
	await peer.settled();
	equal(peer.sent('items').length, 1, 'questions');
}, ours);

test('disconnect() ends questions', async (t) => {
	const peer = await t.peer({ silent: ['items'] });
	const client = await t.connected(peer.url);
	const asking = rejects(client.realtime.ask({ type: 'items', collection: 'messages', action: 'read' }));
	await peer.until(() => peer.sent('items').length === 1, 'the question');
	client.disconnect();
	const reason = await t.within(asking, 'the rejection');
	ok(['DISCONNECTED', 'OUTCOME_UNKNOWN'].includes(reason.code), `a code, not ${reason.code}`);
	coded(reason, reason.code);
}, ours);

test('answers to questions are told to handlers too, and nobody\'s answer is lost', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url);
	const box = t.messages(client);
	client.sendMessage({ type: 'items', collection: 'messages', action: 'read', query: { limit: 1 }, uid: 'by hand' });
	await t.within(client.realtime.ask({ type: 'ping' }), 'the pong');
	await box.find(({ uid }) => uid === 'by hand', 'the answer to what was sent by hand');
}, ours);
