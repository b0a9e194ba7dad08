// subscribe(): the frame, the init, the events.
import { coded, deepEqual, equal, match, rejects, textOf, throws } from './assert.js';
import { theme } from './runner.js';

const test = theme('subscribe');

// frameOf returns the subscribe message that these options become.
async function frameOf(t, collection, options) {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: false });
	await client.subscribe(collection, options);
	const { capabilities, ...frame } = await peer.until(() => peer.sent('subscribe')[0]?.message, 'the subscribe');
	if (t.impl.name === 'sdk') equal(capabilities, undefined, 'capabilities'); // which ours asks for, and a stock server ignores
	return frame;
}

test('sends one subscribe, whose query is text', async (t) => {
	const query = { fields: ['id', 'text'], filter: { user: { _eq: 'a&b "c"' } }, sort: ['-date_created', 'id'], limit: 5, offset: 1, search: 'x y' };
	deepEqual(await frameOf(t, 'messages', { query }), {
		type: 'subscribe',
		collection: 'messages',
		query: { fields: 'id,text', filter: '{"user":{"_eq":"a&b \\"c\\""}}', sort: '-date_created,id', limit: '5', offset: '1', search: 'x y' },
		uid: '1',
	});
});

test('nested fields become paths, and what else there is becomes text', async (t) => {
	const query = {
		fields: ['id', { author: ['name', { avatar: ['*'] }], translations: ['*'] }, 'tags.*'],
		deep: { translations: { _limit: 1 } },
		alias: { all: 'translations' },
		groupBy: ['id'],
		page: 2,
		limit: -1,
		meta: '*',
		custom: { a: 1 },
	};
	deepEqual((await frameOf(t, 'articles', { query })).query, {
		fields: 'id,author.name,author.avatar.*,translations.*,tags.*',
		deep: '{"translations":{"_limit":1}}',
		alias: '{"all":"translations"}',
		groupBy: 'id',
		page: '2',
		limit: '-1',
		meta: '*',
		custom: '{"a":1}',
	});
});

test('a query in text form stays as it is', async (t) => {
	deepEqual((await frameOf(t, 'messages', { query: { fields: 'id,text', sort: '-text', limit: '7' } })).query, { fields: 'id,text', sort: '-text', limit: '7' });
});

test('other keys of the options travel along', async (t) => {
	deepEqual((await frameOf(t, 'messages', { extra: [1] })).extra, [1]);
});

test('event, item and uid travel along', async (t) => {
	const { query, ...frame } = await frameOf(t, 'messages', { event: 'update', item: 'abc', uid: 'mine', query: { fields: ['id'], limit: 1 } });
	deepEqual(frame, { type: 'subscribe', collection: 'messages', event: 'update', item: 'abc', uid: 'mine' });
	deepEqual([query.fields, query.limit], ['id', '1']);
});

test('without options it is about the whole collection', async (t) => {
	const { type, collection, uid } = await frameOf(t, 'messages');
	deepEqual([type, collection, uid], ['subscribe', 'messages', '1']);
});

test('resolves without waiting for the init', async (t) => {
	const peer = await t.peer({ silent: ['subscribe'] });
	const client = await t.connected(peer.url, { reconnect: false });
	const { subscription, unsubscribe } = await t.within(client.subscribe('messages'), 'subscribe()');
	equal(typeof subscription.next, 'function', 'typeof next');
	equal(typeof unsubscribe, 'function', 'typeof unsubscribe');
});

test('connects first when there is no connection', async (t) => {
	const { proxy } = await t.proxied();
	const client = t.client(proxy.url);
	const reader = await t.within(t.subscribe(client), 'subscribe()');
	await reader.init();
	await proxy.settled();
	equal(proxy.upgrades().length, 1, 'upgrades');
});

test('two at once connect once', async (t) => {
	const { proxy } = await t.proxied();
	const client = t.client(proxy.url);
	await Promise.all([t.subscribe(client), t.subscribe(client)]);
	await proxy.until(() => proxy.sent('subscribe').length === 2, 'two subscribes');
	deepEqual(proxy.sent('subscribe').map(({ message }) => message.uid).sort(), ['1', '2']);
	equal(proxy.upgrades().length, 1, 'upgrades');
});

