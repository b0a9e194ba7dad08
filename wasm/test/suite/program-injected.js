// node program-injected.js <implementation> <url> <user>: a program without a global
// WebSocket, as in Node 20, that gives its client one.
import { WebSocket } from 'ws';
import { load } from './implementations.js';

delete globalThis.WebSocket;

const [name, url, user] = process.argv.slice(2);
const { createDirectus, staticToken, realtime, rest, createItem } = await load(name);
const client = createDirectus(url, { globals: { WebSocket } }).with(staticToken('editor-demo-token')).with(rest()).with(realtime());
client.onWebSocket('close', () => console.log('closed'));
await client.connect();
const { subscription } = await client.subscribe('messages', { query: { filter: { user: { _eq: user } } } });
for await (const message of subscription) {
	console.log(message.event);
	if (message.event === 'init') client.request(createItem('messages', { text: 'injected', user }));
	if (message.event === 'create') break;
}
client.disconnect();
