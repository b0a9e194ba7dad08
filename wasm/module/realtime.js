// The realtime composable: the face of the WebAssembly program towards a page that
// knows @directus/sdk's.
import { LeveretError } from './error.js';
import { load, locate, unload } from './instance.js';
import { queryToParams, toJSON } from './query.js';

const defaults = { authMode: 'handshake', heartbeat: true, debug: false, connect: {}, reconnect: {} };

export const realtime = (config = {}) => (client) => new Connection(client, { ...defaults, ...config }).face();

// init says where the WebAssembly lies, and loads it now rather than with the first
// connect().
export async function init({ wasmURL } = {}) {
	if (wasmURL !== undefined) locate(wasmURL);
	await load();
}

// Those that are connected, or try to be.
const connections = new Set();

// dispose disconnects every client and ends the program.
export async function dispose() {
	connections.forEach((connection) => connection.disconnect());
	await unload();
}

// stats tells what the program holds, for who looks for a leak: goroutines, bytes of
// heap, and functions of JavaScript that it refers to. It starts the program if need be.
export const stats = async () => (await load()).stats();

const notConnected = () =>
	new LeveretError('NOT_CONNECTED', 'Cannot send messages without an open connection. Make sure you are calling "await client.connect()".');
const invalid = () => new LeveretError('INVALID_MESSAGE', 'A message is an object, or the JSON text of one.');
const disconnected = () => new LeveretError('DISCONNECTED', 'The client was disconnected.');

const brokeDown = (why, cause) =>
	new LeveretError('PANIC', `The WebAssembly program broke down: ${why}. connect() starts it anew; please report what led to it.`, { cause });

// The states in which no attempt is made without being asked for, and those that an
// attempt to connect fails with.
const isEnd = (state) => state === 'needs-auth' || state === 'closed';
const isFailure = (state) => state === 'waiting' || isEnd(state);

// What a transition says when it is the end of an attempt to connect. cause is what
// the page's own getToken threw.
function failureOf({ reason, last, detail }, failure, cause) {
	const because = last || reason;
	const more = failure || detail;
	switch (because) {
		case 'auth-failed':
		case 'auth-timeout':
			return new LeveretError('AUTH_FAILED', 'Authentication failed while opening websocket connection', { reason: because, detail: more });
		case 'no-credential':
			if (failure) return new LeveretError('NO_TOKEN', `getToken() failed: ${cause instanceof Error ? cause.message : failure}`, { cause });
			return new LeveretError('NO_TOKEN', 'No token for authenticating the websocket. Make sure to provide one or call the login() function beforehand.');
		case 'credential-timeout':
		case 'dial-timeout':
			return timedOut();
	}
	return new LeveretError('CONNECTION_FAILED', `The connection could not be opened: ${(more || because).replace(/\.+$/, '')}. Check the URL, that the server runs with WEBSOCKETS_ENABLED=true and allows this page's origin, and the token.`, { reason: because });
}

// What subscriptions and requests end with when the connection is lost for good.
function endOf(cause, error) {
	if (cause.reason !== 'gave-up') return error;
	return new LeveretError('GAVE_UP', `The connection was lost and every attempt to open it again failed: ${error.message}`, { cause: error });
}

const isScalar = (value) => typeof value === 'string' || typeof value === 'number';

// number reads an option that may be written as a text.
function number(value, name) {
	const n = isScalar(value) ? Number(value) : NaN;
	if (Number.isNaN(n)) throw new LeveretError('INVALID_CONFIG', `${name} of realtime() is no number: ${isScalar(value) ? value : typeof value}`);
	return n;
}

const timedOut = () => new LeveretError('CONNECT_TIMEOUT', 'Connection attempt timed out.');

// What the uids of the program's own requests begin with. The page's have none.
const privatePrefix = 'leveret-';

// A Connection is what one realtime() keeps. While it is connected, or tries to be,
// it holds a client in the program; otherwise nothing.
class Connection {
	#client;
	#self; // the client as it was called last: with() makes copies
	#config;
	#handlers = { open: new Map(), error: new Map(), close: new Map(), message: new Map() };
	#listeners = new Set();
	#state = 'idle';
	#uids = 0;
	#held; // {program, id, unlisten, thrown, end}: the client in the program, what getToken threw, what it ended with
	#opening; // {promise, resolve, reject}: connect() is waited for
	#open = false; // signed in, or the credential is being renewed
	#socket; // {ws, event}: the latest WebSocket, and its open event
	#subscriptions = new Map();
	#lastSubscription = 0;
	#asks = new Map(); // what settles each ask() under way
	#lastAsk = 0;

