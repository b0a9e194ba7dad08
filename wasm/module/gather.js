// Brings the frames of a WebSocket to the program, all of a burst at once
// (wasm/gather_js.go is the other side).

const separator = '\x1e'; // which no JSON text holds unescaped

// After so many milliseconds of quiet a frame is brought at once, alone; else it waits
// for the task that is due next, with whatever arrives until then.
const quiet = 0.25;

// Of answers that only the page waits for one is brought in so many milliseconds.
const patience = 100;

export class Gatherer {
	tell; // is told each message event, if it is set
	taken = 0; // how many frames the last take() returned
	#ws;
	#id;
	#program;
	#frames = [];
	#due = false; // a task will bring what waits
	#last = 0; // when a frame came or was brought

	constructor(ws, id, program) {
		this.#ws = ws;
		this.#id = id;
		this.#program = program;
		ws.addEventListener('message', this.#message);
		program.gatherers.set(ws, this);
	}

	// The program first: when the page hears that it is signed in, it is to be so.
	#message = (event) => {
		const { data } = event;
		this.#take(typeof data === 'string' ? data : new TextDecoder().decode(data));
		this.tell?.(event);
	};

	#take(frame) {
		const hurry = frame.startsWith('{"type":"auth"');
		if (this.#due && !hurry) {
			this.#frames.push(frame);
			return;
		}
		const now = performance.now();
		const burst = now - this.#last < quiet;
		this.#last = now;
		if (this.#isThePages(frame)) {
			if (this.#frames.length > 0) return;
			this.#frames.push(frame);
			setTimeout(this.#bring, patience);
			return;
		}
		this.#frames.push(frame);
		if (burst && !hurry) {
			this.#due = true;
			this.#program.later(this.#bring);
		} else {
			this.#bring();
		}
	}

	// The answer to something that the page sent by itself: all that the program learns from
	// it is that the server is alive, and for that one of them will do.
	#isThePages(frame) {
		return this.#program.asking === 0 && frame.startsWith('{"type":"items","data"') && !frame.includes('"leveret-');
	}

	#bring = () => {
		const text = this.take();
		if (text === undefined) return;
		this.#program.deliver(this.#id, text, this.taken);
		this.#last = performance.now();
	};

	// take returns the frames that wait, as one text; undefined if none does. One that
	// holds the separator is brought alone.
	take() {
		let frames = this.#frames;
		this.#due = false;
		if (frames.length === 0) return undefined;
		const odd = frames.findIndex((frame) => frame.includes(separator));
		this.#frames = [];
		if (odd >= 0 && frames.length > 1) {
			const most = Math.max(odd, 1);
			this.#frames = frames.slice(most);
			frames = frames.slice(0, most);
			this.#due = true;
			this.#program.later(this.#bring);
		}
		this.taken = frames.length;
		return frames.join(separator);
	}

	release() {
		this.#frames = [];
		this.#ws.removeEventListener('message', this.#message);
	}
}
