import { LeveretError } from './error.js';

export function toJSON(value) {
	try {
		return JSON.stringify(value);
	} catch (cause) {
		throw new LeveretError('INVALID_PAYLOAD', `Leave out what JSON cannot hold: ${cause.message}`, { cause });
	}
}

// paths flattens {author: ['name']} to author.name, and {item: {posts: ['title']}},
// a relation to several collections, to item:posts.title.
const paths = (field, prefix = '') =>
	typeof field !== 'object'
		? prefix + field
		: Object.entries(field ?? {}).flatMap(([key, nested]) => {
				if (Array.isArray(nested)) return nested.flatMap((inner) => paths(inner, `${prefix}${key}.`));
				return typeof nested === 'object' ? paths(nested, `${prefix}${key}:`) : [];
			});

const text = (value) => (typeof value === 'string' && value) || undefined;
const filled = (value) => Array.isArray(value) && value.length > 0;
const list = (value) => (filled(value) ? value.flatMap((item) => paths(item)).join() : text(value));
const object = (value) => (typeof value === 'object' && !filled(value) && Object.keys(value ?? {}).length ? toJSON(value) : undefined);
const from = (least) => (value) => (value >= least && typeof value === 'number' ? String(value) : text(value));
const other = (value) => (typeof value === 'string' ? text(value) : toJSON(value));

// How each key of a query is written, in the official SDK's order.
const known = {
	__proto__: null,
	fields: list,
	filter: object,
	search: text,
	sort: list,
	limit: from(-1),
	offset: from(0),
	page: from(1),
	deep: object,
	backlink() {},
	alias: object,
	aggregate: object,
	groupBy: list,
	version: text,
	versionRaw: (value) => text(value === true ? 'true' : value),
};

// queryToParams writes a query as the texts that stand in a URL and in a subscribe.
export function queryToParams(query) {
	const params = {};
	for (const key of Object.keys({ ...known, ...query })) {
		const written = (known[key] ?? other)(query[key]);
		if (written !== undefined) params[key] = written;
	}
	return params;
}
