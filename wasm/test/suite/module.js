// The module itself: what importing, loading and leaving it does to a page or program.
import { coded, deepEqual, equal, match, ok, rejects, within } from './assert.js';
import { moduleURL } from './implementations.js';
import { theme } from './runner.js';

const test = theme('module');
const ours = { only: 'ours', once: true };

test('a client has the methods of the SDK\'s', async (t) => {
	const { url } = await t.server();
	const client = t.client(url);
	for (const name of ['connect', 'disconnect', 'isConnected', 'onWebSocket', 'sendMessage', 'subscribe', 'getToken', 'setToken', 'with']) {
		equal(typeof client[name], 'function', `typeof ${name}`);
	}
});

test('works with a WebSocket that is injected, where there is no global one', async (t) => {
	const { url } = await t.server();
	equal(await t.child('program-injected.js', t.impl.name, url, t.user), 'init\ncreate\nclosed\n', 'what the program printed');
}, { env: 'node' });

test('a Node program ends by itself after disconnect()', async (t) => {
	const { url } = await t.server();
	const began = performance.now();
	equal(await t.child('program-ends.js', t.impl.name, url), 'live\ndisconnected\n', 'what the program printed');
	ok(performance.now() - began < 6000, 'an end in time');
}, { env: 'node' });

test('says that there is no WebSocket, where none is global and none injected', async (t) => {
	const lines = ['connect NO_WEBSOCKET', 'again NO_WEBSOCKET', 'subscribe NO_WEBSOCKET', 'ask NO_WEBSOCKET', 'closed false'];
	equal(await t.child('program-without.js', t.impl.name), `${lines.join('\n')}\n`, 'what the program printed');
}, { only: 'ours', env: 'node' });

test('can be imported where there is neither WebSocket nor fetch nor a page', async (t) => {
	equal(await t.child('program-import.js', t.impl.name), 'imported\n', 'what the program printed');
}, { env: 'node' });

test('exports what the contract says', async (t) => {
	for (const name of ['createDirectus', 'staticToken', 'authentication', 'rest', 'readItems', 'readItem', 'createItem', 'createItems', 'updateItem', 'updateItems',
		'deleteItem', 'deleteItems', 'auth', 'pong', 'realtime', 'init', 'dispose', 'LeveretError']) {
		equal(typeof t.impl[name], 'function', `typeof ${name}`);
	}
}, ours);

test('what importing costs is under 8 kB gzip, and no WebAssembly', async (t) => {
	const [{ readFile }, { gzipSync }] = await Promise.all(['node:fs/promises', 'node:zlib'].map((name) => import(name)));
	const seen = new Map();
	const visit = async (url) => {
		if (seen.has(url)) return;
		const source = await readFile(new URL(url), 'utf8');
		seen.set(url, source);
		for (const [, name] of source.matchAll(/(?:from|^import)\s*['"](\.[^'"]+)['"]/gm)) await visit(new URL(name, url).href);
	};
	await visit(`${moduleURL}index.js`);
	const sizes = [...seen.values()].map((source) => gzipSync(source, { level: 9 }).length);
	const total = sizes.reduce((sum, size) => sum + size, 0);
	ok(total < 8192, `fewer than 8,192 bytes, not ${total}`);
	ok(![...seen.keys()].some((url) => url.includes('wasm_exec')), 'no wasm_exec.js among what is imported');
}, { ...ours, env: 'node' });

test('importing fetches nothing but itself', async (t) => {
	const copy = await t.copy();
	await t.pause(100);
	await copy.settled();
	ok(copy.fetched('index.js').length === 1, 'index.js');
	deepEqual(copy.fetched().filter((name) => /wasm/.test(name)), []);
}, { ...ours, env: 'browser' });

// The WebAssembly. In a page it comes from beside the module; a Node program is told to
// fetch it from the stage, to see the same things.

const fetched = 'leveret.wasm';

async function firstUse(t, copy, client) {
	if (t.env === 'node') await copy.module.init({ wasmURL: copy.http + fetched });
	return client.connect();
}

test('two clients share one instance, and it is fetched once', async (t) => {
	const { url } = await t.server();
	const copy = await t.copy();
	if (t.env === 'node') await copy.module.init({ wasmURL: copy.http + fetched });
	const clients = [t.client(url, { from: { ...t.impl, ...copy.module } }), t.client(url, { from: { ...t.impl, ...copy.module } })];
	await Promise.all(clients.map((client) => client.connect()));
	for (const client of clients) await (await t.subscribe(client)).init();
	await copy.settled();
	equal(copy.fetched(fetched).length, 1, 'fetches');
}, ours);

