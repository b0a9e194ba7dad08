import { LeveretError } from './error.js';
import { queryToParams, toJSON } from './query.js';

export function createDirectus(url, { globals } = {}) {
	const { fetch, WebSocket, URL, console: logger } = globalThis;
	globals = { fetch, WebSocket, URL, logger, ...globals };
	try {
		url = new globals.URL(url);
	} catch (cause) {
		throw new LeveretError('INVALID_URL', `"${url}" is no URL: write it as https://host or wss://host/websocket.`, { cause });
	}
	return {
		url,
		globals,
		with(composable) {
			return { ...this, ...composable(this) };
		},
	};
}

export const staticToken = (token) => () => ({
	getToken: async () => token ?? null,
	async setToken(next) {
		token = next;
	},
});

export const authentication = (mode = 'cookie', config = {}) => (client) => {
	const { autoRefresh = true, msRefreshBeforeExpires = 30_000 } = config;
	let kept = null;
	const storage = config.storage ?? { get: () => kept, set: (data) => void (kept = data) };
	let timer;
	let refreshing;
	let refused; // expires_at of credentials that the server refused to refresh
	let turn = 0; // counts what makes a refresh under way obsolete

	const post = (path, body) =>
		call(client, path, {
			method: 'POST',
			headers: { 'Content-Type': 'application/json' },
			body: toJSON(body),
			...('credentials' in config && { credentials: config.credentials }),
		});

	const stopRefreshing = () => clearTimeout(timer);

	async function keep(answer) {
		const expires = answer?.expires;
		if (!expires && !answer?.access_token) throw failure('BAD_RESPONSE', 'The answer holds no token: check the URL.');
		const data = { ...answer, expires_at: expires ? Date.now() + expires : null };
		const mine = turn;
		await storage.set(data);
		stopRefreshing();
		// setTimeout cannot wait for longer; getToken() sees to the rest.
		if (autoRefresh && mine === turn && expires > msRefreshBeforeExpires && expires < 2 ** 31) {
			timer = setTimeout(() => refresh().catch(() => {}), expires - msRefreshBeforeExpires);
			timer.unref?.(); // in Node a timer alone is no reason to stay
		}
		return data;
	}

	function replace(access_token) {
		turn++;
		stopRefreshing();
		return storage.set({ access_token, refresh_token: null, expires: null, expires_at: null });
	}

	const postToken = (path, data, as = mode) =>
		post(path, { mode: as, ...(as === 'json' && data?.refresh_token && { refresh_token: data.refresh_token }) });

	async function renew(as) {
		const mine = turn;
		const data = await storage.get();
		try {
			const answer = await postToken('/auth/refresh', data, as);
			return mine === turn ? await keep(answer) : answer;
		} catch (error) {
			if ([400, 401, 403].includes(error.response?.status)) refused = data?.expires_at;
			throw error;
		}
	}

	// One at a time: a refresh token can be used once.
	const refresh = (options) =>
		(refreshing ??= renew(options?.mode).finally(() => {
			refreshing = null;
		}));

	return {
		refresh,
		stopRefreshing,
		async login(payload, options = {}) {
			const { provider, mode: as = mode } = options;
			const answer = await post('/auth/login' + (provider ? '/' + provider : ''), {
				...payload,
				...('otp' in options && { otp: options.otp }),
				mode: as,
			});
			turn++;
			return keep(answer);
		},
		async logout(options) {
			await refreshing?.catch(() => {}); // it replaces the token that is to end
			await postToken('/auth/logout', await storage.get(), options?.mode);
			await replace(null);
		},
		async getToken() {
			try {
				const data = await storage.get();
				if (refreshing) await refreshing;
				else if (data?.expires_at && data.expires_at !== refused && data.expires_at < Date.now() + msRefreshBeforeExpires) await refresh();
			} catch {
				// The server will say what is wrong with the token that there is.
			}
			return (await storage.get())?.access_token ?? null;
		},
		setToken: async (token) => replace(token),
	};
};

export const rest = (config = {}) => (client) => ({
	async request(command) {
		const { path, params, method = 'GET', headers: given, body, onRequest, onResponse } = command();
		const headers = { ...given };
		if (!('Content-Type' in headers)) headers['Content-Type'] = 'application/json';
		else if (headers['Content-Type'] === 'multipart/form-data') delete headers['Content-Type']; // fetch writes the boundary
		const self = this ?? client; // this has the composables that were added later
		const token = !('Authorization' in headers) && (await self.getToken?.());
		if (token) headers.Authorization = `Bearer ${token}`;

		let init = { method, headers };
		if ('credentials' in config) init.credentials = config.credentials;
		if (body) init.body = body;
		for (const hook of [onRequest, config.onRequest]) if (hook) init = await hook(init);
		let result = await call(client, path, init, params);
		for (const hook of [onResponse, config.onResponse]) if (hook) result = await hook(result, init);
		return result;
	},
});

