// The stub of Directus's accounts: logins in the modes json, cookie and session, and
// the session's cookie at the upgrade. Our own server does not serve sessions yet.
import { randomUUID } from 'node:crypto';

// Browsers keep one jar for all ports of a host, so every stub has cookies of its own.
let stubs = 0;

export class Accounts {
	sessions = new Map(); // access token or session cookie -> refresh token
	number = ++stubs;

	// expires is how many milliseconds an access token is said to live.
	constructor({ expires = 900_000 } = {}) {
		this.expires = expires;
	}

	get sessionCookie() {
		return `session_${this.number}`;
	}

	get refreshCookie() {
		return `refresh_${this.number}`;
	}

	async answer(request, response, emit) {
		const body = await bodyOf(request);
		const { origin, cookie, authorization } = request.headers;
		response.setHeader('Access-Control-Allow-Origin', origin ?? '*');
		response.setHeader('Access-Control-Allow-Credentials', 'true');
		response.setHeader('Access-Control-Allow-Headers', 'Content-Type,Authorization');
		response.setHeader('Access-Control-Allow-Methods', 'GET,POST,PATCH,DELETE,SEARCH');
		if (request.method === 'OPTIONS') return response.writeHead(204).end();
		emit({ kind: 'request', method: request.method, path: request.url, body, cookie, authorization });
		switch (new URL(request.url, 'http://stub').pathname) {
			case '/auth/login':
				if (body.password !== 'right') return refuse(response, 401, 'INVALID_CREDENTIALS', 'Invalid user credentials.');
				return this.open(response, body.mode ?? 'json');
			case '/auth/refresh': {
				const jar = cookiesOf(request);
				const token = body.refresh_token ?? jar[this.refreshCookie] ?? jar[this.sessionCookie];
				const old = [...this.sessions].find(([access, refresh]) => refresh === token || access === token);
				if (!old) return refuse(response, 401, 'INVALID_CREDENTIALS', 'Invalid user credentials.');
				this.sessions.delete(old[0]);
				return this.open(response, body.mode ?? 'json');
			}
			case '/auth/logout':
				this.sessions.clear();
				for (const name of [this.sessionCookie, this.refreshCookie]) response.appendHeader('Set-Cookie', `${name}=; Path=/; Max-Age=0`);
				return response.writeHead(204).end();
			case '/items/messages':
				if (!this.knows(request)) return refuse(response, 403, 'FORBIDDEN', 'You don\'t have permission to access this.');
				return answer(response, 200, { data: [{ id: 1, text: 'mine' }] });
			default:
				return refuse(response, 404, 'ROUTE_NOT_FOUND', 'Route doesn\'t exist.');
		}
	}

	// open answers with a new session, in the way of the mode.
	open(response, mode) {
		const access = `access-${randomUUID()}`;
		const refresh = `refresh-${randomUUID()}`;
		this.sessions.set(access, refresh);
		const { expires } = this;
		if (mode === 'session') {
			response.setHeader('Set-Cookie', `${this.sessionCookie}=${access}; Path=/; HttpOnly; SameSite=Lax`);
			return answer(response, 200, { data: { expires } });
		}
		if (mode === 'cookie') {
			response.setHeader('Set-Cookie', `${this.refreshCookie}=${refresh}; Path=/; HttpOnly; SameSite=Lax`);
			return answer(response, 200, { data: { expires, access_token: access } });
		}
		return answer(response, 200, { data: { expires, access_token: access, refresh_token: refresh } });
	}

	knows(request) {
		const bearer = request.headers.authorization?.replace(/^Bearer /, '');
		return this.sessions.has(bearer ?? cookiesOf(request)[this.sessionCookie]);
	}

	// refusal returns the status with which an upgrade is refused, or undefined. As in
	// Directus, a token in the URL wins over the cookie, and a stale one of either is refused.
	refusal(request) {
		const token = new URL(request.url, 'http://stub').searchParams.get('access_token') ?? cookiesOf(request)[this.sessionCookie];
		return token && !this.sessions.has(token) ? 401 : undefined;
	}
}

async function bodyOf(request) {
	let text = '';
	for await (const chunk of request) text += chunk;
	return text ? JSON.parse(text) : {};
}

function cookiesOf(request) {
	return Object.fromEntries((request.headers.cookie ?? '').split(/; */).filter(Boolean).map((pair) => pair.split('=')));
}

function answer(response, status, body) {
	response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

function refuse(response, status, code, message) {
	answer(response, status, { errors: [{ message, extensions: { code } }] });
}
