import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, encode, type FuncIdx, type Module, namesOf } from '../binary/index.ts';
import { RefusedError } from '../errors.ts';
import { validate } from '../validate/index.ts';
import { CASES, PRELUDE, programs, THROW_SOME } from './legacy.test-data.ts';
import { lowerLegacyExceptions, usesLegacyExceptions } from './legacy.ts';

/** Lowers a module, checks that the output is valid and free of what was lowered, and gives both as bytes. */
async function lower(
  fields: string,
): Promise<{ source: Uint8Array; bytes: Uint8Array; before: Module; after: Module }> {
  const source = await parse(`(module ${fields})`);
  const before = decode(source);
  const after = lowerLegacyExceptions(validate(before));
  expect(usesLegacyExceptions(validate(after))).toBe(false);
  return { source, bytes: encode(after), before, after };
}

const TAGS = {
  a: new WebAssembly.Tag({ parameters: ['i32'] }),
  b: new WebAssembly.Tag({ parameters: ['i32', 'i64'] }),
  c: new WebAssembly.Tag({ parameters: [] }),
};
/** What the host throws: rethrowing must keep its identity. */
const THROWN = [new Error('host'), new WebAssembly.Exception(TAGS.a, [77]), new WebAssembly.Exception(TAGS.c, [])];

function describeThrown(error: unknown): string {
  const known = THROWN.indexOf(error as Error);
  if (known >= 0) return `thrown ${known}`;
  if (error instanceof WebAssembly.RuntimeError) return `trap ${error.message}`;
  if (!(error instanceof WebAssembly.Exception)) throw error;
  if (error.is(TAGS.a)) return `a ${error.getArg(TAGS.a, 0)}`;
  if (error.is(TAGS.b)) return `b ${error.getArg(TAGS.b, 0)} ${error.getArg(TAGS.b, 1)}`;
  return error.is(TAGS.c) ? 'c' : 'unknown tag';
}

/** Everything that a call of `f` lets be seen: the log, then the result or what is thrown. */
function outcome(bytes: Uint8Array, input: number): string {
  const log: string[] = [];
  let bits = input;
  let fuel = 200;
  const m = {
    ...TAGS,
    log: (value: number) => void log.push(`${value}`),
    log64: (value: bigint) => void log.push(`${value}n`),
    bit() {
      // The trap at the end of the fuel is the program's: no handler sees it.
      if (--fuel < 0) return 2;
      bits = (Math.imul(bits, 1_103_515_245) + 12_345) >>> 0;
      return (bits >>> 16) & 1;
    },
    host(index: number) {
      throw THROWN[index % THROWN.length];
    },
  };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>), {
    m: m as unknown as WebAssembly.ModuleImports,
  });
  const f = instance.exports.f as (input: number) => unknown;
  try {
    log.push(`= ${f(input)}`);
  } catch (error) {
    log.push(`! ${describeThrown(error)}`);
  }
  return log.join(' ');
}

describe('legacy exceptions are lowered', () => {
  for (const [title, body, ...outcomes] of CASES) {
    it(title, async () => {
      const { source, bytes } = await lower(`${PRELUDE} ${THROW_SOME}
        (func (export "f") (param i32) (result i32) ${body})`);
      expect(outcomes.map((_, input) => outcome(source, input))).toEqual(outcomes);
      expect(outcomes.map((_, input) => outcome(bytes, input))).toEqual(outcomes);
    });
  }
});

