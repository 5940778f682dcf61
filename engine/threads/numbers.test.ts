import { expect, it } from 'vitest';
import { following } from './numbers.ts';

it('numbers follow each other, and begin again after the largest, without those in use', () => {
  expect(following(0, 5, new Set())).toBe(1);
  expect(following(1, 5, new Set([1, 2, 4]))).toBe(3);
  expect(following(4, 5, new Set())).toBe(5);
  expect(following(5, 5, new Set())).toBe(1);
  expect(following(4, 5, new Set([5, 1, 2]))).toBe(3);
});
