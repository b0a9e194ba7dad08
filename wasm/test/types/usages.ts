// What must compile with our own client, and what must not.
import {
	auth,
	authentication,
	createDirectus,
	createItem,
	createItems,
	deleteItem,
	deleteItems,
	dispose,
	init,
	LeveretError,
	pong,
	queryToParams,
	readItem,
	readItems,
	realtime,
	rest,
	staticToken,
	updateItem,
	updateItems,
	type Query,
	type RealtimeState,
	type SubscriptionOutput,
	type WebSocketClient,
} from 'leveret';
import { same, type Message, type Schema } from './schema.js';

const client = createDirectus<Schema>('https://directus.example.com').with(staticToken('token')).with(rest()).with(realtime());

// The connection.
same<Awaited<ReturnType<typeof client.isConnected>>, boolean>();
const socket = await client.connect();
socket.send('text');
client.disconnect();
const remove = client.onWebSocket('message', function (message) {
	this.close();
	console.log(message.type);
});
same<ReturnType<typeof remove>, boolean>();
client.onWebSocket('close', (event) => console.log(event.code, event.reason));
client.onWebSocket('open', (event) => console.log(event.timeStamp));
// @ts-expect-error there is no such event
client.onWebSocket('opened', () => {});
client.sendMessage({ type: 'items', collection: 'messages', action: 'read' });
client.sendMessage(auth({ access_token: 'token' }));
client.sendMessage(pong());
// @ts-expect-error a credential is one of three
auth({ email: 'a@example.com' });

// Subscriptions.
const all = await client.subscribe('messages');
for await (const message of all.subscription) {
	same<typeof message.type, 'subscription'>();
	switch (message.event) {
		case 'init':
		case 'create':
		case 'update': {
			const [item] = message.data;
			if (!item) break;
			same<typeof item.text, string>();
			same<typeof item.status, 'draft' | 'published'>();
			same<typeof item.date_created, string>();
			same<typeof item.labels, string[]>();
			same<typeof item.author, number | null>();
			same<typeof item.tags, number[]>();
			same<typeof item.anything, any>();
			break;
		}
		case 'delete':
			same<typeof message.data, string[] | number[]>();
			break;
		case 'gap':
			same<typeof message.data, never[]>();
			break;
		case 'error':
			same<typeof message.error.code, string>();
			break;
		default:
			same<typeof message, never>();
	}
}
all.unsubscribe();

const some = await client.subscribe('messages', {
	event: 'update',
	uid: 'mine',
	item: 5,
	query: {
		fields: ['id', 'text', 'year(date_created)', 'count(tags)', 'json(extra, a.b[0])', { author: ['name', { messages: ['text'] }], tags: ['*'] }],
		filter: {
			_and: [{ status: { _eq: 'published' } }, { author: { name: { _starts_with: 'A' } } }],
			tags: { _some: { label: { _in: ['a', 'b'] } } },
			date_created: { _gt: '$NOW(-1 day)' },
			'year(date_created)': { _gte: 2024 },
			score: { _null: true },
			author: { _eq: 5 },
		},
		sort: ['-date_created', 'text'],
		deep: { tags: { _limit: 3, _sort: ['label'], _filter: { label: { _neq: 'x' } } } },
		alias: { headline: 'text' },
		limit: 10,
	},
});
for await (const message of some.subscription) {
	same<typeof message.event, 'init' | 'update' | 'gap' | 'error'>();
	if (message.event !== 'update') continue;
	const [item] = message.data;
	if (!item) continue;
	same<typeof item.date_created_year, number>();
	same<typeof item.tags_count, number>();
	item.extra_a_b_0_json satisfies unknown;
	same<typeof item.tags, { id: number; label: string }[]>();
	same<typeof item.author, { name: string; messages: { text: string }[] } | null>();
	// @ts-expect-error not among the fields
	item.score;
}

const blocks = await client.subscribe('blocks', { query: { fields: ['id', { item: { authors: ['name'], tags: ['label'] } }] } });
for await (const message of blocks.subscription) {
	if (message.event === 'create' && message.data[0]) same<(typeof message.data)[0]['item'], { name: string } | { label: string }>();
}

// @ts-expect-error no such collection
await client.subscribe('nothing');
// @ts-expect-error no such event
await client.subscribe('messages', { event: 'replace' });
// @ts-expect-error no such field
await client.subscribe('messages', { query: { fields: ['nothing'] } });
// @ts-expect-error no such field of the author
await client.subscribe('messages', { query: { fields: [{ author: ['nothing'] }] } });
// @ts-expect-error a field without a relation has no fields
await client.subscribe('messages', { query: { fields: [{ text: ['nothing'] }] } });
// @ts-expect-error no such field
await client.subscribe('messages', { query: { filter: { nothing: { _eq: 1 } } } });
// @ts-expect-error a text is no number
await client.subscribe('messages', { query: { filter: { text: { _eq: 1 } } } });
// @ts-expect-error no such status
await client.subscribe('messages', { query: { filter: { status: { _eq: 'lost' } } } });
// @ts-expect-error a boolean cannot be searched
await client.subscribe('messages', { query: { filter: { pinned: { _contains: 'x' } } } });
// @ts-expect-error no such field to sort by
await client.subscribe('messages', { query: { sort: ['-nothing'] } });
// @ts-expect-error 'text' has no year
await client.subscribe('messages', { query: { fields: ['year(text)'] } });

