import { describe, expect, it } from 'vitest';
import { transform } from '../../asyncify/index.ts';
import { loadBinaryen } from '../../asyncify/instrument/binaryen/index.ts';
import { Store } from '../../continuations/index.ts';
import { parseText } from '../../spec-tests/runner/index.ts';
import { Process } from './index.ts';

const LEVELS = 40;
/** Functions `$f0` … of which each runs the code with the next one's number; the last does `leaf`. */
function tree(
  type: string,
  body: (next: number) => string,
  leaf = '(global.set $g (i32.add (global.get $g) (i32.const 1)))',
) {
  const funcs = Array.from(
    { length: LEVELS },
    (_, level) => `(func $f${level} ${type} ${level === LEVELS - 1 ? leaf : body(level + 1)})`,
  );
  return `(global $g (mut i32) (i32.const 0)) ${funcs.join('\n')} (func (export "_start") (call $f0))`;
}
const table = `(type $t (func)) (table funcref (elem ${Array.from({ length: LEVELS }, (_, at) => `$f${at}`).join(' ')}))`;
/** A type of its own for each level, so that a reference can be of one function only. */
const ownTypes = (): string => {
  const params = (level: number): string => '(param i32)'.repeat(level % 8) + '(param i64)'.repeat(level >> 3);
  const args = (level: number): string => '(i32.const 0)'.repeat(level % 8) + '(i64.const 0)'.repeat(level >> 3);
  const funcs = Array.from({ length: LEVELS }, (_, level) => {
    const call = `(call_ref $t${level + 1} ${args(level + 1)} (ref.func $f${level + 1}))`;
    return `(type $t${level} (func ${params(level)}))
      (func $f${level} (type $t${level}) ${level === LEVELS - 1 ? '(nop)' : call + call})`;
  });
  return `(elem declare func ${Array.from({ length: LEVELS }, (_, at) => `$f${at}`).join(' ')}) ${funcs.join('\n')}
    (func (export "_start") (call $f0))`;
};

interface Program {
  readonly text: string;
  /** Binaryen's pass cannot do it. */
  readonly framesOnly?: true;
}
const large = 1 << 29;
const spin = (times: number): string => `(loop $l (br_if $l (i32.lt_u
  (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const ${times}))))`;

