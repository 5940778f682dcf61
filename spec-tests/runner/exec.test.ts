import { describe, expect, it } from 'vitest';
import type { CommandResult } from './exec.ts';
import { runScript } from './exec.ts';
import { type Failure, type Mode, Tally } from './modes/mode.ts';
import { nativeMode } from './modes/native.ts';
import { parseScript } from './script.ts';

async function run(source: string, mode: Mode = nativeMode, printed: string[] = []): Promise<CommandResult[]> {
  const results: CommandResult[] = [];
  for await (const result of runScript(parseScript(source), mode, (line) => printed.push(line))) results.push(result);
  return results;
}

/** Runs a script whose first command is a module and returns whether each later command passed. */
async function outcomes(source: string, mode?: Mode): Promise<boolean[]> {
  const [first, ...rest] = await run(source, mode);
  expect(first).toMatchObject({ ok: true });
  return rest.map(({ ok }) => ok);
}

/** The native mode with failures of running classified by `classify`. */
function failingMode(classify: (failure: Failure) => Failure): Mode {
  return {
    name: 'test',
    createStore() {
      const store = nativeMode.createStore({ links: false }, new Tally());
      return { ...store, classify: (error, phase) => classify(store.classify(error, phase)) };
    },
  };
}

describe('assert_return', () => {
  const module = `(module
    (func (export "none"))
    (func (export "two") (result i32 i64) (i32.const 1) (i64.const -2))
    (func (export "id-f32") (param f32) (result f32) (local.get 0))
    (func (export "f32-bits") (param f32) (result i32) (i32.reinterpret_f32 (local.get 0)))
    (func (export "f64-nan") (result f64) (f64.const nan:0x4000000000001))
    (func (export "id-v128") (param i32 v128 f64) (result v128 f64 i32) (local.get 1) (local.get 2) (local.get 0))
    (func (export "trap") (unreachable))
    (global (export "g") (mut i32) (i32.const 7))
    (global (export "gv") (mut v128) (v128.const i32x4 1 2 3 4))
    (global (export "gn") f32 (f32.const nan:0x200000)))`;

  it('passes right expectations', async () => {
    const source = `${module}
      (assert_return (invoke "none"))
      (assert_return (invoke "two") (i32.const 1) (i64.const -2))
      (assert_return (invoke "id-f32" (f32.const -0)) (f32.const -0))
      (assert_return (invoke "id-f32" (f32.const nan:0x200000)) (f32.const nan:0x200000))
      (assert_return (invoke "f32-bits" (f32.const -nan:0x200000)) (i32.const 0xffa00000))
      (assert_return (invoke "f64-nan") (f64.const nan:0x4000000000001))
      (assert_return (invoke "id-v128" (i32.const 5) (v128.const i32x4 1 -2 3 -4) (f64.const 0.5))
        (v128.const i32x4 1 -2 3 -4) (f64.const 0.5) (i32.const 5))
      (assert_return (get "g") (i32.const 7))
      (assert_return (get "gv") (v128.const i32x4 1 2 3 4))
      (assert_return (get "gn") (f32.const nan:0x200000))`;
    expect(await outcomes(source)).toEqual(Array.from({ length: 10 }, () => true));
  });

  it.each([
    ['(invoke "none") (i32.const 0)'],
    ['(invoke "two")'],
    ['(invoke "two") (i32.const 1)'],
    ['(invoke "two") (i32.const 1) (i64.const 2)'],
    ['(invoke "two") (i64.const 1) (i64.const -2)'],
    ['(invoke "id-f32" (f32.const 0)) (f32.const -0)'],
    ['(invoke "id-f32" (f32.const 1)) (f32.const nan:canonical)'],
    ['(invoke "id-f32" (f32.const nan:0x200000)) (f32.const nan:canonical)'],
    ['(invoke "id-f32" (f32.const nan:0x200000)) (f32.const nan:arithmetic)'],
    ['(invoke "f64-nan") (f64.const nan:0x4000000000000)'],
    ['(invoke "f64-nan") (f64.const 0)'],
    [
      '(invoke "id-v128" (i32.const 5) (v128.const i32x4 1 2 3 4) (f64.const 0)) (v128.const i32x4 1 2 3 5) (f64.const 0) (i32.const 5)',
    ],
    [
      '(invoke "id-v128" (i32.const 5) (v128.const i32x4 1 2 3 4) (f64.const 0)) (v128.const i32x4 3 4 1 2) (f64.const 0) (i32.const 5)',
    ],
    ['(get "g") (i32.const 8)'],
    ['(get "gv") (v128.const i32x4 1 2 3 0)'],
    ['(get "gn") (f32.const nan)'],
    ['(invoke "trap")'],
    ['(invoke "absent")'],
    ['(invoke "g") (i32.const 7)'],
    ['(get "none")'],
    ['(invoke "none" (i32.const 1))'],
    ['(invoke "id-f32" (f64.const 1)) (f32.const 1)'],
    ['(invoke "id-f32" (i32.const 1)) (f32.const 1)'],
    ['(invoke $absent "none")'],
  ])('fails %s', async (assertion) => {
    expect(await outcomes(`${module} (assert_return ${assertion})`)).toEqual([false]);
  });

  it('says what was expected and what came', async () => {
    expect((await run(`${module}\n(assert_return (invoke "two") (i32.const 1) (i64.const 3))`)).at(-1)).toEqual({
      line: 12,
      keyword: 'assert_return',
      assertion: true,
      ok: false,
      expected: '(i32.const 1) (i64.const 3)',
      got: '(i32.const 1) (i64.const -2)',
    });
  });
});

