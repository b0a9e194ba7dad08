// The code samples of Directus's documentation, with only the import, the URL and the
// token changed. They use the module that the page has, so each runs alone and ends
// with dispose().
import { deepEqual, equal, ok } from './assert.js';
import { theme } from './runner.js';

const test = theme('samples');
const both = { once: true, alone: true };
const alone = { ...both, only: 'ours' };

// play imports a sample that prints, on a server of its own.
async function play(t, name) {
	const server = await t.ownServer();
	const printed = t.box();
	globalThis[Symbol.for(`prelude ${name}`)] = {
		url: server.ws,
		access_token: 'editor-demo-token',
		console: { log: (what) => printed.add(what) },
	};
	t.defer(() => t.impl.dispose());
	const playing = import(`../samples/${name}.js`);
	return { server, printed, playing };
}

// page imports the samples of the page on real-time, which take whichever
// implementation there is.
function page(t) {
	globalThis[Symbol.for('prelude realtime')] = t.impl;
	t.defer(() => t.impl.dispose?.());
	return import('../samples/realtime.js');
}

// full returns a client with everything that the samples use.
function full(t, url) {
	const { createDirectus, staticToken, rest, realtime } = t.impl;
	return createDirectus(url).with(staticToken('editor-demo-token')).with(rest()).with(realtime());
}

test('the guide "Getting Started", step by step', async (t) => {
	const { server, printed, playing } = await play(t, 'getting-started');
	const sample = await t.within(playing, 'the sample');
	await printed.find(({ event, type }) => event === 'init' && type === 'subscription', 'the init of the subscription');
	sample.createItem('Hello World!', 'Ben');
	sample.createItem('Hello Universe!', 'Rijk');
	sample.createItem('Hello Everyone Everywhere All At Once!', 'Kevin');
	const made = await printed.until((items) => {
		const replies = items.filter(({ event, data }) => event === 'onmessage' && data?.user);
		return replies.length === 3 && replies.map(({ data }) => data);
	}, 'three replies');
	deepEqual(made.map(({ text, user }) => [text, user]).sort(), [['Hello Everyone Everywhere All At Once!', 'Kevin'], ['Hello Universe!', 'Rijk'], ['Hello World!', 'Ben']]);
	const latest = await server.create({ text: 'the latest', user: 'REST' });
	sample.readLatestItem();
	await printed.find(({ event, data }) => event === 'onmessage' && Array.isArray(data) && data[0]?.id === latest.id, 'the latest item');
	await server.update(made[0].id, { text: 'changed' });
	const update = await printed.find(({ event, type }) => event === 'update' && type === 'subscription', 'the update');
	deepEqual(update.data, [{ user: made[0].user, text: 'changed' }]);
	await server.kill();
	await printed.find(({ event }) => event === 'onclose', 'onclose');
	await server.revive();
	await printed.find(({ event }) => event === 'onopen', 'onopen');
}, alone);

test('the guide\'s full code sample', async (t) => {
	const { server, printed, playing } = await play(t, 'full');
	playing.catch((error) => printed.add({ failed: error }));
	await printed.find(({ event, type }) => event === 'init' && type === 'subscription', 'the init of the subscription');
	const { id } = await server.create({ text: 'made', user: 'REST' });
	await server.update(id, { text: 'changed' });
	const update = await printed.find(({ event }) => event === 'update', 'the update');
	deepEqual(update.data, [{ user: 'REST', text: 'changed' }]);
	deepEqual(printed.items.map(({ event }) => event), ['init', 'update']);
	await t.impl.dispose();
	await t.within(playing, 'the end of the sample');
}, alone);

test('the messages of the guide "WebSockets Subscriptions"', async (t) => {
	const guide = await import('../samples/subscriptions.js');
	const server = await t.ownServer();
	const client = await t.connected(server.url);
	const box = t.messages(client);
	client.sendMessage(guide.all);
	const init = await box.find(({ event }) => event === 'init', 'the init');
	ok(Array.isArray(init.data) && init.uid, 'the items, and a uid');
	client.sendMessage(guide.creations);
	await box.until((items) => items.filter(({ event }) => event === 'init').length === 2, 'the second init');
	client.sendMessage(guide.narrow);
	client.sendMessage(guide.named);
	await box.find(({ event, uid }) => event === 'init' && uid === 'any-string-value', 'the init with the sample\'s uid');
	await server.create({ text: 'made', user: t.user });
	const told = await box.until((items) => {
		const found = items.filter(({ event }) => event === 'create');
		return found.length === 4 && found;
	}, 'four creates');
	deepEqual(told.map(({ uid, data }) => [uid, Object.keys(data[0]).length]), [[init.uid, 6], ['2', 6], ['3', 1], ['any-string-value', 6]]);
	client.sendMessage(guide.unsubscribe);
	await box.find(({ event, uid }) => event === 'unsubscribe' && uid === 'identifier', 'the answer to unsubscribe');
}, alone);

