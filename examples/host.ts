// A host program that draws from a generator written in WebAssembly.
//
//   npx bobbin transform examples/squares.wat -o plain.wasm
//   node examples/host.ts plain.wasm
import { readFileSync } from 'node:fs';
import { Runtime, TrapError } from 'bobbin-wasm/runtime';

interface Squares {
  start(): void;
  next(): number;
}

const [path = 'plain.wasm'] = process.argv.slice(2);
const module = new Runtime().load(readFileSync(path));
const squares = module.instantiate<Squares>({
  host: { log: (i: number) => console.log(`the generator works on ${i}`) },
}).exports;

squares.start();
for (let value = squares.next(); value !== -1; value = squares.next()) console.log(value);

try {
  squares.next();
} catch (error) {
  if (!(error instanceof TrapError)) throw error;
  console.log(`after the end: ${error.message}`);
}
