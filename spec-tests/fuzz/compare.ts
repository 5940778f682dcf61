import { RefusedError } from '../../asyncify/index.ts';
import type { Native } from './native.ts';
import type { Candidate } from './shrink.ts';
import type { Run, Trace } from './trace.ts';
import type { Way } from './ways.ts';

/** A difference between two ways to run a program. */
export interface Difference {
  /** Stays the same while a program is shrunk. */
  readonly kind: string;
  readonly detail: string;
  /** The way that differs from the first one; null: the engine, or the first one itself. */
  readonly way?: Way | null;
}

/** The first difference between two traces, or null. */
export function differ(names: string, a: Trace, b: Trace): Difference | null {
  for (const [at, run] of a.runs.entries()) {
    const other = b.runs[at];
    if (other === undefined) continue;
    const found = differRun(run, other);
    if (found !== null) return { kind: `${names}: ${found.kind}`, detail: `run ${at}: ${found.detail}` };
  }
  for (const [name, value] of Object.entries(a.globals)) {
    if (b.globals[name] !== value) {
      return { kind: `${names}: global`, detail: `${name}: ${value} and ${b.globals[name]}` };
    }
  }
  return null;
}

function differRun(a: Run, b: Run): Difference | null {
  const at = a.log.findIndex((value, index) => value !== b.log[index]);
  if (at >= 0)
    return { kind: 'log', detail: `entry ${at}: ${a.log[at]} and ${b.log[at]}; ${a.outcome} and ${b.outcome}` };
  if (a.log.length !== b.log.length) {
    return { kind: 'log', detail: `${a.log.length} and ${b.log.length} entries; ${a.outcome} and ${b.outcome}` };
  }
  if (a.outcome === b.outcome) return null;
  const [kindA] = a.outcome.split(' ');
  const [kindB] = b.outcome.split(' ');
  return { kind: kindA === kindB ? `${kindA}` : `${kindA} and ${kindB}`, detail: `${a.outcome} and ${b.outcome}` };
}

/** What can be compared of a native trace and ours: V8 lets handlers catch a suspension that is unhandled. */
export function comparable(native: Trace, ours: Trace): { native: Trace; ours: Trace } {
  const end = ours.runs.findIndex(
    ({ outcome }, at) =>
      outcome === 'exhaustion' || native.runs[at]?.outcome === 'exhaustion' || outcome === 'suspension',
  );
  if (end < 0) return { native, ours };
  const runs = ours.runs.slice(0, end);
  const last = ours.runs[end];
  const other = native.runs[end];
  // Up to the suspension both must have done the same.
  if (last !== undefined && other !== undefined && last.outcome === 'suspension') {
    const same = { ...other, log: other.log.slice(0, last.log.length), outcome: 'suspension' };
    return {
      native: { runs: [...native.runs.slice(0, end), same], globals: {} },
      ours: { runs: [...runs, last], globals: {} },
    };
  }
  return { native: { runs: native.runs.slice(0, end), globals: {} }, ours: { runs, globals: {} } };
}

/** How deep the engine's stack is depends on the way: where one of two runs out of it the rest says nothing. */
function beforeExhaustion(a: Trace, b: Trace): [Trace, Trace] {
  const exhausted = ({ outcome }: Run, at: number): boolean =>
    outcome === 'exhaustion' || b.runs[at]?.outcome === 'exhaustion';
  const end = a.runs.findIndex(exhausted);
  if (end < 0) return [a, b];
  return [
    { runs: a.runs.slice(0, end), globals: {} },
    { runs: b.runs.slice(0, end), globals: {} },
  ];
}

export interface Checked {
  readonly difference: Difference | null;
  /** What the program did, where it could be run. */
  readonly trace: Trace | null;
  /** How often it was interrupted and resumed, in all ways together. */
  readonly rewinds: number;
  /** Why ways could not be taken that need not be able to. */
  readonly refused: readonly string[];
}

/** Runs a program in the first way and the others, and compares with the native trace, where there is one. */
export function check(program: Candidate, first: Way, others: readonly Way[], native: Native | null = null): Checked {
  let rewinds = 0;
  const refused: string[] = [];
  const attempt = (way: Way): Trace | Difference | null => {
    try {
      const ran = way.run(program);
      rewinds += ran.rewinds;
      return ran;
    } catch (error) {
      const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      if (error instanceof RefusedError && way.name.startsWith('binaryen')) {
        refused.push(error.message.replace(/ \(at byte .*/, '').replace(/\d+/g, 'N'));
        return null;
      }
      return { kind: `${way.name}: ${message.replace(/[0-9@+#"].*$/s, '')}`, detail: message, way };
    }
  };
  const trace = attempt(first);
  if (trace === null || 'kind' in trace) return { difference: trace, trace: null, rewinds, refused };
  for (const way of others) {
    const ran = attempt(way);
    if (ran === null) continue;
    const difference = 'kind' in ran ? ran : differ(`${first.name}/${way.name}`, ...beforeExhaustion(trace, ran));
    if (difference !== null) return { difference: { ...difference, way }, trace, rewinds, refused };
  }
  return { difference: differFromNative(native, first, trace), trace, rewinds, refused };
}

function differFromNative(native: Native | null, first: Way, ours: Trace): Difference | null {
  switch (native?.kind) {
    case 'trace': {
      const both = comparable(native.trace, ours);
      return differ(`native/${first.name}`, both.native, both.ours);
    }
    case 'rejected':
      return { kind: 'native: rejected', detail: native.message };
    case 'crashed':
    case 'hung':
    case undefined:
      return null;
    default:
      return native satisfies never;
  }
}