test('init({ wasmURL }) says where it is', async (t) => {
	const { url } = await t.server();
	const copy = await t.copy();
	const elsewhere = await t.make('copy', {});
	await copy.module.init({ wasmURL: elsewhere.http + fetched });
	await t.connected(url, { from: { ...t.impl, ...copy.module } });
	await elsewhere.settled();
	equal(elsewhere.fetched(fetched).length, 1, 'fetches from there');
	await copy.settled();
	equal(copy.fetched(fetched).length, 0, 'fetches from beside the module');
}, ours);

test('a fetch that fails once is an Error, and the next call tries again', async (t) => {
	const { url } = await t.server();
	const copy = await t.copy({ failures: 1 });
	const client = t.client(url, { from: { ...t.impl, ...copy.module } });
	coded(await t.within(rejects(firstUse(t, copy, client))), 'WASM_UNAVAILABLE');
	equal((await t.within(firstUse(t, copy, client), 'the second call')).readyState, WebSocket.OPEN, 'readyState');
	await copy.settled();
	equal(copy.fetched(fetched).length, 2, 'fetches');
}, ours);

test('subscribe() says too that it cannot be fetched, and works afterwards', async (t) => {
	const { url } = await t.server();
	const copy = await t.copy({ failures: 2 });
	const client = t.client(url, { from: { ...t.impl, ...copy.module } });
	coded(await t.within(rejects(client.subscribe('messages'))), 'WASM_UNAVAILABLE');
	coded(await t.within(rejects(client.realtime.ask({ type: 'ping' }))), 'WASM_UNAVAILABLE');
	await (await t.subscribe(client)).init();
}, { ...ours, env: 'browser' });

test('a wrong MIME type is no trouble', async (t) => {
	const { url } = await t.server();
	const copy = await t.copy({ type: 'text/plain' });
	const client = t.client(url, { from: { ...t.impl, ...copy.module } });
	equal((await t.within(firstUse(t, copy, client))).readyState, WebSocket.OPEN, 'readyState');
}, ours);

test('a file that is no WebAssembly is an Error that names it', async (t) => {
	const { url } = await t.server();
	const copy = await t.copy({ failures: 9, status: 200 });
	const client = t.client(url, { from: { ...t.impl, ...copy.module } });
	const reason = await t.within(rejects(firstUse(t, copy, client)));
	coded(reason, 'WASM_UNAVAILABLE');
	match(reason.message, /leveret\.wasm/, 'the sentence');
}, ours);

test('an address where nobody listens is an Error that names it', async (t) => {
	const { url } = await t.server();
	const copy = await t.copy();
	const peer = await t.peer();
	await peer.end();
	const use = async () => {
		await copy.module.init({ wasmURL: `${peer.url}/gone.wasm` });
		return t.client(url, { from: { ...t.impl, ...copy.module } }).connect();
	};
	const reason = await t.within(rejects(use()));
	coded(reason, 'WASM_UNAVAILABLE');
	match(reason.message, /gone\.wasm/, 'the sentence');
}, ours);

