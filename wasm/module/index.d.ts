// Types of leveret. They follow those of @directus/sdk 26, so that a page which
// changes its import goes on compiling. They need the library "DOM", or @types/node.

export {}; // what is not exported below is private

// ---------------------------------------------------------------------------------
// Helpers

type IsAny<T> = 0 extends 1 & T ? true : false;

/** What a list holds; anything else is itself. */
type One<T> = T extends readonly (infer U)[] ? U : T;

type Simplify<T> = { [K in keyof T]: T[K] } & unknown;

/** Every type of item that a schema knows. */
type AnyItem<Schema> = Extract<One<Schema[keyof Schema]>, object>;

/** The items that a field can hold, and never for one that is no relation. */
type Related<Schema, Value> = IsAny<Value> extends true ? never : Extract<One<NonNullable<Value>>, AnyItem<Schema>>;

type IsMany<Schema, Value> = [Extract<Extract<NonNullable<Value>, readonly any[]>[number], AnyItem<Schema>>] extends [never] ? false : true;

type RelationKey<Schema, Item> = { [K in keyof Item & string]-?: [Related<Schema, Item[K]>] extends [never] ? never : K }[keyof Item & string];

type Primitive = string | number | boolean | bigint | symbol | null | undefined;

/** What a field arrives as whose type in the schema is one of these words. */
interface Words {
	datetime: string;
	date: string;
	time: string;
	json: JsonValue;
	csv: string[];
}

interface FunctionsOfWords {
	datetime: 'year' | 'month' | 'week' | 'day' | 'weekday' | 'hour' | 'minute' | 'second';
	date: 'year' | 'month' | 'week' | 'day' | 'weekday';
	time: 'hour' | 'minute' | 'second';
	json: 'count';
	csv: 'count';
}

type FunctionOf<Schema, Value> =
	IsAny<Value> extends true
		? never
		: | { [W in keyof FunctionsOfWords]: [Extract<Value, W>] extends [never] ? never : FunctionsOfWords[W] }[keyof FunctionsOfWords]
		  | (IsMany<Schema, Value> extends true ? 'count' : never);

/** `year(date)`, `count(tags)` and the like, for the fields that have them. */
type FunctionField<Schema, Item> = {
	[K in keyof Item & string]-?: FunctionOf<Schema, Item[K]> extends infer F extends string ? `${F}(${K})` : never;
}[keyof Item & string];

/** `json(field, path)` for the fields of the type 'json'. */
type JsonField<Item> = {
	[K in keyof Item & string]-?: IsAny<Item[K]> extends true ? never : [Extract<Item[K], 'json'>] extends [never] ? never : `json(${K}, ${string})`;
}[keyof Item & string];

/** The name under which json(field, path) arrives: what is no letter becomes one underscore. */
type JsonName<Path extends string, Done extends string = ''> = Path extends `${infer C}${infer Rest}`
	? C extends '.' | '[' | ']' | '_'
		? JsonName<Rest, Done extends `${string}_` ? Done : `${Done}_`>
		: JsonName<Rest, `${Done}${C}`>
	: Done extends `${infer Name}_`
		? Name
		: Done;

/** A field without what would have to be asked for as nested fields: of a relation, its key. */
type Flat<Schema, Value> =
	IsAny<Value> extends true
		? Value
		: [Related<Schema, Value>] extends [never]
			? Word<Value>
			: FlatRelation<Schema, Value> | Extract<Value, null | undefined>;

type Word<Value> = Value extends keyof Words ? Words[Value] : Value;

type FlatRelation<Schema, Value> =
	IsMany<Schema, Value> extends true ? OrKey<Exclude<One<NonNullable<Value>>, AnyItem<Schema>>>[] : OrKey<Exclude<NonNullable<Value>, AnyItem<Schema>>>;

type OrKey<Key> = [Key] extends [never] ? string | number : Key;

type KeyOfEach<T> = T extends unknown ? keyof T : never;
type ValueOfEach<T, K extends PropertyKey> = T extends unknown ? (K extends keyof T ? T[K] : never) : never;

// ---------------------------------------------------------------------------------
// Schema, queries and what they return

/** Anything that JSON can hold. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** The item type of a collection, whether the schema lists it as an array or, for a singleton, as itself. */
export type CollectionItem<Schema, Collection> = IsAny<Schema> extends true ? any : Collection extends keyof Schema ? One<Schema[Collection]> : never;

/** Collections of many items: those that the schema has as arrays. */
export type RegularCollections<Schema> =
	IsAny<Schema> extends true ? string : { [K in keyof Schema]: Schema[K] extends readonly any[] ? K : never }[keyof Schema];

