/** The middle of some measurements and how far they lie apart. */
export interface Summary {
  readonly median: number;
  readonly quartiles: readonly [number, number];
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** @throws RangeError for an empty list */
export function summarise(values: readonly number[]): Summary {
  if (values.length === 0) throw new RangeError('no measurements');
  const sorted = [...values].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    quartiles: [quantile(sorted, 0.25), quantile(sorted, 0.75)],
    min: sorted[0]!,
    max: sorted.at(-1)!,
    count: sorted.length,
  };
}

/** The ratio of two series that were measured in the same rounds, round by round. */
export function ratio(above: readonly number[], below: readonly number[]): Summary {
  if (above.length !== below.length) throw new RangeError('series of different rounds');
  return summarise(above.map((value, round) => value / below[round]!));
}

/** The mean of ratios. @throws RangeError for an empty list */
export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('no measurements');
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

function quantile(sorted: readonly number[], at: number): number {
  const position = (sorted.length - 1) * at;
  const low = Math.floor(position);
  const [a, b] = [sorted[low]!, sorted[Math.min(low + 1, sorted.length - 1)]!];
  return a + (b - a) * (position - low);
}
