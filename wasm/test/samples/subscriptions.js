// The messages of Directus's guide "WebSockets Subscriptions".
export const all = {
	"type": "subscribe",
	"collection": "messages"
};

export const creations = {
	"type": "subscribe",
	"collection": "messages",
	"event": "create"
};

export const narrow = {
	"type": "subscribe",
	"collection": "messages",
	"query": { "fields": ["text"] }
};

export const named = {
	"type": "subscribe",
	"collection": "messages",
	"uid": "any-string-value"
};

export const unsubscribe = {
	"type": "unsubscribe",
	"uid": "identifier"
};
