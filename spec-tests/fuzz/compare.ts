import { encode, type Linking, transform } from '../../asyncify/index.ts';
import { Store } from '../../continuations/index.ts';
import type { Program } from './generate.ts';
import type { Native } from './native.ts';
import { observe, type Run, type Trace } from './trace.ts';

/** Transforms and runs a program. @throws Error what the transform, the engine's compiler or linking throws */
export function runFrames({ module, calls }: Pick<Program, 'module' | 'calls'>, linking: Linking): Trace {
  const transformed = new WebAssembly.Module(transform(encode(module), { linking }).bytes);
  return observe(calls, (imports) => new Store().instantiate(transformed, imports as never).exports);
}

/** A difference between two ways to run a program. */
export interface Difference {
  /** Stays the same while a program is shrunk. */
  readonly kind: string;
  readonly detail: string;
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

function attempt(program: Pick<Program, 'module' | 'calls'>, linking: Linking): Trace | Difference {
  try {
    return runFrames(program, linking);
  } catch (error) {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { kind: `${linking}: ${message.replace(/[0-9@+#"].*$/s, '')}`, detail: message };
  }
}

export interface Checked {
  readonly difference: Difference | null;
  /** What the program did, where it could be run. */
  readonly trace: Trace | null;
}

/** Runs a program in both linkings and compares with each other and with the native trace, where there is one. */
export function check(program: Pick<Program, 'module' | 'calls'>, native: Native | null): Checked {
  const closed = attempt(program, 'closed');
  if ('kind' in closed) return { difference: closed, trace: null };
  const linked = attempt(program, 'linked');
  if ('kind' in linked) return { difference: linked, trace: closed };
  const difference = differ('closed/linked', closed, linked) ?? differFromNative(native, closed);
  return { difference, trace: closed };
}

function differFromNative(native: Native | null, ours: Trace): Difference | null {
  switch (native?.kind) {
    case 'trace': {
      const both = comparable(native.trace, ours);
      return differ('native/frames', both.native, both.ours);
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
