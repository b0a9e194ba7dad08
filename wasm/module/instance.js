// Loads the WebAssembly program and runs it, once for all clients of a page.
import { LeveretError } from './error.js';

let wasmURL; // undefined: beside this file
let starting; // the promise of the program that runs, or is being started

// locate says where the WebAssembly lies, for the next time that it is loaded.
export function locate(url) {
	wasmURL = url;
}

// load returns the running program; the first call fetches it. After a failure, or
// once a program has ended, the next call begins anew.
export function load() {
	const mine = (starting ??= start().catch((error) => {
		forget(mine);
		throw error;
	}));
	return mine;
}

// loaded returns what load has begun, or undefined.
export const loaded = () => starting;

function forget(promise) {
	if (starting === promise) starting = undefined;
}

async function start() {
	const url = wasmURL === undefined ? new URL('./leveret.wasm', import.meta.url) : new URL(wasmURL, baseURL());
	const [glue, source] = await Promise.all([import('./wasm_exec.js'), fetchWasm(url)]).catch((cause) => {
		throw unavailable(url, cause.message, cause);
	});
	return new Program(glue.default, url, source).run();
}

const baseURL = () => globalThis.document?.baseURI ?? globalThis.location?.href ?? import.meta.url;

const unavailable = (url, why, cause) =>
	new LeveretError(
		'WASM_UNAVAILABLE',
		`The WebAssembly at ${url} cannot be used: ${why}. See that the file is served there (init({ wasmURL }) names another place) and that the page's Content-Security-Policy has 'wasm-unsafe-eval'. The next call tries again.`,
		{ cause },
	);

// fetchWasm returns what there is to compile: a response, or bytes.
async function fetchWasm(url) {
	if (url.protocol === 'file:') {
		const { readFile } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs/promises');
		return readFile(url);
	}
	const response = await fetch(url);
	if (!response.ok) throw new Error(`the server answered ${response.status}`);
	const type = response.headers.get('Content-Type')?.split(';')[0].trim();
	return type === 'application/wasm' && WebAssembly.instantiateStreaming ? response : response.arrayBuffer();
}

// A Program is one run of the WebAssembly. api is what it offers (wasm/main_js.go).
class Program {
	api;
	#go;
	#values = []; // what it refers to in JavaScript
	#url;
	#source;
	#said = ''; // what it wrote last, which after a panic tells why
	#line = ''; // of that, what is no whole line yet
	#ends = new Set();
	#ended = false;

	constructor(glue, url, source) {
		this.#url = url;
		this.#source = source;
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
	}

	async run() {
		const { importObject } = this.#go;
		let result;
		try {
			result = await (this.#source instanceof globalThis.Response
				? WebAssembly.instantiateStreaming(this.#source, importObject)
				: WebAssembly.instantiate(this.#source, importObject));
		} catch (cause) {
			throw unavailable(this.#url, cause.message, cause);
		}
		this.#source = undefined;
		const ended = new Promise((_, reject) => this.onEnd(reject));
		this.#go.run(result.instance).catch((trap) => this.#end(2, trap));
		this.#values = this.#go._values;
		this.api = await Promise.race([this.ready, ended]);
		return this;
	}

	// onEnd has listener told the error with which the program ends, if it does not end
	// on request. It returns the remover.
	onEnd(listener) {
		this.#ends.add(listener);
		return () => this.#ends.delete(listener);
	}

	// exit ends the program on request.
	exit() {
		this.#ends.clear();
		this.api.exit();
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
		starting = undefined;
		const timeouts = this.#go._scheduledTimeouts;
		timeouts.forEach((id) => clearTimeout(id));
		timeouts.clear();
		// Nobody is left to close these, and an open one keeps Node running.
		for (const value of this.#values) if (value instanceof MessagePort) value.close();
		if (code === 0) return;
		const why = trap?.message ?? (/^(?:panic|fatal error): (.*)/m.exec(this.#said)?.[1] || `exit code ${code}`);
		const error = new LeveretError('PANIC', `The WebAssembly program broke down: ${why}. connect() starts it anew; please report what led to it.`, { cause: trap });
		this.#ends.forEach((listener) => listener(error));
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
