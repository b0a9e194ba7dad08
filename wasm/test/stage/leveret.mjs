// The real server: bin/leveret as a process with a database of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const binary = fileURLToPath(new URL('../../../bin/leveret', import.meta.url));

// startLeveret returns a running server. env has Directus's names.
export async function startLeveret(env = {}) {
	const folder = await mkdtemp(join(tmpdir(), 'leveret-stage-'));
	const server = new Leveret(join(folder, 'test.db'), env);
	server.remove = () => rm(folder, { recursive: true, force: true });
	try {
		await server.start('127.0.0.1:0');
	} catch (error) {
		await server.close();
		throw error;
	}
	return server;
}

class Leveret {
	said = '';

	constructor(db, env) {
		this.db = db;
		// The suite's page comes from another port.
		this.env = { ...process.env, CORS_ENABLED: 'true', CORS_ORIGIN: 'true', LOGIN_STALL_TIME: '0', LOG_LEVEL: 'warn', ...env };
	}

	async start(addr) {
		this.process = spawn(binary, ['--addr', addr, '--db', this.db], { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
		this.ended = once(this.process, 'exit');
		this.process.stderr.on('data', (data) => { this.said += data; });
		const lines = createInterface({ input: this.process.stdout });
		const opened = (async () => {
			for await (const line of lines) {
				const found = /^ *open +(http:\S+)/.exec(line);
				if (found) return found[1];
			}
			throw new Error(`${binary} ended before it listened; it said: ${this.said}`);
		})();
		const failed = once(this.process, 'error').then(([error]) => {
			throw new Error(`${binary} does not start (${error.message}): build it with make bin/leveret`);
		});
		failed.catch(() => {});
		this.url = await Promise.race([opened, failed]);
		this.process.stdout.resume();
	}

	// kill ends it as a power cut would.
	async kill() {
		this.process.kill('SIGKILL');
		await this.ended;
	}

	// revive starts it again, at the same address and with the same database.
	async revive() {
		await this.start(new URL(this.url).host);
	}

	async close() {
		if (this.process?.pid) await this.kill();
		await this.remove();
	}

	// call makes one REST request and returns { status, data, errors }.
	async call({ method = 'GET', path, body, token = 'admin-demo-token' }) {
		const headers = {};
		if (token) headers.authorization = `Bearer ${token}`;
		if (body !== undefined) headers['content-type'] = 'application/json';
		const response = await fetch(this.url + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
		const text = await response.text();
		return { status: response.status, ...(text ? JSON.parse(text) : {}) };
	}
}
