// The composables beside realtime(): rest() and authentication().
import { deepEqual, equal, instance, match, ok, rejects, throws } from './assert.js';
import { theme } from './runner.js';

const test = theme('rest', { once: true });

async function editor(t) {
	const { url } = await t.server();
	return t.impl.createDirectus(url).with(t.impl.staticToken('editor-demo-token')).with(t.impl.rest());
}

const codeOf = (reason) => reason.errors?.[0]?.extensions?.code;

test('creates, reads, updates and deletes items', async (t) => {
	const { createItem, createItems, readItem, readItems, updateItem, updateItems, deleteItem, deleteItems } = t.impl;
	const client = await editor(t);
	const one = await client.request(createItem('messages', { text: 'one', user: t.user }));
	equal(one.text, 'one', 'text');
	const [two, three] = await client.request(createItems('messages', [{ text: 'two', user: t.user }, { text: 'three', user: t.user }]));
	const narrow = await client.request(createItem('messages', { text: 'four', user: t.user }, { fields: ['text'] }));
	deepEqual(narrow, { text: 'four' });
	deepEqual(await client.request(readItem('messages', two.id, { fields: ['text'] })), { text: 'two' });
	const mine = { filter: { user: { _eq: t.user } }, sort: ['text'], fields: ['text'] };
	const texts = async () => (await client.request(readItems('messages', mine))).map(({ text }) => text);
	deepEqual(await texts(), ['four', 'one', 'three', 'two']);
	deepEqual((await client.request(readItems('messages', { ...mine, limit: 2, offset: 1 }))).map(({ text }) => text), ['one', 'three']);
	equal((await client.request(updateItem('messages', one.id, { text: 'One' }))).text, 'One', 'text');
	deepEqual((await client.request(updateItems('messages', [two.id, three.id], { text: 'same' }))).map(({ text }) => text), ['same', 'same']);
	equal(await client.request(deleteItem('messages', one.id)), undefined ?? null, 'what deleteItem gives');
	await client.request(deleteItems('messages', [two.id, three.id]));
	deepEqual(await texts(), ['four']);
});

test('the query of a request is not changed', async (t) => {
	const client = await editor(t);
	const query = { filter: { user: { _eq: t.user } }, fields: ['id', 'text'], sort: ['-text'] };
	const before = structuredClone(query);
	await client.request(t.impl.readItems('messages', query));
	deepEqual(query, before);
});

test('a refusal has the server\'s errors', async (t) => {
	const client = await editor(t);
	const reason = await rejects(client.request(t.impl.readItem('messages', '00000000-0000-4000-8000-000000000000')));
	equal(codeOf(reason), 'FORBIDDEN', 'the code');
	match(reason.errors[0].message, /permission/, 'the message');
	equal(reason.response?.status, 403, 'the status');
	const wrong = await rejects(client.request(t.impl.readItems('messages', { filter: { nosuch: { _eq: 1 } } })));
	ok(codeOf(wrong), 'a code');
});

test('a refusal is an Error with a code', async (t) => {
	const client = await editor(t);
	const reason = await rejects(client.request(t.impl.readItems('nosuch')));
	instance(reason, Error);
	equal(reason.code, 'FORBIDDEN', 'the code');
}, { only: 'ours' });

test('system collections and empty keys are refused before anything is sent', async (t) => {
	const { readItems, readItem, createItem, updateItem, deleteItem, deleteItems, updateItems } = t.impl;
	for (const command of [readItems('directus_users'), readItem('directus_users', 1), createItem('directus_users', {}), updateItem('directus_users', 1, {}), deleteItem('directus_users', 1),
		readItem('messages', ''), updateItem('messages', '', {}), deleteItem('messages', ''), deleteItems('messages', []), updateItems('messages', [], {})]) {
		instance(throws(command), Error);
	}
});

test('authentication: login, getToken, refresh, logout', async (t) => {
	const { url } = await t.server();
	const client = t.impl.createDirectus(url).with(t.impl.authentication('json')).with(t.impl.rest());
	equal(await client.getToken(), null, 'the token before');
	const first = await client.login({ email: 'editor@example.com', password: 'editor-demo' });
	ok(first.access_token && first.refresh_token && first.expires > 0 && first.expires_at > Date.now(), 'a session');
	equal(await client.getToken(), first.access_token, 'the token');
	await client.request(t.impl.readItems('messages', { limit: 1 }));
	const second = await client.refresh();
	ok(second.refresh_token !== first.refresh_token, 'another refresh token');
	equal(await client.getToken(), second.access_token, 'the second token');
	await client.logout();
	equal(await client.getToken(), null, 'the token after');
});

test('authentication: a wrong password is refused with the server\'s code', async (t) => {
	const { url } = await t.server();
	const client = t.impl.createDirectus(url).with(t.impl.authentication('json'));
	equal(codeOf(await rejects(client.login({ email: 'editor@example.com', password: 'wrong' }))), 'INVALID_CREDENTIALS', 'the code');
});

