// The schema that the usages share: relations to one, to many and to several
// collections, a singleton, and the words that the official SDK knows field types by.
export interface Author {
	id: number;
	name: string;
	email: string | null;
	messages: number[] | Message[];
}

export interface Tag {
	id: number;
	label: string;
}

export interface Message {
	id: number;
	text: string;
	status: 'draft' | 'published';
	pinned: boolean;
	score: number | null;
	date_created: 'datetime';
	extra: 'json' | null;
	labels: 'csv';
	author: number | Author | null;
	tags: number[] | Tag[];
	blocks: number[] | Block[];
	anything: any;
}

export interface Block {
	id: number;
	collection: 'authors' | 'tags';
	item: string | Author | Tag;
}

export interface Settings {
	title: string;
	owner: number | Author;
}

export interface Schema {
	messages: Message[];
	authors: Author[];
	tags: Tag[];
	blocks: Block[];
	settings: Settings;
}

// same fails to compile where two types are not the same.
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
export function same<A, B>(..._differ: Same<A, B> extends true ? [] : [never]): void {}
