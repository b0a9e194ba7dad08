// Directus's guide "Getting Started with WebSockets and the Directus SDK", step by step.
import { createDirectus, staticToken, realtime } from '../../../web/dist/module/index.js';
import { url, access_token, console } from './prelude.js?getting-started';

const collection = 'messages';

const client = createDirectus(url)
	.with(staticToken(access_token))
	.with(realtime());

await client.connect();

client.onWebSocket('open', function () {
	console.log({ event: 'onopen' });
});

client.onWebSocket('message', function (message) {
	const { type, data } = message;
	console.log({ event: 'onmessage', data });
});

client.onWebSocket('close', function () {
	console.log({ event: 'onclose' });
});

client.onWebSocket('error', function (error) {
	console.log({ event: 'onerror', error });
});

async function subscribe() {
	const { subscription } = await client.subscribe('messages', {
		event: 'update',
		query: { fields: ['user', 'text'] },
	});

	for await (const item of subscription) {
		console.log(item);
	}
}

subscribe();

function createItem(text, user) {
	client.sendMessage({
		type: 'items',
		collection: 'messages',
		action: 'create',
		data: { text, user },
	});
}

function readLatestItem() {
	client.sendMessage({
		type: 'items',
		collection: 'messages',
		action: 'read',
		query: { limit: 1, sort: '-date_created' },
	});
}

client.onWebSocket('message', (message) => {
	if (message.type === 'ping') {
		client.sendMessage({
			type: 'pong',
		});
	}
});

// What the guide has typed into the browser's console.
export { collection, createItem, readLatestItem };