// call makes a request and returns the data of its answer.
async function call({ url, globals }, path, init, params) {
	const base = url.pathname.replace(/\/$/, '');
	const target = new globals.URL(base && path[0] !== '/' ? `${base}/${path}` : base + path, url);
	for (const [key, value] of Object.entries(queryToParams(params ?? {}))) target.searchParams.set(key, value);

	const { fetch = globalThis.fetch } = globals;
	const what = `${init.method} ${target.origin}${target.pathname}`;
	let response, body, cause;
	try {
		response = await fetch(String(target), init);
		body = await read(response);
	} catch (error) {
		if (init.signal?.aborted) throw error; // it is the caller's
		cause = error;
		if (cause?.name !== 'SyntaxError') {
			throw failure('CONNECTION_FAILED', `${what} was not answered: check the network, the URL and CORS. (${cause})`, { response, cause });
		}
	}
	const { errors, data = body } = Object(body);
	if (!cause && !errors && response?.ok !== false) return data;
	const [first] = Array.isArray(errors) ? errors : [];
	throw failure(
		first?.extensions?.code ?? 'BAD_RESPONSE',
		first?.message ?? `The answer to ${what} (${response?.status}) is not Directus's: check the URL.`,
		{ response, cause, data: errors ? body.data : body, errors: first && errors },
	);
}

// read returns what an answer holds. A replacement of fetch may return that at once.
async function read(response) {
	if (typeof response?.json !== 'function') return response;
	const type = response.headers.get('Content-Type') ?? '';
	if (response.status === 204) return null;
	if (/^application\/(health\+)?json/i.test(type)) return response.json();
	if (/^text\/(html|plain)/i.test(type)) return response.text();
	return response;
}

// failure looks like the RequestError of the official SDK, whose errors are the server's.
const failure = (code, message, { errors = [{ message, extensions: { code } }], ...more } = {}) =>
	new LeveretError(code, message, { name: 'RequestError', errors, ...more });

const refuseEmpty = (value, what) => {
	if (value == null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0)) {
		throw new LeveretError('INVALID_PAYLOAD', `${what} cannot be empty`);
	}
};

// A command is a function that says what to request. What is wrong with its arguments
// rejects the request.
const command = (name, method, collection, { key = [], params, body = () => undefined }) => () => {
	refuseEmpty(collection, 'Collection');
	if (/^directus_/.test(collection)) throw new LeveretError('INVALID_COLLECTION', `Cannot use ${name} for core collections`);
	for (const part of key) refuseEmpty(part, 'Key');
	// What would end a part of the path early is escaped.
	const path = ['', collection, ...key].map((part) => String(part).replace(/[/?#\\]/g, encodeURIComponent));
	return { path: '/items' + path.join('/'), params: params ?? {}, method, body: toJSON(body()) };
};

const selected = (keysOrQuery) => {
	refuseEmpty(keysOrQuery, 'keysOrQuery');
	return Array.isArray(keysOrQuery) ? { keys: keysOrQuery } : { query: keysOrQuery };
};

export const readItems = (collection, params) => command('readItems', 'GET', collection, { params });
export const readItem = (collection, key, params) => command('readItem', 'GET', collection, { key: [key], params });
export const createItems = (collection, items, params) => command('createItems', 'POST', collection, { params, body: () => items });
export const createItem = (collection, item, params) => command('createItem', 'POST', collection, { params, body: () => item });
export const updateItems = (collection, keysOrQuery, data, params) =>
	command('updateItems', 'PATCH', collection, { params, body: () => ({ ...selected(keysOrQuery), data }) });
export const updateItem = (collection, key, item, params) =>
	command('updateItem', 'PATCH', collection, { key: [key], params, body: () => item });
export const deleteItems = (collection, keysOrQuery) => command('deleteItems', 'DELETE', collection, { body: () => selected(keysOrQuery) });
export const deleteItem = (collection, key) => command('deleteItem', 'DELETE', collection, { key: [key] });

export const auth = (credentials) => toJSON({ ...credentials, type: 'auth' });
export const pong = () => '{"type":"pong"}';
