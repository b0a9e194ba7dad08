// How a connection says who it is: the three modes, the token's composables, by hand.
import { coded, deepEqual, equal, match, ok, rejects, textOf, within } from './assert.js';
import { theme } from './runner.js';

const test = theme('auth');
const noToken = 'No token for authenticating the websocket. Make sure to provide one or call the login() function beforehand.';

// Handshake mode.

test('handshake: without a token\'s composable connect() resolves when the socket is open', async (t) => {
	const peer = await t.peer();
	const client = t.client(peer.url, { token: null });
	await t.within(client.connect(), 'connect()');
	await t.pause(100);
	await peer.settled();
	equal(peer.sent().length, 0, 'frames');
});

test('handshake: auth by hand, with an access token', async (t) => {
	const { url } = await t.server();
	const client = t.client(url, { token: null });
	const box = t.messages(client);
	await client.connect();
	client.sendMessage(t.impl.auth({ access_token: 'editor-demo-token' }));
	deepEqual(await box.find(({ type }) => type === 'auth'), { type: 'auth', status: 'ok' });
	const reader = await t.subscribe(client);
	await reader.init();
});

test('handshake: auth by hand, with e-mail and password', async (t) => {
	const { url } = await t.server();
	const client = t.client(url, { token: null });
	const box = t.messages(client);
	await client.connect();
	client.sendMessage({ type: 'auth', email: 'editor@example.com', password: 'editor-demo' });
	const reply = await box.find(({ type }) => type === 'auth', 'auth ok');
	deepEqual([reply.status, reply.uid], ['ok', '1']);
	ok(reply.refresh_token, 'a refresh token');
	const again = t.client(url, { token: null });
	const second = t.messages(again);
	await again.connect();
	again.sendMessage(t.impl.auth({ refresh_token: reply.refresh_token }));
	equal((await second.find(({ type }) => type === 'auth', 'auth ok')).status, 'ok', 'status');
});

test('handshake: a token that the server refuses rejects with the SDK\'s words', async (t) => {
	const { url } = await t.server();
	const reason = await t.within(rejects(t.client(url, { token: 'wrong', reconnect: false }).connect()));
	equal(textOf(reason), 'Authentication failed while opening websocket connection', 'the text');
});

