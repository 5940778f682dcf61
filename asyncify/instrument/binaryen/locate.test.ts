import binaryen from 'binaryen';
import { describe, expect, it } from 'vitest';
import { decode } from '../../binary/index.ts';
import { RefusedError } from '../../errors.ts';
import { LINKED_BRAND } from '../../lower/brand.ts';
import { hostOf } from '../../transform.ts';
import { validate } from '../../validate/index.ts';
import { analyse } from '../analysis.ts';
import { lowerWork } from '../work/lower.ts';
import { assemble, Guest, WAYS, type Way } from './guest.test-data.ts';
import { Instrumenter, withNames } from './instrument.ts';
import { runAsyncify } from './pass.ts';

/** Binaryen, which refuses to read anything that has these bytes in it. */
function stumblingAt(marker: readonly number[]): typeof binaryen {
  const readBinary = (...args: Parameters<typeof binaryen.readBinary>) => {
    const text = args[0].join();
    if (text.includes(marker.join())) throw new Error('no such thing');
    return binaryen.readBinary(...args);
  };
  return new Proxy(binaryen, {
    get: (target, name, self) => (name === 'readBinary' ? readBinary : Reflect.get(target, name, self)),
  });
}

async function failure(text: string, marker: readonly number[]): Promise<{ error: RefusedError; bytes: Uint8Array }> {
  const bytes = await assemble(text);
  const lowered = lowerWork(validate(withNames(decode(bytes))), { poll: 'fuel', linking: 'closed', references: false });
  const { info } = lowered;
  const host = hostOf(info, { suspending: [] }, lowered.points);
  const prepared = new Instrumenter(info, analyse(info, 'closed', host), host, {
    poll: 'fuel',
    epochWord: 'global',
    brand: LINKED_BRAND,
  }).run();
  try {
    runAsyncify(stumblingAt(marker), prepared, { optimizeLevel: 0, shrinkLevel: 0, onStep: () => {} });
  } catch (error) {
    expect(error).toBeInstanceOf(RefusedError);
    return { error: error as RefusedError, bytes };
  }
  throw new Error('it did not fail');
}

/** `i32.const 0x1234567`. */
const CONST = [0x41, 0xe7, 0x8a, 0x8d, 0x09];

describe('a failure of Binaryen names', () => {
  it.each([
    ['a function that is left alone', ''],
    ['an instrumented function', '(loop $l (br_if $l (i32.const 0)))'],
  ])('the instruction, in %s', async (_, loop) => {
    const { error, bytes } = await failure(
      `(module (import "a" "b" (func)) (func) (func ${loop} nop
        (if (i32.const 1) (then (block (result i32) (drop (i32.const 0x1234567)) (i32.const 0)) (drop)) (else nop)))
        (func (drop (i32.const 1))))`,
      CONST,
    );
    const offset = bytes.join().split(CONST.join())[0]?.split(',').length ?? 0;
    const { funcs } = decode(bytes);
    const instr = funcs[1]?.body.find((each) => each.op === 'i32.const' && each.i32 === 0x1234567);
    expect(offset - 1).toBe(instr?.at);
    expect(error).toMatchObject({ offset: instr?.at, func: 2, instruction: 'i32.const' });
    expect(error.message).toBe(
      `Binaryen's Asyncify pass failed: no such thing (at byte ${instr?.at}, function 2, i32.const)`,
    );
  });

  it('the second of two instructions that it does not take together', async () => {
    const { error, bytes } = await failure(
      '(module (func (drop (i32.const 0x1234567)) (drop (i32.const 0x1234567))))',
      [...CONST, 0x1a, ...CONST],
    );
    const instr = decode(bytes).funcs[0]?.body.findLast(({ op }) => op === 'i32.const');
    expect(error).toMatchObject({ offset: instr?.at, func: 0, instruction: 'i32.const' });
  });

  it('nothing where it is in no function', async () => {
    const { error } = await failure('(module (memory 1) (data "\\41\\e7\\8a\\8d\\09") (func))', CONST);
    expect(error).toMatchObject({ offset: 0, func: undefined, instruction: undefined });
    expect(error.message).toBe("Binaryen's Asyncify pass failed: no such thing (at byte 0)");
  });
});

describe.each<Way>(WAYS)('what Binaryen stumbles at, %s', (way) => {
  it('is a declarative segment that is named in code', async () => {
    const text = `(module (table 1 funcref) (elem $e declare func $f)
      (func $f (export "f") (result funcref) (elem.drop $e) (ref.func $f))
      (func (export "none") (table.init $e (i32.const 0) (i32.const 0) (i32.const 0)))
      (func (export "one") (table.init $e (i32.const 0) (i32.const 0) (i32.const 1))))`;
    const { exports } = await Guest.make(way, text);
    expect((exports.f as () => unknown)()).toBe(exports.f);
    expect((exports.none as () => unknown)()).toBeUndefined();
    expect(exports.one).toThrow(WebAssembly.RuntimeError);
  });

  it('are calls that give references of several types of the module', async () => {
    const text = `(module (type $a (struct (field i32))) (type $b (struct (field i64)))
      (type $i (func (param i32) (result (ref null $b)))) (table funcref (elem $b))
      (func $a (result i32 (ref null $a)) (i32.const 1) (struct.new $a (i32.const 20)))
      (func $b (type $i) (struct.new $b (i64.extend_i32_s (local.get 0))))
      (func (export "run") (param $n i32) (result i32)
        (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (i32.add (struct.get $a 0 (call $a)))
        (i32.add (i32.wrap_i64 (struct.get $b 0 (call $b (i32.const 300)))))))`;
    const guest = await Guest.make(way, text);
    expect(guest.run('run', [5])).toBe(321);
    expect(guest.yields).toBe(4);
  });
});

it('leaves Binaryen usable', async () => {
  await failure('(module (func (drop (i32.const 0x1234567))))', CONST);
  const { exports } = await Guest.make('binaryen -O2', '(module (func (export "f") (result i32) (i32.const 7)))');
  expect((exports.f as () => number)()).toBe(7);
});
