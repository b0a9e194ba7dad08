// Our client without realtime: what it sends is what the official SDK sends, and where
// that fails, ours does not. node --test wasm/test/client.test.mjs
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, mock, test } from 'node:test';
import * as official from '@directus/sdk';
import * as client from '../module/client.js';
import { LeveretError } from '../module/error.js';
import { queryToParams } from '../module/query.js';

const ours = { ...client, queryToParams };
const both = [
	['ours', ours],
	['official', official],
];

// frozen makes a value that nobody can change without an error.
function frozen(value) {
	if (value && typeof value === 'object' && !(value instanceof FormData)) {
		Object.values(value).forEach(frozen);
		Object.freeze(value);
	}
	return value;
}

const json = (value, status = 200) => new Response(JSON.stringify(value), { status, headers: { 'Content-Type': 'application/json' } });

// recorder is a fetch that notes down what it is asked and answers with the function's
// return value.
function recorder(answer = () => json({ data: [] })) {
	const requests = [];
	const fetch = async (url, { method, headers, body, credentials, signal }) => {
		requests.push({ url, method, headers: { ...headers }, body, credentials });
		signal?.throwIfAborted();
		return answer(url, requests.length);
	};
	return { fetch, requests };
}

const at = (sdk, url, fetch) => sdk.createDirectus(url, { globals: { fetch } });

describe('queries', () => {
	const queries = {
		empty: {},
		'fields as a list': { fields: ['id', 'text', '*'] },
		'fields as a text': { fields: 'id,text' },
		'no fields': { fields: [] },
		'nested fields': { fields: ['id', { author: ['name', { company: ['*'] }], tags: ['label'] }] },
		'nested, but nothing in it': { fields: [{ author: [] }] },
		'nested, but nothing at all': { fields: ['id', { author: null, other: undefined, third: 'name', fourth: 5 }] },
		'fields of several collections': { fields: [{ item: { posts: ['title', { author: ['name'] }], pages: ['slug'] } }] },
		'several collections, nested': { fields: [{ blocks: ['collection', { item: { posts: ['title'] } }] }] },
		functions: { fields: ['year(date)', 'count(tags)', 'json(meta, a.b)'] },
		filter: { filter: { _and: [{ status: { _eq: 'published' } }, { n: { _between: [1, 2] } }], date: { _gt: '$NOW(-1 day)' } } },
		'an empty filter': { filter: {} },
		'a filter as a list': { filter: [1] },
		'a filter as a text': { filter: '{"a":1}' },
		search: { search: 'hello & goodbye' },
		'an empty search': { search: '' },
		'sort as a list': { sort: ['-date', 'id'] },
		'sort as a text': { sort: '-date' },
		limits: { limit: 5, offset: 10, page: 2 },
		'limits at their ends': { limit: -1, offset: 0, page: 1 },
		'limits beyond': { limit: -2, offset: -1, page: 0 },
		'limits as texts': { limit: '5', offset: '0', page: '3' },
		'limits that are none': { limit: null, offset: undefined, page: NaN },
		'limit 0': { limit: 0 },
		deep: { deep: { tags: { _limit: 3, _sort: ['label'] } } },
		alias: { alias: { headline: 'title' }, fields: ['headline'] },
		aggregate: { aggregate: { count: '*', sum: ['n'] }, groupBy: ['status', 'year(date)'] },
		'groupBy as a text': { groupBy: 'status' },
		versions: { version: 'draft', versionRaw: true },
		'versions as texts': { versionRaw: 'true' },
		'no version': { version: '', versionRaw: false },
		backlink: { backlink: false },
		'other keys': { export: 'csv', meta: '*', count: 5, none: '', flag: false, nothing: null, gone: undefined, list: ['a'], object: { a: 1 }, f() {} },
		'names of all objects': { toString: 'a', constructor: 'b', hasOwnProperty: 'c' },
		'the order of the keys': { page: 1, mine: 'x', sort: 'id', fields: ['id'], another: 1, filter: { a: 1 }, limit: 1 },
	};
	for (const [name, query] of Object.entries(queries)) {
		test(name, async () => {
			frozen(query);
			const want = official.queryToParams(query);
			const got = queryToParams(query);
			assert.deepEqual(Object.entries(got), Object.entries(want));

			const urls = [];
			for (const [, sdk] of both) {
				const { fetch, requests } = recorder();
				await at(sdk, 'https://directus.example.com', fetch).with(sdk.rest()).request(sdk.readItems('posts', query));
				urls.push(requests[0].url);
			}
			assert.equal(urls[0], urls[1]);
		});
	}

	test('what cannot be JSON is an error that says so', () => {
		const loop = {};
		loop.self = loop;
		for (const value of [loop, 5n]) {
			assert.throws(
				() => queryToParams({ filter: { a: value } }),
				(error) => error instanceof LeveretError && error.code === 'INVALID_PAYLOAD' && error.cause instanceof TypeError && /JSON/.test(error.message),
			);
		}
	});
});

