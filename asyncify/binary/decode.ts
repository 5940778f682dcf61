import { RefusedError } from '../errors.ts';
import { decodeExpr, skipExpr } from './decode-expr.ts';
import {
  externType,
  globalType,
  memoryType,
  recGroup,
  referenceType,
  tableType,
  tagType,
  typeIdx,
  valType,
} from './decode-types.ts';
import {
  type CustomSection,
  type Data,
  type Elem,
  type Export,
  type Expr,
  type ExternKind,
  type Func,
  type Global,
  type Import,
  importsOf,
  type Memory,
  type Module,
  SECTIONS,
  type SectionName,
  type SegmentMode,
  type Table,
  type Tag,
} from './module.ts';
import { Reader } from './reader.ts';
import {
  type FuncIdx,
  type HeapType,
  type MemIdx,
  type RecGroup,
  refType,
  type TableIdx,
  type TypeIdx,
  type ValType,
} from './types.ts';

/** As V8 has it: what declares more would not run. */
const MAX_LOCALS = 50_000;
/** Locals are declared in runs, so a few bytes could ask for any amount of memory. */
const MAX_MODULE_LOCALS = 10_000_000;

/** Section ids (Wasm 3.0 §5.5.2); their order in the module is that of `SECTIONS`. */
const SECTION_BY_ID: readonly (SectionName | undefined)[] = [
  undefined,
  'type',
  'import',
  'function',
  'table',
  'memory',
  'global',
  'export',
  'start',
  'elem',
  'code',
  'data',
  'datacount',
  'tag',
];

const EXPORT_KINDS: readonly (ExternKind | undefined)[] = ['func', 'table', 'memory', 'global', 'tag'];

class Building {
  recGroups: RecGroup[] = [];
  imports: Import[] = [];
  funcTypes: TypeIdx[] = [];
  funcs: Func[] = [];
  tables: Table[] = [];
  memories: Memory[] = [];
  tags: Tag[] = [];
  globals: Global[] = [];
  exports: Export[] = [];
  start: FuncIdx | null = null;
  startAt = -1;
  elems: Elem[] = [];
  datas: Data[] = [];
  dataCount: number | null = null;
  customs: CustomSection[] = [];
  locals = 0;
}

function readImport(reader: Reader): Import {
  const at = reader.pos;
  const module = reader.name();
  const name = reader.name();
  return { module, name, desc: externType(reader), at };
}

function readTable(reader: Reader): Table {
  const at = reader.pos;
  if (reader.peek() !== 0x40) return { type: tableType(reader), init: null, at };
  reader.pos++;
  if (reader.byte() !== 0) reader.fail('malformed table', reader.pos - 1);
  const type = tableType(reader);
  return { type, init: decodeExpr(reader), at };
}

function readMemory(reader: Reader): Memory {
  const at = reader.pos;
  return { type: memoryType(reader), at };
}

function readTag(reader: Reader): Tag {
  const at = reader.pos;
  return { type: tagType(reader), at };
}

function readGlobal(reader: Reader): Global {
  const at = reader.pos;
  const type = globalType(reader);
  return { type, init: decodeExpr(reader), at };
}

function readExport(reader: Reader): Export {
  const at = reader.pos;
  const name = reader.name();
  const kind = EXPORT_KINDS[reader.byte()] ?? reader.fail('malformed export kind', reader.pos - 1);
  return { name, kind, index: reader.u32(), at };
}

/** All eight forms of an element segment (§5.5.12). */
function readElem(reader: Reader): Elem {
  const at = reader.pos;
  const form = reader.u32();
  if (form > 7) reader.fail('malformed elements segment kind', at);
  const explicit = (form & 2) !== 0;
  let mode: SegmentMode<TableIdx>;
  if (form & 1) mode = { kind: explicit ? 'declarative' : 'passive' };
  else {
    const target = (explicit ? reader.u32() : 0) as TableIdx;
    mode = { kind: 'active', target, offset: decodeExpr(reader) };
  }
  const typed = (form & 3) !== 0;
  const shared = new SharedEntries();
  if (form & 4) {
    const type = typed ? referenceType(reader) : refType('func', true);
    return { type, init: reader.vec((item) => shared.expr(decodeExpr(item))), mode, at };
  }
  if (typed && reader.byte() !== 0) reader.fail('malformed element kind', reader.pos - 1);
  const init = reader.vec((item) => {
    const start = item.pos;
    return shared.func(item.u32() as FuncIdx, start);
  });
  return { type: refType('func', false), init, mode, at };
}

