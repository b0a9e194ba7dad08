// The suite's own runner: one registry, a pool, one line a test.
import { Failure, show, textOf, within } from './assert.js';

const tests = [];

// theme returns the test function of one file; common are options of all its tests.
//
// test(sentence, body, options) registers a behaviour. Options:
//   sdk     the defect for which the official SDK fails the test; a pass there is a failure of the suite
//   fails   the pattern of how it fails there
//   where   'node' or 'browser': the only environment in which the SDK has the defect
//   only    'ours': what the SDK has no counterpart of
//   once    not with our realtime() in the SDK's client, where it would only show again what another run shows
//   env     'node' or 'browser': the only environment in which the test makes sense
//   alone   nothing else runs at the same time
//   limit   milliseconds that the test may take
//   soak    only with LEVERET_SOAK: it takes long
export function theme(name, common) {
	return (sentence, body, options) => tests.push({ name: `${name}: ${sentence}`, body, limit: 30_000, ...common, ...options });
}

const atOnce = 10;

// run runs what is registered and returns how many passed and failed.
//   impl     { name, … } as implementations.js makes it
//   env      'node' or 'browser'
//   world    (name) => the tests' t, which has close()
//   uncaught the errors that nobody caught, as watchUncaught makes it
//   print    takes a line
export async function run({ impl, env, world, uncaught, print, grep = '', soak = false }) {
	const counts = { passed: 0, failed: 0 };
	const wanted = tests.filter((test) => applies(test, impl, env, soak) && test.name.includes(grep));
	const again = [];
	const report = async (test, last = impl.name !== 'sdk') => {
		const began = performance.now();
		const failure = await attempt(test, world, isKnown(test, impl, env) ? 1_000 : 10_000);
		const verdict = judge(test, failure, impl, env);
		if (!verdict.passed && !last) return again.push(test);
		counts[verdict.passed ? 'passed' : 'failed']++;
		print(`${verdict.passed ? 'ok  ' : 'FAIL'} ${impl.name} in ${env}: ${test.name}${verdict.note} (${Math.round(performance.now() - began)} ms)`);
	};
	const queue = wanted.filter((test) => !test.alone);
	const worker = async () => {
		for (let test = queue.shift(); test; test = queue.shift()) await report(test);
	};
	await Promise.all(Array.from({ length: atOnce }, worker));
	for (const test of wanted.filter((test) => test.alone)) await report(test);
	// In Node the SDK loses frames that a busy program reads together. What it failed it
	// may try again when nothing else runs; ours gets no second chance.
	for (const test of again) await report(test, true);

	// What nobody caught kills a Node program. The SDK's own tests say where it does that.
	for (const error of impl.name === 'sdk' ? [] : uncaught.unclaimed()) {
		counts.failed++;
		print(`FAIL ${impl.name} in ${env}: nobody caught ${show(error)}${stackOf(error)}`);
	}
	if (wanted.length === 0) {
		counts.failed++;
		print(`FAIL ${impl.name} in ${env}: no test is called ${JSON.stringify(grep)}`);
	}
	return counts;
}

function applies(test, impl, env, soak) {
	if (test.env && test.env !== env) return false;
	if (test.soak && !soak) return false;
	if (test.once && impl.name === 'mixed') return false;
	if (test.only === 'ours') return impl.name !== 'sdk';
	if (test.only) throw new Error(`${test.name}: there is no only: ${test.only}`);
	return true;
}

// attempt returns undefined, or why the test failed.
// patience is how long the test waits for something, unless it says so itself: less
// where it is known that it will not come.
async function attempt(test, world, patience) {
	const t = world(test.name, patience);
	try {
		await within(test.limit, (async () => test.body(t))(), 'the test');
	} catch (error) {
		return error;
	} finally {
		await t.close();
	}
}

// isKnown reports whether the implementation is known to fail the test.
function isKnown(test, impl, env) {
	return Boolean(impl.name === 'sdk' && test.sdk && (!test.where || test.where === env));
}

function judge(test, failure, impl, env) {
	if (!isKnown(test, impl, env)) return { passed: !failure, note: failure ? `\n     ${textOf(failure)}${stackOf(failure)}` : '' };
	if (!failure) return { passed: false, note: `\n     the SDK no longer has this defect: ${test.sdk}` };
	if (test.fails && !test.fails.test(textOf(failure))) {
		return { passed: false, note: `\n     known to fail with ${test.fails} (${test.sdk}), but failed with: ${textOf(failure)}${stackOf(failure)}` };
	}
	return { passed: true, note: `: fails as is known, ${test.sdk} [${textOf(failure).slice(0, 160)}]` };
}

// stackOf returns where in the suite it happened.
function stackOf(error) {
	const lines = String(error?.stack ?? '').split('\n').filter((line) => /^\s*at /.test(line) && !/assert\.js|runner\.js/.test(line));
	return lines.slice(0, error instanceof Failure ? 2 : 6).map((line) => `\n       ${line.trim()}`).join('');
}

// watchUncaught collects the errors that nobody catches.
export function watchUncaught(env) {
	const errors = [];
	const waiting = [];
	const add = (error) => {
		const index = waiting.findIndex(({ pattern }) => pattern.test(textOf(error)));
		if (index >= 0) waiting.splice(index, 1)[0].resolve(error);
		else errors.push(error);
	};
	if (env === 'node') {
		process.on('uncaughtException', add);
		process.on('unhandledRejection', add);
	} else {
		addEventListener('error', (event) => {
			event.preventDefault();
			add(event.error ?? event.message);
		});
		addEventListener('unhandledrejection', (event) => {
			event.preventDefault();
			add(event.reason);
		});
	}
	return {
		// claim waits for such an error and takes it off the list.
		claim(pattern) {
			const index = errors.findIndex((error) => pattern.test(textOf(error)));
			if (index >= 0) return Promise.resolve(errors.splice(index, 1)[0]);
			return new Promise((resolve) => waiting.push({ pattern, resolve }));
		},
		has: (pattern) => errors.some((error) => pattern.test(textOf(error))),
		unclaimed: () => errors,
	};
}