describe('references', () => {
  const module = `(module
    (rec (type $s (struct (field (ref null $a)))) (type $a (array i32)))
    (tag $t)
    (func $f (export "f"))
    (func (export "s") (result (ref $s)) (struct.new_default $s))
    (func (export "a") (result (ref eq)) (array.new_default $a (i32.const 1)))
    (func (export "i31") (result anyref) (ref.i31 (i32.const 3)))
    (func (export "null") (result (ref null $s)) (ref.null none))
    (func (export "func") (result funcref) (ref.func $f))
    (func (export "extern") (param externref) (result externref) (local.get 0))
    (func (export "any") (param externref) (result anyref) (any.convert_extern (local.get 0)))
    (func (export "host") (param anyref) (result anyref) (local.get 0))
    (func (export "out") (result externref) (extern.convert_any (ref.i31 (i32.const 3))))
    (func (export "exn") (param i32) (result exnref)
      (if (local.get 0) (then (return (ref.null exn))))
      (block $h (result exnref) (try_table (catch_all_ref $h) (throw $t)) (unreachable)))
    (func (export "is-null") (param exnref i32 (ref null $s)) (result i32)
      (i32.add (ref.is_null (local.get 0)) (local.get 1)))
    (func (export "v128") (param (ref null $s)) (result v128 (ref null $s))
      (v128.const i64x2 1 2) (local.get 0)))`;

  it.each([
    ['(invoke "s")', '(ref.struct)', '(ref.array)'],
    ['(invoke "s")', '(ref.eq)', '(ref.null)'],
    ['(invoke "a")', '(ref.array)', '(ref.i31)'],
    ['(invoke "i31")', '(ref.i31)', '(ref.struct)'],
    ['(invoke "null")', '(ref.null none)', '(ref.null func)'],
    ['(invoke "func")', '(ref.func)', '(ref.extern)'],
    ['(invoke "extern" (ref.extern 1))', '(ref.extern 1)', '(ref.extern 2)'],
    ['(invoke "extern" (ref.null extern))', '(ref.null extern)', '(ref.extern)'],
    ['(invoke "any" (ref.extern 1))', '(ref.host 1)', '(ref.extern 1)'],
    ['(invoke "host" (ref.host 1))', '(ref.any)', '(ref.i31)'],
    ['(invoke "out")', '(ref.extern)', '(ref.extern 3)'],
    ['(invoke "exn" (i32.const 0))', '(ref.exn)', '(ref.null exn)'],
    ['(invoke "exn" (i32.const 1))', '(ref.null noexn)', '(ref.exn)'],
    ['(invoke "is-null" (ref.null exn) (i32.const 4) (ref.null none))', '(i32.const 5)', '(i32.const 4)'],
    ['(invoke "v128" (ref.null any))', '(v128.const i64x2 1 2) (ref.null)', '(v128.const i64x2 1 2) (ref.struct)'],
  ])('%s is %s and not %s', async (action, right, wrong) => {
    const source = `${module} (assert_return ${action} ${right}) (assert_return ${action} ${wrong})`;
    expect(await outcomes(source)).toEqual([true, false]);
  });
});

