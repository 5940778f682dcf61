import { describe, expect, it } from 'vitest';
import { type Linking, transform } from '../../asyncify/index.ts';
import { ExhaustionError, Store, type StoreOptions } from '../../continuations/index.ts';
import { parseText } from '../runner/index.ts';
import { LINKINGS } from './outcome.ts';

const RESUME_TO_THE_END = `
  (block $first (result (ref $rest))
    (return (resume $cont (on $yield $first) (local.get $n) (cont.new $cont (ref.func $recurse)))))
  (local.set $k)
  (loop $again
    (global.set $suspensions (i32.add (global.get $suspensions) (i32.const 1)))
    (block $next (result (ref $rest)) (return (resume $rest (on $yield $next) (local.get $k))))
    (local.set $k)
    (br $again))
  (unreachable)`;

/** A function that calls itself, suspends on the way at every thousandth call, and the loop that resumes it. */
const recursion = (atEnd: string): string => `(module
  (type $body (func (param i32) (result i64))) (type $cont (cont $body))
  (type $resumed (func (result i64))) (type $rest (cont $resumed))
  (tag $yield)
  (global $depth (export "depth") (mut i32) (i32.const 0))
  (global $suspensions (export "suspensions") (mut i32) (i32.const 0))
  (elem declare func $recurse)
  (func $recurse (param $n i32) (result i64)
    ${atEnd}
    (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
    (if (i32.eqz (i32.rem_u (global.get $depth) (i32.const 1000))) (then (suspend $yield)))
    (i64.add (i64.extend_i32_u (local.get $n)) (call $recurse (i32.sub (local.get $n) (i32.const 1)))))
  (func (export "run") (param $n i32) (result i64) (local $k (ref null $rest)) ${RESUME_TO_THE_END}))`;

const ENDING = recursion('(if (i32.eqz (local.get $n)) (then (return (i64.const 0))))');
const RUNAWAY = recursion('');

interface Recursion {
  readonly run: (n: number) => bigint;
  readonly depth: WebAssembly.Global<'i32'>;
  readonly suspensions: WebAssembly.Global<'i32'>;
}

async function load(text: string, linking: Linking, options?: StoreOptions): Promise<Recursion> {
  const { bytes } = transform(new Uint8Array(await parseText(text)), { linking });
  return new Store(options).instantiate(new WebAssembly.Module(bytes)).exports as unknown as Recursion;
}

describe.each(LINKINGS)('recursion that suspends on the way, %s', (linking) => {
  it('returns all the way from 1,000,000 calls', async () => {
    const { run, suspensions } = await load(ENDING, linking);
    expect(run(1_000_000)).toBe(500_000_500_000n);
    expect(suspensions.value).toBe(1000);
  });

  it('is as deep as the limit allows', async () => {
    const { run } = await load(ENDING, linking, { frameLimit: 5000 });
    // The frame of the last call that suspends counts.
    expect(run(5000)).toBe(12_502_500n);
    expect(() => run(7000)).toThrow(ExhaustionError);
    expect(run(5000)).toBe(12_502_500n);
  });

  it('ends with Exhaustion where it never ends', async () => {
    const { run, depth } = await load(RUNAWAY, linking, { frameLimit: 100_000 });
    for (let time = 1; time <= 3; time++) {
      expect(() => run(0)).toThrow(ExhaustionError);
      expect(depth.value).toBe(101_000 * time);
    }
  });

  it('ends with Exhaustion at the default limit, the process alive', async () => {
    const { run, depth } = await load(RUNAWAY, linking);
    expect(() => run(0)).toThrow(ExhaustionError);
    expect(depth.value).toBe(1_049_000);
  });
});
