import { expect, it } from 'vitest';
import { decode, encode, type Instr } from '../../binary/index.ts';
import { type Module, subTypes } from '../../binary/module.ts';
import { RefusedError } from '../../index.ts';
import { assemble } from './guest.test-data.ts';
import { transformWithBinaryen } from './index.ts';

const SUSPENDS = '(import "host" "wait" (func $wait))';

/** What is refused, a module, the function and the instruction at fault (null: none), and the message. */
type Case = readonly [what: string, fields: string, func: number | null, op: string | null, message: string];
/** What is refused, a module, where in it, and the message. */
type ModuleCase = readonly [what: string, fields: string, at: (module: Module) => number | undefined, message: string];

const ofModules: readonly ModuleCase[] = [
  [
    'a continuation type',
    `(type $f (func)) (type $c (cont $f)) (func)`,
    (module) => subTypes(module)[1]?.at,
    'continuation types need the frames instrumenter: type 1',
  ],
  [
    'a control tag',
    `(tag) (tag (result i32)) (func)`,
    ({ tags }) => tags[1]?.at,
    'control tags need the frames instrumenter: tag 1',
  ],
  [
    'an imported control tag',
    `(import "a" "b" (tag (result i32))) (func)`,
    ({ imports }) => imports[0]?.at,
    'control tags need the frames instrumenter: tag 0',
  ],
  [
    'an abstract continuation type in a type',
    `(type $f (func (param (ref null cont)))) (func)`,
    (module) => subTypes(module)[0]?.at,
    'continuation types need the frames instrumenter',
  ],
  [
    'an abstract continuation type in an import',
    `(import "a" "b" (global (ref null cont))) (func)`,
    ({ imports }) => imports[0]?.at,
    'continuation types need the frames instrumenter',
  ],
  [
    'an abstract continuation type in a table',
    `(table 0 (ref null cont)) (func)`,
    ({ tables }) => tables[0]?.at,
    'continuation types need the frames instrumenter',
  ],
  [
    'an abstract continuation type in a global',
    `(global (ref null nocont) (ref.null nocont)) (func)`,
    ({ globals }) => globals[0]?.at,
    'continuation types need the frames instrumenter',
  ],
  [
    'a tag of a recursive type',
    `(rec (type $a (func)) (type $b (func))) (tag (type $b)) (func)`,
    ({ tags }) => tags[0]?.at,
    'Binaryen does not keep the type of a tag that is recursive or has subtypes: type 1',
  ],
  [
    'an imported tag of a type that may have subtypes',
    `(type $a (sub (func))) (import "a" "b" (tag (type $a))) (func)`,
    ({ imports }) => imports[0]?.at,
    'Binaryen does not keep the type of a tag that is recursive or has subtypes: type 0',
  ],
  [
    "an import of the runtime's",
    '(import "a" "b" (func)) (import "bobbin" "trap" (func (param i32)))',
    ({ imports }) => imports[1]?.at,
    `import "bobbin" "trap": the name is the runtime's`,
  ],
  [
    "an export of the runtime's",
    '(func (export "a")) (func (export "bobbin:resume"))',
    ({ exports }) => exports[1]?.at,
    `export "bobbin:resume": the name is the runtime's`,
  ],
  [
    'a module that was transformed before',
    '(func) (@custom "bobbin" "\\01")',
    ({ customs }) => customs[0]?.at,
    'the module was transformed before',
  ],
];

