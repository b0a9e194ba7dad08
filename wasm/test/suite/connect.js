// connect(): what it resolves with, when, and which URL it opens.
import { coded, deepEqual, equal, fail, instance, ok, rejects, textOf } from './assert.js';
import { theme } from './runner.js';

const test = theme('connect');

test('resolves with the raw WebSocket', async (t) => {
	const { url } = await t.server();
	const ws = await t.client(url).connect();
	instance(ws, WebSocket);
	equal(ws.readyState, WebSocket.OPEN, 'readyState');
});

test('opens /websocket once and sends one auth with the token', async (t) => {
	const { proxy } = await t.proxied();
	await t.connected(proxy.url);
	await proxy.settled();
	deepEqual(proxy.upgrades().map(({ path }) => path), ['/websocket']);
	deepEqual(proxy.sent().map(({ message }) => message), [{ type: 'auth', access_token: 'editor-demo-token' }]);
});

test('tells auth ok, then open, then resolves', async (t) => {
	const { url } = await t.server();
	const client = t.client(url);
	const order = [];
	client.onWebSocket('open', () => order.push('open'));
	client.onWebSocket('message', ({ type, status }) => order.push(`${type} ${status}`));
	await client.connect().then(() => order.push('resolved'));
	deepEqual(order, ['auth ok', 'open', 'resolved']);
});

test('called twice at once makes one socket', async (t) => {
	const { proxy } = await t.proxied();
	const client = t.client(proxy.url);
	const [first, second] = await Promise.all([client.connect(), client.connect()]);
	equal(first, second, 'the second socket');
	await proxy.settled();
	equal(proxy.upgrades().length, 1, 'upgrades');
});

test('called when open resolves with the open socket', async (t) => {
	const { url } = await t.server();
	const client = t.client(url);
	equal(await client.connect(), await client.connect(), 'the second socket');
}, { sdk: 'throws when it is open already', fails: /Cannot connect when state is "open"/ });

test('works again after the close event of disconnect()', async (t) => {
	const { proxy } = await t.proxied();
	const client = await t.connected(proxy.url);
	const closed = new Promise((resolve) => client.onWebSocket('close', resolve));
	client.disconnect();
	await t.within(closed, 'the close event');
	equal((await client.connect()).readyState, WebSocket.OPEN, 'readyState');
	await proxy.settled();
	equal(proxy.upgrades().length, 2, 'upgrades');
});

test('works again at once after disconnect()', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url);
	client.disconnect();
	const ws = await client.connect();
	equal(ws.readyState, WebSocket.OPEN, 'readyState');
}, { sdk: 'cannot connect until the old socket has closed', fails: /Cannot connect when state is "open"/ });

test('lets go of the old socket when it connects at once after disconnect()', async (t) => {
	const { proxy } = await t.proxied();
	const client = await t.connected(proxy.url);
	client.disconnect();
	await client.connect();
	await proxy.until(() => proxy.closed().some(({ socket }) => socket === 1), 'the end of the first socket');
	equal(await client.isConnected(), true, 'isConnected() after the old socket has closed');
}, { sdk: 'cannot connect until the old socket has closed', fails: /Cannot connect when state is "open"/ });

// The URL.

test('replaces the path of an http URL by /websocket', async (t) => {
	const peer = await t.peer();
	await t.connected(`${peer.url}/below/here?x=1`);
	await peer.settled();
	equal(new URL(peer.upgrades()[0].path, peer.url).pathname, '/websocket', 'the path');
});

test('uses a ws URL as it is', async (t) => {
	const peer = await t.peer();
	await t.connected(`${peer.url.replace('http', 'ws')}/elsewhere/socket?x=1`);
	await peer.settled();
	equal(peer.upgrades()[0].path, '/elsewhere/socket?x=1', 'the path');
});

