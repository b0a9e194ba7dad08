// What wasm_exec.js finds in Node and not in a page: a file system and a process
// with a working directory. The package's folder is read-only and comes over
// synchronous requests; files below $TMPDIR are in memory. Output goes to the
// runner over a WebSocket.
"use strict";
(() => {
	const get = (path, type) => {
		const request = new XMLHttpRequest();
		request.open("GET", path, false);
		request.overrideMimeType("text/plain; charset=x-user-defined");
		request.send();
		if (request.status !== 200) throw fail(request.status === 404 ? "ENOENT" : "EIO");
		return request.responseText;
	};
	const fail = (code) => Object.assign(new Error(code), { code });
	const config = JSON.parse(decodeURIComponent(escape(get("/config"))));

	const report = new WebSocket(`ws://${location.host}/report`);
	const opened = new Promise((resolve) => (report.onopen = resolve));
	const say = (message) => report.send(JSON.stringify(message));
	globalThis.wasmtest = { config, opened, say };

	const decoder = new TextDecoder();
	const absolute = (path) => (path.startsWith("/") ? path : `${config.dir}/${path}`);
	const S_IFDIR = 0o040000, S_IFMT = 0o170000;
	const O_WRITE = 1 | 2, O_CREAT = 64, O_EXCL = 128, O_TRUNC = 512, O_APPEND = 1024;

	// The files and folders (null) that the tests made.
	const temporary = config.env.TMPDIR;
	const made = new Map([[temporary, null]]);
	const isTemporary = (path) => path === temporary || path.startsWith(temporary + "/");
	const resize = (file, length) => {
		const bytes = new Uint8Array(length);
		bytes.set(file.bytes.subarray(0, length));
		file.bytes = bytes;
	};

	const open = new Map(); // fd => {path, file, at, append}
	let nextFD = 3;
	const handle = (fd) => open.get(fd) ?? (() => { throw fail("EBADF"); })();

	const remote = (kind, path) => get(`/${kind}?path=${encodeURIComponent(path)}`);
	const told = (path) => {
		if (!isTemporary(path)) return JSON.parse(decodeURIComponent(escape(remote("stat", path))));
		if (!made.has(path)) throw fail("ENOENT");
		const file = made.get(path);
		if (file) return { size: file.bytes.length, mode: 0o100644, mtimeMs: 0 };
		const entries = [...made.keys()].filter((p) => p.startsWith(path + "/") && !p.slice(path.length + 1).includes("/"));
		return { size: 0, mode: 0o040755, mtimeMs: 0, entries: entries.map((p) => p.slice(path.length + 1)) };
	};
	const stat = (path) => {
		const of = told(absolute(path));
		return {
			...of, dev: 0, ino: 0, nlink: 1, uid: 0, gid: 0, rdev: 0, blksize: 4096, blocks: 0,
			atimeMs: of.mtimeMs, ctimeMs: of.mtimeMs, isDirectory: () => (of.mode & S_IFMT) === S_IFDIR,
		};
	};
	const openFile = (path, flags) => {
		if (!isTemporary(path)) {
			if (flags & (O_WRITE | O_CREAT)) throw fail("EROFS");
			if (stat(path).isDirectory()) return null;
			return { bytes: Uint8Array.from(remote("file", path), (c) => c.charCodeAt(0) & 0xff) };
		}
		if (!made.has(path)) {
			if (!(flags & O_CREAT)) throw fail("ENOENT");
			made.set(path, { bytes: new Uint8Array() });
		} else if (flags & O_EXCL) throw fail("EEXIST");
		const file = made.get(path);
		if (file && flags & O_TRUNC) resize(file, 0);
		return file;
	};

	// answer calls back with the result of f or its error, as Node does.
	const answer = (callback, f) => {
		let result;
		try {
			result = f();
		} catch (error) {
			callback(error.code ? error : fail("EIO"));
			return;
		}
		callback(null, result);
	};
	const refuse = (...args) => args.at(-1)(fail("ENOSYS"));
	const remove = (path, callback) => answer(callback, () => { if (!made.delete(absolute(path))) throw fail("ENOENT"); });

	globalThis.fs = {
		constants: { O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY: 65536 },
		writeSync(fd, bytes) {
			say({ out: decoder.decode(bytes) });
			return bytes.length;
		},
		write(fd, buffer, offset, length, position, callback) {
			const bytes = buffer.subarray(offset, offset + length);
			answer(callback, () => {
				if (fd === 1 || fd === 2) return this.writeSync(fd, bytes);
				const f = handle(fd);
				if (!f.file || !isTemporary(f.path)) throw fail("EBADF");
				const at = f.append ? f.file.bytes.length : (position ?? f.at);
				if (at + length > f.file.bytes.length) resize(f.file, at + length);
				f.file.bytes.set(bytes, at);
				if (position === null || position === undefined) f.at = at + length;
				return length;
			});
		},
		open(path, flags, mode, callback) {
			answer(callback, () => {
				const at = absolute(path);
				open.set(nextFD, { path: at, file: openFile(at, flags), at: 0, append: flags & O_APPEND });
				return nextFD++;
			});
		},
		read(fd, buffer, offset, length, position, callback) {
			answer(callback, () => {
				const f = handle(fd);
				if (!f.file) throw fail("EISDIR");
				const from = position ?? f.at;
				const part = f.file.bytes.subarray(from, from + length);
				buffer.set(part, offset);
				if (position === null || position === undefined) f.at += part.length;
				return part.length;
			});
		},
		close(fd, callback) { open.delete(fd); callback(null); },
		fstat(fd, callback) { answer(callback, () => stat(handle(fd).path)); },
		stat(path, callback) { answer(callback, () => stat(path)); },
		lstat(path, callback) { answer(callback, () => stat(path)); },
		readdir(path, callback) { answer(callback, () => stat(path).entries ?? (() => { throw fail("ENOTDIR"); })()); },
		mkdir(path, mode, callback) {
			answer(callback, () => {
				const at = absolute(path);
				if (!isTemporary(at)) throw fail("EROFS");
				if (made.has(at)) throw fail("EEXIST");
				made.set(at, null);
			});
		},
		ftruncate(fd, length, callback) { answer(callback, () => resize(handle(fd).file, length)); },
		unlink: remove,
		rmdir: remove,
		readlink(path, callback) { callback(fail("EINVAL")); },
		fsync(fd, callback) { callback(null); },
		chmod: refuse, chown: refuse, fchmod: refuse, fchown: refuse, lchown: refuse, link: refuse,
		rename: refuse, symlink: refuse, truncate: refuse, utimes: refuse,
	};
	const nobody = () => -1;
	globalThis.process = {
		getuid: nobody, getgid: nobody, geteuid: nobody, getegid: nobody, pid: -1, ppid: -1,
		getgroups() { throw fail("ENOSYS"); },
		umask() { throw fail("ENOSYS"); },
		cwd: () => config.dir,
		chdir() { throw fail("ENOSYS"); },
	};
	globalThis.path = { resolve: (...parts) => absolute(parts.join("/")) };
})();