test('rejects when it cannot connect', async (t) => {
	const { url } = await t.server();
	const client = t.client(url, { token: 'wrong', reconnect: false });
	equal(textOf(await t.within(rejects(client.subscribe('messages')))), 'Authentication failed while opening websocket connection', 'the text');
});

test('rejects with an Error and its code when it cannot connect', async (t) => {
	const peer = await t.peer({ upgrade: 403 });
	coded(await t.within(rejects(t.client(peer.url, { reconnect: false }).subscribe('messages'))), 'CONNECTION_FAILED');
}, { sdk: 'rejects with a DOM event', fails: /expected an instance of Error, got Event/ });

// What is told.

test('tells init, create, update and delete as they are on the wire', async (t) => {
	const server = await t.server();
	const old = await server.create({ text: 'old', user: t.user });
	const client = await t.connected(server.url);
	const reader = await t.subscribe(client);
	await reader.init();
	const fresh = await server.create({ text: 'fresh', user: t.user });
	await reader.event('create');
	await server.update(fresh.id, { text: 'changed' });
	await reader.event('update');
	await server.delete(old.id);
	await reader.event('delete');
	deepEqual(reader.items, [
		{ type: 'subscription', event: 'init', data: [{ id: old.id, text: 'old', user: t.user }], uid: '1' },
		{ type: 'subscription', event: 'create', data: [{ id: fresh.id, text: 'fresh', user: t.user }], uid: '1' },
		{ type: 'subscription', event: 'update', data: [{ id: fresh.id, text: 'changed', user: t.user }], uid: '1' },
		{ type: 'subscription', event: 'delete', data: [old.id], uid: '1' },
	]);
});

test('the items have the fields that were asked for, and no others', async (t) => {
	const server = await t.server();
	await server.create({ text: 'old', user: t.user });
	const client = await t.connected(server.url);
	const { subscription } = await client.subscribe('messages', { query: { fields: ['text'], filter: { user: { _eq: t.user } } } });
	const reader = t.read(subscription);
	deepEqual((await reader.init()).data, [{ text: 'old' }]);
	await server.create({ text: 'fresh', user: t.user });
	deepEqual((await reader.event('create')).data, [{ text: 'fresh' }]);
});

test('fields as text are honoured too', async (t) => {
	const server = await t.server();
	await server.create({ text: 'old', user: t.user });
	const client = await t.connected(server.url);
	const { subscription } = await client.subscribe('messages', { query: { fields: 'user,text', filter: { user: { _eq: t.user } } } });
	deepEqual((await t.read(subscription).init()).data, [{ text: 'old', user: t.user }]);
});

test('init has all items', async (t) => {
	const server = await t.server();
	await server.create(Array.from({ length: 120 }, (_, i) => ({ text: `row ${i}`, user: t.user })));
	const client = await t.connected(server.url);
	const { subscription } = await client.subscribe('messages', { query: { filter: { user: { _eq: t.user } } } });
	equal((await t.read(subscription).init()).data.length, 120, 'items in the init');
}, { sdk: 'init has the first hundred items only', fails: /expected 120, got 100/ });

test('limit, sort and offset hold for the init', async (t) => {
	const server = await t.server();
	await server.create(['a', 'b', 'c', 'd'].map((text) => ({ text, user: t.user })));
	const client = await t.connected(server.url);
	const { subscription } = await client.subscribe('messages', { query: { ...t.mine, sort: ['-text'], limit: 2, offset: 1 } });
	deepEqual((await t.read(subscription).init()).data.map(({ text }) => text), ['c', 'b']);
});

test('meta comes along', async (t) => {
	const server = await t.server();
	await server.create([{ text: 'a', user: t.user }, { text: 'b', user: t.user }]);
	const client = await t.connected(server.url);
	const { subscription } = await client.subscribe('messages', { query: { ...t.mine, meta: 'filter_count' } });
	deepEqual((await t.read(subscription).init()).meta, { filter_count: 2 });
});