describe('what surrounds them', () => {
  it('try_table around a try that delegates is a handler like another', async () => {
    // Engines refuse modules with both kinds of instructions: only the output runs.
    const body = (label: string) => `
      block $all block $h (result i32)
        try_table $o (catch $a $h)
          block $k try
            try_table (catch_all $k)
              try local.get 0 call $some delegate ${label}
            end
          catch_all i32.const 1 return end end
          i32.const 2 return
        end
        i32.const 3 return
      end return end i32.const 4`;
    const run = async (label: string, input: number) =>
      outcome(
        (await lower(`${PRELUDE} ${THROW_SOME} (func (export "f") (param i32) (result i32) ${body(label)})`)).bytes,
        input,
      );
    expect(await run('$o', 1)).toBe('= 10');
    expect(await run('$k', 1)).toBe('= 10');
    expect(await run('$o', 3)).toBe('! c');
    expect(await run('0', 1)).toBe('= 2');
    expect(await run('1', 1)).toBe('= 1');
    expect(await run('$all', 1)).toBe('! a 10');
  });

  it('labels of every instruction that has some name the same construct', async () => {
    // Each target takes a type of its own, so no label but the right one is valid.
    const { after } = await lower(`
      (type $f (func)) (type $k (cont $f)) (type $s (struct)) (tag $t) (tag $a)
      (func $x (param (ref null $k) anyref (ref null $s) i32)
        block $on (result (ref $k)) block $cast (result (ref $s)) block $not (result anyref) block $nonnull (result (ref $s))
        block $ref (result exnref) block $int (result i32)
          try
            block
              try_table (catch_all_ref $ref) local.get 0 resume $k (on $t $on) end
              local.get 1 br_on_cast $cast anyref (ref $s) drop
              local.get 1 br_on_cast_fail $not anyref (ref $s) drop
              local.get 2 br_on_non_null $nonnull
            end
          catch $a
            i32.const 0 local.get 3 br_if $int local.get 3 br_table $int $int
          catch_all
            try local.get 2 br_on_null 1 drop delegate 0
            i32.const 1 br $int
          end
          i32.const 2
        end drop return end drop return end drop return end drop return end drop return end drop)`);
    expect(after.funcs[0]?.body.some(({ op }) => op === 'resume')).toBe(true);
  });

  it('only functions with such instructions change', async () => {
    const { before, after } = await lower('(func) (func try end) (func i32.const 1 drop)');
    expect(after.funcs.map((func, index) => func === before.funcs[index])).toEqual([true, false, true]);
    expect(usesLegacyExceptions(validate(before))).toBe(true);
  });

  it('a module without them stays the same object', async () => {
    const module = decode(await parse('(module (func block try_table (catch_all 0) end end))'));
    const info = validate(module);
    expect(usesLegacyExceptions(info)).toBe(false);
    expect(lowerLegacyExceptions(info)).toBe(module);
  });

  it('lowered instructions keep their offsets', async () => {
    const { before, after } = await lower(`(tag $a)
      (func (param i32)
        try $t try local.get 0 call 0 local.get 0 br_if $t delegate 1 catch $a rethrow 0 catch_all end nop)`);
    const offsets = (module: Module) => new Map(module.funcs[0]?.body.map(({ op, at }) => [at, op]));
    const lowered = offsets(after);
    lowered.delete(-1);
    expect([...lowered.keys()].sort((a, b) => a - b)).toEqual([...offsets(before).keys()]);
    const renamed: Record<string, string> = {
      try: 'try_table',
      delegate: 'end',
      catch: 'end',
      catch_all: 'end',
      rethrow: 'throw_ref',
    };
    for (const [at, op] of offsets(before)) expect(lowered.get(at)).toBe(renamed[op] ?? op);
  });

  it('types that are there are used, others are added once', async () => {
    const tried = 'local.get 0 try (param i32) drop call $some catch $a call $log rethrow 0 end';
    const functions = `(func $some) (func $log (param i32)) (func (param i32) ${tried} ${tried}) (func (param i32) ${tried})`;
    const added = await lower(`(tag $a (param i32)) ${functions}`);
    const [group, ...others] = added.after.recGroups.slice(added.before.recGroups.length);
    expect(others).toEqual([]);
    expect(group).toMatchObject([{ final: true, comp: { params: ['i32'], results: ['i32', { heap: 'exn' }] } }]);
    const found = await lower(
      `(tag $a (param i32)) (rec (type (struct)) (type (func (param i32) (result i32 exnref)))) ${functions}`,
    );
    expect(found.after.recGroups).toEqual(found.before.recGroups);
  });

  it('one local holds the exceptions of trys that follow each other, two those of nested clauses', async () => {
    const count = async (body: string) => (await lower(`(func (local i64) ${body})`)).after.funcs[0]?.locals.length;
    const tried = (inner: string) => ` try catch_all ${inner} rethrow 0 end`;
    expect(await count(tried(''))).toBe(2);
    expect(await count(tried('') + tried(''))).toBe(2);
    expect(await count(tried(tried('')))).toBe(3);
    expect(await count('try catch_all try catch_all end end')).toBe(1);
  });

  it('label names follow their constructs', async () => {
    const { after } = await lower(`(tag $a)
      (func block $first end try $second nop catch $a loop $third end try $fourth delegate $second catch_all end
        block $fifth end)`);
    const labels = namesOf(decode(encode(after))).label.get(0 as FuncIdx) as ReadonlyMap<number, string>;
    const opens = after.funcs[0]?.body.filter(({ op }) => ['block', 'loop', 'try_table'].includes(op)) ?? [];
    expect([...labels].map(([label, name]) => `${name} ${opens[label]?.op}`)).toEqual([
      'first block',
      'second block',
      'third loop',
      'fourth block',
      'fifth block',
    ]);
    expect(opens.length).toBe(8);
    expect([...labels.keys()]).toEqual([0, 1, 5, 6, 7]);
  });

  it('refuses a function that has no local left for an exception', async () => {
    const locals = Array.from({ length: 50_000 }, () => 'i32').join(' ');
    const held = decode(await parse(`(module (func (local ${locals}) try catch_all rethrow 0 end))`));
    const dropped = decode(await parse(`(module (func (local ${locals}) try catch_all end))`));
    expect(() => lowerLegacyExceptions(validate(held))).toThrow(RefusedError);
    expect(lowerLegacyExceptions(validate(dropped)).funcs[0]?.locals.length).toBe(50_000);
  });

  it('deep nesting gives no more than code in proportion', async () => {
    const depth = 5_000;
    const ends = Array.from({ length: depth }, (_, done) => {
      const outermost = 2 * (depth - done) - 1;
      return `delegate ${outermost} catch_all rethrow 0 end`;
    });
    const { before, after } = await lower(`(func ${'try $t try '.repeat(depth)} ${ends.join(' ')})`);
    const size = (module: Module) => module.funcs[0]?.body.length ?? 0;
    expect(size(after) / size(before)).toBeLessThan(3);
  });
});

it('random programs do the same before and after', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(programs('$g'), programs('$leaf'), async (f, g) => {
      const { source, bytes } = await lower(`${PRELUDE}
        (func $fuel call $bit i32.const 2 i32.eq if unreachable end)
        (func $leaf (param i32) (result i32) call $bit if i32.const 50 throw $a end i32.const 51)
        (func $g (param i32) (result i32) ${g})
        (func (export "f") (param i32) (result i32) ${f})`);
      for (const input of [1, 2, 3, 5]) expect(outcome(bytes, input)).toBe(outcome(source, input));
    }),
    { numRuns: 150 },
  );
});
