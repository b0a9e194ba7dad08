// The suite's side of the stage: what stage/control.mjs makes, as objects.
import { Failure } from './assert.js';

// Taken before any test does something to it.
const { WebSocket } = globalThis;

// openStage returns the stage at that address.
export async function openStage(url) {
	if (!WebSocket) throw new Error('this Node has no WebSocket: use Node 22 or newer, which make e2e puts first on the PATH');
	const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/control`);
	await new Promise((resolve, reject) => {
		socket.onopen = resolve;
		socket.onerror = () => reject(new Error(`the stage does not answer at ${url}`));
	});
	return new Stage(socket);
}

class Stage {
	calls = new Map();
	things = new Map();
	early = []; // what happened on a thing before its maker knew its number
	last = 0;

	constructor(socket) {
		this.socket = socket;
		socket.onmessage = ({ data }) => this.hear(JSON.parse(data));
		socket.onclose = () => {
			for (const { reject } of this.calls.values()) reject(new Error('the stage is gone'));
		};
	}

	hear({ id, result, error, thing, event }) {
		if (thing) {
			if (this.things.has(thing)) this.things.get(thing).happen(event);
			else this.early.push({ thing, event });
			return;
		}
		const { resolve, reject } = this.calls.get(id);
		this.calls.delete(id);
		if (error) reject(new Error(error));
		else resolve(result);
	}

	call(call, ...args) {
		const id = ++this.last;
		return new Promise((resolve, reject) => {
			this.calls.set(id, { resolve, reject });
			this.socket.send(JSON.stringify({ id, call, args }));
		});
	}

	async make(kind, options = {}) {
		const { number, facts } = await this.call('make', kind, options);
		const thing = new kinds[kind](this, number, facts);
		this.things.set(number, thing);
		for (const { event } of this.early.filter((one) => one.thing === number)) thing.happen(event);
		return thing;
	}

	report(line) {
		return this.call('report', line);
	}
}

// A Thing is something on the stage, with a log of what happened on it.
class Thing {
	log = [];
	waiting = new Set();

	constructor(stage, number, facts) {
		this.stage = stage;
		this.number = number;
		Object.assign(this, facts);
	}

	get ws() {
		return `${this.url.replace(/^http/, 'ws')}/websocket`;
	}

	happen(event) {
		if (event.text !== undefined) event.message = parse(event.text);
		this.log.push(event);
		for (const look of this.waiting) look();
	}

	// until waits until the condition holds, which it looks at after every event, and
	// returns its value.
	until(condition, what, ms = this.patience) {
		return new Promise((resolve, reject) => {
			const look = () => {
				const value = condition();
				if (!value) return false;
				this.waiting.delete(look);
				clearTimeout(timer);
				resolve(value);
				return true;
			};
			const timer = setTimeout(() => {
				this.waiting.delete(look);
				reject(new Failure(`${what} did not come about in ${ms} ms; there was ${this.said()}`));
			}, ms);
			if (!look()) this.waiting.add(look);
		});
	}

	// said is the log in short, for messages.
	said() {
		return this.log.slice(-12).map(({ kind, direction, text, path }) => [kind, direction, text?.slice(0, 120) ?? path].filter(Boolean).join(' ')).join('; ') || 'nothing';
	}

	// upgrades returns the upgrades so far.
	upgrades() {
		return this.log.filter(({ kind }) => kind === 'upgrade');
	}

	// sent returns the frames that the client sent; of one type, or on one socket, if
	// that is asked for.
	sent(type, socket) {
		return this.frames('sent', type, socket);
	}

	frames(direction, type, socket) {
		return this.log.filter((event) => event.kind === 'frame' && event.direction === direction &&
			(!type || event.message?.type === type) && (!socket || event.socket === socket));
	}

	closed() {
		return this.log.filter(({ kind }) => kind === 'closed');
	}

	do(method, ...args) {
		return this.stage.call('do', this.number, method, ...args);
	}

	// settled waits until all that happened on the stage before is in the log.
	settled() {
		return this.do('set', {});
	}

	end() {
		return this.stage.call('end', this.number);
	}
}

class Server extends Thing {
	// rest makes a REST request as the administrator, unless a token is given, and
	// returns its data.
	async rest(method, path, body, token) {
		const { status, data, errors } = await this.do('call', { method, path, body, token });
		if (errors) throw new Error(`${method} ${path} answered ${status}: ${errors[0].message}`);
		return data;
	}

	create(items) {
		return this.rest('POST', '/items/messages', items);
	}

	update(id, item) {
		return this.rest('PATCH', `/items/messages/${id}`, item);
	}

	delete(id) {
		return this.rest('DELETE', `/items/messages/${id}`);
	}

	// rows returns the items of one user of the collection.
	rows(user) {
		const filter = encodeURIComponent(JSON.stringify({ user: { _eq: user } }));
		return this.rest('GET', `/items/messages?limit=-1&sort=text&filter=${filter}`);
	}

	kill() {
		return this.do('kill');
	}

	revive() {
		return this.do('revive');
	}
}

class Proxy extends Thing {
	set(faults) {
		return this.do('set', faults);
	}

	cut() {
		return this.do('cut');
	}
}

class Peer extends Thing {
	set(options) {
		return this.do('set', options);
	}

	send(...messages) {
		return this.do('send', messages);
	}

	burst(messages) {
		return this.do('burst', messages);
	}

	binary(...bytes) {
		return this.do('binary', bytes);
	}

	tell(collection, events, oneWrite = false) {
		return this.do('tell', collection, events, oneWrite);
	}

	hangUp(code, reason) {
		return this.do('hangUp', code, reason);
	}

	drop() {
		return this.do('drop');
	}

	requests(path) {
		return this.log.filter((event) => event.kind === 'request' && (!path || event.path === path));
	}
}

class Copy extends Thing {
	// fetched returns the names of the files that a page has fetched.
	fetched(name) {
		return this.of('fetch', name);
	}

	// gone returns the names of those whose answer the page did not wait for any more.
	gone(name) {
		return this.of('gone', name);
	}

	of(kind, name) {
		return this.log.filter((event) => event.kind === kind && (!name || event.name === name)).map((event) => event.name);
	}

	set(options) {
		return this.do('set', options);
	}
}

const kinds = { server: Server, proxy: Proxy, peer: Peer, copy: Copy };

function parse(text) {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