const cases: readonly Case[] = [
  [
    'stack switching',
    `(type $f (func)) (type $c (cont $f)) (tag $t) (func (suspend $t))`,
    0,
    'suspend',
    'stack switching needs the frames instrumenter',
  ],
  [
    'an abstract continuation type in a local',
    `(func) (func (local (ref null cont)))`,
    1,
    null,
    'continuation types need the frames instrumenter',
  ],
  [
    'an abstract continuation type in code',
    `(func) (func (drop (ref.null cont)))`,
    1,
    'ref.null',
    'continuation types need the frames instrumenter',
  ],
  [
    'an exception handler',
    `${SUSPENDS} (func (block $caught (try_table (catch_all $caught) (call $wait))))`,
    1,
    'try_table',
    'Asyncify cannot do exception handlers in a function that may suspend',
  ],
  [
    'a legacy exception handler',
    `${SUSPENDS} (func try call $wait catch_all end)`,
    1,
    'try_table',
    'Asyncify cannot do exception handlers in a function that may suspend',
  ],
  [
    'br_on_null',
    `${SUSPENDS} (func (call $wait) (block $null (drop (br_on_null $null (ref.null func)))))`,
    1,
    'br_on_null',
    'Asyncify cannot do branches on references in a function that may suspend',
  ],
  [
    'br_on_non_null',
    `${SUSPENDS} (func (call $wait) (drop (block $some (result (ref func)) (br_on_non_null $some (ref.null func)) (unreachable))))`,
    1,
    'br_on_non_null',
    'Asyncify cannot do branches on references in a function that may suspend',
  ],
  [
    'br_on_cast',
    `${SUSPENDS} (func (call $wait)
      (drop (block $is (result (ref i31)) (drop (br_on_cast $is anyref (ref i31) (ref.null any))) (unreachable))))`,
    1,
    'br_on_cast',
    'Asyncify cannot do branches on references in a function that may suspend',
  ],
  [
    'br_on_cast_fail',
    `${SUSPENDS} (func (call $wait)
      (drop (block $not (result anyref) (br_on_cast_fail $not anyref (ref i31) (ref.null any)))))`,
    1,
    'br_on_cast_fail',
    'Asyncify cannot do branches on references in a function that may suspend',
  ],
  [
    'a block with a reference',
    `${SUSPENDS} (func (call $wait) (drop (block (result funcref) (ref.null func))))`,
    1,
    'block',
    'Asyncify cannot save references: a block in a function that may suspend takes or gives (ref null func)',
  ],
  [
    'a tail call',
    `${SUSPENDS} (func $g (call $wait)) (func (call $wait) (return_call $g))`,
    2,
    'return_call',
    'Asyncify cannot do tail calls in a function that may suspend',
  ],
  [
    'an indirect tail call',
    `${SUSPENDS} (type $f (func)) (table 1 funcref)
    (func (call $wait) (return_call_indirect (type $f) (i32.const 0)))`,
    1,
    'return_call_indirect',
    'Asyncify cannot do tail calls in a function that may suspend',
  ],
  [
    'a tail call of a reference',
    `${SUSPENDS} (type $f (func)) (func (call $wait) (return_call_ref $f (ref.null $f)))`,
    1,
    'return_call_ref',
    'Asyncify cannot do tail calls in a function that may suspend',
  ],
  [
    'a call of a reference',
    `${SUSPENDS} (type $f (func)) (elem declare func $g) (func $g (call $wait))
    (global $r (ref null $f) (ref.func $g)) (func (call_ref $f (global.get $r)))`,
    2,
    'call_ref',
    'Asyncify cannot do calls of references that may suspend',
  ],
  [
    'a reference as a parameter',
    `${SUSPENDS} (func (param externref) (call $wait))`,
    1,
    null,
    'Asyncify cannot save references: the function may suspend and has (ref null extern) in its type',
  ],
  [
    'a reference as a result',
    `${SUSPENDS} (func (result funcref) (call $wait) (ref.null func))`,
    1,
    null,
    'Asyncify cannot save references: the function may suspend and has (ref null func) in its type',
  ],
  [
    'a reference in a local',
    `${SUSPENDS} (func (local i32 funcref) (call $wait) (local.set 1 (ref.null func)))`,
    1,
    'local.set',
    'Asyncify cannot save references: local 1 is (ref null func)',
  ],
  [
    'a reference on the operand stack',
    `${SUSPENDS} (table 1 funcref) (func (table.set (i32.const 0) (table.get (i32.const 0)) (call $wait)))`,
    1,
    'call',
    'Asyncify cannot save references: (ref null func) waits on the operand stack',
  ],
  [
    'a reference that waits for a loop that yields',
    `${SUSPENDS} (func (ref.null extern) (loop $again (br_if $again (i32.const 0))) (drop))`,
    1,
    'loop',
    'Asyncify cannot save references: (ref null extern) waits on the operand stack',
  ],
  [
    'a reference as an argument of what suspends',
    `(import "host" "wait" (func $wait (param externref))) (func (call $wait (ref.null extern)))`,
    1,
    'call',
    'Asyncify cannot save references: the call takes or gives (ref null extern)',
  ],
  [
    'a reference as a result of what suspends',
    `(import "host" "wait" (func $wait (result externref))) (func (drop (call $wait)))`,
    1,
    'call',
    'Asyncify cannot save references: the call takes or gives (ref null extern)',
  ],
  [
    'a reference as an argument of an indirect call',
    `${SUSPENDS} (table 1 funcref)
    (func (call $wait) (call_indirect (param funcref) (ref.null func) (i32.const 0)))`,
    1,
    'call_indirect',
    'Asyncify cannot save references: the call takes or gives (ref null func)',
  ],
  [
    'a call that gives a non-null reference',
    `${SUSPENDS} (func $g (result (ref i31)) (ref.i31 (i32.const 1))) (func (call $wait) (drop (call $g)))`,
    2,
    'call',
    'Asyncify cannot save references: the call takes or gives (ref i31)',
  ],
];

async function refusal(bytes: Uint8Array): Promise<RefusedError> {
  const error = await transformWithBinaryen(bytes, { yields: 'fuel', suspending: ['host.*'] }).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RefusedError);
  return error as RefusedError;
}

