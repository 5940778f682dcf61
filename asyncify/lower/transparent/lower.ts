import { encodeNames, importsOf, type Limits, namesOf } from '../../binary/index.ts';
import type { Elem, Expr, Func, Global, Module, Table } from '../../binary/module.ts';
import type { Instr } from '../../binary/opcodes.ts';
import {
  type FuncIdx,
  type FuncType,
  type GlobalIdx,
  type RecGroup,
  refType,
  sameType,
  type TableIdx,
  type TypeIdx,
  type ValType,
} from '../../binary/types.ts';
import type { ModuleInfo } from '../../validate/index.ts';
import { Asm, Locals, made, valueBlock } from '../asm.ts';
import type { Origins } from '../origins.ts';
import { calleeOf } from './dyn-call.ts';
import { type HostCall, hostCalls } from './find.ts';
import { Indices } from './indices.ts';
import { stackPointerOf } from './stack-pointer.ts';
import { functionTable } from './table.ts';

export interface TransparentOptions {
  /**
   * Imported functions that do nothing but to call back: `(index, arguments…)` calls the function at that index of the module's table
   * with the arguments and returns what it returns. Where it throws, the host function decides what to do, the shadow stack being as
   * it was. Calls of these do not put a frame of the host's between the module's own. `module.name`, where `*` at the end stands for
   * anything. Default: those that Emscripten makes of setjmp and C++ exceptions (`env.invoke_*`, and in minified modules those that are
   * used like them), in modules that a host can suspend. `[]`: none.
   */
  readonly transparent?: readonly string[];
}

/** An imported function that is taken for one that only calls back. */
export interface HostFrame {
  readonly func: FuncIdx;
  /** Why its calls put a frame of the host's between the module's all the same; null: they do not. */
  readonly kept: string | null;
}

export interface Transparent {
  /** Null: nothing was changed. */
  readonly lowered: { readonly module: Module; readonly origins: Origins } | null;
  readonly frames: readonly HostFrame[];
}

/** Engines take no larger tables (JavaScript API, "Implementation-defined Limits"). */
const LARGEST_TABLE = 10_000_000n;

/**
 * The same module, in which calls of host functions that only call back are calls of functions of its own. Such a function calls what
 * lies in the table, if that is what the import's type says, and returns what it returns. Only if an exception comes out is the host
 * function called, with another index: what lies there throws that exception, so that the host function does with it what it would
 * have done, whatever that is. Everything else (no such function, one of another type) the host function is called for as ever.
 *
 * The functions that throw lie at the end of the table, which is as if the host had put as many functions there. Where the host function
 * is known to call by an export (`dynCall_*`) that does it in their place.
 *
 * @param info what `validate` returned
 */
export function lowerTransparent(info: ModuleInfo, { transparent }: TransparentOptions): Transparent {
  const table = functionTable(info);
  const calls = hostCalls(info, transparent);
  if (calls.length === 0) return { lowered: null, frames: [] };
  const pointer = stackPointerOf(info);
  const isRedirected = new Map<FuncIdx, HostCall>();
  const frames = calls.map((call): HostFrame => {
    const kept =
      pointer.kind === 'unknown' ? 'nothing tells which global is its stack pointer' : whyKept(info, table, call);
    if (kept === null) isRedirected.set(call.func, call);
    return { func: call.func, kept };
  });
  if (table === null || isRedirected.size === 0 || !isCalled(info, isRedirected)) return { lowered: null, frames };
  const stackPointer = pointer.kind === 'global' && pointer.isShared ? pointer.global : null;
  return { lowered: new Lowered(info, table, stackPointer, isRedirected).finish(), frames };
}

function whyKept(info: ModuleInfo, table: TableIdx | null, { func }: HostCall): string | null {
  const [index] = info.funcType(info.funcTypes[func] as TypeIdx).params;
  if (table === null) return 'nothing tells which table it calls through';
  const { limits } = info.tables[table] as { limits: Limits };
  if (index !== limits.address) return 'its first parameter is no index of the table';
  return limits.min + BigInt(info.importedFuncs) > LARGEST_TABLE ? 'the table can be no larger' : null;
}

function isCalled(info: ModuleInfo, redirected: ReadonlyMap<FuncIdx, HostCall>): boolean {
  return info.module.funcs.some(({ body }) =>
    body.some((instr) => (instr.op === 'call' || instr.op === 'return_call') && redirected.has(instr.func)),
  );
}

const EXN = refType('exn', true);
const FUNC = refType('func', true);

/** States of the global that says where in a table the functions lie that throw, until they are put there. */
const SLOTS = { unasked: -2, refused: -1 } as const;