describe('commands send what the official ones send', () => {
	const query = { fields: ['id', { author: ['name'] }], limit: 2, sort: ['-id'] };
	const commands = {
		readItems: (sdk) => sdk.readItems('posts', query),
		'readItems without a query': (sdk) => sdk.readItems('posts'),
		readItem: (sdk) => sdk.readItem('posts', 5, query),
		'readItem with a text for a key': (sdk) => sdk.readItem('posts', 'a b%20c:ü@1', query),
		createItems: (sdk) => sdk.createItems('posts', [{ title: 'a' }, { title: 'b' }], query),
		createItem: (sdk) => sdk.createItem('posts', { title: 'a', n: null }, query),
		'updateItems by keys': (sdk) => sdk.updateItems('posts', [1, 2], { title: 'a' }, query),
		'updateItems by a query': (sdk) => sdk.updateItems('posts', { filter: { n: { _gt: 1 } }, limit: -1 }, { title: 'a' }),
		updateItem: (sdk) => sdk.updateItem('posts', 5, { title: 'a' }, query),
		'deleteItems by keys': (sdk) => sdk.deleteItems('posts', ['a', 'b']),
		'deleteItems by a query': (sdk) => sdk.deleteItems('posts', { filter: { n: { _gt: 1 } } }),
		deleteItem: (sdk) => sdk.deleteItem('posts', 0),
		customEndpoint: () => official.customEndpoint(frozen({ path: 'custom/x', method: 'POST', params: { a: 1 }, headers: { 'X-A': 'b' }, body: '{}' })),
		'a form': () => official.customEndpoint({ path: '/files', method: 'POST', headers: { 'Content-Type': 'multipart/form-data' }, body: 'form' }),
		'a header of its own': () => official.customEndpoint({ path: '/x', headers: { Authorization: 'Basic x', 'Content-Type': 'text/plain' } }),
		withToken: (sdk) => official.withToken('another', sdk.readItems('posts')),
		withSearch: (sdk) => official.withSearch(sdk.readItems('posts', query)),
		withOptions: (sdk) => official.withOptions(sdk.readItems('posts'), { credentials: 'omit' }),
	};
	frozen(query);
	const clients = {
		'at the root': (sdk, fetch) => at(sdk, 'https://directus.example.com', fetch).with(sdk.staticToken('t')).with(sdk.rest()),
		'below a path': (sdk, fetch) => at(sdk, 'https://example.com/directus/?x=1', fetch).with(sdk.rest({ credentials: 'include' })),
		'token after rest': (sdk, fetch) => at(sdk, 'http://localhost:8055/', fetch).with(sdk.rest()).with(sdk.staticToken('t')),
	};
	for (const [where, make] of Object.entries(clients)) {
		for (const [name, command] of Object.entries(commands)) {
			test(`${name}, ${where}`, async () => {
				const seen = [];
				for (const [, sdk] of both) {
					const { fetch, requests } = recorder();
					const asked = command(sdk);
					// The official request() writes into the headers that a command returns.
					await make(sdk, fetch).request(sdk === official ? () => ({ ...asked(), headers: { ...asked().headers } }) : asked);
					seen.push(requests);
				}
				assert.deepEqual(seen[0], seen[1]);
				assert.equal(seen[0].length, 1);
			});
		}
	}

	test('a key cannot leave its place in the path', async () => {
		const { fetch, requests } = recorder();
		const c = at(ours, 'https://directus.example.com', fetch).with(ours.rest());
		await c.request(ours.deleteItem('posts', '../users/1?a#b\\c'));
		assert.equal(requests[0].url, 'https://directus.example.com/items/posts/..%2Fusers%2F1%3Fa%23b%5Cc');
	});

	const refused = {
		'Collection cannot be empty': (sdk) => [sdk.readItems(''), sdk.createItem('', {}), sdk.deleteItems('', [1])],
		'Key cannot be empty': (sdk) => [sdk.readItem('posts', ''), sdk.updateItem('posts', '', {}), sdk.deleteItem('posts', '')],
		'keysOrQuery cannot be empty': (sdk) => [sdk.updateItems('posts', [], {}), sdk.deleteItems('posts', []), sdk.deleteItems('posts', {})],
		'Cannot use readItems for core collections': (sdk) => [sdk.readItems('directus_users')],
		'Cannot use updateItem for core collections': (sdk) => [sdk.updateItem('directus_users', 1, {})],
	};
	for (const [text, make] of Object.entries(refused)) {
		test(`refused: ${text}`, async () => {
			for (const [name, sdk] of both) {
				const { fetch, requests } = recorder();
				const c = at(sdk, 'https://directus.example.com', fetch).with(sdk.rest());
				for (const command of make(sdk)) {
					const error = await c.request(command).catch((reason) => reason);
					assert.equal(error.message, text, name);
					if (name === 'ours') assert.match(error.code, /^INVALID_(PAYLOAD|COLLECTION)$/);
				}
				assert.equal(requests.length, 0);
			}
		});
	}

	test('a key that was forgotten is refused, where the official SDK asks for "undefined"', async () => {
		const { fetch, requests } = recorder();
		await at(official, 'https://d.example.com', fetch).with(official.rest()).request(official.deleteItem('posts', undefined));
		assert.equal(requests[0].url, 'https://d.example.com/items/posts/undefined');
		const c = at(ours, 'https://d.example.com', fetch).with(ours.rest());
		for (const command of [ours.deleteItem('posts', undefined), ours.readItem('posts', null), ours.deleteItems('posts')]) {
			await assert.rejects(c.request(command), { code: 'INVALID_PAYLOAD' });
		}
		assert.equal(requests.length, 1);
	});

	test('auth and pong are the texts of the official ones', () => {
		for (const credentials of [{ access_token: 't' }, { email: 'a@b.c', password: 'p', uid: '1' }, { refresh_token: 'r' }]) {
			assert.equal(ours.auth(frozen(credentials)), official.auth(credentials));
		}
		assert.equal(ours.pong(), official.pong());
	});
});

