import { Bytes, bytes, code, moduleOf, type Sections, vector } from './bytes.ts';
import {
  type Expected,
  FUNC_TYPE,
  HOSTILE_COUNTS,
  type HostileCase,
  HUGE,
  one,
  SUSPEND,
  TAGS,
  TYPES,
} from './hostile-counts.ts';

const CALL_1 = [0x10, 1] as const;
const DROP = 0x1a;
const END = 0x0b;
const BLOCK = [0x02, 0x40] as const;
const LOOP = [0x03, 0x40] as const;
const IF = [0x41, 1, 0x04, 0x40] as const;
const TRY_TABLE = [0x1f, 0x40, 0] as const;
const DEEP = 100_000;

/** A module of a function [] -> [] and one [] -> [i32] that it can call. */
const two = (body: Bytes): Uint8Array<ArrayBuffer> =>
  moduleOf({
    type: TYPES,
    function: vector(bytes(0), bytes(2)),
    tag: TAGS,
    code: vector(code(body), code(bytes(0x41, 1))),
  });

const runOfLocals = (count: number): Bytes => bytes(1).u(count).put(0x7f);
const readLocals = (count: number): Bytes => new Bytes().repeat(count, (index, to) => to.put(0x20).u(index).put(DROP));

/** `count` constructs around each other, with code at the start and at the end of each. */
const nested = (count: number, open: readonly number[], before: readonly number[], after: readonly number[]): Bytes =>
  new Bytes().times(count, ...before, ...open).times(count, ...after, END);

