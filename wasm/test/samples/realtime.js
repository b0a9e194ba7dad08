// The samples of Directus's page on real-time capabilities, each in a function: many of
// them use the same names. Their open names are the functions' arguments.
import { createDirectus, createItem, realtime, updateItem } from './prelude.js?realtime';

export async function connection(url) {
	const client = createDirectus(url)
		.with(realtime());

	// Connect to WebSocket
	await client.connect();

	// Connection is now established
	return client;
}

export async function emailAndPassword(client, email, password) {
	await client.sendMessage({
		type: 'auth',
		email,
		password
	});
}

export async function accessToken(client, access_token) {
	await client.sendMessage({
		type: 'auth',
		access_token
	});
}

export async function refreshToken(client, refresh_token) {
	await client.sendMessage({
		type: 'auth',
		refresh_token
	});
}

export async function subscribeToCollection(client, console) {
	const { subscription } = await client.subscribe('articles', {
		query: {
			filter: {
				status: { _eq: 'published' }
			},
			fields: ['id', 'title', 'author.email']
		}
	});

	// Listen for updates
	for await (const message of subscription) {
		console.log('Update:', message);

		if (message.event === 'init') {
			console.log('Initial data:', message.data);
		}

		if (message.event === 'create') {
			console.log('New item:', message.data);
		}

		if (message.event === 'update') {
			console.log('Updated item:', message.data);
		}

		if (message.event === 'delete') {
			console.log('Deleted items:', message.data);
		}
	}
}

export async function liveQueries(client, updateUI) {
	// Subscribe with advanced query
	const { subscription } = await client.subscribe('articles', {
		query: {
			filter: {
				_and: [
					{ status: { _eq: 'published' } },
					{ date_created: { _gte: '$NOW(-7 days)' } }
				]
			},
			fields: ['*', 'author.*', 'categories.*'],
			sort: ['-date_created'],
			limit: 20
		}
	});

	for await (const message of subscription) {
		// Real-time filtered results
		updateUI(message.data);
	}
}

export async function heartbeat(client) {
	// Send heartbeat
	await client.sendMessage({
		type: 'ping'
	});

	// Receive heartbeat response
	// { type: 'pong' }
}

export function connectionEvents(client, console) {
	client.onWebSocket('open', () => {
		console.log('WebSocket connected');
	});

	client.onWebSocket('error', (error) => {
		console.error('WebSocket error:', error);
	});

	client.onWebSocket('close', () => {
		console.log('WebSocket disconnected');
	});

	client.onWebSocket('message', (message) => {
		console.log('Received:', message);
	});
}

export async function disconnect(client) {
	// Close WebSocket connection
	await client.disconnect();
}

export async function collaborativeEditing(client, applyRemoteChanges, updatedContent) {
	// Subscribe to item for collaboration
	const { subscription } = await client.subscribe('articles', {
		query: {
			filter: { id: { _eq: 'article-id' } }
		}
	});

	// Send local changes
	const sending = client.request(
		updateItem('articles', 'article-id', {
			content: updatedContent
		})
	);
	sending.catch(() => {});

	// Listen for changes from other users
	for await (const message of subscription) {
		if (message.event === 'update') {
			// Apply changes to editor
			applyRemoteChanges(message.data);
		}
	}
}

export async function presence(client, userId) {
	// Track who's viewing an item
	const presenceData = {
		collection: 'articles',
		item: 'article-id',
		user: userId,
		timestamp: Date.now()
	};

	// Store presence in separate collection
	await client.request(
		createItem('presence', presenceData)
	);

	// Subscribe to presence updates
	const { subscription } = await client.subscribe('presence', {
		query: {
			filter: {
				collection: { _eq: 'articles' },
				item: { _eq: 'article-id' },
				timestamp: { _gte: '$NOW(-5 minutes)' }
			}
		}
	});

	return subscription;
}

export async function notifications(client, currentUserId, showNotification) {
	// Subscribe to user's notifications
	const { subscription } = await client.subscribe('directus_notifications', {
		query: {
			filter: {
				recipient: { _eq: currentUserId },
				status: { _eq: 'unread' }
			}
		}
	});

	for await (const message of subscription) {
		if (message.event === 'create') {
			// Show notification toast
			showNotification(message.data[0]);
		}
	}
}

export async function activityFeed(client, addActivityItem) {
	const { subscription } = await client.subscribe('directus_activity', {
		query: {
			filter: {
				collection: { _eq: 'articles' },
				action: { _in: ['create', 'update', 'delete'] }
			},
			fields: ['*', 'user.first_name', 'user.last_name'],
			sort: ['-timestamp'],
			limit: 50
		}
	});

	for await (const message of subscription) {
		if (message.event === 'create') {
			// Add to activity feed
			addActivityItem(message.data[0]);
		}
	}
}

export async function liveDashboard(client, updateMetric) {
	// Subscribe to multiple collections
	const articlesSubscription = await client.subscribe('articles', {
		query: {
			aggregate: { count: '*' },
			filter: { status: { _eq: 'published' } }
		}
	});

	const usersSubscription = await client.subscribe('directus_users', {
		query: {
			aggregate: { count: '*' },
			filter: { status: { _eq: 'active' } }
		}
	});

	// Update dashboard in real-time
	for await (const message of articlesSubscription.subscription) {
		updateMetric('articles', message.data);
	}

	return usersSubscription;
}

export async function filterSubscriptions(client, currentUserId) {
	// ✅ Good - filtered subscription
	await client.subscribe('articles', {
		query: {
			filter: { author: { _eq: currentUserId } }
		}
	});

	// ❌ Bad - subscribing to all items
	await client.subscribe('articles');
}

export async function limitFields(client) {
	await client.subscribe('articles', {
		query: {
			fields: ['id', 'title', 'status'] // Only what you need
		}
	});
}

export async function unsubscribeWhenDone(client) {
	const { subscription, unsubscribe } = await client.subscribe('articles');

	// Later...
	await unsubscribe();

	return subscription;
}

export async function errorHandling(client, console) {
	try {
		const { subscription } = await client.subscribe('articles');

		for await (const message of subscription) {
			if (message.type === 'error') {
				console.error('Subscription error:', message.error);
			}
		}
	} catch (error) {
		console.error('Connection error:', error);
	}
}
