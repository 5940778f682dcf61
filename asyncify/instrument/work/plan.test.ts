import { describe, expect, it } from 'vitest';
import { explain } from '../../../engine/explain.ts';
import { parseText } from '../../../spec-tests/runner/index.ts';
import { decode } from '../../binary/index.ts';
import { type TransformOptions, transform } from '../../index.ts';
import { validate } from '../../validate/index.ts';
import { lowerWork } from './lower.ts';
import { planWork } from './plan.ts';

const limits = { stretch: 1000, unit: 64, debt: Number.POSITIVE_INFINITY };

/** The functions that polls are put into, by index, and how many. */
async function polled(text: string): Promise<Readonly<Record<number, number>>> {
  const info = validate(decode(await parseText(`(module ${text})`)));
  const { functions } = planWork({ info, linking: 'closed', limits, bulk: () => null });
  const counts = functions.map(({ insertions }) => insertions.filter(({ kind }) => kind === 'poll').length);
  return Object.fromEntries(counts.flatMap((count, index) => (count > 0 ? [[index, count]] : [])));
}

const nops = (count: number): string => '(drop (i32.const 0))'.repeat(count / 2);
const tree = (levels: number): string =>
  Array.from({ length: levels }, (_, level) =>
    level === 0 ? '(func $f0)' : `(func $f${level} (call $f${level - 1}) (call $f${level - 1}))`,
  ).join('\n');

describe('polls between others', () => {
  it('are put into few functions of a tree of calls, and into none of a small one', async () => {
    expect(await polled(tree(7))).toEqual({});
    const counts = Object.values(await polled(tree(60)));
    expect(counts.length).toBeGreaterThan(0);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThan(6);
  });

  it.each([
    ['code that is long', nops(2500), 2],
    ['code that is not', nops(900), 0],
    ['one long arm of two', `(if (i32.const 1) (then ${nops(900)}) (else ${nops(900)}))`, 0],
    ['two arms in a row', `(if (i32.const 1) (then ${nops(900)})) (if (i32.const 1) (then ${nops(900)}))`, 1],
    ['code behind a branch that leaves it', `(block (br_if 0 (i32.const 1)) ${nops(900)}) ${nops(90)}`, 0],
    ['code that nothing reaches', `(return) ${nops(5000)}`, 0],
    ['a loop that polls', `(loop ${nops(700)} (br_if 0 (i32.const 0))) ${nops(200)}`, 0],
    ['what a handler goes on with', `(block (try_table (catch_all 0) ${nops(900)} (throw $e))) ${nops(900)}`, 2],
  ])('%s', async (_, body, count) => {
    expect(await polled(`(tag $e) (func ${body})`)).toEqual(count === 0 ? {} : { 0: count });
  });

  it('are explained', async () => {
    const source = await parseText(`(module (memory 1) (func $small (param i32)
      (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))
      (func $long ${'(drop (i64.div_u (i64.const 1) (i64.const 1)))'.repeat(54_000)}))`);
    const options: TransformOptions = { linking: 'closed', yields: 'epoch' };
    const texts = explain(source, options).map(({ func, chain }) => [
      func.index,
      chain[0]?.instruction?.split(' ')[0],
      chain[0]?.reason,
    ]);
    expect(texts).toEqual([
      [0, 'memory.fill', 'is done in pieces, with a yield point after each'],
      [1, expect.any(String), 'has a yield point before it, as what comes before may take long'],
    ]);
    expect(transform(source, { ...options, yields: 'none' }).changed).toBe(false);
  });
});

describe('fuel', () => {
  it('is taken by work: for one that polls rarely a poll costs more', async () => {
    const costs = async (body: string): Promise<unknown> => {
      const info = validate(decode(await parseText(`(module (func (loop $l ${body} (br $l))))`)));
      const { points } = lowerWork(info, { poll: 'fuel', linking: 'closed', references: true });
      const back = info.module.funcs[0]?.body.findLast(({ op }) => op === 'br')?.at ?? -1;
      return points.cost(0 as never, back, -1);
    };
    expect(await costs('')).toBe(1);
    expect(await costs(nops(100))).toBe(1);
    expect(await costs(nops(300))).toBe(4);
  });
});