/** Fields to read: names, `'*'`, functions such as `'year(date)'`, and relations as `{author: ['name']}`. */
export type QueryFields<Schema, Item> = readonly (
	| '*'
	| (keyof One<Item> & string)
	| FunctionField<Schema, One<Item>>
	| JsonField<One<Item>>
	| NestedFields<Schema, One<Item>>
)[];

type NestedFields<Schema, Item> = [RelationKey<Schema, Item>] extends [never]
	? never
	: { readonly [K in RelationKey<Schema, Item>]?: QueryFields<Schema, Related<Schema, Item[K & keyof Item]>> | ScopedFields<Schema, Item, K> };

/** A relation to several collections: `{item: {articles: ['title'], pages: ['slug']}}`. */
type ScopedFields<Schema, Item, K> = K extends 'item'
	? Item extends { collection: infer C }
		? { readonly [S in keyof Schema as S extends C ? S : never]?: QueryFields<Schema, Schema[S]> }
		: never
	: never;

/** What one field can be compared with. */
export interface FilterOperators<Value> {
	_eq?: Value | null | undefined;
	_neq?: Value | null | undefined;
	_lt?: Comparable<Value> | undefined;
	_lte?: Comparable<Value> | undefined;
	_gt?: Comparable<Value> | undefined;
	_gte?: Comparable<Value> | undefined;
	_in?: readonly Value[] | undefined;
	_nin?: readonly Value[] | undefined;
	_between?: readonly [Comparable<Value>, Comparable<Value>] | undefined;
	_nbetween?: readonly [Comparable<Value>, Comparable<Value>] | undefined;
	_contains?: Text<Value> | undefined;
	_ncontains?: Text<Value> | undefined;
	_icontains?: Text<Value> | undefined;
	_nicontains?: Text<Value> | undefined;
	_starts_with?: Text<Value> | undefined;
	_nstarts_with?: Text<Value> | undefined;
	_istarts_with?: Text<Value> | undefined;
	_nistarts_with?: Text<Value> | undefined;
	_ends_with?: Text<Value> | undefined;
	_nends_with?: Text<Value> | undefined;
	_iends_with?: Text<Value> | undefined;
	_niends_with?: Text<Value> | undefined;
	_null?: boolean | undefined;
	_nnull?: boolean | undefined;
	_empty?: boolean | undefined;
	_nempty?: boolean | undefined;
	_intersects?: any;
	_nintersects?: any;
	_intersects_bbox?: any;
	_nintersects_bbox?: any;
	_json?: Record<string, any> | undefined;
}

/** Numbers and texts; dates are texts, and `'$NOW(-1 day)'` is one too. */
type Comparable<Value> = Extract<Value, number | bigint> | (Extract<Value, string> extends never ? never : string);
type Text<Value> = [Extract<Value, string>] extends [never] ? never : string;

/** A filter: fields with operators, relations nested, `_and` and `_or`. */
export type QueryFilter<Schema, Item> = FieldFilters<Schema, One<Item>> & {
	readonly _and?: readonly QueryFilter<Schema, Item>[] | undefined;
	readonly _or?: readonly QueryFilter<Schema, Item>[] | undefined;
};

type FieldFilters<Schema, Item> = {
	readonly [K in keyof Item]?: FieldFilter<Schema, Item[K]> | undefined;
} & {
	readonly [F in FunctionField<Schema, Item>]?: FilterOperators<number> | undefined;
};

type FieldFilter<Schema, Value> =
	IsAny<Value> extends true
		? any
		: [Related<Schema, Value>] extends [never]
			? FilterOperators<NonNullable<Word<Value>>>
			: RelationFilter<Schema, Related<Schema, Value>> | FilterOperators<NonNullable<One<Flat<Schema, Value>>>>;

type RelationFilter<Schema, Item> =
	| QueryFilter<Schema, Item>
	| { readonly _some?: QueryFilter<Schema, Item> | undefined; readonly _none?: QueryFilter<Schema, Item> | undefined };

/** A field to sort by; with a minus, from the greatest to the least. */
export type QuerySort<Item> = { [K in keyof One<Item> & string]-?: K | `-${K}` }[keyof One<Item> & string];

/** A query of its own for each relation to many: `{tags: {_limit: 3, _sort: ['name']}}`. */
export type QueryDeep<Schema, Item> = {
	readonly [K in RelationKey<Schema, One<Item>> as IsMany<Schema, One<Item>[K & keyof One<Item>]> extends true ? K : never]?: DeepQuery<
		Schema,
		Related<Schema, One<Item>[K & keyof One<Item>]>
	>;
};

