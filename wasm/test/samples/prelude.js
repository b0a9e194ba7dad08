// The names that a sample leaves open. A test puts them under a name of its own and
// imports this with that name: import … from './prelude.js?name'.
const name = new URL(import.meta.url).search.slice(1);

export const { url, access_token, console, createDirectus, createItem, realtime, updateItem } = globalThis[Symbol.for(`prelude ${name}`)];
