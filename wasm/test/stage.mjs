// The stage that the suite plays on: the real server, a fault proxy, a scripted peer,
// and the files of the suite's page.
//
//   node stage.mjs
//
// prints its address and plays until its input ends.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { WebSocketServer } from 'ws';
import { Control } from './stage/control.mjs';
import { Files } from './stage/files.mjs';
import { startLeveret } from './stage/leveret.mjs';

// startStage returns a stage; report takes the lines that pages print.
export async function startStage({ report = () => {} } = {}) {
	const stage = new Stage(report);
	stage.http.listen(0, '127.0.0.1');
	await once(stage.http, 'listening');
	stage.url = `http://127.0.0.1:${stage.http.address().port}`;
	return stage;
}

class Stage {
	files = new Files();
	controls = new Set();
	servers = new Map(); // mode -> promise of a server that all runs share

	constructor(report) {
		this.report = report;
		this.http = createServer((request, response) => this.files.answer(request, response));
		const websockets = new WebSocketServer({ noServer: true });
		this.http.on('upgrade', (request, socket, head) => {
			websockets.handleUpgrade(request, socket, head, (ws) => this.controls.add(new Control(this, ws)));
		});
	}

	// server is the one in handshake, strict or public mode, started when it is first asked for.
	server(mode = 'handshake') {
		if (!this.servers.has(mode)) this.servers.set(mode, startLeveret({ WEBSOCKETS_REST_AUTH: mode }));
		return this.servers.get(mode);
	}

	async close() {
		this.http.close();
		this.http.closeAllConnections();
		await Promise.allSettled([...this.controls].map((control) => control.close()));
		await Promise.allSettled([...this.servers.values()].map(async (server) => (await server).close()));
	}
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
	const stage = await startStage({ report: console.log });
	console.log(`stage ${stage.url}`);
	const end = async () => {
		await stage.close();
		process.exit(0);
	};
	process.on('SIGTERM', end);
	process.on('SIGINT', end);
	process.stdin.on('end', end).on('error', end).resume();
}