test('uses config.url as it is', async (t) => {
	const peer = await t.peer();
	await t.connected('http://127.0.0.1:1', { url: `${peer.url.replace('http', 'ws')}/else?a=b` });
	await peer.settled();
	equal(peer.upgrades()[0].path, '/else?a=b', 'the path');
});

test('adds /websocket to a ws URL without a path', async (t) => {
	const peer = await t.peer();
	await t.connected(peer.url.replace('http', 'ws'));
	await peer.settled();
	equal(peer.upgrades()[0].path, '/websocket', 'the path');
}, { sdk: 'opens the root of a ws URL without a path, where no Directus listens', fails: /expected "\/websocket", got "\/"/ });

test('takes WebSocket and URL from the client\'s globals', async (t) => {
	const { url } = await t.server();
	const made = [];
	class Socket extends WebSocket {
		constructor(address) {
			super(address);
			made.push(address);
		}
	}
	const client = t.client(url, { globals: { WebSocket: Socket } });
	instance(await client.connect(), Socket);
	deepEqual(made, [`${url.replace('http', 'ws')}/websocket`]);
});

test('with debug it logs, through the client\'s logger, and otherwise it does not', async (t) => {
	const { url } = await t.server();
	const lines = [];
	const logger = Object.fromEntries(['log', 'info', 'warn', 'error'].map((level) => [level, (...what) => lines.push(what)]));
	await t.client(url, { globals: { logger } }).connect();
	equal(lines.length, 0, 'lines without debug');
	await t.client(url, { globals: { logger }, debug: true }).connect();
	ok(lines.length > 0, 'lines with debug');
	ok(!JSON.stringify(lines).includes('editor-demo-token'), 'no token among them');
});

// isConnected().

test('isConnected() is false before, true after, and false after disconnect()', async (t) => {
	const { url } = await t.server();
	const client = t.client(url);
	equal(await client.isConnected(), false, 'before');
	await client.connect();
	equal(await client.isConnected(), true, 'after');
	const closed = new Promise((resolve) => client.onWebSocket('close', resolve));
	client.disconnect();
	await t.within(closed, 'the close event');
	equal(await client.isConnected(), false, 'in the end');
});

test('isConnected() waits while it connects', async (t) => {
	const peer = await t.peer({ upgrade: 'hang' });
	const client = t.client(peer.url, { connect: { timeout: 400 }, reconnect: false });
	const connecting = rejects(client.connect());
	const answer = client.isConnected();
	await peer.until(() => peer.upgrades().length > 0, 'the upgrade');
	equal(await Promise.race([answer, Promise.resolve('waits')]), 'waits', 'isConnected() meanwhile');
	equal(await t.within(answer, 'isConnected()'), false, 'isConnected() after the time-out');
	await connecting;
});

// Time-outs. The text is the SDK's in both; that it is an Error is ours.

const stalled = (t) => t.peer({ upgrade: 'hang' });
const impatient = { connect: { timeout: 300 }, reconnect: false };

test('rejects after connect.timeout with the SDK\'s words', async (t) => {
	const peer = await stalled(t);
	const began = performance.now();
	const reason = await t.within(rejects(t.client(peer.url, impatient).connect()));
	equal(textOf(reason), 'Connection attempt timed out.', 'the text');
	ok(performance.now() - began > 250, 'a wait of 300 ms');
});

test('rejects after connect.timeout with an Error and its code', async (t) => {
	const peer = await stalled(t);
	coded(await t.within(rejects(t.client(peer.url, impatient).connect())), 'CONNECT_TIMEOUT');
}, { sdk: 'rejects with a bare string', fails: /expected an instance of Error, got "Connection attempt timed out\."/ });

test('closes the socket after connect.timeout', async (t) => {
	const peer = await stalled(t);
	await rejects(t.client(peer.url, impatient).connect());
	await peer.until(() => peer.closed().length === 1, 'the end of the socket');
}, { sdk: 'leaves the socket open after the time-out', fails: /the end of the socket did not come about/ });

