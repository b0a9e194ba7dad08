// node program-ends.js <implementation> <url>: a program that ends when it has nothing
// more to do.
import { load } from './implementations.js';

const [name, url] = process.argv.slice(2);
const { createDirectus, staticToken, realtime } = await load(name);
const client = createDirectus(url).with(staticToken('editor-demo-token')).with(realtime());
await client.connect();
const { subscription, unsubscribe } = await client.subscribe('messages', { query: { limit: 1 } });
await subscription.next();
console.log('live');
unsubscribe();
client.disconnect();
console.log('disconnected');
