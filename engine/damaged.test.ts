import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BobbinError, decode, encode, MANIFEST_SECTION, transform } from '../asyncify/index.ts';
import { parseText } from '../spec-tests/runner/index.ts';
import { type Imports, type Module, ProcessError, Runtime, SignalError, suspendingImports } from './index.ts';

/** Transformed modules that were damaged, or are put together of the parts of several: errors have names, wherever they come up. */

const program = await parseText(
  `(module (type $f (func (param i32) (result i32))) (type $k (cont $f)) (tag $t (export "t") (result i32))
  (import "bobbin:signal" "pause" (func $pause (result i32)))
  (import "env" "tell" (func $tell (param i32)))
  (memory (export "memory") 1)
  (global (export "__stack_pointer") (mut i32) (i32.const 1024))
  (table (export "table") 4 funcref)
  (elem declare func $g)
  (func $g (param i32) (result i32) (i32.add (local.get 0) (suspend $t)))
  (func (export "mk") (result (ref null $k)) (cont.new $k (ref.func $g)))
  (func (export "use") (param (ref null $k)) (result i32)
    (block $on (result (ref null (cont (func (param i32) (result i32))))) (unreachable)) (drop) (i32.const 2))
  (func (export "_start") (local $n i32)
    (loop $l (call $tell (local.get $n))
      (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 20))))))`.replace(
    '(block $on (result (ref null (cont (func (param i32) (result i32))))) (unreachable)) (drop)',
    '(drop (local.get 0))',
  ),
);
const plain = await parseText(
  '(module (memory (export "memory") 1) (func (export "_start")) (func (export "f") (param i64)))',
);

const options = [
  { linking: 'closed', yields: 'fuel', suspending: suspendingImports },
  { linking: 'linked', yields: 'fuel', suspending: suspendingImports },
  { linking: 'closed', yields: 'epoch', epochWord: 'global', suspending: suspendingImports },
  { linking: 'linked', yields: 'epoch', suspending: suspendingImports },
  { linking: 'closed', yields: 'none' },
  { linking: 'linked' },
] as const;
const modules = [program, plain].flatMap((bytes) => options.map((each) => transform(bytes, each).bytes));
const given: Imports = { env: { tell: () => {} } };

/** Whether an error says by its class what has gone wrong. */
function isNamed(error: unknown): boolean {
  return (
    error instanceof BobbinError ||
    error instanceof ProcessError ||
    error instanceof SignalError ||
    error instanceof WebAssembly.CompileError ||
    error instanceof WebAssembly.LinkError ||
    error instanceof RangeError ||
    (error instanceof WebAssembly.RuntimeError && 'kind' in error)
  );
}

/** The JavaScript API has a TypeError for imports of a module that there are none of: whoever instantiates it has made a mistake. */
const isGiven = (module: Module): boolean =>
  module.imports.every((entry) => entry.module in given || entry.module.startsWith('bobbin:signal'));

type End = 'ran' | 'refused' | 'failed';

/** Does with a module what hosts do. @throws what has no name */
function examine(bytes: Uint8Array<ArrayBuffer>): End {
  try {
    const module = new Runtime().load(bytes);
    if (!isGiven(module)) return 'refused';
    if (module.manifest?.host === null || module.manifest === null) {
      module.instantiate({ ...given, 'bobbin:signal': { pause: () => 0 } });
      return 'ran';
    }
    const process = module.spawn(given);
    for (let slices = 0; slices < 5 && process.status === null; slices++) {
      if (module.manifest.host.poll !== 'fuel') return 'ran';
      if (process.run({ fuel: 10 }).finished) break;
    }
    return process.status?.kind === 'failed' ? 'failed' : 'ran';
  } catch (error) {
    if (!isNamed(error)) throw error;
    return 'refused';
  }
}

/** By its number: the bytes are not for people to read. */
const anyModule = fc.nat({ max: modules.length - 1 });
const runs = { numRuns: 400, seed: Number(process.env.BOBBIN_SEED ?? 1) };
const counted = () => {
  const counts: Record<End, number> = { ran: 0, refused: 0, failed: 0 };
  return { counts, count: (bytes: Uint8Array<ArrayBuffer>) => void counts[examine(bytes)]++ };
};

describe('a transformed module', () => {
  it('runs as it is', () => {
    for (const [index, bytes] of modules.entries()) expect([index, examine(bytes)]).toEqual([index, 'ran']);
  });

  it('that was cut off', () => {
    const { counts, count } = counted();
    fc.assert(
      fc.property(anyModule, fc.double({ min: 0, max: 1, noNaN: true }), (index, part) => {
        const bytes = modules[index]!;
        count(bytes.slice(0, Math.floor(part * (bytes.length - 1))));
      }),
      runs,
    );
    expect(counts.refused).toBeGreaterThan(300);
  });

  it('of which bytes were changed', () => {
    const { counts, count } = counted();
    const edit = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(anyModule, fc.array(edit, { minLength: 1, maxLength: 2 }), (index, edits) => {
        const bytes = modules[index]!;
        const code = codeAt(bytes);
        const changed = bytes.slice();
        // What its code does from then on is a guest's own affair.
        for (const [at, byte] of edits) changed[at % code] = byte;
        count(changed);
      }),
      runs,
    );
    expect(Math.min(counts.refused, counts.ran)).toBeGreaterThan(10);
  });

  it('whose exports and imports are others', () => {
    const { counts, count } = counted();
    const edit = fc.record({ at: fc.nat(), with: fc.nat(), how: fc.constantFrom('drop', 'swap', 'rename', 'import') });
    fc.assert(
      fc.property(anyModule, fc.array(edit, { minLength: 1, maxLength: 3 }), (index, edits) => {
        const module = decode(modules[index]!);
        let { exports, imports } = module;
        for (const { at, with: other, how } of edits) {
          const [one, two] = [at % exports.length, other % exports.length];
          const [first, second] = [exports[one], exports[two]];
          if (first === undefined || second === undefined) continue;
          if (how === 'drop') exports = exports.toSpliced(one, 1);
          if (how === 'swap') {
            exports = exports.with(one, { ...second, name: first.name }).with(two, { ...first, name: second.name });
          }
          if (how === 'rename') exports = exports.with(one, { ...first, name: `${first.name}?` });
          const imported = imports[at % Math.max(1, imports.length)];
          if (how === 'import' && imported !== undefined) {
            const name = imports[other % imports.length]?.name ?? '';
            imports = imports.with(at % imports.length, { ...imported, name });
          }
        }
        count(encode({ ...module, exports, imports }));
      }),
      runs,
    );
    expect(Math.min(counts.refused, counts.ran)).toBeGreaterThan(10);
  });

  it('with the manifest of another', () => {
    const { counts, count } = counted();
    const manifest = (bytes: Uint8Array) => decode(bytes).customs.filter(({ name }) => name === MANIFEST_SECTION);
    for (const bytes of [...modules, program, plain].slice(0, 13)) {
      for (const other of modules) {
        const module = decode(bytes);
        const customs = module.customs.filter(({ name }) => name !== MANIFEST_SECTION);
        count(encode({ ...module, customs: [...manifest(other), ...customs] }) as Uint8Array<ArrayBuffer>);
      }
    }
    expect(Math.min(counts.refused, counts.ran)).toBeGreaterThan(10);
  });
});

/** Where the code section begins. */
function codeAt(bytes: Uint8Array): number {
  return (decode(bytes).funcs[0]?.at ?? bytes.length) - 4;
}