test('works again after connect.timeout', async (t) => {
	const peer = await stalled(t);
	const client = t.client(peer.url, impatient);
	await rejects(client.connect());
	await peer.set({ upgrade: 'accept' });
	equal((await t.within(client.connect(), 'the second connect()')).readyState, WebSocket.OPEN, 'readyState');
}, { sdk: 'gives the same rejection for good', fails: /Connection attempt timed out\./ });

test('waits without end with connect: false', async (t) => {
	const server = await t.server();
	const proxy = await t.proxyTo(server);
	await proxy.set({ hold: true });
	const client = t.client(proxy.url, { connect: false });
	const connecting = client.connect();
	await proxy.until(() => proxy.upgrades().length > 0, 'the upgrade');
	await t.pause(300);
	await proxy.set({ hold: false });
	equal((await t.within(connecting, 'connect()')).readyState, WebSocket.OPEN, 'readyState');
});

// Refusals.

// In Node a refused socket has an error event and no close event, which the SDK waits
// for; and in the first it closes the socket, which makes the event again, and so on
// until the stack is full.
const stuck = 'a refused connection leaves the client in the state "error" for good';

// unreachable is an address where nobody listens.
async function unreachable(t) {
	const peer = await t.peer();
	await peer.end();
	return peer.url;
}

test('rejects when nobody listens', async (t) => {
	await t.within(rejects(t.client(await unreachable(t), { reconnect: false }).connect()));
});

test('rejects with an Error and its code when nobody listens', async (t) => {
	const url = await unreachable(t);
	coded(await t.within(rejects(t.client(url, { reconnect: false }).connect())), 'CONNECTION_FAILED');
}, { sdk: 'rejects with a DOM event', fails: /expected an instance of Error, got Event/ });

test('rejects with an Error and its code when the upgrade is refused', async (t) => {
	const peer = await t.peer({ upgrade: 403 });
	coded(await t.within(rejects(t.client(peer.url, { reconnect: false }).connect())), 'CONNECTION_FAILED');
}, { sdk: 'rejects with a DOM event', fails: /expected an instance of Error, got Event/ });

test('goes on in the background when the first attempt failed', async (t) => {
	const { proxy } = await t.proxied();
	await proxy.set({ refuse: true });
	const client = t.client(proxy.url, { reconnect: { delay: 150, retries: 10 } });
	const opened = new Promise((resolve) => client.onWebSocket('open', resolve));
	await t.within(rejects(client.connect()));
	await proxy.set({ refuse: false });
	await t.within(opened, 'the open event');
	equal(await client.isConnected(), true, 'isConnected()');
}, { sdk: stuck, fails: /the open event took more than/, where: 'node' });

test('goes on in the background when several attempts failed', async (t) => {
	const { proxy } = await t.proxied();
	await proxy.set({ refuse: true });
	const client = t.client(proxy.url, { reconnect: { delay: 100, retries: 20 } });
	const opened = new Promise((resolve) => client.onWebSocket('open', resolve));
	await t.within(rejects(client.connect()));
	await proxy.until(() => proxy.log.filter(({ kind }) => kind === 'refused').length >= 3, 'the third attempt');
	await proxy.set({ refuse: false });
	await t.within(opened, 'the open event');
}, { sdk: stuck, fails: /the third attempt did not come about/, where: 'node' });

test('does not go on in the background with reconnect: false', async (t) => {
	const { proxy } = await t.proxied();
	await proxy.set({ refuse: true });
	const client = t.client(proxy.url, { reconnect: false });
	await t.within(rejects(client.connect()));
	await t.pause(500);
	await proxy.settled();
	equal(proxy.log.length, 1, 'attempts');
});

test('works again by hand after a refused attempt', async (t) => {
	const { proxy } = await t.proxied();
	await proxy.set({ refuse: true });
	const client = t.client(proxy.url, { reconnect: false });
	await t.within(rejects(client.connect()));
	await proxy.set({ refuse: false });
	await t.pause(50); // the close event of the first socket
	await client.connect();
}, { sdk: stuck, fails: /Cannot connect when state is "error"/, where: 'node' });

