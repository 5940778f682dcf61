import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type BinaryenInstrumenter, loadBinaryen, type TransformOptions, transform } from '../../asyncify/index.ts';
import { HOST_EXPORTS } from '../../asyncify/lower/interface.ts';
import { Store } from '../../continuations/index.ts';
import { parseText } from '../../spec-tests/runner/index.ts';
import { assemble, DIGEST, digest, launchModule, SIGUSR1, SUSPENDING } from './guests.test-data.ts';
import { Process, ProcessError, RemoteProcess } from './index.ts';

const HANDLER = `(func $h (param $n i32) (call $call (i32.const 0))) (elem (table $handlers) (i32.const 2) func $h)`;
const INSTALL = '(call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0))';
const SPIN = `${HANDLER} (func (export "_start") ${INSTALL} (call $log (i32.const 0)) (loop $l (br $l)))`;
const COMPUTE = `${HANDLER} ${DIGEST} (func (export "_start") (result i32) ${INSTALL} (call $digest (i32.const 100000000)))`;

let binaryen: BinaryenInstrumenter;
beforeAll(async () => {
  binaryen = await loadBinaryen();
});

const options = { yields: 'epoch', suspending: SUSPENDING } as const satisfies TransformOptions;
const WAYS = {
  'frames, closed': (source) => transform(source, { ...options, linking: 'closed' }).bytes,
  'frames, linked': (source) => transform(source, { ...options, linking: 'linked' }).bytes,
  binaryen: (source) => binaryen.transform(source, options).bytes,
} satisfies Record<string, (source: Uint8Array) => Uint8Array<ArrayBuffer>>;
type Way = keyof typeof WAYS;

const compile = async (text: string, way: Way = 'frames, closed') =>
  new WebAssembly.Module(WAYS[way](await assemble(text)));
const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const kindOf = (run: () => unknown): unknown => {
  try {
    run();
    return null;
  } catch (error) {
    return error instanceof ProcessError ? error.kind : error;
  }
};

describe.each(Object.keys(WAYS) as Way[])('a guest with epoch polls on the main thread, %s', (way) => {
  it('has its handler run soon while it spins', async () => {
    const latencies: number[] = [];
    let sent = 0;
    const { process, log } = launchModule(await compile(SPIN, way), {
      call: () => void latencies.push(performance.now() - sent),
    });
    process.start();
    await expect.poll(() => log, { interval: 1 }).toEqual([0]);
    for (let round = 0; round < 20; round++) {
      // The time it is sent at is when a timer was due: it may have been due while the guest ran.
      sent = performance.now() + 3;
      await wait(3);
      process.kill(SIGUSR1);
      await expect.poll(() => latencies.length, { interval: 1 }).toBe(round + 1);
    }
    process.kill('SIGKILL');
    expect(await process.wait()).toEqual({ kind: 'signaled', signal: 9 });
    latencies.sort((a, b) => a - b);
    expect(latencies[10]).toBeLessThan(20);
  });

  it('lets timers run while it computes, and computes the same', async () => {
    let ticks = 0;
    let handled = 0;
    const { process } = launchModule(await compile(COMPUTE, way), { call: () => void handled++ });
    const timer = setInterval(() => {
      ticks++;
      process.kill(SIGUSR1);
    }, 1);
    process.start();
    const status = await process.wait();
    clearInterval(timer);
    expect(status).toEqual({ kind: 'exited', status: 0, results: [digest(100_000_000)] });
    expect(ticks).toBeGreaterThan(2);
    expect(handled).toBeGreaterThan(2);
  });
});

