import { describe, expect, it } from 'vitest';
import { decode, encode, transform } from '../asyncify/index.ts';
import { LINKED_BRAND } from '../asyncify/lower/brand.ts';
import { runtimeGroup } from '../asyncify/lower/runtime-types.ts';
import { Store } from '../continuations/index.ts';
import { parseText } from '../spec-tests/runner/index.ts';
import {
  ContinuationHandle,
  Engine,
  type Exports,
  ManifestError,
  RefusedError,
  Runtime,
  SuspensionError,
  TrapError,
} from './index.ts';

/** Guests that declare the runtime's types, and get hold of another guest's continuation through an `anyref` parameter. */

const victim =
  await parseText(`(module (type $f (func)) (type $k (cont $f)) (tag $t (export "t")) (global $n (mut i32) (i32.const 0))
  (elem declare func $g)
  (func $g (global.set $n (i32.add (global.get $n) (i32.const 1))) (suspend $t))
  (func (export "n") (result i32) (global.get $n))
  (func (export "mk") (result (ref null $k)) (cont.new $k (ref.func $g)))
  (func (export "use") (param (ref null $k)) (result i32)
    (block $on (result (ref $k)) (resume $k (on $t $on) (local.get 0)) (return (i32.const 1)))
    (drop) (i32.const 2)))`);
const other = await parseText(`(module (type $f (func (param i32))) (type $k (cont $f)) (tag $t)
  (func (export "f") (param (ref null $k)) (suspend $t)))`);

type Fields = { readonly type: unknown; readonly mutable: boolean }[];
/** A guest with the first six of the runtime's types, and whatever else belongs to their group. */
async function forger(brand: Fields | null): Promise<Uint8Array<ArrayBuffer>> {
  const fields = brand?.map(({ type, mutable }) => `(field ${mutable ? `(mut ${type})` : type})`).join(' ');
  return (await parseText(`(module (rec
      (type $t0 (func (param (ref $t3))))
      (type $t1 (struct (field (mut i32))))
      (type $t2 (struct (field (ref $t1)) (field i32) (field (ref null $t2))))
      (type $t3 (sub (struct (field (mut (ref null $t3))) (field (mut (ref null $t0))) (field (mut i32)))))
      (type $t4 (struct (field (mut (ref null $t3))) (field (mut (ref null $t4))) (field (mut (ref null $t2)))
        (field (mut (ref null $t4))) (field (mut i32)) (field (mut i32))))
      (type $t5 (sub (struct (field (mut (ref null $t4))))))
      ${fields === undefined ? '' : `(type $t6 (struct ${fields}))`})
    (global $s (mut (ref null $t4)) (ref.null $t4))
    (func (export "isCont") (param anyref) (result i32) (ref.test (ref $t5) (local.get 0)))
    (func (export "isStack") (param anyref) (result i32) (ref.test (ref $t4) (local.get 0)))
    (func (export "isFrame") (param anyref) (result i32) (ref.test (ref $t3) (local.get 0)))
    (func (export "make") (result anyref) (struct.new_default $t5))
    (func (export "save") (param anyref) (global.set $s (struct.get $t5 0 (ref.cast (ref $t5) (local.get 0)))))
    (func (export "put") (param anyref) (struct.set $t5 0 (ref.cast (ref $t5) (local.get 0)) (global.get $s)))
    (func (export "empty") (param anyref)
      (struct.set $t5 0 (ref.cast (ref $t5) (local.get 0)) (struct.new_default $t4))))`)) as Uint8Array<ArrayBuffer>;
}