const only = (sections: Sections) => (): Uint8Array<ArrayBuffer> => moduleOf(sections);
const cases: Readonly<Record<string, readonly [Expected, () => Uint8Array<ArrayBuffer>]>> = {
  '4 billion locals in one run': ['malformed', () => one(bytes(0), bytes(2, ...HUGE, 0x7f, ...HUGE, 0x7f))],
  '4 billion locals less one': ['refused', () => one(bytes(0), bytes(1, ...HUGE, 0x7f))],
  '100,000 blocks deep': ['accepted', () => one(nested(DEEP, BLOCK, [], []))],
  '100,000 blocks deep around a suspend': [
    'accepted',
    () =>
      one(
        bytes(1)
          .times(DEEP, ...BLOCK)
          .put(...SUSPEND)
          .times(DEEP, END),
      ),
  ],
  '20,000 loops deep around a suspend': [
    'accepted',
    () =>
      one(
        new Bytes()
          .times(20_000, ...LOOP)
          .put(...SUSPEND)
          .times(20_000, END),
      ),
  ],
  '100,000 ifs deep around a suspend': [
    'accepted',
    () =>
      one(
        new Bytes()
          .times(DEEP, ...IF)
          .put(...SUSPEND)
          .times(DEEP, END),
      ),
  ],
  '20,000 try_tables deep around a suspend': [
    'accepted',
    () =>
      one(
        new Bytes()
          .times(20_000, ...TRY_TABLE)
          .put(...SUSPEND)
          .times(20_000, END),
      ),
  ],
  '100,000 blocks deep in dead code': [
    'accepted',
    () =>
      one(
        bytes(0)
          .times(DEEP, ...BLOCK)
          .times(DEEP, END),
      ),
  ],
  '10,000 blocks, a suspend before each': ['accepted', () => one(nested(10_000, BLOCK, SUSPEND, []))],
  '20,000 blocks, a suspend after each': ['accepted', () => one(nested(20_000, BLOCK, [], SUSPEND))],
  '10,000 loops, suspends before and after': ['accepted', () => one(nested(10_000, LOOP, SUSPEND, SUSPEND))],
  '10,000 ifs, suspends before and after': ['accepted', () => one(nested(10_000, IF, SUSPEND, SUSPEND))],
  '10,000 else arms in each other': [
    'accepted',
    () => one(new Bytes().times(10_000, ...IF, ...SUSPEND, 0x05).times(10_000, ...SUSPEND, END)),
  ],
  '100,000 suspends': ['decided', () => one(new Bytes().times(DEEP, ...SUSPEND))],
  '100,000 calls that may suspend': [
    'decided',
    () =>
      moduleOf({
        type: TYPES,
        function: vector(bytes(0), bytes(0)),
        tag: TAGS,
        code: vector(code(new Bytes().times(DEEP, ...CALL_1)), code(bytes(...SUSPEND))),
      }),
  ],
  '300,000 instructions': ['accepted', () => one(new Bytes().times(100_000, 0x41, 1, DROP).put(...SUSPEND))],
  '50,000 constants on the stack at a suspend': [
    'accepted',
    () =>
      one(
        new Bytes()
          .times(50_000, 0x41, 1)
          .put(...SUSPEND)
          .times(50_000, DROP),
      ),
  ],
  '1000 operands below 10,000 suspends': [
    'accepted',
    () =>
      two(
        new Bytes()
          .times(1000, ...CALL_1)
          .times(10_000, ...SUSPEND)
          .times(1000, DROP),
      ),
  ],
  '10,000 operands, a suspend after each': [
    'decided',
    () => two(new Bytes().times(10_000, ...CALL_1, ...SUSPEND).times(10_000, DROP)),
  ],
  '10,000 operands, each outside of a block with a suspend': [
    'decided',
    () => two(new Bytes().times(10_000, ...CALL_1, ...BLOCK, ...SUSPEND).times(10_000, END, DROP)),
  ],
  '60,000 operands at a suspend': [
    'decided',
    () =>
      two(
        new Bytes()
          .times(60_000, ...CALL_1)
          .put(...SUSPEND)
          .times(60_000, DROP),
      ),
  ],
  '9000 live locals at 1000 suspends': [
    'accepted',
    () => one(new Bytes().times(1000, ...SUSPEND).add(readLocals(9000)), runOfLocals(10_000)),
  ],
  '10,000 live locals at a suspend': [
    'decided',
    () => one(bytes(...SUSPEND).add(readLocals(10_000)), runOfLocals(10_000)),
  ],
  '50,000 locals at a suspend': ['decided', () => one(bytes(...SUSPEND), runOfLocals(50_000))],
  '10,000 locals, 10,000 loops deep, a suspend in each': [
    'accepted',
    () => one(nested(10_000, LOOP, SUSPEND, [0x20, 5, 0x0d, 0]), runOfLocals(10_000)),
  ],
  '10,000 locals, 10,000 try_tables deep, a suspend in each': [
    'accepted',
    () => one(nested(10_000, [0x1f, 0x40, 1, 2, 0], SUSPEND, [0x20, 5, 0x21, 6]), runOfLocals(10_000)),
  ],
  '50,000 functions that suspend': [
    'accepted',
    () =>
      moduleOf({
        type: TYPES,
        function: new Bytes().u(50_000).times(50_000, 0),
        tag: TAGS,
        code: new Bytes().u(50_000).times(50_000, 4, 0, ...SUSPEND, END),
      }),
  ],
  '20,000 functions, each calling the next': [
    'accepted',
    () =>
      moduleOf({
        type: TYPES,
        function: new Bytes().u(20_001).times(20_001, 0),
        tag: TAGS,
        code: new Bytes()
          .u(20_001)
          .repeat(20_000, (index, to) => to.add(code(bytes(0x10).u(index + 1))))
          .add(code(bytes(...SUSPEND))),
      }),
  ],
  'a br_table of a million labels': [
    'decided',
    () =>
      one(
        bytes(...SUSPEND, 0x41, 0, 0x0e)
          .u(1_000_000)
          .times(1_000_001, 0),
      ),
  ],
  'a br_table of 60,000 labels': [
    'accepted',
    () =>
      one(
        bytes(...SUSPEND, 0x41, 0, 0x0e)
          .u(60_000)
          .times(60_001, 0),
      ),
  ],
  'a recursion group of 20,000 function and continuation types': [
    'accepted',
    only({
      type: bytes(1, 0x4e)
        .u(20_000)
        .times(10_000, 0x60, 0, 0)
        .repeat(10_000, (index, to) => to.put(0x5d).s(index)),
    }),
  ],
  '300 equal recursion groups of 300 types': [
    'accepted',
    only({
      type: new Bytes().u(300).repeat(300, (group, to) =>
        to
          .put(0x4e)
          .u(300)
          .repeat(300, (index, inner) =>
            inner
              .put(0x5f, 1, 0x63)
              .s(group * 300 + ((index + 1) % 300))
              .put(1),
          ),
      ),
    }),
  ],
  'subtypes 63 deep': ['accepted', only({ type: chain(63, 0, () => bytes(0x60, 0, 0)) })],
  'subtypes 64 deep': ['decided', only({ type: chain(64, 0, () => bytes(0x60, 0, 0)) })],
  'continuation subtypes 62 deep': ['accepted', only({ type: chain(62, 1, () => bytes(0x5d, 0)) })],
  'continuation subtypes 63 deep': ['decided', only({ type: chain(63, 1, () => bytes(0x5d, 0)) })],
  '100,000 continuation types': [
    'accepted',
    () =>
      moduleOf({
        type: new Bytes().u(100_000).put(0x60, 0, 0).times(99_999, 0x5d, 0),
        function: vector(bytes(0)),
        tag: TAGS,
        code: vector(code(bytes(...SUSPEND))),
      }),
  ],
  'a name of 10 MB': [
    'decided',
    () =>
      moduleOf({
        type: TYPES,
        function: vector(bytes(0)),
        tag: TAGS,
        export: bytes(1).u(10_000_000).times(10_000_000, 0x61).put(0, 0),
        code: vector(code(bytes(...SUSPEND))),
      }),
  ],
  'a resume with 5000 handlers': ['accepted', () => resuming(5000)],
  'a resume with 100,000 handlers': ['decided', () => resuming(100_000)],
  'a try_table with 5000 catches': [
    'accepted',
    () =>
      one(
        bytes(0x1f, 0x40)
          .u(5000)
          .times(5000, 2, 0)
          .put(...SUSPEND, END),
      ),
  ],
  'a try_table with 100,000 catches': [
    'decided',
    () =>
      one(
        bytes(0x1f, 0x40)
          .u(DEEP)
          .times(DEEP, 2, 0)
          .put(...SUSPEND, END),
      ),
  ],
  '1000 parameters and results through a suspend': ['accepted', () => arity(bytes(...SUSPEND))],
  '1000 parameters through 300 blocks and suspends': [
    'accepted',
    () => arity(new Bytes().times(300, 0x02, 1, ...SUSPEND).times(300, END)),
  ],
  '300,000 elements that refer to a function that suspends': [
    'accepted',
    () =>
      moduleOf({
        type: TYPES,
        function: vector(bytes(0)),
        table: vector(bytes(0x70, 0).u(300_000)),
        tag: TAGS,
        elem: bytes(1, 0, 0x41, 0, END).u(300_000).times(300_000, 0),
        code: vector(code(bytes(...SUSPEND))),
      }),
  ],
  'an if without else, around a suspend, with parameters': [
    'accepted',
    () =>
      moduleOf({
        type: vector(FUNC_TYPE, bytes(0x60, 1, 0x7f, 1, 0x7f)),
        function: vector(bytes(0)),
        tag: TAGS,
        code: vector(code(bytes(0x41, 1, 0x41, 1, 0x04, 1, ...SUSPEND, END, DROP))),
      }),
  ],
  'no locals, of a continuation type': [
    'accepted',
    only({ type: vector(FUNC_TYPE), function: vector(bytes(0)), code: vector(code(bytes(), bytes(1, 0, 0x68))) }),
  ],
  'a constant expression of 600,000 instructions': [
    'accepted',
    only({ global: bytes(1, 0x7f, 0, 0x41, 0).times(300_000, 0x41, 1, 0x6a).put(END) }),
  ],
};

