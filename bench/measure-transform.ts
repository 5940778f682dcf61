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
function time(input: Uint8Array, times = 1): { readonly ms: number; readonly bytes: number } {
  let output = new Uint8Array();
  collect('minor');
  const elapsed = stopwatch(clock);
  for (let at = 0; at < times; at++) output = transform(input, { linking }).bytes;
  const ms = elapsed() / times;
  if (!WebAssembly.validate(output)) throw new Error(`${shape}: the engine does not take the output`);
  return { ms, bytes: output.length };
}
// As long as one of the large one takes, so that collections and other disturbances meet both alike.
const timeSmall = () => time(small, 10);
const bytes = [small.length, large.length] as const;
const first = time(large);
const outputBytes = [timeSmall().bytes, first.bytes] as const;
report<TransformTime>({ round: -1, bytes, outputBytes, ms: [null, first.ms] });
for (let round = 0; round < rounds; round++) {
  report<TransformTime>({ round, bytes, outputBytes, ms: [timeSmall().ms, time(large).ms] });
}
