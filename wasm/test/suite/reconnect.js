// What a client does after its link is lost.
import { coded, deepEqual, equal, ok } from './assert.js';
import { theme } from './runner.js';

const test = theme('reconnect');
const quick = { delay: 100, retries: 20 };

// closing is a promise of the client's next close event.
const closing = (client) => new Promise((resolve) => client.onWebSocket('close', resolve));

// live returns a server, a proxy before it, a client, and a reader with its init.
async function live(t, { server, reconnect = quick, ...config } = {}) {
	server ??= await t.server();
	const proxy = await t.proxyTo(server);
	const client = await t.connected(proxy.url, { reconnect, ...config });
	const reader = await t.subscribe(client);
	await reader.init();
	return { server, proxy, client, reader };
}

// back waits for the subscribe on the socket with that number.
const back = (proxy, socket) => proxy.until(() => proxy.sent('subscribe', socket).length > 0, `the subscribe on socket ${socket}`);

// outage cuts the link, does something meanwhile, and lets it come back.
async function outage(t, { proxy, client }, meanwhile = () => {}) {
	const closed = closing(client);
	await proxy.set({ refuse: true });
	await proxy.cut();
	await t.within(closed, 'the close event');
	await meanwhile();
	await proxy.set({ refuse: false });
}

test('a cut link comes back, and the generator goes on', async (t) => {
	const { server, proxy, reader } = await live(t);
	await proxy.cut();
	await back(proxy, 2);
	await t.pause(100);
	await server.create({ text: 'afterwards', user: t.user });
	await reader.event('create', 'afterwards');
});

test('a subscription is subscribed once on the new socket', async (t) => {
	const { server, proxy, reader } = await live(t);
	await proxy.cut();
	await back(proxy, 2);
	await t.pause(300);
	await server.create({ text: 'afterwards', user: t.user });
	await reader.event('create', 'afterwards');
	await proxy.settled();
	deepEqual(proxy.sent('subscribe', 2).map(({ message }) => message.uid), ['1']);
	deepEqual(proxy.frames('received', 'subscription', 2).map(({ message }) => message.event), ['init', 'create']);
}, { sdk: 'subscribes twice', fails: /expected \["1"\], got \["1","1"\]/ });

