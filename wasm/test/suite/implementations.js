// The implementations that the suite runs against. The stage serves the repository's
// folders under their own paths, so these addresses are right in both environments.

const sdk = () => import('../node_modules/@directus/sdk/dist/index.js');

export const moduleURL = new URL('../../../web/dist/module/', import.meta.url).href;

const ours = () => import(`${moduleURL}index.js`);

const realtimePart = ({ realtime, init, dispose }) => ({ realtime, init, dispose });

const makers = {
	// The official SDK, whole.
	sdk: async () => ({ ...await sdk() }),
	// Ours, whole.
	ours: async () => ({ ...await ours() }),
	// The official SDK's composables with our realtime().
	mixed: async () => ({ ...await sdk(), ...realtimePart(await ours()) }),
};

export const names = Object.keys(makers);

export async function load(name) {
	if (!Object.hasOwn(makers, name)) throw new Error(`there is no implementation ${JSON.stringify(name)}; there are ${names.join(', ')}`);
	return { name, ...await makers[name]() };
}