	constructor(client, config) {
		this.#client = this.#self = client;
		this.#config = config;
	}

	// face returns the properties that with() copies into the client.
	face() {
		const core = this;
		return {
			async connect() {
				return core.#connect(this);
			},
			disconnect() {
				core.disconnect();
			},
			async isConnected() {
				await core.#opening?.promise.catch(() => {});
				return core.#open;
			},
			onWebSocket(event, callback) {
				return core.#on(event, callback);
			},
			sendMessage(message) {
				core.#send(message);
			},
			async subscribe(collection, options) {
				return core.#subscribe(this, collection, options);
			},
			realtime: {
				get state() {
					return core.#state;
				},
				onState(listener) {
					core.#listeners.add(listener);
					return () => core.#listeners.delete(listener);
				},
				async ask(message) {
					return core.#ask(message);
				},
			},
		};
	}

	#connect(self) {
		this.#self = self ?? this.#client;
		if (this.#open) return this.#socket.ws;
		if (!this.#opening) {
			this.#opening = withResolvers();
			connections.add(this);
			this.#opening.promise.catch(() => {}); // each caller has a promise of his own
			this.#begin(this.#opening);
		}
		return this.#opening.promise;
	}

	async #begin(opening) {
		try {
			const program = await load();
			if (this.#opening !== opening) return; // disconnected meanwhile
			if (!this.#held) this.#create(program);
			program.api.connect(this.#held.id);
		} catch (error) {
			this.#failed(opening, error);
		}
	}

	#failed(opening, error) {
		if (!opening || this.#opening !== opening) return;
		this.#opening = undefined;
		if (!this.#held) connections.delete(this);
		opening.reject(error);
	}

	// create makes the client in the program.
	#create(program) {
		const { authMode = 'handshake', heartbeat, connect, reconnect } = this.#config;
		if (!['handshake', 'strict', 'public'].includes(authMode))
			throw new LeveretError('INVALID_CONFIG', `authMode of realtime() is "${authMode}": use handshake, strict or public.`);
		const { WebSocket } = this.#client.globals;
		if (!WebSocket && !globalThis.WebSocket)
			throw new LeveretError('NO_WEBSOCKET', 'There is no WebSocket here (Node has one from version 22 on): pass one, as in createDirectus(url, { globals: { WebSocket } }).');
		const token = authMode !== 'public' && typeof this.#self.getToken === 'function';
		const retries = reconnect?.retries === undefined ? undefined : number(reconnect.retries, 'reconnect.retries');
		const settings = {
			url: this.#url(),
			// Without a token there is nothing to begin with: whoever calls signs in himself.
			mode: token ? authMode : 'public',
			token,
			delay: reconnect?.delay === undefined ? 0 : Math.max(100, number(reconnect.delay, 'reconnect.delay')),
			attempts: reconnect === false || retries <= 0 ? -1 : retries === undefined || retries > 1e9 ? 0 : Math.floor(retries) + 1,
			dialTimeout: connect === false ? 24 * 3600_000 : Math.min(number(connect?.timeout ?? 10_000, 'connect.timeout'), 24 * 3600_000),
			pings: heartbeat !== false,
			prefix: privatePrefix,
			WebSocket,
		};
		const held = { program };
		let broke;
		held.unlisten = program.onEnd((why, trap) => {
			if (!why) return;
			broke = brokeDown(why, trap);
			this.#broken(held, broke);
		});
		const id = program.api.create(settings, this.#hooks(held));
		if (typeof id !== 'number') {
			held.unlisten();
			throw broke ?? (id ? new LeveretError(id.code, id.message) : brokeDown('it had ended'));
		}
		held.id = id;
		this.#held = held;
	}

	#url() {
		const { url } = this.#config;
		if (url !== undefined) return String(url);
		const from = this.#client.url;
		if (from.protocol === 'ws:' || from.protocol === 'wss:') return String(from);
		const made = new URL(String(from));
		made.protocol = from.protocol === 'https:' ? 'wss:' : 'ws:';
		made.pathname = '/websocket';
		return String(made);
	}

	// hooks are what the program tells this connection through. It calls them from within
	// itself, where nothing of the page's may run: so they note it down for later, in order.
	#hooks(held) {
		const later = (f) => queueMicrotask(() => this.#held === held && f());
		return {
			socket: (ws) => {
				try {
					this.#watch(ws, held.program.gatherers.get(ws));
				} catch (error) { // a WebSocket of the page's own
					attempt(() => { throw error; });
					ws.close();
				}
			},
			changed: (to, reason, last, detail, code, failure, next) => {
				if (this.#held !== held) return;
				const from = this.#enter(to);
				const cause = { reason, last, detail, code };
				const error = isFailure(to) ? failureOf(cause, failure, held.thrown) : undefined;
				if (isEnd(to)) held.end = endOf(cause, error);
				later(() => this.#changed(from, to, cause, error, next));
			},
			events: (id, text) => this.#subscriptions.get(id)?.push(JSON.parse(text)) ?? true,
			ended: (id, code, message, refusal) => {
				this.#subscriptions.get(id)?.end(new LeveretError(code, message, refusal ? JSON.parse(refusal) : {}));
				this.#subscriptions.delete(id);
			},
			answered: (number, text, code, message) => {
				const settle = this.#asks.get(number);
				if (text === null) settle?.reject(new LeveretError(code, message));
				else settle?.resolve(text);
			},
			token: async () => {
				try {
					return await this.#self.getToken();
				} catch (error) {
					held.thrown = error;
					throw error;
				}
			},
		};
	}

	#watch(ws, gatherer) {
		const socket = { ws, gatherer };
		this.#socket = socket;
		ws.addEventListener('open', (event) => {
			socket.event = event;
			this.#opened(socket);
		});
		ws.addEventListener('error', (event) => this.#emit('error', ws, event));
		// After what the program makes of it: frames that came before are told before.
		ws.addEventListener('close', (event) => queueMicrotask(() => this.#emit('close', ws, event)));
		this.#listen();
	}

	// listen hears messages while there is somebody to tell. They do not pass through the
	// program: it decides nothing about them, and this is the shorter way.
	#listen() {
		const { ws, gatherer } = this.#socket ?? {};
		if (gatherer) gatherer.tell = this.#handlers.message.size > 0 ? (event) => this.#message(ws, event) : undefined;
	}

	#message(ws, event) {
		let message = event;
		try {
			message = JSON.parse(event.data);
		} catch {
			// The event itself, so that the page may make of it what it will.
		}
		if (!message || typeof message !== 'object' || Array.isArray(message)) return;
		const { type, status, uid } = message;
		if (type === 'ping' && this.#config.heartbeat !== false) return; // the program answers it
		if (type === 'auth' && status === 'error') return;
		if (typeof uid === 'string' && uid.startsWith(privatePrefix)) return;
		this.#emit('message', ws, message);
	}

	// enter is the transition itself, at once; it returns the state that it left.
	#enter(to) {
		const from = this.#state;
		this.#state = to;
		if (to === 'resyncing' || to === 'live') this.#open = true;
		else if (to !== 'authenticating') this.#open = false; // that may be a renewal, of an open connection
		return from;
	}

	// changed tells the page of a transition of the program's client. What has failed by
	// it is told first, so that a listener may begin anew.
	#changed(from, to, cause, error, next) {
		const held = this.#held;
		const opening = this.#opening;
		this.#opened(this.#socket);
		if (this.#held !== held) return; // a handler disconnected
		if (isEnd(to)) {
			this.#release();
			this.#endSubscriptions(held.end);
		}
		if (isFailure(to)) this.#failed(opening, error);
		this.#tell(from, to, cause, next);
	}

	// opened goes on once the connection is both open and signed in, whichever is told
	// last.
	#opened(socket) {
		if (!this.#open || !socket?.event || this.#socket !== socket || socket.told) return;
		socket.told = true;
		this.#emit('open', socket.ws, socket.event);
		const opening = this.#opening;
		this.#opening = undefined;
		opening?.resolve(socket.ws);
	}

	#tell(from, to, cause, next) {
		const told = { reason: cause.reason };
		if (cause.detail) told.detail = cause.detail;
		if (cause.code) told.code = cause.code;
		const change = { from, to, cause: told, at: new Date() };
		if (next) change.next = new Date(next);
		if (this.#config.debug) {
			const { logger } = this.#client.globals;
			logger[to === 'waiting' || to === 'needs-auth' ? 'warn' : 'info']('[Leveret]', `${from} → ${to}`, told);
		}
		this.#listeners.forEach((listener) => attempt(() => listener(change)));
	}

	// release lets go of the client in the program.
	#release() {
		const { program, id, unlisten } = this.#held;
		this.#held = undefined;
		this.#open = false;
		connections.delete(this);
		unlisten();
		program.api.close(id);
	}

	#endSubscriptions(error) {
		const all = [...this.#subscriptions.values()];
		this.#subscriptions.clear();
		all.forEach((subscription) => subscription.end(error));
	}

	disconnect() {
		const opening = this.#opening;
		const held = this.#held;
		const from = this.#state;
		if (held) {
			held.program.api.disconnect(held.id);
			this.#release();
			this.#endSubscriptions();
		}
		this.#failed(opening, disconnected());
		if (!held && !opening) return;
		this.#enter('closed');
		this.#tell(from, 'closed', { reason: 'asked' });
	}

	// broken is told that the program has ended by itself.
	#broken(held, error) {
		if (this.#held !== held) return;
		this.#held = undefined;
		this.#open = false;
		connections.delete(this);
		this.#endSubscriptions(error);
		this.#asks.forEach(({ reject }) => reject(error));
		this.#failed(this.#opening, error);
		const { ws } = this.#socket ?? {};
		queueMicrotask(() => {
			this.#emit('error', ws, errorEvent(error));
			ws?.close();
			this.#tell(this.#enter('closed'), 'closed', { reason: 'panic', detail: error.message });
		});
	}

	#on(event, callback) {
		const handlers = this.#handlers[event];
		if (!handlers) throw new LeveretError('INVALID_EVENT', `There is no event "${event}": use open, message, error or close.`);
		const key = event === 'message' ? {} : callback; // as in the SDK, where only a message handler may be there twice
		handlers.set(key, callback);
		this.#listen();
		return () => {
			const had = handlers.delete(key);
			this.#listen();
			return had;
		};
	}

	#emit(event, ws, argument) {
		[...this.#handlers[event].values()].forEach((callback) => attempt(() => callback.call(ws, argument)));
	}

	#nextUid() {
		return String(++this.#uids);
	}

	// used sees to it that no uid of ours equals one of the page's.
	#used(uid) {
		if (isScalar(uid) && /^\d{1,15}$/.test(uid)) this.#uids = Math.max(this.#uids, Number(uid));
		return uid;
	}