/** Makes equal entries of a segment one. */
class SharedEntries {
  readonly #funcs = new Map<FuncIdx, Expr>();
  readonly #nulls = new Map<HeapType, Expr>();

  func(func: FuncIdx, at: number): Expr {
    let entry = this.#funcs.get(func);
    if (entry === undefined) {
      entry = [{ op: 'ref.func', at, func }];
      this.#funcs.set(func, entry);
    }
    return entry;
  }

  expr(entry: Expr): Expr {
    const [only] = entry;
    if (entry.length !== 1) return entry;
    if (only?.op === 'ref.func') return this.func(only.func, only.at);
    if (only?.op !== 'ref.null') return entry;
    const known = this.#nulls.get(only.heap);
    if (known === undefined) this.#nulls.set(only.heap, entry);
    return known ?? entry;
  }
}

function readData(reader: Reader): Data {
  const at = reader.pos;
  const form = reader.u32();
  if (form > 2) reader.fail('malformed data segment kind', at);
  let mode: Data['mode'] = { kind: 'passive' };
  if (form !== 1) {
    const target = (form === 2 ? reader.u32() : 0) as MemIdx;
    mode = { kind: 'active', target, offset: decodeExpr(reader) };
  }
  return { bytes: reader.take(reader.u32()), mode, at };
}

function readLocals(reader: Reader, building: Building, func: number): Pick<Func, 'locals' | 'emptyRuns'> {
  const at = reader.pos;
  const runs: [number, ValType][] = [];
  let total = 0;
  for (let left = reader.count(); left > 0; left--) {
    const start = reader.pos;
    const length = reader.u32();
    total += length;
    if (total > 0xffff_ffff) reader.fail('too many locals', start);
    runs.push([length, valType(reader)]);
  }
  building.locals += total;
  if (total > MAX_LOCALS || building.locals > MAX_MODULE_LOCALS) {
    const limit = total > MAX_LOCALS ? `${MAX_LOCALS} in a function` : `${MAX_MODULE_LOCALS} in a module`;
    throw new RefusedError(`too many locals: the limit is ${limit}`, { offset: at, func });
  }
  if (runs.length === 0) return { locals: NO_LOCALS };
  const locals: ValType[] = [];
  for (const [length, type] of runs) for (let i = 0; i < length; i++) locals.push(type);
  const empty = runs.filter(([length]) => length === 0);
  return empty.length === 0 ? { locals } : { locals, emptyRuns: empty.map(([, type]) => type) };
}

function readCode(reader: Reader, building: Building): void {
  const countAt = reader.pos;
  const count = reader.u32();
  if (count !== building.funcTypes.length) inconsistentCode(reader, countAt);
  const imported = importsOf(building, 'func').length;
  for (const type of building.funcTypes) {
    const size = reader.u32();
    const at = reader.pos;
    const outer = reader.enter(size);
    const locals = readLocals(reader, building, imported + building.funcs.length);
    const start = reader.pos;
    skipExpr(reader, building.dataCount !== null);
    const endAt = reader.pos - 1;
    reader.leave(outer, 'function body size mismatch: END opcode expected at its end');
    building.funcs.push(new DecodedFunc(reader.bytes, { type, ...locals, at, start, endAt }));
  }
}

interface Shape extends Omit<Func, 'body'> {
  /** Offset of the first instruction. */
  readonly start: number;
}

/** A function of a module that was read. Bodies as instructions take thirty times the space of their bytes. */
class DecodedFunc implements Func {
  readonly type: TypeIdx;
  readonly locals: readonly ValType[];
  declare readonly emptyRuns?: readonly ValType[];
  readonly at: number;
  readonly endAt: number;
  readonly #bytes: Uint8Array;
  readonly #start: number;