const brandOf = (bytes: Uint8Array): Fields => {
  const comp = decode(bytes).recGroups[0]?.[6]?.comp;
  if (comp?.kind !== 'struct') throw new Error('no brand');
  return comp.fields as unknown as Fields;
};
const fieldsOf = (brand: Uint8Array): Fields => {
  const comp = runtimeGroup(brand)[6]?.comp;
  return comp?.kind === 'struct' ? (comp.fields as unknown as Fields) : [];
};
/** The same with the manifest, and the start, of a module that was transformed. */
const withManifestOf = (transformed: Uint8Array, bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  encode({ ...decode(bytes), customs: decode(transformed).customs.slice(0, 1) });

interface Victim {
  mk(): object;
  use(cont: object): number;
  n(): number;
}
interface Forger {
  isCont(value: unknown): number;
  isStack(value: unknown): number;
  isFrame(value: unknown): number;
  make(): object;
  save(value: unknown): void;
  put(value: unknown): void;
  empty(value: unknown): void;
}

/** What any guest can ask of a value. */
const curious = await parseText(`(module
  (global $kept (mut anyref) (ref.null any))
  (func (export "isStruct") (param anyref) (result i32) (ref.test (ref struct) (local.get 0)))
  (func (export "isArray") (param anyref) (result i32) (ref.test (ref array) (local.get 0)))
  (func (export "isEq") (param anyref) (result i32) (ref.test (ref eq) (local.get 0)))
  (func (export "isI31") (param anyref) (result i32) (ref.test (ref i31) (local.get 0)))
  (func (export "externIsStruct") (param externref) (result i32)
    (ref.test (ref struct) (any.convert_extern (local.get 0)))))`);

const LINKINGS = ['closed', 'linked'] as const;
/** Where the victim is transformed and compiled: with an engine, which both guests share or not. */
const VICTIMS = {
  'by an engine, at load time': (engine: Engine, linking: 'closed' | 'linked') => engine.compile(victim, { linking }),
  'at build time, and loaded': (engine: Engine, linking: 'closed' | 'linked') =>
    engine.load(transform(victim, { linking }).bytes),
} as const;
const FORGERS: Readonly<Record<string, (linking: 'closed' | 'linked') => Promise<Uint8Array<ArrayBuffer>>>> = {
  'without a brand': () => forger(null),
  "with the same module's brand of build time": (linking) => forger(brandOf(transform(victim, { linking }).bytes)),
  "with another module's": (linking) => forger(brandOf(transform(other, { linking }).bytes)),
  'with the one that linked modules have': () => forger(fieldsOf(LINKED_BRAND)),
  'and with the manifest of a closed module': async () => {
    const { bytes } = transform(victim, { linking: 'closed' });
    return withManifestOf(bytes, await forger(brandOf(bytes)));
  },
};

describe.each(LINKINGS)('a guest that is %s', (linking) => {
  describe.each(Object.entries(VICTIMS))('%s', (_, make) => {
    describe.each(Object.entries(FORGERS))('and a guest that declares the types, %s', (_name, forge) => {
      it.each([
        ['in the same engine', true],
        ['in another', false],
      ])('%s', async (_where, same) => {
        const engine = new Engine();
        const v = make(engine, linking).instantiate<Victim>().exports;
        const elsewhere = same ? engine : new Engine();
        const bytes = await forge(linking);
        const attempts = [() => elsewhere.load(bytes), () => elsewhere.compile(bytes)].map((attempt) => {
          try {
            return attempt();
          } catch (error) {
            expect(error).toBeInstanceOf(RefusedError);
            expect((error as RefusedError).offset).toBeGreaterThan(0);
            return null;
          }
        });
        const c = v.mk();
        for (const module of attempts) {
          if (module === null) continue;
          const f = module.instantiate<Forger>().exports;
          expect([f.isCont(c), f.isStack(c), f.isFrame(c)]).toEqual([0, 0, 0]);
          for (const action of [f.save, f.put, f.empty]) expect(() => action(c)).toThrow(WebAssembly.RuntimeError);
          const made = f.make();
          expect(f.isCont(made)).toBe(1);
          expect(() => v.use(made)).toThrow();
        }
        expect([v.use(c), v.n()]).toEqual([2, 1]);
        expect(() => v.use(c)).toThrow(TrapError);
        expect(v.n()).toBe(1);
      });
    });
  });
});

describe('who knows the brand', () => {
  it.each(LINKINGS)('is refused by name, wherever it comes in: %s', async (linking) => {
    const module = new Engine().compile(victim, { linking });
    const brand = module.manifest?.brand as Uint8Array;
    const bytes = await forger(fieldsOf(brand));
    const message = /^types 0 to 6 are those of the runtime, which no program may have \(at byte \d+\)$/;
    for (const enter of [
      () => new Engine().compile(bytes),
      () => new Engine().load(bytes),
      () => new Runtime().load(bytes),
      () => transform(bytes),
      () => transform(bytes, { linking: 'closed', yields: 'fuel' }),
    ]) {
      expect(enter).toThrow(RefusedError);
      expect(enter).toThrow(message);
    }
    await expect(new Engine().loadAsync(bytes)).rejects.toThrow(message);
  });

  it('is refused behind types of its own, and in a module that was transformed', async () => {
    const { bytes } = transform(victim, { linking: 'closed' });
    const module = decode(bytes);
    const group = runtimeGroup(LINKED_BRAND);
    const shifted = (at: number) =>
      JSON.parse(JSON.stringify(group), (key, value) =>
        key === 'heap' && typeof value === 'number' ? value + at : value,
      );
    const plain = decode(await parseText('(module (type (func)) (type (struct)))'));
    const behind = encode({ ...plain, recGroups: [...plain.recGroups, shifted(2)] });
    expect(() => new Engine().compile(behind)).toThrow(/^types 2 to 8 are/);
    const twice = encode({ ...module, recGroups: [...module.recGroups, shifted(module.recGroups.flat().length)] });
    expect(() => new Engine().load(twice)).toThrow(RefusedError);
  });

  it('has other types where the group is another: longer or shorter', async () => {
    const group = runtimeGroup(LINKED_BRAND);
    const plain = decode(await parseText('(module)'));
    for (const [index, recGroup] of [group.slice(0, 6), [...group, group[1]!]].entries()) {
      const bytes = encode({ ...plain, recGroups: [recGroup] });
      expect(new Engine().compile(bytes).manifest, `${index}`).toBeNull();
    }
  });
});

describe('brands', () => {
  it('are the same each time a closed module is transformed, and another of another module', () => {
    const brand = (bytes: Uint8Array) => brandOf(transform(bytes, { linking: 'closed' }).bytes);
    expect(transform(victim, { linking: 'closed' }).bytes).toEqual(transform(victim, { linking: 'closed' }).bytes);
    expect(brand(victim)).not.toEqual(brand(other));
    expect(brandOf(transform(victim).bytes)).toEqual(brandOf(transform(other).bytes));
  });

  it('can be chosen, and are 16 bytes', () => {
    const brand = Uint8Array.from({ length: 16 }, (_, at) => at * 16 + 1);
    for (const linking of LINKINGS) {
      const { bytes } = transform(victim, { linking, brand });
      expect(brandOf(bytes)).toEqual(fieldsOf(brand));
      expect(new Runtime().load(bytes).manifest?.brand).not.toEqual(brand);
    }
    for (const bad of [new Uint8Array(15), new Uint8Array(17), 'x'.repeat(16)]) {
      expect(() => transform(victim, { brand: bad as Uint8Array })).toThrow(new RangeError('a brand has 16 bytes'));
    }
  });

  it('are secret once a module is loaded: one for each closed module, and one for all linked ones of an engine', () => {
    const engine = new Engine();
    const load = (of: Engine, linking: 'closed' | 'linked') =>
      of.load(transform(victim, { linking }).bytes).manifest?.brand?.join();
    const linked = [load(engine, 'linked'), load(engine, 'linked'), engine.compile(other).manifest?.brand?.join()];
    expect(new Set(linked).size).toBe(1);
    const all = [load(engine, 'closed'), load(engine, 'closed'), linked[0], load(new Engine(), 'linked')];
    expect(new Set(all).size).toBe(4);
    expect(all).not.toContain(LINKED_BRAND.join());
  });

  it('leave the bytes that were given as they are', () => {
    const { bytes } = transform(victim);
    const before = bytes.slice();
    new Runtime().load(bytes);
    new Runtime().load(bytes.buffer);
    expect(bytes).toEqual(before);
  });

  it('have to be those of the linked modules that a store has already', () => {
    const store = new Store();
    const compiled = (brand?: Uint8Array) =>
      new WebAssembly.Module(transform(victim, brand === undefined ? {} : { brand }).bytes);
    store.instantiate(compiled());
    store.instantiate(compiled());
    const unlike = compiled(new Uint8Array(16).fill(7));
    expect(() => store.instantiate(unlike)).toThrow(expect.objectContaining({ kind: 'manifest', problem: 'brand' }));
    expect(new Store().instantiate(unlike).exports.n).toBeTypeOf('function');
  });

  it('are the same in the manifest and in the types, or the module is none that was transformed', async () => {
    const { bytes } = transform(victim, { linking: 'closed' });
    const module = decode(bytes);
    const without = encode({ ...(await decoded('(module)')), customs: module.customs });
    const unlike = encode({ ...module, recGroups: [runtimeGroup(LINKED_BRAND), ...module.recGroups.slice(1)] });
    for (const forged of [without, unlike]) {
      expect(() => new Runtime().load(forged)).toThrow(
        expect.objectContaining({ kind: 'manifest', problem: 'malformed' }),
      );
    }
  });
});

const decoded = async (text: string) => decode(await parseText(text));

describe('what the runtime has modules export', () => {
  it('is out of reach for guests', () => {
    const engine = new Engine();
    for (const linking of LINKINGS) {
      const { exports } = engine.compile(victim, { linking, yields: 'fuel', suspending: [] }).instantiate();
      expect(Object.keys(exports).filter((name) => name.includes('bobbin'))).toEqual([]);
    }
  });

  it('is not imported by anybody', async () => {
    const text = '(module (import "a" "bobbin:raw:mk" (func)) (func (export "f") (call 0)))';
    const bytes = await parseText(text);
    expect(() => new Engine().compile(bytes)).toThrow(/"bobbin:raw:mk"/);
    expect(() => new Engine().load(bytes)).toThrow(ManifestError);
    expect(() => new Store().instantiate(new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>))).toThrow(
      ManifestError,
    );
    expect(() => transform(bytes, { yields: 'fuel' })).toThrow(RefusedError);
  });

  it('is not believed of a module that was not transformed', async () => {
    const engine = new Engine();
    const user = await parseText(`(module (type $f (func)) (type $k (cont $f)) (tag $t (export "t"))
      (import "liar" "f" (func $liar)) (import "host" "suspend" (func $host))
      (elem declare func $g)
      (func (export "suspend") (suspend $t))
      (func $g (call $liar))
      (func (export "run") (block $on (result (ref $k)) (resume $k (on $t $on) (cont.new $k (ref.func $g))) (return)) (drop)))`);
    const suspender: { suspend?: () => void } = {};
    const liar = engine
      .load(
        (await parseText(`(module (import "host" "suspend" (func $s)) (func (export "f") (call $s))
          (func (export "bobbin:raw:f") (call $s)))`)) as Uint8Array<ArrayBuffer>,
      )
      .instantiate({ host: { suspend: () => suspender.suspend?.() } }).exports as Exports & { f: () => void };
    const { exports } = engine
      .compile(user)
      .instantiate<{ run(): void; suspend(): void }>({ liar, host: { suspend: () => {} } });
    suspender.suspend = exports.suspend;
    // Its function is the host's, through which no suspension passes.
    expect(() => exports.run()).toThrow(SuspensionError);
    expect(() => exports.run()).toThrow(SuspensionError);
  });
});

