// onWebSocket(): the four events, and what a frame becomes.
import { deepEqual, equal, instance, match, ok } from './assert.js';
import { theme } from './runner.js';

const test = theme('messages');
const marker = { type: 'marker' };

// peered returns a peer, a client that is connected to it, and its messages from now on.
async function peered(t, config) {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: false, ...config });
	return { peer, client, box: t.messages(client) };
}

const untilMarker = (box) => box.find(({ type }) => type === 'marker', 'the marker');

// next is the next event of its kind, with the handler's this.
const next = (client, name) => new Promise((resolve) => {
	client.onWebSocket(name, function (event) {
		resolve({ event, self: this });
	});
});

test('open is the DOM event, with the socket as this', async (t) => {
	const { url } = await t.server();
	const client = t.client(url);
	const opened = next(client, 'open');
	const ws = await client.connect();
	const { event, self } = await t.within(opened, 'the event');
	instance(event, Event);
	equal(event.type, 'open', 'type');
	equal(self, ws, 'this');
});

test('close is the DOM event with code and reason, with the socket as this', async (t) => {
	const peer = await t.peer();
	const client = t.client(peer.url, { reconnect: false });
	const closed = next(client, 'close');
	const ws = await client.connect();
	await peer.hangUp(4321, 'because');
	const { event, self } = await t.within(closed, 'the event');
	deepEqual([event.type, event.code, event.reason, event.wasClean], ['close', 4321, 'because', true]);
	equal(self, ws, 'this');
});

test('error is the DOM event, with the socket as this', async (t) => {
	const peer = await t.peer({ upgrade: 403 });
	const client = t.client(peer.url, { reconnect: false });
	const errored = next(client, 'error');
	client.connect().catch(() => {});
	const { event, self } = await t.within(errored, 'the event');
	instance(event, Event);
	equal(event.type, 'error', 'type');
	instance(self, WebSocket);
});

