// A LeveretError is every error of this module: code says which, cause what was
// behind it. What else is known of it comes in more.
export class LeveretError extends Error {
	constructor(code, message, more) {
		super(message);
		for (const [key, value] of Object.entries({ name: 'LeveretError', code, ...more })) {
			if (value !== undefined) this[key] = value;
		}
	}
}