test('handshake: a refused token rejects with an Error and its code', async (t) => {
	const { url } = await t.server();
	coded(await t.within(rejects(t.client(url, { token: 'wrong', reconnect: false }).connect())), 'AUTH_FAILED');
}, { sdk: 'rejects with a bare string', fails: /expected an instance of Error, got "Authentication failed/ });

test('handshake: after a refused token there is no connection', async (t) => {
	const peer = await t.peer({ auth: [{ type: 'auth', status: 'error', error: { code: 'AUTH_FAILED', message: 'Authentication failed.' } }], closes: false });
	const client = t.client(peer.url, { reconnect: false });
	await t.within(rejects(client.connect()));
	equal(await client.isConnected(), false, 'isConnected()');
}, { sdk: 'calls itself connected after the refusal', fails: /isConnected\(\): expected false, got true/ });

test('handshake: a refused token is not tried again', async (t) => {
	const { proxy } = await t.proxied();
	const client = t.client(proxy.url, { token: 'wrong', reconnect: { delay: 100, retries: 10 } });
	await t.within(rejects(client.connect()));
	await t.pause(700);
	await proxy.settled();
	equal(proxy.upgrades().length, 1, 'attempts');
}, { sdk: 'tries the refused token again and again', fails: /attempts: expected 1, got/ });

test('handshake: after a refused token another one works', async (t) => {
	const { url } = await t.server();
	const client = t.client(url, { token: 'wrong', reconnect: { delay: 100, retries: 10 } });
	await t.within(rejects(client.connect()));
	await client.setToken('editor-demo-token');
	equal((await t.within(client.connect(), 'the second connect()')).readyState, WebSocket.OPEN, 'readyState');
}, { sdk: 'cannot connect again after the refusal, since its socket still closes', fails: /Cannot connect when state is|second connect\(\) took/ });

test('handshake: no token rejects with the SDK\'s words', async (t) => {
	const { url } = await t.server();
	const client = t.closing(t.impl.createDirectus(url).with(t.impl.authentication('json')).with(t.impl.realtime({ reconnect: false })));
	equal(textOf(await t.within(rejects(client.connect()))), noToken, 'the text');
});

test('handshake: no token rejects with an Error and its code', async (t) => {
	const { url } = await t.server();
	const client = t.client(url, { reconnect: false });
	await client.setToken(null);
	const reason = await t.within(rejects(client.connect()));
	coded(reason, 'NO_TOKEN');
	equal(reason.message, noToken, 'the text');
}, { sdk: 'rejects with a bare string', fails: /expected an instance of Error, got "No token/ });

test('handshake: without a token no socket stays open', async (t) => {
	const { proxy } = await t.proxied();
	const client = t.client(proxy.url, { reconnect: false });
	await client.setToken(null);
	await t.within(rejects(client.connect()));
	await proxy.until(() => proxy.closed().length === proxy.upgrades().length, 'the end of the socket');
	equal(await client.isConnected(), false, 'isConnected()');
}, { sdk: 'leaves the socket open and calls itself connected', fails: /the end of the socket did not come about/ });

test('handshake: once there is a token connect() works', async (t) => {
	const { url } = await t.server();
	const client = t.client(url, { reconnect: false });
	await client.setToken(null);
	await t.within(rejects(client.connect()));
	await client.setToken('editor-demo-token');
	await t.within(client.connect(), 'the second connect()');
}, { sdk: 'cannot connect again, since the socket stayed open', fails: /Cannot connect when state is "open"/ });

test('handshake: an exception of getToken rejects connect()', async (t) => {
	const { url } = await t.server();
	const failing = () => ({ async getToken() { throw new Error('the token store is on fire'); } });
	const client = t.closing(t.impl.createDirectus(url).with(failing).with(t.impl.realtime({ reconnect: false })));
	const unhandled = t.uncaught.claim(/the token store is on fire/);
	const reason = await t.within(rejects(client.connect()), 'connect()');
	ok(reason instanceof Error && typeof reason.code === 'string', 'an Error with a code');
	match([reason.message, reason.cause?.message].join(' '), /the token store is on fire/, 'the sentence, or its cause');
	ok(await Promise.race([unhandled, t.pause(100)]) === undefined, 'nothing unhandled');
}, { sdk: 'connect() never settles when getToken throws', fails: /connect\(\) took more than/ });

test('handshake: whatever getToken throws is the cause of NO_TOKEN, and breaks nothing', async (t) => {
	const peer = await t.peer();
	const from = { ...t.impl, ...(await t.copy()).module };
	const reader = await t.subscribe(await t.connected(peer.url, { from, reconnect: false }));
	await reader.init();
	for (const thrown of [new Error('the token store is on fire'), 'a text', null, undefined, Object.create(null), Symbol('a symbol')]) {
		for (const failing of [() => { throw thrown; }, async () => { throw thrown; }]) {
			let getToken = failing;
			const client = t.closing(from.createDirectus(peer.url).with(() => ({ getToken: () => getToken() })).with(from.realtime({ reconnect: false })));
			const reason = await t.within(rejects(client.connect()), 'connect()');
			coded(reason, 'NO_TOKEN');
			equal(reason.cause, thrown, 'the cause');
			if (thrown instanceof Error) match(reason.message, /the token store is on fire/, 'the sentence');
			getToken = async () => 'token';
			await t.within(client.connect(), 'the next connect()');
			client.disconnect();
		}
	}
	const other = await t.subscribe(t.client(peer.url, { from, reconnect: false })); // the peer tells the newest
	await other.init();
	equal(reader.ended, false, 'the end of the first');
	await peer.tell('messages', [{ event: 'create', data: [{ id: 1, text: 'afterwards' }] }]);
	await other.event('create', 'afterwards');
}, { only: 'ours', once: true });

test('handshake: asks the getToken that the client has now, on the client', async (t) => {
	const peer = await t.peer();
	const selves = [];
	const override = () => ({
		async getToken() {
			selves.push(this);
			return 'overridden';
		},
	});
	const client = t.closing(t.impl.createDirectus(peer.url).with(t.impl.staticToken('first')).with(t.impl.realtime()).with(override));
	await client.connect();
	await peer.settled();
	deepEqual(peer.sent('auth').map(({ message }) => message.access_token), ['overridden']);
	equal(selves.length, 1, 'calls of getToken');
	equal(selves[0], client, 'this');
});

test('handshake: asks for the token again at every attempt', async (t) => {
	const peer = await t.peer();
	let asked = 0;
	const counting = () => ({ getToken: async () => `token ${++asked}` });
	const client = t.closing(t.impl.createDirectus(peer.url).with(counting).with(t.impl.realtime({ reconnect: { delay: 100, retries: 5 } })));
	await client.connect();
	await peer.hangUp(1012, 'restart');
	await peer.until(() => peer.sent('auth').length === 2, 'the second auth');
	deepEqual(peer.sent('auth').map(({ message }) => message.access_token), ['token 1', 'token 2']);
});

test('handshake: the token of a login', async (t) => {
	const { url } = await t.server();
	const client = t.closing(t.impl.createDirectus(url).with(t.impl.authentication('json')).with(t.impl.realtime()));
	await client.login({ email: 'editor@example.com', password: 'editor-demo' });
	client.stopRefreshing();
	await client.connect();
	const reader = await t.subscribe(client);
	await reader.init();
});

// What a server may do before auth ok.

test('a ping before auth ok does not count as the answer', async (t) => {
	const peer = await t.peer({ silent: ['auth'] });
	const client = t.client(peer.url, { reconnect: false });
	const connecting = client.connect();
	connecting.catch(() => {});
	await peer.until(() => peer.sent('auth').length === 1, 'the auth');
	await peer.send({ type: 'ping' });
	await t.pause(50);
	await peer.send({ type: 'auth', status: 'ok' });
	equal((await t.within(connecting, 'connect()')).readyState, WebSocket.OPEN, 'readyState');
}, { sdk: 'takes whatever comes first after its auth for the answer', fails: /Authentication failed while opening/ });

test('another message before auth ok does not count as the answer', async (t) => {
	const peer = await t.peer({ auth: [{ type: 'news', text: 'hello' }, { type: 'auth', status: 'ok' }] });
	const client = t.client(peer.url, { reconnect: false });
	const box = t.messages(client);
	await t.within(client.connect(), 'connect()');
	deepEqual(box.items.map(({ type }) => type), ['news', 'auth']);
}, { sdk: 'takes whatever comes first after its auth for the answer', fails: /Authentication failed while opening/ });

test('an auth ok after 1.3 seconds is in time', async (t) => {
	const peer = await t.peer({ silent: ['auth'] });
	const client = t.client(peer.url, { reconnect: false });
	const connecting = client.connect();
	connecting.catch(() => {});
	await peer.until(() => peer.sent('auth').length === 1, 'the auth');
	await t.pause(1300);
	await peer.send({ type: 'auth', status: 'ok' });
	await t.within(connecting, 'connect()');
}, { sdk: 'gives the server one second', fails: /Authentication failed while opening/ });

test('an auth that is never answered rejects with an Error, and its socket closes', async (t) => {
	const peer = await t.peer({ silent: true });
	const client = t.client(peer.url, { reconnect: false, connect: { timeout: 1500 } });
	const reason = await within(20_000, rejects(client.connect()));
	ok(['AUTH_FAILED', 'CONNECT_TIMEOUT'].includes(reason.code), `a code, not ${reason.code}`);
	coded(reason, reason.code);
	await peer.until(() => peer.closed().length === 1, 'the end of the socket');
	equal(await client.isConnected(), false, 'isConnected()');
}, { sdk: 'rejects with a bare string and leaves the socket open', fails: /a code, not undefined/ });

test('a socket that closes instead of an answer rejects with an Error and a code', async (t) => {
	const peer = await t.peer({ silent: true });
	const client = t.client(peer.url, { reconnect: false });
	const connecting = rejects(client.connect());
	await peer.until(() => peer.sent('auth').length === 1, 'the auth');
	await peer.drop();
	const reason = await t.within(connecting);
	ok(['AUTH_FAILED', 'CONNECTION_FAILED'].includes(reason.code), `a code, not ${reason.code}`);
	coded(reason, reason.code);
}, { sdk: 'rejects with a bare string, or an event', fails: /a code, not (undefined|\d+)/ });

// Strict mode.

test('strict: the token travels in the URL, and nothing is sent', async (t) => {
	const { proxy } = await t.proxied('strict');
	const client = t.client(proxy.url, { authMode: 'strict' });
	const box = t.messages(client);
	const order = [];
	client.onWebSocket('open', () => order.push('open'));
	await client.connect().then(() => order.push('resolved'));
	const reader = await t.subscribe(client);
	await reader.init();
	await proxy.settled();
	deepEqual(proxy.upgrades().map(({ path }) => path), ['/websocket?access_token=editor-demo-token']);
	deepEqual(proxy.sent().map(({ message }) => message.type), ['subscribe']);
	deepEqual(order, ['open', 'resolved']);
	deepEqual(box.items.map(({ event }) => event), ['init']);
});

test('strict: keeps what config.url asks for', async (t) => {
	const peer = await t.peer();
	await t.connected(peer.url, { authMode: 'strict', url: `${peer.url.replace('http', 'ws')}/else?a=b`, token: 'a&b c' });
	await peer.settled();
	const { pathname, searchParams } = new URL(peer.upgrades()[0].path, peer.url);
	deepEqual([pathname, searchParams.get('a'), searchParams.get('access_token')], ['/else', 'b', 'a&b c']);
});

test('strict: a wrong token rejects', async (t) => {
	const { url } = await t.server('strict');
	await t.within(rejects(t.client(url, { authMode: 'strict', token: 'wrong', reconnect: false }).connect()));
});

test('strict: without a token the URL has none', async (t) => {
	const peer = await t.peer();
	const client = t.client(peer.url, { authMode: 'strict' });
	await client.setToken(null);
	await client.connect();
	await peer.settled();
	deepEqual(peer.upgrades().map(({ path }) => path), ['/websocket']);
	equal(peer.sent().length, 0, 'frames');
});

// Public mode.

test('public: nothing is sent, and the public may subscribe', async (t) => {
	const { server, proxy } = await t.proxied('public');
	const client = t.client(proxy.url, { authMode: 'public' });
	await client.connect();
	const reader = await t.subscribe(client);
	await reader.init();
	await server.create({ text: 'for all', user: t.user });
	await reader.event('create', 'for all');
	await proxy.settled();
	deepEqual(proxy.upgrades().map(({ path }) => path), ['/websocket']);
	deepEqual(proxy.sent().map(({ message }) => message.type), ['subscribe']);
});

test('public: auth by hand raises the connection', async (t) => {
	const { url } = await t.server('public');
	const client = t.client(url, { authMode: 'public', token: null });
	const box = t.messages(client);
	await client.connect();
	const write = (uid) => client.sendMessage({ type: 'items', collection: 'messages', action: 'create', data: { text: 'raised', user: t.user }, uid });
	write('before');
	equal((await box.find(({ uid }) => uid === 'before')).error?.code, 'FORBIDDEN', 'the code');
	client.sendMessage({ type: 'auth', access_token: 'editor-demo-token', uid: 'a' });
	equal((await box.find(({ uid }) => uid === 'a')).status, 'ok', 'status');
	write('after');
	equal((await box.find(({ uid }) => uid === 'after')).data?.text, 'raised', 'text');
});

// refusedPastIt sends a credential that is no good past the client, and waits for the refusal.
async function refusedPastIt(proxy, ws) {
	ws.send('{"type":"auth","access_token":"wrong"}');
	await proxy.until(() => proxy.frames('received', 'auth').some(({ message }) => message.error?.code === 'AUTH_FAILED'), 'the refusal');
}

test('public: a refused auth that the page sends over the socket itself ends nothing', async (t) => {
	const { server, proxy } = await t.proxied('public');
	const client = t.client(proxy.url, { authMode: 'public' });
	const ws = await client.connect();
	const reader = await t.subscribe(client);
	await reader.init();
	await refusedPastIt(proxy, ws);
	await t.pause(100);
	equal(await client.isConnected(), true, 'isConnected()');
	await server.create({ text: 'afterwards', user: t.user });
	await reader.event('create', 'afterwards');
	deepEqual([proxy.upgrades().length, proxy.closed().length], [1, 0], 'upgrades and ends');
});

test('public: nor does it as the first that the server answers', async (t) => {
	const { server, proxy } = await t.proxied('public');
	const client = t.client(proxy.url, { authMode: 'public' });
	await refusedPastIt(proxy, await client.connect());
	await t.pause(100);
	equal(await client.isConnected(), true, 'isConnected()');
	const reader = await t.subscribe(client);
	await reader.init();
	await server.create({ text: 'afterwards', user: t.user });
	await reader.event('create', 'afterwards');
	deepEqual([proxy.upgrades().length, proxy.closed().length], [1, 0], 'upgrades and ends');
}, { sdk: 'ends the connection for it', fails: /isConnected\(\): expected true, got false/ });

test('public: a server that wants a handshake is not tried for ever', async (t) => {
	const peer = await t.peer();
	const client = t.client(peer.url, { authMode: 'public', reconnect: { delay: 100, retries: 10 } });
	await client.connect();
	await peer.send({ type: 'auth', status: 'error', error: { code: 'AUTH_FAILED', message: 'Authentication handshake failed.' } });
	await peer.hangUp(4401, 'no');
	await t.pause(700);
	await peer.settled();
	equal(peer.upgrades().length, 1, 'upgrades');
});

// The session mode and the cookie mode, on a stub that the test sees into, and on our
// own server. A page's browser keeps the cookies; for Node the test does.

// jar returns globals that keep cookies, where the environment does not.
function jar(t) {
	if (t.env === 'browser') return undefined;
	const cookies = new Map();
	const header = () => [...cookies].map((pair) => pair.join('=')).join('; ');
	return {
		async fetch(url, options) {
			const response = await fetch(url, { ...options, headers: { ...options?.headers, cookie: header() } });
			for (const cookie of response.headers.getSetCookie()) {
				const [name, value] = cookie.split(';')[0].split('=');
				cookies.set(name, value);
			}
			return response;
		},
		WebSocket: class extends WebSocket {
			constructor(url) {
				super(url, { headers: { cookie: header() } });
			}
		},
	};
}

function withLogin(t, url, mode, config) {
	const globals = jar(t);
	const { createDirectus, authentication, rest, realtime } = t.impl;
	const client = createDirectus(url, globals ? { globals } : {})
		.with(authentication(mode, { credentials: 'include', autoRefresh: false }))
		.with(rest({ credentials: 'include' }))
		.with(realtime(config));
	return t.closing(client);
}

for (const authMode of ['strict', 'public']) {
	test(`session: ${authMode}: the cookie of the login opens the socket`, async (t) => {
		const peer = await t.peer({ accounts: {}, silent: ['auth'], rows: { messages: [{ id: 1, text: 'mine' }] } });
		const client = withLogin(t, peer.url, 'session', { authMode });
		await client.login({ email: 'a@example.com', password: 'right' });
		equal(await client.getToken(), null, 'the token, which no script may see');
		await t.within(client.connect(), 'connect()');
		await peer.settled();
		match(peer.upgrades()[0].cookie ?? '', new RegExp(`${peer.sessionCookie}=access-`), 'the cookie');
		equal(peer.upgrades()[0].path, '/websocket', 'the path');
		const { subscription } = await client.subscribe('messages', { query: { fields: ['id', 'text'], limit: -1 } });
		const reader = t.read(subscription);
		deepEqual((await reader.init()).data, [{ id: 1, text: 'mine' }]);
		equal(peer.sent('auth').length, 0, 'auths');
	});
}

test('session: a stale cookie is refused at the upgrade', async (t) => {
	const peer = await t.peer({ accounts: {} });
	const client = withLogin(t, peer.url, 'session', { authMode: 'strict', reconnect: false });
	await client.login({ email: 'a@example.com', password: 'right' });
	const other = t.env === 'browser' ? fetch : globalThis.fetch;
	await other(`${peer.url}/auth/logout`, { method: 'POST' }); // the server forgets, the browser does not
	await t.within(rejects(client.connect()));
});

let jars = 0; // a browser keeps one jar for all ports of a host

// ownSessions is our own server, with cookies of its own.
function ownSessions(t, env) {
	const number = `${t.impl.name}_${++jars}`;
	return t.ownServer({ SESSION_COOKIE_NAME: `own_session_${number}`, REFRESH_TOKEN_COOKIE_NAME: `own_refresh_${number}`, ...env });
}

test('session: on our own server: login, socket, changes, refresh, logout', async (t) => {
	const server = await ownSessions(t, { WEBSOCKETS_REST_AUTH: 'strict' });
	const client = withLogin(t, server.url, 'session', { authMode: 'strict', reconnect: false });
	const login = await client.login({ email: 'editor@example.com', password: 'editor-demo' });
	deepEqual([login.access_token, login.refresh_token], [undefined, undefined]);
	const me = () => client.request(() => ({ path: '/users/me', method: 'GET' }));
	equal((await me()).email, 'editor@example.com', 'who it is');
	await t.within(client.connect(), 'connect()');
	const reader = await t.subscribe(client);
	await reader.init();
	await client.request(() => ({ path: '/items/messages', method: 'POST', body: JSON.stringify({ text: 'by cookie', user: t.user }) }));
	await reader.event('create', 'by cookie');
	await client.refresh();
	equal((await me()).email, 'editor@example.com', 'who it is after the refresh');
	await client.logout();
	client.disconnect();
	await t.within(rejects(me()), 'the request after the logout');
});

test('cookie: on our own server: the refresh token of the cookie makes new access tokens', async (t) => {
	const server = await ownSessions(t);
	const client = withLogin(t, server.url, 'cookie');
	const { access_token } = await client.login({ email: 'editor@example.com', password: 'editor-demo' });
	await client.connect();
	const reader = await t.subscribe(client);
	await reader.init();
	await t.pause(1100); // a token made in the same second is the same token
	await client.refresh();
	ok(await client.getToken() !== access_token, 'another access token');
	await server.create({ text: 'told', user: t.user });
	await reader.event('create', 'told');
});

test('cookie: handshake with the access token of the login', async (t) => {
	const peer = await t.peer({ accounts: {} });
	const client = withLogin(t, peer.url, 'cookie');
	await client.login({ email: 'a@example.com', password: 'right' });
	await client.connect();
	await peer.settled();
	match(peer.sent('auth')[0].message.access_token, /^access-/, 'the token');
	equal(await client.getToken(), peer.sent('auth')[0].message.access_token, 'getToken()');
});