interface Added {
  readonly func: Func;
  readonly name: string;
}

/** A module with what is added to it: all indices of the source stay as they are. */
class Lowered {
  readonly #info: ModuleInfo;
  readonly #table: TableIdx;
  readonly #indices: Indices;
  /** How many entries the table has in the source. */
  readonly #end: bigint;
  readonly #stackPointer: GlobalIdx | null;
  readonly #types: RecGroup[] = [];
  readonly #funcs: (Added | null)[] = [];
  readonly #globals: Global[] = [];
  /** The exception that is to be thrown to the host function. */
  readonly #exception: GlobalIdx;
  /** The functions that throw, by the type they are called with, in the order of their slots. */
  readonly #throwers = new Map<TypeIdx, FuncIdx>();
  /** Where the first of them lies; null: where the source's table ends. */
  readonly #slots: GlobalIdx | null;
  readonly #grow: FuncIdx | null;
  readonly #redirected = new Map<FuncIdx, FuncIdx>();
  /** Exported functions that throw for their host first, by what they were. */
  readonly #dynCalls = new Map<FuncIdx, FuncIdx>();

  constructor(
    info: ModuleInfo,
    table: TableIdx,
    stackPointer: GlobalIdx | null,
    calls: ReadonlyMap<FuncIdx, HostCall>,
  ) {
    this.#info = info;
    this.#table = table;
    const { limits } = info.tables[table] as { limits: Limits };
    this.#indices = new Indices(limits);
    this.#end = limits.min;
    this.#stackPointer = stackPointer;
    this.#exception = this.#global(EXN, [made('ref.null', { heap: 'exn' })]);
    for (const call of calls.values()) this.#thrower(this.#calleeType(call));
    const unasked = this.#indices.constant(SLOTS.unasked);
    this.#slots = isSettled(info, table) ? null : this.#global(this.#indices.type, [unasked]);
    this.#grow = this.#slots === null ? null : this.#growing(table, this.#slots);
    for (const call of calls.values()) {
      this.#redirected.set(call.func, this.#redirection(call));
      if (call.dynCall !== null) this.#dynCall(call.dynCall);
    }
  }

