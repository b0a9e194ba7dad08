export { LeveretError } from './error.js';
export { queryToParams } from './query.js';
export {
	auth,
	authentication,
	createDirectus,
	createItem,
	createItems,
	deleteItem,
	deleteItems,
	pong,
	readItem,
	readItems,
	rest,
	staticToken,
	updateItem,
	updateItems,
} from './client.js';
export { dispose, init, realtime, stats } from './realtime.js';
