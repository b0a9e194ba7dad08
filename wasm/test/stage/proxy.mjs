// The fault proxy: stands between a client and a server, passes the bytes on, reads
// along, and does what networks do.
import { createServer, connect } from 'node:net';
import { once } from 'node:events';
import { Receiver } from 'ws';

// startProxy returns a proxy for the server at url. emit takes the events that
// happen on it: upgrade, frame, closed.
export async function startProxy(url, emit) {
	const proxy = new FaultProxy(new URL(url), emit);
	proxy.server.listen(0, '127.0.0.1');
	await once(proxy.server, 'listening');
	proxy.url = `http://127.0.0.1:${proxy.server.address().port}`;
	return proxy;
}

class FaultProxy {
	links = new Set();
	count = 0;
	faults = { refuse: false, hold: false, mute: false, delay: 0 };

	constructor(target, emit) {
		this.target = target;
		this.emit = emit;
		this.server = createServer((client) => {
			if (this.faults.refuse) {
				client.resetAndDestroy();
				emit({ kind: 'refused' });
				return;
			}
			this.links.add(new Link(this, client));
		});
	}

	// set changes the faults:
	//   refuse  new connections are reset
	//   hold    what the server says is kept back; false lets it go
	//   mute    what either side says is thrown away, for good
	//   delay   milliseconds that every byte takes, each way
	set(faults) {
		Object.assign(this.faults, faults);
		if (!this.faults.hold) for (const link of this.links) link.release();
	}

	// cut resets every connection.
	cut() {
		for (const link of this.links) link.cut();
	}

	close() {
		this.cut();
		this.server.close();
	}
}

class Link {
	kept = [];

	constructor(proxy, client) {
		this.proxy = proxy;
		this.client = client;
		this.upstream = connect({ host: proxy.target.hostname, port: Number(proxy.target.port) });
		this.sent = new Reader((head) => this.request(head), (frame) => this.note('sent', frame), true);
		this.received = new Reader((head) => head, (frame) => this.note('received', frame), false);
		const closed = () => this.cut();
		for (const socket of [client, this.upstream]) {
			socket.setNoDelay(true);
			socket.on('error', closed);
			socket.on('close', closed);
		}
		client.on('data', (data) => this.carry(this.sent.take(data), this.upstream));
		this.upstream.on('data', (data) => {
			const bytes = this.received.take(data);
			if (proxy.faults.hold) this.kept.push(bytes);
			else this.carry(bytes, client);
		});
	}

	// request takes the offer of compression out of an upgrade, so that the frames
	// can be read, and reports it.
	request(head) {
		const lines = head.split('\r\n');
		const [, path] = lines[0].split(' ');
		if (!lines.some((line) => /^upgrade: *websocket/i.test(line))) {
			// Node would use the connection again, for its WebSocket too.
			this.sent.raw = this.received.raw = true;
			return [...lines.filter((line) => !/^connection:/i.test(line)), 'Connection: close'].join('\r\n');
		}
		this.id = ++this.proxy.count;
		this.proxy.emit({ kind: 'upgrade', socket: this.id, path });
		return lines.filter((line) => !/^sec-websocket-extensions:/i.test(line)).join('\r\n');
	}

	note(direction, frame) {
		if (!this.proxy.faults.mute) this.proxy.emit({ kind: 'frame', socket: this.id, direction, ...frame });
	}

	carry(bytes, to) {
		const { mute, delay } = this.proxy.faults;
		if (mute || bytes.length === 0) return;
		const write = () => to.writable && to.write(bytes);
		if (delay > 0) setTimeout(write, delay);
		else write();
	}

	release() {
		for (const bytes of this.kept.splice(0)) this.carry(bytes, this.client);
	}

	cut() {
		if (!this.proxy.links.delete(this)) return;
		this.client.resetAndDestroy();
		this.upstream.destroy();
		if (this.id) this.proxy.emit({ kind: 'closed', socket: this.id });
	}
}

// A Reader reads one direction: the head of the HTTP message, then frames.
class Reader {
	raw = false;
	head = Buffer.alloc(0);

	constructor(onHead, onFrame, masked) {
		this.onHead = onHead;
		this.frames = new Receiver({ isServer: masked });
		this.frames.on('message', (data, binary) => onFrame(binary ? { binary: data.toString('hex') } : { text: data.toString() }));
		this.frames.on('conclude', (code) => onFrame({ close: code }));
		this.frames.on('error', () => { this.raw = true; });
	}

	// take returns the bytes to pass on.
	take(data) {
		if (this.raw) return data;
		if (!this.head) {
			this.read(data);
			return data;
		}
		this.head = Buffer.concat([this.head, data]);
		const end = this.head.indexOf('\r\n\r\n');
		if (end < 0) return Buffer.alloc(0);
		const head = Buffer.from(this.onHead(this.head.subarray(0, end).toString('latin1')) + '\r\n\r\n', 'latin1');
		const rest = this.head.subarray(end + 4);
		this.head = undefined;
		if (!this.raw && rest.length > 0) this.read(rest);
		return Buffer.concat([head, rest]);
	}
	// read reads a copy: the receiver takes the mask off in place.
	read(data) {
		this.frames.write(Buffer.from(data));
	}
}
