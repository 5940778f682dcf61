import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { importsOf } from '../../binary/module.ts';
import { check } from '../../validate/wat.test-data.ts';
import { hostCalls } from './find.ts';

/** A minified module: `$x` is an import that is used as LLVM uses `invoke_vi`, at as many places as are given, or as they say. */
function minified(sites: readonly string[], changes: Partial<Parts> = {}): string {
  const parts: Parts = {
    importType: '(param i32 i32)',
    setThrew: SET_THREW,
    more: '',
    ...changes,
  };
  return `
    (import "a" "a" (func $other (param i32 i32)))
    (import "a" "b" (func $x ${parts.importType}))
    (import "a" "c" (global $base i32))
    (memory 1)
    (table 8 funcref)
    (elem (i32.const 1) func $callee $unlike)
    (func $callee (param i32))
    (func $unlike (param f64))
    ${parts.setThrew}
    ${parts.more}
    ${sites.map((site) => `(func (export "${exported++}") (param $p i32) (result i32) (local $t i32) ${site} (local.get $t))`).join('\n')}`;
}
let exported = 0;

interface Parts {
  readonly importType: string;
  readonly setThrew: string;
  readonly more: string;
}

const SET_THREW = `(func (export "d") (param i32 i32)
  (if (i32.eqz (i32.load (i32.const 1024)))
    (then (i32.store (i32.const 1024) (local.get 0)) (i32.store (i32.const 1028) (local.get 1)))))`;
const CLEAR = '(i32.store (i32.const 1024) (i32.const 0))';
const TAKE = '(local.set $t (i32.load (i32.const 1024)))';
const CALL = '(call $x (i32.const 1) (local.get $p))';

/** What compilers and optimisers make of it. */
const LIKE = {
  plain: `${CLEAR} ${CALL} ${TAKE} ${CLEAR}`,
  'a base and an offset': `(i32.store offset=1000 (i32.const 24) (i32.const 0)) ${CALL}
    (local.set $t (i32.load offset=4 (i32.const 1020))) (i32.store offset=1024 (i32.const 0) (i32.const 0))`,
  'operands that are computed, and stores among them': `${CLEAR}
    (i32.store (local.get $p) (i32.mul (local.get $p) (i32.const 3)))
    (call $x (i32.const 1) (i32.add (i32.load (local.get $p)) (select (i32.const 1) (i32.const 2) (local.get $p))))
    ${TAKE} ${CLEAR}`,
  'a function that is not known before': `${CLEAR} (call $x (local.get $p) (i32.const 4)) ${TAKE} ${CLEAR}`,
  'two branches that clear, and a shared call': `(if (local.get $p)
      (then ${CLEAR} (i32.store (i32.const 8) (i32.const 1))) (else ${CLEAR}))
    ${CALL} ${TAKE} ${CLEAR}`,
  'two calls that share what is behind them': `(block $both
      (if (local.get $p) (then ${CLEAR} ${CALL} (br $both)))
      ${CLEAR} ${CALL})
    ${TAKE} ${CLEAR}`,
  'an if whose ends are shared': `(if (local.get $p) (then ${CLEAR} ${CALL}) (else ${CLEAR} (call $x (i32.const 1) (i32.const 3))))
    ${TAKE} ${CLEAR}`,
  'something else stored before it is cleared again': `${CLEAR} ${CALL} ${TAKE} (i32.store (i32.const 12) (local.get $t)) ${CLEAR}`,
} as const;

/** What looks like it and is not. */
const UNLIKE: Readonly<Record<string, string>> = {
  'nothing cleared before': `${CALL} ${TAKE} ${CLEAR}`,
  'another word cleared before': `(i32.store (i32.const 1028) (i32.const 0)) ${CALL} ${TAKE} ${CLEAR}`,
  'another value stored before': `(i32.store (i32.const 1024) (i32.const 1)) ${CALL} ${TAKE} ${CLEAR}`,
  'a narrower store before': `(i32.store8 (i32.const 1024) (i32.const 0)) ${CALL} ${TAKE} ${CLEAR}`,
  'another call in between': `${CLEAR} (call $other (i32.const 1) (i32.const 2)) ${CALL} ${TAKE} ${CLEAR}`,
  'the clearing and the call on two ways': `(if (local.get $p) (then ${CLEAR} (return (i32.const 0)))) ${CALL} ${TAKE} ${CLEAR}`,
  'a loop in between': `${CLEAR} (loop $l ${CALL} ${TAKE} (br_if $l (local.get $t))) ${CLEAR}`,
  'nothing read behind': `${CLEAR} ${CALL} ${CLEAR}`,
  'another word read behind': `${CLEAR} ${CALL} (local.set $t (i32.load (i32.const 1028))) ${CLEAR}`,
  'nothing cleared behind': `${CLEAR} ${CALL} ${TAKE}`,
  'cleared before it is read': `${CLEAR} ${CALL} ${CLEAR} ${TAKE}`,
  'a call before it is read': `${CLEAR} ${CALL} (call $other (i32.const 1) (i32.const 2)) ${TAKE} ${CLEAR}`,
  'a branch before it is cleared': `(block $b ${CLEAR} ${CALL} ${TAKE} (br_if $b (local.get $t)) ${CLEAR})`,
  'a function of another type': `${CLEAR} (call $x (i32.const 2) (local.get $p)) ${TAKE} ${CLEAR}`,
  'no function there': `${CLEAR} (call $x (i32.const 0) (local.get $p)) ${TAKE} ${CLEAR}`,
  'no table entry there': `${CLEAR} (call $x (i32.const 700) (local.get $p)) ${TAKE} ${CLEAR}`,
};

