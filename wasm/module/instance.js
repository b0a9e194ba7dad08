// Loads the WebAssembly program and runs it, once for all clients of a page.
import { LeveretError } from './error.js';

let wasmURL; // undefined: beside this file
let fetching; // aborts the fetch of that
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

// unload ends the program, or gives up fetching it.
export async function unload() {
	const mine = starting;
	starting = undefined;
	fetching?.abort();
	const program = await mine?.catch(() => {});
	program?.exit();
}

function forget(promise) {
	if (starting === promise) starting = undefined;
}

async function start() {
	let url = wasmURL;
	fetching = new AbortController();
	try {
		url = wasmURL === undefined ? new URL('./leveret.wasm', import.meta.url) : new URL(wasmURL, baseURL());
		const [{ Program }, source] = await Promise.all([import('./program.js'), fetchWasm(url, fetching.signal)]);
		const program = new Program();
		program.onEnd(() => forget(starting));
		await program.run(source);
		return program;
	} catch (cause) {
		throw unavailable(url, cause);
	}
}

const baseURL = () => globalThis.document?.baseURI ?? globalThis.location?.href ?? import.meta.url;

const unavailable = (url, cause) =>
	new LeveretError(
		'WASM_UNAVAILABLE',
		`The WebAssembly at ${url} cannot be used: ${cause.message}. See that it is served there (init({ wasmURL }) names another place) and that the page's Content-Security-Policy has 'wasm-unsafe-eval'. The next call tries again.`,
		{ cause },
	);

// fetchWasm returns what there is to compile: a response, or bytes.
async function fetchWasm(url, signal) {
	if (url.protocol === 'file:') {
		const { readFile } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs/promises');
		return readFile(url);
	}
	const response = await fetch(url, { signal });
	if (!response.ok) throw new Error(`the server answered ${response.status}`);
	const type = response.headers.get('Content-Type')?.split(';')[0].trim();
	return type === 'application/wasm' && WebAssembly.instantiateStreaming ? response : response.arrayBuffer();
}