// What is not in the official SDK.
same<typeof client.realtime.state, RealtimeState>();
const quiet = client.realtime.onState(({ from, to, cause, at, next }) => {
	console.log(from, to, cause.reason, cause.detail, cause.code, at.getTime(), next?.getTime());
});
quiet();
const reply = await client.realtime.ask<{ data: Message[] }>({ type: 'items', collection: 'messages', action: 'read' });
same<typeof reply.data, Message[]>();
// @ts-expect-error the state is not ours to set
client.realtime.state = 'live';

// REST.
const read = await client.request(readItems('messages', { fields: ['id', { author: ['name'] }], sort: '-id', limit: 3 }));
same<typeof read, { id: number; author: { name: string } | null }[]>();
const one = await client.request(readItem('authors', 1, { fields: ['*'] }));
same<typeof one, { id: number; name: string; email: string | null; messages: number[] }>();
const created = await client.request(createItem('messages', { text: 'a', date_created: '2026-01-01T00:00:00', tags: [1], extra: { a: 1 } }));
same<typeof created.text, string>();
const many = await client.request(createItems('messages', [{ text: 'a', author: { name: 'A' } }], { fields: ['id'] }));
same<typeof many, { id: number }[]>();
same<Awaited<ReturnType<typeof updateOne>>, { text: string }>();
async function updateOne() {
	return client.request(updateItem('messages', 1, { status: 'published' }, { fields: ['text'] }));
}
await client.request(updateItems('messages', [1, 2], { score: null }));
await client.request(updateItems('messages', { filter: { status: { _eq: 'draft' } }, limit: -1 }, { status: 'published' }));
await client.request(deleteItem('messages', 1));
await client.request(deleteItems('messages', [1, 2]));
await client.request(deleteItems('messages', { filter: { pinned: { _eq: false } } }));
same<Awaited<ReturnType<typeof deleteOne>>, void>();
async function deleteOne() {
	return client.request(deleteItem('messages', 1));
}
await client.request<string[]>(() => ({ path: '/custom', method: 'POST', body: '{}' }));
await client.request(createItem('settings', { title: 'a' }));
// @ts-expect-error no such collection
await client.request(readItems('nothing'));
// @ts-expect-error a singleton has no items
await client.request(readItems('settings'));
// @ts-expect-error no such field
await client.request(readItems('messages', { fields: ['nothing'] }));
// @ts-expect-error a status is one of two
await client.request(createItem('messages', { status: 'lost' }));

// Signing in.
const person = createDirectus<Schema>('https://directus.example.com', { globals: { fetch, WebSocket } })
	.with(authentication('json', { autoRefresh: false, msRefreshBeforeExpires: 10_000, credentials: 'include', storage: { get: () => null, set: () => {} } }))
	.with(rest({ credentials: 'include', onRequest: (options) => options, onResponse: (data) => data }))
	.with(realtime({ authMode: 'handshake', reconnect: { delay: 500, retries: 3 }, connect: false, heartbeat: true, debug: true, url: 'wss://a.example.com/websocket' }));
const session = await person.login({ email: 'a@example.com', password: 'p' }, { otp: '123456', mode: 'session' });
same<typeof session.expires, number | null>();
await person.refresh();
same<Awaited<ReturnType<typeof person.getToken>>, string | null>();
await person.setToken(null);
person.stopRefreshing();
await person.logout();
// @ts-expect-error no such mode
authentication('jwt');
// @ts-expect-error no such mode
realtime({ authMode: 'cookie' });

// Errors.
try {
	await client.connect();
} catch (error) {
	if (!(error instanceof LeveretError)) throw error;
	if (error.code === 'NO_TOKEN' || error.code === 'FORBIDDEN' || error.code === 'SOMETHING_NEW') console.log(error.message, error.cause);
	console.log(error.errors?.[0]?.extensions.code, error.response?.status);
}

// The program.
await init();
await init({ wasmURL: new URL('https://cdn.example.com/leveret.wasm') });
await dispose();

// Named types.
function show(message: SubscriptionOutput<Schema, 'messages', undefined, 'init' | 'create'>) {
	return message.event === 'create' ? message.data.map(({ text }) => text) : [];
}
const query: Query<Schema, Message> = { fields: ['id', { author: ['*'] }], filter: { _or: [{ id: { _in: [1, 2] } }, { text: { _icontains: 'x' } }] } };
const params: Record<string, string> = queryToParams({ ...query });
async function anyClient(some: WebSocketClient<Schema>) {
	const { subscription } = await some.subscribe('messages', { query: { fields: ['id'] } });
	return subscription;
}
await anyClient(client);
console.log(show, params);

// Without a schema everything is allowed.
const loose = createDirectus('https://directus.example.com').with(rest()).with(realtime());
const { subscription, unsubscribe } = await loose.subscribe('whatever', { event: 'create', query: { fields: ['*', 'author.name'], sort: '-id', filter: { a: { b: { _eq: 1 } } } } });
for await (const message of subscription) {
	if (message.event === 'create') console.log(message.data[0]?.author.name);
}
unsubscribe();
const items = await loose.request(readItems('whatever', { filter: { a: 1 }, fields: ['id', { author: ['name'] }] }));
console.log(items[0]?.id.anything);
await loose.request(createItem('whatever', { a: 1 }));
const standalone = readItems('whatever');
console.log(standalone().path);