type DeepQuery<Schema, Item> = QueryDeep<Schema, Item> & {
	readonly _filter?: QueryFilter<Schema, Item> | undefined;
	readonly _search?: string | undefined;
	readonly _sort?: QuerySort<Item> | readonly QuerySort<Item>[] | undefined;
	readonly _limit?: number | undefined;
	readonly _offset?: number | undefined;
	readonly _page?: number | undefined;
};

/** Which items to read, and what of them. Without a schema everything is allowed. */
export interface Query<Schema, Item> {
	/** Default: all fields, of relations the keys. */
	readonly fields?: (IsAny<Schema> extends true ? readonly (string | Record<string, any>)[] : QueryFields<Schema, Item>) | undefined;
	readonly filter?: (IsAny<Schema> extends true ? Record<string, any> : QueryFilter<Schema, Item>) | undefined;
	/** Only items with this text in one of their fields. */
	readonly search?: string | undefined;
	/** Default: by the primary key. */
	readonly sort?: (IsAny<Schema> extends true ? string | readonly string[] : QuerySort<Item> | readonly QuerySort<Item>[]) | undefined;
	/** The most items to read; -1 is all. Default: the server's, 100. */
	readonly limit?: number | undefined;
	/** How many items to leave out at the beginning. Default 0. */
	readonly offset?: number | undefined;
	/** From 1; an offset in steps of `limit`. */
	readonly page?: number | undefined;
	readonly deep?: (IsAny<Schema> extends true ? Record<string, any> : QueryDeep<Schema, Item>) | undefined;
	/** Other names for fields: `{headline: 'title'}`. */
	readonly alias?: (IsAny<Schema> extends true ? Record<string, string> : Record<string, keyof One<Item>>) | undefined;
	readonly backlink?: boolean | undefined;
	/** The key of a content version. */
	readonly version?: string | undefined;
}

/** A query for one item. */
export interface QueryItem<Schema, Item> extends Query<Schema, Item> {
	/** The version's own changes, instead of the item with them. Default false. */
	readonly versionRaw?: boolean | undefined;
}

/** An item as a query's `fields` return it. */
export type QueryOutput<Schema, Item, TQuery> =
	IsAny<Schema> extends true ? Record<string, any> : PickFields<Schema, One<Item>, TQuery extends { readonly fields: infer Fields } ? Fields : undefined>;

type PickFields<Schema, Item, Fields> = [Fields] extends [readonly (infer Field)[]]
	? Simplify<
			FlatFields<Schema, Item, Field, KeyOfEach<Extract<Field, object>>> &
				NestedOutput<Schema, Item, Extract<Field, object>> &
				FunctionOutput<Field>
		>
	: { [K in keyof Item]: Flat<Schema, Item[K]> };

type FlatFields<Schema, Item, Field, Nested> = {
	[K in keyof Item as K extends Nested ? never : '*' extends Field ? K : K extends Field ? K : never]: Flat<Schema, Item[K]>;
};

type NestedOutput<Schema, Item, Nested> = {
	[K in KeyOfEach<Nested> & keyof Item]: RelationOutput<Schema, Item[K], NonNullable<ValueOfEach<Nested, K>>>;
};

type RelationOutput<Schema, Value, Fields> =
	| (IsMany<Schema, Value> extends true ? RelatedOutput<Schema, Related<Schema, Value>, Fields>[] : RelatedOutput<Schema, Related<Schema, Value>, Fields>)
	| Extract<Value, null>;

type RelatedOutput<Schema, Item, Fields> = [Fields] extends [readonly unknown[]]
	? Item extends unknown
		? PickFields<Schema, Item, Fields>
		: never
	: { [S in keyof Fields & keyof Schema]: PickFields<Schema, One<Schema[S]>, Fields[S]> }[keyof Fields & keyof Schema];

type FunctionOutput<Field> = {
	[F in Extract<Field, `${string}(${string})`> as FunctionName<F>]: F extends `json(${string}` ? JsonValue : number;
};

type FunctionName<F> = F extends `json(${infer K}, ${infer Path})` ? `${K}_${JsonName<Path>}_json` : F extends `${infer Name}(${infer K})` ? `${K}_${Name}` : never;

/** What can be written of an item: any of its fields, of relations keys or whole items. */
export type ItemInput<Item> =
	IsAny<Item> extends true
		? any
		: Item extends keyof Words
			? Words[Item]
			: Item extends Primitive | Date
				? Item
				: Item extends readonly (infer U)[]
					? readonly ItemInput<U>[]
					: { readonly [K in keyof Item]?: ItemInput<Item[K]> };

/**
 * Writes a query as the texts that stand in a URL and in a subscribe: `fields` and `sort` with commas, `filter` as JSON.
 * Its argument stays as it is.
 * @throws LeveretError INVALID_PAYLOAD if something in it cannot be JSON.
 */
