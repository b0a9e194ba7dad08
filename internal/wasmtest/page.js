// Runs the test binary and reports how it ended.
"use strict";
(async () => {
	const { config, opened, say } = globalThis.wasmtest;
	await opened;
	for (const name of ["log", "info", "warn", "error"]) {
		const print = console[name];
		console[name] = (...args) => {
			say({ out: `console.${name}: ${args.map(String).join(" ")}\n` });
			print.apply(console, args);
		};
	}
	addEventListener("error", (event) => say({ out: `uncaught: ${event.message}\n` }));
	addEventListener("unhandledrejection", (event) => say({ out: `unhandled rejection: ${event.reason?.stack ?? event.reason}\n` }));
	try {
		const go = new Go();
		go.argv = config.args;
		go.env = config.env;
		let code = 0;
		go.exit = (n) => { code = n; };
		const { instance } = await WebAssembly.instantiateStreaming(fetch("/test.wasm"), go.importObject);
		await go.run(instance);
		say({ exit: code });
	} catch (error) {
		say({ out: `${error?.stack ?? error}\n`, exit: 1 });
	}
})();
