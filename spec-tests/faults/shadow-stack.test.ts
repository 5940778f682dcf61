import { expect, it } from 'vitest';
import { transform } from '../../asyncify/index.ts';
import { InvariantChecker, InvariantError } from '../../continuations/checks.ts';
import { Store } from '../../continuations/index.ts';
import { Process } from '../../engine/process/index.ts';
import { parseText } from '../runner/index.ts';

/** Sends itself SIGUSR1, whose handler leaves the stack pointer that many bytes lower than it was. */
const guest = (bytes: number): string => `(module
  (import "bobbin:signal" "sigaction" (func $sigaction (param i32 i32 i32) (result i32)))
  (import "bobbin:signal" "raise" (func $raise (param i32) (result i32)))
  (memory (export "memory") 1)
  (table (export "__indirect_function_table") 4 funcref)
  (global $sp (export "__stack_pointer") (mut i32) (i32.const 32768))
  (type $handler (func (param i32)))
  (func $handler (type $handler) (global.set $sp (i32.sub (global.get $sp) (i32.const ${bytes}))))
  (elem (i32.const 2) func $handler)
  (func (export "__bobbin_signal") (param i32 i32 i32 i32 i32)
    (call_indirect (type $handler) (local.get 1) (local.get 0)))
  (func (export "_start") (local $i i32)
    (i32.store (i32.const 16) (i32.const 2))
    (drop (call $sigaction (i32.const 10) (i32.const 16) (i32.const 0)))
    (drop (call $raise (i32.const 10)))
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))))`;

async function run(bytes: number) {
  const options = { yields: 'fuel', suspending: ['bobbin:signal.*'], checks: true } as const;
  const module = new WebAssembly.Module(transform(await parseText(guest(bytes)), options).bytes);
  const checker = new InvariantChecker();
  const process = Process.instantiate(new Store({ checks: checker }), module);
  process.run({ fuel: 10_000 });
  return { checker, status: process.status };
}

it('a handler that restores the stack pointer is let through', async () => {
  const { checker, status } = await run(0);
  expect(status).toMatchObject({ kind: 'exited', status: 0 });
  expect(checker.violation).toBe(null);
});

it('a handler that does not is found', async () => {
  const { checker, status } = await run(16);
  expect(status).toMatchObject({ kind: 'failed', error: { invariant: 'shadow-stack' } });
  expect(checker.violation).toBeInstanceOf(InvariantError);
});
