// Checks the built npm package as a stranger would get it: packed, unpacked, imported.
// node check-package.mjs ../../web/dist/module
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import ts from 'typescript';

// What importing the package may cost: gzip, each file by itself, as it travels.
const maxImport = 8_000;

const here = dirname(fileURLToPath(import.meta.url));
const [folder] = process.argv.slice(2);
const work = realpathSync(mkdtempSync(join(tmpdir(), 'leveret-package-')));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

function fail(sentence) {
	console.error(sentence);
	process.exit(1);
}

// run runs a program, returns what it wrote, and fails with that and the sentence.
async function run(sentence, file, args, options) {
	try {
		return (await promisify(execFile)(file, args, { maxBuffer: 1 << 26, ...options })).stdout;
	} catch (error) {
		return fail(`${error.stdout ?? ''}${error.stderr ?? ''}${error.syscall ? error.message : ''}\n${sentence}`);
	}
}

const tool = (sentence, name, ...args) => run(sentence, process.execPath, [join(here, 'node_modules', '.bin', name), ...args], { cwd: work });

if (!folder || !existsSync(join(folder, 'package.json'))) {
	fail(`There is no package in "${folder ?? ''}": say where the built one is, node check-package.mjs ../../web/dist/module`);
}

// The compressed files beside the others are our server's. npm packs some of them
// whatever "files" says.
const plain = join(work, 'plain');
cpSync(folder, plain, { recursive: true, filter: (path) => !/\.(br|gz)$/.test(path) });
const [packed] = JSON.parse(
	await run('npm pack failed: see above.', 'npm', ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', work], {
		cwd: plain,
		env: { ...process.env, npm_config_update_notifier: 'false' }, // nothing here asks the network
	}),
);
const tarball = join(work, packed.filename);
const files = new Set(packed.files.map(({ path }) => path));
for (const name of ['LICENSE', 'README.md', 'index.d.ts', 'index.js', 'leveret.wasm', 'package.json', 'wasm_exec.js']) {
	if (!files.has(name)) fail(`The packed package lacks ${name}: build it first, and see "files" in its package.json.`);
}
for (const name of files) if (/\.(br|gz|map|mjs|ts)$/.test(name) && name !== 'index.d.ts') fail(`The packed package holds ${name}, which nobody who installs it needs.`);

const checks = [
	tool('publint does not like the package: see above.', 'publint', tarball, '--strict'),
	// leveret.wasm is no module, so it has no types that could be wrong.
	tool('Are the types wrong? attw says so: see above.', 'attw', tarball, '--profile', 'esm-only', '--no-color', '--no-emoji', '--exclude-entrypoints', './leveret.wasm'),
];

// A project that has the package installed.
const installed = join(work, 'node_modules', 'leveret');
mkdirSync(join(work, 'node_modules'));
symlinkSync(join(here, 'node_modules', '@directus'), join(work, 'node_modules', '@directus'));
await run('The tarball could not be unpacked: see above.', 'tar', ['-xzf', tarball, '-C', join(work, 'node_modules')]);
renameSync(join(work, 'node_modules', 'package'), installed);
writeFileSync(join(work, 'package.json'), '{"private": true, "type": "module"}');
cpSync(join(here, 'types'), join(work, 'types'), { recursive: true });

const { compilerOptions } = ts.readConfigFile(join(here, 'types', 'tsconfig.json'), ts.sys.readFile).config;
delete compilerOptions.paths; // in the repository they stand in for what is installed here
// Declarations are skipped in these two, for the sake of the official SDK's; ours are checked below.
for (const [module, moduleResolution] of [['esnext', 'bundler'], ['nodenext', 'nodenext']]) {
	const config = join(work, 'types', `${moduleResolution}.json`);
	writeFileSync(config, JSON.stringify({ compilerOptions: { ...compilerOptions, module, moduleResolution }, include: ['*.ts'] }));
	checks.push(tool(`The usages in wasm/test/types do not compile with moduleResolution ${moduleResolution}: see above.`, 'tsc', '-p', config));
}