test('authentication: what is given to login() is not changed', async (t) => {
	const { url } = await t.server();
	const client = t.impl.createDirectus(url).with(t.impl.authentication('json', { autoRefresh: false }));
	const payload = { email: 'editor@example.com', password: 'editor-demo' };
	await client.login(payload);
	deepEqual(payload, { email: 'editor@example.com', password: 'editor-demo' });
}, { sdk: 'writes mode into the caller\'s object', fails: /"mode":"json"/ });

test('authentication: setToken, and a storage of one\'s own', async (t) => {
	const { url } = await t.server();
	let kept = null;
	const storage = { get: async () => kept, set: async (data) => { kept = data; } };
	const client = t.impl.createDirectus(url).with(t.impl.authentication('json', { storage, autoRefresh: false })).with(t.impl.rest());
	await client.login({ email: 'editor@example.com', password: 'editor-demo' });
	ok(kept.access_token && kept.refresh_token && kept.expires_at, 'a session in the storage');
	await client.setToken('reader-demo-token');
	equal(await client.getToken(), 'reader-demo-token', 'the token');
	equal(kept.access_token, 'reader-demo-token', 'the token in the storage');
	equal(codeOf(await rejects(client.request(t.impl.createItem('messages', { text: 'x', user: t.user })))), 'FORBIDDEN', 'the code');
});

test('authentication: refreshes by itself before the token expires', async (t) => {
	const peer = await t.peer({ accounts: { expires: 1200 } });
	const client = t.impl.createDirectus(peer.url).with(t.impl.authentication('json', { msRefreshBeforeExpires: 900 }));
	const { access_token } = await client.login({ email: 'a@example.com', password: 'right' });
	await peer.until(() => peer.requests('/auth/refresh').length >= 1, 'the refresh');
	match(peer.requests('/auth/refresh')[0].body.refresh_token, /^refresh-/, 'the refresh token');
	await t.pause(50);
	client.stopRefreshing();
	ok(await client.getToken() !== access_token, 'another token');
});

test('authentication: getToken() refreshes a token that is about to expire', async (t) => {
	const peer = await t.peer({ accounts: { expires: 1000 } });
	const client = t.impl.createDirectus(peer.url).with(t.impl.authentication('json', { autoRefresh: false }));
	const { access_token } = await client.login({ email: 'a@example.com', password: 'right' });
	const [one, two] = await t.within(Promise.all([client.getToken(), client.getToken()]));
	ok(one !== access_token && two !== access_token, 'another token');
	await peer.settled();
	ok(peer.requests('/auth/refresh').length >= 1, 'a refresh');
});

for (const mode of ['json', 'cookie', 'session']) {
	test(`authentication: the mode ${mode} travels in login, refresh and logout`, async (t) => {
		const peer = await t.peer({ accounts: {} });
		const client = t.impl.createDirectus(peer.url).with(t.impl.authentication(mode, { autoRefresh: false, credentials: 'include' }));
		await client.login({ email: 'a@example.com', password: 'right' });
		if (mode === 'json' || t.env === 'browser') await client.refresh(); // Node keeps no cookies
		await client.logout();
		await peer.settled();
		deepEqual(peer.requests().map(({ path, body }) => [path, body.mode]).filter(([path]) => path !== '/auth/refresh'), [['/auth/login', mode], ['/auth/logout', mode]]);
		ok(peer.requests().every(({ body }) => body.mode === mode), 'the mode everywhere');
		equal(peer.requests().some(({ body }) => 'refresh_token' in body), mode === 'json', 'a refresh token in a body');
	});
}

test('a session\'s cookie signs requests', async (t) => {
	const peer = await t.peer({ accounts: {} });
	const client = t.impl.createDirectus(peer.url).with(t.impl.authentication('session', { credentials: 'include' })).with(t.impl.rest({ credentials: 'include' }));
	equal(codeOf(await rejects(client.request(t.impl.readItems('messages')))), 'FORBIDDEN', 'the code before');
	await client.login({ email: 'a@example.com', password: 'right' });
	deepEqual(await client.request(t.impl.readItems('messages')), [{ id: 1, text: 'mine' }]);
	await client.logout();
	equal(codeOf(await rejects(client.request(t.impl.readItems('messages')))), 'FORBIDDEN', 'the code after');
}, { env: 'browser' });

test('with() keeps what there was, and gives its client', async (t) => {
	const client = t.impl.createDirectus('http://127.0.0.1:1/base');
	instance(client.url, URL);
	equal(client.url.href, 'http://127.0.0.1:1/base', 'url');
	for (const name of ['fetch', 'WebSocket', 'URL', 'logger']) ok(client.globals[name], `globals.${name}`);
	let given;
	const more = client.with((given_) => {
		given = given_;
		return { more: 1 };
	});
	equal(given, client, 'the client that was given');
	deepEqual([more.more, more.url, typeof more.with], [1, client.url, 'function']);
	const replaced = t.impl.createDirectus('http://127.0.0.1:1', { globals: { logger: { mine: true } } });
	deepEqual([replaced.globals.logger, replaced.globals.URL === URL], [{ mine: true }, true]);
});