test('the page on real-time: connection and authentication', async (t) => {
	const sample = await page(t);
	const server = await t.server();
	const logins = {
		email: (client) => sample.emailAndPassword(client, 'editor@example.com', 'editor-demo'),
		token: (client) => sample.accessToken(client, 'editor-demo-token'),
	};
	for (const [name, login] of Object.entries(logins)) {
		const client = await sample.connection(server.url);
		const box = t.messages(client);
		await login(client);
		const reply = await box.find(({ type }) => type === 'auth', `the answer to ${name}`);
		equal(reply.status, 'ok', 'status');
		if (name === 'email') logins.refresh = (other) => sample.refreshToken(other, reply.refresh_token);
		await sample.heartbeat(client);
		await box.find(({ type }) => type === 'pong', 'the pong');
		await sample.disconnect(client);
		if (t.impl.name !== 'sdk') equal(await client.isConnected(), false, 'isConnected()');
	}
	const client = await sample.connection(server.url);
	const box = t.messages(client);
	await logins.refresh(client);
	equal((await box.find(({ type }) => type === 'auth', 'the answer to the refresh token')).status, 'ok', 'status');
}, both);

test('the page on real-time: connection events', async (t) => {
	const sample = await page(t);
	const peer = await t.peer();
	const client = full(t, peer.url);
	const printed = t.box();
	sample.connectionEvents(client, { log: (...what) => printed.add(what), error: (...what) => printed.add(what) });
	await client.connect();
	await peer.send({ type: 'news' });
	await printed.find(([, message]) => message?.type === 'news', 'the message');
	await peer.set({ upgrade: 403 });
	await peer.drop();
	await printed.find(([text]) => text === 'WebSocket error:', 'the error');
	client.disconnect();
	const texts = printed.items.map(([text]) => text);
	ok(['WebSocket connected', 'Received:', 'WebSocket disconnected'].every((text) => texts.includes(text)), `all events among ${texts}`);
}, both);

test('the page on real-time: subscriptions, on a server that has their collections', async (t) => {
	const sample = await page(t);
	const article = { id: 1, title: 'One', status: 'published' };
	const user = { id: 'u', status: 'active' };
	const peer = await t.peer({ rows: { articles: [article], directus_users: [user], directus_notifications: [], directus_activity: [] } });
	const client = full(t, peer.url);
	await client.connect();
	const printed = t.box();
	const loops = [
		sample.subscribeToCollection(client, { log: (...what) => printed.add(what) }),
		sample.liveQueries(client, (data) => printed.add(['updateUI', data])),
		sample.collaborativeEditing(client, (data) => printed.add(['applyRemoteChanges', data]), 'new'),
		sample.notifications(client, 'u', (item) => printed.add(['showNotification', item])),
		sample.activityFeed(client, (item) => printed.add(['addActivityItem', item])),
		sample.liveDashboard(client, (name, data) => printed.add(['updateMetric', name, data])),
		sample.errorHandling(client, { error: (...what) => printed.add(what) }),
	];
	await Promise.all([sample.filterSubscriptions(client, 'u'), sample.limitFields(client)]);
	const unsubscribed = await sample.unsubscribeWhenDone(client);
	deepEqual(await t.within(unsubscribed.next()), { done: true, value: undefined });
	const saw = (...what) => printed.find((line) => JSON.stringify(line) === JSON.stringify(what), JSON.stringify(what));
	await saw('Initial data:', [article]);
	await saw('updateUI', [article]);
	await saw('updateMetric', 'articles', [article]);

	const other = { id: 2, title: 'Two', status: 'published' };
	await peer.tell('articles', [{ event: 'create', data: [other] }]);
	await saw('New item:', [other]);
	await peer.tell('articles', [{ event: 'update', data: [{ ...other, title: 'Zwei' }] }]);
	await saw('Updated item:', [{ ...other, title: 'Zwei' }]);
	await saw('applyRemoteChanges', [{ ...other, title: 'Zwei' }]);
	await peer.tell('articles', [{ event: 'delete', data: [2] }]);
	await saw('Deleted items:', [2]);
	await peer.tell('directus_notifications', [{ event: 'create', data: [{ id: 3, subject: 'hello' }] }]);
	await saw('showNotification', { id: 3, subject: 'hello' });
	await peer.tell('directus_activity', [{ event: 'create', data: [{ id: 4, action: 'update' }] }]);
	await saw('addActivityItem', { id: 4, action: 'update' });

	const wire = peer.sent('subscribe').map(({ message }) => message);
	const queries = wire.map(({ query }) => JSON.stringify(query ?? {}));
	ok(queries.some((query) => query.includes('author.*') && query.includes('$NOW(-7 days)')), 'the live query on the wire');
	ok(queries.some((query) => query.includes('{\\"count\\":\\"*\\"}')), 'the aggregate on the wire');
	client.disconnect();
	await t.within(Promise.all(loops), 'the end of the loops');
}, alone);