test('error and then close come, once each, when the upgrade is refused', async (t) => {
	const peer = await t.peer({ upgrade: 403 });
	const client = t.client(peer.url, { reconnect: false });
	const order = [];
	client.onWebSocket('error', () => order.push('error'));
	client.onWebSocket('close', () => order.push('close'));
	await client.connect().catch(() => {});
	await t.pause(100);
	deepEqual(order, t.env === 'node' ? ['error'] : ['error', 'close']); // Node's WebSocket has no close event then
}, { sdk: 'closes the socket in its error event, which tells that again, until the stack is full', fails: /got \["error","error"/, where: 'node' });

test('open is not told when the token is refused', async (t) => {
	const { url } = await t.server();
	const client = t.client(url, { token: 'wrong', reconnect: false });
	let opened = false;
	client.onWebSocket('open', () => { opened = true; });
	await client.connect().catch(() => {});
	equal(opened, false, 'opened');
});

test('a message is the parsed object, with the socket as this', async (t) => {
	const { peer, client } = await peered(t);
	const ws = new Promise((resolve) => {
		client.onWebSocket('message', function (message) {
			resolve({ self: this, message });
		});
	});
	await peer.send({ type: 'custom', data: { a: [1, { b: null }] }, uid: 7 });
	const { self, message } = await t.within(ws, 'the message');
	deepEqual(message, { type: 'custom', data: { a: [1, { b: null }] }, uid: 7 });
	instance(self, WebSocket);
});

test('a message keeps its numbers, its text and the order of its keys', async (t) => {
	const { peer, box } = await peered(t);
	const text = '{"type":"custom","z":12345678901234567890,"a":1.50,"e":1e400,"n":-0,"html":"<a href=\\"&\\">\\u2028é😀","lone":"\\ud800","10":1,"2":2,"m":{"y":1,"x":2}}';
	await peer.send(text);
	const message = await box.find(({ type }) => type === 'custom');
	equal(JSON.stringify(message), JSON.stringify(JSON.parse(text)), 'the message');
	ok(Object.is(message.n, -0), 'minus nought to stay so');
});

test('a message with a string as data stays a message', async (t) => {
	const { peer, box } = await peered(t);
	await peer.send({ type: 'items', data: '5', uid: 'd' }, { type: 'items', data: '{"a":1}' }, { type: 'items', data: 'text' });
	await box.until((items) => items.length >= 3, 'three messages');
	deepEqual(box.items, [{ type: 'items', data: '5', uid: 'd' }, { type: 'items', data: '{"a":1}' }, { type: 'items', data: 'text' }]);
}, { sdk: 'parses a string in data and gives the handler the result instead of the message', fails: /got \[5,/ });

test('a handler is called once for a message, also when it throws', async (t) => {
	const { peer, client, box } = await peered(t);
	let calls = 0;
	const reported = t.uncaught.claim(/thrown once/);
	client.onWebSocket('message', ({ type }) => {
		if (type === 'marker') return;
		calls++;
		throw new Error('thrown once');
	});
	await peer.send({ type: 'custom', data: '5' });
	await t.within(reported, 'the report');
	await peer.send(marker);
	if (t.impl.name !== 'sdk') await untilMarker(box);
	equal(calls, 1, 'calls');
}, { sdk: 'calls a handler that throws a second time when data is a string', fails: /calls: expected 1, got 2/ });

test('a handler that throws is reported and stops nobody else', async (t) => {
	const { peer, client } = await peered(t);
	const reported = t.uncaught.claim(/thrown by a handler/);
	client.onWebSocket('message', ({ type }) => {
		if (type === 'custom') throw new Error('thrown by a handler');
	});
	const after = t.messages(client);
	await peer.send({ type: 'custom' });
	await t.within(reported, 'the report');
	await peer.send(marker);
	await untilMarker(after);
	deepEqual(after.items.map(({ type }) => type), ['custom', 'marker']);
}, { sdk: 'a handler that throws ends the delivery of messages for good', fails: /the marker did not come about/ });

test('open and close handlers that throw stop nobody else', async (t) => {
	const peer = await t.peer();
	const client = t.client(peer.url, { reconnect: false });
	const reported = [t.uncaught.claim(/thrown at open/), t.uncaught.claim(/thrown at close/)];
	const order = [];
	for (const name of ['open', 'close']) {
		client.onWebSocket(name, () => { throw new Error(`thrown at ${name}`); });
		client.onWebSocket(name, () => order.push(name));
	}
	await t.within(client.connect(), 'connect()');
	const closed = next(client, 'close');
	await peer.hangUp(4000, 'over');
	await t.within(closed, 'the close event');
	await t.within(Promise.all(reported), 'the reports');
	deepEqual(order, ['open', 'close']);
}, { sdk: 'a handler of open that throws leaves connect() waiting for good', fails: /connect\(\) took more than/ });

test('a handler of open that adds itself again is called once an open', async (t) => {
	const peer = await t.peer();
	const client = t.client(peer.url, { reconnect: { delay: 100, retries: 10 } });
	let calls = 0;
	const handler = () => {
		if (++calls < 10) client.onWebSocket('open', handler);
	};
	client.onWebSocket('open', handler);
	await client.connect();
	equal(calls, 1, 'calls at the first open');
	const opened = next(client, 'open');
	await peer.hangUp(1012, 'restart');
	await t.within(opened, 'the second open');
	equal(calls, 2, 'calls at the second open');
});

test('a handler that removes and adds itself is called once an event', async (t) => {
	const { peer, client, box } = await peered(t);
	const calls = { message: 0, close: 0 };
	for (const name of ['message', 'close']) {
		let remove;
		const handler = () => {
			remove();
			if (++calls[name] < 10) remove = client.onWebSocket(name, handler);
		};
		remove = client.onWebSocket(name, handler);
	}
	await peer.send(marker);
	await untilMarker(box);
	await t.pause(20);
	equal(calls.message, 1, 'calls of the handler of messages');
	const closed = next(client, 'close');
	await peer.hangUp(4000, 'over');
	await t.within(closed, 'the close event');
	equal(calls.close, 1, 'calls of the handler of close');
}, { sdk: 'calls such a handler again and again', fails: /calls of the handler of messages: expected 1, got 10/ });

test('a function that is added twice is called once, but twice for a message', async (t) => {
	const peer = await t.peer();
	const client = t.client(peer.url, { reconnect: false });
	const calls = { open: 0, message: 0, close: 0 };
	const removers = Object.keys(calls).flatMap((name) => {
		const handler = () => calls[name]++;
		return [client.onWebSocket(name, handler), client.onWebSocket(name, handler)];
	});
	await client.connect();
	const closed = next(client, 'close');
	await peer.hangUp(4000, 'over');
	await t.within(closed, 'the close event');
	deepEqual(calls, { open: 1, message: 2, close: 1 }); // the message is auth ok
	deepEqual(removers.map((remove) => remove()), [true, false, true, true, true, false]);
});

test('a frame that is no JSON is a MessageEvent with its text', async (t) => {
	const { peer, box } = await peered(t);
	await peer.send('no JSON', marker);
	await untilMarker(box);
	instance(box.items[0], MessageEvent);
	equal(box.items[0].data, 'no JSON', 'data');
	equal(box.items.length, 2, 'messages');
});

test('JSON scalars and arrays are dropped', async (t) => {
	const { peer, box } = await peered(t);
	for (const text of ['1', '"text"', 'null', 'true', '[1]', '[{"type":"custom"}]']) await peer.send(text);
	await peer.send(marker);
	await untilMarker(box);
	deepEqual(box.items, [marker]);
});

test('an object without a type is a message', async (t) => {
	const { peer, box } = await peered(t);
	await peer.send({}, { type: 5 }, { hello: 'world' }, marker);
	await untilMarker(box);
	deepEqual(box.items, [{}, { type: 5 }, { hello: 'world' }, marker]);
});

test('a binary frame breaks nothing', async (t) => {
	const { peer, box } = await peered(t);
	await peer.binary(0, 1, 2, 255);
	await peer.send(marker);
	await untilMarker(box);
});

test('a megabyte is a message like any other', async (t) => {
	const { peer, client, box } = await peered(t);
	const text = 'é'.repeat(500_000);
	await peer.send({ type: 'custom', text });
	equal((await box.find(({ type }) => type === 'custom')).text.length, text.length, 'its length');
	client.sendMessage({ type: 'custom', text });
	await peer.until(() => peer.sent('custom')[0]?.message.text === text, 'the megabyte at the peer');
});

test('a ping is answered at once and not told', async (t) => {
	const { peer, box } = await peered(t);
	await peer.send({ type: 'ping' });
	const pong = await peer.until(() => peer.sent('pong')[0], 'the pong');
	equal(pong.text, '{"type":"pong"}', 'the frame');
	await peer.send(marker);
	await untilMarker(box);
	deepEqual(box.items, [marker]);
});

test('with heartbeat: false a ping is told and not answered', async (t) => {
	const { peer, box } = await peered(t, { heartbeat: false });
	await peer.send({ type: 'ping' }, marker);
	await untilMarker(box);
	deepEqual(box.items, [{ type: 'ping' }, marker]);
	await peer.settled();
	equal(peer.sent('pong').length, 0, 'pongs');
});

test('errors of auth are not told', async (t) => {
	const { peer, client, box } = await peered(t, { authMode: 'public' });
	await peer.set({ auth: [{ type: 'auth', status: 'error', error: { code: 'AUTH_FAILED', message: 'Authentication failed.' } }], closes: false });
	await peer.send(marker);
	await untilMarker(box);
	client.sendMessage(t.impl.auth({ access_token: 'wrong' }));
	await peer.until(() => peer.sent('auth').length === 1, 'the auth');
	await t.pause(50);
	await peer.send({ type: 'end' });
	await box.find(({ type }) => type === 'end');
	deepEqual(box.items, [marker, { type: 'end' }]);
});

test('subscription messages are told too', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url);
	const box = t.messages(client);
	const reader = await t.subscribe(client);
	await reader.init();
	const init = await box.find(({ event }) => event === 'init');
	equal(init.type, 'subscription', 'type');
	match(String(init.uid), /^\d+$/, 'uid');
});

