import { type Bytes, bytes, code, HEADER, moduleOf, SECTION, vector } from './bytes.ts';

/** What must become of a case; `decided`: whatever it is, it ends in time and memory. */
export type Expected = 'malformed' | 'refused' | 'accepted' | 'decided';

export interface HostileCase {
  readonly name: string;
  readonly expected: Expected;
  readonly make: () => Uint8Array<ArrayBuffer>;
}

// Types 0: [] -> [], 1: cont 0, 2: [] -> [i32], 3: [i32] -> []. Tag 0: type 0.
export const FUNC_TYPE = bytes(0x60, 0, 0);
export const TYPES = vector(FUNC_TYPE, bytes(0x5d, 0), bytes(0x60, 0, 1, 0x7f), bytes(0x60, 1, 0x7f, 0));
export const TAGS = vector(bytes(0, 0));
export const SUSPEND = [0xe2, 0] as const;
/** 2^32 - 1 as LEB128. */
export const HUGE = [0xff, 0xff, 0xff, 0xff, 0x0f] as const;

/** A module of one function [] -> []. */
export const one = (body: Bytes, locals?: Bytes): Uint8Array<ArrayBuffer> =>
  moduleOf({ type: TYPES, function: vector(bytes(0)), tag: TAGS, code: vector(code(body, locals)) });

/** Declared counts of four billion, in every position there is, with nearly nothing behind. */
export const HOSTILE_COUNTS: readonly HostileCase[] = [
  ...Object.entries(SECTION).map(([name, id]): [string, Uint8Array<ArrayBuffer>] => [
    `${name} section: size`,
    bytes(...HEADER, id, ...HUGE, 0, 0).bytes,
  ]),
  ...Object.keys(SECTION).map((name): [string, Uint8Array<ArrayBuffer>] => [
    `${name} section: items`,
    moduleOf({ [name]: bytes(...HUGE, 0x60, 0, 0) }),
  ]),
  ...Object.entries({
    'members of a recursion group': [0x4e, ...HUGE],
    supertypes: [0x50, ...HUGE],
    parameters: [0x60, ...HUGE],
    results: [0x60, 0, ...HUGE],
    fields: [0x5f, ...HUGE],
  }).map(([name, type]): [string, Uint8Array<ArrayBuffer>] => [name, moduleOf({ type: bytes(1, ...type, 0x7f) })]),
  ...Object.entries({
    'br_table labels': [0x41, 0, 0x0e, ...HUGE],
    'select types': [0x1c, ...HUGE],
    'catch clauses': [0x1f, 0x40, ...HUGE],
    'handler clauses': [0xe3, 1, ...HUGE],
  }).map(([name, body]): [string, Uint8Array<ArrayBuffer>] => [name, one(bytes(...body, 0, 0, 0))]),
  ['runs of locals', one(bytes(0), bytes(...HUGE))],
  ['function bodies', moduleOf({ function: bytes(...HUGE), code: bytes(...HUGE) })],
  ['bytes of a body', moduleOf({ type: TYPES, function: vector(bytes(0)), code: bytes(1, ...HUGE, 0, 0x0b) })],
  ['bytes of a name', moduleOf({ import: bytes(1, ...HUGE, 0x61) })],
  ['bytes of a data segment', moduleOf({ data: bytes(1, 1, ...HUGE, 0) })],
  ['items of an element segment', moduleOf({ elem: bytes(1, 1, 0, ...HUGE, 0) })],
].map(([name, module]) => ({
  name: `count: ${name}`,
  expected: 'malformed',
  make: () => module as Uint8Array<ArrayBuffer>,
}));