describe('epoch polls', () => {
  it('share a word between the linked modules of a store', async () => {
    const library = '(module (func (export "forever") (loop $l (br $l))))';
    const main = `(module (import "lib" "forever" (func $forever)) (memory 1)
      (func (export "_start") (if (i32.eqz (i32.load (i32.const 0))) (then (call $forever)))))`;
    const compiled = async (text: string) =>
      new WebAssembly.Module(transform(await parseText(text), { ...options, linking: 'linked' }).bytes);
    const store = new Store();
    const { exports } = store.instantiate(await compiled(library));
    const process = Process.instantiate(store, await compiled(main), { lib: exports });
    process.start();
    await wait(30);
    process.kill('SIGTERM');
    expect(await process.wait()).toEqual({ kind: 'signaled', signal: 15 });
  });

  it('leave the indices of memories, with names, data and segments, as they have to be', async () => {
    const text = `(module
      (import "env" "imported" (memory $a 1))
      (memory $b (export "b") 1) (memory $c (export "c") 2)
      (data (memory $b) (i32.const 8) "\\01") (data (memory $c) (i32.const 8) "\\02") (data $p "\\07")
      (func (export "_start") (result i32 i32 i32 i32 i32)
        (loop $l (memory.init $c $p (i32.const 9) (i32.const 0) (i32.const 1))
          (memory.copy $b $c (i32.const 16) (i32.const 8) (i32.const 2))
          (br_if $l (i32.eqz (i32.load8_u $b (i32.const 17)))))
        (memory.fill $a (i32.const 1) (i32.const 9) (i32.const 1))
        (i32.load8_u $a (i32.const 1)) (i32.load16_u $b (i32.const 16)) (i32.load8_u $c (i32.const 8))
        (memory.size $c) (memory.grow $b (i32.const 1))))`;
    for (const linking of ['closed', 'linked'] as const) {
      const { bytes } = transform(await parseText(text), { ...options, linking });
      const imported = new WebAssembly.Memory({ initial: 1 });
      const module = new WebAssembly.Module(bytes);
      const process = Process.instantiate(new Store(), module, { env: { imported } });
      process.start();
      expect(await process.wait()).toEqual({ kind: 'exited', status: 0, results: [9, 0x0702, 2, 2, 1] });
    }
  });

  it('end slices after about their time', async () => {
    const { process } = launchModule(await compile(SPIN), { slice: 10 });
    await process.ready();
    const times: number[] = [];
    for (let slice = 0; slice < 20; slice++) {
      const begun = performance.now();
      expect(process.run()).toEqual({ finished: false, pause: 'yielded' });
      times.push(performance.now() - begun);
    }
    times.sort((a, b) => a - b);
    expect(times[0]).toBeGreaterThanOrEqual(4.9);
    expect(times[10]).toBeLessThan(30);
  });

  it('end slices within slices, each after its own time', async () => {
    const inner = launchModule(await compile(SPIN), { slice: 4 }).process;
    await inner.ready();
    const pauses: string[] = [];
    const outer = launchModule(await compile('(func (export "_start") (call $call (i32.const 0)) (loop $l (br $l)))'), {
      call: () => void pauses.push(inner.run().pause, inner.run().pause),
    }).process;
    await outer.ready();
    pauses.push(outer.run().pause);
    expect(pauses).toEqual(['yielded', 'yielded', 'yielded']);
  });

  it('cannot be counted, and need their timer', async () => {
    const { process } = launchModule(await compile(SPIN));
    expect(kindOf(() => process.run({ fuel: 1 }))).toBe('no-fuel');
    expect(kindOf(() => process.run())).toBe('no-timer');
    await process.ready();
    expect(process.run().pause).toBe('yielded');
    const whole = launchModule(await compile('(func (export "_start") (result i32) (call $wait (i32.const 0)))'), {
      slice: Number.POSITIVE_INFINITY,
    });
    expect(whole.process.run().pause).toBe('blocked');
    whole.answer(3);
    expect(whole.process.run().pause).toBe('ended');
  });

  it('of a word in a global are set by imports', async () => {
    const source = await assemble(
      `${HANDLER} (func (export "_start") ${INSTALL} (call $call (i32.const 0)) (loop $l (br $l)))`,
    );
    const { bytes } = transform(source, { ...options, linking: 'closed', epochWord: 'global' });
    const module = new WebAssembly.Module(bytes);
    expect(WebAssembly.Module.exports(module).map(({ name }) => name)).not.toContain(HOST_EXPORTS.epochMemory);
    const { process } = launchModule(module, {
      call: (_, { exports }) => {
        (exports[HOST_EXPORTS.epoch] as WebAssembly.Global).value = 1;
      },
    });
    expect(process.run()).toEqual({ finished: false, pause: 'yielded' });
    process.kill('SIGTERM');
    expect(process.status).toEqual({ kind: 'signaled', signal: 15 });
  });

  it('refuse slices that are no time', () => {
    for (const slice of [0, -1, Number.NaN]) expect(() => new Process({ slice })).toThrow(RangeError);
  });
});

describe('shared memory', () => {
  it('that the host does not have is missed at instantiation', async () => {
    const shared = await compile(SPIN);
    const global = transform(await assemble(SPIN), { ...options, epochWord: 'global' }).bytes;
    const env = { log: () => {}, call: () => {}, wait: () => 0 };
    vi.stubGlobal('SharedArrayBuffer', undefined);
    try {
      expect(kindOf(() => Process.instantiate(new Store(), shared, { env }))).toBe('no-shared-memory');
      expect(kindOf(() => new RemoteProcess())).toBe('no-shared-memory');
      expect(kindOf(() => Process.instantiate(new Store(), new WebAssembly.Module(global), { env }))).toBe(null);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it('that is not shared is refused at instantiation', async () => {
    const module = await compile(SPIN);
    const { exports } = launchModule(module);
    const memory = new WebAssembly.Memory({ initial: 1 });
    const instance = { exports: { ...exports, [HOST_EXPORTS.epochMemory]: memory } };
    expect(kindOf(() => new Process().attach(module, instance))).toBe('not-shared');
  });
});
