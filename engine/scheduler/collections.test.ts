import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deque } from './deque.ts';
import { Heap, type HeapItem } from './heap.ts';
import { LotteryPolicy, seeded, type Task } from './index.ts';

describe('a heap', () => {
  it('gives the smallest, whatever was removed in between', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constant('shift'), fc.nat().map(String))),
        (steps) => {
          interface Item extends HeapItem {
            readonly key: number;
          }
          const heap = new Heap<Item>((a, b) => a.key < b.key);
          let model: Item[] = [];
          for (const step of steps) {
            if (typeof step === 'number') {
              const item: Item = { key: step, heapIndex: -1 };
              heap.push(item);
              model.push(item);
            } else if (step === 'shift') {
              const smallest = Math.min(...model.map(({ key }) => key));
              const item = heap.shift();
              expect(item?.key ?? Number.POSITIVE_INFINITY).toBe(smallest);
              model = model.filter((other) => other !== item);
            } else if (model.length > 0) {
              const item = model[Number(step) % model.length] as Item;
              heap.remove(item);
              heap.remove(item);
              model = model.filter((other) => other !== item);
            }
            expect(heap.size).toBe(model.length);
          }
        },
      ),
    );
  });
});

describe('a deque', () => {
  it('is first in, first out, at every size', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40)), (bursts) => {
        const deque = new Deque<number>();
        let pushed = 0;
        let shifted = 0;
        for (const [index, burst] of bursts.entries()) {
          for (let left = burst; left > 0; left--) {
            if (index % 3 === 2) {
              expect(deque.shift()).toBe(shifted < pushed ? shifted++ : undefined);
            } else deque.push(pushed++);
          }
          expect(deque.size).toBe(pushed - shifted);
        }
      }),
    );
  });
});

describe('the tree of a lottery', () => {
  it('gives every task back once', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.array(fc.oneof(fc.double({ min: 1e-9, max: 1e9, noNaN: true }), fc.constant('draw'))),
        (seed, steps) => {
          const policy = new LotteryPolicy({ seed });
          const inside = new Set<Task>();
          for (const step of steps) {
            if (typeof step === 'number') {
              const task = { weight: step } as Task;
              policy.ready(task);
              inside.add(task);
            } else {
              const task = policy.next();
              expect(task === undefined ? inside.size === 0 : inside.delete(task)).toBe(true);
            }
          }
          while (inside.size > 0) expect(inside.delete(policy.next() as Task)).toBe(true);
          expect(policy.next()).toBeUndefined();
        },
      ),
    );
  });
});

describe('random numbers', () => {
  it('are spread over 0 to 1, and the same for a seed', () => {
    const random = seeded(42);
    const again = seeded(42);
    const buckets = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const value = random();
      expect(again()).toBe(value);
      buckets[Math.floor(value * 10)] = (buckets[Math.floor(value * 10)] ?? 0) + 1;
    }
    for (const bucket of buckets) expect(Math.abs(bucket - 1000)).toBeLessThan(150);
  });
});