test('with an event the init has no data, and only that event is told', async (t) => {
	const server = await t.server();
	const client = await t.connected(server.url);
	const { subscription } = await client.subscribe('messages', { event: 'update', query: t.mine });
	const reader = t.read(subscription);
	deepEqual(await reader.init(), { type: 'subscription', event: 'init', uid: '1' });
	const { id } = await server.create({ text: 'made', user: t.user });
	await server.update(id, { text: 'changed' });
	await reader.event('update', 'changed');
	await server.delete(id);
	await server.create({ text: 'not told', user: t.user });
	const other = await server.create({ text: 'made', user: t.user });
	await server.update(other.id, { text: 'changed again' });
	await reader.event('update', 'changed again');
	deepEqual(reader.events(), ['init', 'update', 'update']);
});

test('an item\'s subscription tells of it alone', async (t) => {
	const server = await t.server();
	const { id } = await server.create({ text: 'watched', user: t.user });
	const other = await server.create({ text: 'other', user: t.user });
	const client = await t.connected(server.url);
	const { subscription } = await client.subscribe('messages', { item: id, query: { fields: ['id', 'text'] } });
	const reader = t.read(subscription);
	deepEqual((await reader.init()).data, { id, text: 'watched' });
	await server.update(other.id, { text: 'not told' });
	await server.update(id, { text: 'changed' });
	deepEqual((await reader.find(({ event }) => event === 'update')).data, { id, text: 'changed' });
	await server.delete(id);
	equal((await reader.event('delete')).data, id, 'the key');
	deepEqual(reader.events(), ['init', 'update', 'delete']);
});

test('two subscriptions are told each of its own', async (t) => {
	const server = await t.server();
	const client = await t.connected(server.url);
	const wanted = (text) => ({ query: { ...t.mine, filter: { _and: [{ user: { _eq: t.user } }, { text: { _eq: text } }] } } });
	const one = await t.subscribe(client, wanted('one'));
	await one.init();
	const two = await t.subscribe(client, wanted('two'));
	await two.init();
	await server.create({ text: 'one', user: t.user });
	await one.event('create', 'one');
	await server.create({ text: 'two', user: t.user });
	await two.event('create', 'two');
	deepEqual([one.events(), two.events()], [['init', 'create'], ['init', 'create']]);
	deepEqual([one.items[1].uid, two.items[1].uid], ['1', '2']);
});

test('a change of many items at once is told whole', async (t) => {
	const server = await t.server();
	const client = await t.connected(server.url);
	const reader = await t.subscribe(client);
	await reader.init();
	await server.create(Array.from({ length: 300 }, (_, i) => ({ text: `row ${i}`, user: t.user })));
	await reader.until(() => reader.view.size === 300, '300 items in the view');
});

test('a commit of 60 items, told one by one, is told whole', async (t) => {
	const server = await t.server();
	const client = await t.connected(server.url);
	const reader = await t.subscribe(client);
	await reader.init();
	await server.create(Array.from({ length: 60 }, (_, i) => ({ text: `row ${i}`, user: t.user })));
	await reader.until(() => reader.view.size === 60, '60 items in the view');
}, { sdk: 'in Node it sees some events of a burst only', fails: /60 items in the view did not come about/, where: 'node' });

// The options.

test('the options are not changed', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url);
	const options = { query: { fields: ['id', { a: [] }], filter: { user: { _eq: t.user } } } };
	const before = structuredClone(options);
	await client.subscribe('messages', options).catch(() => {});
	deepEqual(options, before);
}, { sdk: 'writes uid and the flattened query into the caller\'s options', fails: /expected \{"query":\{"fields":\["id"/ });

test('frozen options do', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url);
	const options = Object.freeze({ query: Object.freeze({ filter: Object.freeze({ user: { _eq: t.user } }), fields: Object.freeze(['id']) }) });
	const { subscription } = await client.subscribe('messages', options);
	await t.read(subscription).init();
}, { sdk: 'writes into the caller\'s options', fails: /not extensible/ });

