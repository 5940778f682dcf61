import { describe, expect, it } from 'vitest';
import {
  ARG,
  act,
  BUILDS,
  E,
  FOREVER,
  give,
  load,
  log,
  loop,
  MS,
  of,
  play,
  program,
  SCRATCH,
  say,
  set,
  spawn,
  store,
} from './threads.test-data.ts';

/** Waits for a thread and logs what join says, and its result. */
const joined = (thread: string): string[] => [store(SCRATCH, -77), say('join', thread, SCRATCH), log(load(SCRATCH))];

describe.each(BUILDS)('threads of a guest, %s', (build) => {
  const run = async (text: string): Promise<number[]> => (await play(text, { build })).log;

  it('begin with an entry of the table and an argument, and are joined with a result', async () => {
    const text = program(
      [set('a', spawn('double', 21)), set('b', spawn('double', -3)), ...joined('b'), ...joined('a')],
      {
        double: [give(`(i32.mul ${ARG} (i32.const 2))`)],
      },
    );
    expect(await run(text)).toEqual([0, -6, 0, 42]);
  });

  it('begin with a function reference', async () => {
    const text = program(
      [
        set('a', '(call $spawn_ref (ref.func $negate) (i32.const 5) (i32.const 0))'),
        ...joined('a'),
        log('(call $spawn_ref (ref.null func) (i32.const 5) (i32.const 0))'),
        log('(call $spawn_ref (ref.func $other) (i32.const 5) (i32.const 0))'),
      ],
      { negate: [give(`(i32.sub (i32.const 0) ${ARG})`)] },
      {
        extra: `
          (func $other (param i64) (result i32) (i32.const 0))
          (elem declare func $other)
          (func (export "__bobbin_thread_ref") (param $entry funcref) (param $argument i32) (result i32)
            (table.set $table (i32.const 0) (local.get $entry))
            (call_indirect (type $thread) (local.get $argument) (i32.const 0)))`,
        imports: '(import "bobbin:threads" "spawn_ref" (func $spawn_ref (param funcref i32 i32) (result i32)))',
      },
    );
    expect(await run(text)).toEqual([0, -5, E.EINVAL, E.EINVAL]);
  });

  it('have numbers, 1 is the main thread, and none is used twice', async () => {
    const text = program(
      [
        say('self'),
        loop(
          3,
          set('a', spawn('number')),
          act('join', 'a', SCRATCH),
          log(`(i32.eq ${load(SCRATCH)} (global.get $a))`),
          log(`(i32.gt_s (global.get $a) (global.get $b))`),
          set('b', 'a'),
        ),
      ],
      { number: [give(of('self'))] },
    );
    expect(await run(text)).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });

  it('end by exit, wherever they are', async () => {
    const text = program([set('a', spawn('deep', 7)), ...joined('a'), set('b', spawn('at_once', 0)), ...joined('b')], {
      deep: [`(if (i32.eqz ${ARG}) (then ${act('exit', 99)}))`, `(return (call $deep (i32.sub ${ARG} (i32.const 1))))`],
      at_once: [act('exit', -1), log(1234)],
    });
    expect(await run(text)).toEqual([0, 99, 0, -1]);
  });

  it('give way to each other in turns', async () => {
    const text = program(
      [set('a', spawn('talk', 1)), set('b', spawn('talk', 2)), act('join', 'a', 0), act('join', 'b', 0)],
      { talk: [loop(3, log(ARG), say('yield'))] },
    );
    expect(await run(text)).toEqual([1, 2, 0, 1, 0, 2, 0, 1, 0, 2, 0, 0]);
  });

  it('sleep in virtual time, each as long as it said', async () => {
    const text = program(
      [
        ...[30, 10, 20].map((ms) => act('detach', spawn('sleeper', ms))),
        say('sleep', 100n * MS),
        log(of('now')),
        say('sleep', 0n),
        say('sleep', -1n),
        log(of('now')),
      ],
      {
        sleeper: [act('sleep', `(i64.mul (i64.extend_i32_s ${ARG}) (i64.const ${MS}))`), log(ARG), log(of('now'))],
      },
    );
    expect(await run(text)).toEqual([10, 10, 20, 20, 30, 30, 0, 100, 0, E.EINVAL, 100]);
  });

  it('sleep by the functions of signals, too, by the same clock', async () => {
    const text = program(
      [set('a', spawn('naps')), act('sleep', 3n * MS), log(of('now')), act('join', 'a', 0), log(of('now'))],
      {
        naps: [
          `(i64.store (i32.const ${SCRATCH}) (i64.const 2)) (i64.store (i32.const ${SCRATCH + 8}) (i64.const 500000000))`,
          say('nanosleep', SCRATCH, 0),
        ],
      },
    );
    expect(await run(text)).toEqual([3, 0, 2500]);
  });

  it('park until they are unparked, before or after', async () => {
    const text = program(
      [
        set('a', spawn('parks')),
        act('unpark', 'a'),
        act('unpark', 'a'),
        act('yield'),
        log(1),
        say('unpark', 'a'),
        act('join', 'a', 0),
        say('unpark', 'a'),
        say('park', 0n),
        say('park', 5n * MS),
        log(of('now')),
        say('unpark', of('self')),
        say('park', 0n),
        say('park', 0n),
      ],
      { parks: [say('park', FOREVER), say('park', FOREVER)] },
    );
    expect(await run(text)).toEqual([0, 1, 0, 0, E.ESRCH, E.ETIMEDOUT, E.ETIMEDOUT, 5, 0, 0, E.ETIMEDOUT]);
  });

  it('have a word of their own', async () => {
    const text = program(
      [
        log(of('local_get')),
        act('local_set', 5),
        set('a', spawn('local', 10)),
        set('b', spawn('local', 20)),
        act('join', 'a', 0),
        act('join', 'b', 0),
        log(of('local_get')),
      ],
      { local: [log(of('local_get')), act('local_set', ARG), act('yield'), log(of('local_get'))] },
    );
    expect(await run(text)).toEqual([0, 0, 0, 10, 20, 5]);
  });

  it('have areas of memory of their own', async () => {
    const [one, two] = [SCRATCH + 64, SCRATCH + 128];
    const text = program(
      [
        store(one, 7),
        set('a', spawn('early', 10)),
        act('yield'),
        say('area', one, 4),
        store(one, 8),
        set('b', spawn('late', 20)),
        act('yield'),
        log(load(one)),
        store(two, 1),
        say('area', two, 8),
        store(two, 2),
        act('join', 'a', 0),
        act('join', 'b', 0),
        log(load(one)),
        log(load(two)),
      ],
      {
        early: [log(load(one)), act('yield'), log(load(one)), store(one, ARG), act('yield'), log(load(one))],
        late: [log(load(one)), store(one, ARG), act('yield'), log(load(one)), log(load(two)), store(two, ARG)],
      },
    );
    const record = await run(text);
    expect(record[0]).toBe(7);
    expect(record.slice(1, 2)).toEqual([0]);
    // What the area had when it was made; the main thread's own value; each its own.
    expect(record.slice(2)).toEqual([7, 7, 8, 0, 10, 20, 1, 8, 2]);
  });

  it('have shadow stacks of their own, of the size they ask for', async () => {
    const text = program(
      [
        set('a', spawn('use', 1)),
        set('b', spawn('use', 2, 1024)),
        set('c', spawn('use', 3, 64)),
        ...['a', 'b', 'c'].map((thread) => act('join', thread, 0)),
        log('(i32.eq (global.get $sp) (i32.const 32768))'),
      ],
      {
        use: [
          set('sp', '(i32.sub (global.get $sp) (i32.const 32))'),
          `(i32.store (global.get $sp) ${ARG})`,
          act('yield'),
          log('(i32.load (global.get $sp))'),
          set('sp', '(i32.add (global.get $sp) (i32.const 32))'),
        ],
      },
    );
    expect(await run(text)).toEqual([1, 2, 3, 1]);
  });
});

