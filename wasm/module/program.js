// Runs the WebAssembly program. It is loaded along with that (instance.js), so that a
// page pays for it only with the first connect().
import { Gatherer } from './gather.js';
import glue from './wasm_exec.js'; // made by the build

const encoder = new TextEncoder();

// A Program is one run of the WebAssembly. api is what it offers (wasm/main_js.go).
export class Program {
	api;
	asking = 0; // how many requests of the page go through the program
	gatherers = new WeakMap(); // by WebSocket
	#go;
	#values = []; // what it refers to in JavaScript
	#said = ''; // what it wrote last, which after a panic tells why
	#line = ''; // of that, what is no whole line yet
	#ends = new Set();
	#ended = false;
	#exports;
	#channel = new MessageChannel(); // brings what is to be done in a task of its own
	#due = [];

	constructor() {
		const offered = new Promise((resolve) => {
			this.offered = resolve;
		});
		const Go = glue(globalsFor(this, (text) => this.#say(text)));
		const go = (this.#go = new Go());
		go.env = { GOGC: '400' }; // the heap is small, and collecting it is done on the page's thread
		go.exit = (code) => this.#end(code);
		// An event that comes after the end, or a trap, is not to fall on who caused it.
		const resume = go._resume;
		go._resume = () => {
			if (this.#ended) return;
			try {
				resume.call(go);
			} catch (trap) {
				this.#end(2, trap);
			}
		};
		this.ready = offered;
		const { port1 } = this.#channel;
		port1.onmessage = () => {
			const due = this.#due;
			this.#due = [];
			due.forEach((f) => f());
		};
		port1.unref?.(); // it is no reason for Node to go on
	}

	// run compiles and starts the program, of a response or bytes, and returns once it
	// offers its api.
	async run(source) {
		const { importObject } = this.#go;
		const { instance } = await (source instanceof Response
			? WebAssembly.instantiateStreaming(source, importObject)
			: WebAssembly.instantiate(source, importObject));
		const ended = new Promise((_, reject) => this.onEnd((why) => reject(new Error(why))));
		this.#go.run(instance).catch((trap) => this.#end(2, trap));
		this.#values = this.#go._values;
		this.#exports = instance.exports;
		this.api = await Promise.race([this.ready, ended]);
	}

	// onEnd has listener told when the program ends, and why, if it was by itself. It
	// returns the remover.
	onEnd(listener) {
		this.#ends.add(listener);
		return () => this.#ends.delete(listener);
	}

	// exit ends the program on request.
	exit() {
		this.api.exit();
	}

	// gather begins to bring the frames of a socket to the program.
	gather(ws, id) {
		return new Gatherer(ws, id, this);
	}

	// deliver writes n frames into the program's memory and has it read them.
	deliver(id, text, n) {
		if (this.#ended) return;
		const bytes = encoder.encode(text);
		try {
			const at = this.#exports.gatherRoom(id, bytes.length);
			if (at === 0) return; // the socket is gone
			new Uint8Array(this.#exports.mem.buffer, at, bytes.length).set(bytes);
			this.#exports.gathered(id, n);
		} catch (trap) {
			this.#end(2, trap);
		}
		this.#go._resume(); // what that woke runs now
	}

	// later calls f in the task that is due next.
	later(f) {
		if (this.#due.push(f) === 1) this.#channel.port2.postMessage(0);
	}

	// stats tells what the program holds, once what nobody uses is collected:
	// goroutines, bytes of heap, and how many functions of JavaScript it refers to.
	async stats() {
		let stats;
		for (let i = 0; i < 3; i++) {
			stats = this.api.stats();
			await new Promise((resolve) => setTimeout(resolve)); // finalizers run
		}
		const functions = this.#values.filter((value) => typeof value === 'function').length;
		return { ...stats, functions };
	}

	#say(text) {
		this.#said = (this.#said + text).slice(-10_000);
		this.#line += text;
		const end = this.#line.lastIndexOf('\n');
		if (end < 0) return;
		console.error(this.#line.slice(0, end));
		this.#line = this.#line.slice(end + 1);
	}

	#end(code, trap) {
		if (this.#ended) return;
		this.#ended = true;
		const timeouts = this.#go._scheduledTimeouts;
		timeouts.forEach((id) => clearTimeout(id));
		timeouts.clear();
		// Nobody is left to close these, and an open one keeps Node running.
		for (const value of this.#values) if (value instanceof MessagePort) value.close();
		this.#channel.port1.close();
		// What the page's own listeners hold of it is to hold nothing else.
		setTimeout(() => {
			this.#values = [];
			this.#exports = undefined;
			for (const name of ['_inst', '_values', '_ids', 'mem']) delete this.#go[name];
		});
		const why = code === 0 ? undefined : (trap?.message ?? (/^(?:panic|fatal error): (.*)/m.exec(this.#said)?.[1] || `exit code ${code}`));
		this.#ends.forEach((listener) => listener(why, trap));
	}
}

// globalsFor makes what the program takes for the global object. What it looks up
// comes from the real one; what Go's support code defines (Go, fs, process, path)
// stays in here, so that the page does not find globals that it did not make.
function globalsFor(program, say) {
	const decoder = new TextDecoder();
	const unused = (...args) => args.at(-1)(Object.assign(new Error('not implemented'), { code: 'ENOSYS' }));
	const own = {
		__proto__: null,
		fs: {
			constants: { O_WRONLY: -1, O_RDWR: -1, O_CREAT: -1, O_TRUNC: -1, O_APPEND: -1, O_EXCL: -1, O_DIRECTORY: -1 },
			writeSync(_, bytes) {
				say(decoder.decode(bytes, { stream: true }));
				return bytes.length;
			},
			write(fd, bytes, offset, length, position, callback) {
				callback(null, this.writeSync(fd, bytes.subarray(offset, offset + length)));
			},
			open: unused,
		},
		process: undefined,
		path: undefined,
		leveret: (api) => program.offered(api),
		leveretGather: (ws, id) => program.gather(ws, id),
	};
	const bound = new Map();
	return new Proxy(own, {
		get(_, name) {
			if (name in own) return own[name];
			const value = globalThis[name];
			// A method of the global object refuses any other; a class stays what it is.
			if (typeof value !== 'function' || !/^[a-z]/.test(name)) return value;
			if (!bound.has(value)) bound.set(value, value.bind(globalThis));
			return bound.get(value);
		},
	});
}
