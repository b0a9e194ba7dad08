// The REST part of the official SDK, unmodified, against our server.
// Run by server/e2e: node rest.mjs http://127.0.0.1:8055
import assert from 'node:assert/strict';
import {
	authentication,
	createDirectus,
	createItem,
	createItems,
	deleteItem,
	deleteItems,
	readItem,
	readItems,
	readMe,
	rest,
	serverHealth,
	serverInfo,
	serverPing,
	staticToken,
	updateItem,
	updateItems,
} from '@directus/sdk';

const url = process.argv[2];

const editor = createDirectus(url).with(staticToken('editor-demo-token')).with(rest());

assert.equal(await editor.request(serverPing()), 'pong');
assert.equal((await editor.request(serverHealth())).status, 'ok');
assert.equal((await editor.request(serverInfo())).websocket.rest.path, '/websocket');
assert.equal((await editor.request(readMe({ fields: ['email'] }))).email, 'editor@example.com');

const one = await editor.request(createItem('messages', { text: 'one', user: 'sdk' }));
assert.equal(one.text, 'one');
const [two, three] = await editor.request(createItems('messages', [{ text: 'two', user: 'sdk' }, { text: 'three', user: 'sdk' }]));
assert.equal((await editor.request(readItem('messages', two.id, { fields: ['text'] }))).text, 'two');

const mine = { filter: { user: { _eq: 'sdk' } }, sort: ['text'], fields: ['id', 'text'] };
assert.deepEqual((await editor.request(readItems('messages', mine))).map((item) => item.text), ['one', 'three', 'two']);

assert.equal((await editor.request(updateItem('messages', one.id, { text: 'One' }))).text, 'One');
const updated = await editor.request(updateItems('messages', [two.id, three.id], { status: 'draft' }));
assert.deepEqual(updated.map((item) => item.status), ['draft', 'draft']);

await editor.request(deleteItem('messages', one.id));
await editor.request(deleteItems('messages', [two.id, three.id]));
assert.deepEqual(await editor.request(readItems('messages', mine)), []);
await assert.rejects(editor.request(readItem('messages', one.id)), (error) => error.errors[0].extensions.code === 'FORBIDDEN');

const person = createDirectus(url).with(authentication('json')).with(rest());
const first = await person.login({ email: 'editor@example.com', password: 'editor-demo' });
assert.ok(first.access_token && first.refresh_token && first.expires > 0);
assert.equal((await person.request(readMe({ fields: ['email'] }))).email, 'editor@example.com');
const second = await person.refresh();
assert.notEqual(second.refresh_token, first.refresh_token);
assert.equal((await person.request(readMe({ fields: ['email'] }))).email, 'editor@example.com');
await person.logout();
await assert.rejects(
	person.login({ email: 'editor@example.com', password: 'wrong' }),
	(error) => error.errors[0].extensions.code === 'INVALID_CREDENTIALS',
);

console.log('the official SDK is content');