/** Programs that take hours. */
const PROGRAMS: Readonly<Record<string, Program>> = {
  'a tree of calls': { text: tree('', (next) => `(call $f${next}) (call $f${next})`) },
  'a tree of calls through a table': {
    text: table + tree('(type $t)', (next) => `(call_indirect (type $t) (i32.const ${next})) (call $f${next})`),
  },
  'a tree of calls through references': { text: ownTypes(), framesOnly: true },
  'a tree of calls and tail calls': {
    text: tree('', (next) => `(call $f${next}) (return_call $f${next})`),
    framesOnly: true,
  },
  'a tree of calls with bounded loops': {
    text: tree(
      '(local $i i32)',
      (next) => `(local.set $i (i32.const 0)) ${spin(60)} (call $f${next}) (call $f${next})`,
    ),
  },
  'a tree whose leaves are long': {
    text: tree('', (next) => `(call $f${next}) (call $f${next})`, '(global.set $g (i32.const 1))'.repeat(20_000)),
  },
  'a tree of calls behind handlers': {
    text: tree('', (next) => `(try_table (call $f${next})) (block (try_table (catch_all 0) (call $f${next})))`),
    framesOnly: true,
  },
  'a tree of continuations': {
    text: `(type $t (func)) (type $c (cont $t))
      (elem declare func ${Array.from({ length: LEVELS }, (_, at) => `$f${at}`).join(' ')})
      ${tree('(type $t)', (next) => `(resume $c (cont.new $c (ref.func $f${next}))) (resume $c (cont.new $c (ref.func $f${next})))`)}`,
    framesOnly: true,
  },
  'continuations that start each other': {
    text: `(type $t (func)) (type $c (cont $t)) (elem declare func $a $b) (global $n (mut i32) (i32.const 0))
      (func $a (resume $c (cont.new $c (ref.func $b))) (resume $c (cont.new $c (ref.func $b))))
      (func $b (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (if (i32.lt_u (global.get $n) (i32.const 40)) (then (call $a)))
        (global.set $n (i32.sub (global.get $n) (i32.const 1))))
      (func (export "_start") (call $a))`,
    framesOnly: true,
  },
  'large fills and copies in a loop': {
    text: `(memory ${2 * (large >> 16)}) (func (export "_start") (loop $l
      (memory.fill (i32.const 0) (i32.const 1) (i32.const ${large}))
      (memory.copy (i32.const ${large}) (i32.const 0) (i32.const ${large})) (br $l)))`,
  },
  'large fills in a row': {
    text: `(memory ${large >> 16}) (func (export "_start")
      ${`(memory.fill (i32.const 0) (i32.const 1) (i32.const ${large}))`.repeat(400)})`,
  },
  'fills that get large': {
    text: `(memory ${large >> 16}) (func (export "_start") (local $n i32) (local $i i32)
      (loop $warm (memory.fill (i32.const 0) (i32.const 1) (i32.const 1))
        (br_if $warm (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3000000))))
      (local.set $n (i32.const ${large - 70_000}))
      (loop $l (memory.fill (i32.const 0) (i32.const 1) (local.get $n)) (br $l)))`,
  },
  'code that gets long in a loop': {
    text: `(memory 1) (func $long ${'(i64.store (i32.const 0) (i64.div_u (i64.load (i32.const 0)) (i64.const 7)))'.repeat(20_000)})
      (func (export "_start") (local $i i32)
        (loop $warm (br_if $warm (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20000000))))
        (loop $l (call $long) (br $l)))`,
  },
  'arrays filled and copied in a loop': {
    text: `(type $a (array (mut i64))) (func (export "_start") (local $a (ref $a))
      (local.set $a (array.new_default $a (i32.const 4000000)))
      (loop $l (array.fill $a (local.get $a) (i32.const 1) (i64.const 5) (i32.const 3999999))
        (array.copy $a $a (local.get $a) (i32.const 1) (local.get $a) (i32.const 0) (i32.const 3999999)) (br $l)))`,
    framesOnly: true,
  },
  'arrays made in a row': {
    text: `(type $a (array (mut i32))) (func $make (param $n i32)
      ${'(drop (array.new $a (i32.const 1) (local.get $n)))'.repeat(500)})
      (func (export "_start") ${'(call $make (i32.const 4000000))'.repeat(100)})`,
    framesOnly: true,
  },
  'tables filled and copied': {
    text: `(table 5000000 externref) (func (export "_start") (loop $l
      (table.fill (i32.const 0) (ref.null extern) (i32.const 5000000))
      (table.copy (i32.const 1) (i32.const 0) (i32.const 4999999)) (br $l)))`,
  },
};

const binaryen = await loadBinaryen();
const ways = {
  'frames, fuel': (source: Uint8Array) => transform(source, { linking: 'closed', yields: 'fuel' }).bytes,
  'frames, epoch': (source: Uint8Array) => transform(source, { linking: 'closed', yields: 'epoch' }).bytes,
  'linked frames, fuel': (source: Uint8Array) => transform(source, { linking: 'linked', yields: 'fuel' }).bytes,
  'binaryen, fuel': (source: Uint8Array) =>
    binaryen.transform(source, { yields: 'fuel', suspending: [], optimizeLevel: 0 }).bytes,
} as const;
type Way = keyof typeof ways;

const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe.each(Object.entries(PROGRAMS))('%s', (_, { text, framesOnly }) => {
  const possible = (Object.keys(ways) as Way[]).filter((way) => framesOnly !== true || !way.startsWith('binaryen'));
  it.each(possible)('can be ended at any time, %s', async (way) => {
    const source = await parseText(`(module ${text})`);
    const process = Process.instantiate(new Store(), new WebAssembly.Module(ways[way](source)), () => ({}));
    process.start();
    // Timers of the host come between slices.
    const gaps: number[] = [];
    for (let turn = 0, last = performance.now(); turn < 12; turn++) {
      await wait(0);
      gaps.push(performance.now() - last);
      last = performance.now();
    }
    expect(process.status).toBeNull();
    const sent = performance.now();
    process.kill('SIGKILL');
    expect(await process.wait()).toEqual({ kind: 'signaled', signal: 9 });
    gaps.push(performance.now() - sent);
    // Other work on the machine may come in between: most of them are short.
    gaps.sort((a, b) => a - b);
    expect(gaps[9]).toBeLessThan(100);
  });
});