  constructor(bytes: Uint8Array, { type, locals, emptyRuns, at, start, endAt }: Shape) {
    this.type = type;
    this.locals = locals;
    if (emptyRuns !== undefined) this.emptyRuns = emptyRuns;
    this.at = at;
    this.endAt = endAt;
    this.#bytes = bytes;
    this.#start = start;
  }

  get body(): Expr {
    return decodeExpr(new Reader(this.#bytes, this.#start, this.endAt + 1));
  }
}

const NO_LOCALS: readonly ValType[] = [];

function inconsistentCode(reader: Reader, at: number): never {
  return reader.fail('function and code section have inconsistent lengths', at);
}

function readSection(reader: Reader, section: SectionName, building: Building): void {
  switch (section) {
    case 'type':
      building.recGroups = reader.vec(recGroup);
      return;
    case 'import':
      building.imports = reader.vec(readImport);
      return;
    case 'function':
      building.funcTypes = reader.vec(typeIdx);
      return;
    case 'table':
      building.tables = reader.vec(readTable);
      return;
    case 'memory':
      building.memories = reader.vec(readMemory);
      return;
    case 'tag':
      building.tags = reader.vec(readTag);
      return;
    case 'global':
      building.globals = reader.vec(readGlobal);
      return;
    case 'export':
      building.exports = reader.vec(readExport);
      return;
    case 'start':
      building.startAt = reader.pos;
      building.start = reader.u32() as FuncIdx;
      return;
    case 'elem':
      building.elems = reader.vec(readElem);
      return;
    case 'datacount':
      building.dataCount = reader.u32();
      return;
    case 'code':
      readCode(reader, building);
      return;
    case 'data': {
      const at = reader.pos;
      building.datas = reader.vec(readData);
      if (building.dataCount !== null && building.dataCount !== building.datas.length) inconsistentData(reader, at);
      return;
    }
    case 'start-of-module':
      throw new RangeError('no section of its own');
  }
}

function inconsistentData(reader: Reader, at: number): never {
  return reader.fail('data count and data section have inconsistent lengths', at);
}

function readHeader(reader: Reader): void {
  for (const byte of [0x00, 0x61, 0x73, 0x6d]) {
    if (reader.byte() !== byte) reader.fail('magic header not detected', 0);
  }
  for (const byte of [0x01, 0x00, 0x00, 0x00]) {
    if (reader.byte() !== byte) reader.fail('unknown binary version', 4);
  }
}

/**
 * Decodes a module (Wasm 3.0 §5.5 with the stack-switching proposal, the threads proposal and the legacy exception instructions).
 * Throws `MalformedError` at the earliest byte where the input is no module, and `RefusedError` for a function with more than
 * 50,000 locals (or a module with more than 10,000,000), which the format allows and engines refuse. Whether the module is valid is
 * not looked at. The result shares no memory with `bytes`.
 */
export function decode(bytes: Uint8Array): Module {
  const reader = new Reader(new Uint8Array(bytes));
  readHeader(reader);
  const building = new Building();
  let last = 0;
  while (reader.pos < reader.end) {
    const at = reader.pos;
    const id = reader.byte();
    const section = SECTION_BY_ID[id];
    if (id !== 0 && section === undefined) reader.fail('malformed section id', at);
    const outer = reader.enter(reader.u32());
    if (section === undefined) {
      const name = reader.name();
      const after = SECTIONS[last] as SectionName;
      building.customs.push({ name, bytes: reader.take(reader.end - reader.pos), after, at });
    } else {
      const order = SECTIONS.indexOf(section);
      if (order <= last) reader.fail(`unexpected content: ${section} section out of order`, at);
      last = order;
      readSection(reader, section, building);
    }
    reader.leave(outer, 'section size mismatch');
  }
  const { funcTypes, dataCount, locals: _, ...module } = building;
  if (funcTypes.length !== module.funcs.length) inconsistentCode(reader, reader.pos);
  if (dataCount !== null && dataCount !== module.datas.length) inconsistentData(reader, reader.pos);
  return { ...module, dataCount: dataCount !== null };
}
