// sendMessage(): what goes onto the wire.
import { coded, deepEqual, equal, fail, instance, match, rejects, textOf, throws } from './assert.js';
import { theme } from './runner.js';

const test = theme('send');
const closedText = 'Cannot send messages without an open connection. Make sure you are calling "await client.connect()".';

// sends returns the texts of the frames that these messages become.
async function sends(t, ...messages) {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: false });
	for (const message of messages) client.sendMessage(message);
	client.sendMessage('{"type":"the end"}');
	await peer.until(() => peer.sent('the end').length === 1, 'the last frame');
	return peer.sent().filter(({ message }) => message?.type !== 'auth' && message?.type !== 'the end').map(({ text }) => text);
}

test('a string goes as it is', async (t) => {
	const texts = ['{ "type" : "ping" ,  "uid":1 }', 'no JSON at all', '{"type":"x","html":"<a href=\\"&\\">é😀"}'];
	deepEqual(await sends(t, ...texts), texts);
});

test('an object gets a uid, counted up, as its last key', async (t) => {
	deepEqual(await sends(t, { type: 'ping' }, { type: 'items', collection: 'messages', action: 'read' }),
		['{"type":"ping","uid":"1"}', '{"type":"items","collection":"messages","action":"read","uid":"2"}']);
});

test('an object that has a uid keeps it', async (t) => {
	deepEqual(await sends(t, { uid: 7, type: 'ping' }, { type: 'ping', uid: 'mine' }, { type: 'ping', uid: null }, { type: 'ping', uid: undefined }),
		['{"uid":7,"type":"ping"}', '{"type":"ping","uid":"mine"}', '{"type":"ping","uid":null}', '{"type":"ping"}']);
});

test('an object goes as JSON.stringify writes it', async (t) => {
	const message = { type: 'x', '10': 1, '2': 2, html: '<a href="&">\u2028é😀', lone: '\ud800', date: new Date(0), none: undefined, not: NaN, deep: { b: [1, , 2], a: 1e21, n: -0 } };
	deepEqual(await sends(t, { ...message, uid: 1 }), [JSON.stringify({ ...message, uid: 1 })]);
});

test('an object is not changed', async (t) => {
	const message = Object.freeze({ type: 'ping' });
	const copy = { type: 'ping' };
	await sends(t, message, copy);
	deepEqual(copy, { type: 'ping' });
}, { sdk: 'writes the uid into the caller\'s object', fails: /object is not extensible/ });

test('an object that is sent twice gets two uids', async (t) => {
	const message = { type: 'ping' };
	deepEqual(await sends(t, message, message), ['{"type":"ping","uid":"1"}', '{"type":"ping","uid":"2"}']);
}, { sdk: 'writes the uid into the caller\'s object, so that the second message has the first one\'s', fails: /"uid\\":\\"1\\".*got.*"uid\\":\\"1\\".*"uid\\":\\"1\\"/ });

test('an array or null throws, or does no harm', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: false });
	try {
		client.sendMessage(null);
		fail('null was sent');
	} catch (error) {
		instance(error, Error);
	}
	client.sendMessage({ type: 'the end' });
	await peer.until(() => peer.sent('the end').length === 1, 'the last frame');
});

test('what is no message throws an Error with a code, and is not sent', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: false });
	for (const wrong of [null, undefined, 5, true, [], [{ type: 'ping' }], () => {}]) {
		coded(throws(() => client.sendMessage(wrong), `sendMessage(${wrong})`), 'INVALID_MESSAGE');
	}
	const cycle = { type: 'cycle' };
	cycle.cycle = cycle;
	for (const wrong of [{ a: 1n }, cycle]) coded(throws(() => client.sendMessage(wrong)), 'INVALID_PAYLOAD');
	coded(throws(() => client.sendMessage({ toJSON() {} })), 'INVALID_MESSAGE');
	for (const uid of [Symbol('u'), Object.create(null)]) coded(await t.within(rejects(client.subscribe('messages', { uid }))), 'INVALID_PAYLOAD');
	client.sendMessage({ type: 'the end' });
	await peer.until(() => peer.sent('the end').length === 1, 'the last frame');
	deepEqual(peer.sent().map(({ message }) => message?.type), ['auth', 'the end']);
}, { only: 'ours' });