describe('what a host has of a continuation', () => {
  const foreign = expect.objectContaining({ name: 'ForeignContinuationError', kind: 'foreign-continuation' });

  it.each(LINKINGS)('looks to other guests as any object of the host does: %s', (linking) => {
    const engine = new Engine();
    const { exports } = engine.compile(victim, { linking }).instantiate<Victim>();
    const guest = engine
      .load(curious as Uint8Array<ArrayBuffer>)
      .instantiate<Record<string, (value: unknown) => number>>();
    const continuation = exports.mk();
    expect(continuation).toBeInstanceOf(ContinuationHandle);
    expect(Object.isFrozen(continuation)).toBe(true);
    for (const [name, ask] of Object.entries(guest.exports)) {
      expect(ask(continuation), name).toBe(0);
      expect(ask(continuation), name).toBe(ask({}));
    }
  });

  it.each(LINKINGS)('is of use to its own engine only: %s', (linking) => {
    const [one, two] = [new Engine(), new Engine()].map((engine) =>
      engine.compile(victim, { linking }).instantiate<Victim>(),
    );
    const continuation = one!.exports.mk();
    const values: unknown[] = [continuation, {}, [], 1, 'x', () => {}, Symbol('x'), two, undefined, 5n];
    for (const value of values) expect(() => two!.exports.use(value as object)).toThrow(foreign);
    expect(one!.exports.use(continuation)).toBe(2);
    expect(() => one!.exports.use(continuation)).toThrow(TrapError);
    expect(() => one!.exports.use(null as never)).toThrow('null continuation reference');
  });

  it('passes between linked modules of an engine, and not between closed ones', () => {
    for (const linking of LINKINGS) {
      const engine = new Engine();
      const [one, two] = [0, 1].map(() => engine.compile(victim, { linking }).instantiate<Victim>().exports);
      const continuation = one!.mk();
      // It suspends with the tag of its own instance, which the other does not handle.
      if (linking === 'linked') expect(() => two!.use(continuation)).toThrow(SuspensionError);
      else expect(() => two!.use(continuation)).toThrow(foreign);
    }
  });

  it.each(LINKINGS)('comes and goes through imports too: %s', async (linking) => {
    const bytes = await parseText(`(module (type $f (func)) (type $k (cont $f)) (tag $t)
      (import "host" "keep" (func $keep (param i32 (ref null $k) anyref)))
      (import "host" "give" (func $give (result (ref null $k))))
      (import "host" "both" (func $both (param (ref null $k)) (result i32 (ref null $k))))
      (elem declare func $g)
      (func $g (suspend $t))
      (func $run (param (ref null $k)) (result i32)
        (block $on (result (ref $k)) (resume $k (on $t $on) (local.get 0)) (return (i32.const 1))) (drop) (i32.const 2))
      (func (export "out") (call $keep (i32.const 5) (cont.new $k (ref.func $g)) (ref.i31 (i32.const 7))))
      (func (export "same") (param (ref null $k)) (result (ref null $k)) (local.get 0))
      (func (export "in") (result i32) (call $run (call $give)))
      (func (export "through") (param (ref null $k)) (result i32)
        (call $run (block (result (ref null $k)) (call $both (local.get 0)) (return_call $run)))))`);
    const seen: unknown[] = [];
    const host = {
      keep: (...args: unknown[]) => void seen.push(...args),
      give: () => seen[1],
      both: (value: unknown) => [value === null ? 0 : 1, value],
    };
    const { exports } = new Engine().compile(bytes, { linking }).instantiate<{
      out(): void;
      in(): number;
      same(value: unknown): unknown;
      through(value: unknown): number;
    }>({ host });
    exports.out();
    expect([seen[0], seen[2]]).toEqual([5, 7]);
    expect(seen[1]).toBeInstanceOf(ContinuationHandle);
    expect(exports.same(seen[1])).toBe(seen[1]);
    expect(exports.same(null)).toBeNull();
    expect(exports.in()).toBe(2);
    expect(() => exports.in()).toThrow('continuation already consumed');
    exports.out();
    seen.splice(0, 3);
    expect(exports.through(seen[1])).toBe(2);
  });
});
