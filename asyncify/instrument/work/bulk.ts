import type { Instr } from '../../binary/opcodes.ts';
import type { StorageType, ValType } from '../../binary/types.ts';
import { isRef, refType } from '../../binary/types.ts';
import { type ModuleInfo, unpacked } from '../../validate/index.ts';

/** An instruction whose time grows with an operand. */
export type BulkInstr = Instr<
  | 'memory.fill'
  | 'memory.copy'
  | 'memory.init'
  | 'table.fill'
  | 'table.copy'
  | 'table.init'
  | 'table.grow'
  | 'array.fill'
  | 'array.copy'
  | 'array.init_data'
  | 'array.init_elem'
  | 'array.new'
  | 'array.new_default'
  | 'array.new_data'
  | 'array.new_elem'
>;

/** One of the instructions, in terms of its operands. */
export interface Bulk {
  readonly instr: BulkInstr;
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
  /** Which operand says how many bytes or elements there are. */
  readonly count: number;
  /** How much work they are: `n >> shift` units of it, `n << -shift` where it is negative. */
  readonly shift: number;
  /** The operands that say where its pieces begin, and by how much they grow for one byte or element. */
  readonly starts: readonly { readonly param: number; readonly scale: number }[];
  /** What it copies from and to may overlap. */
  readonly copies: boolean;
  /** Whether it can be done piece by piece with nobody seeing the difference. */
  readonly divisible: boolean;
}

/** Of a nanosecond's work: memory is written at two bytes of it where it is used for the first time, faster elsewhere. */
const BYTES = 1;
/** References are stored with barriers; tables of functions have several words an entry, and new ones may have to be made. */
const REFERENCES = -1;
const ENTRIES = -3;
/** What is new has to be found room for, and to be collected. */
const NEW = 1;

function storage(type: StorageType): number {
  switch (type) {
    case 'i8':
      return BYTES;
    case 'i16':
      return BYTES - 1;
    case 'i32':
    case 'f32':
      return BYTES - 2;
    case 'i64':
    case 'f64':
      return BYTES - 3;
    case 'v128':
      return BYTES - 4;
    default:
      return REFERENCES;
  }
}

const BULK: ReadonlySet<string> = new Set<BulkInstr['op']>([
  'memory.fill',
  'memory.copy',
  'memory.init',
  'table.fill',
  'table.copy',
  'table.init',
  'table.grow',
  'array.fill',
  'array.copy',
  'array.init_data',
  'array.init_elem',
  'array.new',
  'array.new_default',
  'array.new_data',
  'array.new_elem',
]);

/** What an instruction is; null: its time does not depend on operands. */
export function bulkOf(info: ModuleInfo, instr: Instr): Bulk | null {
  return BULK.has(instr.op) ? describe(info, instr as BulkInstr) : null;
}

