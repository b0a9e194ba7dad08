// The generator of a subscription, and how it ends.
import { deepEqual, equal, instance, match, rejects, within } from './assert.js';
import { theme } from './runner.js';

const test = theme('generator');

// subscribed returns a peer, a proxy-less client, and a subscription whose init was taken.
async function subscribed(t, config) {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: false, ...config });
	const { subscription, unsubscribe } = await client.subscribe('messages', { query: t.mine });
	equal((await t.within(subscription.next(), 'the init')).value.event, 'init', 'the first event');
	await t.confirmed(peer);
	return { peer, client, subscription, unsubscribe, tell: (...texts) => peer.tell('messages', texts.map((text, i) => ({ event: 'create', data: [{ id: `${text}-${i}`, text }] }))) };
}

const textsOf = (results) => results.map(({ value }) => value.data[0].text);

test('is an async generator', async (t) => {
	const { subscription } = await subscribed(t);
	equal(subscription[Symbol.asyncIterator](), subscription, 'its iterator');
	for (const name of ['next', 'return', 'throw']) equal(typeof subscription[name], 'function', `typeof ${name}`);
	match(Object.prototype.toString.call(subscription), /AsyncGenerator/, 'its name');
});

test('next() is a promise of { value, done }', async (t) => {
	const { subscription, tell } = await subscribed(t);
	const next = subscription.next();
	instance(next, Promise);
	await tell('one');
	const result = await t.within(next);
	deepEqual(Object.keys(result).sort(), ['done', 'value']);
	equal(result.done, false, 'done');
});

test('several next() at once are served in order', async (t) => {
	const { subscription, tell } = await subscribed(t);
	const results = [subscription.next(), subscription.next(), subscription.next()];
	await tell('one', 'two', 'three');
	deepEqual(textsOf(await t.within(Promise.all(results))), ['one', 'two', 'three']);
});

test('return() ends it with the value', async (t) => {
	const { subscription } = await subscribed(t);
	deepEqual(await t.within(subscription.return('over')), { value: 'over', done: true });
	deepEqual(await t.within(subscription.next()), { value: undefined, done: true });
	deepEqual(await t.within(subscription.return()), { value: undefined, done: true });
});

test('throw() rejects with the error and ends it', async (t) => {
	const { subscription } = await subscribed(t);
	const error = new Error('thrown in');
	equal(await t.within(rejects(subscription.throw(error))), error, 'the reason');
	deepEqual(await t.within(subscription.next()), { value: undefined, done: true });
});

test('return() before the first next() ends it too', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: false });
	const { subscription } = await client.subscribe('messages');
	deepEqual(await t.within(subscription.return(1)), { value: 1, done: true });
	deepEqual(await t.within(subscription.next()), { value: undefined, done: true });
});

test('return() ends a next() that waits', async (t) => {
	const { subscription } = await subscribed(t);
	const waiting = subscription.next();
	await t.within(subscription.return(), 'return()');
	deepEqual(await t.within(waiting, 'next()'), { value: undefined, done: true });
}, { sdk: 'return() waits for the next event, if there ever is one', fails: /return\(\) took more than/ });

// leave leaves for await at the first event.
async function leave(t, { subscription, tell }) {
	const loop = (async () => {
		for await (const message of subscription) return message;
	})();
	await tell('one');
	equal((await t.within(loop, 'the loop')).data[0].text, 'one', 'text');
}

test('leaving for await ends it', async (t) => {
	const s = await subscribed(t);
	await leave(t, s);
	deepEqual(await t.within(s.subscription.next()), { value: undefined, done: true });
});

test('leaving for await unsubscribes', async (t) => {
	const s = await subscribed(t);
	await leave(t, s);
	const { message } = await s.peer.until(() => s.peer.sent('unsubscribe')[0], 'the unsubscribe');
	deepEqual(message, { type: 'unsubscribe', uid: '1' });
}, { sdk: 'goes on being subscribed after the loop was left', fails: /the unsubscribe did not come about/ });

test('throwing out of for await unsubscribes', async (t) => {
	const { peer, subscription, tell } = await subscribed(t);
	const loop = rejects((async () => {
		for await (const message of subscription) throw new Error(message.event);
	})());
	await tell('one');
	equal((await t.within(loop, 'the loop')).message, 'create', 'what was thrown');
	await peer.until(() => peer.sent('unsubscribe')[0], 'the unsubscribe');
}, { sdk: 'goes on being subscribed after the loop was left', fails: /the unsubscribe did not come about/ });

test('unsubscribe() returns nothing and sends its uid', async (t) => {
	const { peer, unsubscribe } = await subscribed(t);
	equal(unsubscribe(), undefined, 'what it returns');
	deepEqual((await peer.until(() => peer.sent('unsubscribe')[0], 'the unsubscribe')).message, { type: 'unsubscribe', uid: '1' });
});

