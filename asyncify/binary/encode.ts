import { encodeExpr, encodeLocals } from './encode-expr.ts';
import {
  EXTERN_CODES,
  writeExternType,
  writeGlobalType,
  writeLimits,
  writeRecGroup,
  writeTableType,
  writeTagType,
  writeTypeIdx,
  writeValType,
} from './encode-types.ts';
import {
  type Data,
  type Elem,
  type Export,
  type Expr,
  type Func,
  type Global,
  type Import,
  type Memory,
  type Module,
  SECTIONS,
  type SectionName,
  type Table,
  type Tag,
} from './module.ts';
import type { FuncIdx, TypeIdx } from './types.ts';
import { Writer } from './writer.ts';

/** A function whose body is in the binary format already. */
export interface CompiledFunc {
  readonly type: TypeIdx;
  /**
   * Writes its locals and instructions without their size.
   * @returns how far from there its unlikely branches are
   */
  readonly write: (writer: Writer) => number[];
}

/** What `encode` takes: a module, some of whose functions may be in the binary format already. */
export interface EncodableModule extends Omit<Module, 'funcs'> {
  readonly funcs: readonly (Func | CompiledFunc)[];
}

type Section = Exclude<SectionName, 'start-of-module'>;

const SECTION_IDS: { readonly [S in Section]: number } = {
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  elem: 9,
  code: 10,
  data: 11,
  datacount: 12,
  tag: 13,
};

function writeImport(writer: Writer, entry: Import): void {
  writer.name(entry.module);
  writer.name(entry.name);
  writeExternType(writer, entry.desc);
}

function writeTable(writer: Writer, table: Table): void {
  if (table.init !== null) {
    writer.byte(0x40);
    writer.byte(0x00);
  }
  writeTableType(writer, table.type);
  if (table.init !== null) encodeExpr(writer, table.init);
}

function writeMemory(writer: Writer, memory: Memory): void {
  writeLimits(writer, memory.type);
}

function writeTag(writer: Writer, tag: Tag): void {
  writeTagType(writer, tag.type);
}

function writeGlobal(writer: Writer, global: Global): void {
  writeGlobalType(writer, global.type);
  encodeExpr(writer, global.init);
}

function writeExport(writer: Writer, entry: Export): void {
  writer.name(entry.name);
  writer.byte(EXTERN_CODES[entry.kind]);
  writer.u32(entry.index);
}

function functionsOf(init: readonly Expr[]): FuncIdx[] | null {
  const list: FuncIdx[] = [];
  for (const expr of init) {
    const [only] = expr;
    if (expr.length !== 1 || only?.op !== 'ref.func') return null;
    list.push(only.func);
  }
  return list;
}

/** Picks the shortest of the forms that mean the segment (Wasm 3.0 §5.5.12). */
function writeElem(writer: Writer, { type, init, mode }: Elem): void {
  const ofFunc = type.heap === 'func';
  const indices = ofFunc && !type.nullable ? functionsOf(init) : null;
  const implied = mode.kind === 'active' && mode.target === 0 && (indices !== null || (ofFunc && type.nullable));
  const form = { passive: 1, declarative: 3, active: implied ? 0 : 2 }[mode.kind] | (indices === null ? 4 : 0);
  writer.u32(form);
  if (mode.kind === 'active') {
    if (!implied) writer.u32(mode.target);
    encodeExpr(writer, mode.offset);
  }
  if (indices !== null) {
    if (!implied) writer.byte(0x00);
    writer.vec(indices, (out, index) => out.u32(index));
  } else {
    if (!implied) writeValType(writer, type);
    writer.vec(init, encodeExpr);
  }
}

function writeData(writer: Writer, { bytes, mode }: Data): void {
  if (mode.kind === 'passive') writer.u32(1);
  else {
    writer.u32(mode.target === 0 ? 0 : 2);
    if (mode.target !== 0) writer.u32(mode.target);
    encodeExpr(writer, mode.offset);
  }
  writer.u32(bytes.length);
  writer.raw(bytes);
}

