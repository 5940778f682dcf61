import { describe, expect, it } from 'vitest';
import { parseText } from '../../spec-tests/runner/index.ts';
import { decode } from '../binary/index.ts';
import { boundedLoops } from './bounded-loops.ts';

/** How many of the loops of a function are bounded, and how many there are. */
async function bounded(body: string): Promise<[bounded: number, loops: number]> {
  const bytes = await parseText(
    `(module (func $f) (func (param $n i32) (local $i i32) (local $j i32) (local $k i32) ${body}))`,
  );
  const code = decode(bytes).funcs[1]?.body ?? [];
  return [boundedLoops(code).size, code.filter(({ op }) => op === 'loop').length];
}

const count = (condition: string, before = '', inside = ''): string =>
  `${before} (loop $l ${inside} (br_if $l ${condition}))`;
const up = (step: number): string => `(local.tee $i (i32.add (local.get $i) (i32.const ${step})))`;
const from = (start: number): string => `(local.set $i (i32.const ${start}))`;

describe('a loop is bounded that', () => {
  it.each([
    ['counts up to a constant', count(`(i32.ne ${up(1)} (i32.const 64))`, from(0))],
    ['counts in larger steps', count(`(i32.lt_u ${up(4)} (i32.const 256))`, from(0))],
    ['counts down to 0', count(up(-1), from(64))],
    ['compares with the constant first', count(`(i32.gt_s (i32.const 10) ${up(1)})`, from(-10))],
    ['ends once a difference is 0', count(`(i32.sub (i32.const 10) ${up(1)})`, from(0))],
    [
      'assigns its counter first',
      count(
        '(i32.lt_s (local.get $i) (i32.const 9))',
        from(0),
        '(local.set $i (i32.add (local.get $i) (i32.const 1)))',
      ),
    ],
    ['begins behind a block', count(`(i32.ne ${up(1)} (i32.const 9))`, `${from(0)} (block (nop))`)],
    ['begins in a block', `${from(0)} (block ${count(`(i32.ne ${up(1)} (i32.const 9))`)})`],
    ['runs once', count(`(i32.ne ${up(1)} (i32.const 1))`, from(0))],
  ])('%s', async (_, body) => expect(await bounded(body)).toEqual([1, 1]));
});

describe('a loop is not bounded that', () => {
  it.each([
    ['runs too often', count(`(i32.ne ${up(1)} (i32.const 65))`, from(0))],
    ['never meets its constant', count(`(i32.ne ${up(2)} (i32.const 7))`, from(0))],
    ['counts up to what it is given', count(`(i32.ne ${up(1)} (local.get $n))`, from(0))],
    ['starts with what it is given', count(`(i32.ne ${up(1)} (i32.const 9))`, '(local.set $i (local.get $n))')],
    ['starts with nothing known', count(`(i32.ne ${up(1)} (i32.const 9))`)],
    ['sets its counter elsewhere', count(`(i32.ne ${up(1)} (i32.const 9))`, from(0), '(local.set $i (i32.const 0))')],
    [
      'sets its counter in a block before it',
      count(`(i32.ne ${up(1)} (i32.const 9))`, `${from(0)} (block (local.set $i (local.get $n)))`),
    ],
    ['starts over elsewhere', count(`(i32.ne ${up(1)} (i32.const 9))`, from(0), '(br_if $l (local.get $n))')],
    ['starts over out of a block', `${from(0)} (loop $l (block (br_if $l (i32.ne ${up(1)} (i32.const 9)))))`],
    ['calls something', count(`(i32.ne ${up(1)} (i32.const 9))`, from(0), '(call $f)')],
    ['starts anywhere in a loop around it', `(loop $o ${count(`(i32.ne ${up(1)} (i32.const 9))`)} (br $o))`],
    ['begins in an else', `${from(0)} (if (local.get $n) (then) (else ${count(`(i32.ne ${up(1)} (i32.const 9))`)}))`],
    ['has no branch back', '(loop $l)'],
  ])('%s', async (_, body) => expect((await bounded(body))[0]).toBe(0));
});

describe('loops in each other', () => {
  const inner = (trips: number, inside = ''): string =>
    `(local.set $j (i32.const 0)) (loop $m ${inside} (br_if $m (i32.ne (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const ${trips}))))`;
  it('are bounded where they run seldom in all', async () => {
    expect(await bounded(count(`(i32.ne ${up(1)} (i32.const 32))`, from(0), inner(32)))).toEqual([2, 2]);
  });
  it('are not all bounded where they do not', async () => {
    expect(await bounded(count(`(i32.ne ${up(1)} (i32.const 32))`, from(0), inner(33)))).toEqual([1, 2]);
  });
});
