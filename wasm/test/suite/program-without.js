// node program-without.js <implementation>: a program that has no WebSocket at all.
import { load } from './implementations.js';

delete globalThis.WebSocket;

const { createDirectus, staticToken, realtime } = await load(process.argv[2]);
const client = createDirectus('http://127.0.0.1:1').with(staticToken('token')).with(realtime({ reconnect: false }));
const calls = {
	connect: () => client.connect(),
	again: () => client.connect(),
	subscribe: () => client.subscribe('messages'),
	ask: () => client.realtime.ask({ type: 'ping' }),
};
for (const [name, call] of Object.entries(calls)) console.log(name, await call().then(() => 'works', (error) => error.code));
console.log('closed', await client.isConnected());
