// The full code sample of the same guide. Its loop never ends.
import { createDirectus, staticToken, realtime } from '../../../web/dist/module/index.js';
import { url, access_token, console } from './prelude.js?full';

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
	if (message.type == 'auth' && message.status == 'ok') {
		subscribe();
		console.log({ event: 'onmessage', data });
	}
});

client.onWebSocket('close', function () {
	console.log({ event: 'onclose' });
});

client.onWebSocket('error', function (error) {
	console.log({ event: 'onerror', error });
});

// The sample calls it without having it.
function subscribe() {
	console.log({ event: 'subscribe' });
}

const { subscription } = await client.subscribe(collection, {
	event: 'update',
	query: { fields: ['user', 'text'] },
});

for await (const item of subscription) {
	console.log(item);
}

function createItem(text, user) {
	client.sendMessage({
		type: 'items',
		collection: collection,
		action: 'create',
		data: { text, user },
	});
}

function readLatestItem() {
	client.sendMessage({
		type: 'items',
		collection: collection,
		action: 'read',
		query: { limit: 1, sort: '-date_created' },
	});
}