function describe(info: ModuleInfo, instr: BulkInstr): Bulk {
  const memory = (index: number): 'i32' | 'i64' => info.memories[index]?.address ?? 'i32';
  const table = (index: number): 'i32' | 'i64' => info.tables[index]?.limits.address ?? 'i32';
  const element = (index: number): ValType => info.tables[index]?.type ?? refType('func', true);
  const narrower = (a: 'i32' | 'i64', b: 'i32' | 'i64'): 'i32' | 'i64' => (a === b ? a : 'i32');
  const at = (...params: number[]): Bulk['starts'] => params.map((param) => ({ param, scale: 1 }));
  const done = { results: [], copies: false, divisible: true } as const;
  const allocates = { copies: false, divisible: false, starts: [] } as const;
  switch (instr.op) {
    case 'memory.fill': {
      const address = memory(instr.memory);
      return { ...done, instr, params: [address, 'i32', address], count: 2, shift: BYTES, starts: at(0) };
    }
    case 'memory.copy': {
      const [to, from] = [memory(instr.memory), memory(instr.memory2)];
      const params = [to, from, narrower(to, from)];
      return { ...done, instr, params, count: 2, shift: BYTES, starts: at(0, 1), copies: true };
    }
    case 'memory.init': {
      const params = [memory(instr.memory), 'i32', 'i32'] as const;
      return { ...done, instr, params, count: 2, shift: BYTES, starts: at(0, 1), divisible: keeps(info, instr) };
    }
    case 'table.fill': {
      const address = table(instr.table);
      const params = [address, element(instr.table), address];
      return { ...done, instr, params, count: 2, shift: ENTRIES, starts: at(0) };
    }
    case 'table.copy': {
      const [to, from] = [table(instr.table), table(instr.table2)];
      const params = [to, from, narrower(to, from)];
      return { ...done, instr, params, count: 2, shift: ENTRIES, starts: at(0, 1), copies: true };
    }
    case 'table.init': {
      const params = [table(instr.table), 'i32', 'i32'] as const;
      return { ...done, instr, params, count: 2, shift: ENTRIES, starts: at(0, 1), divisible: keeps(info, instr) };
    }
    case 'table.grow': {
      const address = table(instr.table);
      const params = [element(instr.table), address];
      return { ...allocates, instr, params, results: [address], count: 1, shift: ENTRIES };
    }
    case 'array.fill': {
      const { type, shift } = arrayOf(info, instr.type);
      const params = [refType(instr.type, true), 'i32', type, 'i32'] as const;
      return { ...done, instr, params, count: 3, shift, starts: at(1) };
    }
    case 'array.copy': {
      const params = [refType(instr.type, true), 'i32', refType(instr.type2, true), 'i32', 'i32'] as const;
      const { shift } = arrayOf(info, instr.type);
      return { ...done, instr, params, count: 4, shift, starts: at(1, 3), copies: true };
    }
    case 'array.init_data': {
      const params = [refType(instr.type, true), 'i32', 'i32', 'i32'] as const;
      const { shift, bytes } = arrayOf(info, instr.type);
      const starts = [
        { param: 1, scale: 1 },
        { param: 2, scale: bytes },
      ];
      return { ...done, instr, params, count: 3, shift, starts, divisible: keeps(info, instr) };
    }
    case 'array.init_elem': {
      const params = [refType(instr.type, true), 'i32', 'i32', 'i32'] as const;
      return { ...done, instr, params, count: 3, shift: ENTRIES, starts: at(1, 2), divisible: keeps(info, instr) };
    }
    case 'array.new': {
      const { type, shift } = arrayOf(info, instr.type);
      return {
        ...allocates,
        instr,
        params: [type, 'i32'],
        results: [refType(instr.type, false)],
        count: 1,
        shift: shift - NEW,
      };
    }
    case 'array.new_default': {
      const { shift } = arrayOf(info, instr.type);
      return {
        ...allocates,
        instr,
        params: ['i32'],
        results: [refType(instr.type, false)],
        count: 0,
        shift: shift - NEW,
      };
    }
    case 'array.new_data':
    case 'array.new_elem': {
      const shift = instr.op === 'array.new_elem' ? ENTRIES : arrayOf(info, instr.type).shift - NEW;
      return { ...allocates, instr, params: ['i32', 'i32'], results: [refType(instr.type, false)], count: 1, shift };
    }
    default:
      return instr satisfies never;
  }
}

function arrayOf(info: ModuleInfo, index: number): { type: ValType; shift: number; bytes: number } {
  const comp = info.comp(index as never);
  if (comp.kind !== 'array') throw new RangeError(`type ${index} is no array type`);
  const { type } = comp.field;
  const shift = storage(type);
  return { type: unpacked(type), shift, bytes: isRef(type) ? 1 : 1 << (BYTES - shift) };
}

/** Whether a segment is never dropped: between two pieces nobody takes it away. */
function keeps(
  info: ModuleInfo,
  instr: Instr<'memory.init' | 'table.init' | 'array.init_data' | 'array.init_elem'>,
): boolean {
  const dropped = droppedSegments(info);
  return 'data' in instr ? !dropped.datas.has(instr.data) : !dropped.elems.has(instr.elem);
}

interface Dropped {
  readonly datas: ReadonlySet<number>;
  readonly elems: ReadonlySet<number>;
}
const droppedOf = new WeakMap<ModuleInfo, Dropped>();

function droppedSegments(info: ModuleInfo): Dropped {
  const known = droppedOf.get(info);
  if (known !== undefined) return known;
  const datas = new Set<number>();
  const elems = new Set<number>();
  for (const list of info.landmarks) {
    for (const { instr } of list) {
      if (instr.op === 'data.drop') datas.add(instr.data);
      else if (instr.op === 'elem.drop') elems.add(instr.elem);
    }
  }
  const dropped = { datas, elems };
  droppedOf.set(info, dropped);
  return dropped;
}

/** How many bytes or elements are so much work. */
export function countFor(work: number, { shift }: Pick<Bulk, 'shift'>): number {
  return shift >= 0 ? work * 2 ** shift : Math.max(Math.floor(work / 2 ** -shift), 1);
}

/** How much work so many bytes or elements are. */
export function workFor(count: number, { shift }: Pick<Bulk, 'shift'>): number {
  return Math.ceil(count / 2 ** shift);
}