describe('rest', () => {
	const answers = {
		'data in JSON': () => json({ data: { id: 1 } }),
		'no data, in JSON': () => json({ status: 'ok' }),
		'null data': () => json({ data: null }),
		'a list in JSON': () => json([1]),
		'health+json': () => new Response('{"status":"ok"}', { headers: { 'Content-Type': 'Application/Health+JSON' } }),
		text: () => new Response('pong', { headers: { 'Content-Type': 'text/plain; charset=utf-8' } }),
		html: () => new Response('<p>', { headers: { 'Content-Type': 'text/html' } }),
		nothing: () => new Response(null, { status: 204 }),
		'what another fetch makes of it': () => ({ data: [1] }),
		'the data themselves': () => ({ id: 1 }),
		'no object': () => undefined,
	};
	for (const [name, answer] of Object.entries(answers)) {
		test(`returns ${name}`, async () => {
			const results = [];
			for (const [, sdk] of both) results.push(await at(sdk, 'https://d.example.com', recorder(answer).fetch).with(sdk.rest()).request(sdk.readItems('a')));
			assert.deepEqual(results[0], results[1]);
		});
	}
	test('returns a response that it cannot read', async () => {
		const response = new Response('x', { headers: { 'Content-Type': 'image/png' } });
		assert.equal(await at(ours, 'https://d.example.com', async () => response).with(ours.rest()).request(ours.readItems('a')), response);
	});

	const failures = {
		'errors of Directus': () => json({ errors: [{ message: 'No.', extensions: { code: 'FORBIDDEN', x: 1 } }, { message: 'More.', extensions: { code: 'OTHER' } }] }, 403),
		'errors with data': () => json({ errors: [{ message: 'Half.', extensions: { code: 'INTERNAL' } }], data: [1] }),
	};
	for (const [name, answer] of Object.entries(failures)) {
		test(`rejects with ${name}`, async () => {
			const errors = [];
			for (const [, sdk] of both) {
				errors.push(await at(sdk, 'https://d.example.com', recorder(answer).fetch).with(sdk.rest()).request(sdk.readItems('a')).catch((error) => error));
			}
			const [mine, theirs] = errors;
			assert.ok(mine instanceof LeveretError && mine instanceof Error);
			assert.ok(official.isDirectusError(mine));
			for (const key of ['name', 'message', 'errors', 'data']) assert.deepEqual(mine[key], theirs[key], key);
			assert.equal(mine.response.status, theirs.response.status);
			assert.equal(mine.code, theirs.errors[0].extensions.code);
		});
	}

	const strangers = {
		'a page of a proxy': () => new Response('<h1>502</h1>', { status: 502, headers: { 'Content-Type': 'text/html' } }),
		'a failure without a type': () => new Response(null, { status: 500 }),
		'broken JSON': () => new Response('{', { headers: { 'Content-Type': 'application/json' } }),
		'JSON of something else': () => json({ message: 'not found' }, 404),
	};
	for (const [name, answer] of Object.entries(strangers)) {
		test(`rejects with ${name}`, async () => {
			const error = await at(ours, 'https://d.example.com', recorder(answer).fetch).with(ours.rest()).request(ours.readItems('a')).catch((reason) => reason);
			assert.equal(error.code, 'BAD_RESPONSE');
			assert.match(error.message, /GET https:\/\/d\.example\.com\/items\/a .*check the URL/);
			assert.equal(error.response.status, answer().status);
			assert.ok(official.isDirectusError(error));
		});
	}

	test('a network failure keeps its cause', async () => {
		const cause = new TypeError('fetch failed');
		for (const fail of [() => Promise.reject(cause), () => ({ ok: true, status: 200, headers: new Headers({ 'Content-Type': 'application/json' }), json: () => Promise.reject(cause) })]) {
			const error = await at(ours, 'https://d.example.com', fail).with(ours.rest()).request(ours.readItems('a')).catch((reason) => reason);
			assert.equal(error.code, 'CONNECTION_FAILED');
			assert.equal(error.cause, cause);
			assert.match(error.message, /fetch failed/);
		}
	});

	test('what the caller aborts rejects with his reason', async () => {
		const c = at(ours, 'https://d.example.com', recorder().fetch).with(ours.rest());
		const reason = new Error('enough');
		const command = official.withOptions(ours.readItems('a'), { signal: AbortSignal.abort(reason) });
		await assert.rejects(c.request(command), reason);
	});

	test('hooks run in the order of the official SDK, with the same arguments', async () => {
		const logs = [];
		for (const [, sdk] of both) {
			const log = [];
			const { fetch } = recorder(() => json({ data: 1 }));
			const c = at(sdk, 'https://d.example.com', fetch)
				.with(sdk.staticToken('t'))
				.with(
					sdk.rest({
						onRequest: async (init) => (log.push(['client before', structuredClone(init)]), { ...init, headers: { ...init.headers, 'X-B': '2' } }),
						onResponse: async (data, init) => (log.push(['client after', data, structuredClone(init)]), data + 1),
					}),
				);
			const result = await c.request(() => ({
				path: '/x',
				method: 'POST',
				body: '{}',
				onRequest: (init) => (log.push(['command before', structuredClone(init)]), { ...init, headers: { ...init.headers, 'X-A': '1' } }),
				onResponse: (data, init) => (log.push(['command after', data, structuredClone(init)]), data + 1),
			}));
			log.push(result);
			logs.push(log);
		}
		assert.deepEqual(logs[0], logs[1]);
		assert.equal(logs[0].at(-1), 3);
	});

	test('request works without its client', async () => {
		const { fetch, requests } = recorder();
		const { request } = at(ours, 'https://d.example.com', fetch).with(ours.staticToken('t')).with(ours.rest());
		await request(ours.readItems('a'));
		assert.equal(requests[0].headers.Authorization, 'Bearer t');
	});
});