export declare function queryToParams<Schema = any, Item = Record<string, unknown>>(query: Query<Schema, Item> & Record<string, unknown>): Record<string, string>;

// ---------------------------------------------------------------------------------
// Client

/** The part of a WebSocket that is used. The platform's own and that of the package ws fit. */
export interface WebSocketInterface {
	readonly readyState: number;
	addEventListener(type: string, listener: (this: WebSocketInterface, ev: any) => any): void;
	removeEventListener(type: string, listener: (this: WebSocketInterface, ev: any) => any): void;
	send(data: string): void;
	close(code?: number, reason?: string): void;
}

/** The end of a connection, with the platform's codes and those of the server. */
export interface SocketCloseEvent extends Event {
	readonly code: number;
	readonly reason: string;
	readonly wasClean: boolean;
}

/** A class of WebSockets. */
export interface WebSocketConstructor {
	new (url: string, protocols?: string | string[]): WebSocketInterface;
}

/** What debug output is written to; the console is one. */
export type ConsoleInterface = { [Level in 'log' | 'info' | 'warn' | 'error']: (...args: any) => any };

/** What a client takes from its surroundings. */
export interface ClientGlobals {
	fetch: (input: string | any, init?: RequestInit | any) => Promise<unknown>;
	WebSocket: WebSocketConstructor;
	URL: typeof URL;
	logger: ConsoleInterface;
}

/** Options of createDirectus. */
export interface ClientOptions {
	/** Replacements of globals, for example `{WebSocket}` of the package ws in Node 20. Default: the global ones, and console. */
	globals?: Partial<ClientGlobals>;
}

/** A client that composables are added to. The official SDK's is interchangeable with it. */
export interface DirectusClient<Schema> {
	url: URL;
	globals: ClientGlobals;
	/** Returns a copy that has the composable's methods too. */
	with: <Extension extends object>(createExtension: (client: DirectusClient<Schema>) => Extension) => this & Extension;
}

/**
 * Makes a client for a Directus server. Nothing is sent yet.
 * @param url Of the server, `https://host`, or of its WebSocket, `wss://host/websocket`.
 * @throws LeveretError INVALID_URL
 */
export declare function createDirectus<Schema = any>(url: string, options?: ClientOptions): DirectusClient<Schema>;

// ---------------------------------------------------------------------------------
// Signing in

/** What staticToken adds to a client. */
export interface StaticTokenClient<_Schema> {
	getToken(): Promise<string | null>;
	/** Replaces the token; null is none. */
	setToken(access_token: string | null): Promise<unknown>;
}

/** Signs in with a token that does not expire, as the user's page in Directus makes them. */
export declare function staticToken(access_token: string): <Schema = any>(client: DirectusClient<Schema>) => StaticTokenClient<Schema>;

/** Where the tokens are: `json` in the page, `cookie` the refresh token in a cookie, `session` both in one. */
export type AuthenticationMode = 'json' | 'cookie' | 'session';

/** The answer to a login or a refresh. Which tokens are in it depends on the mode. */
export interface AuthenticationData {
	access_token: string | null;
	refresh_token: string | null;
	/** How long the access token lives, in milliseconds. */
	expires: number | null;
	/** When it ends, in milliseconds since 1970 by this machine's clock. */
	expires_at: number | null;
}

/** Where the tokens are kept, for example between two visits. Default: in memory. */
export interface AuthenticationStorage {
	get: () => Promise<AuthenticationData | null> | AuthenticationData | null;
	set: (value: AuthenticationData | null) => Promise<unknown> | unknown;
}

/** Options of authentication. */
export interface AuthenticationConfig {
	/** Whether a timer replaces the token before it ends. getToken() does so either way. Default true. */
	autoRefresh: boolean;
	/** How long before its end, in milliseconds. Default 30,000. */
	msRefreshBeforeExpires: number;
	/** The `credentials` of fetch; `'include'` for cookies of another origin. Default: fetch's. */
	credentials?: RequestInit['credentials'];
	storage?: AuthenticationStorage;
}

/** An e-mail address and a password. */
export interface LocalLoginPayload {
	email: string;
	password: string;
}

/** A name and a password, for a provider that knows people by such. */
export interface LDAPLoginPayload {
	identifier: string;
	password: string;
}

/** Options of login(). */
export interface LoginOptions {
	/** The one-time password of a user with two-factor authentication. */
	otp?: string;
	/** Default: that of authentication(). */
	mode?: AuthenticationMode;
	/** A provider by name. Default: Directus itself. */
	provider?: string;
}

/** Options of refresh(). */
export interface RefreshOptions {
	/** Default: that of authentication(). */
	mode?: AuthenticationMode;
}

/** Options of logout(). */
export interface LogoutOptions {
	/** Default: that of authentication(). */
	mode?: AuthenticationMode;
}