test('the remover removes, and says whether it did', async (t) => {
	const { peer, client, box } = await peered(t);
	const seen = [];
	const remove = client.onWebSocket('message', (message) => seen.push(message));
	await peer.send(marker);
	await untilMarker(box);
	equal(remove(), true, 'the first time');
	equal(remove(), false, 'the second time');
	await peer.send({ type: 'end' });
	await box.find(({ type }) => type === 'end');
	deepEqual(seen, [marker]);
});

test('handlers stay over a reconnect', async (t) => {
	const { proxy } = await t.proxied();
	const client = t.client(proxy.url, { reconnect: { delay: 100, retries: 10 } });
	const box = t.messages(client);
	const opens = t.box();
	client.onWebSocket('open', (event) => opens.add(event));
	await client.connect();
	await proxy.cut();
	await opens.until((events) => events.length === 2, 'the second open event');
	equal(box.items.filter(({ type, status }) => type === 'auth' && status === 'ok').length, 2, 'auth oks');
});

test('a burst of 50 frames in one write is 50 messages', async (t) => {
	const { peer, box } = await peered(t);
	await peer.burst(Array.from({ length: 50 }, (_, i) => ({ type: 'custom', number: i })));
	await box.until((items) => items.length >= 50, 'all of 50 messages');
	deepEqual(box.items.map(({ number }) => number), Array.from({ length: 50 }, (_, i) => i));
}, { sdk: 'sees some frames of a burst only', fails: /all of 50 messages did not come about/, where: 'node' });
