import { describe, expect, it } from 'vitest';
import { transform } from '../../asyncify/index.ts';
import { type Imports, Store } from '../../continuations/index.ts';
import { parseText } from '../../spec-tests/runner/index.ts';
import {
  type BlockingCall,
  type ExitStatus,
  Process,
  signalImports,
  suspendingImport,
  suspendingImports,
} from './index.ts';

/** A guest whose imports wait, with exports that the host calls meanwhile. */
const source = await parseText(`(module
  (import "host" "outer" (func $outer (result i32)))
  (import "host" "inner" (func $inner (result i32)))
  (import "host" "sync" (func $sync (result i32)))
  (memory (export "memory") 1)
  (func (export "nested") (result i32) (i32.add (call $inner) (i32.const 300)))
  (func (export "trap") (result i32) (drop (call $inner)) unreachable)
  (func (export "compute") (result i32) (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 300000)))) (local.get $i))
  (func (export "outerOnly") (result i32) (call $outer))
  (func (export "outerThenInner") (result i32)
    (block $caught (drop (try_table (result i32) (catch_all $caught) (call $outer))))
    (call $inner))
  (func (export "syncThenWait") (result i32) (i32.add (call $sync) (call $inner)))
  (func (export "twice") (result i32) (i32.add (call $outer) (call $outer))))`);

type Guest = Readonly<Record<string, () => number>>;
type Functions = (
  self: Process,
  guest: () => Guest,
  imports: Guest,
) => Partial<Record<'outer' | 'inner' | 'sync', () => unknown>>;
const later = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const answered = (value: number, cancelled: () => void = () => {}): BlockingCall => ({
  start: (done) => {
    const timer = setTimeout(done, 2, value);
    return () => {
      clearTimeout(timer);
      cancelled();
    };
  },
  interrupted: () => -4,
});
const kindOf = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return (error as { kind?: string }).kind ?? (error as Error).message;
  }
};

