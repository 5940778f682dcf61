import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Caller } from './caller.test-data.ts';
import { bestHolding, byPath } from './directory.ts';
import { errno } from './errno.ts';
import { OPERATIONS, race } from './race.test-data.ts';

/** `npm run test:races` does more of it, and shows that without what is tested here guests are led outside. */

const HOLDINGS = bestHolding().isAnchored ? (['handle', 'path'] as const) : (['path'] as const);

describe('two guests share a folder, and neither leads the other outside', () => {
  it.each(HOLDINGS)('folders are held by %s', async (holding) => {
    const { done, refused, rounds, escaped } = await race({ operations: Object.keys(OPERATIONS), tries: 30, holding });
    expect(escaped).toEqual([]);
    expect(Math.min(done, refused, rounds)).toBeGreaterThan(0);
  });
});

describe('where directories are held by their paths', () => {
  it('links are not made, and nothing but files is renamed or linked', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bobbin-'));
    const guest = new Caller(folder, byPath);
    try {
      mkdirSync(join(folder, 'sub'));
      writeFileSync(join(folder, 'file'), 'text');
      symlinkSync('file', join(folder, 'soft'));
      const refused = [
        guest.symlink('file', 'made'),
        guest.rename('sub', 'other'),
        guest.rename('soft', 'other'),
        guest.hardLink('soft', 'other'),
        guest.hardLink('sub', 'other'),
      ];
      expect(refused).toEqual(refused.map(() => errno('NOTSUP')));
      expect(readdirSync(folder).sort()).toEqual(['file', 'soft', 'sub']);
      expect([guest.rename('file', 'sub/file'), guest.hardLink('sub/file', 'file'), guest.size('soft')]).toEqual([
        0, 0, 4,
      ]);
    } finally {
      guest.close();
      rmSync(folder, { recursive: true });
    }
  });
});