	// write makes the text of a message, with a uid if it has none.
	#write(message) {
		if (typeof message === 'string') return message;
		if (typeof message !== 'object' || message === null || Array.isArray(message)) throw invalid();
		if ('uid' in message) this.#used(message.uid);
		const text = toJSON('uid' in message ? message : { ...message, uid: this.#nextUid() });
		if (!text?.startsWith('{')) throw invalid(); // its toJSON made something else of it
		return text;
	}

	#send(message) {
		if (!this.#open) throw notConnected();
		const text = this.#write(message);
		// What is not about signing in or subscribing is no concern of the program's, unless
		// the credential is being renewed: then it keeps what is to be sent.
		if (this.#state !== 'authenticating' && !/"(auth|subscribe)"/.test(text)) {
			const { ws } = this.#socket;
			if (ws.readyState !== 1) throw notConnected();
			ws.send(text);
			return;
		}
		const error = this.#held.program.api.send(this.#held.id, text);
		if (error?.code === 'NOT_CONNECTED') throw notConnected();
		if (error) throw new LeveretError(error.code, error.message);
	}

	async #ask(message) {
		if (!this.#held) await this.#connect(this.#self);
		const held = this.#held;
		if (!held) throw disconnected();
		const { program, id } = held;
		const text = this.#write(typeof message === 'string' ? parsed(message) : message);
		const number = ++this.#lastAsk;
		const { promise, ...settle } = withResolvers();
		this.#asks.set(number, settle);
		program.asking++;
		try {
			program.api.ask(id, number, text);
			return JSON.parse(await promise);
		} catch (error) {
			throw error.code === 'DISCONNECTED' && held.end ? held.end : error; // the connection's own end says why
		} finally {
			program.asking--;
			this.#asks.delete(number);
		}
	}

	async #subscribe(self, collection, options) {
		if (typeof collection !== 'string' || !collection) throw new LeveretError('INVALID_COLLECTION', 'subscribe() needs the name of a collection.');
		const { event, ...extra } = options ?? {};
		for (const known of ['collection', 'type', 'uid', 'item', 'query', 'capabilities']) delete extra[known];
		const given = options?.uid ?? this.#nextUid();
		if (!isScalar(given)) throw new LeveretError('INVALID_PAYLOAD', 'A uid is a text or a number.');
		const uid = this.#used(String(given));
		const text = (value) => (value === undefined || value === null ? undefined : toJSON(value));
		const query = options?.query && text(queryToParams(options.query));
		const item = text(options?.item);
		const more = Object.keys(extra).length > 0 ? text(extra) : undefined;
		if (!this.#open) await this.#connect(self);
		if (!this.#held) throw disconnected();
		const { program, id } = this.#held;
		const key = ++this.#lastSubscription;
		const held = this.#held;
		const subscription = new Subscription(
			() => this.#held === held && program.api.resume(id, key),
			() => {
				this.#subscriptions.delete(key);
				if (this.#held === held) program.api.unsubscribe(id, key);
			},
		);
		this.#subscriptions.set(key, subscription);
		program.api.subscribe(id, key, collection, event, item, query, uid, more);
		return { subscription, unsubscribe: () => subscription.leave() };
	}
}

// How many events wait in JavaScript before the program keeps the rest.
const room = 1_024;

const AsyncIteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf((async function* () {}).prototype));

// A Subscription is the async generator of one subscription's messages.
class Subscription {
	#messages = [];
	#next = 0; // of messages, the first that was not taken
	#waiting = []; // the promises that next() gave out
	#full = false;
	#ended = false;
	#error;
	#resume;
	#unsubscribe;

	constructor(resume, unsubscribe) {
		this.#resume = resume;
		this.#unsubscribe = unsubscribe;
	}

	// push takes messages from the program and returns whether it may bring more.
	push(messages) {
		let i = 0;
		while (i < messages.length && this.#waiting.length > 0) this.#waiting.shift().resolve({ value: messages[i++], done: false });
		if (i < messages.length) {
			if (this.#next === this.#messages.length) {
				this.#messages = messages;
				this.#next = i;
			} else {
				this.#messages = this.#messages.slice(this.#next).concat(messages.slice(i));
				this.#next = 0;
			}
		}
		this.#full = this.#messages.length - this.#next >= room;
		return !this.#full;
	}

	// end says that there is no more after what waits: an error, or nothing.
	end(error) {
		if (this.#ended) return;
		this.#ended = true;
		const waiting = this.#waiting;
		this.#waiting = [];
		if (error && waiting.length > 0) waiting.shift().reject(error);
		else this.#error = error;
		waiting.forEach(({ resolve }) => resolve({ value: undefined, done: true }));
	}

	// leave ends it at once, from this side.
	leave() {
		this.#messages = [];
		this.#next = 0;
		this.#error = undefined;
		if (!this.#ended) this.#unsubscribe();
		this.end();
	}

	next() {
		if (this.#next < this.#messages.length) {
			const value = this.#messages[this.#next++];
			if (this.#next === this.#messages.length) {
				this.#messages = [];
				this.#next = 0;
				if (this.#full) {
					this.#full = false;
					this.#resume();
				}
			}
			return Promise.resolve({ value, done: false });
		}
		if (this.#error) {
			const error = this.#error;
			this.#error = undefined;
			return Promise.reject(error);
		}
		if (this.#ended) return Promise.resolve({ value: undefined, done: true });
		const { promise, ...waiting } = withResolvers();
		this.#waiting.push(waiting);
		return promise;
	}

	async return(value) {
		this.leave();
		return { value: await value, done: true };
	}

	async throw(error) {
		this.leave();
		throw error;
	}

	get [Symbol.toStringTag]() {
		return 'AsyncGenerator';
	}
}
Object.setPrototypeOf(Subscription.prototype, AsyncIteratorPrototype);

// attempt calls what is the page's: what that throws is its own affair, and is
// reported as such.
function attempt(f) {
	try {
		f();
	} catch (error) {
		if (globalThis.reportError) globalThis.reportError(error);
		else Promise.reject(error);
	}
}

function parsed(text) {
	try {
		const value = JSON.parse(text);
		if (typeof value === 'object') return value;
	} catch {
		// It is no JSON at all.
	}
	throw invalid();
}

function withResolvers() {
	const made = {};
	made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
	return made;
}

function errorEvent(error) {
	const event = new Event('error');
	return Object.defineProperties(event, { error: { value: error }, message: { value: error.message } });
}