describe('createDirectus', () => {
	test('has the shape of the official one', () => {
		const globals = frozen({ logger: console });
		const [mine, theirs] = both.map(([, sdk]) => sdk.createDirectus('https://d.example.com/x', frozen({ globals })));
		assert.deepEqual(Object.keys(mine).sort(), Object.keys(theirs).sort());
		assert.deepEqual(Object.keys(mine.globals).sort(), Object.keys(theirs.globals).sort());
		assert.equal(String(mine.url), String(theirs.url));
		assert.equal(mine.globals.fetch, globalThis.fetch);
	});

	test('a URL that is none', () => {
		assert.throws(
			() => ours.createDirectus('directus'),
			(error) => error instanceof LeveretError && error.code === 'INVALID_URL' && error.cause instanceof TypeError && error.message.includes('"directus"'),
		);
	});

	test('composables of both fit into both', async () => {
		for (const [outer, a] of both) {
			for (const [inner, b] of both) {
				for (const [commands, c] of both) {
					const { fetch, requests } = recorder(() => json({ data: 'x' }));
					const mixed = at(a, 'https://d.example.com', fetch).with(b.staticToken('t')).with(b.rest());
					assert.equal(await mixed.request(c.readItems('a', { limit: 1 })), 'x', `${outer}, ${inner}, ${commands}`);
					assert.equal(requests[0].url, 'https://d.example.com/items/a?limit=1');
					assert.equal(requests[0].headers.Authorization, 'Bearer t');
				}
			}
		}
	});

	test('with() copies and leaves the client as it was', () => {
		const first = ours.createDirectus('https://d.example.com');
		const second = first.with(ours.staticToken('t')).with(() => ({ more: 1 }));
		assert.equal(second.more, 1);
		assert.equal('getToken' in first, false);
		assert.equal(second.url, first.url);
	});

	test('staticToken', async () => {
		for (const [, sdk] of both) {
			const c = sdk.createDirectus('https://d.example.com').with(sdk.staticToken('t'));
			assert.equal(await c.getToken(), 't');
			await c.setToken('u');
			assert.equal(await c.getToken(), 'u');
			await c.setToken(null);
			assert.equal(await c.getToken(), null);
			assert.equal(await sdk.createDirectus('https://d.example.com').with(sdk.staticToken(undefined)).getToken(), null);
		}
	});
});

