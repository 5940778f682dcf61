import type { Hierarchy, NumberType } from './values.ts';

/** A value type as the binary has it: `bytes` is its encoding, `concrete` whether it names a type index. */
export type ValueType =
  | { readonly type: NumberType | 'v128'; readonly bytes: Uint8Array }
  | {
      readonly type: 'ref';
      readonly hierarchy: Hierarchy;
      readonly nullable: boolean;
      readonly concrete: boolean;
      readonly bytes: Uint8Array;
    };

export type FunctionType = { readonly params: readonly ValueType[]; readonly results: readonly ValueType[] };

/** What an export is, as far as an action needs it. */
export type ExportType =
  | { readonly kind: 'func'; readonly typeIndex: number; readonly type: FunctionType; readonly plain: boolean }
  | { readonly kind: 'global'; readonly mutable: boolean; readonly type: ValueType }
  | { readonly kind: 'other' };

/** The types of a module: its exports', and its whole type section for modules that import from it. */
export type ModuleTypes = {
  readonly exports: ReadonlyMap<string, ExportType>;
  /** Number of recursion groups in {@link groups}. */
  readonly groupCount: number;
  /** Number of types in {@link groups}. */
  readonly typeCount: number;
  /** The type section's entries, encoded. */
  readonly groups: Uint8Array;
};

/** Reads the types of a module that the mode has accepted. Throws `RangeError` or `Error` on anything else. */
export function readModuleTypes(bytes: Uint8Array): ModuleTypes {
  return new TypeReader(bytes).read();
}

type Composite =
  | { readonly kind: 'func'; readonly type: FunctionType; readonly plain: boolean }
  | { readonly kind: 'struct' | 'array' | 'cont' };

const numberTypes: ReadonlyMap<number, NumberType | 'v128'> = new Map([
  [0x7f, 'i32'],
  [0x7e, 'i64'],
  [0x7d, 'f32'],
  [0x7c, 'f64'],
  [0x7b, 'v128'],
]);

const abstractHeapTypes: ReadonlyMap<number, Hierarchy> = new Map([
  [0x75, 'cont'],
  [0x74, 'exn'],
  [0x73, 'func'],
  [0x72, 'extern'],
  [0x71, 'any'],
  [0x70, 'func'],
  [0x6f, 'extern'],
  [0x6e, 'any'],
  [0x6d, 'any'],
  [0x6c, 'any'],
  [0x6b, 'any'],
  [0x6a, 'any'],
  [0x69, 'exn'],
  [0x68, 'cont'],
]);

const hierarchyOfComposite = { func: 'func', struct: 'any', array: 'any', cont: 'cont' } as const;

// A reference may name a type of its own recursion group that is yet to come: its hierarchy is resolved afterwards.
type UnresolvedRef = { type: 'ref'; hierarchy: Hierarchy; nullable: boolean; concrete: boolean; bytes: Uint8Array };

class TypeReader {
  readonly #bytes: Uint8Array;
  #at = 8;
  readonly #types: Composite[] = [];
  readonly #unresolved: { ref: UnresolvedRef; index: number }[] = [];
  readonly #functions: number[] = [];
  readonly #globals: { mutable: boolean; type: ValueType }[] = [];
  #groups: Uint8Array = new Uint8Array();
  #groupCount = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(): ModuleTypes {
    const exports = new Map<string, ExportType>();
    while (this.#at < this.#bytes.length) {
      const id = this.#byte();
      const size = this.#u32();
      const end = this.#at + size;
      if (id === 1) this.#typeSection(end);
      else if (id === 2) this.#repeat(() => this.#import());
      else if (id === 3) this.#repeat(() => this.#functions.push(this.#u32()));
      else if (id === 6) this.#repeat(() => this.#global());
      else if (id === 7) this.#repeat(() => this.#export(exports));
      this.#at = end;
    }
    return { exports, groupCount: this.#groupCount, typeCount: this.#types.length, groups: this.#groups };
  }

  #repeat(read: () => void): void {
    for (let count = this.#u32(); count > 0; count--) read();
  }

  #typeSection(end: number): void {
    this.#groupCount = this.#u32();
    this.#groups = this.#bytes.slice(this.#at, end);
    for (let count = this.#groupCount; count > 0; count--) {
      if (this.#bytes[this.#at] === 0x4e) {
        this.#at++;
        this.#repeat(() => this.#subType(true));
      } else {
        this.#subType(false);
      }
    }
    for (const { ref, index } of this.#unresolved) ref.hierarchy = hierarchyOfComposite[this.#types[index]!.kind];
  }

  #subType(inGroup: boolean): void {
    let plain = !inGroup;
    if (this.#bytes[this.#at] === 0x50 || this.#bytes[this.#at] === 0x4f) {
      this.#at++;
      plain = false;
      this.#repeat(() => this.#u32());
    }
    const kind = this.#byte();
    if (kind === 0x60) {
      const type = { params: this.#valueTypes(), results: this.#valueTypes() };
      const closed = [...type.params, ...type.results].every((value) => value.type !== 'ref' || !value.concrete);
      this.#types.push({ kind: 'func', type, plain: plain && closed });
    } else if (kind === 0x5f) {
      this.#repeat(() => this.#field());
      this.#types.push({ kind: 'struct' });
    } else if (kind === 0x5e) {
      this.#field();
      this.#types.push({ kind: 'array' });
    } else if (kind === 0x5d) {
      this.#s33();
      this.#types.push({ kind: 'cont' });
    } else {
      throw new Error(`unknown composite type 0x${kind.toString(16)}`);
    }
  }

