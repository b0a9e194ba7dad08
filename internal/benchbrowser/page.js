// What runs in the page: the ways to consume a burst of events, one interface each:
//
//	open(way)    connects and subscribes; ready() says when its init has come
//	burst(total) asks for the burst and resolves once all that comes has come
//	close()      disconnects
const libraries = { sdk: '/sdk/index.js', leveret: '/module/index.js' };
const load = (name) => import(libraries[name]);

async function connect(name) {
	const { createDirectus, realtime, staticToken } = await load(name);
	const client = createDirectus(location.origin).with(staticToken('token')).with(realtime());
	const socket = await client.connect();
	return { client, socket };
}

// The two libraries, through for await.
async function library(name) {
	const { client } = await connect(name);
	const { subscription } = await client.subscribe('messages');
	await subscription.next(); // the init
	return { events: subscription, send: (message) => client.sendMessage(message), close: () => client.disconnect() };
}

function rawSocket() {
	return new Promise((resolve, reject) => {
		const socket = new WebSocket(location.origin.replace('http', 'ws') + '/websocket');
		socket.onerror = () => reject(new Error('the stub cannot be reached'));
		socket.onopen = () => socket.send('{"type":"auth","access_token":"token"}');
		socket.onmessage = ({ data }) => {
			if (data.includes('"auth"')) socket.send('{"type":"subscribe","collection":"messages","uid":"1"}');
			else resolve(socket);
		};
	});
}

// The least that a page would write itself: a queue, and for await over it.
async function plain() {
	const socket = await rawSocket();
	const queue = [];
	let wake = () => {};
	socket.onmessage = ({ data }) => {
		const message = JSON.parse(data);
		if (message.type === 'subscription' && message.uid === '1') {
			queue.push(message);
			wake();
		}
	};
	async function* events() {
		for (;;) {
			while (queue.length > 0) yield queue.shift();
			await new Promise((resolve) => (wake = resolve));
		}
	}
	return { events: events(), send: (message) => socket.send(JSON.stringify(message)), close: () => socket.close() };
}

// Nothing at all is done with a frame: what the browser itself costs.
async function raw() {
	const socket = await rawSocket();
	return { socket, send: (message) => socket.send(JSON.stringify(message)), close: () => socket.close() };
}

const ways = { sdk: () => library('sdk'), leveret: () => library('leveret'), plain, raw };
let current;

window.bench = {
	async open(way) {
		current = await ways[way]();
	},

	// burst resolves with how many events came, how many were told as missing, and
	// the milliseconds from asking to the last.
	burst(total) {
		return new Promise((resolve, reject) => {
			const result = { received: 0, gaps: 0, ms: 0 };
			let last = 0;
			const began = performance.now();
			// Who loses events may lose the last: then it is over when nothing has come for a while.
			let seen = -1;
			const watch = setInterval(() => {
				if (result.received === seen) end();
				seen = result.received;
			}, 2000);
			const end = () => {
				clearInterval(watch);
				resolve({ ...result, ms: last - began });
			};
			const consume = async () => {
				for await (const { event, data } of current.events) {
					if (event === 'gap') result.gaps++;
					if (event !== 'create') continue;
					result.received += data.length;
					last = performance.now();
					if (data[data.length - 1].id === total) return end();
				}
			};
			if (current.events) consume().catch(reject);
			else current.socket.onmessage = () => {
				result.received++;
				last = performance.now();
				if (result.received === total) end();
			};
			current.send({ type: 'burst' });
		});
	},

	close() {
		current.close();
		current = undefined;
	},

	// trips resolves with the milliseconds of n single messages, one after another.
	async trips(way, n) {
		const name = way === 'ask' ? 'leveret' : way;
		const { client } = await connect(name);
		let arrived;
		client.onWebSocket('message', (message) => {
			if (message.type === 'items') arrived?.(message);
		});
		const ask = (message) => new Promise((resolve) => {
			arrived = resolve;
			client.sendMessage(message);
		});
		const took = [];
		for (let i = 0; i < n; i++) {
			const message = { type: 'items', collection: 'messages', action: 'create', data: { text: `Message ${i}`, user: 'Ada' } };
			const began = performance.now();
			const reply = await (way === 'ask' ? client.realtime.ask(message) : ask(message));
			took.push(performance.now() - began);
			if (reply.data.text !== message.data.text) throw new Error('the reply is another one');
		}
		client.disconnect();
		return took;
	},

	// cold resolves with the milliseconds of importing a library and of its first connect().
	async cold(name) {
		const began = performance.now();
		await load(name);
		const imported = performance.now();
		const { client } = await connect(name);
		const connected = performance.now();
		client.disconnect();
		return { imported: imported - began, connected: connected - imported };
	},
};
