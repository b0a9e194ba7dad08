// node suite/node.js <implementation> <the stage's address> [grep]
import { main } from './index.js';

const [implementation, stageURL, grep = ''] = process.argv.slice(2);
const soak = Boolean(process.env.LEVERET_SOAK);
const passed = await main({ implementation, env: 'node', stageURL, print: console.log, grep, soak });
process.exit(passed ? 0 : 1);
