// Builds the page and serves it: node examples/timeline/main.ts [PORT]
import { join } from 'node:path';
import { buildPage } from './build.ts';
import { serve } from './serve.ts';

const folder = join(import.meta.dirname, 'dist');
await buildPage(folder);
const { url } = await serve(folder, Number(process.argv[2] ?? 8080));
console.log(`The timeline is at ${url} (Ctrl-C ends this)`);
