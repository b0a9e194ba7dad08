// The scripted peer: a small server that by default answers as a Directus would, and
// otherwise says whatever a test wants, also what no server should.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { WebSocketServer } from 'ws';

// startPeer returns a peer. emit takes the events that happen on it: upgrade, frame,
// closed, and request where accounts are served.
export async function startPeer(options, emit, accounts) {
	const peer = new Peer(options, emit, accounts);
	peer.http.listen(0, '127.0.0.1');
	await once(peer.http, 'listening');
	peer.url = `http://127.0.0.1:${peer.http.address().port}`;
	return peer;
}

class Peer {
	websockets = new WebSocketServer({ noServer: true });
	links = [];

	// options, all of which set() changes later:
	//   upgrade  'accept', an HTTP status, or 'hang'
	//   silent   the types of messages that are not answered: ['auth']; true is every type
	//   auth     what answers an auth instead of auth ok: a list of messages
	//   closes   whether an error of auth is followed by the end, as in Directus
	//   refuse   the collections whose subscribe is refused
	//   rows     { collection: [item, …] }
	constructor(options, emit, accounts) {
		this.options = { upgrade: 'accept', silent: [], auth: [{ type: 'auth', status: 'ok' }], closes: true, refuse: [], rows: {}, ...options };
		this.emit = emit;
		this.accounts = accounts;
		this.http = createServer((request, response) => {
			if (accounts) return accounts.answer(request, response, emit);
			response.writeHead(404).end();
		});
		this.http.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
	}

	set(options) {
		Object.assign(this.options, options);
	}

	upgrade(request, socket, head) {
		const id = this.links.length + 1;
		socket.on('error', () => {});
		this.emit({ kind: 'upgrade', socket: id, path: request.url, cookie: request.headers.cookie });
		const status = this.options.upgrade === 'accept' ? this.accounts?.refusal(request) : this.options.upgrade;
		if (status === 'hang') {
			socket.on('close', () => this.emit({ kind: 'closed', socket: id }));
			socket.on('end', () => socket.end()).resume(); // it is read, so that its end is seen
			this.links.push({ socket, subscriptions: new Map() });
			return;
		}
		if (status) {
			socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
			return;
		}
		this.websockets.handleUpgrade(request, socket, head, (ws) => {
			const link = { id, socket, ws, subscriptions: new Map() };
			this.links.push(link);
			ws.on('error', () => {});
			ws.on('message', (data, binary) => this.hear(link, data.toString(), binary));
			ws.on('close', (code, reason) => this.emit({ kind: 'closed', socket: id, code, reason: String(reason) }));
		});
	}

	hear(link, text, binary) {
		this.emit({ kind: 'frame', socket: link.id, direction: 'sent', text, binary: binary || undefined });
		let message;
		try {
			message = JSON.parse(text);
		} catch {
			return;
		}
		const { silent } = this.options;
		if (silent === true || silent.includes(message?.type)) return;
		for (const answer of this.answers(link, message)) {
			if ('uid' in message && answer.uid === undefined && answer.type !== 'ping') answer.uid = message.uid;
			link.ws.send(JSON.stringify(answer));
			if (answer.type === 'auth' && answer.status === 'error' && this.options.closes) link.ws.close();
		}
	}

	// answers returns what a Directus says.
	answers(link, { type, collection, action, event, item, uid, data, id }) {
		const rows = this.options.rows[collection] ?? [];
		switch (type) {
			case 'auth':
				return this.options.auth.map((answer) => ({ ...answer }));
			case 'ping':
				return [{ type: 'pong' }];
			case 'subscribe':
				if (this.options.refuse.includes(collection)) return [forbidden('subscribe')];
				link.subscriptions.set(String(uid), collection);
				return [{ type: 'subscription', event: 'init', ...(event ? {} : { data: item ? rows.find((row) => row.id == item) : rows }), uid: String(uid) }];
			case 'unsubscribe':
				link.subscriptions.delete(String(uid));
				return [{ type: 'subscription', event: 'unsubscribe' }];
			case 'items':
				if (this.options.refuse.includes(collection)) return [forbidden('items')];
				return [{ type: 'items', data: action === 'read' ? rows : action === 'delete' ? id : data }];
			default:
				return [];
		}
	}

	// tell does events [{ event, data }] to a collection and sends them to those who
	// subscribed; in one write if that is asked for.
	async tell(collection, events, oneWrite = false) {
		const frames = [];
		for (const { event, data } of events) {
			const keys = new Set(data.map((item) => String(event === 'delete' ? item : item.id)));
			const others = (this.options.rows[collection] ?? []).filter((row) => !keys.has(String(row.id)));
			this.options.rows[collection] = event === 'delete' ? others : [...others, ...data];
			for (const [uid, of] of this.link().subscriptions) {
				if (of === collection) frames.push(JSON.stringify({ type: 'subscription', event, data, uid }));
			}
		}
		if (oneWrite) this.burst(frames);
		else await this.send(frames);
	}

	// link is the newest connection.
	link() {
		const link = this.links.at(-1);
		if (!link) throw new Error('nobody is connected to the peer');
		return link;
	}

	// send sends messages, or strings as they are, each in a packet of its own: the SDK
	// loses what it reads together in Node, which has its own test.
	async send(messages) {
		const { ws } = this.link();
		for (const [i, message] of messages.entries()) {
			if (i > 0) await setTimeout(5);
			ws.send(textOf(message));
		}
	}

	// burst sends them in one write, so that the other side reads them in one piece.
	burst(messages) {
		this.link().socket.write(Buffer.concat(messages.map((message) => textFrame(textOf(message)))));
	}

	binary(bytes) {
		this.link().ws.send(Buffer.from(bytes));
	}

	hangUp(code, reason) {
		this.link().ws.close(code, reason);
	}

	drop() {
		this.link().socket.destroy();
	}

	close() {
		for (const { socket } of this.links) socket.destroy();
		this.http.close();
		this.http.closeAllConnections();
	}
}

const forbidden = (type) => ({ type, status: 'error', error: { code: 'FORBIDDEN', message: 'You don\'t have permission to access this.' } });

const textOf = (message) => (typeof message === 'string' ? message : JSON.stringify(message));

// textFrame is an unmasked text frame, as servers send it.
function textFrame(text) {
	const payload = Buffer.from(text);
	const head = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65536 ? 4 : 10);
	head[0] = 0x81;
	if (head.length === 2) {
		head[1] = payload.length;
	} else if (head.length === 4) {
		head[1] = 126;
		head.writeUInt16BE(payload.length, 2);
	} else {
		head[1] = 127;
		head.writeBigUInt64BE(BigInt(payload.length), 2);
	}
	return Buffer.concat([head, payload]);
}
