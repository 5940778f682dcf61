import type { Func } from '../binary/module.ts';
import { type Instr, OPCODES, type OpName } from '../binary/opcodes.ts';
import { type HeapType, isRef, type StorageType } from '../binary/types.ts';

/** An instruction that analyses of a whole module look at, and where it stands in its body. */
export interface Landmark {
  readonly instr: Instr;
  readonly index: number;
}

/**
 * How the landmarks of one mnemonic are told apart; of equal ones a body shows the first. `each`: all of them. A list: those that
 * differ in these immediates.
 */
type Kind = 'each' | readonly string[];

const CALLS: { readonly [N in OpName]?: Kind } = {
  call: ['func'],
  return_call: ['func'],
  call_ref: ['type'],
  return_call_ref: ['type'],
  call_indirect: ['type', 'table'],
  return_call_indirect: ['type', 'table'],
};
const OTHERS: { readonly [N in OpName]?: Kind } = {
  'ref.func': ['func'],
  loop: 'each',
  try: [],
  try_table: [],
  throw: [],
  throw_ref: [],
  'data.drop': ['data'],
  'elem.drop': ['elem'],
  'table.set': ['table'],
  'table.grow': ['table'],
  'table.fill': ['table'],
  'table.copy': ['table'],
  'memory.atomic.notify': ['memarg'],
  'memory.atomic.wait32': ['memarg'],
  'memory.atomic.wait64': ['memarg'],
};

const KINDS: ReadonlyMap<OpName, Kind> = new Map<OpName, Kind>([
  ...OPCODES.flatMap(({ name, proposal }) => (proposal === 'stack-switching' ? [[name, 'each'] as const] : [])),
  ...(Object.entries({ ...CALLS, ...OTHERS }) as [OpName, Kind][]),
]);

const isCont = (heap: HeapType): boolean => heap === 'cont' || heap === 'nocont';
/** Whether a type is an abstract continuation type. */
export const isAbstractCont = (type: StorageType): boolean => isRef(type) && isCont(type.heap);

/** Whether an instruction names an abstract continuation type. */
export function namesContinuation(instr: Instr): boolean {
  switch (instr.op) {
    case 'ref.null':
      return isCont(instr.heap);
    case 'block':
    case 'loop':
    case 'if':
    case 'try':
    case 'try_table':
      return instr.block.kind === 'value' && isAbstractCont(instr.block.type);
    case 'select t':
      return instr.types.some(isAbstractCont);
    default:
      return false;
  }
}

/**
 * Collects the landmarks of one body after another: calls (one a callee), everything of stack switching, loops, and one of each
 * other kind that some analysis asks for.
 */
export class Landmarks {
  /** The body that a key was last seen in. */
  readonly #seen = new Map<string | number, number>();
  #body = 0;
  #list: Landmark[] = [];

  see(instr: Instr, index: number): void {
    const kind = KINDS.get(instr.op);
    if (kind === undefined) {
      if (namesContinuation(instr) && this.#isNew('cont')) this.#list.push({ instr, index });
      return;
    }
    if (kind === 'each' || this.#isNew(keyOf(instr, kind)) || namesContinuation(instr))
      this.#list.push({ instr, index });
  }

  /** Ends a body, and hands out its landmarks in their order. */
  take(): readonly Landmark[] {
    const list = this.#list;
    this.#body++;
    if (list.length === 0) return NONE;
    this.#list = [];
    return list;
  }

  #isNew(key: string | number): boolean {
    if (this.#seen.get(key) === this.#body) return false;
    this.#seen.set(key, this.#body);
    return true;
  }
}

const NONE: readonly Landmark[] = [];

function keyOf(instr: Instr, kind: readonly string[]): string | number {
  if (instr.op === 'call') return instr.func;
  const values = instr as unknown as Readonly<Record<string, unknown>>;
  return kind.reduce((key, name) => `${key} ${name === 'memarg' ? memoryOf(instr) : values[name]}`, instr.op);
}

const memoryOf = (instr: Instr): number => ('memarg' in instr ? instr.memarg.memory : 0);

/** The landmarks of all of these functions. */
export function landmarksOf(funcs: readonly Func[]): readonly (readonly Landmark[])[] {
  const landmarks = new Landmarks();
  return funcs.map(({ body }) => {
    for (let at = 0; at < body.length; at++) landmarks.see(body[at] as Instr, at);
    return landmarks.take();
  });
}
