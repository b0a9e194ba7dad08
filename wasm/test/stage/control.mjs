// The control connection of one run of the suite: it makes servers, proxies, peers and
// copies of the module, calls them, and hears what happens on them. What a run made
// ends with its connection.
import { Accounts } from './accounts.mjs';
import { startLeveret } from './leveret.mjs';
import { startPeer } from './peer.mjs';
import { startProxy } from './proxy.mjs';

// What a run may call on each kind of thing.
const methods = {
	server: ['call', 'kill', 'revive'],
	proxy: ['set', 'cut'],
	peer: ['set', 'send', 'burst', 'binary', 'tell', 'hangUp', 'drop'],
	copy: ['set'],
};

export class Control {
	things = new Map(); // number -> { kind, thing, shared }

	constructor(stage, ws) {
		this.stage = stage;
		this.ws = ws;
		ws.on('message', (data) => this.hear(JSON.parse(data)));
		ws.on('close', () => this.close());
	}

	say(message) {
		if (this.ws.readyState === this.ws.OPEN) this.ws.send(JSON.stringify(message));
	}

	async hear({ id, call, args }) {
		try {
			this.say({ id, result: (await this[`on_${call}`](...args)) ?? null });
		} catch (error) {
			this.say({ id, error: String(error?.stack ?? error) });
		}
	}

	// on_make makes a thing and returns its number and what the run must know of it.
	async on_make(kind, options) {
		const number = String(this.things.size + 1);
		const entry = { kind };
		this.things.set(number, entry);
		const emit = (event) => this.say({ thing: number, event });
		entry.making = this.make(kind, options, emit);
		const { thing, facts, shared } = await entry.making;
		Object.assign(entry, { thing, shared });
		return { number, facts };
	}

	async make(kind, options, emit) {
		switch (kind) {
			case 'server': {
				const thing = options.own ? await startLeveret(options.env) : await this.stage.server(options.mode);
				return { thing, shared: !options.own, facts: { url: thing.url } };
			}
			case 'proxy': {
				const thing = await startProxy(options.to, emit);
				return { thing, facts: { url: thing.url } };
			}
			case 'peer': {
				const accounts = options.accounts ? new Accounts(options.accounts) : undefined;
				const thing = await startPeer(options, emit, accounts);
				return { thing, facts: { url: thing.url, sessionCookie: accounts?.sessionCookie, refreshCookie: accounts?.refreshCookie } };
			}
			case 'copy': {
				const thing = await this.stage.files.copy(options, emit, this.stage.url);
				return { thing, facts: { http: thing.http, file: thing.file } };
			}
			default:
				throw new Error(`the stage makes no ${kind}`);
		}
	}

	async on_do(number, method, ...args) {
		const { kind, thing } = this.things.get(number);
		if (!methods[kind].includes(method)) throw new Error(`a ${kind} has no ${method}`);
		return thing[method](...args);
	}

	async on_end(number) {
		const { making } = this.things.get(number);
		const { thing, shared } = await making;
		if (!shared) await thing.close();
	}

	// on_report is for a page, which has no terminal.
	on_report(line) {
		this.stage.report(line);
	}

	async close() {
		await Promise.allSettled([...this.things.keys()].map((number) => this.on_end(number)));
	}
}