// A stub of Directus's logins over HTTP, which checks what it is sent.
function stubServer() {
	let sessions = 0;
	let valid = new Map(); // refresh token or session → access token
	const log = [];
	const cookie = (name, value) => `${name}=${value}; Path=/; HttpOnly${value ? '' : '; Max-Age=0'}`;
	const server = createServer(async (request, response) => {
		let body = '';
		for await (const chunk of request) body += chunk;
		const sent = body ? JSON.parse(body) : {};
		const cookies = Object.fromEntries((request.headers.cookie ?? '').split('; ').filter(Boolean).map((pair) => pair.split('=')));
		log.push({ path: request.url, body: sent, cookies: { ...cookies }, authorization: request.headers.authorization });
		const answer = (status, value, setCookie) => {
			response.writeHead(status, { ...(value && { 'Content-Type': 'application/json; charset=utf-8' }), ...(setCookie && { 'Set-Cookie': setCookie }) });
			response.end(value && JSON.stringify(value));
		};
		const refuse = (status, code) => answer(status, { errors: [{ message: code, extensions: { code } }] });
		const begin = () => {
			const n = ++sessions;
			valid.set(`refresh-${n}`, `access-${n}`);
			if (sent.mode === 'json') answer(200, { data: { expires: 900_000, refresh_token: `refresh-${n}`, access_token: `access-${n}` } });
			else if (sent.mode === 'cookie') answer(200, { data: { expires: 900_000, access_token: `access-${n}` } }, cookie('directus_refresh_token', `refresh-${n}`));
			else answer(200, { data: { expires: 86_400_000 } }, cookie('directus_session_token', `refresh-${n}`));
		};
		const token = sent.refresh_token ?? (sent.mode === 'session' ? cookies.directus_session_token : cookies.directus_refresh_token);
		switch (request.url) {
			case '/auth/login':
			case '/auth/login/ldap':
				return sent.password === 'right' ? begin() : refuse(401, 'INVALID_CREDENTIALS');
			case '/auth/refresh':
				if (!token) return refuse(400, 'INVALID_PAYLOAD');
				return valid.delete(token) ? begin() : refuse(401, 'INVALID_CREDENTIALS');
			case '/auth/logout':
				valid.delete(token);
				return answer(204, undefined, cookie(sent.mode === 'session' ? 'directus_session_token' : 'directus_refresh_token', ''));
			default: {
				const access = request.headers.authorization?.replace('Bearer ', '') ?? valid.get(cookies.directus_session_token);
				return [...valid.values()].includes(access) ? answer(200, { data: [access] }) : refuse(401, 'INVALID_CREDENTIALS');
			}
		}
	});
	return { server, log, forget: () => (valid = new Map()) };
}

