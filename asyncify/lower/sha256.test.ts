import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sha256 } from './sha256.ts';

it('is SHA-256', () => {
  const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  expect(Buffer.from(sha256(new Uint8Array())).toString('hex')).toBe(empty);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(sha256(bytes)).toEqual(new Uint8Array(createHash('sha256').update(bytes).digest()));
    }),
    { numRuns: 1000 },
  );
});

it('looks at the bytes of a part of a buffer', () => {
  const all = Uint8Array.from({ length: 1000 }, (_, at) => at);
  expect(sha256(all.subarray(3, 500))).toEqual(sha256(all.slice(3, 500)));
});
