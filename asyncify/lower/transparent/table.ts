import type { Elem, Module } from '../../binary/module.ts';
import type { FuncIdx, TableIdx } from '../../binary/types.ts';
import type { ModuleInfo } from '../../validate/index.ts';

/** The name that linkers give the table of function pointers. */
const FUNCTION_TABLE = '__indirect_function_table';

/**
 * The table that a host calls a module's function pointers through: the one exported or imported as `__indirect_function_table`, or
 * the only one that can hold any function. Null: there is none, or nothing tells which.
 */
export function functionTable(info: ModuleInfo): TableIdx | null {
  const { module } = info;
  const any = info.tables.flatMap(({ type }, index) => (type.heap === 'func' && type.nullable ? [index] : []));
  const named = module.exports.find(({ kind, name }) => kind === 'table' && name === FUNCTION_TABLE)?.index;
  const found = named ?? importedTable(module) ?? (any.length === 1 ? any[0] : undefined);
  return found !== undefined && any.includes(found) ? (found as TableIdx) : null;
}

function importedTable(module: Module): number | undefined {
  const tables = module.imports.filter(({ desc }) => desc.kind === 'table');
  const found = tables.findIndex(({ name }) => name === FUNCTION_TABLE);
  return found < 0 ? undefined : found;
}

/** What active segments at constant places put into a table, by index. */
export function tableEntries(info: ModuleInfo, table: TableIdx): ReadonlyMap<number, FuncIdx> {
  const entries = new Map<number, FuncIdx>();
  for (const { init, mode } of info.module.elems) {
    if (mode.kind !== 'active' || mode.target !== table) continue;
    const start = startOf(mode);
    if (start === null) continue;
    init.forEach((expr, at) => {
      const item = expr[0];
      if (item?.op === 'ref.func') entries.set(start + at, item.func);
      else entries.delete(start + at);
    });
  }
  return entries;
}

function startOf({ offset }: Extract<Elem['mode'], { kind: 'active' }>): number | null {
  const instr = offset[0];
  if (offset.length !== 1) return null;
  if (instr?.op === 'i32.const') return instr.i32 >>> 0;
  return instr?.op === 'i64.const' ? Number(BigInt.asUintN(64, instr.i64)) : null;
}