test('the same options make two subscriptions', async (t) => {
	const { proxy } = await t.proxied();
	const client = await t.connected(proxy.url);
	const options = { query: t.mine };
	await client.subscribe('messages', options);
	await client.subscribe('messages', options);
	await proxy.until(() => proxy.sent('subscribe').length === 2, 'two subscribes');
	deepEqual(proxy.sent('subscribe').map(({ message }) => message.uid), ['1', '2']);
}, { sdk: 'gives both the same uid, so that the second replaces the first', fails: /expected \["1","2"\], got \["1","1"\]/ });

test('a uid that is in use on the client is refused', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url);
	const reader = await t.subscribe(client, { uid: 'mine' });
	await reader.init();
	const second = client.subscribe('messages', { uid: 'mine', query: t.mine }).then(({ subscription }) => subscription.next());
	coded(await t.within(rejects(second)), 'UID_IN_USE');
	equal(reader.ended, false, 'the end of the first');
	reader.unsubscribe();
	await reader.end();
	const again = await t.subscribe(client, { uid: 'mine' });
	await again.init();
}, { sdk: 'lets the second subscription replace the first on the server', fails: /expected a rejection/ });

test('a subscribe of the page\'s own whose uid a subscription has is refused', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: false });
	const reader = await t.subscribe(client);
	await reader.init();
	const message = { type: 'subscribe', collection: 'others', uid: reader.items[0].uid };
	for (const one of [message, JSON.stringify(message)]) coded(throws(() => client.sendMessage(one)), 'UID_IN_USE');
	client.sendMessage({ ...message, uid: 'another' });
	await peer.until(() => peer.sent('subscribe').some(({ message }) => message.uid === 'another'), 'the subscribe with another uid');
	deepEqual(peer.sent('subscribe').map(({ message }) => message.collection), ['messages', 'others']);
	await peer.tell('messages', [{ event: 'create', data: [{ id: 1, text: 'afterwards' }] }]);
	await reader.event('create', 'afterwards');
}, { sdk: 'sends it, and the server replaces the subscription', fails: /expected it to throw/ });

test('a uid of the page\'s own is not given out again', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: false });
	const readers = [await t.subscribe(client, { uid: '1' }), await t.subscribe(client)];
	client.sendMessage({ type: 'ping', uid: '7' });
	readers.push(await t.subscribe(client));
	await peer.until(() => peer.sent('subscribe').length === 3, 'three subscribes');
	const uids = peer.sent('subscribe').map(({ message }) => message.uid);
	equal(uids[0], '1', 'the first uid');
	equal(new Set([...uids, '7']).size, 4, `different uids among ${uids}`);
	for (const reader of readers) await reader.init();
	await peer.tell('messages', [{ event: 'create', data: [{ id: 1, text: 'for all' }] }]);
	for (const [i, reader] of readers.entries()) equal((await reader.event('create', 'for all')).uid, uids[i], 'uid');
}, { sdk: 'counts from 1, whatever the page has used', fails: /different uids among/ });

test('a uid that is undefined is none', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: false });
	const readers = [await t.subscribe(client, { uid: undefined }), await t.subscribe(client, { uid: undefined })];
	await peer.until(() => peer.sent('subscribe').length === 2, 'two subscribes');
	deepEqual(peer.sent('subscribe').map(({ message }) => message.uid), ['1', '2']);
	for (const reader of readers) await reader.init();
}, { sdk: 'subscribes without a uid', fails: /expected \["1","2"\], got/ });

// Refusals.

// refused returns options that the server refuses; anew each time, since the SDK
// changes them.
const refused = () => ({ query: { filter: { nosuch: { _eq: 1 } } } });

test('a refused subscription throws what the server said', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url);
	const { subscription } = await client.subscribe('messages', refused());
	const reason = await t.within(rejects(subscription.next()));
	deepEqual([reason.type, reason.status, reason.error.code, reason.uid], ['subscribe', 'error', 'FORBIDDEN', '1']);
	match(reason.error.message, /nosuch/, 'the server\'s message');
});

test('a refused subscription throws an Error with the server\'s sentence and code', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url);
	const { subscription } = await client.subscribe('messages', refused());
	const reason = await t.within(rejects(subscription.next()));
	coded(reason, 'FORBIDDEN');
	equal(reason.message, reason.error.message, 'the message');
}, { sdk: 'throws the message itself, which is no Error', fails: /expected an instance of Error/ });

