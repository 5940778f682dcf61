import { resolveObjectURL } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { Worker as NodeWorker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { transform } from '../../asyncify/index.ts';
import { parseText } from '../../spec-tests/runner/index.ts';
import { SliceTimer } from './slice-timer.ts';

const host = process;
afterEach(() => vi.unstubAllGlobals());

/** Node's workers, as a web page has them. */
class WebWorker {
  readonly #worker: Promise<NodeWorker>;
  #started: NodeWorker | null = null;
  constructor(url: string) {
    this.#worker = (async () => {
      const source = (await resolveObjectURL(url)?.text()) ?? '';
      const scope = `const { parentPort } = require('node:worker_threads');
        globalThis.process = undefined;
        globalThis.postMessage = (data) => parentPort.postMessage(data);
        parentPort.on('message', (data) => globalThis.onmessage({ data }));
        (0, eval)(${JSON.stringify(source)});`;
      const worker = new NodeWorker(scope, { eval: true });
      worker.unref();
      this.#started = worker;
      return worker;
    })();
  }
  postMessage(data: unknown): void {
    if (this.#started !== null) this.#started.postMessage(data);
    else void this.#worker.then((worker) => worker.postMessage(data));
  }
  addEventListener(type: string, listener: (event: unknown) => void): void {
    void this.#worker.then((worker) => worker.on(type, listener));
  }
}

/** Waits, without the event loop, for the word to be set. */
const spin = (word: Int32Array): number => {
  const begun = performance.now();
  while (Atomics.load(word, 0) === 0 && performance.now() - begun < 5000);
  return performance.now() - begun;
};

// The timer of this thread is made once it can be: the order of these tests matters.
describe('SliceTimer', () => {
  it('says that the host has no threads', async () => {
    vi.stubGlobal('process', { ...host, versions: {} });
    vi.stubGlobal('Worker', undefined);
    await expect(SliceTimer.get()).rejects.toMatchObject({ kind: 'no-timer', cause: { message: /no workers/ } });
  });

  it('says why a thread could not be started', async () => {
    vi.stubGlobal('process', { ...host, versions: {} });
    vi.stubGlobal(
      'Worker',
      class {
        addEventListener(type: string, listener: (event: unknown) => void): void {
          if (type === 'error') setTimeout(() => listener({ message: 'refused by policy' }), 1);
        }
        postMessage(): void {}
      },
    );
    await expect(SliceTimer.get()).rejects.toMatchObject({ kind: 'no-timer', cause: { message: 'refused by policy' } });
  });

  it('works with the workers of the web', async () => {
    vi.stubGlobal('process', { ...host, versions: {} });
    vi.stubGlobal('Worker', WebWorker);
    const timer = await SliceTimer.get();
    vi.unstubAllGlobals();
    const word = new Int32Array(new SharedArrayBuffer(4));
    const owner = {};
    const slot = timer.add(owner, word.buffer);
    expect(timer.during(slot, 20, () => spin(word))).toBeGreaterThanOrEqual(9.9);
    expect(word[0]).toBe(1);
    timer.remove(owner, slot);
  });

  it('sets no word while nothing runs, and the right one while something does', async () => {
    vi.resetModules();
    const { SliceTimer: Fresh } = await import('./slice-timer.ts');
    const timer = await Fresh.get();
    expect(await Fresh.get()).toBe(timer);
    const words = [0, 1].map(() => new Int32Array(new SharedArrayBuffer(4))) as [Int32Array, Int32Array];
    const owner = {};
    const [first, second] = words.map((word) => timer.add(owner, word.buffer as SharedArrayBuffer)) as [number, number];
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(words.map((word) => word[0])).toEqual([0, 0]);
    for (let round = 0; round < 5; round++) {
      for (const [slot, word, other] of [
        [first, words[0], words[1]],
        [second, words[1], words[0]],
      ] as const) {
        Atomics.store(word, 0, 0);
        Atomics.store(other, 0, 0);
        const took = timer.during(slot, 4, () => spin(word));
        expect(took).toBeGreaterThanOrEqual(1.9);
        expect(took).toBeLessThan(1000);
        expect(Atomics.load(other, 0)).toBe(0);
      }
    }
    // It is set again while the slice goes on.
    const again = timer.during(first, 4, () => {
      Atomics.store(words[0], 0, 0);
      return spin(words[0]);
    });
    expect(again).toBeLessThan(1000);
  });

  it('does not keep Node alive', async () => {
    const bytes = transform(await parseText('(module (func (export "_start") (loop $l (br $l))))'), {
      yields: 'epoch',
    }).bytes;
    const program = `
      import { Store } from ${JSON.stringify(new URL('../../continuations/index.ts', import.meta.url).href)};
      import { Process } from ${JSON.stringify(new URL('index.ts', import.meta.url).href)};
      const module = new WebAssembly.Module(Uint8Array.from(${JSON.stringify([...bytes])}));
      const guest = Process.instantiate(new Store(), module);
      guest.start();
      setTimeout(() => guest.kill('SIGTERM'), 50);
      guest.wait().then(({ signal }) => console.log(signal));`;
    const done = spawnSync(host.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect(done).toMatchObject({ stdout: '15\n', status: 0 });
  });
});