/** What authentication adds to a client. */
export interface AuthenticationClient<_Schema> {
	/** Rejects with a LeveretError, INVALID_CREDENTIALS for example. */
	login(payload: LocalLoginPayload | LDAPLoginPayload, options?: LoginOptions): Promise<AuthenticationData>;
	/** Replaces the token. Called while that is under way, it returns the same promise. */
	refresh(options?: RefreshOptions): Promise<AuthenticationData>;
	/** Ends the session at the server and forgets the tokens. */
	logout(options?: LogoutOptions): Promise<void>;
	/** Ends the timer; the next login or refresh sets another. */
	stopRefreshing(): void;
	/** The token, refreshed if it is about to end; null if there is none. Once the server refused the refresh, it is not asked again. */
	getToken(): Promise<string | null>;
	/** Puts a token in the place of those that there are; it is not refreshed. */
	setToken(access_token: string | null): Promise<unknown>;
}

/** Signs in and out, and replaces the token before it ends. @param mode Default `'cookie'`. */
export declare function authentication(
	mode?: AuthenticationMode,
	config?: Partial<AuthenticationConfig>,
): <Schema = any>(client: DirectusClient<Schema>) => AuthenticationClient<Schema>;

// ---------------------------------------------------------------------------------
// REST

/** What a command asks for. */
export interface RequestOptions {
	/** Below the server's URL, with a leading slash. */
	path: string;
	/** Default GET. */
	method?: 'GET' | 'SEARCH' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
	params?: Record<string, any>;
	headers?: Record<string, string>;
	body?: string | FormData;
	onRequest?: RequestTransformer;
	onResponse?: ResponseTransformer;
}

/** Looks at or replaces the options of fetch before a request. */
export type RequestTransformer = (options: RequestInit) => RequestInit | Promise<RequestInit>;

/** Looks at or replaces what a request returns. */
export type ResponseTransformer<Output = any> = (data: any, request: RequestInit) => Output | Promise<Output>;

/** A function that says what to request, as readItems() and its like make them. Those of the official SDK fit too. */
export interface RestCommand<_Output, _Schema> {
	(): RequestOptions;
}

/** Options of rest. */
export interface RestConfig {
	/** The `credentials` of fetch. Default: fetch's. */
	credentials?: RequestInit['credentials'];
	/** For every request, after the command's own. */
	onRequest?: RequestTransformer;
	/** For every answer, after the command's own. */
	onResponse?: ResponseTransformer;
}

/** What rest adds to a client. */
export interface RestClient<Schema> {
	/** Runs a command with the client's token. Rejects with a LeveretError that has the server's `errors` and its `response`. */
	request<Output = any>(command: RestCommand<Output, Schema>): Promise<Output>;
}

/** Adds request(). */
export declare function rest(config?: Partial<RestConfig>): <Schema = any>(client: DirectusClient<Schema>) => RestClient<Schema>;

/** Reads items. */
export declare function readItems<
	Schema = any,
	Collection extends RegularCollections<Schema> = RegularCollections<Schema>,
	const TQuery extends Query<Schema, CollectionItem<Schema, Collection>> = Query<Schema, CollectionItem<Schema, Collection>>,
>(collection: Collection, query?: TQuery): RestCommand<QueryOutput<Schema, CollectionItem<Schema, Collection>, TQuery>[], Schema>;

/** Reads one item. Of one that is not there the server says FORBIDDEN. */
export declare function readItem<
	Schema = any,
	Collection extends RegularCollections<Schema> = RegularCollections<Schema>,
	const TQuery extends QueryItem<Schema, CollectionItem<Schema, Collection>> = QueryItem<Schema, CollectionItem<Schema, Collection>>,
>(collection: Collection, key: string | number, query?: TQuery): RestCommand<QueryOutput<Schema, CollectionItem<Schema, Collection>, TQuery>, Schema>;

/** Creates several items and returns them. */
export declare function createItems<
	Schema = any,
	Collection extends keyof Schema = keyof Schema,
	const TQuery extends Query<Schema, CollectionItem<Schema, Collection>> = Query<Schema, CollectionItem<Schema, Collection>>,
>(
	collection: Collection,
	items: readonly ItemInput<CollectionItem<Schema, Collection>>[],
	query?: TQuery,
): RestCommand<QueryOutput<Schema, CollectionItem<Schema, Collection>, TQuery>[], Schema>;

/** Creates an item and returns it; null to those who may not read it. */
export declare function createItem<
	Schema = any,
	Collection extends keyof Schema = keyof Schema,
	const TQuery extends Query<Schema, CollectionItem<Schema, Collection>> = Query<Schema, CollectionItem<Schema, Collection>>,
