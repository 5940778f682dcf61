import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { decode, encode, MalformedError, validate } from '../../asyncify/index.ts';
import { byteEdits, editBytes } from './mutate-bytes.ts';
import { codeEdits, editCode } from './mutate-code.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import { largeModule, smallModules } from './real-modules.ts';

/** `BOBBIN_SEED` and `BOBBIN_RUNS` make a longer run of it, or another one. */
const seed = Number(process.env.BOBBIN_SEED ?? 1);
const scale = Number(process.env.BOBBIN_RUNS ?? 1);
const runs = (count: number) => ({ seed, numRuns: count * scale });

/** A module of at most a megabyte has to be through in this time, on a busy machine too. */
const LIMIT_MS = 2000;

let small: Uint8Array<ArrayBuffer>[];
let switching: ReturnType<typeof decode>[];
beforeAll(async () => {
  small = await smallModules();
  switching = small.map((bytes) => decode(bytes)).filter((module) => module.funcs.length > 0);
});

const anyIndex = fc.nat({ max: 100_000 });

/** Examines mutants, and how many came to which end. */
function counter(): { readonly counts: Record<Outcome, number>; examine(bytes: Uint8Array<ArrayBuffer>): void } {
  const counts = { malformed: 0, invalid: 0, refused: 0, accepted: 0 };
  return {
    counts,
    examine(bytes) {
      const start = performance.now();
      counts[outcomeOf(bytes)]++;
      expect(performance.now() - start).toBeLessThan(LIMIT_MS);
    },
  };
}

describe('real modules', () => {
  it('are accepted as they are', () => {
    expect(small.length).toBeGreaterThan(60);
    for (const bytes of small) expect(outcomeOf(bytes)).toBe('accepted');
  });

  it('are rejected or accepted, truncated anywhere', () => {
    const { counts, examine } = counter();
    for (const bytes of small.filter(({ length }) => length < 600)) {
      for (let length = 0; length < bytes.length; length++) examine(bytes.slice(0, length));
    }
    expect(counts.malformed).toBeGreaterThan(500);
  });

  it('are rejected or accepted, their bytes changed', () => {
    const { counts, examine } = counter();
    fc.assert(
      fc.property(anyIndex, byteEdits, (index, edits) => {
        examine(editBytes(small[index % small.length] as Uint8Array, edits, small));
      }),
      runs(5000),
    );
    expect(Math.min(counts.malformed, counts.invalid, counts.accepted)).toBeGreaterThan(50);
  });

  it('are rejected or accepted, their instructions changed', () => {
    const { counts, examine } = counter();
    fc.assert(
      fc.property(anyIndex, codeEdits, (index, edits) => {
        const module = switching[index % switching.length];
        if (module !== undefined) examine(editCode(module, edits));
      }),
      runs(1200),
    );
    expect(Math.min(counts.invalid, counts.accepted)).toBeGreaterThan(100);
  });
});

describe('a module of megabytes', () => {
  const large = largeModule();

  it('survives decoding and encoding', () => {
    const module = decode(large);
    validate(module);
    expect(Buffer.compare(encode(module), large)).toBe(0);
  });

  it('is malformed where it is truncated', () => {
    fc.assert(
      fc.property(fc.nat({ max: large.length - 1 }), (length) => {
        // Custom sections stand at its end: any shorter piece that is cut inside a section is no module.
        expect(() => decode(large.subarray(0, length))).toThrow(MalformedError);
      }),
      runs(8),
    );
  });

  it('is rejected or accepted, its bytes changed', () => {
    fc.assert(
      fc.property(byteEdits, (edits) => {
        const mutant = editBytes(large, edits, [large]);
        const start = performance.now();
        try {
          validate(decode(mutant));
        } catch (error) {
          expect(error).toHaveProperty('offset', expect.any(Number));
          expect((error as MalformedError).kind).toMatch(/^(malformed|invalid|refused)$/);
        }
        expect(performance.now() - start).toBeLessThan(3 * LIMIT_MS);
      }),
      runs(6),
    );
  });
});