  #field(): void {
    const packed = this.#bytes[this.#at] === 0x78 || this.#bytes[this.#at] === 0x77;
    if (packed) this.#at++;
    else this.#valueType();
    this.#byte();
  }

  #valueTypes(): ValueType[] {
    const types: ValueType[] = [];
    this.#repeat(() => types.push(this.#valueType()));
    return types;
  }

  #valueType(): ValueType {
    const start = this.#at;
    const code = this.#byte();
    const number = numberTypes.get(code);
    if (number !== undefined) return { type: number, bytes: this.#bytes.slice(start, this.#at) };
    const short = abstractHeapTypes.get(code);
    if (short !== undefined) {
      const bytes = this.#bytes.slice(start, this.#at);
      return { type: 'ref', hierarchy: short, nullable: true, concrete: false, bytes };
    }
    if (code !== 0x63 && code !== 0x64) throw new Error(`unknown value type 0x${code.toString(16)}`);
    const heap = this.#s33();
    const bytes = this.#bytes.slice(start, this.#at);
    const nullable = code === 0x63;
    const hierarchy = heap < 0 ? abstractHeapTypes.get(heap + 0x80) : 'any';
    if (hierarchy === undefined) throw new Error(`unknown heap type ${heap}`);
    const ref: UnresolvedRef = { type: 'ref', hierarchy, nullable, concrete: heap >= 0, bytes };
    if (heap >= 0) {
      const known = this.#types[heap];
      if (known !== undefined) ref.hierarchy = hierarchyOfComposite[known.kind];
      else this.#unresolved.push({ ref, index: heap });
    }
    return ref;
  }

  #import(): void {
    this.#name();
    this.#name();
    const kind = this.#byte();
    if (kind === 0) {
      this.#functions.push(this.#u32());
    } else if (kind === 1) {
      this.#valueType();
      this.#limits();
    } else if (kind === 2) {
      this.#limits();
    } else if (kind === 3) {
      this.#globals.push(this.#globalType());
    } else if (kind === 4) {
      this.#byte();
      this.#u32();
    } else {
      throw new Error(`unknown import kind ${kind}`);
    }
  }

  #limits(): void {
    const flags = this.#byte();
    this.#leb();
    if (flags & 1) this.#leb();
  }

  #globalType(): { mutable: boolean; type: ValueType } {
    const type = this.#valueType();
    return { type, mutable: this.#byte() === 1 };
  }

  #global(): void {
    this.#globals.push(this.#globalType());
    this.#skipConstantExpression();
  }

  #skipConstantExpression(): void {
    for (;;) {
      const opcode = this.#byte();
      if (opcode === 0x0b) return;
      // i32.const, i64.const, global.get, ref.func, ref.null, cont.new: one LEB128 each.
      if ([0x41, 0x42, 0x23, 0xd2, 0xd0, 0xe0].includes(opcode)) this.#leb();
      else if (opcode === 0x43) this.#at += 4;
      else if (opcode === 0x44) this.#at += 8;
      else if (opcode === 0xfd) this.#skipVectorConstant();
      else if (opcode === 0xfb) this.#skipGcConstant();
      else if (!extendedConstants.has(opcode)) throw new Error(`no constant instruction: 0x${opcode.toString(16)}`);
    }
  }

  #skipVectorConstant(): void {
    const opcode = this.#u32();
    if (opcode !== 0x0c) throw new Error(`no constant vector instruction: ${opcode}`);
    this.#at += 16;
  }

  #skipGcConstant(): void {
    const opcode = this.#u32();
    // struct.new(_default), array.new(_default): a type; array.new_fixed: a type and a length;
    // any.convert_extern, extern.convert_any, ref.i31: nothing.
    const immediates = new Map([
      [0, 1],
      [1, 1],
      [6, 1],
      [7, 1],
      [8, 2],
      [26, 0],
      [27, 0],
      [28, 0],
    ]).get(opcode);
    if (immediates === undefined) throw new Error(`no constant GC instruction: ${opcode}`);
    for (let count = immediates; count > 0; count--) this.#leb();
  }

  #export(exports: Map<string, ExportType>): void {
    const name = this.#name();
    const kind = this.#byte();
    const index = this.#u32();
    if (kind === 0) {
      const typeIndex = this.#functions[index]!;
      const composite = this.#types[typeIndex];
      if (composite?.kind !== 'func') throw new Error(`type ${typeIndex} is no function type`);
      exports.set(name, { kind: 'func', typeIndex, type: composite.type, plain: composite.plain });
    } else if (kind === 3) {
      exports.set(name, { kind: 'global', ...this.#globals[index]! });
    } else {
      exports.set(name, { kind: 'other' });
    }
  }

  #name(): string {
    const length = this.#u32();
    this.#at += length;
    return utf8.decode(this.#bytes.subarray(this.#at - length, this.#at));
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new RangeError('unexpected end of module');
    return byte;
  }

  #u32(): number {
    return Number(this.#leb());
  }

  /** An unsigned LEB128 number; also skips a signed one. */
  #leb(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  #s33(): number {
    const start = this.#at;
    const value = this.#leb();
    return Number(BigInt.asIntN(7 * (this.#at - start), value));
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** i32 and i64 add, sub, mul. */
const extendedConstants: ReadonlySet<number> = new Set([0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e]);
