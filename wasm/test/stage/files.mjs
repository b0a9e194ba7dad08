// Serves the suite's page and everything that it imports, under the paths that the
// files have in the repository, so that relative imports mean the same as in Node.
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const served = ['web/dist/module/', 'wasm/test/suite/', 'wasm/test/samples/', 'wasm/test/node_modules/@directus/sdk/dist/'];
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.json': 'application/json', '.wasm': 'application/wasm' };

export class Files {
	copies = new Map(); // number -> Copy
	count = 0;

	async answer(request, response) {
		const path = normalize(decodeURIComponent(new URL(request.url, 'http://stage').pathname)).slice(1);
		const copied = /^copy\/(\d+)\/(.*)$/.exec(path);
		if (copied) {
			const copy = this.copies.get(copied[1]);
			return copy ? copy.answer(copied[2], response) : notFound(response);
		}
		if (!served.some((folder) => path.startsWith(folder))) return notFound(response);
		return send(response, join(root, path));
	}

	// copy makes a copy of the module that is nobody else's: a WebAssembly instance of
	// its own, and faults of its own.
	async copy(options, emit, origin) {
		const copy = new Copy(options, emit);
		copy.number = String(++this.count);
		copy.folder = await mkdtemp(join(tmpdir(), 'leveret-module-'));
		await cp(join(root, 'web/dist/module'), copy.folder, { recursive: true });
		this.copies.set(copy.number, copy);
		copy.http = `${origin}/copy/${copy.number}/`;
		copy.file = pathToFileURL(`${copy.folder}/`).href;
		return copy;
	}
}

class Copy {
	// options:
	//   failures  how often the WebAssembly is answered with status, and without itself
	//   status    404 unless set
	//   stalls    where its next answers stop for good: 'head' before anything is said,
	//             'body' in the midst of it
	//   type      its Content-Type, if it is to be wrong
	constructor({ failures = 0, status = 404, stalls = [], type } = {}, emit) {
		Object.assign(this, { failures, status, stalls, type, emit });
	}

	set(options) {
		Object.assign(this, options);
	}

	async answer(name, response) {
		this.emit({ kind: 'fetch', name });
		response.setHeader('Cache-Control', 'no-store');
		if (extname(name) !== '.wasm') return send(response, join(this.folder, name));
		const stall = this.stalls.shift();
		if (stall) return this.stall(stall, name, response);
		const fails = this.failures > 0;
		if (fails) this.failures--;
		if (fails) return response.writeHead(this.status).end('not here');
		return send(response, join(this.folder, name), this.type);
	}

	// stall leaves the answer open until the other side goes. It is not to be kept alive:
	// Chromium, when it goes, would wait five seconds for the rest and use it again.
	async stall(where, name, response) {
		response.on('close', () => this.emit({ kind: 'gone', name }));
		if (where === 'head') return;
		const data = await readFile(join(this.folder, name));
		const head = { 'Content-Type': types['.wasm'], 'Content-Length': data.length, 'Access-Control-Allow-Origin': '*', Connection: 'close' };
		response.writeHead(200, head).write(data.subarray(0, 1000));
	}

	async close() {
		await rm(this.folder, { recursive: true, force: true });
	}
}

async function send(response, file, type = types[extname(file)] ?? 'application/octet-stream') {
	let data;
	try {
		data = await readFile(file);
	} catch {
		return notFound(response);
	}
	// A Node program fetches the WebAssembly from here too.
	response.writeHead(200, { 'Content-Type': type, 'Access-Control-Allow-Origin': '*' }).end(data);
}

function notFound(response) {
	response.writeHead(404, { 'Content-Type': 'text/plain' }).end('not found');
}
