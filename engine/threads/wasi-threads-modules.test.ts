import { describe, expect, it } from 'vitest';
import { decode, RefusedError, transformWithBinaryen } from '../../asyncify/index.ts';
import { Store } from '../../continuations/index.ts';
import { parseText } from '../../spec-tests/runner/index.ts';
import type { Process } from '../process/index.ts';
import { DeadlockError, Scheduler } from '../scheduler/index.ts';
import { Threads } from './index.ts';
import { COUNTER, compile, type GuestOptions, guest, play } from './wasi-threads.test-data.ts';

const exited = { kind: 'exited', status: 0, results: [] };
const word = ({ process }: { process: Process }, address: number): number | undefined =>
  process.guest.memory?.view(address as never, 4).getInt32(0, true);

describe('what a module needs', () => {
  const instantiate = async (text: string, options: GuestOptions = {}): Promise<unknown> => {
    const module = await compile(text, options);
    const imports = { env: { log: () => {}, now: () => 0, exit: () => {} } };
    return Threads.instantiate(new Scheduler(), new Store(), module, imports);
  };

  it.each([
    [
      'no thread to start',
      '(module (import "env" "memory" (memory 1 1 shared)) (import "wasi" "thread-spawn" (func (param i32) (result i32))) (func (export "_start")))',
      { kind: 'no-entry', message: 'the guest imports "thread-spawn" and exports no function "wasi_thread_start"' },
    ],
    [
      'no memory to share',
      `(module (import "wasi" "thread-spawn" (func (param i32) (result i32))) (memory 1 1 shared)
        (func (export "_start")) (func (export "wasi_thread_start") (param i32 i32)))`,
      { kind: 'no-memory', message: 'the guest imports "thread-spawn" and no memory that its threads could share' },
    ],
  ])('is refused: %s', async (_, text, error) => {
    await expect(instantiate(text)).rejects.toMatchObject({ name: 'ProcessError', ...error });
  });

  it('is that its waits do not block all threads', async () => {
    await expect(instantiate(COUNTER, { atomicWaits: 'native' })).rejects.toMatchObject({
      name: 'ProcessError',
      kind: 'not-suspending',
      message:
        'the guest imports "thread-spawn" and has atomic waits, which would block all its threads: transform it with atomicWaits "suspending"',
    });
  });

  it('is a memory of its own, where the host gives none', async () => {
    const hosted = await play(guest('(i32.store (i32.const 20) (i32.const 6))', ''));
    expect(word(hosted, 20)).toBe(6);
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 3, shared: true });
    const given = await play(guest('(i32.store (i32.const 20) (i32.const 6))', ''), { imports: { env: { memory } } });
    expect(word(given, 20)).toBe(6);
    expect(new Int32Array(memory.buffer)[5]).toBe(6);
  });

  it('is no shared memory where it was made plain: hosts without any can run it', async () => {
    const original = globalThis.SharedArrayBuffer;
    try {
      // @ts-expect-error: it is not optional where it is there
      delete globalThis.SharedArrayBuffer;
      expect((await play(COUNTER, { sharedMemories: 'plain' })).log).toEqual([2000]);
      await expect(instantiate(COUNTER)).rejects.toMatchObject({ name: 'ProcessError', kind: 'no-shared-memory' });
    } finally {
      globalThis.SharedArrayBuffer = original;
    }
  });

  it('is that start functions run in their threads, and wait as others do', async () => {
    const text = (start: string): string =>
      guest(
        '(call $spawned (i32.const 0)) (call $join (i32.const 1))',
        '(call $out)',
        `(func $first ${start}) (start $first)`,
      );
    // As linkers make them: the first instance sets the memory up, the others would wait for it.
    const sound = `(if (i32.atomic.rmw.cmpxchg (i32.const 64) (i32.const 0) (i32.const 1))
      (then (if (i32.eq (i32.atomic.load (i32.const 64)) (i32.const 1)) (then
        (drop (memory.atomic.wait32 (i32.const 64) (i32.const 1) (i64.const -1))))))
      (else (i32.atomic.store (i32.const 64) (i32.const 2)) (drop (memory.atomic.notify (i32.const 64) (i32.const -1)))))`;
    expect((await play(text(sound))).process.status).toEqual(exited);
    const waiting = (timeout: number): string =>
      text(`(call $log (memory.atomic.wait32 (i32.const 128) (i32.const 0) (i64.const ${timeout})))`);
    // 2: its time was up; once in each instance.
    const played = await play(waiting(1_000_000));
    expect(played.process.status).toEqual(exited);
    expect(played.log.filter((value) => value === 2)).toHaveLength(2);
    await expect(play(waiting(-1))).rejects.toThrow(DeadlockError);
    // A trap in one of them ends the process.
    const trapping = `(if (i32.atomic.rmw.add (i32.const 64) (i32.const 1)) (then unreachable))`;
    expect((await play(text(trapping))).process.status).toMatchObject({
      kind: 'failed',
      error: { message: 'unreachable' },
    });
  });

  it('is of Binaryen that a function that waits does nothing the pass cannot do', async () => {
    const source = await parseText(guest('', '(call $lock (i32.const 4)) (return_call $lock_contended (i32.const 8))'));
    const options = { yields: 'fuel', suspending: [], atomicWaits: 'suspending' } as const;
    const body = decode(source).funcs.at(-1)?.body;
    const offset = body?.find(({ op }) => op === 'return_call')?.at;
    const refused = await transformWithBinaryen(source, options).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RefusedError);
    expect(refused).toMatchObject({
      reason: 'Asyncify cannot do tail calls in a function that may suspend',
      offset,
      func: 14,
      instruction: 'return_call',
    });
  });
});
