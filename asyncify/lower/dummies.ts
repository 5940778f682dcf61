import type { Instr } from '../binary/opcodes.ts';
import type { HeapType, TypeIdx, ValType } from '../binary/types.ts';
import { isRef, refType } from '../binary/types.ts';
import { Asm, made } from './asm.ts';
import type { Build } from './build.ts';
import { RUNTIME_TYPES, T } from './runtime-types.ts';

/**
 * Values that stand in where a function unwinds (its results) or is re-entered (its parameters): nobody reads them, but
 * they must have the type. A non-null reference gets one object per type, made when the module is instantiated.
 */
export class Dummies {
  readonly #build: Build;
  readonly #constructible = new Map<TypeIdx, boolean>();

  constructor(build: Build) {
    this.#build = build;
  }

  /** Code that pushes a dummy of an output type; null where the type has no value at all. */
  of(type: ValType): readonly Instr[] | null {
    if (!isRef(type)) return [zero(type)];
    if (type.nullable) return [made('ref.null', { heap: type.heap })];
    if (type.heap === 'exn') return this.#exception();
    const init = this.#init(type.heap);
    if (init === null) return null;
    const global = this.#build.addGlobal({ type, mutable: false }, init, `dummy ${String(type.heap)}`);
    return [made('global.get', { global })];
  }

  /** A constant expression for a non-null reference. */
  #init(heap: HeapType): Instr[] | null {
    const build = this.#build;
    switch (heap) {
      case 'any':
      case 'eq':
      case 'i31':
        return [made('i32.const', { i32: 0 }), made('ref.i31', {})];
      case 'struct':
        return [made('struct.new_default', { type: T.tag })];
      case 'array': {
        const type = build.addType({
          final: true,
          supers: [],
          comp: { kind: 'array', field: { type: 'i8', mutable: false } },
        });
        return [made('array.new_fixed', { type, count: 0 })];
      }
      case 'extern':
        return [made('i32.const', { i32: 0 }), made('ref.i31', {}), made('extern.convert_any', {})];
      case 'func':
        return this.#func(build.funcType([], []));
      case 'cont':
        return [made('struct.new_default', { type: T.cont })];
      case 'none':
      case 'nofunc':
      case 'noextern':
      case 'noexn':
      case 'nocont':
      case 'exn':
        return null;
      default:
        return this.#concrete(heap);
    }
  }

  #func(type: TypeIdx): Instr[] {
    const func = this.#build.addFunc(type, `dummy ${type}`);
    this.#build.define(func, { locals: [], body: [made('unreachable', {})] });
    return [made('ref.func', { func })];
  }

  #concrete(type: TypeIdx): Instr[] | null {
    if (type < RUNTIME_TYPES) return [made('struct.new_default', { type })];
    const build = this.#build;
    const comp = build.info.comp((type - RUNTIME_TYPES) as TypeIdx);
    switch (comp.kind) {
      case 'func':
        return this.#func(type);
      case 'cont':
        return [made('struct.new_default', { type })];
      case 'array':
        return [made('array.new_fixed', { type, count: 0 })];
      case 'struct': {
        if (this.#constructible.get(type) === false) return null;
        this.#constructible.set(type, false);
        const code: Instr[] = [];
        for (const field of comp.fields) {
          const storage = build.storage(field.type);
          const value = storage === 'i8' || storage === 'i16' ? [zero('i32')] : this.of(storage);
          if (value === null) return null;
          code.push(...value);
        }
        this.#constructible.delete(type);
        return [...code, made('struct.new', { type })];
      }
      default:
        return comp satisfies never;
    }
  }

  /** An exception reference cannot be made in a constant expression: a function throws one and catches it. */
  #exception(): Instr[] {
    const build = this.#build;
    const type = refType('exn', false);
    const func = build.addFunc(build.funcType([], [type]), 'dummy exception');
    const asm = new Asm();
    const caught = asm.open('block', { kind: 'value', type });
    asm.openTry({ kind: 'empty' }, [{ kind: 'catch_all_ref', label: caught }]);
    // A null exnref makes throw_ref trap, which catch_all_ref must not see; so the dummy's tag is thrown.
    asm.op('throw', { tag: build.dummyTag() }).close().do('unreachable').close();
    build.define(func, { locals: [], body: asm.out });
    return [made('call', { func })];
  }
}

export function zero(type: 'i32' | 'i64' | 'f32' | 'f64' | 'v128'): Instr {
  switch (type) {
    case 'i32':
      return made('i32.const', { i32: 0 });
    case 'i64':
      return made('i64.const', { i64: 0n });
    case 'f32':
      return made('f32.const', { f32: 0 });
    case 'f64':
      return made('f64.const', { f64: 0n });
    case 'v128':
      return made('v128.const', { v128: new Uint8Array(16) });
    default:
      return type satisfies never;
  }
}