/** Writes a function and returns the offsets of its unlikely branches from the start of its body. */
function writeFunc(writer: Writer, func: Func | CompiledFunc): number[] {
  let unlikely: number[] = [];
  writer.sized(() => {
    if ('write' in func) {
      unlikely = func.write(writer);
      return;
    }
    const start = writer.length;
    encodeLocals(writer, func.locals);
    encodeExpr(writer, func.body, (length) => unlikely.push(length - start));
  });
  return unlikely;
}

/** Custom section of the branch hinting proposal, which has to stand before the code section it speaks of. */
const BRANCH_HINTS = 'metadata.code.branch_hint';

function writeHints(writer: Writer, hints: readonly (readonly [func: number, offsets: readonly number[]])[]): void {
  writer.byte(0);
  writer.sized(() => {
    writer.name(BRANCH_HINTS);
    writer.vec(hints, (out, [func, offsets]) => {
      out.u32(func);
      out.vec(offsets, (hint, offset) => {
        hint.u32(offset);
        hint.u32(1);
        hint.byte(0);
      });
    });
  });
}

function list<T>(writer: Writer, items: readonly T[], item: (writer: Writer, value: T) => void): void {
  if (items.length > 0) writer.vec(items, item);
}

/** What is between each section's size and its end; nothing where the section need not be there. */
const CONTENT: { readonly [S in Exclude<Section, 'code'>]: (writer: Writer, module: EncodableModule) => void } = {
  type: (writer, module) => list(writer, module.recGroups, writeRecGroup),
  import: (writer, module) => list(writer, module.imports, writeImport),
  function: (writer, module) => list(writer, module.funcs, (out, func) => writeTypeIdx(out, func.type)),
  table: (writer, module) => list(writer, module.tables, writeTable),
  memory: (writer, module) => list(writer, module.memories, writeMemory),
  tag: (writer, module) => list(writer, module.tags, writeTag),
  global: (writer, module) => list(writer, module.globals, writeGlobal),
  export: (writer, module) => list(writer, module.exports, writeExport),
  start: (writer, module) => {
    if (module.start !== null) writer.u32(module.start);
  },
  elem: (writer, module) => list(writer, module.elems, writeElem),
  datacount: (writer, module) => {
    if (module.dataCount) writer.u32(module.datas.length);
  },
  data: (writer, module) => list(writer, module.datas, writeData),
};

/** Writes the content of the code section, and to `before` the hints that have to precede it. */
function writeCode(content: Writer, before: Writer, module: EncodableModule): void {
  const imported = module.imports.filter(({ desc }) => desc.kind === 'func').length;
  const hints: [number, number[]][] = [];
  let func = imported;
  list(content, module.funcs, (out, entry) => {
    const unlikely = writeFunc(out, entry);
    if (unlikely.length > 0) hints.push([func, unlikely]);
    func++;
  });
  if (hints.length > 0) writeHints(before, hints);
}

/**
 * Encodes a module (Wasm 3.0 §5.5): shortest integers, shortest segment forms, no empty sections, every custom section behind the
 * section it followed. `at` fields are ignored. Throws `RangeError` where an index or immediate cannot be encoded; whether the module is
 * valid is not looked at.
 */
export function encode(module: EncodableModule): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.raw(Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00));
  for (const section of SECTIONS) {
    if (section !== 'start-of-module') {
      const content = new Writer();
      if (section === 'code') writeCode(content, writer, module);
      else CONTENT[section](content, module);
      if (content.length > 0) {
        writer.byte(SECTION_IDS[section]);
        writer.u32(content.length);
        writer.copy(content, 0, content.length);
      }
    }
    for (const custom of module.customs) {
      if (custom.after !== section) continue;
      writer.byte(0);
      writer.sized(() => {
        writer.name(custom.name);
        writer.raw(custom.bytes);
      });
    }
  }
  return writer.finish();
}
