/** One call of an exported function. */
export interface Call {
  readonly name: string;
  readonly args: readonly number[];
}
export interface Run {
  readonly log: readonly string[];
  /** `return …`, `trap …`, `exception …`, `suspension`, `exhaustion`, or `error …` for anything else. */
  readonly outcome: string;
}
/** What can be seen of a program from outside. */
export interface Trace {
  readonly runs: readonly Run[];
  readonly globals: Readonly<Record<string, string>>;
}

export type Instantiate = (imports: WebAssembly.Imports) => Readonly<Record<string, unknown>>;

/** The import that may be suspended, and what it returns. */
export const SUSPENDING = 'wait';
export const WAIT = (value: number): number => (Math.imul(value, 7) + 3) | 0;
/** The export that the host runs while a program is suspended. */
export const HANDLER = 'handler';
/** The export that the import `poke` calls. */
export const REENTERED = 'reenter';

/** Runs a program. Throws what instantiating throws. */
export function observe(calls: readonly Call[], instantiate: Instantiate): Trace {
  let log: string[] = [];
  let exports: Readonly<Record<string, unknown>> = {};
  const write = (value: number | bigint): void => {
    if (log.length < 5000) log.push(String(value));
  };
  const boom = new WebAssembly.Tag({ parameters: [] });
  /** Depends on nothing but its argument, so that a script can do the same. */
  const poke = (value: number): number => {
    if ((value & 7) === 3) throw new WebAssembly.Exception(boom, []);
    const reenter = exports[REENTERED];
    if ((value & 3) === 1 && typeof reenter === 'function') return reenter(value) as number;
    return (value + 1) | 0;
  };
  exports = instantiate({ host: { log: write, log64: write, poke, boom: boom as never, [SUSPENDING]: WAIT } });
  const runs = calls.map(({ name, args }): Run => {
    log = [];
    let outcome: string;
    try {
      const result: unknown = (exports[name] as (...args: number[]) => unknown)(...args);
      outcome = `return ${Array.isArray(result) ? result.map(String) : String(result)}`;
    } catch (error) {
      outcome = classify(error, exports);
    }
    return { log, outcome };
  });
  const globals: Record<string, string> = {};
  for (const [name, value] of Object.entries(exports)) {
    if (value instanceof WebAssembly.Global) globals[name] = String(value.value);
    else if (value instanceof WebAssembly.Memory) globals[name] = digest(value.buffer);
  }
  return { runs, globals };
}

function digest(buffer: ArrayBufferLike): string {
  let sum = buffer.byteLength;
  for (const word of new Int32Array(buffer)) sum = (Math.imul(sum, 31) + word) | 0;
  return String(sum);
}

/** The reference interpreter's words for what an engine words otherwise. */
const TEXTS: readonly (readonly [RegExp, string])[] = [
  [/unreachable/, 'unreachable'],
  [/divide by zero/, 'integer divide by zero'],
  [/divide result|overflow/, 'integer overflow'],
  [/memory access|out of bounds memory/, 'out of bounds memory access'],
  // Engines differ in what they say of an empty entry of a table.
  [/signature|indirect call|null function/, 'indirect call'],
  [/null/, 'null reference'],
  [/resum|consumed|continuation/i, 'continuation already consumed'],
  [/table index|out of bounds table/, 'undefined element'],
  [/cast/, 'cast failure'],
  [/array/, 'out of bounds array access'],
];

function classify(error: unknown, exports: Readonly<Record<string, unknown>>): string {
  if (error instanceof WebAssembly.Exception) return `exception ${exception(error, exports)}`;
  if (!(error instanceof Error)) return `error ${String(error)}`;
  const kind = (error as { kind?: unknown }).kind;
  if (kind === 'suspension' || error.name === 'SuspendError') return 'suspension';
  if (kind === 'exhaustion' || (error instanceof RangeError && /call stack/.test(error.message))) return 'exhaustion';
  if (error instanceof WebAssembly.RuntimeError) {
    const known = TEXTS.find(([pattern]) => pattern.test(error.message));
    return `trap ${known?.[1] ?? error.message}`;
  }
  return `error ${error.name}: ${error.message}`;
}

function exception(error: WebAssembly.Exception, exports: Readonly<Record<string, unknown>>): string {
  for (const [name, tag] of Object.entries(exports)) {
    if (!(tag instanceof WebAssembly.Tag) || !error.is(tag)) continue;
    const payload: string[] = [];
    for (let at = 0; ; at++) {
      try {
        const value: unknown = error.getArg(tag, at);
        payload.push(typeof value === 'number' || typeof value === 'bigint' ? String(value) : '?');
      } catch (failure) {
        // Past the last one, or a type that has no JavaScript value.
        if (failure instanceof TypeError && at < 8) {
          payload.push('?');
          continue;
        }
        break;
      }
    }
    return `${name} ${payload.join(' ')}`.replace(/( \?)+$/, '');
  }
  return 'of another tag';
}