test('a refused subscription has ended', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url);
	const { subscription } = await client.subscribe('messages', refused());
	await t.within(rejects(subscription.next()));
	deepEqual(await t.within(subscription.next()), { done: true, value: undefined });
});

test('a refused subscription fails alone', async (t) => {
	const server = await t.server();
	const client = await t.connected(server.url);
	const good = await t.subscribe(client);
	await good.init();
	const { subscription } = await client.subscribe('messages', refused());
	await t.within(rejects(subscription.next()));
	await server.create({ text: 'afterwards', user: t.user });
	await good.event('create', 'afterwards');
}, { sdk: 'a refused subscription ends all others', fails: /did not come about.*; it threw/ });

test('an unknown collection is refused with the server\'s code', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url);
	const { subscription } = await client.subscribe('nosuch');
	const reason = await t.within(rejects(subscription.next()));
	equal(reason.error.code, 'FORBIDDEN', 'the code');
});

test('an error without a uid fails the subscription that waits for its answer', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: false });
	const good = await t.subscribe(client);
	await good.init();
	await peer.set({ silent: ['subscribe'] });
	const { subscription } = await client.subscribe('messages', refused());
	await peer.until(() => peer.sent('subscribe').length === 2, 'the second subscribe');
	const failing = t.within(rejects(subscription.next()));
	await peer.send({ type: 'subscribe', status: 'error', error: { code: 'FORBIDDEN', message: 'You don\'t have permission to access this.' } });
	equal((await failing).error.code, 'FORBIDDEN', 'the code');
	await peer.tell('messages', [{ event: 'create', data: [{ id: 1, text: 'afterwards' }] }]);
	await good.event('create', 'afterwards');
}, { sdk: 'such an error ends all subscriptions', fails: /the event create.*did not come about/ });

test('an error for somebody else\'s uid ends nothing', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: false });
	const reader = await t.subscribe(client);
	await reader.init();
	await peer.send({ type: 'subscribe', status: 'error', error: { code: 'FORBIDDEN', message: 'No.' }, uid: 'somebody else' });
	await peer.tell('messages', [{ event: 'create', data: [{ id: 1, text: 'afterwards' }] }]);
	await reader.event('create', 'afterwards');
}, { sdk: 'such an error ends all subscriptions', fails: /the event create.*did not come about/ });

test('a subscription message with somebody else\'s uid is not told', async (t) => {
	const peer = await t.peer();
	const client = await t.connected(peer.url, { reconnect: false });
	const reader = await t.subscribe(client);
	await reader.init();
	await t.confirmed(peer);
	await peer.send({ type: 'subscription', event: 'create', data: [{ id: 9 }], uid: 'somebody else' }, { type: 'subscription', event: 'create', data: [{ id: 9 }] });
	await peer.tell('messages', [{ event: 'create', data: [{ id: 1, text: 'mine' }] }]);
	await reader.event('create', 'mine');
	deepEqual(reader.events(), ['init', 'create']);
});

test('rejects with an Error when the collection is no name', async (t) => {
	const { url } = await t.server();
	const client = await t.connected(url);
	for (const wrong of [undefined, null, '', 5]) {
		coded(await t.within(rejects(client.subscribe(wrong), `subscribe(${wrong})`)), 'INVALID_COLLECTION');
	}
}, { only: 'ours' });

test('rejects with an Error when the options hold what JSON cannot', async (t) => {
	const { proxy } = await t.proxied();
	const client = await t.connected(proxy.url);
	for (const wrong of [{ item: 5n }, { query: { filter: { id: { _eq: 5n } } } }, { more: [5n] }]) {
		coded(await t.within(rejects(client.subscribe('messages', wrong), 'subscribe()')), 'INVALID_PAYLOAD');
	}
	await (await t.subscribe(client)).init();
	await proxy.settled();
	equal(proxy.sent('subscribe').length, 1, 'subscribes');
}, { only: 'ours' });