describe('what the functions for threads refuse', () => {
  const TABLE = `
    (func $nothing) (func $narrow (param i32)) (func $wide (param i32) (result i64) (i64.const 0))
    (func $two (param i32 i32) (result i32) (i32.const 0)) (func $long (param i64) (result i32) (i32.const 0))
    (elem (i32.const 6) $nothing $narrow $wide $two $long)`;
  const cases: [string, string[], number[]][] = [
    ['a null entry', [log(of('spawn', 0, 0, 0))], [E.EINVAL]],
    ['an entry out of range', [say('spawn', 1000, 0, 0), say('spawn', -1, 0, 0)], [E.EINVAL, E.EINVAL]],
    ['entries of other types', [6, 7, 8, 9, 10].map((entry) => say('spawn', entry, 0, 0)), Array(5).fill(E.EINVAL)],
    ['stacks of no size', [log(spawn('idle', 0, 8)), log(spawn('idle', 0, -1))], [E.EINVAL, E.EINVAL]],
    [
      'stacks that the memory has no room for',
      [
        set('a', spawn('idle', 0, 65_536)),
        log(spawn('idle', 0, 65_536)),
        say('join', 'a', 0),
        log(`(i32.gt_s ${spawn('idle', 0, 65_536)} (i32.const 0))`),
      ],
      [E.EAGAIN, 0, 1],
    ],
    ['nobody to join', ['0', '7', '-1'].map((id) => say('join', Number(id), 0)), Array(3).fill(E.ESRCH)],
    ['joining oneself', [say('join', of('self'), 0)], [E.EDEADLK]],
    ['joining twice', [set('a', spawn('idle')), say('join', 'a', 0), say('join', 'a', 0)], [0, E.ESRCH]],
    [
      'joining one that another joins',
      [set('a', spawn('sleeper')), set('b', spawn('joiner')), act('yield'), say('join', 'a', 0), say('join', 'b', 0)],
      [E.EINVAL, 0, 0],
    ],
    [
      'joining one that is detached',
      [set('a', spawn('sleeper')), say('detach', 'a'), say('join', 'a', 0), say('detach', 'a')],
      [0, E.EINVAL, E.EINVAL],
    ],
    [
      'detaching one that has ended, or never was',
      [set('a', spawn('idle')), act('yield'), say('detach', 'a'), say('detach', 'a'), say('detach', 55)],
      [0, E.ESRCH, E.ESRCH],
    ],
    [
      'detaching one that is joined',
      [set('a', spawn('sleeper')), set('b', spawn('joiner')), act('yield'), say('detach', 'a'), act('join', 'b', 0)],
      [E.EINVAL, 0],
    ],
    [
      'joining in a circle of three',
      [set('a', spawn('joins_b')), set('b', spawn('joins_main')), say('join', 'a', SCRATCH), log(load(SCRATCH))],
      [E.EDEADLK, 0, 5],
    ],
    [
      'a result that is not in memory',
      [set('a', spawn('idle')), say('join', 'a', -2), say('join', 'a', 0x4000_0000), say('join', 'a', SCRATCH)],
      [E.EFAULT, E.EFAULT, 0],
    ],
    ['a name of nobody', [say('name', 12, SCRATCH, 1)], [E.ESRCH]],
    ['a name that is not in memory', [say('name', 1, -4, 8), say('name', 1, 0, -1)], [E.EFAULT, E.EFAULT]],
    ['an area of no size', [say('area', SCRATCH, 0), say('area', SCRATCH, -4)], [E.EINVAL, E.EINVAL]],
    ['an area out of memory', [say('area', -16, 8)], [E.EFAULT]],
    [
      'areas that overlap',
      [say('area', SCRATCH, 8), say('area', SCRATCH + 7, 8), say('area', SCRATCH - 7, 8), say('area', SCRATCH + 8, 8)],
      [0, E.EINVAL, E.EINVAL, 0],
    ],
    [
      'areas too large',
      ['(drop (memory.grow (i32.const 2)))', say('area', 0, 65_537), say('area', 0, 65_000), say('area', 65_536, 600)],
      [E.EINVAL, 0, E.EINVAL],
    ],
    ['signals of nobody', [say('kill', 44, 10), say('kill', 44, 0)], [E.ESRCH, E.ESRCH]],
    ['signals that are none', [say('kill', 1, 65), say('kill', 1, -1), say('kill', 1, 0)], [E.EINVAL, E.EINVAL, 0]],
    ['unparking nobody', [say('unpark', 0), say('unpark', 9)], [E.ESRCH, E.ESRCH]],
  ];
  const threads = {
    idle: [give(3)],
    sleeper: [act('sleep', MS)],
    joiner: [say('join', 'a', 0)],
    joins_b: [act('join', 'b', 0), give(5)],
    joins_main: [say('join', 1, 0)],
  };

  it.each(cases)('%s', async (name, main, expected) => {
    const extra = name === 'entries of other types' ? TABLE : '';
    const memory = name.startsWith('stacks that') ? '(memory (export "memory") 1 3)' : undefined;
    const { log: record } = await play(program(main, threads, { extra, ...(memory && { memory }) }));
    expect(record).toEqual(expected);
  });

  it('more threads than there can be', async () => {
    const main = [
      set('a', spawn('idle')),
      set('b', spawn('idle')),
      log(spawn('idle')),
      say('join', 'a', 0),
      log(spawn('idle')),
    ];
    expect((await play(program(main, threads), { threads: { limit: 3 } })).log).toEqual([E.EAGAIN, 0, 4]);
  });
});
