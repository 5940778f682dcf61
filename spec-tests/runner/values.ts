import type { AtomNode, ListNode, SNode } from './lexer.ts';
import { ScriptSyntaxError } from './lexer.ts';
import { parseFloatBits, parseInteger } from './numbers.ts';

/** The five unconnected trees of reference types. */
export type Hierarchy = 'any' | 'func' | 'extern' | 'exn' | 'cont';
export type NumberType = 'i32' | 'i64' | 'f32' | 'f64';

/** An argument of an action. Numbers are their bits, unsigned. */
export type Constant =
  | { readonly type: NumberType | 'v128'; readonly bits: bigint }
  | { readonly type: 'null'; readonly hierarchy: Hierarchy }
  | { readonly type: 'host'; readonly hierarchy: 'any' | 'extern'; readonly id: number };

/** What one lane may be: these bits, or a NaN of a class (spec, Floating-Point Operations, NaN propagation). */
export type LanePattern = bigint | 'nan:canonical' | 'nan:arithmetic';

/** What a reference may be; `null` without a hierarchy is a null of any type, an absent `id` is any host value. */
export type RefPattern =
  | { readonly type: 'null'; readonly hierarchy: Hierarchy | undefined }
  | { readonly type: 'extern' | 'host'; readonly id: number | undefined }
  | { readonly type: 'func' | 'any' | 'eq' | 'i31' | 'struct' | 'array' | 'exn' | 'cont' };

/** An expected result. */
export type Pattern =
  | { readonly type: NumberType; readonly lane: LanePattern }
  | { readonly type: 'v128'; readonly laneWidth: number; readonly lanes: readonly LanePattern[] }
  | { readonly type: 'ref'; readonly ref: RefPattern }
  | { readonly type: 'either'; readonly choices: readonly Pattern[] };

const shapes: ReadonlyMap<string, { readonly lanes: number; readonly lane: 'int' | 'float' }> = new Map([
  ['i8x16', { lanes: 16, lane: 'int' }],
  ['i16x8', { lanes: 8, lane: 'int' }],
  ['i32x4', { lanes: 4, lane: 'int' }],
  ['i64x2', { lanes: 2, lane: 'int' }],
  ['f32x4', { lanes: 4, lane: 'float' }],
  ['f64x2', { lanes: 2, lane: 'float' }],
]);

const heapTypes: ReadonlyMap<string, Hierarchy> = new Map([
  ['any', 'any'],
  ['eq', 'any'],
  ['i31', 'any'],
  ['struct', 'any'],
  ['array', 'any'],
  ['none', 'any'],
  ['func', 'func'],
  ['nofunc', 'func'],
  ['extern', 'extern'],
  ['noextern', 'extern'],
  ['exn', 'exn'],
  ['noexn', 'exn'],
  ['cont', 'cont'],
  ['nocont', 'cont'],
]);

/** Reads an argument: `(t.const n)`, `(v128.const …)`, `(ref.null ht)`, `(ref.extern n)`, `(ref.host n)`. Throws {@link ScriptSyntaxError}. */
export function parseConstant(node: SNode): Constant {
  const pattern = parsePattern(node);
  switch (pattern.type) {
    case 'i32':
    case 'i64':
    case 'f32':
    case 'f64':
      return { type: pattern.type, bits: exactBits(pattern.lane, node) };
    case 'v128':
      return {
        type: 'v128',
        bits: joinLanes(
          pattern.lanes.map((lane) => exactBits(lane, node)),
          pattern.laneWidth,
        ),
      };
    case 'ref': {
      const { ref } = pattern;
      if (ref.type === 'null' && ref.hierarchy !== undefined) return { type: 'null', hierarchy: ref.hierarchy };
      if ((ref.type === 'extern' || ref.type === 'host') && ref.id !== undefined) {
        return { type: 'host', hierarchy: ref.type === 'extern' ? 'extern' : 'any', id: ref.id };
      }
    }
  }
  throw new ScriptSyntaxError('not a constant', node.start);
}