test('uids go on above those that the page gives itself', async (t) => {
	const uids = [undefined, '7', undefined, 12, '3', 'a20', undefined];
	const texts = await sends(t, ...uids.map((uid) => ({ type: 'ping', ...(uid !== undefined && { uid }) })));
	deepEqual(texts.map((text) => JSON.parse(text).uid), ['1', '7', '8', 12, '3', 'a20', '13']);
}, { only: 'ours' });

test('throws at once when there is no connection', async (t) => {
	const { url } = await t.server();
	const client = t.client(url);
	for (const message of ['{}', { type: 'ping' }]) {
		const error = throws(() => client.sendMessage(message));
		instance(error, Error);
		equal(textOf(error), closedText, 'the text');
	}
});

test('throws with a code when there is no connection', async (t) => {
	const { url } = await t.server();
	coded(throws(() => t.client(url).sendMessage({ type: 'ping' })), 'NOT_CONNECTED');
}, { sdk: 'its Error has no code', fails: /expected the code NOT_CONNECTED, got undefined/ });

test('throws while it connects, and after disconnect()', async (t) => {
	const { url } = await t.server();
	const client = t.client(url);
	const connecting = client.connect();
	equal(textOf(throws(() => client.sendMessage('{}'))), closedText, 'while it connects');
	await connecting;
	const closed = new Promise((resolve) => client.onWebSocket('close', resolve));
	client.disconnect();
	await closed;
	equal(textOf(throws(() => client.sendMessage('{}'))), closedText, 'after disconnect()');
});

test('throws during an outage', async (t) => {
	const { proxy } = await t.proxied();
	const client = await t.connected(proxy.url, { reconnect: { delay: 500, retries: 10 } });
	const closed = new Promise((resolve) => client.onWebSocket('close', resolve));
	await proxy.cut();
	await closed;
	equal(textOf(throws(() => client.sendMessage({ type: 'ping' }))), closedText, 'the text');
});

test('an items message is answered by the server, with its uid', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url);
	const box = t.messages(client);
	client.sendMessage({ type: 'items', collection: 'messages', action: 'create', data: { text: 'sent', user: t.user }, uid: 'c' });
	const reply = await box.find(({ type, uid }) => type === 'items' && uid === 'c');
	equal(reply.data.text, 'sent', 'text');
	client.sendMessage({ type: 'items', collection: 'messages', action: 'delete', id: reply.data.id, uid: 'd' });
	const gone = await box.find((message) => message === reply.data.id || message.uid === 'd');
	deepEqual(gone, { type: 'items', data: reply.data.id, uid: 'd' });
});

test('a refused message is answered with the server\'s error', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url);
	const box = t.messages(client);
	client.sendMessage({ type: 'items', collection: 'nosuch', action: 'read', uid: 'x' });
	const reply = await box.find(({ uid }) => uid === 'x');
	deepEqual([reply.type, reply.status, reply.error.code], ['items', 'error', 'FORBIDDEN']);
	match(reply.error.message, /nosuch/, 'the message');
	client.sendMessage('no JSON');
	const parse = await box.find(({ type }) => type === 'server');
	equal(parse.error.code, 'INVALID_PAYLOAD', 'the code');
});

test('auth() and pong() make the SDK\'s text', async (t) => {
	const { auth, pong } = t.impl;
	equal(pong(), '{"type":"pong"}', 'pong()');
	equal(auth({ access_token: 'a' }), '{"access_token":"a","type":"auth"}', 'auth() with a token');
	deepEqual(JSON.parse(auth({ email: 'a@b.c', password: 'p', uid: 'u' })), { email: 'a@b.c', password: 'p', uid: 'u', type: 'auth' });
	deepEqual(JSON.parse(auth({ refresh_token: 'r' })), { refresh_token: 'r', type: 'auth' });
});