// importsOf lists what a module imports: at once, and when it gets to it.
function importsOf(path) {
	const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
	const found = { now: [], later: [] };
	const visit = (node) => {
		if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) found.now.push(node.moduleSpecifier.text);
		if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword && ts.isStringLiteral(node.arguments[0])) found.later.push(node.arguments[0].text);
		ts.forEachChild(node, visit);
	};
	visit(source);
	return found;
}

const graph = new Map(); // path → bytes of gzip
const queue = [join(installed, 'index.js')];
while (queue.length > 0) {
	const path = queue.pop();
	const name = relative(installed, path);
	if (graph.has(name)) continue;
	if (name === 'wasm_exec.js') fail('wasm_exec.js is imported statically: an import of the package would load what only connect() needs.');
	if (!files.has(name)) fail(`${name} is imported but not in the package: see "files" in its package.json.`);
	graph.set(name, gzipSync(readFileSync(path), { level: 9 }).length);
	const { now, later } = importsOf(path);
	for (const specifier of now) {
		if (!specifier.startsWith('./')) fail(`${name} imports ${specifier} statically: the package has no dependencies, and runs in browsers.`);
		queue.push(resolve(dirname(path), specifier));
	}
	for (const specifier of later) {
		if (specifier.startsWith('.') && !files.has(relative(installed, resolve(dirname(path), specifier)))) fail(`${name} imports ${specifier}, which is not in the package.`);
	}
}
const sizes = [...graph].map(([name, bytes]) => `${name} ${bytes}`).join(', ');
const total = [...graph.values()].reduce((sum, bytes) => sum + bytes);
if (total >= maxImport) fail(`Importing the package costs ${total} bytes of gzip, which must be under ${maxImport}: ${sizes}.`);

// What is declared must be there, what is there must be declared, and importing it must
// touch nothing. Without a network, a page or a WebSocket, as on a server.
const program = ts.createProgram([join(installed, 'index.d.ts')], { ...ts.convertCompilerOptionsFromJson(compilerOptions, work).options, skipLibCheck: false });
const declarations = program.getSourceFile(join(installed, 'index.d.ts'));
const wrong = [...program.getSyntacticDiagnostics(declarations), ...program.getSemanticDiagnostics(declarations)];
if (wrong.length > 0) fail(`${ts.formatDiagnostics(wrong, { getCanonicalFileName: (name) => name, getCurrentDirectory: () => installed, getNewLine: () => '\n' })}\nindex.d.ts has mistakes: see above.`);
const checker = program.getTypeChecker();
const declared = checker.getExportsOfModule(checker.getSymbolAtLocation(declarations));
const bare = declared.filter((symbol) => symbol.getDocumentationComment(checker).length === 0);
if (bare.length > 0) fail(`index.d.ts says nothing of ${bare.map(({ name }) => name).join(', ')}: each exported name needs a comment.`);
const values = declared.filter(({ flags }) => flags & ts.SymbolFlags.Value).map(({ name }) => name).sort();
const probe = `
	for (const name of ['fetch', 'WebSocket', 'document', 'window', 'self', 'navigator', 'location', 'WebAssembly']) delete globalThis[name];
	const before = Reflect.ownKeys(globalThis).length;
	const module = await import('leveret');
	if (Reflect.ownKeys(globalThis).length !== before) throw new Error('the import left something in the global scope');
	console.log(JSON.stringify(Object.keys(module).sort()));`;
writeFileSync(join(work, 'probe.js'), probe);
const exported = JSON.parse(await run('The package cannot be imported where there is no browser: see above.', process.execPath, ['probe.js'], { cwd: work }));
const lacking = values.filter((name) => !exported.includes(name));
const silent = exported.filter((name) => !values.includes(name));
if (lacking.length > 0) fail(`index.d.ts declares ${lacking.join(', ')}, which index.js does not export.`);
if (silent.length > 0) fail(`index.js exports ${silent.join(', ')}, which index.d.ts does not declare.`);

await Promise.all(checks);
console.log(`${packed.filename}: ${packed.size} bytes, ${files.size} files; importing it costs ${total} of ${maxImport} bytes of gzip (${sizes})`);
