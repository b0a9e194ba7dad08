// page.html?impl=sdk&grep=connect&soak=1
import { main } from './index.js';

const wanted = new URLSearchParams(location.search);
const log = document.getElementById('log');

await main({
	implementation: wanted.get('impl'),
	env: 'browser',
	stageURL: location.origin,
	print: (line) => log.append(`${line}\n`),
	grep: wanted.get('grep') ?? '',
	soak: wanted.has('soak'),
});