  finish(): { readonly module: Module; readonly origins: Origins } {
    const { module, importedFuncs } = this.#info;
    const lowered = new Map<Instr, Instr>();
    const funcs = module.funcs.map((func, index): Func => {
      if (!this.#info.landmarks[index]?.some(({ instr }) => this.#isRedirected(instr))) return func;
      const body = func.body.map((instr) => {
        if (instr.op !== 'call' && instr.op !== 'return_call') return instr;
        const to = this.#redirected.get(instr.func);
        if (to === undefined) return instr;
        const output = { ...instr, func: to };
        lowered.set(output, instr);
        return output;
      });
      return { ...func, body };
    });
    const added = this.#funcs.map((entry) => entry as Added);
    const output: Module = {
      ...module,
      recGroups: [...module.recGroups, ...this.#types],
      funcs: [...funcs, ...added.map(({ func }) => func)],
      globals: [...module.globals, ...this.#globals],
      exports: module.exports.map((entry) =>
        entry.kind === 'func' ? { ...entry, index: this.#dynCalls.get(entry.index as FuncIdx) ?? entry.index } : entry,
      ),
      tables: this.#tables(),
      elems: [...module.elems, ...this.#elems()],
      customs: module.customs.map((custom) => {
        if (custom.name !== 'name') return custom;
        const names = namesOf({ customs: [custom] });
        const func = new Map(names.func);
        added.forEach(({ name }, at) => void func.set((this.#info.funcTypes.length + at) as FuncIdx, name));
        return { ...custom, bytes: encodeNames({ ...names, func }) };
      }),
    };
    const sources = importedFuncs + module.funcs.length;
    return {
      module: output,
      origins: {
        func: (index) => (index < sources ? index : null),
        instr: (instr) => lowered.get(instr) ?? instr,
        text: () => null,
      },
    };
  }

  #isRedirected(instr: Instr): boolean {
    return (instr.op === 'call' || instr.op === 'return_call') && this.#redirected.has(instr.func);
  }

  #tables(): readonly Table[] {
    const { module, importedTables } = this.#info;
    const more = BigInt(this.#throwers.size);
    return module.tables.map((table, at) => {
      if (at + importedTables !== this.#table) return table;
      const { limits } = table.type;
      const min = this.#slots === null ? limits.min + more : limits.min;
      const largest = limits.address === 'i32' ? 0xffff_ffffn : 0xffff_ffff_ffff_ffffn;
      const max = limits.max === null ? null : limits.max + more > largest ? largest : limits.max + more;
      return { ...table, type: { ...table.type, limits: { ...limits, min, max } } };
    });
  }

  #elems(): Elem[] {
    const init = [...this.#throwers.values()].map((func): Expr => [made('ref.func', { func })]);
    const offset = [this.#indices.constant(this.#end)];
    const mode: Elem['mode'] =
      this.#slots === null ? { kind: 'active', target: this.#table, offset } : { kind: 'declarative' };
    return [{ type: FUNC, init, mode, at: -1 }];
  }

  // ---- what is added

  #global(type: ValType, init: Expr): GlobalIdx {
    this.#globals.push({ type: { type, mutable: true }, init, at: -1 });
    return (this.#info.globals.length + this.#globals.length - 1) as GlobalIdx;
  }

  /** Reserves a function's place, so that it can be called before it is made. */
  #reserve(): FuncIdx {
    this.#funcs.push(null);
    return (this.#info.funcTypes.length + this.#funcs.length - 1) as FuncIdx;
  }

  #define(index: FuncIdx, name: string, type: TypeIdx, locals: readonly ValType[], body: Expr): void {
    this.#funcs[index - this.#info.funcTypes.length] = { name, func: { type, locals, body, at: -1, endAt: -1 } };
  }

  #signature(func: FuncIdx): FuncType {
    return this.#info.funcType(this.#info.funcTypes[func] as TypeIdx);
  }

  /** The type of what an import calls: its own without the index, or that of the export it calls by. */
  #calleeType({ func, dynCall, isIndirect }: HostCall): TypeIdx {
    if (dynCall !== null && isIndirect) return calleeOf(this.#info, dynCall) ?? this.#type([], []);
    const { params, results } = this.#signature(func);
    return this.#type(params.slice(1), results);
  }

  /** A type of the source's, if it has it, as the functions in its tables have. */
  #type(params: readonly ValType[], results: readonly ValType[]): TypeIdx {
    const all = [...this.#info.types, ...this.#types.flat()];
    const same = (a: readonly ValType[], b: readonly ValType[]): boolean =>
      a.length === b.length && a.every((type, at) => sameType(type, b[at] as ValType));
    const known = all.findIndex(
      ({ final, supers, comp }) =>
        final &&
        supers.length === 0 &&
        comp.kind === 'func' &&
        same(comp.params, params) &&
        same(comp.results, results),
    );
    if (known >= 0) return known as TypeIdx;
    this.#types.push([{ final: true, supers: [], comp: { kind: 'func', params, results } }]);
    return all.length as TypeIdx;
  }

  /** `(arguments…) -> (results…)`: throws what `exception` holds, once. */
  #thrower(type: TypeIdx): FuncIdx {
    const known = this.#throwers.get(type);
    if (known !== undefined) return known;
    const index = this.#reserve();
    this.#throwers.set(type, index);
    const found = this.#types.flat()[type - this.#info.types.length]?.comp;
    const { params } = found?.kind === 'func' ? found : this.#info.funcType(type);
    const locals = new Locals(params.length);
    const asm = new Asm();
    this.#throw(asm, locals);
    this.#define(index, 'throw to the host', type, locals.declared, asm.out);
    return index;
  }

  #throw(asm: Asm, locals: Locals): void {
    const exception = locals.add(EXN);
    asm.globalGet(this.#exception).set(exception);
    asm.null('exn').globalSet(this.#exception);
    asm.get(exception).do('throw_ref');
  }

  /** `() -> ()`: makes room in a table that is not the module's alone, and puts the functions there that throw. */
  #growing(table: TableIdx, slots: GlobalIdx): FuncIdx {
    const index = this.#reserve();
    const asm = new Asm();
    asm.null('func').push(this.#indices.constant(this.#throwers.size)).op('table.grow', { table }).globalSet(slots);
    this.#indices.op(asm.globalGet(slots), 'ne', SLOTS.refused).open('if');
    [...this.#throwers.values()].forEach((func, at) => {
      this.#indices.op(asm.globalGet(slots), 'add', at).op('ref.func', { func }).op('table.set', { table });
    });
    asm.close();
    this.#define(index, 'room to throw to the host', this.#type([], []), [], asm.out);
    return index;
  }

  /** Of the import's type: what is called in its place. */
  #redirection(call: HostCall): FuncIdx {
    const index = this.#reserve();
    const { params } = this.#signature(call.func);
    const locals = new Locals(params.length);
    const asm = new Asm();
    const args = (from: number): void => {
      for (let at = from; at < params.length; at++) asm.get(locals.param(at));
    };
    const table = this.#table;
    const type = this.#calleeType(call);
    const { dynCall } = call;
    const native = asm.open('block');
    this.#room(asm, native);
    if (dynCall !== null && call.isIndirect) {
      this.#caught(asm, locals, () => {
        args(0);
        asm.call(dynCall);
      });
    } else {
      const callee = locals.add(refType(type, true));
      const to = refType(type, false);
      this.#indices.isOutside(asm.get(locals.param(0)).op('table.size', { table })).brIfUnlikely(native);
      const fits = asm.open('block', valueBlock(to));
      asm.get(locals.param(0)).op('table.get', { table });
      asm.op('br_on_cast', { cast: { label: asm.depthOf(fits), from: FUNC, to } });
      asm.do('drop').br(native).close().set(callee);
      this.#caught(asm, locals, () => {
        args(1);
        asm.get(callee).callRef(type);
      });
    }
    this.#slot(asm, [...this.#throwers.keys()].indexOf(type));
    args(1);
    asm.call(call.func).do('return').close();
    args(0);
    asm.call(call.func);
    const name = importsOf(this.#info.module, 'func')[call.func]?.name ?? '';
    this.#define(
      index,
      `${name} (without the host)`,
      this.#info.funcTypes[call.func] as TypeIdx,
      locals.declared,
      asm.out,
    );
    return index;
  }

  /** Sees to it that the functions that throw are in the table; branches where they cannot be. */
  #room(asm: Asm, native: ReturnType<Asm['open']>): void {
    if (this.#slots === null || this.#grow === null) return;
    this.#indices.op(asm.globalGet(this.#slots), 'eq', SLOTS.unasked).openUnlikely();
    asm.call(this.#grow).close();
    this.#indices.op(asm.globalGet(this.#slots), 'eq', SLOTS.refused).brIfUnlikely(native);
  }

  /** Emits a call that returns from the function; where an exception comes out, the code goes on, the shadow stack as it was. */
  #caught(asm: Asm, locals: Locals, call: () => void): void {
    const before = this.#stackPointer === null ? null : locals.add('i32');
    if (this.#stackPointer !== null && before !== null) asm.globalGet(this.#stackPointer).set(before);
    const caught = asm.open('block', valueBlock(EXN));
    asm.openTry({ kind: 'empty' }, [{ kind: 'catch_all_ref', label: caught }]);
    call();
    asm.do('return').close().do('unreachable').close().globalSet(this.#exception);
    if (this.#stackPointer !== null && before !== null) asm.get(before).globalSet(this.#stackPointer);
  }

  /** Emits the index of one of the functions that throw. */
  #slot(asm: Asm, at: number): void {
    if (this.#slots === null) asm.push(this.#indices.constant(this.#end + BigInt(at)));
    else this.#indices.op(asm.globalGet(this.#slots), 'add', at);
  }

  /** What is exported in the place of a function: called by a host function that has an exception to get, it throws that. */
  #dynCall(func: FuncIdx): void {
    if (this.#dynCalls.has(func)) return;
    const index = this.#reserve();
    this.#dynCalls.set(func, index);
    const { params } = this.#signature(func);
    const locals = new Locals(params.length);
    const asm = new Asm();
    asm.globalGet(this.#exception).do('ref.is_null', 'i32.eqz').openUnlikely();
    this.#throw(asm, locals);
    asm.close();
    for (let at = 0; at < params.length; at++) asm.get(locals.param(at));
    asm.call(func);
    this.#define(index, 'throws for the host', this.#info.funcTypes[func] as TypeIdx, locals.declared, asm.out);
  }
}

/** Whether a table is the module's own, and as large when code first runs as it says: what is put behind its end is found there. */
function isSettled(info: ModuleInfo, table: TableIdx): boolean {
  if (table < info.importedTables) return false;
  const { limits } = info.tables[table] as { limits: Limits };
  const inside = info.module.elems.every(({ init, mode }) => {
    if (mode.kind !== 'active' || mode.target !== table) return true;
    const [instr, ...more] = mode.offset;
    if (more.length > 0 || instr?.op !== 'i32.const') return false;
    return BigInt(instr.i32 >>> 0) + BigInt(init.length) <= limits.min;
  });
  const uses = (instr: Instr): boolean =>
    instr.op.startsWith('table.') &&
    (('table' in instr && instr.table === table) || ('table2' in instr && instr.table2 === table));
  return inside && !info.module.funcs.some(({ body }) => body.some(uses));
}
