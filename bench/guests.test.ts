import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { transform } from '../asyncify/index.ts';
import { World } from './guest-world.ts';
import { codeBytes } from './sections.ts';
import { geometricMean } from './stats.ts';
import { loadStock } from './stock.ts';

const source = new Uint8Array(await readFile(new URL('../examples/guests/bench-interpreter.wasm', import.meta.url)));

function interrupted(bytes: Uint8Array<ArrayBuffer>, times: number): World {
  const world = new World(new WebAssembly.Module(bytes), ['bench-interpreter', '30']);
  world.interrupt(times);
  return world;
}

describe('stock asyncify with polls', () => {
  const suspending = ['bobbin:signal.raise'];

  it('yields as often as frames do, and computes the same', { timeout: 60_000 }, async () => {
    const stock = (await loadStock()).instrument(source, suspending, true);
    const plain = interrupted(source, 0);
    expect(plain.out).toMatch(/^[0-9a-f]{16}\n$/);
    const whole = interrupted(stock, Infinity);
    for (const yields of ['epoch', 'fuel'] as const) {
      const frames = interrupted(transform(source, { linking: 'closed', yields, suspending }).bytes, Infinity);
      expect(frames.yields).toBeGreaterThan(5000);
      expect(whole.yields).toBe(frames.yields);
      expect([frames.out, whole.out]).toEqual([plain.out, plain.out]);
    }
    expect(interrupted(stock, 7).yields).toBe(7);
  });
});

describe('geometricMean', () => {
  it('is the root of the product', () => {
    expect(geometricMean([2, 8, 4])).toBeCloseTo(4, 12);
    expect(() => geometricMean([])).toThrow(RangeError);
  });
});

describe('codeBytes', () => {
  it('finds the code section behind others', () => {
    const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
    expect(codeBytes(Uint8Array.of(...header))).toBe(0);
    const type = [1, 4, 1, 0x60, 0, 0];
    expect(codeBytes(Uint8Array.of(...header, ...type, 3, 2, 1, 0, 10, 4, 1, 2, 0, 0x0b))).toBe(4);
  });
});
