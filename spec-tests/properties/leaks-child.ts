import { readFileSync } from 'node:fs';
import { type Linking, transform } from '../../asyncify/index.ts';
import { type Exports, Store } from '../../continuations/index.ts';
import { parseText } from '../runner/index.ts';

/** How many objects an export made, and how many of them were still alive after it. */
export interface Leak {
  readonly name: string;
  readonly made: number;
  readonly left: number;
}

const CALLS = 50;

async function measure(linking: Linking): Promise<Leak[]> {
  const text = readFileSync(new URL('./leaks.wat', import.meta.url), 'utf8');
  const module = new WebAssembly.Module(transform(new Uint8Array(await parseText(text)), { linking }).bytes);
  const leaks: Leak[] = [];
  for (const name of Object.keys(instantiate(module, () => null))) {
    const objects: WeakRef<object>[] = [];
    const make = (): object => {
      const object = {};
      objects.push(new WeakRef(object));
      return object;
    };
    const exports = instantiate(module, make);
    call(exports[name] as () => void);
    await collect();
    leaks.push({ name, made: objects.length, left: objects.filter((object) => object.deref() !== undefined).length });
    // The instance, and with it what its globals keep, has to outlive the count.
    if (!(name in exports)) throw new Error(`no export ${name}`);
  }
  return leaks;
}

function instantiate(module: WebAssembly.Module, make: () => object | null): Exports {
  const host = {
    make,
    use: () => {},
    throw: () => {
      throw new Error('host');
    },
  };
  return new Store().instantiate(module, { host }).exports;
}

function call(run: () => void): void {
  for (let time = 0; time < CALLS; time++) {
    try {
      run();
    } catch {
      // Some end so; what matters is what they leave behind.
    }
  }
}

/** A WeakRef holds its object until the current job is done, so that collecting takes turns of the event loop. */
async function collect(): Promise<void> {
  for (let time = 0; time < 4; time++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    globalThis.gc?.();
  }
}

process.stdout.write(JSON.stringify(await measure(process.argv[2] as Linking)));
