// What happens to an open connection when its token ends.
import { coded, deepEqual, equal, ok } from './assert.js';
import { theme } from './runner.js';

const test = theme('tokens');
const authError = (code, message) => ({ type: 'auth', status: 'error', error: { code, message } });
const expired = authError('TOKEN_EXPIRED', 'Token expired.');
const late = authError('AUTH_TIMEOUT', 'Authentication timed out.');
const quick = { delay: 100, retries: 10 };

// renewing is a composable whose tokens are numbered.
function renewing() {
	let asked = 0;
	return () => ({ getToken: async () => `token ${++asked}` });
}

test('TOKEN_EXPIRED is answered with a new token, and the subscription goes on', async (t) => {
	const peer = await t.peer();
	const client = t.closing(t.impl.createDirectus(peer.url).with(renewing()).with(t.impl.realtime({ reconnect: quick })));
	await client.connect();
	const box = t.messages(client);
	const reader = await t.subscribe(client);
	await reader.init();
	await peer.send(expired);
	await box.find(({ type, status }) => type === 'auth' && status === 'ok', 'the second auth ok');
	await peer.settled();
	deepEqual(peer.sent('auth').map(({ message }) => message.access_token), ['token 1', 'token 2']);
	await peer.tell('messages', [{ event: 'create', data: [{ id: 1, text: 'afterwards' }] }]);
	await reader.event('create', 'afterwards');
	await peer.settled();
	equal(peer.upgrades().length, 1, 'upgrades');
});

test('TOKEN_EXPIRED is not told to handlers', async (t) => {
	const peer = await t.peer();
	const client = t.closing(t.impl.createDirectus(peer.url).with(renewing()).with(t.impl.realtime({ reconnect: quick })));
	await client.connect();
	const box = t.messages(client);
	await peer.send(expired);
	await box.find(({ type, status }) => type === 'auth' && status === 'ok', 'auth ok');
	equal(box.items.length, 1, 'messages');
});

test('TOKEN_EXPIRED when there is no new token is nobody\'s unhandled rejection', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: quick });
	const unhandled = t.uncaught.claim(/[Nn]o token for (re-)?authenticating/);
	await client.setToken(null);
	await peer.send(expired);
	ok(await Promise.race([unhandled, t.pause(300)]) === undefined, 'nothing unhandled');
}, { sdk: 'an unhandled rejection, which ends a Node program, and the end of all messages', fails: /nothing unhandled/, alone: true });

test('TOKEN_EXPIRED when there is no new token: once there is one connect() goes on', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: quick });
	await client.setToken(null);
	await peer.send(expired);
	await t.pause(200);
	await client.setToken('another');
	equal((await t.within(client.connect(), 'connect()')).readyState, WebSocket.OPEN, 'readyState');
	const reader = await t.subscribe(client);
	await reader.init();
	await peer.tell('messages', [{ event: 'create', data: [{ id: 1, text: 'afterwards' }] }]);
	await reader.event('create', 'afterwards');
}, { only: 'ours' });

test('a real token that expires is renewed by authentication()', async (t) => {
	const server = await t.ownServer({ ACCESS_TOKEN_TTL: '2s' });
	const proxy = await t.proxyTo(server);
	const client = t.closing(t.impl.createDirectus(proxy.url).with(t.impl.authentication('json')).with(t.impl.realtime({ reconnect: quick })));
	await client.login({ email: 'editor@example.com', password: 'editor-demo' });
	await client.connect();
	const reader = await t.subscribe(client);
	await reader.init();
	await proxy.until(() => proxy.frames('received', 'auth').some(({ message }) => message.error?.code === 'TOKEN_EXPIRED'), 'the end of the token');
	await proxy.until(() => proxy.frames('received', 'auth').filter(({ message }) => message.status === 'ok').length === 2, 'the second auth ok');
	await server.create({ text: 'with the new token', user: t.user });
	await reader.event('create', 'with the new token');
	equal(proxy.upgrades().length, 1, 'upgrades');
});

test('AUTH_TIMEOUT closes, and the connection comes again', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: quick });
	const reader = await t.subscribe(client);
	await reader.init();
	await peer.send(late);
	await peer.until(() => peer.closed().length === 1, 'the end of the socket');
	await peer.until(() => peer.sent('subscribe', 2).length > 0, 'the subscribe on the second socket');
	await t.pause(200);
	await peer.tell('messages', [{ event: 'create', data: [{ id: 1, text: 'afterwards' }] }]);
	await reader.event('create', 'afterwards');
});

test('a credential that is refused on reconnect ends generators with an Error', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: quick });
	const reader = await t.subscribe(client);
	await reader.init();
	await peer.set({ auth: [authError('AUTH_FAILED', 'Authentication handshake failed.')] });
	await peer.hangUp(1012, 'restart');
	coded(await reader.end(), 'AUTH_FAILED');
	await t.pause(400);
	await peer.settled();
	equal(peer.upgrades().length, 2, 'upgrades');
}, { sdk: 'tries the refused credential for ever, and subscribes before the refusal', fails: /the end of the generator did not come about/ });

test('after a refused credential connect() with a new one works', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: quick });
	await peer.set({ auth: [authError('AUTH_FAILED', 'Authentication handshake failed.')] });
	await peer.hangUp(1012, 'restart');
	await peer.until(() => peer.closed().length === 2, 'the refusal');
	await peer.set({ auth: [{ type: 'auth', status: 'ok' }] });
	await client.setToken('another');
	await t.within(client.connect(), 'connect()');
	await peer.settled();
	equal(peer.sent('auth').at(-1).message.access_token, 'another', 'the token');
}, { only: 'ours' });
