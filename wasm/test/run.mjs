// Runs the behaviour suite by hand or for server/e2e:
//
//   node run.mjs [--impl sdk|ours|mixed] [--env node|browser] [--grep text]
//
// Without a choice it runs everything there is a choice of. The browser is $CHROME, or
// the first Chromium or Chrome on the PATH.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startStage } from './stage.mjs';
import { names } from './suite/implementations.js';

const { values: wanted } = parseArgs({ options: { impl: { type: 'string' }, env: { type: 'string' }, grep: { type: 'string', default: '' } } });
const impls = wanted.impl ? [wanted.impl] : names;
const envs = wanted.env ? [wanted.env] : ['node', 'browser'];
const environments = { node: inNode, browser: inBrowser };
const patience = process.env.LEVERET_SOAK ? 1_800_000 : 120_000;

const total = { passed: 0, failed: 0 };
let onLine; // of the page that is open

const stage = await startStage({ report: (line) => onLine?.(line) });
for (const signal of ['SIGINT', 'SIGTERM']) {
	process.on(signal, async () => {
		await stage.close();
		process.exit(1);
	});
}
for (const env of envs) {
	for (const impl of impls) {
		if (!environments[env] || !names.includes(impl)) throw new Error(`usage: node run.mjs [--impl ${names.join('|')}] [--env node|browser] [--grep text]`);
		const { passed, failed } = await environments[env](impl);
		total.passed += passed;
		total.failed += failed;
	}
}
await stage.close();
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed > 0 ? 1 : 0);

// summing returns what takes a run's lines: it prints them and keeps the last one.
function summing() {
	const sum = {
		take(line) {
			const found = /^(\d+) passed, (\d+) failed$/.exec(line);
			if (found) sum.last = { passed: Number(found[1]), failed: Number(found[2]) };
			else console.log(line);
		},
	};
	return sum;
}

async function inNode(impl) {
	const program = fileURLToPath(new URL('suite/node.js', import.meta.url));
	const child = spawn(process.execPath, [program, impl, stage.url, wanted.grep], { stdio: ['ignore', 'pipe', 'pipe'] });
	let complaints = ''; // V8 prints them where the SDK closes a socket until the stack is full
	child.stderr.on('data', (data) => { complaints += data; });
	const kill = () => child.kill('SIGKILL');
	process.on('exit', kill);
	const timer = setTimeout(kill, patience);
	const sum = summing();
	for await (const line of createInterface({ input: child.stdout })) sum.take(line);
	clearTimeout(timer);
	if (impl !== 'sdk' || !sum.last) process.stderr.write(complaints);
	return sum.last ?? unfinished(impl, 'node');
}

async function inBrowser(impl) {
	const profile = await mkdtemp(join(tmpdir(), 'leveret-suite-'));
	const page = new URL('/wasm/test/suite/page.html', stage.url);
	page.search = new URLSearchParams({ impl, grep: wanted.grep, ...(process.env.LEVERET_SOAK ? { soak: '1' } : {}) });
	const child = spawn(browser(), [
		'--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-dev-shm-usage',
		'--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-background-timer-throttling',
		'--disable-renderer-backgrounding', '--remote-debugging-port=0', `--user-data-dir=${profile}`, page.href,
	], { stdio: 'ignore', detached: true });
	// Its other processes end with it, and it ends with us.
	const runs = () => child.exitCode === null && child.signalCode === null;
	const kill = () => runs() && process.kill(-child.pid, 'SIGKILL');
	process.on('exit', kill);
	const sum = summing();
	const ended = new Promise((resolve) => {
		onLine = (line) => {
			sum.take(line);
			if (sum.last) resolve();
		};
		child.once('exit', resolve);
		setTimeout(resolve, patience).unref();
	});
	await ended;
	onLine = undefined;
	const gone = runs() && once(child, 'exit');
	kill();
	await gone;
	process.off('exit', kill);
	await rm(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
	return sum.last ?? unfinished(impl, 'browser');
}

function unfinished(impl, env) {
	console.log(`FAIL ${impl} in ${env}: the run did not come to its end`);
	return { passed: 0, failed: 1 };
}

function browser() {
	if (process.env.CHROME) return process.env.CHROME;
	for (const name of ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']) {
		for (const folder of (process.env.PATH ?? '').split(delimiter)) {
			try {
				accessSync(join(folder, name), constants.X_OK);
				return join(folder, name);
			} catch {
				// not here
			}
		}
	}
	throw new Error('no Chrome or Chromium found: install Debian\'s package chromium, or set CHROME to the path of one');
}