// withCookies is fetch as a browser has it: with a jar, for requests that say include.
function withCookies() {
	const jar = new Map();
	return async (url, init) => {
		const include = init.credentials === 'include';
		const headers = { ...init.headers, ...(include && jar.size && { Cookie: [...jar].map((pair) => pair.join('=')).join('; ') }) };
		const response = await fetch(url, { ...init, headers });
		for (const line of include ? response.headers.getSetCookie() : []) {
			const [name, value] = line.split(';')[0].split('=');
			if (value) jar.set(name, value);
			else jar.delete(name);
		}
		return response;
	};
}

describe('authentication, at a server', () => {
	let url;
	let stub;
	before(async () => {
		stub = stubServer();
		await new Promise((resolve) => stub.server.listen(0, '127.0.0.1', resolve));
		url = `http://127.0.0.1:${stub.server.address().port}`;
	});
	after(() => new Promise((resolve) => stub.server.close(resolve)));

	const renamed = (value) => JSON.parse(JSON.stringify(value).replace(/(access|refresh)-\d+/g, '$1').replace(/"expires_at":\d+/g, '"expires_at":0'));

	for (const mode of ['json', 'cookie', 'session']) {
		test(`mode ${mode}: the same calls, the same results`, async () => {
			const seen = [];
			for (const [, sdk] of both) {
				stub.log.length = 0;
				const results = [];
				const c = at(sdk, url, withCookies()).with(sdk.authentication(mode, { credentials: 'include' })).with(sdk.rest({ credentials: 'include' }));
				results.push(await c.getToken());
				results.push(await c.login({ email: 'a@example.com', password: 'right' }, { otp: '123456' }));
				results.push(await c.getToken());
				results.push(await c.request(sdk.readItems('a')));
				results.push(await c.refresh());
				results.push(await c.request(sdk.readItems('a')));
				results.push(await c.logout());
				results.push(await c.getToken());
				results.push(await c.request(sdk.readItems('a')).catch(({ message }) => message));
				results.push(await c.login({ identifier: 'a', password: 'right' }, { provider: 'ldap' }));
				results.push(await c.refresh().then(() => 'refreshed'));
				c.stopRefreshing();
				seen.push(renamed({ results, log: stub.log }));
			}
			assert.deepEqual(seen[0].log, seen[1].log);
			assert.deepEqual(seen[0].results, seen[1].results);
			assert.equal(seen[0].log.length, 8);
			assert.equal(seen[0].results[2], mode === 'session' ? null : 'access');
		});
	}

	test('a refused login is an error with the code of the server', async () => {
		const c = at(ours, url, fetch).with(ours.authentication('json'));
		const error = await c.login(frozen({ email: 'a@example.com', password: 'wrong' }), frozen({ otp: '1' })).catch((reason) => reason);
		assert.equal(error.code, 'INVALID_CREDENTIALS');
		assert.equal(error.response.status, 401);
		assert.equal(await c.getToken(), null);
	});

	test('the official login changes what it is given, ours does not', async () => {
		for (const [name, sdk] of both) {
			const payload = { email: 'a@example.com', password: 'right' };
			const c = at(sdk, url, fetch).with(sdk.authentication('json'));
			await c.login(payload);
			c.stopRefreshing();
			assert.deepEqual(Object.keys(payload), name === 'ours' ? ['email', 'password'] : ['email', 'password', 'mode']);
		}
	});

	test('the session goes on where its storage is found again', async () => {
		let kept = null;
		const storage = { get: async () => kept, set: async (data) => void (kept = structuredClone(data)) };
		const make = () => at(ours, url, fetch).with(ours.authentication('json', { storage })).with(ours.rest());
		await make().login({ email: 'a@example.com', password: 'right' });
		assert.match(kept.refresh_token, /^refresh-/);
		const again = make();
		assert.equal(await again.getToken(), kept.access_token);
		kept.expires_at = Date.now() + 1000;
		const old = kept.access_token;
		assert.notEqual(await again.getToken(), old);
		assert.deepEqual(await again.request(ours.readItems('a')), [kept.access_token]);
		await again.logout();
		assert.equal(await again.getToken(), null);
	});
});