>(
	collection: Collection,
	item: ItemInput<CollectionItem<Schema, Collection>>,
	query?: TQuery,
): RestCommand<QueryOutput<Schema, CollectionItem<Schema, Collection>, TQuery>, Schema>;

/** Changes items, those with the keys or those that a query finds, and returns them. */
export declare function updateItems<
	Schema = any,
	Collection extends keyof Schema = keyof Schema,
	const TQuery extends Query<Schema, CollectionItem<Schema, Collection>> = Query<Schema, CollectionItem<Schema, Collection>>,
>(
	collection: Collection,
	keysOrQuery: readonly string[] | readonly number[] | Query<Schema, CollectionItem<Schema, Collection>>,
	item: ItemInput<CollectionItem<Schema, Collection>>,
	query?: TQuery,
): RestCommand<QueryOutput<Schema, CollectionItem<Schema, Collection>, TQuery>[], Schema>;

/** Changes an item and returns it. */
export declare function updateItem<
	Schema = any,
	Collection extends keyof Schema = keyof Schema,
	const TQuery extends Query<Schema, CollectionItem<Schema, Collection>> = Query<Schema, CollectionItem<Schema, Collection>>,
>(
	collection: Collection,
	key: string | number,
	item: ItemInput<CollectionItem<Schema, Collection>>,
	query?: TQuery,
): RestCommand<QueryOutput<Schema, CollectionItem<Schema, Collection>, TQuery>, Schema>;

/** Deletes items, those with the keys or those that a query finds. */
export declare function deleteItems<Schema = any, Collection extends keyof Schema = keyof Schema>(
	collection: Collection,
	keysOrQuery: readonly string[] | readonly number[] | Query<Schema, CollectionItem<Schema, Collection>>,
): RestCommand<void, Schema>;

/** Deletes an item. */
export declare function deleteItem<Schema = any, Collection extends keyof Schema = keyof Schema>(
	collection: Collection,
	key: string | number,
): RestCommand<void, Schema>;

// ---------------------------------------------------------------------------------
// Realtime

/** How the server wants a socket to sign in (WEBSOCKETS_REST_AUTH): with a first message, with the token in the URL, or not at all. */
export type WebSocketAuthModes = 'public' | 'handshake' | 'strict';

/** Options of realtime. */
export interface WebSocketConfig {
	/** Must be the server's. Default `'handshake'`. */
	authMode?: WebSocketAuthModes;
	/**
	 * After a lost connection: `delay` in milliseconds is the base of the pause between attempts, which doubles up to 20 s
	 * and is drawn at random below that (at least 100); `retries` is how many attempts in a row may fail. false: a lost
	 * connection stays lost. Default: from 500 ms, without an end.
	 */
	reconnect?: { delay?: number; retries?: number } | false;
	/** `timeout` in milliseconds of one attempt to connect; false is none. Default 10,000. */
	connect?: { timeout?: number } | false;
	/** Whether the server's ping is answered, and not told to handlers. Default true. */
	heartbeat?: boolean;
	/** Whether every change of state is written to `globals.logger`. Default false. */
	debug?: boolean;
	/** The WebSocket's URL, used as it is. Default: the client's, with the path /websocket. */
	url?: string;
}

/** What onWebSocket can listen to. */
export type WebSocketEvents = 'open' | 'close' | 'error' | 'message';

/** Ends what a listener was added for; false if that was done before. */
export type RemoveEventHandler = () => boolean;

/** A handler of any event. */
export type WebSocketEventHandler = (this: WebSocketInterface, ev: any) => any;

/** What a subscription can be limited to. */
export type SubscriptionOptionsEvents = 'create' | 'update' | 'delete';

/** Every event of a subscription but `gap`. */
export type SubscriptionEvents = 'init' | SubscriptionOptionsEvents;

/** Options of subscribe(). They are not changed, and can be used again. */
export interface SubscribeOptions<Schema, Collection extends keyof Schema> {
	/** Only this kind of change. The `init` has no data then. Default: all. */
	event?: SubscriptionOptionsEvents | undefined;
	/** Which items, and what of them. `limit` also limits what a change tells. */
	query?: Query<Schema, Schema[Collection]> | undefined;
	/** Default: one that the client gives. */
	uid?: string | undefined;
	/** Only the item with this key. */
	item?: string | number | undefined;
}

/** The data of each event: items, and of those deleted the keys. */
export interface SubscriptionPayload<Item> {
	/** All items there are, up to 10,000; absent if the subscription is to one kind of change. */
	init: Item[];
	create: Item[];
	update: Item[];
	delete: string[] | number[];
}

/**
 * A message of a subscription. `gap` says that more was missed, while the connection was lost, than can be told one by
 * one: read again what is shown. `error` is never sent; it stands here since code written for the official SDK has a
 * case for it.
 */
