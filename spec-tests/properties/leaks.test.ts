import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Leak } from './leaks-child.ts';
import { LINKINGS } from './outcome.ts';

const child = fileURLToPath(new URL('./leaks-child.ts', import.meta.url));

describe.each(LINKINGS)('what a continuation held is collected, %s', (linking) => {
  it('in every case of leaks.wat', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', child, linking]);
    const leaks = JSON.parse(stdout) as readonly Leak[];
    expect(leaks).toHaveLength(17);
    for (const { name, made, left } of leaks) {
      expect({ name, made: made >= 50 }).toEqual({ name, made: true });
      // The engine may keep what the last call had in a register or a stack slot.
      expect({ name, leaks: left > 1 }).toEqual({ name, leaks: false });
    }
  });
});