test('three subscriptions are subscribed once each, with their uids', async (t) => {
	const { proxy, client } = await live(t);
	for (let i = 0; i < 2; i++) await (await t.subscribe(client)).init();
	await proxy.cut();
	await proxy.until(() => proxy.sent('subscribe', 2).length >= 3, 'three subscribes');
	await t.pause(300);
	await proxy.settled();
	deepEqual(proxy.sent('subscribe', 2).map(({ message }) => message.uid).sort(), ['1', '2', '3']);
}, { sdk: 'subscribes twice', fails: /expected \["1","2","3"\], got \["1","1"/ });

test('afterwards the difference is told, as create, update and delete, and no second init', async (t) => {
	const server = await t.server();
	const [changes, goes] = await server.create([{ text: 'changes', user: t.user }, { text: 'goes', user: t.user }]);
	const { proxy, client, reader } = await live(t, { server });
	let comes;
	await outage(t, { proxy, client }, async () => {
		comes = await server.create({ text: 'comes', user: t.user });
		await server.update(changes.id, { text: 'changed' });
		await server.delete(goes.id);
	});
	await reader.until((items) => items.length >= 4, 'three events');
	await server.create({ text: 'afterwards', user: t.user });
	await reader.event('create', 'afterwards');
	const told = reader.items.slice(1, -1).sort((a, b) => (a.event < b.event ? -1 : 1));
	deepEqual(told, [
		{ type: 'subscription', event: 'create', data: [{ id: comes.id, text: 'comes', user: t.user }], uid: '1' },
		{ type: 'subscription', event: 'delete', data: [goes.id], uid: '1' },
		{ type: 'subscription', event: 'update', data: [{ id: changes.id, text: 'changed', user: t.user }], uid: '1' },
	]);
}, { sdk: 'tells a second init, or has ended', fails: /did not come about|expected \[/ });

test('afterwards nothing is told when nothing has changed', async (t) => {
	const server = await t.server();
	await server.create([{ text: 'a', user: t.user }, { text: 'b', user: t.user }]);
	const { proxy, reader } = await live(t, { server });
	await proxy.cut();
	await back(proxy, 2);
	await t.pause(100);
	await server.create({ text: 'afterwards', user: t.user });
	await reader.event('create', 'afterwards');
	deepEqual(reader.events(), ['init', 'create']);
}, { sdk: 'tells a second init', fails: /got \["init","init"/ });

test('the difference has the fields that were asked for, and no others', async (t) => {
	const server = await t.server();
	const { id } = await server.create({ text: 'old', user: t.user });
	const { proxy, client } = await live(t, { server });
	const { subscription } = await client.subscribe('messages', { query: { fields: ['text'], filter: { user: { _eq: t.user } } } });
	const reader = t.read(subscription);
	await reader.init();
	await outage(t, { proxy, client }, async () => {
		await server.update(id, { text: 'new' });
		await server.create({ text: 'more', user: t.user });
	});
	await reader.until((items) => items.length >= 3, 'two events');
	deepEqual(reader.items.slice(1).map(({ event, data }) => [event, data]).sort(), [['create', [{ text: 'more' }]], ['update', [{ text: 'new' }]]]);
}, { sdk: 'tells a second init, or has ended', fails: /did not come about|expected \[/ });

test('a subscription to one item is told what became of it', async (t) => {
	const server = await t.server();
	const { id } = await server.create({ text: 'old', user: t.user });
	const { proxy, client } = await live(t, { server });
	const { subscription } = await client.subscribe('messages', { item: id, query: { fields: ['id', 'text'] } });
	const reader = t.read(subscription);
	await reader.init();
	await outage(t, { proxy, client }, () => server.update(id, { text: 'new' }));
	await reader.until((items) => items.length >= 2, 'an event');
	deepEqual(reader.items.slice(1).map(({ event, data }) => [event, data]), [['update', { id, text: 'new' }]]);
}, { sdk: 'tells a second init, or has ended', fails: /did not come about|expected \[/ });

test('a server that is away for a second, with failed attempts meanwhile, is no reason to end', async (t) => {
	const { server, proxy, client, reader } = await live(t);
	await outage(t, { proxy, client }, async () => {
		await t.pause(1000);
		await server.create({ text: 'meanwhile', user: t.user });
	});
	await reader.event('create', 'meanwhile', t.impl.name === 'sdk' ? undefined : 25_000); // once in a long while the next attempt is that late
	await server.create({ text: 'afterwards', user: t.user });
	await reader.event('create', 'afterwards');
	ok(proxy.log.filter(({ kind }) => kind === 'refused').length >= 2, 'at least two failed attempts');
}, { sdk: 'the first failed attempt ends every generator, without a word', fails: /did not come about.*it has ended/ });

test('a server that is killed and started again is no reason to end', async (t) => {
	const server = await t.ownServer();
	const client = await t.connected(server.url, { reconnect: quick });
	const reader = await t.subscribe(client);
	await reader.init();
	await server.create({ text: 'before', user: t.user });
	await reader.event('create', 'before');
	const closed = closing(client);
	await server.kill();
	await t.within(closed, 'the close event');
	await t.pause(400);
	await server.revive();
	await server.create({ text: 'afterwards', user: t.user });
	await reader.event('create', 'afterwards');
	deepEqual(reader.events(), ['init', 'create', 'create']);
}, { sdk: 'the first failed attempt ends every generator, without a word', fails: /did not come about.*it has ended/ });

test('after three outages in a row the view is what the server has', async (t) => {
	const { server, proxy, client, reader } = await live(t);
	const shows = (text) => reader.until(() => [...reader.view.values()].some((item) => item.text === text), `${text} in the view`);
	let last;
	for (let round = 0; round < 3; round++) {
		const before = proxy.upgrades().length;
		await outage(t, { proxy, client }, async () => {
			const [keep] = await server.create([{ text: `kept ${round}`, user: t.user }, { text: `more ${round}`, user: t.user }]);
			if (last) await server.delete(last.id);
			last = keep;
			await t.pause(round * 40);
		});
		if (round !== 1) await back(proxy, before + 1); // once a change comes before it
		await server.update(last.id, { text: `changed ${round}` });
		await shows(`changed ${round}`);
	}
	await server.create({ text: 'the end', user: t.user });
	await shows('the end');
	const rows = await server.rows(t.user);
	deepEqual([...reader.view.values()].map(({ text }) => text).sort(), rows.map(({ text }) => text).sort());
	equal(reader.events().filter((event) => event === 'init').length, 1, 'inits');
}, { sdk: 'the first failed attempt ends every generator, without a word; without one it tells a second init', fails: /did not come about|inits: expected 1/ });

// The uids.

test('uids are not used again after a reconnect', async (t) => {
	const { proxy, client } = await live(t);
	client.sendMessage({ type: 'ping' });
	await proxy.until(() => proxy.sent('ping').length === 1, 'the ping');
	await proxy.cut();
	await back(proxy, 2);
	await t.pause(100);
	await client.connect().catch(() => {}); // which the SDK refuses
	client.sendMessage({ type: 'ping' });
	await client.subscribe('messages', { query: t.mine });
	client.sendMessage('{"type":"the end"}');
	await proxy.until(() => proxy.sent('the end').length === 1, 'the last frame');
	const uids = proxy.sent().filter(({ message, socket }) => message.type === 'ping' || message.type === 'subscribe' && (socket === 1 || message.uid !== '1'))
		.map(({ message }) => message.uid);
	equal(uids.length, 4, 'messages with a new uid');
	equal(new Set(uids).size, 4, `different uids among ${uids}`);
}, { sdk: 'counts from 1 again, so that a new subscription replaces an old one on the server', fails: /messages with a new uid|different uids among/ });

// Subscribing and sending meanwhile.

test('a subscribe during an outage is told all', async (t) => {
	const { server, proxy, client, reader } = await live(t, { reconnect: { delay: 300, retries: 20 } });
	const closed = closing(client);
	await proxy.cut();
	await t.within(closed, 'the close event');
	const other = await t.within(t.subscribe(client), 'subscribe()');
	await other.init();
	await t.pause(400);
	await server.create({ text: 'for both', user: t.user });
	await other.event('create', 'for both');
	await reader.event('create', 'for both');
	await proxy.settled();
	deepEqual(proxy.sent('subscribe', 2).map(({ message }) => message.uid).sort(), ['1', '2']);
}, { sdk: 'counts its uids from 1 again, so that the new subscription replaces the old one on the server', fails: /expected \["1","2"\]|did not come about/ });

test('a connect() during an outage waits for the same socket', async (t) => {
	const { proxy, client } = await live(t, { reconnect: { delay: 200, retries: 20 } });
	const closed = closing(client);
	await proxy.cut();
	await t.within(closed, 'the close event');
	const ws = await t.within(client.connect(), 'connect()');
	equal(ws.readyState, WebSocket.OPEN, 'readyState');
	await t.pause(500);
	await proxy.settled();
	equal(proxy.upgrades().length, 2, 'upgrades');
});

// When it does not come back.

test('with reconnect: false it does not come back, and the generator ends', async (t) => {
	const { proxy, client, reader } = await live(t, { reconnect: false });
	await proxy.cut();
	const error = await reader.end();
	ok(error === undefined || error.code, 'no error, or one with a code');
	await t.pause(400);
	await proxy.settled();
	equal(proxy.upgrades().length, 1, 'upgrades');
	equal(await client.isConnected(), false, 'isConnected()');
});

test('when the attempts are used up, generators throw an Error that says so', async (t) => {
	const { proxy, client, reader } = await live(t, { reconnect: { delay: 100, retries: 3 } });
	await proxy.set({ refuse: true });
	await proxy.cut();
	coded(await reader.end(), 'GAVE_UP');
	await proxy.settled();
	equal(proxy.log.filter(({ kind }) => kind === 'refused').length, 3, 'attempts');
	equal(await client.isConnected(), false, 'isConnected()');
	await proxy.set({ refuse: false });
	await client.connect();
	await (await t.subscribe(client)).init();
}, { sdk: 'the generator ends without a word, as if all were told', fails: /expected an instance of Error, got undefined/ });

test('retries that are written as a text are as many', async (t) => {
	const { proxy, reader } = await live(t, { reconnect: { delay: '100', retries: '2' } });
	await proxy.set({ refuse: true });
	await proxy.cut();
	coded(await reader.end(), 'GAVE_UP');
	await proxy.settled();
	equal(proxy.log.filter(({ kind }) => kind === 'refused').length, 2, 'attempts');
}, { only: 'ours' });

test('delay is the base of the wait, which grows', async (t) => {
	const { proxy } = await live(t, { reconnect: { delay: 200, retries: 4 } });
	await proxy.set({ refuse: true });
	const began = performance.now();
	await proxy.cut();
	await proxy.until(() => proxy.log.filter(({ kind }) => kind === 'refused').length === 3, 'three attempts');
	const took = performance.now() - began;
	ok(took > 200 && took < 5000, `between 200 and 5,000 ms, not ${Math.round(took)}`);
}, { only: 'ours' });

// Links that are not cut, but dead.

test('a silent link is noticed, and the connection comes again', async (t) => {
	const { server, proxy, reader } = await live(t);
	await proxy.set({ mute: true });
	await proxy.until(() => proxy.upgrades().length === 2, 'the second upgrade', 40_000);
	await proxy.set({ mute: false });
	await proxy.cut(); // the second upgrade was thrown away too
	await proxy.until(() => proxy.sent('subscribe').some(({ socket }) => socket > 1), 'the next subscribe');
	await server.create({ text: 'afterwards', user: t.user });
	await reader.event('create', 'afterwards');
}, { only: 'ours', soak: true, limit: 70_000 });

test('a server that only comes late is waited for', async (t) => {
	const { server, proxy, reader } = await live(t);
	await proxy.set({ delay: 250 });
	await server.create({ text: 'late', user: t.user });
	await reader.event('create', 'late');
	await proxy.cut();
	await back(proxy, 2);
	await server.create({ text: 'later', user: t.user });
	await reader.until(() => [...reader.view.values()].some(({ text }) => text === 'later'), 'the item that came later');
});

// Too much to compare.

test('more than 10,000 items are told as a gap: read again', async (t) => {
	const server = await t.ownServer();
	const proxy = await t.proxyTo(server);
	for (let i = 0; i < 11; i++) {
		await server.create(Array.from({ length: 1000 }, (_, k) => ({ text: `row ${i * 1000 + k}`, user: t.user })));
	}
	const client = await t.connected(proxy.url, { reconnect: quick });
	const { subscription } = await client.subscribe('messages', { query: { fields: ['id', 'text'], filter: { user: { _eq: t.user } } } });
	const reader = t.read(subscription);
	ok((await reader.init()).data.length >= 10_000, 'at least 10,000 items in the init');
	const gaps = () => reader.items.filter(({ event }) => event === 'gap');
	await t.pause(50);
	const before = gaps().length; // one may say that the init was not all
	await outage(t, { proxy, client }, () => server.create({ text: 'meanwhile', user: t.user }));
	await reader.until(() => gaps().length > before, 'the gap');
	deepEqual(gaps().at(-1), { type: 'subscription', event: 'gap', data: [], uid: '1' });
	await t.pause(300);
	await server.create({ text: 'afterwards', user: t.user });
	await reader.event('create', 'afterwards');
}, { only: 'ours', once: true });