export type SubscriptionOutput<
	Schema,
	Collection extends keyof Schema,
	TQuery extends Query<Schema, Schema[Collection]> | undefined | unknown,
	Events extends SubscriptionEvents,
	TItem = QueryOutput<Schema, Schema[Collection], TQuery>,
> = {
	type: 'subscription';
	uid?: string;
	meta?: { total_count?: number; filter_count?: number };
} & (
	| { [Event in Events]: { event: Event; data: SubscriptionPayload<TItem>[Event] } }[Events]
	| { event: 'gap'; data: never[] }
	| { event: 'error'; error: { code: string; message: string } }
);

/** What realtime adds to a client. */
export interface WebSocketClient<Schema> {
	/**
	 * Opens the connection, and signs in if there is a token. Resolves with the raw WebSocket, also if it is open already.
	 * Rejects with a LeveretError: INVALID_URL, CONNECTION_FAILED, CONNECT_TIMEOUT, AUTH_FAILED, NO_TOKEN, DISCONNECTED,
	 * WASM_UNAVAILABLE, PANIC. Attempts go on afterwards as `reconnect` allows, unless the credential was refused.
	 */
	connect(): Promise<WebSocketInterface>;
	/** Closes the connection, or ends the attempt to open it. Subscriptions end without an error. */
	disconnect(): void;
	/** Whether the connection is open; waits for an attempt that is under way. */
	isConnected(): Promise<boolean>;
	/** Adds a handler and returns its remover. `message` gets what was sent, parsed; of a text that is not JSON, the MessageEvent. */
	onWebSocket(event: 'open', callback: (this: WebSocketInterface, ev: Event) => any): RemoveEventHandler;
	onWebSocket(event: 'error', callback: (this: WebSocketInterface, ev: Event) => any): RemoveEventHandler;
	onWebSocket(event: 'close', callback: (this: WebSocketInterface, ev: SocketCloseEvent) => any): RemoveEventHandler;
	onWebSocket(event: 'message', callback: (this: WebSocketInterface, ev: any) => any): RemoveEventHandler;
	onWebSocket(event: WebSocketEvents, callback: WebSocketEventHandler): RemoveEventHandler;
	/** Sends a text as it is, or an object with a uid if it has none. Throws a LeveretError, NOT_CONNECTED. */
	sendMessage(message: string | Record<string, any>): void;
	/**
	 * Subscribes to a collection, and connects before if need be. A refusal by the server rejects the generator's next()
	 * with its code, FORBIDDEN for example; a connection that is lost for good with GAVE_UP or AUTH_FAILED. Leaving the
	 * `for await` unsubscribes too. Rejects with UID_IN_USE, or as connect() does.
	 */
	subscribe<Collection extends keyof Schema, const Options extends SubscribeOptions<Schema, Collection>>(
		collection: Collection,
		options?: Options,
	): Promise<{
		subscription: AsyncGenerator<
			SubscriptionOutput<
				Schema,
				Collection,
				Options['query'],
				(Options['event'] extends SubscriptionOptionsEvents ? Options['event'] : SubscriptionOptionsEvents) | 'init'
			>,
			void,
			unknown
		>;
		/** Ends the subscription at once, also offline. */
		unsubscribe(): void;
	}>;
	/** What the official SDK does not have. */
	readonly realtime: RealtimeControl;
}

/** Where a connection stands. */
export type RealtimeState =
	/** Never asked to connect. */
	| 'idle'
	/** The socket is being opened. */
	| 'dialing'
	/** The token was sent and is not answered yet. */
	| 'authenticating'
	/** Signed in; subscriptions are being brought up to date. */
	| 'resyncing'
	/** Every subscription is up to date. */
	| 'live'
	/** Offline until the next attempt. */
	| 'waiting'
	/** The credential was refused; connect() tries again. */
	| 'needs-auth'
	/** Disconnected on request, or given up. */
	| 'closed';

/** A change of state. */
export interface RealtimeChange {
	from: RealtimeState;
	to: RealtimeState;
	cause: {
		/** One of a few words: asked, opened, authenticated, caught-up, link-lost, silent, dial-failed, auth-failed, token-expired, … */
		reason: string;
		/** A sentence for a person. */
		detail?: string;
		/** The close code of the WebSocket. */
		code?: number;
	};
	at: Date;
	/** When the next attempt is made. */
	next?: Date;
}

