import type { Func, Global, Module, Table } from '../binary/module.ts';
import type { Instr } from '../binary/opcodes.ts';
import type {
  FuncIdx,
  FuncType,
  GlobalIdx,
  LocalIdx,
  RecGroup,
  RefType,
  TableIdx,
  TypeIdx,
  ValType,
} from '../binary/types.ts';
import { isRef, refType } from '../binary/types.ts';
import type { ModuleInfo } from '../validate/index.ts';
import { Asm, made } from './asm.ts';

/** The most entries a table may have in engines (WebAssembly JavaScript API, implementation-defined limits). */
const LARGEST = 10_000_000;

type TableInstr = Extract<Instr, { table: TableIdx }>;

/**
 * The same module with its tables of continuations as arrays on the GC heap, which engines read and write in line, where tables
 * cost a call. Only tables that nobody else can see: neither imported nor exported, and without element segments. A table
 * stays in its place, without entries: an access that is out of bounds is made to it, and traps as it would have.
 *
 * @param info what `validate` returned
 * @returns null where there is none
 */
export function lowerTables(info: ModuleInfo): Module | null {
  const tables = convertible(info);
  if (tables.size === 0) return null;
  const { module } = info;
  const added = new Added(info, tables);
  return {
    ...module,
    funcs: [...module.funcs.map((func) => added.rewrite(func)), ...added.helpers],
    recGroups: [...module.recGroups, ...added.types],
    globals: [...module.globals, ...added.globals],
    tables: module.tables.map((table, at) =>
      tables.has((info.importedTables + at) as TableIdx) ? emptied(table) : table,
    ),
  };
}

function emptied(table: Table): Table {
  return { ...table, type: { ...table.type, limits: { ...table.type.limits, min: 0n, max: 0n } }, init: null };
}

/** The tables whose entries are continuations or null, and whose every use is known. */
function convertible(info: ModuleInfo): ReadonlySet<TableIdx> {
  const { module, importedTables } = info;
  const found = new Set<TableIdx>();
  module.tables.forEach(({ type, init }, at) => {
    const { limits } = type;
    const isContinuation =
      type.type.heap === 'cont' || (typeof type.type.heap === 'number' && info.comp(type.type.heap).kind === 'cont');
    if (isContinuation && type.type.nullable && init === null && limits.address === 'i32' && limits.min <= LARGEST) {
      found.add((importedTables + at) as TableIdx);
    }
  });
  for (const { kind, index } of module.exports) if (kind === 'table') found.delete(index as TableIdx);
  for (const { mode } of module.elems) if (mode.kind === 'active') found.delete(mode.target);
  if (found.size === 0) return found;
  const copies: (readonly [TableIdx, TableIdx])[] = [];
  for (const { body } of module.funcs) {
    for (const instr of body) {
      if (instr.op === 'table.init') found.delete(instr.table);
      else if (instr.op === 'table.copy') copies.push([instr.table, instr.table2]);
    }
  }
  // Both sides of a copy are arrays, or neither is.
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const [to, from] of copies) {
      if (!found.has(to)) found.delete(from);
      if (!found.has(from)) found.delete(to);
    }
  }
  return found;
}

/** What stands for one table. */
interface Stand {
  readonly table: TableIdx;
  readonly type: RefType;
  readonly array: TypeIdx;
  /** The array, with room for more entries than the table has. */
  readonly entries: GlobalIdx;
  readonly size: GlobalIdx;
  readonly max: number;
}

type Operands = readonly [LocalIdx, LocalIdx, LocalIdx, LocalIdx, LocalIdx];
/** The first locals of a helper. */
const LOCALS = [0, 1, 2, 3, 4].map((index) => index as LocalIdx) as unknown as Operands;

class Added {
  readonly types: RecGroup[] = [];
  readonly globals: Global[] = [];
  readonly helpers: Func[] = [];
  readonly #info: ModuleInfo;
  readonly #stands = new Map<TableIdx, Stand>();
  readonly #helperKeys = new Map<string, FuncIdx>();
  readonly #typeKeys = new Map<string, TypeIdx>();