describe('assertions about failures', () => {
  const module = `(module $m
    (tag $t)
    (func (export "ok"))
    (func (export "trap") (unreachable))
    (func (export "throw") (throw $t))
    (func $r (export "recurse") (call $r))
    (func (export "trap-v128") (param v128) (unreachable)))`;
  const subjects = {
    return: '(invoke "ok")',
    trap: '(invoke "trap")',
    exception: '(invoke "throw")',
    exhaustion: '(invoke "recurse")',
    link: '(module (import "m" "f" (func)))',
    startTrap: '(module (func $f (unreachable)) (start $f))',
    startThrow: '(module (tag $t) (func $f (throw $t)) (start $f))',
    invalid: '(module (func (result i32)))',
    absent: '(invoke "absent")',
    valid: '(module)',
    v128Trap: '(invoke "trap-v128" (v128.const i32x4 0 0 0 0))',
  };
  const accepting: Readonly<Record<string, readonly (keyof typeof subjects)[]>> = {
    assert_trap: ['trap', 'startTrap', 'v128Trap'],
    assert_exception: ['exception', 'startThrow'],
    assert_suspension: [],
    assert_exhaustion: ['exhaustion'],
  };

  it.each(Object.keys(accepting))('%s accepts exactly its own', async (assertion) => {
    const text = assertion === 'assert_exception' ? '' : '"text"';
    const names = Object.keys(subjects) as (keyof typeof subjects)[];
    const source = names.map((name) => `(${assertion} ${subjects[name]} ${text})`).join('\n');
    const ok = await outcomes(`${module}\n${source}`);
    expect(names.filter((_, index) => ok[index])).toEqual(accepting[assertion]);
  });

  it('assert_unlinkable accepts exactly link failures', async () => {
    const modules = [subjects.link, subjects.startTrap, subjects.invalid, subjects.valid];
    const source = modules.map((text) => `(assert_unlinkable ${text} "text")`).join('\n');
    expect(await outcomes(`${module}\n${source}`)).toEqual([true, false, false, false]);
  });

  it('accepts a suspension and nothing else where the mode reports one', async () => {
    const mode = failingMode((failure) => ({
      ...failure,
      kind: failure.kind === 'trap' ? 'suspension' : failure.kind,
    }));
    const source = `${module} (assert_suspension (invoke "trap") "") (assert_trap (invoke "trap") "")
      (assert_suspension (invoke "throw") "")`;
    expect(await outcomes(source, mode)).toEqual([true, false, false]);
  });

  it('compares the text as a prefix where the message is ours', async () => {
    const ours = failingMode((failure) => ({ kind: failure.kind, message: 'unhandled tag', ours: true }));
    const engines = failingMode((failure) => ({ kind: failure.kind, message: 'unhandled tag' }));
    const source = `${module} (assert_trap (invoke "trap") "unhandled") (assert_trap (invoke "trap") "tag")`;
    expect(await outcomes(source, ours)).toEqual([true, false]);
    expect(await outcomes(source, engines)).toEqual([true, true]);
  });
});

