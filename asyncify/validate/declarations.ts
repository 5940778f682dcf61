import type { ExternType, Limits, Module, TableType } from '../binary/module.ts';
import { isRef, type ValType } from '../binary/types.ts';
import { InvalidError } from '../errors.ts';
import { checkConstant } from './body.ts';
import { type Context, isDefaultable, requireFuncType } from './info.ts';
import { typeName } from './names.ts';

function fail(message: string, offset: number): never {
  throw new InvalidError(message, { offset });
}

function checkType(info: Context, type: ValType, at: number): void {
  if (isRef(type) && typeof type.heap === 'number' && type.heap >= info.types.length) {
    fail(`unknown type ${type.heap}`, at);
  }
}

function checkLimits({ min, max }: Limits, range: bigint, message: string, at: number): void {
  if (min > range || (max !== null && max > range)) fail(message, at);
  if (max !== null && min > max) fail('size minimum must not be greater than maximum', at);
}

function checkTable(info: Context, { type, limits }: TableType, at: number): void {
  checkType(info, type, at);
  const wide = limits.address === 'i64';
  const range = wide ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
  checkLimits(limits, range, `table size must be at most 2^${wide ? 64 : 32}-1`, at);
  if (limits.shared) fail('shared tables are not supported', at);
}

function checkMemory(limits: Limits, at: number): void {
  const wide = limits.address === 'i64';
  const range = wide ? 0x1_0000_0000_0000n : 0x1_0000n;
  checkLimits(limits, range, `memory size must be at most ${wide ? '2^48 pages (256 TiB)' : '65536 pages (4GiB)'}`, at);
  if (limits.shared && limits.max === null) fail('shared memory must have maximum', at);
}

function checkExtern(info: Context, desc: ExternType, at: number): void {
  switch (desc.kind) {
    case 'func':
    case 'tag':
      requireFuncType(info, desc.type, at);
      break;
    case 'table':
      checkTable(info, desc.type, at);
      break;
    case 'memory':
      checkMemory(desc.type, at);
      break;
    case 'global':
      checkType(info, desc.type.type, at);
      break;
    default:
      desc satisfies never;
  }
}

/** Checks all types that imports and definitions declare, so that what follows may rely on the index spaces (Wasm 3.0 §3.2, §3.4). */
export function checkDeclarations(info: Context): void {
  const { module } = info;
  for (const { desc, at } of module.imports) checkExtern(info, desc, at);
  for (const { type, at } of module.funcs) requireFuncType(info, type, at);
  for (const { type, at } of module.tags) requireFuncType(info, type, at);
  for (const { type, at } of module.tables) checkTable(info, type, at);
  for (const { type, at } of module.memories) checkMemory(type, at);
  for (const { type, at } of module.globals) checkType(info, type.type, at);
  for (const { type, at } of module.elems) checkType(info, type, at);
}

/** Checks initialisers and segments (Wasm 3.0 §3.4). */
export function checkContents(info: Context): void {
  const { module, importedGlobals } = info;
  for (const { type, init, at } of module.tables) {
    if (init !== null) checkConstant(info, init, type.type, importedGlobals, at);
    else if (!isDefaultable(type.type)) {
      fail(`type mismatch: a table of ${typeName(type.type)} needs an initial value`, at);
    }
  }
  for (const [i, { type, init, at }] of module.globals.entries()) {
    checkConstant(info, init, type.type, importedGlobals + i, at);
  }
  checkSegments(info);
  checkExports(info);
  checkStart(info);
}

function checkSegments(info: Context): void {
  const { module } = info;
  const globals = info.globals.length;
  for (const { type, init, mode, at } of module.elems) {
    for (const expr of new Set(init)) checkConstant(info, expr, type, globals, at);
    if (mode.kind !== 'active') continue;
    const table = info.tables[mode.target] ?? fail(`unknown table ${mode.target}`, at);
    if (!info.matches(type, table.type)) {
      fail(
        `type mismatch: element segment's type ${typeName(type)} does not match table's element type ${typeName(table.type)}`,
        at,
      );
    }
    checkConstant(info, mode.offset, table.limits.address, globals, at);
  }
  for (const { mode, at } of module.datas) {
    if (mode.kind !== 'active') continue;
    const memory = info.memories[mode.target] ?? fail(`unknown memory ${mode.target}`, at);
    checkConstant(info, mode.offset, memory.address, globals, at);
  }
}

/** The index space of each kind of export, and what the reference interpreter calls its entries. */
function exportSpaces(info: Context): Record<Module['exports'][number]['kind'], readonly [number, string]> {
  return {
    func: [info.funcTypes.length, 'function'],
    table: [info.tables.length, 'table'],
    memory: [info.memories.length, 'memory'],
    global: [info.globals.length, 'global'],
    tag: [info.tags.length, 'tag'],
  };
}

function checkExports(info: Context): void {
  const spaces = exportSpaces(info);
  const names = new Set<string>();
  for (const { name, kind, index, at } of info.module.exports) {
    const [size, what] = spaces[kind];
    if (index >= size) fail(`unknown ${what} ${index}`, at);
    if (names.has(name)) fail(`duplicate export name ${JSON.stringify(name)}`, at);
    names.add(name);
  }
}

function checkStart(info: Context): void {
  const { start, startAt } = info.module;
  if (start === null) return;
  const type = info.funcTypes[start] ?? fail(`unknown function ${start}`, startAt);
  const { params, results } = info.funcType(type);
  if (params.length > 0 || results.length > 0) fail('start function must not have parameters or results', startAt);
}
