import { transform } from '../asyncify/index.ts';
import { type Clock, collect, job, report, stopwatch } from './child.ts';
import { generate, type Shape } from './generated.ts';
import type { Variant } from './load.ts';

export interface TransformJob {
  readonly shape: Shape;
  /** Bytes of the smaller module; the other is made of ten times as much. */
  readonly size: number;
  readonly linking: Exclude<Variant, 'native'>;
  readonly rounds: number;
  readonly clock: Clock;
}

export interface TransformTime {
  /** -1: the first of the process, before any warm-up. */
  readonly round: number;
  readonly bytes: readonly [small: number, large: number];
  readonly outputBytes: readonly [small: number, large: number];
  /** Milliseconds. The first round has only the large one. */
  readonly ms: readonly [small: number | null, large: number];
}

const { shape, size, linking, rounds, clock } = job<TransformJob>();
const small = await generate(shape, size);
const large = await generate(shape, 10 * size);
function time(input: Uint8Array): { readonly ms: number; readonly bytes: number } {
  collect('minor');
  const elapsed = stopwatch(clock);
  const output = transform(input, { linking }).bytes;
  const ms = elapsed();
  if (!WebAssembly.validate(output)) throw new Error(`${shape}: the engine does not take the output`);
  return { ms, bytes: output.length };
}
const bytes = [small.length, large.length] as const;
const first = time(large);
const outputBytes = [time(small).bytes, first.bytes] as const;
report<TransformTime>({ round: -1, bytes, outputBytes, ms: [null, first.ms] });
// The small one alone would not make the engine optimise the transform.
for (let warmUp = 0; warmUp < 10; warmUp++) time(small);
for (let round = 0; round < rounds; round++) {
  report<TransformTime>({ round, bytes, outputBytes, ms: [time(small).ms, time(large).ms] });
}