// The clock of these tests is virtual, and fetch answers when it is told to.
describe('authentication, in time', () => {
	// controlled is a client whose logins and refreshes the test answers itself.
	function controlled(sdk, config, mode = 'json') {
		const waiting = [];
		const calls = [];
		const fetch = (url, init) => {
			calls.push(new URL(url).pathname + (init.body ? ' ' + (JSON.parse(init.body).refresh_token ?? '') : ''));
			return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
		};
		const answer = (value, status) => waiting.shift().resolve(status === 204 ? new Response(null, { status }) : json(value, status));
		const token = (n, expires = 900_000) => answer({ data: { access_token: `a${n}`, refresh_token: `r${n}`, expires } });
		const refuse = (status = 401, code = 'INVALID_CREDENTIALS') => answer({ errors: [{ message: code, extensions: { code } }] }, status);
		const fail = () => waiting.shift().reject(new TypeError('fetch failed'));
		const c = at(sdk, 'https://d.example.com', fetch).with(sdk.authentication(mode, config)).with(sdk.rest());
		const login = async (n, expires) => {
			const done = c.login({ email: 'a', password: 'p' });
			token(n, expires);
			return done;
		};
		return { c, calls, token, answer, refuse, fail, login, waiting };
	}

	// settle lets everything run that is not waiting for time or for an answer.
	const settle = () => new Promise((resolve) => setImmediate(resolve));

	function inVirtualTime(name, run) {
		test(name, async () => {
			mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 });
			try {
				await run((ms) => (mock.timers.tick(ms), settle()));
			} finally {
				mock.timers.reset();
			}
		});
	}

	for (const [name, sdk] of both) {
		inVirtualTime(`${name}: a timer refreshes 30 s before the end, with the newest token`, async (pass) => {
			const { c, calls, token, login } = controlled(sdk);
			await login(1);
			await pass(869_999);
			assert.deepEqual(calls, ['/auth/login ']);
			await pass(1);
			assert.deepEqual(calls, ['/auth/login ', '/auth/refresh r1']);
			token(2, 60_000);
			await settle();
			assert.equal(await c.getToken(), 'a2');
			await pass(30_000);
			assert.deepEqual(calls.slice(2), ['/auth/refresh r2']);
			token(3);
			await settle();
			c.stopRefreshing();
			await pass(10_000_000);
			assert.equal(calls.length, 3);
		});

		inVirtualTime(`${name}: without the timer, getToken refreshes`, async (pass) => {
			const { c, calls, token, login } = controlled(sdk, { autoRefresh: false, msRefreshBeforeExpires: 10_000 });
			await login(1);
			await pass(889_999);
			assert.equal(await c.getToken(), 'a1');
			assert.equal(calls.length, 1);
			await pass(2);
			const tokens = [c.getToken(), c.getToken(), c.getToken()];
			await settle();
			assert.deepEqual(calls.slice(1), ['/auth/refresh r1']);
			token(2);
			assert.deepEqual(await Promise.all(tokens), ['a2', 'a2', 'a2']);
		});
	}

	inVirtualTime('several refreshes at once are one', async () => {
		const { c, calls, token, login } = controlled(ours);
		await login(1);
		const results = [c.refresh(), c.refresh(), c.getToken()];
		await settle();
		assert.deepEqual(calls.slice(1), ['/auth/refresh r1']);
		token(2);
		assert.deepEqual((await Promise.all(results)).map((result) => result.access_token ?? result), ['a2', 'a2', 'a2']);
		const next = c.refresh();
		await settle();
		token(3);
		assert.equal((await next).access_token, 'a3');
	});

	inVirtualTime('a refused refresh is not repeated until there are other credentials', async (pass) => {
		for (const [name, sdk] of both) {
			const { c, calls, token, refuse, login, waiting } = controlled(sdk);
			await login(1);
			await pass(870_001);
			refuse();
			await settle();
			for (let i = 0; i < 5; i++) {
				const got = c.getToken();
				await settle();
				if (waiting.length > 0) refuse();
				assert.equal(await got, 'a1'); // still good for half a minute; the server judges
			}
			await pass(1_000_000);
			assert.equal(calls.length, name === 'ours' ? 2 : 6, name); // the official SDK asks in every call but the first
			if (name !== 'ours') continue;

			await login(2);
			await pass(870_001);
			assert.equal(calls.at(-1), '/auth/refresh r2');
			token(3);
			await settle();
			assert.equal(await c.getToken(), 'a3');
			c.stopRefreshing();
		}
	});

	inVirtualTime('a refresh that could not be sent is tried at the next need', async (pass) => {
		const { c, calls, token, fail, refuse, login } = controlled(ours);
		await login(1);
		await pass(870_001);
		fail();
		await settle();
		const first = c.getToken();
		await settle();
		refuse(503, 'SERVICE_UNAVAILABLE');
		assert.equal(await first, 'a1');
		const second = c.getToken();
		await settle();
		token(2);
		assert.equal(await second, 'a2');
		assert.equal(calls.length, 4);
	});

	inVirtualTime('a token that lives shorter than the margin has no timer, and is refreshed by every getToken', async (pass) => {
		for (const [, sdk] of both) {
			const { c, calls, token, login } = controlled(sdk);
			await login(1, 6_000);
			await pass(10_000);
			assert.equal(calls.length, 1);
			for (let i = 2; i < 5; i++) {
				const got = c.getToken();
				await settle();
				token(i, 6_000);
				assert.equal(await got, `a${i}`);
			}
		}
	});

	inVirtualTime('who signed out stays signed out, whatever a refresh brings', async (pass) => {
		const { c, calls, token, answer, login } = controlled(ours);
		await login(1);
		await pass(870_000);
		const out = c.logout();
		await settle();
		assert.equal(calls.at(-1), '/auth/refresh r1'); // logout waits: the token it is to end is being replaced
		token(2);
		await settle();
		assert.equal(calls.at(-1), '/auth/logout r2');
		const late = c.refresh();
		await settle();
		answer(null, 204);
		await out;
		token(3);
		await late;
		assert.equal(await c.getToken(), null);
		await pass(10_000_000);
		assert.equal(calls.length, 4);
	});

	inVirtualTime('a login during a refresh wins', async (pass) => {
		const { c, calls, token, login, waiting } = controlled(ours);
		await login(1);
		await pass(870_000);
		const again = c.login({ email: 'b', password: 'p' });
		await settle();
		waiting.reverse();
		token(5);
		await again;
		token(2);
		await settle();
		assert.equal(await c.getToken(), 'a5');
		await pass(870_000);
		assert.equal(calls.at(-1), '/auth/refresh r5');
	});

	inVirtualTime('setToken ends what went before', async (pass) => {
		const { c, calls, login } = controlled(ours);
		await login(1);
		await c.setToken('static');
		assert.equal(await c.getToken(), 'static');
		await pass(10_000_000);
		assert.equal(await c.getToken(), 'static');
		assert.equal(calls.length, 1);
	});

	inVirtualTime('a failed logout changes nothing', async (pass) => {
		const { c, calls, fail, login } = controlled(ours);
		await login(1);
		const out = c.logout();
		await settle();
		fail();
		await assert.rejects(out, { code: 'CONNECTION_FAILED' });
		assert.equal(await c.getToken(), 'a1');
		await pass(870_000);
		assert.equal(calls.at(-1), '/auth/refresh r1');
	});

	inVirtualTime('an answer without a token is an error', async () => {
		const { c, answer } = controlled(ours);
		for (const value of [{ data: {} }, { data: null }, { status: 'ok' }]) {
			const done = c.login({ email: 'a', password: 'p' });
			answer(value);
			await assert.rejects(done, { code: 'BAD_RESPONSE' });
		}
		assert.equal(await c.getToken(), null);
	});

	inVirtualTime('tokens of more than 24 days have no timer, and are refreshed by getToken', async (pass) => {
		const { c, calls, token, login } = controlled(ours);
		await login(1, 2 ** 31);
		await pass(2 ** 31 - 30_001);
		assert.equal(calls.length, 1);
		await pass(2);
		const got = c.getToken();
		await settle();
		token(2);
		assert.equal(await got, 'a2');
	});

	test('a storage that fails says so, and a timer alone does not keep Node running', async () => {
		const storage = { get: () => Promise.reject(new Error('no disk')), set: () => {} };
		const c = at(ours, 'https://d.example.com', fetch).with(ours.authentication('json', { storage }));
		await assert.rejects(c.getToken(), /no disk/);
		const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
		const { login } = controlled(ours);
		await login(1);
		assert.equal(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length, before);
	});
});