test('the page on real-time: every sample, on our own server', async (t) => {
	const sample = await page(t);
	const server = await t.ownServer();
	const [editor, other] = await Promise.all(['editor', 'admin'].map(async (name) => (await server.rest('GET', '/users/me', undefined, `${name}-demo-token`)).id));
	const write = (path, item) => server.rest('POST', `/items/${path}`, item);
	const change = (content) => server.rest('PATCH', '/items/articles/article-id', { content });
	// The demo has an article of that name, with two categories or so.
	await server.rest('PATCH', '/items/articles/article-id', { title: 'Ours', status: 'published', author: editor, content: 'old' });
	// Each sample has a connection of its own: in Node the SDK loses frames that arrive together.
	const connected = async () => {
		const client = t.closing(full(t, server.url));
		await client.connect();
		return client;
	};
	const sees = (box, condition, what) => box.find((item) => item[0] !== 'failed' && condition(item), what);
	const start = async (name, ...args) => {
		const box = t.box();
		const playing = sample[name](await connected(), ...args.map((arg) => (typeof arg === 'function' ? arg(box) : arg)));
		playing.catch((error) => box.add(['failed', error]));
		return box;
	};

	const articles = await start('subscribeToCollection', (box) => ({ log: (...what) => box.add(what) }));
	const [, ours] = await sees(articles, ([text, data]) => text === 'Initial data:' && data.some(({ id }) => id === 'article-id'), 'the published articles');
	deepEqual(ours.find(({ id }) => id === 'article-id'), { id: 'article-id', title: 'Ours', author: { email: 'editor@example.com' } });

	const live = await start('liveQueries', (box) => (data) => box.add(data));
	const newest = (await sees(live, (data) => data?.some(({ id }) => id === 'article-id'), 'the live query')).find(({ id }) => id === 'article-id');
	deepEqual([newest.author.id, newest.author.first_name], [editor, 'Eddie']);
	ok(newest.categories.every(({ articles_id, categories_id }) => articles_id === 'article-id' && categories_id), `rows of the junction, not ${JSON.stringify(newest.categories)}`);

	const editing = await start('collaborativeEditing', (box) => (data) => box.add(data), 'sent by the sample');
	const feed = await start('activityFeed', (box) => (item) => box.add(item));
	const board = await start('liveDashboard', (box) => (...what) => box.add(what));
	const [, [{ count }]] = await sees(board, ([name]) => name === 'articles', 'the number of articles');
	ok(Number.isInteger(count) && count > 0, `a number, ${count}`);

	await t.pause(300); // what the sample itself sent is long done
	await change('by another');
	const [edited] = await sees(editing, (data) => data[0].content === 'by another', 'the change');
	deepEqual([edited.id, edited.author], ['article-id', editor]);
	const activity = await sees(feed, ({ action, item, user }) => action === 'update' && item === 'article-id' && user?.first_name === 'Ada', 'the activity');
	equal(activity.collection, 'articles', 'its collection');
	await sees(articles, ([text, data]) => text === 'Updated item:' && data[0].id === 'article-id', 'the update of the published articles');

	await write('articles', { id: 'second', title: 'Two', status: 'published', author: other });
	await sees(board, ([name, data]) => name === 'articles' && data[0].count === count + 1, 'one article more');
	await sees(articles, ([text, data]) => text === 'New item:' && data[0].author.email === 'admin@example.com', 'the new article');
	await server.rest('PATCH', '/items/articles/second', { status: 'draft' });
	await sees(board, ([name, data]) => name === 'articles' && data.length === 1 && data[0].count === count, 'one article less');
	await sees(articles, ([text, data]) => text === 'Deleted items:' && data[0] === 'second', 'the article that left');

	const present = await sample.presence(await connected(), editor);
	const { value: init } = await t.within(present.next(), 'who is present');
	const now = ({ user, timestamp }) => user === editor && Math.abs(Date.now() - Date.parse(timestamp)) < 30_000;
	const me = init.data.find(now);
	ok(me, `the user, now, among ${JSON.stringify(init.data)}`);
	deepEqual([me.collection, me.item], ['articles', 'article-id']);

	const notified = await start('notifications', editor, (box) => (item) => box.add(item));
	await t.pause(300);
	await server.create({ text: 'hello @Eddie', user: t.user });
	const notification = await sees(notified, ({ recipient }) => recipient === editor, 'the notification');
	equal(notification.status, 'unread', 'its status');

	await sample.filterSubscriptions(await connected(), editor);
	await sample.limitFields(await connected());
	await t.within((await sample.unsubscribeWhenDone(await connected())).return?.(), 'the end');
	await start('errorHandling', (box) => ({ error: (...what) => box.add(what) }));
	for (const box of [articles, live, editing, feed, board, notified]) {
		ok(!box.items.some((item) => item[0] === 'failed'), `no failure among ${JSON.stringify(box.items.at(-1))}`);
	}
}, { ...both, limit: 60_000 });