// A wrong URL.

test('rejects a wrong URL with an Error', async (t) => {
	const { url } = await t.server();
	const client = t.client(url, { url: 'not a URL', reconnect: false });
	const nobody = t.uncaught.claim(/Invalid URL/); // of the SDK, see below
	instance(await t.within(rejects(client.connect())), Error);
	if (t.impl.name === 'sdk') await t.within(nobody, 'what nobody caught');
});

test('rejects a wrong URL with a code and a sentence', async (t) => {
	const { url } = await t.server();
	for (const wrong of ['not a URL', 'ftp://example.com/socket']) {
		coded(await t.within(rejects(t.client(url, { url: wrong, reconnect: false }).connect())), 'INVALID_URL');
	}
}, { only: 'ours' });

test('a rejection that the caller handles is nobody else\'s', async (t) => {
	const { url } = await t.server();
	const nobody = t.uncaught.claim(/Invalid URL|INVALID_URL|a URL/);
	await rejects(t.client(url, { url: 'not a URL', reconnect: false }).connect());
	if (await Promise.race([nobody, t.pause(200)])) fail('the rejection was reported as unhandled too');
}, { sdk: 'a wrong URL leaves a second, unhandled rejection, which ends a Node program', fails: /reported as unhandled too/, alone: true });

test('works again after a wrong URL', async (t) => {
	const { url } = await t.server();
	const right = t.client(url);
	const wrong = t.client(url, { url: 'not a URL', reconnect: false });
	await rejects(wrong.connect());
	await rejects(wrong.connect());
	await right.connect();
}, { only: 'ours' });

// Options that are wrong.

test('an option that cannot be meant is refused, and other clients go on', async (t) => {
	const peer = await t.peer();
	const from = { ...t.impl, ...(await t.copy()).module };
	const reader = await t.subscribe(await t.connected(peer.url, { from, reconnect: false }));
	await reader.init();
	for (const [name, config] of Object.entries({
		'reconnect.retries': { reconnect: { retries: 'x' } },
		'reconnect.delay': { reconnect: { delay: 'soon' } },
		'retries of': { reconnect: { retries: Symbol('three') } },
		'connect.timeout': { connect: { timeout: NaN } },
		authMode: { authMode: 'handshakes' },
	})) {
		const client = t.client(peer.url, { from, ...config });
		for (const time of ['first', 'second']) {
			const reason = await t.within(rejects(client.connect(), `the ${time} connect() with a wrong ${name}`));
			coded(reason, 'INVALID_CONFIG');
			ok(reason.message.includes(name), `a sentence that names ${name}`);
		}
		coded(await t.within(rejects(client.subscribe('messages'))), 'INVALID_CONFIG');
		equal(await client.isConnected(), false, 'isConnected()');
	}
	await peer.tell('messages', [{ event: 'create', data: [{ id: 1, text: 'afterwards' }] }]);
	await reader.event('create', 'afterwards');
	equal(peer.upgrades().length, 1, 'upgrades');
}, { only: 'ours', once: true });

test('a number may be written as a text, or be infinite', async (t) => {
	const { url } = await t.server();
	for (const config of [{ reconnect: { retries: '3', delay: '200' } }, { reconnect: { retries: Infinity } }, { connect: { timeout: '5000' } }, { connect: { timeout: Infinity } }]) {
		const ws = await t.within(t.client(url, config).connect(), `connect() with ${JSON.stringify(config)}`);
		equal(ws.readyState, WebSocket.OPEN, 'readyState');
	}
	const peer = await stalled(t);
	coded(await t.within(rejects(t.client(peer.url, { connect: { timeout: '300' }, reconnect: false }).connect())), 'CONNECT_TIMEOUT');
}, { only: 'ours' });