it.each(cases)('refuses %s', async (_, fields, func, op, message) => {
  const bytes = await assemble(`(module ${fields})`);
  const refused = await refusal(bytes);
  expect(refused.func ?? null).toBe(func);
  expect(refused.instruction ?? null).toBe(op);
  const module = decode(bytes);
  const at = module.funcs[(func ?? 0) - (module.imports.length > 0 ? 1 : 0)];
  const instr: Instr | undefined = at?.body.find((each) => each.at === refused.offset);
  // Legacy handlers are lowered before, at their offset.
  if (op !== null) expect(instr?.op.replace(/^try$/, 'try_table')).toBe(op);
  const place = [`at byte ${refused.offset}`, `function ${func}`, ...(op === null ? [] : [op])];
  expect(refused.message).toBe(`${message} (${place.join(', ')})`);
  expect(refused.offset).toBe(op === null ? at?.at : instr?.at);
});

it.each(ofModules)('refuses %s', async (_, fields, at, message) => {
  const bytes = await assemble(`(module ${fields})`);
  const refused = await refusal(bytes);
  const offset = at(decode(bytes));
  expect(offset).toBeGreaterThan(0);
  expect(refused).toMatchObject({ offset, func: undefined, instruction: undefined });
  expect(refused.message).toBe(`${message} (at byte ${offset})`);
});

it('refuses more locals than engines allow', async () => {
  const module = decode(await assemble('(module (func) (func))'));
  const locals = Array.from({ length: 50_001 }, () => 'i32' as const);
  const bytes = encode({
    ...module,
    funcs: module.funcs.map((func, at) => (at === 1 ? { ...func, locals, body: func.body } : func)),
  });
  // The count of the runs of locals is the third byte from the function's end: one run, and the final `end` follows.
  const offset = bytes.lastIndexOf(1);
  const refused = await refusal(bytes);
  expect(refused).toMatchObject({ offset, func: 1, instruction: undefined });
  expect(refused.message).toBe(`too many locals: the limit is 50000 in a function (at byte ${offset}, function 1)`);
});

it('refuses more locals than a module may have', async () => {
  const module = decode(await assemble('(module (func))'));
  const [func] = module.funcs;
  const locals = Array.from({ length: 50_000 }, () => 'i32' as const);
  const bytes = encode({
    ...module,
    funcs: Array.from({ length: 201 }, () => ({ ...func!, locals, body: func!.body })),
  });
  // One run of 50,000, and the final `end`: the last function's body is 6 bytes.
  const offset = bytes.length - 6;
  expect((await refusal(bytes)).message).toBe(
    `too many locals: the limit is 10000000 in a module (at byte ${offset}, function 200)`,
  );
});

it('refuses more locals than engines allow, caught exceptions included', async () => {
  const source = await assemble('(module (func) (func try nop catch_all rethrow 0 end))');
  const module = decode(source);
  const locals = Array.from({ length: 50_000 }, () => 'i32' as const);
  const bytes = encode({
    ...module,
    funcs: module.funcs.map((func, at) => (at === 1 ? { ...func, locals, body: func.body } : func)),
  });
  const offset = decode(bytes).funcs[1]?.at;
  const refused = await refusal(bytes);
  expect(refused.message).toBe(
    `too many locals: the limit is 50000 in a function, caught exceptions included (at byte ${refused.offset}, function 1)`,
  );
  expect(refused).toMatchObject({ offset: refused.offset, func: 1 });
  expect(refused.offset).toBeGreaterThanOrEqual(offset ?? 0);
});

it.each([
  ['optimizeLevel', { optimizeLevel: 4 as never }, 'optimizeLevel must be an integer from 0 to 3'],
  ['shrinkLevel', { shrinkLevel: 0.5 as never }, 'shrinkLevel must be an integer from 0 to 2'],
])('refuses a bad %s', async (_, options, message) => {
  const bytes = await assemble('(module)');
  await expect(transformWithBinaryen(bytes, { yields: 'fuel', suspending: [], ...options })).rejects.toThrow(
    new RangeError(message),
  );
});

it('leaves alone what cannot suspend, whatever is in it', async () => {
  const text = `(module
    (type $f (func (result (ref i31))))
    (table funcref (elem $r))
    (func $r (type $f) (ref.i31 (i32.const 7)))
    (func $tail (type $f) (return_call_indirect (type $f) (i32.const 0)))
    (func $tails (type $f) (return_call $tail))
    (func (export "f") (result i32) (local $x (ref null i31))
      (block $caught
        (try_table (catch_all $caught)
          (local.set $x (call $tails))
          (local.set $x (call_indirect (type $f) (i32.const 0)))))
      (block $null (drop (br_on_null $null (local.get $x))))
      (i31.get_s (local.get $x))))`;
  for (const optimizeLevel of [0, 2] as const) {
    const { bytes, instrumented } = await transformWithBinaryen(await assemble(text), {
      yields: 'none',
      suspending: [],
      optimizeLevel,
    });
    expect(instrumented).toEqual([]);
    const { Store } = await import('../../../continuations/index.ts');
    const { exports } = new Store().instantiate(new WebAssembly.Module(bytes));
    expect((exports.f as () => number)()).toBe(7);
  }
});

it('refuses depth that is bounded by memory', async () => {
  const how = { yields: 'fuel', suspending: [], depth: 'heap' } as const;
  const error = await transformWithBinaryen(await assemble('(func)'), how).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(RefusedError);
  expect((error as Error).message).toContain('depth');
});
