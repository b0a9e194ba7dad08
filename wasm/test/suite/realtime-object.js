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

test('connect() within a listener on needs-auth is an attempt of its own', async (t) => {
	const { proxy } = await t.proxied();
	const client = t.client(proxy.url, { token: 'wrong' });
	let second;
	client.realtime.onState(({ to }) => {
		if (to !== 'needs-auth' || second) return;
		client.setToken('editor-demo-token');
		second = client.connect();
	});
	coded(await t.within(rejects(client.connect(), 'the first connect()')), 'AUTH_FAILED');
	equal((await t.within(second, 'the second connect()')).readyState, WebSocket.OPEN, 'readyState');
	await proxy.settled();
	deepEqual(proxy.sent('auth').map(({ message }) => message.access_token), ['wrong', 'editor-demo-token']);
	await (await t.subscribe(client)).init();
}, ours);

// firstAstray returns a WebSocket whose first attempt goes where nobody listens.
async function firstAstray(t) {
	const peer = await t.peer();
	await peer.end();
	const made = [];
	class Astray extends WebSocket {
		constructor(url) {
			super(made.length === 0 ? peer.ws : url);
			made.push(url);
		}
	}
	return { made, WebSocket: Astray };
}

test('connect() within a listener on waiting is an attempt of its own', async (t) => {
	const { url } = await t.server();
	const { made, ...globals } = await firstAstray(t);
	const client = t.client(url, { globals, reconnect: { delay: 20_000 } }); // which nobody waits for
	let second;
	client.realtime.onState(({ to }) => {
		if (to === 'waiting') second ??= client.connect();
	});
	coded(await t.within(rejects(client.connect(), 'the first connect()')), 'CONNECTION_FAILED');
	const ws = await t.within(second, 'the second connect()');
	equal(ws.readyState, WebSocket.OPEN, 'readyState');
	equal(made.length, 2, 'sockets');
	equal(await client.connect(), ws, 'the open socket');
	await (await t.subscribe(client)).init();
}, ours);

test('connect() within a listener on waiting after an outage is an attempt of its own', async (t) => {
	const { proxy } = await t.proxied();
	const client = await t.connected(proxy.url, { reconnect: { delay: 20_000 } });
	const reader = await t.subscribe(client);
	await reader.init();
	const again = new Promise((resolve) => client.realtime.onState(({ to }) => to === 'waiting' && resolve(client.connect())));
	await proxy.cut();
	equal((await t.within(again, 'connect()')).readyState, WebSocket.OPEN, 'readyState');
	await proxy.until(() => proxy.sent('subscribe', 2).length === 1, 'the subscribe on the second socket');
	equal(reader.ended, false, 'the end of the generator');
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

// askedMeanwhile returns the rejection of a question that is asked once the client waits
// for its next attempt.
function askedMeanwhile(t, client) {
	const asking = new Promise((resolve) => {
		const remove = client.realtime.onState(({ to }) => to === 'waiting' && remove() && resolve(rejects(client.realtime.ask(write(t, 'meanwhile')), 'ask()')));
	});
	return t.within(asking, 'the rejection');
}

test('a question that waits is given up when the attempts are used up', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: { delay: 100, retries: 1 } });
	const asking = askedMeanwhile(t, client);
	await peer.set({ upgrade: 503 });
	await peer.drop();
	coded(await asking, 'GAVE_UP');
	equal(client.realtime.state, 'closed', 'state');
	await peer.set({ upgrade: 'accept' });
	equal((await t.within(client.realtime.ask(write(t, 'afterwards')), 'the next ask()')).data.text, 'afterwards', 'text');
}, ours);

test('a question that waits is given up when the credential is refused', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: { delay: 100, retries: 5 } });
	const asking = askedMeanwhile(t, client);
	await peer.set({ auth: [{ type: 'auth', status: 'error', error: { code: 'AUTH_FAILED', message: 'Authentication handshake failed.' } }] });
	await peer.hangUp(1012, 'restart');
	coded(await asking, 'AUTH_FAILED');
	equal(client.realtime.state, 'needs-auth', 'state');
	await peer.settled();
	equal(peer.sent('items').length, 0, 'questions');
}, ours);

test('what is no message rejects, and is not sent', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: false });
	for (const wrong of ['no json', '5', '"a text"', '[]', 'null', null, undefined, 5, [], () => {}, { toJSON() {} }]) {
		coded(await t.within(rejects(client.realtime.ask(wrong), 'ask()')), 'INVALID_MESSAGE');
	}
	const cycle = { type: 'items' };
	cycle.data = cycle;
	for (const wrong of [{ type: 'items', data: 1n }, cycle]) coded(await t.within(rejects(client.realtime.ask(wrong), 'ask()')), 'INVALID_PAYLOAD');
	await t.within(client.realtime.ask('{"type":"ping"}'), 'the pong');
	await peer.settled();
	deepEqual(peer.sent().map(({ message }) => message?.type), ['auth', 'ping']);
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