  constructor(info: ModuleInfo, tables: ReadonlySet<TableIdx>) {
    this.#info = info;
    for (const table of tables) {
      const { type, limits } = info.tables[table] as Table['type'];
      const array = this.#type(`array ${String(type.heap)}`, {
        kind: 'array',
        field: { type, mutable: true },
      });
      const size = made('i32.const', { i32: Number(limits.min) });
      const entries = [size, made('array.new_default', { type: array })];
      const max = limits.max === null || limits.max > LARGEST ? LARGEST : Number(limits.max);
      this.#stands.set(table, {
        table,
        type,
        array,
        entries: this.#global(refType(array, false), entries),
        size: this.#global('i32', [size]),
        max,
      });
    }
  }

  #type(key: string, comp: RecGroup[number]['comp']): TypeIdx {
    const known = this.#typeKeys.get(key);
    if (known !== undefined) return known;
    this.types.push([{ final: true, supers: [], comp }]);
    const index = (this.#info.types.length + this.types.length - 1) as TypeIdx;
    this.#typeKeys.set(key, index);
    return index;
  }

  #funcType(params: readonly ValType[], results: readonly ValType[]): TypeIdx {
    const key = [...params, '>', ...results]
      .map((type) => (typeof type === 'string' ? type : String(type.heap)))
      .join();
    return this.#type(key, { kind: 'func', params, results } satisfies FuncType);
  }

  #global(type: ValType, init: readonly Instr[]): GlobalIdx {
    this.globals.push({ type: { type, mutable: true }, init, at: -1 });
    return (this.#info.globals.length + this.globals.length - 1) as GlobalIdx;
  }

  /** A function with the uses of these tables as uses of the arrays. */
  rewrite(func: Func): Func {
    const uses = (instr: Instr): instr is TableInstr => 'table' in instr && this.#stands.has(instr.table);
    const { body } = func;
    if (!body.some(uses)) return func;
    const locals = [...func.locals];
    const params = this.#info.funcType(func.type).params.length;
    const temps = new Map<string, LocalIdx>();
    const temp = (type: ValType): LocalIdx => {
      const key = isRef(type) ? String(type.heap) : type;
      const known = temps.get(key);
      if (known !== undefined) return known;
      const local = (params + locals.length) as LocalIdx;
      locals.push(type);
      temps.set(key, local);
      return local;
    };
    const asm = new Asm();
    for (const instr of body) {
      if (uses(instr)) this.#access(asm, instr, this.#stands.get(instr.table) as Stand, temp);
      else asm.push(instr);
    }
    return { ...func, locals, body: asm.out };
  }

  #access(asm: Asm, instr: TableInstr, stand: Stand, temp: (type: ValType) => LocalIdx): void {
    const from = asm.out.length;
    switch (instr.op) {
      case 'table.get': {
        const index = temp('i32');
        asm.tee(index).globalGet(stand.size).do('i32.ge_u').openUnlikely();
        asm.get(index).push(instr).do('drop').close();
        asm.globalGet(stand.entries).get(index).op('array.get', { type: stand.array });
        break;
      }
      case 'table.set': {
        const index = temp('i32');
        const value = temp(stand.type);
        asm.set(value).tee(index).globalGet(stand.size).do('i32.ge_u').openUnlikely();
        asm.get(index).get(value).push(instr).close();
        asm.globalGet(stand.entries).get(index).get(value).op('array.set', { type: stand.array });
        break;
      }
      case 'table.size':
        asm.globalGet(stand.size);
        break;
      case 'table.grow':
        asm.call(this.#helper(`grow ${stand.table}`, [stand.type, 'i32'], ['i32'], (code) => this.#grow(code, stand)));
        break;
      case 'table.fill':
        asm.call(
          this.#helper(`fill ${stand.table}`, ['i32', stand.type, 'i32'], [], (code) => this.#fill(code, stand, instr)),
        );
        break;
      case 'table.copy': {
        const source = this.#stands.get(instr.table2) as Stand;
        const name = `copy ${stand.table} ${source.table}`;
        asm.call(this.#helper(name, ['i32', 'i32', 'i32'], [], (code) => this.#copy(code, stand, source, instr)));
        break;
      }
      default:
        throw new RangeError(`${instr.op} of a table of continuations`);
    }
    // What is refused in here is the instruction's fault.
    for (let at = from; at < asm.out.length; at++) asm.out[at] = { ...(asm.out[at] as Instr), at: instr.at };
  }

  #helper(
    name: string,
    params: readonly ValType[],
    results: readonly ValType[],
    emit: (asm: Asm) => readonly ValType[],
  ): FuncIdx {
    const known = this.#helperKeys.get(name);
    if (known !== undefined) return known;
    const asm = new Asm();
    const locals = emit(asm);
    this.helpers.push({ type: this.#funcType(params, results), locals, body: asm.out, at: -1, endAt: -1 });
    const index = (this.#info.funcTypes.length + this.helpers.length - 1) as FuncIdx;
    this.#helperKeys.set(name, index);
    return index;
  }

  /** `(value, count) -> old size or -1`. Room grows by doubling, so that growing one by one takes linear time. */
  #grow(asm: Asm, { entries, size, array, max }: Stand): readonly ValType[] {
    const [value, count, wanted, grown, room] = LOCALS;
    asm.get(count).i32(max).globalGet(size).do('i32.sub', 'i32.gt_u').open('if');
    asm.i32(-1).do('return').close();
    asm.globalGet(size).get(count).do('i32.add').tee(wanted);
    asm.globalGet(entries).do('array.len', 'i32.gt_u').open('if');
    asm.get(wanted).globalGet(entries).do('array.len').i32(1).do('i32.shl').tee(room);
    asm.get(wanted).get(room).do('i32.gt_u', 'select').tee(room);
    asm.i32(max).get(room).i32(max).do('i32.lt_u', 'select').op('array.new_default', { type: array }).tee(grown);
    asm.i32(0).globalGet(entries).i32(0).globalGet(size).op('array.copy', { type: array, type2: array });
    asm.get(grown).do('ref.as_non_null').globalSet(entries).close();
    asm.get(value).do('ref.is_null', 'i32.eqz').open('if');
    asm.globalGet(entries).globalGet(size).get(value).get(count).op('array.fill', { type: array }).close();
    asm.globalGet(size).get(wanted).globalSet(size);
    return ['i32', refType(array, true), 'i32'];
  }

  /** `(index, value, count)` */
  #fill(asm: Asm, { entries, size, array }: Stand, instr: Instr): readonly ValType[] {
    const [index, value, count] = LOCALS;
    this.#checked(asm, index, count, size, () => asm.get(index).get(value).get(count).push(instr));
    asm.globalGet(entries).get(index).get(value).get(count).op('array.fill', { type: array });
    return [];
  }

  /** `(to, from, count)` */
  #copy(asm: Asm, target: Stand, source: Stand, instr: Instr): readonly ValType[] {
    const [to, from, count] = LOCALS;
    const original = (): void => void asm.get(to).get(from).get(count).push(instr);
    this.#checked(asm, to, count, target.size, original);
    this.#checked(asm, from, count, source.size, original);
    asm.globalGet(target.entries).get(to).globalGet(source.entries).get(from).get(count);
    asm.op('array.copy', { type: target.array, type2: source.array });
    return [];
  }

  /** Emits the table's own instruction where a range is not within its size: it traps. */
  #checked(asm: Asm, from: LocalIdx, count: LocalIdx, size: GlobalIdx, original: () => void): void {
    asm.get(count).globalGet(size).do('i32.gt_u');
    asm.get(from).globalGet(size).get(count).do('i32.sub', 'i32.gt_u', 'i32.or').openUnlikely();
    original();
    asm.do('unreachable').close();
  }
}