/** What the official SDK does not have: the state of the connection, and requests that are answered. */
export interface RealtimeControl {
	/** Where the connection stands now. */
	readonly state: RealtimeState;
	/** Has every change of state told. Returns the remover. */
	onState(listener: (change: RealtimeChange) => void): RemoveEventHandler;
	/**
	 * Sends a message and resolves with the reply; connects before, and waits for the connection, if need be. Rejects with
	 * a LeveretError: the server's code, OUTCOME_UNKNOWN if the connection was lost before the answer came, DISCONNECTED.
	 */
	ask<Reply = any>(message: string | Record<string, any>): Promise<Reply>;
}

/**
 * Adds a realtime connection to a client, ours or the official one. Nothing is loaded yet. The official client cannot
 * tell its schema to types other than its own: name it, `realtime<Schema>()`.
 */
export declare function realtime<ClientSchema = any>(
	config?: WebSocketConfig,
): <Schema = ClientSchema>(client: DirectusClient<Schema>) => WebSocketClient<Schema>;

/** Credentials for auth(): one of an e-mail address with a password, a token, or a refresh token. */
export type AuthCredentials =
	| { email: string; password: string; uid?: string }
	| { access_token: string; uid?: string }
	| { refresh_token: string; uid?: string };

/** Makes the text of an auth message, for sendMessage(). */
export declare function auth(credentials: AuthCredentials): string;

/** Makes the text of a pong message, for sendMessage(). */
export declare function pong(): string;

// ---------------------------------------------------------------------------------
// The WebAssembly program

/** Options of init. */
export interface InitOptions {
	/** Where leveret.wasm lies. Default: beside index.js. */
	wasmURL?: string | URL;
}

/**
 * Loads the WebAssembly now instead of with the first connect(). Rejects with a LeveretError, WASM_UNAVAILABLE; the
 * next call tries again.
 */
export declare function init(options?: InitOptions): Promise<void>;

/** What the WebAssembly program holds. */
export interface ProgramStats {
	goroutines: number;
	/** Bytes in use on the program's heap. */
	heap: number;
	/** Functions of JavaScript that the program refers to. */
	functions: number;
}

/** Tells what the WebAssembly program holds, once what nobody uses is collected: for who looks for a leak. */
export declare function stats(): Promise<ProgramStats>;

/** Disconnects every client and ends the WebAssembly program. Everything can be used again afterwards. */
export declare function dispose(): Promise<void>;

// ---------------------------------------------------------------------------------
// Errors

/** One error of a server's answer. */
export interface DirectusApiError {
	message: string;
	extensions: { code: string; [key: string]: any };
}

/** The codes of this module. */
export type ModuleErrorCode =
	| 'AUTH_FAILED'
	| 'BAD_RESPONSE'
	| 'CONNECTION_FAILED'
	| 'CONNECT_TIMEOUT'
	| 'DISCONNECTED'
	| 'GAVE_UP'
	| 'INVALID_COLLECTION'
	| 'INVALID_CONFIG'
	| 'INVALID_EVENT'
	| 'INVALID_MESSAGE'
	| 'INVALID_PAYLOAD'
	| 'INVALID_URL'
	| 'NO_TOKEN'
	| 'NO_WEBSOCKET'
	| 'NOT_CONNECTED'
	| 'OUTCOME_UNKNOWN'
	| 'PANIC'
	| 'TOO_MANY_REQUESTS'
	| 'UID_IN_USE'
	| 'UNANSWERED'
	| 'WASM_UNAVAILABLE';

/** Codes of servers. There are others. */
export type ServerErrorCode =
	| 'FORBIDDEN'
	| 'INVALID_CREDENTIALS'
	| 'INVALID_FOREIGN_KEY'
	| 'INVALID_OTP'
	| 'INVALID_QUERY'
	| 'INVALID_TOKEN'
	| 'NOT_NULL_VIOLATION'
	| 'RECORD_NOT_UNIQUE'
	| 'REQUESTS_EXCEEDED'
	| 'SERVICE_UNAVAILABLE'
	| 'TOKEN_EXPIRED'
	| 'USER_SUSPENDED'
	| 'VALUE_TOO_LONG';

/** Every error that this module throws or rejects with. */
export declare class LeveretError extends Error {
	constructor(code: string, message: string, more?: Record<string, unknown>);
	/** What went wrong, in one word that does not change. */
	readonly code: ModuleErrorCode | ServerErrorCode | (string & {});
	/** What was behind it, for example fetch's own error. */
	readonly cause?: unknown;
	/** Of a REST request: the server's errors. */
	readonly errors?: DirectusApiError[];
	/** Of a REST request: what fetch returned, if it did. */
	readonly response?: Response;
	/** Of a REST request: what the answer held beside errors. */
	readonly data?: any;
	/** Of a refused message on the socket: the server's answer, with the members below. */
	readonly type?: string;
	readonly status?: string;
	readonly error?: { code: string; message: string };
	readonly uid?: string | number;
}