describe('modules that must be rejected', () => {
  const malformed = [
    '(module quote "(func")',
    '(module quote "\\ff")',
    '(module quote "(@a \\01)")',
    '(module binary "x")',
  ];
  const invalid = ['(module (func (result i32)))', '(module quote "(func (result i32))")'];
  const valid = [
    '(module (func))',
    '(module quote "")',
    '(module quote "(@a) ;; x")',
    '(module quote "(func) (func)")',
  ];
  const assertAll = (assertion: string, modules: readonly string[]) => {
    return `(module) ${modules.map((text) => `(${assertion} ${text} "")`).join('\n')}`;
  };

  it('accepts what an engine rejects either way', async () => {
    expect(await outcomes(assertAll('assert_malformed', malformed))).toEqual([true, true, true, true]);
    expect(await outcomes(assertAll('assert_invalid', invalid))).toEqual([true, true]);
  });

  it('does not accept valid modules', async () => {
    expect(await outcomes(assertAll('assert_malformed', valid))).toEqual([false, false, false, false]);
    expect(await outcomes(assertAll('assert_invalid', valid))).toEqual([false, false, false, false]);
  });

  it('does not take malformed text for an invalid module', async () => {
    expect(await outcomes(assertAll('assert_invalid', malformed.slice(0, 3)))).toEqual([false, false, false]);
  });

  it('tells malformed from invalid where the mode does', async () => {
    for (const kind of ['malformed', 'invalid'] as const) {
      const mode = failingMode((failure) => ({ ...failure, kind }));
      expect(await outcomes(assertAll('assert_malformed', ['(module binary "x")']), mode)).toEqual([
        kind === 'malformed',
      ]);
      expect(await outcomes(assertAll('assert_invalid', ['(module binary "x")']), mode)).toEqual([kind === 'invalid']);
    }
  });
});

describe('modules and names', () => {
  it('makes instances of definitions and links them', async () => {
    const source = `(module definition $d (global (export "g") (mut i32) (i32.const 0)))
      (module instance $a $d) (module instance $b $d) (register "a" $a) (register "b" $b)
      (module (import "a" "g" (global $a (mut i32))) (import "b" "g" (global $b (mut i32)))
        (func (export "set") (global.set $a (i32.const 1)) (global.set $b (i32.const 2))))
      (invoke "set")
      (assert_return (get $a "g") (i32.const 1)) (assert_return (get $b "g") (i32.const 2))
      (module instance) (assert_return (invoke "set"))`;
    expect(await outcomes(source)).not.toContain(false);
  });

  it('runs bare fields as a module', async () => {
    expect(
      await outcomes('(func (export "f") (result i32) i32.const 3) (assert_return (invoke "f") (i32.const 3))'),
    ).toEqual([true]);
  });

  it('goes on after a failure, but not with an older module', async () => {
    const results = await run(`(module $m (func (export "f")))
      (module $m (func (export "f") (result i32)))
      (assert_return (invoke "f"))
      (assert_return (invoke $m "f"))
      (register "m" $m)
      (module instance $i $m)
      (assert_nothing)
      (module (func (export "f")))
      (assert_return (invoke "f"))`);
    expect(results.map(({ ok }) => ok)).toEqual([true, false, false, false, false, false, false, true, true]);
    expect(results[2]).toMatchObject({ got: 'bug "no module"' });
  });

  it('reports an action that fails', async () => {
    const results = await run('(module (func (export "f") (unreachable))) (invoke "f") (get "f")');
    expect(results.slice(1)).toMatchObject([
      { ok: false, keyword: 'invoke', assertion: false },
      { ok: false, keyword: 'get', assertion: false },
    ]);
  });

  it('takes strings with bidirectional control characters as they are', async () => {
    const name = '\u202e\u2066x';
    const source = `(module (;${name};) (func (export "${name}") (result i32) (i32.const 1)))
      (assert_return (invoke "${name}") (i32.const 1))`;
    expect(await outcomes(source)).toEqual([true]);
  });
});

describe('spectest', () => {
  it('prints, and has typed exports', async () => {
    const printed: string[] = [];
    const source = `(module
        (import "spectest" "print_i32_f32" (func $p (param i32 f32)))
        (import "spectest" "table64" (table i64 10 funcref))
        (import "spectest" "memory" (memory 1 2))
        (import "spectest" "global_f32" (global f32))
        (export "g" (global 0))
        (func (export "p") (call $p (i32.const 1) (f32.const 2.5))))
      (invoke "p")
      (assert_return (get "g") (f32.const 666.6))
      (assert_unlinkable (module (import "spectest" "print_i32" (func (param f32)))) "incompatible import type")
      (assert_unlinkable (module (import "spectest" "toString" (func))) "unknown import")`;
    expect((await run(source, nativeMode, printed)).map(({ ok }) => ok)).toEqual([true, true, true, true, true]);
    expect(printed).toEqual(['1 : i32 2.5 : f32']);
  });
});
