// What a test is given.
import { Failure, show, textOf, within } from './assert.js';

// makeWorld returns the function that makes each test's t.
export function makeWorld(common) {
	return (name, patience) => new World(name, patience, common);
}

let worlds = 0;

class World {
	endings = [];

	// user marks the items of this test: all tests share one collection.
	user = `${Math.random().toString(36).slice(2, 8)}-${++worlds}`;

	// common is what all tests of a run have: impl, env, stage, uncaught,
	// globals, soak.
	constructor(name, patience, common) {
		Object.assign(this, { name, patience, ...common });
	}

	// mine is the query that sees the items of this test only.
	get mine() {
		return { filter: { user: { _eq: this.user } }, fields: ['id', 'text', 'user'], sort: ['text'], limit: -1 };
	}

	// The stage, each thing until the end of the test.

	server(mode = 'handshake') {
		return this.make('server', { mode });
	}

	// ownServer is one that no other test sees.
	ownServer(env = {}) {
		return this.make('server', { own: true, env });
	}

	// proxied returns a server and a proxy before it.
	async proxied(mode) {
		const server = await this.server(mode);
		return { server, proxy: await this.make('proxy', { to: server.url }) };
	}

	async proxyTo(server) {
		return this.make('proxy', { to: server.url });
	}

	peer(options) {
		return this.make('peer', options);
	}

	// copy is a copy of the module whose WebAssembly instance no other test shares.
	async copy(options) {
		const copy = await this.make('copy', options);
		copy.base = this.env === 'node' ? copy.file : copy.http;
		copy.module = await import(`${copy.base}index.js`);
		this.defer(() => copy.module.dispose());
		return copy;
	}

	async make(kind, options) {
		const thing = await this.stage.make(kind, options);
		thing.patience = this.patience;
		this.defer(() => thing.end());
		return thing;
	}

	// child runs a program of this folder in a Node of its own and returns what it
	// printed. It must end by itself.
	async child(program, ...args) {
		const [{ execFile }, { promisify }, { fileURLToPath }] = await Promise.all(['node:child_process', 'node:util', 'node:url'].map((name) => import(name)));
		const path = fileURLToPath(new URL(program, import.meta.url));
		const { stdout } = await promisify(execFile)(process.execPath, [path, ...args], { timeout: 10_000, killSignal: 'SIGKILL' });
		return stdout;
	}

	// client returns a client that is disconnected after the test. config is that of
	// realtime(); token null leaves the token's composable out; globals replace the
	// client's; from is another implementation.
	client(url, { token = 'editor-demo-token', globals, from = this.impl, ...config } = {}) {
		let client = from.createDirectus(url, globals ? { globals } : {});
		if (token !== null) client = client.with(from.staticToken(token));
		return this.closing(client.with(from.realtime(config)));
	}

	// closing disconnects the client after the test.
	closing(client) {
		this.defer(() => client.disconnect());
		return client;
	}

	async connected(url, options) {
		const client = this.client(url, options);
		await client.connect();
		return client;
	}

	box() {
		return new Box(this.patience);
	}

	// messages collects what onWebSocket('message') gets.
	messages(client) {
		const box = this.box();
		client.onWebSocket('message', (message) => box.add(message));
		return box;
	}

	// read reads a generator to its end, doing work after each message, and collects
	// what came.
	read(generator, work) {
		const reader = new Reader(this.patience);
		reader.finished = reader.readAll(generator, work);
		return reader;
	}

	// subscribe subscribes to the items of this test and reads.
	async subscribe(client, options = {}) {
		const { subscription, unsubscribe } = await client.subscribe('messages', { query: this.mine, ...options });
		return Object.assign(this.read(subscription), { unsubscribe, subscription });
	}

	// confirmed waits until ours has read n subscriptions once more, as it does where the
	// server is no Leveret. What the peer tells before may be told in one event.
	async confirmed(peer, n = 1) {
		if (this.impl.name === 'sdk') return;
		await peer.until(() => peer.sent('items').filter(({ message }) => String(message.uid).startsWith('leveret-')).length >= n, 'the read after the subscribe');
	}

	// pause is for what really takes its time.
	pause(ms) {
		return new Promise((resolve) => setTimeout(resolve, ms));
	}

	// within is the promise, or a failure if it takes longer than this test waits.
	within(promise, what) {
		return within(this.patience, promise, what);
	}

	defer(ending) {
		this.endings.push(ending);
	}

	async close() {
		for (const ending of this.endings.reverse()) {
			try {
				await within(5_000, ending(), 'an ending');
			} catch {
				// already gone, or never
			}
		}
	}
}

// A Box collects things and lets a test wait for them.
class Box {
	items = [];
	waiting = new Set();

	constructor(patience) {
		this.patience = patience;
	}

	add(item) {
		this.items.push(item);
		this.look();
	}

	look() {
		for (const look of [...this.waiting]) look();
	}

	// until waits until the condition holds and returns its value.
	until(condition, what, ms = this.patience) {
		return new Promise((resolve, reject) => {
			const done = () => {
				this.waiting.delete(look);
				clearTimeout(timer);
			};
			const look = () => {
				const value = condition(this.items);
				if (value) {
					done();
					resolve(value);
				}
			};
			const timer = setTimeout(() => {
				done();
				reject(new Failure(`${what} did not come about in ${ms} ms; there ${this.items.length === 1 ? 'was' : 'were'} ${this.items.length}: ${show(this.items.slice(-5))}${this.ending()}`));
			}, ms);
			this.waiting.add(look);
			look();
		});
	}

	// find waits for the first that fits.
	find(fits, what = 'a message', ms) {
		return this.until((items) => items.find(fits), what, ms);
	}

	ending() {
		return '';
	}
}

// A Reader is a box of a generator's messages.
class Reader extends Box {
	ended = false;
	error;
	view = new Map(); // the items that the events come to

	async readAll(generator, work) {
		try {
			for await (const message of generator) {
				this.apply(message);
				this.add(message);
				if (work) await work(message);
			}
		} catch (error) {
			this.error = error;
		}
		this.ended = true;
		this.look();
	}

	// event waits for an event, with this text in its data if that is given.
	event(event, text, ms) {
		return this.find((message) => message.event === event && (text === undefined || [message.data].flat().some((item) => item?.text === text)),
			`the event ${event}${text ? ` of ${text}` : ''}`, ms);
	}

	init(ms) {
		return this.event('init', undefined, ms);
	}

	// end waits until the generator has ended and returns what it threw.
	async end(ms) {
		await this.until(() => this.ended, 'the end of the generator', ms);
		return this.error;
	}

	// events returns the names of the events in order.
	events() {
		return this.items.map(({ event }) => event);
	}

	apply({ event, data }) {
		if (event === 'init' || event === 'gap') this.view.clear();
		for (const item of [data ?? []].flat()) {
			if (event === 'delete') this.view.delete(String(item));
			else this.view.set(String(item.id), item);
		}
	}

	ending() {
		if (this.error !== undefined) return `; it threw ${textOf(this.error)}`;
		return this.ended ? '; it has ended' : '';
	}
}
