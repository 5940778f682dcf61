import { enlargeStack } from './stack.ts';

const args = process.argv.slice(2);
if (args[0] === 'run') enlargeStack();
const [{ cli }, { processIo }] = await Promise.all([import('./cli.ts'), import('./io.ts')]);
process.exitCode = await cli(args, processIo);
