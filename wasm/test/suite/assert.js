// The suite's own assertions: Node's are not to be had in a browser.

// A Failure says that something is not as the test wants it.
export class Failure extends Error {
	name = 'Failure';
}

export function fail(text) {
	throw new Failure(text);
}

export function ok(value, what = 'a true value') {
	if (!value) fail(`expected ${what}, got ${show(value)}`);
}

export function equal(actual, expected, what = 'the value') {
	if (!Object.is(actual, expected)) fail(`${what}: expected ${show(expected)}, got ${show(actual)}`);
}

export function deepEqual(actual, expected, what = 'the value') {
	if (!same(actual, expected)) fail(`${what}: expected ${show(expected)}, got ${show(actual)}`);
}

export function match(text, pattern, what = 'the text') {
	if (!pattern.test(text)) fail(`${what}: expected ${pattern}, got ${show(text)}`);
}

export function instance(value, type, what = 'the value') {
	if (!(value instanceof type)) fail(`${what}: expected an instance of ${type.name}, got ${show(value)}`);
}

// rejects returns what the promise was rejected with.
export async function rejects(promise, what = 'the promise') {
	let value;
	try {
		value = await promise;
	} catch (reason) {
		if (reason instanceof Failure) throw reason; // of within
		return reason;
	}
	return fail(`${what}: expected a rejection, got ${show(value)}`);
}

// throws returns what the function throws before it returns.
export function throws(act, what = 'the call') {
	let value;
	try {
		value = act();
	} catch (error) {
		return error;
	}
	return fail(`${what}: expected it to throw, got ${show(value)}`);
}

// within is the promise, or a failure if it takes longer.
export async function within(ms, promise, what = 'the promise') {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Failure(`${what} took more than ${ms} ms`)), ms);
	});
	try {
		return await Promise.race([promise, late]);
	} finally {
		clearTimeout(timer);
	}
}

// textOf is the sentence in what was thrown: the SDK throws strings, events and objects too.
export function textOf(reason) {
	return typeof reason === 'string' ? reason : String(reason?.message ?? reason?.error?.message ?? show(reason));
}

// coded asserts what ours promises of everything that it throws.
export function coded(reason, code, what = 'the reason') {
	instance(reason, Error, what);
	if (reason.code !== code) fail(`${what}: expected the code ${code}, got ${show(reason.code)} (${textOf(reason)})`);
	ok(textOf(reason).length > 10, `${what} to be a sentence`);
	match(reason.name, /^(Leveret|Request)Error$/, `the name of ${what}`);
}

function same(a, b) {
	if (Object.is(a, b)) return true;
	if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
	if (Array.isArray(a) !== Array.isArray(b)) return false;
	const keys = Object.keys(a);
	return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}

// show makes one line of any value.
export function show(value) {
	if (value instanceof Error) return `${value.name}(${value.message})`;
	if (typeof value === 'function') return `function ${value.name}`;
	if (typeof value === 'object' && value !== null && typeof Event === 'function' && value instanceof Event) return `Event(${value.type})`;
	let text;
	try {
		text = JSON.stringify(value);
	} catch {
		// a cycle
	}
	text ??= String(value);
	return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}
