import type { LocalIdx } from '../../binary/types.ts';
import type { Asm, Label } from '../../lower/asm.ts';

/** Where resume points `low`..`high` are reached. */
export interface Target {
  readonly low: number;
  readonly high: number;
  readonly label: Label;
}

/** A table may have this many entries for each target before comparisons are smaller. */
const DENSITY = 4;
/** Engines take no larger table. */
const TABLE_LIMIT = 65_520;

/**
 * Emits the jump to the target that holds the resume point in `point`; 0 falls through. A point outside the targets does
 * not come here.
 */
export function dispatch(asm: Asm, point: LocalIdx, targets: readonly Target[]): void {
  const [first] = targets;
  asm.get(point);
  if (first !== undefined && targets.length === 1) {
    asm.brIfUnlikely(first.label);
    return;
  }
  asm.openUnlikely();
  jump(asm, point, targets);
  asm.close();
}

/** Emits the same jump for a `point` that is not 0; there has to be a target. */
export function jump(asm: Asm, point: LocalIdx, targets: readonly Target[]): void {
  const sorted = [...targets].sort((a, b) => a.low - b.low);
  const [first] = sorted;
  const last = sorted.at(-1);
  if (first === undefined || last === undefined) throw new RangeError('a jump without targets');
  const span = last.high - first.low + 1;
  if (first === last || span > DENSITY * sorted.length + 8 || span >= TABLE_LIMIT) {
    search(asm, point, sorted);
    return;
  }
  const labels: Label[] = [];
  for (const target of sorted) {
    // Between targets lies no point: where such entries go does not matter.
    while (labels.length < target.low - first.low) labels.push(target.label);
    for (let id = target.low; id <= target.high; id++) labels.push(target.label);
  }
  asm.get(point);
  if (first.low !== 0) asm.i32(first.low).do('i32.sub');
  asm.brTable(labels);
}

function search(asm: Asm, point: LocalIdx, targets: readonly Target[]): void {
  if (targets.length === 1) {
    asm.br((targets[0] as Target).label);
    return;
  }
  const middle = targets.length >> 1;
  asm
    .get(point)
    .i32((targets[middle] as Target).low)
    .do('i32.lt_u')
    .open('if');
  search(asm, point, targets.slice(0, middle));
  asm.close();
  search(asm, point, targets.slice(middle));
}
