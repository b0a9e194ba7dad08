// Brings the frames of a WebSocket to the program, all of a burst at once
// (wasm/gather_js.go is the other side).

const separator = '\x1e'; // which no JSON text holds unescaped

// After so many milliseconds of quiet a frame is brought at once, alone; else it waits
// for the task that is due next, with whatever arrives until then.
const quiet = 4;

export class Gatherer {
	taken = 0; // how many frames the last take() returned
	#ws;
	#id;
	#deliver;
	#later;
	#frames = [];
	#last = 0; // when frames were brought

	// deliver brings a text of n frames to the program; later calls back from the next task.
	constructor(ws, id, deliver, later) {
		this.#ws = ws;
		this.#id = id;
		this.#deliver = deliver;
		this.#later = later;
		ws.addEventListener('message', this.#message);
	}

	#message = ({ data }) => {
		const frame = typeof data === 'string' ? data : new TextDecoder().decode(data);
		if (this.#frames.push(frame) > 1) return; // a task is due already
		if (performance.now() - this.#last > quiet) this.#bring();
		else this.#later(this.#bring);
	};

	#bring = () => {
		const text = this.take();
		if (text !== undefined) this.#deliver(this.#id, text, this.taken);
		this.#last = performance.now();
	};

	// take returns the frames that wait, as one text; undefined if none does. One that
	// holds the separator is brought alone.
	take() {
		let frames = this.#frames;
		if (frames.length === 0) return undefined;
		const odd = frames.findIndex((frame) => frame.includes(separator));
		this.#frames = [];
		if (odd >= 0 && frames.length > 1) {
			const most = Math.max(odd, 1);
			this.#frames = frames.slice(most);
			frames = frames.slice(0, most);
			this.#later(this.#bring);
		}
		this.taken = frames.length;
		return frames.join(separator);
	}

	release() {
		this.#ws.removeEventListener('message', this.#message);
	}
}