test('a place that is no URL is an Error that names it, and another one works', async (t) => {
	const { url } = await t.server();
	const copy = await t.copy();
	const client = t.client(url, { from: { ...t.impl, ...copy.module } });
	for (const use of [() => copy.module.init({ wasmURL: 'http://[bad' }), () => client.connect()]) {
		const reason = await t.within(rejects(use()));
		coded(reason, 'WASM_UNAVAILABLE');
		match(reason.message, /http:\/\/\[bad/, 'the sentence');
	}
	await t.within(copy.module.init({ wasmURL: copy.http + fetched }), 'init()');
	equal((await t.within(client.connect(), 'connect()')).readyState, WebSocket.OPEN, 'readyState');
}, ours);

// A program that breaks down.

// trapping returns a WebSocket that throws where Go does not expect it, which traps the
// program as a panic would, once the trap is set.
function trapping() {
	const trap = { set: false };
	trap.WebSocket = class extends WebSocket {
		get readyState() {
			if (trap.set) throw new Error('trapped');
			return super.readyState;
		}
	};
	return trap;
}

test('a breakdown of the program is a rejection and an error event, and connect() starts it anew', async (t) => {
	const { server, proxy } = await t.proxied();
	const copy = await t.copy();
	const trap = trapping();
	const client = t.client(proxy.url, { from: { ...t.impl, ...copy.module }, globals: { WebSocket: trap.WebSocket }, reconnect: { delay: 100, retries: 5 } });
	const errors = t.box();
	client.onWebSocket('error', (event) => errors.add(event));
	await client.connect();
	trap.set = true;
	const reader = await t.subscribe(client);
	coded(await reader.end(), 'PANIC');
	await errors.until((events) => events.length > 0, 'the error event');
	trap.set = false;
	await t.within(client.connect(), 'connect()');
	const again = await t.subscribe(client);
	await again.init();
	await server.create({ text: 'afterwards', user: t.user });
	await again.event('create', 'afterwards');
}, ours);

test('a breakdown fails what is under way in every client, and each of them connects again', async (t) => {
	const peer = await t.peer({ silent: ['items'] });
	const from = { ...t.impl, ...(await t.copy()).module };
	const client = await t.connected(peer.url, { from });
	const [errors, changes] = [t.box(), t.box()];
	client.onWebSocket('error', (event) => errors.add(event));
	client.realtime.onState((change) => changes.add(change));
	const reading = await t.subscribe(client);
	await reading.init();
	const { subscription: unread } = await client.subscribe('messages', { query: t.mine });
	await peer.until(() => peer.sent('subscribe').length === 2, 'the second subscribe');
	const asking = rejects(client.realtime.ask({ type: 'items', collection: 'messages', action: 'read' }), 'ask()');
	// Beside it there may be the read after the subscribe.
	await peer.until(() => peer.sent('items').some(({ message }) => !String(message.uid).startsWith('leveret-')), 'the question');

	const trap = trapping();
	trap.set = true;
	const other = t.client(peer.url, { from, globals: { WebSocket: trap.WebSocket } });
	coded(await t.within(rejects(other.connect(), 'connect()'), 'connect() in the other client'), 'PANIC');
	coded(await t.within(asking, 'ask()'), 'PANIC');
	coded(await reading.end(), 'PANIC');
	coded(await t.read(unread).end(), 'PANIC');
	await changes.find(({ to }) => to === 'closed', 'the state closed');
	equal(changes.items.at(-1).cause.reason, 'panic', 'cause.reason');
	deepEqual(errors.items.map((event) => [event instanceof Event, event.type, event.error?.code]), [[true, 'error', 'PANIC']]);
	await peer.until(() => peer.closed().length === peer.upgrades().length, 'the end of every socket');

	trap.set = false;
	await peer.set({ silent: [] });
	for (const [id, one] of [other, client].entries()) {
		equal(await one.isConnected(), false, 'isConnected()');
		await t.within(one.connect(), 'connect()');
		await t.within(one.realtime.ask({ type: 'items', collection: 'messages', action: 'read' }), 'the reply');
		const again = await t.subscribe(one);
		await again.init();
		await peer.tell('messages', [{ event: 'create', data: [{ id, text: 'afterwards' }] }]);
		await again.event('create', 'afterwards');
	}
	equal(errors.items.length, 1, 'error events');
}, ours);

// dispose().

test('dispose() closes every client and ends generators, and everything works again', async (t) => {
	const { server, proxy } = await t.proxied();
	const copy = await t.copy();
	const from = { ...t.impl, ...copy.module };
	const clients = [await t.connected(proxy.url, { from }), await t.connected(proxy.url, { from })];
	const readers = await Promise.all(clients.map((client) => t.subscribe(client)));
	for (const reader of readers) await reader.init();
	await copy.module.dispose();
	await proxy.until(() => proxy.closed().length === 2, 'the end of both sockets');
	for (const reader of readers) await reader.end();
	for (const client of clients) equal(await client.isConnected(), false, 'isConnected()');
	await copy.module.dispose();
	await clients[0].connect();
	const again = await t.subscribe(clients[0]);
	await again.init();
	const fresh = await t.subscribe(t.client(proxy.url, { from }));
	await fresh.init();
	await server.create({ text: 'afterwards', user: t.user });
	await again.event('create', 'afterwards');
	await fresh.event('create', 'afterwards');
}, ours);

test('dispose() while it connects rejects connect()', async (t) => {
	const peer = await t.peer({ silent: true });
	const copy = await t.copy();
	const client = t.client(peer.url, { from: { ...t.impl, ...copy.module } });
	const connecting = rejects(client.connect());
	await peer.until(() => peer.sent('auth').length === 1, 'the auth');
	await copy.module.dispose();
	const reason = await t.within(connecting, 'the rejection');
	coded(reason, reason.code);
	await peer.until(() => peer.closed().length === 1, 'the end of the socket');
	await peer.set({ silent: [] });
	await t.within(client.connect(), 'the next connect()');
}, ours);

test('dispose() ends questions', async (t) => {
	const peer = await t.peer({ silent: ['items'] });
	const copy = await t.copy();
	const client = await t.connected(peer.url, { from: { ...t.impl, ...copy.module } });
	const asking = rejects(client.realtime.ask({ type: 'items', collection: 'messages', action: 'read' }), 'ask()');
	await peer.until(() => peer.sent('items').length === 1, 'the question');
	await t.within(copy.module.dispose(), 'dispose()');
	const reason = await t.within(asking, 'the rejection');
	ok(['DISCONNECTED', 'OUTCOME_UNKNOWN'].includes(reason.code), `a code, not ${reason.code}`);
	coded(reason, reason.code);
}, ours);

for (const stall of ['head', 'body']) {
	test(`dispose() while the WebAssembly is being fetched ends at once: ${stall}`, async (t) => {
		const { url } = await t.server();
		const copy = await t.copy({ stalls: [stall] });
		const client = t.client(url, { from: { ...t.impl, ...copy.module } });
		const changes = t.box();
		client.realtime.onState((change) => changes.add(change));
		const initing = t.env === 'node' ? copy.module.init({ wasmURL: copy.http + fetched }) : copy.module.init();
		const failing = rejects(initing, 'init()');
		const connecting = rejects(client.connect(), 'connect()');
		await copy.until(() => copy.fetched(fetched).length === 1, 'the fetch');
		await within(3_000, copy.module.dispose(), 'dispose()');
		coded(await within(3_000, connecting, 'the rejection'), 'DISCONNECTED');
		const reason = await within(3_000, failing, 'the end of init()');
		coded(reason, reason.code);
		await copy.until(() => copy.gone(fetched).length === 1, 'the end of the fetch');
		deepEqual(changes.items.map(({ to }) => to), ['closed']);
		equal(client.realtime.state, 'closed', 'state');
		equal(await client.isConnected(), false, 'isConnected()');
		equal((await t.within(client.connect(), 'the next connect()')).readyState, WebSocket.OPEN, 'readyState');
		await (await t.subscribe(client)).init();
		await copy.settled();
		equal(copy.fetched(fetched).length, 2, 'fetches');
	}, ours);
}

test('dispose() before anything was loaded does nothing', async (t) => {
	const { url } = await t.server();
	const copy = await t.copy();
	await copy.module.dispose();
	await t.connected(url, { from: { ...t.impl, ...copy.module } });
}, ours);

// Elsewhere.

test('runs in a module worker', async (t) => {
	const server = await t.server();
	const worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
	t.defer(() => worker.terminate());
	const box = t.box();
	worker.onmessage = ({ data }) => box.add(data);
	worker.onerror = (event) => box.add({ error: event.message });
	worker.postMessage({ implementation: t.impl.name, url: server.url, user: t.user });
	await box.find(({ event }) => event === 'init', 'the init');
	await server.create({ text: 'for the worker', user: t.user });
	const { data } = await box.find(({ event }) => event === 'create', 'the create');
	equal(data[0].text, 'for the worker', 'text');
	deepEqual((await box.find(({ globals }) => globals, 'the globals')).globals, []);
}, { env: 'browser' });

// What is left behind. These run last, after everything else was used.

test('connecting and leaving again and again leaves nothing behind', async (t) => {
	const cycles = t.soak ? 10_000 : 300;
	const { url } = await t.server();
	const copy = await t.copy();
	const from = { ...t.impl, ...copy.module };
	const cycle = async () => {
		const client = t.client(url, { from });
		await client.connect();
		const { subscription, unsubscribe } = await client.subscribe('messages', { query: { ...t.mine, limit: 1 } });
		await subscription.next();
		unsubscribe();
		equal((await subscription.next()).done, true, 'done');
		client.disconnect();
		t.endings.pop();
	};
	for (let i = 0; i < 30; i++) await cycle();
	await t.pause(200);
	const before = await copy.module.stats();
	for (let i = 0; i < cycles; i++) await cycle();
	await t.pause(200);
	const after = await copy.module.stats();
	ok(after.functions <= before.functions + 2, `as many functions as before: ${before.functions}, then ${after.functions}`);
	ok(after.goroutines <= before.goroutines + 2, `as many goroutines as before: ${before.goroutines}, then ${after.goroutines}`);
	ok(after.heap < before.heap + 4_000_000, `a heap as before: ${before.heap}, then ${after.heap}`);
}, { ...ours, limit: 600_000 });

test('no global was left behind', async (t) => {
	deepEqual(Object.getOwnPropertyNames(globalThis).filter((name) => !t.globals.includes(name)), []);
	if (t.env === 'browser') for (const name of ['Go', 'fs', 'process', 'path']) ok(!(name in globalThis), `no global ${name}`);
}, { alone: true });