test('unsubscribe() ends it', async (t) => {
	const { subscription, unsubscribe } = await subscribed(t);
	unsubscribe();
	let result = await t.within(subscription.next(), 'next()');
	if (!result.done && t.impl.name === 'sdk') result = await t.within(subscription.next(), 'next()'); // see below
	deepEqual(result, { value: undefined, done: true });
});

test('unsubscribe() ends a next() that waits at once, and tells nothing more', async (t) => {
	const { subscription, unsubscribe } = await subscribed(t);
	const waiting = subscription.next();
	unsubscribe();
	deepEqual(await within(500, waiting, 'next()'), { value: undefined, done: true });
}, { sdk: 'tells the server\'s answer to the unsubscribe as one more event', fails: /expected \{"done":true\}.*got.*"event":"unsubscribe"|got \{"value":\{"type":"subscription","event":"unsubscribe"/ });

test('unsubscribe() ends a next() that waits also when the server says nothing', async (t) => {
	const { peer, subscription, unsubscribe } = await subscribed(t);
	await peer.set({ silent: ['unsubscribe'] });
	const waiting = subscription.next();
	unsubscribe();
	deepEqual(await within(500, waiting, 'next()'), { value: undefined, done: true });
}, { sdk: 'ends after up to a second', fails: /next\(\) took more than 500 ms/ });

test('unsubscribe() twice unsubscribes once', async (t) => {
	const { peer, client, unsubscribe } = await subscribed(t);
	unsubscribe();
	unsubscribe();
	client.sendMessage({ type: 'the end' });
	await peer.until(() => peer.sent('the end').length === 1, 'the last frame');
	equal(peer.sent('unsubscribe').length, 1, 'unsubscribes');
}, { sdk: 'sends it again', fails: /unsubscribes: expected 1, got 2/ });

test('unsubscribe() after the loop was left says nothing more', async (t) => {
	const { peer, client, subscription, unsubscribe } = await subscribed(t);
	await t.within(subscription.return());
	unsubscribe();
	client.sendMessage({ type: 'the end' });
	await peer.until(() => peer.sent('the end').length === 1, 'the last frame');
	equal(peer.sent('unsubscribe').length, 1, 'unsubscribes');
});

test('unsubscribe() works without a connection', async (t) => {
	const { client, subscription, unsubscribe } = await subscribed(t);
	const closed = new Promise((resolve) => client.onWebSocket('close', resolve));
	client.disconnect();
	await closed;
	unsubscribe();
	unsubscribe();
	deepEqual(await t.within(subscription.next()), { value: undefined, done: true });
}, { sdk: 'throws when there is no connection', fails: /Cannot send messages without an open connection/ });

test('unsubscribe() during an outage holds for the next connection', async (t) => {
	const { peer, client, subscription, unsubscribe } = await subscribed(t, { reconnect: { delay: 300, retries: 10 } });
	const other = await t.subscribe(client, { uid: 'other' });
	await other.init();
	const closed = new Promise((resolve) => client.onWebSocket('close', resolve));
	await peer.drop();
	await closed;
	unsubscribe();
	deepEqual(await t.within(subscription.next(), 'next()'), { value: undefined, done: true });
	await peer.until(() => peer.sent('subscribe', 2).some(({ message }) => message.uid === 'other'), 'the subscribe on the second socket');
	await peer.tell('messages', [{ event: 'create', data: [{ id: 1, text: 'afterwards' }] }]);
	await other.event('create', 'afterwards');
	deepEqual(peer.sent('subscribe', 2).map(({ message }) => message.uid), ['other']);
}, { sdk: 'throws when there is no connection', fails: /Cannot send messages without an open connection/ });

test('unsubscribe() inside the loop ends it', async (t) => {
	const { subscription, unsubscribe, tell } = await subscribed(t);
	const seen = [];
	const loop = (async () => {
		for await (const message of subscription) {
			seen.push(message.event);
			unsubscribe();
		}
	})();
	await tell('one');
	await t.within(loop, 'the loop');
	equal(seen[0], 'create', 'the event');
});

test('one that nobody reads harms nobody', async (t) => {
	const { peer, client } = await subscribed(t);
	await client.subscribe('messages', { query: t.mine });
	await peer.until(() => peer.sent('subscribe').length === 2, 'the second subscribe');
	await t.pause(50);
	const reader = await t.subscribe(client);
	await reader.init();
	await peer.tell('messages', [{ event: 'create', data: [{ id: 1, text: 'seen' }] }]);
	await reader.event('create', 'seen');
});
