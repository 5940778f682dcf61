import { describe, expect, it } from 'vitest';
import { CONSTRUCTS } from './constructs.ts';
import { describeFinding, endless } from './index.ts';

const FAMILIES = new Set(CONSTRUCTS.map(({ family }) => family)).size + 1;

describe('programs that never end', () => {
  // npm run fuzz -- --endless 10000 is the same with three times the limit.
  it('are ended by time limits and by SIGKILL', { timeout: 180_000 }, async () => {
    const { findings, ended, refused, families } = await endless({
      seed: 1,
      programs: 40,
      limit: 100,
      shrinkSeconds: 20,
    });
    expect(findings.map(describeFinding)).toEqual([]);
    expect(ended).toBeGreaterThan(140);
    expect(refused).toBeLessThan(20);
    expect(families.size).toBe(FAMILIES);
  });
});
