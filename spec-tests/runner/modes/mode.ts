/** A module's imports: namespaces of values, each value an export of an instance of the same store or a host value. */
export type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
/** An instance's exports by name. */
export type Exports = Readonly<Record<string, unknown>>;

/** What was going on when something was thrown. */
export type Phase = 'compile' | 'instantiate' | 'run';

/**
 * The failure classes of the script language, one per assertion, and two more: `rejected` is a compile error of an
 * engine that does not tell malformed from invalid (accepted by both assertions), `bug` is accepted by none.
 */
export type FailureKind =
  | 'malformed'
  | 'invalid'
  | 'rejected'
  | 'link'
  | 'trap'
  | 'exception'
  | 'suspension'
  | 'exhaustion'
  | 'bug';

/** A thrown value, classified. */
export type Failure = {
  readonly kind: FailureKind;
  readonly message: string;
  /** The message is worded as the reference interpreter words it: the assertion's text must be a prefix of it. */
  readonly ours?: boolean;
};

/** What a mode may want to know about a script before it runs. */
export type ScriptTraits = {
  /** Whether the script registers instances, so that its modules may link with each other. */
  readonly links: boolean;
};

/** What a run in a mode did, beside what passed and failed. Modules that the runner itself makes are counted with the scripts'. */
export class Tally {
  /** Modules that were transformed, by either instrumenter, even if there was nothing to change. */
  modules = 0;
  /** Of these, the ones that were changed. */
  changed = 0;
  /** Functions that were instrumented. */
  functions = 0;
  /** Calls by scripts that ran inside a continuation. */
  calls = 0;
  /** How often these calls were unwound, and rewound. */
  suspensions = 0;
  /** Modules that one instrumenter refused and the other one did, by reason. */
  readonly refused = new Map<string, number>();
}

/** How modules are brought to life. */
export type Mode = {
  readonly name: string;
  /** A fresh store; the runner makes one per script. */
  createStore(script: ScriptTraits, tally: Tally): ModeStore;
};

/**
 * One store of a mode. The runner treats compiled modules as opaque, passes exports of any instance as imports of any
 * other one under any names, and calls exported functions, and reads exported globals, as the JavaScript API has it.
 */
export type ModeStore<Compiled = unknown> = {
  /** Decodes and validates. Throws what {@link classify} calls malformed, invalid or rejected. */
  compile(bytes: Uint8Array): Compiled;
  /** Links and starts. Throws what {@link classify} calls link, trap, exception, suspension or exhaustion. */
  instantiate(module: Compiled, imports: Imports): Exports;
  /** Classifies anything that compile, instantiate or a call of an exported function threw. */
  classify(error: unknown, phase: Phase): Failure;
};
