// Our realtime in the official SDK's client, and the other way round.
import * as official from '@directus/sdk';
import { createDirectus, readItems, realtime, rest, staticToken, type DirectusClient, type WebSocketClient } from 'leveret';
import { same, type Schema } from './schema.js';

// The line that a page changes is the import; nothing is typed less than it compiles.
const changed = official.createDirectus<Schema>('https://directus.example.com').with(official.staticToken('t')).with(official.rest()).with(realtime());
const loose = await changed.subscribe('messages', { event: 'create', query: { fields: ['id', 'text'] } });
for await (const message of loose.subscription) if (message.event === 'create') console.log(message.data[0]?.text);
await changed.request(official.readItems('messages', { fields: ['id'] }));

// The official client's schema is not part of its type as others see it, so it is named.
const named = official.createDirectus<Schema>('https://directus.example.com').with(official.authentication('json')).with(realtime<Schema>());
const typed = await named.subscribe('messages', { query: { fields: ['id', { author: ['name'] }] } });
for await (const message of typed.subscription) {
	if (message.event !== 'update' || !message.data[0]) continue;
	same<typeof message.data, { id: number; author: { name: string } | null }[]>();
}
console.log(named.realtime.state, await named.getToken());
// @ts-expect-error no such collection
await named.subscribe('nothing');

// Official composables in our client.
const ours = createDirectus<Schema>('https://directus.example.com').with(official.authentication('cookie')).with(official.rest()).with(realtime());
await ours.login({ email: 'a@example.com', password: 'p' });
const { subscription } = await ours.subscribe('authors');
for await (const message of subscription) if (message.event === 'init') same<typeof message.data[0], { id: number; name: string; email: string | null; messages: number[] }>();

// Commands run in either client; only within one package do they say what they return.
const mixed = createDirectus<Schema>('https://directus.example.com').with(staticToken('t')).with(rest());
same<Awaited<ReturnType<typeof readOfficial>>, any>();
async function readOfficial() {
	return mixed.request(official.readMe());
}
await changed.request(readItems('messages'));

// The clients are the same type, both ways.
const assigned: official.DirectusClient<Schema> = createDirectus<Schema>('https://directus.example.com');
const back: DirectusClient<Schema> = official.createDirectus<Schema>('https://directus.example.com');

// So is the realtime client, but for subscribe(): the event 'gap' is not in the official
// output, and the compiler cannot compare two generic methods whose types compute with
// what is not known yet. So the rest is assigned, and subscribe() is called like theirs.
declare const mine: WebSocketClient<Schema>;
declare const theirs: official.WebSocketClient<Schema>;
const other: Omit<official.WebSocketClient<Schema>, 'subscribe'> = mine;
type Told<Subscribed> = Subscribed extends { subscription: AsyncGenerator<infer Message> } ? Message : never;

const [mineAll, theirsAll] = [
	await mine.subscribe('messages', { uid: '1', query: { fields: ['id', 'text', 'date_created', 'labels'], sort: ['-id'], limit: 5 } }),
	await theirs.subscribe('messages', { uid: '1', query: { fields: ['id', 'text', 'date_created', 'labels'], sort: ['-id'], limit: 5 } }),
];
const [mineNew, theirsNew] = [
	await mine.subscribe('messages', { event: 'create', query: { fields: ['id', { author: ['name'] }], filter: { status: { _eq: 'published' } } } }),
	await theirs.subscribe('messages', { event: 'create', query: { fields: ['id', { author: ['name'] }], filter: { status: { _eq: 'published' } } } }),
];
for await (const message of mineAll.subscription) if (message.event !== 'gap') message satisfies Told<typeof theirsAll>;
for await (const message of mineNew.subscription) if (message.event !== 'gap') message satisfies Told<typeof theirsNew>;
for await (const message of theirsAll.subscription) message satisfies Told<typeof mineAll>;
for await (const message of theirsNew.subscription) message satisfies Told<typeof mineNew>;
mineAll.unsubscribe();
console.log(assigned, back, other);