describe.each(['closed', 'linked'] as const)('%s', (linking) => {
  describe.each(['fuel', 'epoch', 'none'] as const)('imports that wait and call the guest, polls: %s', (yields) => {
    const { bytes } = transform(source, {
      linking,
      yields,
      suspending: [...suspendingImports, 'host.outer', 'host.inner'],
    });
    const module = new WebAssembly.Module(bytes);

    async function run(entry: string, functions: Functions): Promise<ExitStatus> {
      const self = new Process({ entry });
      let exports: Guest = {};
      const host: Record<string, () => unknown> = {
        outer: () => 1,
        inner: () => self.block('host.inner', answered(20)),
        sync: () => 1,
      };
      Object.assign(
        host,
        functions(self, () => exports, host as Guest),
      );
      const imports: Imports = { ...signalImports(self), host };
      const linked = new Store().instantiate(module, imports);
      exports = linked.exports as Guest;
      self.attach(module, linked.instance);
      self.start();
      return self.wait();
    }

    it('can wait after a nested wait was refused', async () => {
      const seen: unknown[] = [];
      const status = await run('twice', (self, guest) => ({
        outer: () => {
          seen.push(
            kindOf(() => guest().nested?.()),
            kindOf(() => guest().trap?.()),
          );
          return self.block('host.outer', answered(7));
        },
      }));
      expect(status).toEqual({ kind: 'exited', status: 0, results: [14] });
      expect(seen).toEqual(Array(4).fill('cannot-suspend'));
    });

    it('can have it refused while they begin to wait, and when they have', async () => {
      const seen: unknown[] = [];
      const status = await run('twice', (self, guest) => ({
        outer: suspendingImport(
          self,
          'host.outer',
          async () => {
            seen.push(
              kindOf(() => guest().nested?.()),
              guest().compute?.(),
            );
            await later(2);
            seen.push(
              kindOf(() => guest().nested?.()),
              guest().compute?.(),
            );
            return 7;
          },
          { interrupted: -4 },
        ),
      }));
      expect(status).toEqual({ kind: 'exited', status: 0, results: [14] });
      expect(seen).toEqual([...Array(2).fill(['cannot-suspend', 300_000, 'state', 300_000]).flat()]);
    });

    it('are refused a second wait in one call, and keep the first', async () => {
      let cancelled = 0;
      let again: unknown;
      const status = await run('outerOnly', (self) => ({
        outer: () => {
          const result = self.block('host.outer', answered(5));
          again = kindOf(() =>
            self.block(
              'host.outer',
              answered(6, () => cancelled++),
            ),
          );
          return result;
        },
      }));
      expect(status).toEqual({ kind: 'exited', status: 0, results: [5] });
      expect([again, cancelled]).toEqual(['state', 0]);
    });

    it('that ask to wait and call the guest then wait for what they asked for', async () => {
      const seen: unknown[] = [];
      const status = await run('twice', (self, guest) => ({
        outer: () => {
          const result = self.block('host.outer', answered(5));
          seen.push(
            kindOf(() => guest().nested?.()),
            kindOf(() => guest().trap?.()),
            guest().compute?.(),
          );
          return result;
        },
      }));
      expect(status).toEqual({ kind: 'exited', status: 0, results: [10] });
      expect(seen).toEqual([...Array(2).fill(['cannot-suspend', 'cannot-suspend', 300_000]).flat()]);
    });

    it('that ask to wait and throw do not wait, then or later', async () => {
      let cancelled = 0;
      const status = await run('outerThenInner', (self) => ({
        outer: () => {
          self.block(
            'host.outer',
            answered(5, () => cancelled++),
          );
          throw new Error('after that');
        },
        // Has its result at once: nothing is to be suspended.
        inner: () => 21,
      }));
      expect(status).toEqual({ kind: 'exited', status: 0, results: [21] });
      expect(cancelled).toBe(1);
    });

    it('leave others as they are whose names are used where they are not called', async () => {
      let seen: unknown;
      const status = await run('syncThenWait', (self, guest) => ({
        sync: () => {
          seen = [kindOf(() => self.block('host.inner', answered(1))), kindOf(() => guest().nested?.())];
          return 2;
        },
      }));
      expect(status).toEqual({ kind: 'exited', status: 0, results: [22] });
      expect(seen).toEqual(['cannot-suspend', 'cannot-suspend']);
    });

    it('of another instance are not taken for those of the process', async () => {
      let seen: unknown;
      const status = await run('twice', (self, _guest, host) => ({
        outer: () => {
          const other = new Store().instantiate(module, { ...signalImports(self), host }).exports as Guest;
          seen = kindOf(() => other.nested?.());
          return self.block('host.outer', answered(4));
        },
      }));
      expect(status).toEqual({ kind: 'exited', status: 0, results: [8] });
      expect(seen).toBe('cannot-suspend');
    });

    it('leave a process as it is that they cannot run, suspend or resume', async () => {
      const seen: unknown[] = [];
      const status = await run('outerOnly', (self) => ({
        outer: () => {
          for (const act of [
            () => self.run(),
            () => self.start(),
            () => self.suspend(),
            () => self.fresh('compute').resume(),
            () => self.run({ fuel: 5 }),
          ]) {
            seen.push(kindOf(act));
          }
          return self.block('host.outer', answered(4));
        },
      }));
      expect(status).toEqual({ kind: 'exited', status: 0, results: [4] });
      expect(seen).toEqual(Array(5).fill('state'));
    });

    it('may run another process, which waits for itself', async () => {
      const status = await run('twice', (self) => ({
        outer: () => {
          const inner = Process.instantiate(
            new Store(),
            module,
            (other) => ({
              host: { outer: () => other.block('host.outer', answered(1)), inner: () => 0, sync: () => 0 },
            }),
            { entry: 'outerOnly', slice: Number.POSITIVE_INFINITY },
          );
          expect(inner.run().pause).toBe('blocked');
          return self.block('host.outer', answered(4));
        },
      }));
      expect(status).toEqual({ kind: 'exited', status: 0, results: [8] });
    });
  });
});
