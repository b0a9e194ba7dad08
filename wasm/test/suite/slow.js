// Consumers that are slower than the server. Nothing may be lost in silence.
import { deepEqual, equal, ok } from './assert.js';
import { theme } from './runner.js';

const test = theme('slow');

// creates returns n events of the peer.
const creates = (n, from = 0) => Array.from({ length: n }, (_, i) => ({ event: 'create', data: [{ id: from + i, text: `row ${from + i}` }] }));

async function subscribed(t, config) {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: false, ...config });
	const { subscription } = await client.subscribe('messages', { query: t.mine });
	return { peer, client, subscription };
}

test('a burst of 50 events in one write is seen whole by for await', async (t) => {
	const { peer, subscription } = await subscribed(t);
	const reader = t.read(subscription);
	await reader.init();
	await t.confirmed(peer);
	await peer.tell('messages', creates(50), true);
	await reader.until(() => reader.view.size === 50, 'all of 50 items');
	deepEqual(reader.items.slice(1).flatMap(({ data }) => data.map(({ id }) => id)), Array.from({ length: 50 }, (_, i) => i));
}, { sdk: 'sees some frames of a burst only', fails: /all of 50 items did not come about/, where: 'node' });

test('a burst of 50 events is seen whole by for await and by handlers at once', async (t) => {
	const { peer, client, subscription } = await subscribed(t);
	const reader = t.read(subscription);
	await reader.init();
	const box = t.messages(client);
	await peer.tell('messages', creates(50), true);
	await reader.until(() => reader.view.size === 50, 'all of 50 items');
	await box.until((items) => items.filter(({ event }) => event === 'create').length === 50, 'all of 50 messages');
}, { sdk: 'sees some frames of a burst only', fails: /all of 50 items did not come about/, where: 'node' });

test('a consumer that works 35 ms on each of 20 events, 10 ms apart, sees 20', async (t) => {
	const { peer, subscription } = await subscribed(t);
	const reader = t.read(subscription, () => t.pause(35));
	await reader.init();
	await t.confirmed(peer);
	await t.pause(100);
	for (const event of creates(20)) {
		await peer.tell('messages', [event]);
		await t.pause(10);
	}
	await reader.until(() => reader.view.size === 20, 'all of 20 items');
	deepEqual(reader.items.slice(1).flatMap(({ data }) => data.map(({ id }) => id)), Array.from({ length: 20 }, (_, i) => i));
}, { sdk: 'loses what comes while the consumer is busy', fails: /all of 20 items did not come about/ });

test('what comes before the first next() is not lost', async (t) => {
	const { peer, subscription } = await subscribed(t);
	await peer.until(() => peer.sent('subscribe').length === 1, 'the subscribe');
	await peer.tell('messages', creates(3));
	await t.pause(150);
	const reader = t.read(subscription);
	await reader.init();
	await reader.until(() => reader.view.size === 3, 'all of 3 items');
}, { sdk: 'loses the init and what follows until the first next()', fails: /the event init did not come about/ });

test('a handler that works is no reason to lose events', async (t) => {
	const { peer, client, subscription } = await subscribed(t);
	client.onWebSocket('message', ({ event }) => {
		if (event !== 'create') return;
		for (const end = performance.now() + 5; performance.now() < end;);
	});
	const reader = t.read(subscription);
	await reader.init();
	for (const event of creates(20)) {
		await peer.tell('messages', [event]);
		await t.pause(2);
	}
	await reader.until(() => reader.view.size === 20, 'all of 20 items');
});

test('10,000 events to a consumer that does not read leave a bounded queue, and then the right view', async (t) => {
	const rows = Array.from({ length: 100 }, (_, id) => ({ id, text: 'at first' }));
	const peer = await t.peer({ rows: { messages: rows } });
	const client = await t.connected(peer.url, { reconnect: { delay: 100, retries: 10 } });
	const { subscription } = await client.subscribe('messages', { query: t.mine });
	const first = await t.within(subscription.next(), 'the init');
	equal(first.value.data.length, 100, 'items in the init');
	for (let round = 1; round <= 100; round++) {
		await peer.tell('messages', rows.map(({ id }) => ({ event: 'update', data: [{ id, text: `round ${round}` }] })), true);
	}
	await t.pause(100);
	const reader = t.read(subscription);
	await reader.until(() => reader.view.size === 100 && [...reader.view.values()].every(({ text }) => text === 'round 100'), 'the last round in the view');
	ok(reader.items.length < 6000, `fewer than 6,000 messages, not ${reader.items.length}`);
	await peer.tell('messages', [{ event: 'create', data: [{ id: 'more', text: 'afterwards' }] }]);
	await reader.event('create', 'afterwards');
	await peer.tell('messages', [{ event: 'delete', data: ['more'] }]);
	await reader.event('delete');
	equal(reader.view.size, 100, 'items in the view');
}, { sdk: 'loses what comes while the consumer is busy', fails: /the last round in the view did not come about/ });

test('twenty that are full, and that nobody reads any more, leave nothing behind', async (t) => {
	const peer = await t.peer();
	const { module } = await t.copy();
	const client = await t.connected(peer.url, { from: { ...t.impl, ...module }, reconnect: false });
	const all = await Promise.all(Array.from({ length: 21 }, () => client.subscribe('messages', { query: t.mine })));
	const reader = t.read(all.pop().subscription);
	await reader.init();
	await t.confirmed(peer, 21);
	const before = await module.stats();
	let rest = 21 * 1_200;
	const whole = new Promise((resolve) => client.onWebSocket('message', ({ event }) => event === 'update' && --rest === 0 && resolve()));
	await peer.tell('messages', Array.from({ length: 1_200 }, (_, i) => ({ event: 'update', data: [{ id: 1, text: `round ${i}` }] })), true);
	await t.within(whole, 'all of the messages');
	await reader.event('update', 'round 1199');
	for (const [i, { subscription, unsubscribe }] of all.entries()) {
		if (i % 2 === 0) unsubscribe();
		else await subscription.return();
	}
	let after = await module.stats();
	for (const end = performance.now() + 2_000; after.goroutines > before.goroutines - 20 && performance.now() < end;) after = await module.stats();
	equal(after.goroutines, before.goroutines - 20, `goroutines after ${before.goroutines}`);
	ok(after.functions <= before.functions, `no more functions than ${before.functions}, not ${after.functions}`);
	await peer.tell('messages', [{ event: 'create', data: [{ id: 2, text: 'afterwards' }] }]);
	await reader.event('create', 'afterwards');
}, { only: 'ours', once: true });
