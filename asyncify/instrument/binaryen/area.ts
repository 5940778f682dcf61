import type { FuncIdx, LocalIdx, MemIdx, TypeIdx } from '../../binary/types.ts';
import { refType } from '../../binary/types.ts';
import { Asm, Locals } from '../../lower/asm.ts';
import type { Build } from '../../lower/build.ts';

/** Layout of the Asyncify area: where the next value goes, where the area ends, and the values. */
const POSITION = 0n;
const BASE = 8;
/** Stores both words of the header: position at the base; the end is the memory's, which is as large as the largest frame. */
const HEADER = BigInt.asIntN(64, (0xffff_ffffn << 32n) | BigInt(BASE));

/**
 * The memory that Asyncify saves into and loads from, and what moves the one frame in it to the heap and back. It is empty
 * whenever guest or host code runs.
 */
export class Area {
  readonly memory: MemIdx;
  /** `(array (mut i64))`: a frame's bytes. */
  readonly slice: TypeIdx;
  readonly #build: Build;
  #unload: FuncIdx | null = null;
  #refill: FuncIdx | null = null;
  #load: FuncIdx | null = null;

  constructor(build: Build) {
    this.#build = build;
    this.memory = build.addMemory({ address: 'i32', min: 1n, max: 1n, shared: false });
    this.slice = build.addType({
      final: true,
      supers: [],
      comp: { kind: 'array', field: { type: 'i64', mutable: true } },
    });
  }

  /** Emits what empties the area. */
  clear(asm: Asm): void {
    asm.i32(0).op('i64.const', { i64: HEADER });
    asm.op('i64.store', { memarg: { align: 3, memory: this.memory, offset: POSITION } });
  }

  /** Emits `[] -> [i32]`: how many bytes are in the area. */
  used(asm: Asm): void {
    asm.i32(0).op('i32.load', { memarg: { align: 2, memory: this.memory, offset: POSITION } });
    asm.i32(BASE).do('i32.sub');
  }

  /** `[] -> [(ref null $slice)]`: moves the area's bytes to the heap. */
  get unload(): FuncIdx {
    if (this.#unload !== null) return this.#unload;
    const result = refType(this.slice, true);
    const func = this.#build.addFunc(this.#build.funcType([], [result]), 'asyncify unload');
    const locals = new Locals(0);
    const slice = locals.add(result);
    const asm = new Asm();
    this.used(asm);
    asm.i32(7).do('i32.add').i32(3).do('i32.shr_u').op('array.new_default', { type: this.slice }).tee(slice);
    asm.call(this.refill).get(slice);
    this.#build.define(func, { locals: locals.declared, body: asm.out });
    this.#unload = func;
    return func;
  }

  /** `[(ref null $slice)] -> []`: moves the area's bytes into a slice that has room for them. */
  get refill(): FuncIdx {
    if (this.#refill !== null) return this.#refill;
    const func = this.#build.addFunc(this.#build.funcType([refType(this.slice, true)], []), 'asyncify refill');
    const asm = new Asm();
    const body = this.#each(asm, (slice, index, address) => {
      asm.get(slice).get(index);
      address();
      asm.op('i64.load', { memarg: { align: 3, memory: this.memory, offset: BigInt(BASE) } });
      asm.op('array.set', { type: this.slice });
    });
    this.clear(asm);
    this.#build.define(func, { locals: body, body: asm.out });
    this.#refill = func;
    return func;
  }

  /** `[(ref null $slice) i32] -> []`: puts a slice of so many bytes into the area. */
  get load(): FuncIdx {
    if (this.#load !== null) return this.#load;
    const func = this.#build.addFunc(this.#build.funcType([refType(this.slice, true), 'i32'], []), 'asyncify load');
    const asm = new Asm();
    const body = this.#each(
      asm,
      (slice, index, address) => {
        address();
        asm.get(slice).get(index).op('array.get', { type: this.slice });
        asm.op('i64.store', { memarg: { align: 3, memory: this.memory, offset: BigInt(BASE) } });
      },
      2,
    );
    asm
      .i32(0)
      .get(1 as LocalIdx)
      .i32(BASE)
      .do('i32.add');
    asm.op('i32.store', { memarg: { align: 2, memory: this.memory, offset: POSITION } });
    this.#build.define(func, { locals: body, body: asm.out });
    this.#load = func;
    return func;
  }

  /** Emits a loop over the elements of the slice in local 0; returns the locals it declares. */
  #each(
    asm: Asm,
    body: (slice: LocalIdx, index: LocalIdx, address: () => void) => void,
    params = 1,
  ): Locals['declared'] {
    const locals = new Locals(params);
    const slice = locals.param(0);
    const index = locals.add('i32');
    const length = locals.add('i32');
    asm.get(slice).do('array.len').set(length);
    const done = asm.open('block');
    const next = asm.open('loop');
    asm.get(index).get(length).do('i32.ge_u').brIf(done);
    body(slice, index, () => asm.get(index).i32(3).do('i32.shl'));
    asm.get(index).i32(1).do('i32.add').set(index).br(next).close().close();
    return locals.declared;
  }
}