/** Reads an expected result, `(either …)` included. Throws {@link ScriptSyntaxError}. */
export function parsePattern(node: SNode): Pattern {
  if (node.kind !== 'list') throw new ScriptSyntaxError('expected a result in parentheses', node.start);
  const head = node.items[0];
  if (head?.kind !== 'atom') throw new ScriptSyntaxError('expected a result', node.start);
  const args = node.items.slice(1);
  switch (head.text) {
    case 'i32.const':
    case 'i64.const':
      return { type: head.text.slice(0, 3) as 'i32' | 'i64', lane: parseLane(single(node), 'int', widthOf(head.text)) };
    case 'f32.const':
    case 'f64.const':
      return {
        type: head.text.slice(0, 3) as 'f32' | 'f64',
        lane: parseLane(single(node), 'float', widthOf(head.text)),
      };
    case 'v128.const':
      return parseVector(node, args);
    case 'either':
      if (args.length === 0) throw new ScriptSyntaxError('"either" without choices', node.start);
      return { type: 'either', choices: args.map(parsePattern) };
    default:
      return { type: 'ref', ref: parseRef(head, node) };
  }
}

function parseRef(head: AtomNode, node: ListNode): RefPattern {
  switch (head.text) {
    case 'ref.null': {
      if (node.items.length === 1) return { type: 'null', hierarchy: undefined };
      const hierarchy = heapTypes.get(single(node).text);
      if (hierarchy === undefined) throw new ScriptSyntaxError('unknown heap type', node.start);
      return { type: 'null', hierarchy };
    }
    case 'ref.extern':
    case 'ref.host': {
      const type = head.text === 'ref.extern' ? 'extern' : 'host';
      if (node.items.length === 1) return { type, id: undefined };
      const id = parseInteger(single(node).text, 32);
      if (id === undefined) throw new ScriptSyntaxError('expected a number', node.start);
      return { type, id: Number(id) };
    }
    case 'ref.func':
    case 'ref.any':
    case 'ref.eq':
    case 'ref.i31':
    case 'ref.struct':
    case 'ref.array':
    case 'ref.exn':
    case 'ref.cont':
      if (node.items.length > 1) throw new ScriptSyntaxError(`"${head.text}" takes no operand here`, node.start);
      return { type: head.text.slice(4) as 'func' | 'any' | 'eq' | 'i31' | 'struct' | 'array' | 'exn' | 'cont' };
    default:
      throw new ScriptSyntaxError(`unknown value "${head.text}"`, node.start);
  }
}

function parseVector(node: ListNode, args: readonly SNode[]): Pattern {
  const [shapeNode, ...laneNodes] = args;
  const shape = shapeNode?.kind === 'atom' ? shapes.get(shapeNode.text) : undefined;
  if (shape === undefined) throw new ScriptSyntaxError('unknown vector shape', node.start);
  if (laneNodes.length !== shape.lanes) throw new ScriptSyntaxError('wrong number of lanes', node.start);
  const laneWidth = 128 / shape.lanes;
  return { type: 'v128', laneWidth, lanes: laneNodes.map((lane) => parseLane(lane, shape.lane, laneWidth)) };
}

function parseLane(node: SNode, kind: 'int' | 'float', width: number): LanePattern {
  if (node.kind !== 'atom') throw new ScriptSyntaxError('expected a number', node.start);
  const { text } = node;
  if (kind === 'float' && (text === 'nan:canonical' || text === 'nan:arithmetic')) return text;
  const bits = kind === 'int' ? parseInteger(text, width) : parseFloatBits(text, width === 32 ? 32 : 64);
  if (bits === undefined) throw new ScriptSyntaxError(`"${text}" is no number of ${width} bits`, node.start);
  return bits;
}

function single(node: ListNode): AtomNode {
  const operand = node.items[1];
  if (node.items.length !== 2 || operand?.kind !== 'atom')
    throw new ScriptSyntaxError('expected one operand', node.start);
  return operand;
}

function widthOf(keyword: string): number {
  return Number(keyword.slice(1, 3));
}

function exactBits(lane: LanePattern, node: SNode): bigint {
  if (typeof lane !== 'bigint') throw new ScriptSyntaxError(`"${lane}" is no constant`, node.start);
  return lane;
}

/** Lane 0 is the least significant. */
export function joinLanes(lanes: readonly bigint[], laneWidth: number): bigint {
  return lanes.reduceRight((bits, lane) => (bits << BigInt(laneWidth)) | lane, 0n);
}