async function found(module: string, names?: readonly string[]): Promise<string[]> {
  const info = await check(module);
  const imports = importsOf(info.module, 'func');
  return hostCalls(info, names).map(({ func }) => {
    const { module: from, name } = imports[func] as (typeof imports)[number];
    return `${from}.${name}`;
  });
}

describe('imports that are used like invoke_*', () => {
  it.each(Object.entries(LIKE))('are found: %s', async (_, site) => {
    expect(await found(minified([site]))).toEqual(['a.b']);
  });

  it.each(Object.entries(UNLIKE))('are told from others: %s', async (_, site) => {
    expect(await found(minified([site]))).toEqual([]);
  });

  it('are all of their uses, however many there are', async () => {
    const like = fc.constantFrom<string[]>(...Object.values(LIKE));
    const unlike = fc.constantFrom<string[]>(...Object.values(UNLIKE));
    await fc.assert(
      fc.asyncProperty(fc.array(like, { minLength: 1 }), fc.option(unlike), fc.nat(), async (sites, odd, place) => {
        expect(await found(minified(sites))).toEqual(['a.b']);
        if (odd !== null)
          expect(await found(minified(sites.toSpliced(place % (sites.length + 1), 0, odd)))).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ['none', ''],
    ['one that is not exported', SET_THREW.replace('(export "d")', '')],
    ['one that sets another word', SET_THREW.replaceAll('1024', '2048')],
    [
      'one that returns something',
      '(func (export "d") (param i32 i32) (result i32) (i32.store (i32.const 1024) (local.get 0)) (i32.const 0))',
    ],
    ['one with other parameters', '(func (export "d") (param i32 i64) (i32.store (i32.const 1024) (local.get 0)))'],
    [
      'one that stores its second parameter',
      '(func (export "d") (param i32 i32) (i32.store (i32.const 1024) (local.get 1)))',
    ],
    [
      'one that calls',
      `(func (export "d") (param i32 i32) (i32.store (i32.const 1024) (local.get 0)) (call $other (i32.const 0) (i32.const 0)))`,
    ],
  ])('need a setThrew: %s', async (_, setThrew) => {
    expect(await found(minified([LIKE.plain], { setThrew }))).toEqual([]);
  });

  it.each([
    ['named in a table', '(elem (i32.const 4) func $x)'],
    ['exported', '(export "e" (func $x))'],
    ['referenced', '(elem declare func $x) (func (drop (ref.func $x)))'],
    ['tail-called', '(func (return_call $x (i32.const 1) (i32.const 1)))'],
  ])('are only called: not %s', async (_, more) => {
    expect(await found(minified([LIKE.plain], { more }))).toEqual([]);
  });

  it('take an index first', async () => {
    const site = LIKE.plain.replaceAll('(call $x (i32.const 1)', '(call $x (f32.const 1)');
    expect(await found(minified([site], { importType: '(param f32 i32)' }))).toEqual([]);
  });

  it('have a word at an address that a library is given', async () => {
    const moved = (text: string): string => text.replaceAll('(i32.const 1024)', '(global.get $base)');
    expect(await found(minified([moved(LIKE.plain)], { setThrew: moved(SET_THREW) }))).toEqual(['a.b']);
    expect(await found(minified([LIKE.plain], { setThrew: moved(SET_THREW) }))).toEqual([]);
  });

  it('are called by functions of their own where they take halves of an i64', async () => {
    const halves = (index: string, callee: string): string => `
      (func $legal (param i32 i64) ${callee === '' ? '' : '(local i32)'}
        (call $x ${index} (i32.wrap_i64 (local.get 1)) (i32.wrap_i64 (i64.shr_u (local.get 1) (i64.const 32)))))
      (func $wide (param i64))
      (elem (i32.const 5) func $wide)
      ${callee}`;
    const dynCall = `(func (export "f") (param i32 i32 i32)
      (call_indirect (param i64) (i64.or (i64.extend_i32_u (local.get 1))
        (i64.shl (i64.extend_i32_u (local.get 2)) (i64.const 32))) (local.get 0)))`;
    const site = `${CLEAR} (call $legal (i32.const 5) (i64.const 1)) ${TAKE} ${CLEAR}`;
    const importType = '(param i32 i32 i32)';
    const known = { importType, more: halves('(i32.const 5)', dynCall) };
    expect(await found(minified([site], known))).toEqual(['a.b']);
    expect(await found(minified([site], { importType, more: halves('(local.get 0)', '') }))).toEqual(['a.b']);
    expect(await found(minified([site], { importType, more: halves('(i32.const 5)', '') }))).toEqual([]);
    expect(
      await found(
        minified(
          [
            site,
            UNLIKE['nothing read behind']?.replaceAll('$x', '$legal').replaceAll('local.get $p', 'i64.const 2') ?? '',
          ],
          known,
        ),
      ),
    ).toEqual([]);
  });
});

describe('imports that are named', () => {
  const named =
    '(import "env" "invoke_vii" (func (param i32 i32 i32))) (import "env" "invoke" (func (param i32))) (import "b" "invoke_v" (func (param i32)))';
  it('as Emscripten does', async () => {
    expect(await found(named)).toEqual(['env.invoke_vii']);
  });

  it('as is asked for', async () => {
    expect(await found(named, ['env.*'])).toEqual(['env.invoke_vii', 'env.invoke']);
    expect(await found(named, ['b.invoke_v', 'c.d'])).toEqual(['b.invoke_v']);
    expect(await found(named, [])).toEqual([]);
    expect(await found(minified([LIKE.plain]), [])).toEqual([]);
  });
});
