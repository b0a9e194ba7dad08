// node program-import.js <implementation>: imports it as a server that renders pages would.
import { load } from './implementations.js';

for (const name of ['WebSocket', 'fetch', 'WebAssembly', 'navigator', 'performance', 'localStorage']) delete globalThis[name];

const { createDirectus, staticToken, realtime } = await load(process.argv[2]);
createDirectus('http://127.0.0.1:1').with(staticToken('token')).with(realtime());
console.log('imported');
