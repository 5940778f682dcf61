import { describe, expect, it } from 'vitest';
import { RefusedError, transform } from './index.ts';

// Modules that have much of one thing, made of bytes: text would take longer to read than the transform takes.

function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}
function times(count: number, each: (index: number) => readonly number[]): number[] {
  const bytes: number[] = [];
  for (let index = 0; index < count; index++) for (const byte of each(index)) bytes.push(byte);
  return bytes;
}
const list = (count: number, each: (index: number) => readonly number[]): number[] =>
  leb(count).concat(times(count, each));
const section = (id: number, content: readonly number[]): number[] => [id].concat(leb(content.length), content);
const body = (code: readonly number[], locals: readonly number[] = [0]): number[] =>
  leb(locals.length + code.length + 1).concat(locals, code, END);

const [LOOP, IF, END, BR, BR_IF, CALL, CALL_INDIRECT, DROP, GET, SET, CONST, ADD] = [
  0x03, 0x04, 0x0b, 0x0c, 0x0d, 0x10, 0x11, 0x1a, 0x20, 0x21, 0x41, 0x6a,
];
const EMPTY = 0x40;
const I32 = 0x7f;
const SPIN = [LOOP, EMPTY, BR, 0, END] as number[];

/** A module of functions `[] -> []`, with more types behind theirs and what stands between their types and their code. */
function module(
  bodies: readonly number[],
  count = 1,
  types: readonly number[] = [1, 0x60, 0, 0],
  between: number[] = [],
) {
  const funcs = section(
    3,
    list(count, () => [0]),
  );
  return Uint8Array.from(
    [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0].concat(section(1, types), funcs, between, section(10, leb(count).concat(bodies))),
  );
}
const one = (code: readonly number[], locals?: readonly number[]): Uint8Array => module(body(code, locals));
const nested = (
  count: number,
  open: readonly number[],
  inside: readonly number[],
  close: readonly number[],
): number[] =>
  times(count, () => open).concat(
    inside,
    times(count, () => close),
  );
const COUNT_DOWN = [GET, 0, CONST, 1, ADD, SET, 0, GET, 0, CONST, 9, 0x48, BR_IF, 0] as number[];

const KINDS: Readonly<Record<string, (n: number) => Uint8Array>> = {
  'loops in loops': (n) => one(nested(n, [LOOP as number, EMPTY], [], [END as number])),
  'counting loops in loops': (n) =>
    one(nested(n, [CONST, 0, SET, 0, LOOP, EMPTY] as number[], [], [...COUNT_DOWN, END] as number[]), [1, 1, I32]),
  'conditions in conditions, a call inside': (n) =>
    one(nested(n, [CONST, 1, IF, EMPTY] as number[], [CALL, 0] as number[], [END as number])),
  'loops one after the other': (n) => one(times(n, () => [LOOP, EMPTY, CALL, 0, END] as number[])),
  'calls one after the other': (n) => one([LOOP, EMPTY, ...times(n, () => [CALL, 0] as number[]), END] as number[]),
  'straight code': (n) => one([...SPIN, ...times(n, () => [CONST, 1, DROP] as number[])]),
  'locals live over one call': (n) => {
    const count = Math.min(n, 9000);
    const uses = times(count, (index) => [GET as number, ...leb(index), DROP as number]);
    return one([CALL, 0, ...uses] as number[], [1, ...leb(count), I32]);
  },
  'functions that spin': (n) =>
    module(
      times(n, () => body(SPIN)),
      n,
    ),
  'functions that do nothing': (n) =>
    module(
      times(n, () => body([0x01])),
      n,
    ),
  'a chain of calls': (n) =>
    module(
      times(n, (index) => body(index + 1 < n ? [CALL as number, ...leb(index + 1)] : SPIN)),
      n,
    ),
  'a circle of calls': (n) =>
    module(
      times(n, (index) => body([CALL as number, ...leb((index + 1) % n)])),
      n,
    ),
  'table entries': (n) =>
    module(body(SPIN), 1, undefined, [
      ...section(4, [1, 0x70, 0, 1]),
      ...section(9, [1, 0, CONST as number, 0, END as number, ...list(n, () => [0])]),
    ]),
  'types of indirect calls, and functions to be called so': (n) =>
    module(
      times(n, (index) =>
        body([
          ...times(index % 12, () => [CONST as number, 0]),
          CONST,
          0,
          CALL_INDIRECT,
          ...leb(1 + (index % 12)),
          0,
        ] as number[]),
      ),
      n,
      list(13, (index) => [0x60, ...list(Math.max(index - 1, 0), () => [I32]), 0]),
      [
        ...section(4, [1, 0x70, 0, 1]),
        ...section(9, [1, 0, CONST as number, 0, END as number, ...list(n, (index) => leb(index))]),
      ],
    ),
  exports: (n) =>
    module(
      body(SPIN),
      1,
      undefined,
      section(
        7,
        list(n, (index) => [4, ...[...index.toString(16).padStart(4, '0')].map((c) => c.charCodeAt(0)), 0, 0]),
      ),
    ),
  globals: (n) =>
    module(
      body(SPIN),
      1,
      undefined,
      section(
        6,
        list(n, () => [I32, 1, CONST as number, 0, END as number]),
      ),
    ),
};

/** Milliseconds of this thread's own, so that what else the machine does is not counted; the least of two. */
function time(bytes: Uint8Array): number {
  const runs = [1, 2].map(() => {
    const start = process.threadCpuUsage();
    try {
      transform(bytes, { linking: 'closed', yields: 'fuel' });
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
    }
    const { user, system } = process.threadCpuUsage(start);
    return (user + system) / 1000;
  });
  return Math.min(...runs);
}

describe('the transform takes time in proportion to', () => {
  it.each(Object.entries(KINDS))('%s', (_, make) => {
    const n = 1500;
    const small = make(n);
    const large = make(8 * n);
    expect(WebAssembly.validate(small as BufferSource)).toBe(true);
    time(small);
    // What is quadratic takes 64 times as long. Collections come with size.
    expect(time(large)).toBeLessThan(28 * time(small) + 100);
  });
});
