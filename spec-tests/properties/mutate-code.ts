import fc from 'fast-check';
import type { BlockType, Func, Instr, LocalIdx, Module, OpName, TagIdx, TypeIdx } from '../../asyncify/binary/index.ts';
import { encode } from '../../asyncify/index.ts';
import { EMPTY, made } from '../../asyncify/lower/asm.ts';

/** Edits of whole instructions, so that many mutants stay valid. Positions are taken modulo what there is. */
export type CodeEdit =
  | { readonly kind: 'delete'; readonly func: number; readonly at: number; readonly length: number }
  | {
      readonly kind: 'copy';
      readonly func: number;
      readonly at: number;
      readonly from: number;
      readonly length: number;
    }
  | {
      readonly kind: 'insert';
      readonly func: number;
      readonly at: number;
      readonly snippet: number;
      readonly index: number;
    }
  | {
      readonly kind: 'wrap';
      readonly func: number;
      readonly at: number;
      readonly length: number;
      readonly type: number;
    }
  | {
      readonly kind: 'number';
      readonly func: number;
      readonly at: number;
      readonly which: number;
      readonly by: number;
    };

const position = fc.nat({ max: 100_000 });
const small = fc.nat({ max: 11 });
const place = { func: position, at: position };

const codeEdit: fc.Arbitrary<CodeEdit> = fc.oneof(
  fc.record({ kind: fc.constant('delete' as const), ...place, length: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('copy' as const), ...place, from: position, length: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constant('insert' as const), ...place, snippet: position, index: small }),
  fc.record({ kind: fc.constant('wrap' as const), ...place, length: small, type: position }),
  fc.record({ kind: fc.constant('number' as const), ...place, which: small, by: fc.constantFrom(-2, -1, 1, 2, 1000) }),
);

export const codeEdits = fc.array(codeEdit, { minLength: 1, maxLength: 3 });

const plain = (op: OpName): Instr => ({ op, at: -1 }) as unknown as Instr;
const i32 = (value: number): Instr => made('i32.const', { i32: value });

/** Code that takes and leaves nothing, if the index it names fits. */
const SNIPPETS: readonly ((index: number) => readonly Instr[])[] = [
  (index) => [made('local.get', { local: index as LocalIdx }), made('local.set', { local: index as LocalIdx })],
  (index) => [made('local.get', { local: index as LocalIdx }), plain('drop')],
  (index) => [made('suspend', { tag: index as TagIdx })],
  (index) => [i32(index), plain('drop')],
  () => [made('block', { block: EMPTY }), plain('end')],
  () => [i32(0), made('if', { block: EMPTY }), plain('else'), plain('end')],
  () => [made('ref.null', { heap: 'cont' }), plain('drop')],
  () => [made('ref.null', { heap: 'exn' }), plain('ref.is_null'), plain('drop')],
  () => [plain('unreachable')],
  () => [plain('return')],
];

/** The module after these edits. @throws RangeError where the edited module has no binary form */
export function editCode(module: Module, edits: readonly CodeEdit[]): Uint8Array<ArrayBuffer> {
  const funcs = [...module.funcs];
  for (const edit of edits) {
    const index = edit.func % funcs.length;
    const func = funcs[index] as Func;
    funcs[index] = { ...func, body: editBody(module, func.body, edit) };
  }
  return encode({ ...module, funcs });
}

function editBody(module: Module, body: readonly Instr[], edit: CodeEdit): readonly Instr[] {
  const at = edit.at % (body.length + 1);
  switch (edit.kind) {
    case 'delete':
      return body.toSpliced(at, edit.length);
    case 'copy': {
      const from = edit.from % (body.length + 1);
      return body.toSpliced(at, 0, ...body.slice(from, from + edit.length));
    }
    case 'insert':
      return body.toSpliced(at, 0, ...(SNIPPETS[edit.snippet % SNIPPETS.length]?.(edit.index) ?? []));
    case 'wrap':
      return body
        .toSpliced(Math.min(at + edit.length, body.length), 0, plain('end'))
        .toSpliced(at, 0, ...opener(module, edit));
    case 'number': {
      const instr = body[at];
      return instr === undefined ? body : body.with(at, changeNumber(instr, edit.which, edit.by));
    }
    default:
      return edit satisfies never;
  }
}

function opener(module: Module, { type, length }: { readonly type: number; readonly length: number }): Instr[] {
  const index = (type >> 2) % (module.recGroups.flat().length + 1);
  const block: BlockType = type & 1 ? { kind: 'type', type: index as TypeIdx } : EMPTY;
  switch (length % 4) {
    case 0:
      return [made('block', { block })];
    case 1:
      return [made('loop', { block })];
    case 2:
      return [i32(type & 1), made('if', { block })];
    default:
      return [made('try_table', { block, catches: [] })];
  }
}

/** Changes one of the indices an instruction has. */
function changeNumber(instr: Instr, which: number, by: number): Instr {
  const names = Object.entries(instr).flatMap(([name, value]) =>
    name !== 'at' && typeof value === 'number' ? [[name, value] as const] : [],
  );
  const chosen = names[which % Math.max(1, names.length)];
  if (chosen === undefined) return instr;
  const [name, value] = chosen;
  return { ...instr, [name]: Math.max(0, value + by) } as Instr;
}
