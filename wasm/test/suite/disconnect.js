// disconnect(): at once, also while it connects, and for good.
import { coded, deepEqual, equal, fail, rejects } from './assert.js';
import { theme } from './runner.js';

const test = theme('disconnect');

test('returns nothing and closes the socket', async (t) => {
	const { proxy } = await t.proxied();
	const client = await t.connected(proxy.url);
	equal(client.disconnect(), undefined, 'what it returns');
	await proxy.until(() => proxy.closed().length === 1, 'the end of the socket');
});

test('does nothing when there is no connection', async (t) => {
	const { url } = await t.server();
	const client = t.client(url);
	client.disconnect();
	await client.connect();
	client.disconnect();
	client.disconnect();
});

test('does not reconnect afterwards', async (t) => {
	const { proxy } = await t.proxied();
	const client = await t.connected(proxy.url, { reconnect: { delay: 100, retries: 10 } });
	client.disconnect();
	await proxy.until(() => proxy.closed().length === 1, 'the end of the socket');
	await t.pause(600);
	await proxy.settled();
	equal(proxy.upgrades().length, 1, 'upgrades');
});

test('ends generators quietly', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url);
	const first = await t.subscribe(client);
	await first.init();
	const second = await t.subscribe(client);
	await second.init();
	client.disconnect();
	equal(await first.end(), undefined, 'what the first threw');
	equal(await second.end(), undefined, 'what the second threw');
});

test('while the socket opens, rejects connect() and opens nothing', async (t) => {
	const peer = await t.peer({ upgrade: 'hang' });
	const client = t.client(peer.url, { reconnect: { delay: 100, retries: 10 } });
	const connecting = rejects(client.connect());
	await peer.until(() => peer.upgrades().length === 1, 'the upgrade');
	client.disconnect();
	await peer.until(() => peer.closed().length === 1, 'the end of the socket');
	await t.within(connecting, 'the rejection');
	equal(await t.within(client.isConnected()), false, 'isConnected()');
}, { sdk: 'is ignored while the client connects', fails: /the end of the socket did not come about/ });

test('before the socket opens, rejects connect() too', async (t) => {
	const { proxy } = await t.proxied();
	const client = t.client(proxy.url, { reconnect: { delay: 100, retries: 10 } });
	const connecting = rejects(client.connect(), 'connect()');
	client.disconnect();
	await t.within(connecting, 'the rejection');
	await t.pause(300);
	equal(await client.isConnected(), false, 'isConnected()');
}, { sdk: 'is ignored while the client connects', fails: /expected a rejection/ });

test('while it authenticates, rejects connect()', async (t) => {
	const peer = await t.peer({ silent: ['auth'] });
	const client = t.client(peer.url, { reconnect: { delay: 100, retries: 10 } });
	const connecting = rejects(client.connect(), 'connect()');
	await peer.until(() => peer.sent('auth').length === 1, 'the auth');
	client.disconnect();
	await t.within(connecting, 'the rejection');
	await peer.until(() => peer.closed().length === 1, 'the end of the socket');
});

test('while it connects, rejects with an Error and its code', async (t) => {
	const peer = await t.peer({ upgrade: 'hang' });
	const client = t.client(peer.url);
	const connecting = rejects(client.connect());
	await peer.until(() => peer.upgrades().length === 1, 'the upgrade');
	client.disconnect();
	coded(await t.within(connecting, 'the rejection'), 'DISCONNECTED');
}, { only: 'ours' });

test('while it waits for the next attempt, makes no more', async (t) => {
	const { proxy } = await t.proxied();
	const client = await t.connected(proxy.url, { reconnect: { delay: 3000, retries: 10 } });
	const closed = new Promise((resolve) => client.onWebSocket('close', resolve));
	await proxy.cut();
	await t.within(closed, 'the close event');
	client.disconnect();
	await t.pause(3500);
	await proxy.settled();
	equal(proxy.upgrades().length, 1, 'upgrades');
}, { sdk: 'is ignored while the client waits for its next attempt', fails: /upgrades: expected 1, got 2/ });

test('while it waits for the next attempt, ends generators quietly', async (t) => {
	const { proxy } = await t.proxied();
	const client = await t.connected(proxy.url, { reconnect: { delay: 400, retries: 10 } });
	const reader = await t.subscribe(client);
	await reader.init();
	const closed = new Promise((resolve) => client.onWebSocket('close', resolve));
	await proxy.cut();
	await t.within(closed, 'the close event');
	client.disconnect();
	equal(await reader.end(), undefined, 'what it threw');
}, { sdk: 'is ignored while the client waits for its next attempt', fails: /the end of the generator did not come about/ });

for (const authMode of ['handshake', 'strict', 'public']) {
	test(`inside a handler of open, rejects connect(), and nothing is told afterwards: ${authMode}`, async (t) => {
		const peer = await t.peer();
		const client = t.client(peer.url, { authMode, reconnect: { delay: 100, retries: 10 } });
		const changes = t.box();
		client.realtime.onState((change) => changes.add(change));
		const closed = new Promise((resolve) => client.onWebSocket('close', resolve));
		let opens = 0;
		const remove = client.onWebSocket('open', () => {
			opens++;
			client.disconnect();
			equal(client.realtime.state, 'closed', 'state');
		});
		coded(await t.within(rejects(client.connect(), 'connect()'), 'the rejection'), 'DISCONNECTED');
		await t.within(closed, 'the close event');
		await t.pause(50);
		equal(opens, 1, 'calls of the handler');
		equal(client.realtime.state, 'closed', 'state in the end');
		equal(await client.isConnected(), false, 'isConnected()');
		deepEqual(changes.items.slice(-1).map(({ to, cause }) => [to, cause.reason]), [['closed', 'asked']], 'the last change');
		equal(changes.items.filter(({ to }) => to === 'closed').length, 1, 'ends');
		remove();
		await t.within(client.connect(), 'the next connect()');
		await peer.settled();
		equal(peer.upgrades().length, 2, 'upgrades');
	}, { only: 'ours' });
}

test('inside a handler is no trouble', async (t) => {
	const { url } = await t.server();
	const client = t.client(url);
	const types = [];
	client.onWebSocket('message', ({ type }) => {
		types.push(type);
		if (type === 'pong') client.disconnect();
	});
	await client.connect();
	const closed = new Promise((resolve) => client.onWebSocket('close', resolve));
	client.sendMessage({ type: 'ping' });
	const event = await t.within(closed, 'the close event');
	if (!event || event.type !== 'close') fail('expected the close event');
	deepEqual(types, ['auth', 'pong']);
	equal(await client.isConnected(), false, 'isConnected()');
});
