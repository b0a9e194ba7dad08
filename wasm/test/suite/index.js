// Runs the whole suite against one implementation, in the environment it is in.
import { load } from './implementations.js';
import { run, watchUncaught } from './runner.js';
import { openStage } from './stage.js';
import { makeWorld } from './world.js';
import './auth.js';
import './connect.js';
import './disconnect.js';
import './generator.js';
import './messages.js';
import './module.js';
import './realtime-object.js';
import './reconnect.js';
import './rest.js';
import './samples.js';
import './send.js';
import './slow.js';
import './subscribe.js';
import './tokens.js';

// What is global before any implementation is there.
const globals = Object.getOwnPropertyNames(globalThis);

// main prints a line a test and the sum, and returns whether all is well. What a page
// prints goes to the stage too, which has a terminal.
export async function main({ implementation, env, stageURL, print, grep, soak }) {
	const counts = { passed: 0, failed: 0 };
	let stage;
	const say = (line) => {
		print(line);
		if (env === 'browser') stage?.report(line);
	};
	try {
		const uncaught = watchUncaught(env);
		stage = await openStage(stageURL);
		const impl = await load(implementation);
		Object.assign(counts, await run({ impl, env, world: makeWorld({ impl, env, stage, uncaught, globals, soak }), uncaught, print: say, grep, soak }));
	} catch (error) {
		counts.failed++;
		say(`FAIL ${implementation} in ${env}: the suite did not run: ${error?.stack ?? error}`);
	}
	say(`${counts.passed} passed, ${counts.failed} failed`);
	return counts.failed === 0;
}