/** Types that each extend the one before, `depth` deep, behind `first` function types. */
function chain(depth: number, first: number, type: () => Bytes): Bytes {
  return new Bytes()
    .u(first + depth + 1)
    .repeat(first, (_, to) => to.add(FUNC_TYPE))
    .put(0x50, 0)
    .add(type())
    .repeat(depth, (index, to) =>
      to
        .put(0x50, 1)
        .u(first + index)
        .add(type()),
    );
}

/** A function that resumes a null reference under that many handlers. */
function resuming(handlers: number): Uint8Array<ArrayBuffer> {
  const resume = bytes(0x02, 0x63, 1, 0xd0, 1, 0xe3, 1).u(handlers).times(handlers, 0, 0, 0);
  return moduleOf({
    type: TYPES,
    function: vector(bytes(0)),
    tag: TAGS,
    code: vector(code(resume.put(0x0f, END, DROP))),
  });
}

/** A function of 1000 parameters and 1000 results that puts the parameters on the stack, goes on so, and returns them. */
function arity(body: Bytes): Uint8Array<ArrayBuffer> {
  const type = bytes(0x60).u(1000).times(1000, 0x7f).u(1000).times(1000, 0x7f);
  const params = new Bytes().repeat(1000, (index, to) => to.put(0x20).u(index));
  return moduleOf({
    type: vector(FUNC_TYPE, type),
    function: vector(bytes(1)),
    tag: TAGS,
    code: vector(code(params.add(body))),
  });
}

export const HOSTILE: readonly HostileCase[] = [
  ...HOSTILE_COUNTS,
  ...Object.entries(cases).map(([name, [expected, make]]): HostileCase => ({ name, expected, make })),
];
