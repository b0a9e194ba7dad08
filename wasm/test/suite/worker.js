// A module worker that subscribes and posts what it is told.
const globals = Object.getOwnPropertyNames(globalThis);

onmessage = async ({ data: { implementation, url, user } }) => {
	try {
		const { load } = await import('./implementations.js');
		const { createDirectus, staticToken, realtime } = await load(implementation);
		const client = createDirectus(url).with(staticToken('editor-demo-token')).with(realtime());
		const { subscription } = await client.subscribe('messages', { query: { fields: ['text'], filter: { user: { _eq: user } } } });
		for await (const message of subscription) {
			postMessage(message);
			if (message.event === 'create') break;
		}
		postMessage({ globals: Object.getOwnPropertyNames(globalThis).filter((name) => !globals.includes(name)) });
		client.disconnect();
	} catch (error) {
		postMessage({ error: String(error?.stack ?? error) });
	}
};
