import { asksForNan, matchAll, showActuals, showPatterns } from './expect.ts';
import type { Call, Outcome } from './instance.ts';
import { bug, ScriptInstance, ScriptStore } from './instance.ts';
import { type Exports, type Failure, type FailureKind, type Mode, type ModeStore, Tally } from './modes/mode.ts';
import type { Action, Command, ModuleAssertion, ModuleSource, OutcomeAssertion } from './script.ts';
import { hostBinaries, instantiateSpectest } from './spectest.ts';
import { assemble, TextRejected } from './text.ts';

/** How a command ended. `assertion` is false for the commands that are none, such as `module`. */
export type CommandResult = { readonly line: number; readonly keyword: string; readonly assertion: boolean } & (
  | { readonly ok: true }
  | { readonly ok: false; readonly expected: string; readonly got: string }
);

type Definition = { readonly bytes: Uint8Array; readonly compiled: unknown };
type Verdict = { readonly ok: true } | { readonly ok: false; readonly expected: string; readonly got: string };

const passed: Verdict = { ok: true };

const outcomeKinds: Readonly<Record<OutcomeAssertion, readonly FailureKind[]>> = {
  assert_trap: ['trap'],
  assert_exception: ['exception'],
  assert_suspension: ['suspension'],
  assert_exhaustion: ['exhaustion'],
};

const moduleKinds: Readonly<Record<ModuleAssertion, readonly FailureKind[]>> = {
  assert_malformed: ['malformed', 'rejected'],
  assert_invalid: ['invalid', 'rejected'],
  assert_unlinkable: ['link'],
};

/**
 * Runs a script's commands in order in a fresh store of the mode. Every command has a result; one that fails does not end
 * the script. `print` receives what the module "spectest" prints; the mode adds what it does to `tally`.
 */
export async function* runScript(
  commands: readonly Command[],
  mode: Mode,
  print: (line: string) => void,
  tally: Tally = new Tally(),
): AsyncGenerator<CommandResult, void, undefined> {
  const host = await hostBinaries();
  const store = mode.createStore({ links: commands.some((command) => command.type === 'register') }, tally);
  const script = new Script(store, host.inspector, instantiateSpectest(store, host.spectest, print));
  for (const command of commands) {
    const keyword = command.type === 'unreadable' ? command.keyword : keywordOf(command);
    const verdict = await script.run(command).catch((error: unknown): Verdict => {
      return { ok: false, expected: 'no failure of the runner', got: String(error) };
    });
    yield { line: command.line, keyword, assertion: keyword.startsWith('assert_'), ...verdict };
  }
}

function keywordOf(command: Exclude<Command, { type: 'unreadable' }>): string {
  switch (command.type) {
    case 'definition':
      return 'module definition';
    case 'instance':
      return 'module instance';
    case 'action':
      return command.action.type;
    default:
      return command.type;
  }
}

class Script {
  readonly #shared: ScriptStore;
  readonly #store: ModeStore;
  readonly #registered: Record<string, Exports> = Object.create(null);
  readonly #instances = new Map<string, ScriptInstance>();
  readonly #definitions = new Map<string, Definition>();
  #instance: ScriptInstance | undefined;
  #definition: Definition | undefined;

  constructor(store: ModeStore, inspector: Uint8Array, spectest: Exports) {
    this.#store = store;
    this.#shared = new ScriptStore(store, inspector);
    this.#registered.spectest = spectest;
  }

  async run(command: Command): Promise<Verdict> {
    switch (command.type) {
      case 'module': {
        const compiled = await this.#compile(command.source);
        this.#define(command.name, compiled);
        const instance = compiled.ok ? this.#instantiate(compiled.value) : compiled;
        return this.#keep(command.name, instance);
      }
      case 'definition':
        return verdict('a valid module', this.#define(command.name, await this.#compile(command.source)));
      case 'instance': {
        const { definition: id } = command;
        const definition = id === undefined ? this.#definition : this.#definitions.get(id);
        return this.#keep(command.name, definition === undefined ? bug('no module') : this.#instantiate(definition));
      }
      case 'register':
        return this.#register(command.as, command.module);
      case 'action':
        return verdict('no failure', this.#perform(command.action, false));
      case 'assert_return': {
        const outcome = this.#perform(command.action, command.expected.some(asksForNan));
        if (outcome.ok && matchAll(command.expected, outcome.value)) return passed;
        return {
          ok: false,
          expected: showPatterns(command.expected),
          got: outcome.ok ? showActuals(outcome.value) : show(outcome.failure),
        };
      }
      case 'assert_trap':
      case 'assert_exception':
      case 'assert_suspension':
      case 'assert_exhaustion': {
        const { subject } = command;
        const outcome = 'form' in subject ? await this.#bringUp(subject) : this.#perform(subject, false);
        return expectFailure(outcome, outcomeKinds[command.type], command.text);
      }
      case 'assert_malformed':
      case 'assert_invalid':
        return expectFailure(await this.#compile(command.source), moduleKinds[command.type], command.text);
      case 'assert_unlinkable':
        return expectFailure(await this.#bringUp(command.source), moduleKinds[command.type], command.text);
      case 'unreadable':
        return { ok: false, expected: 'a command', got: command.message };
    }
  }

  async #compile(source: ModuleSource): Promise<Outcome<Definition>> {
    let bytes: Uint8Array;
    try {
      bytes = await assemble(source);
    } catch (error) {
      if (!(error instanceof TextRejected)) return bug(`text parser: ${String(error)}`);
      return { ok: false, failure: { kind: error.kind, message: error.message } };
    }
    return this.#shared.attempt('compile', () => ({ bytes, compiled: this.#store.compile(bytes) }));
  }

  #instantiate({ bytes, compiled }: Definition): Outcome<ScriptInstance> {
    return this.#shared.attempt('instantiate', () => {
      return new ScriptInstance(this.#shared, this.#store.instantiate(compiled, this.#registered), bytes);
    });
  }

  async #bringUp(source: ModuleSource): Promise<Outcome<unknown>> {
    const compiled = await this.#compile(source);
    return compiled.ok ? this.#instantiate(compiled.value) : compiled;
  }

  #define(name: string | undefined, compiled: Outcome<Definition>): Outcome<Definition> {
    this.#definition = compiled.ok ? compiled.value : undefined;
    if (name !== undefined) setOrDelete(this.#definitions, name, this.#definition);
    return compiled;
  }

  // A module that failed leaves none behind, so that what follows is not run on an older one.
  #keep(name: string | undefined, instance: Outcome<ScriptInstance>): Verdict {
    this.#instance = instance.ok ? instance.value : undefined;
    if (name !== undefined) setOrDelete(this.#instances, name, this.#instance);
    return verdict('an instance', instance);
  }

  #register(as: string, module: string | undefined): Verdict {
    const instance = this.#find(module);
    if (instance === undefined) {
      delete this.#registered[as];
      return verdict('a module to register', bug('no module'));
    }
    this.#registered[as] = instance.exports;
    return passed;
  }

  #find(module: string | undefined): ScriptInstance | undefined {
    return module === undefined ? this.#instance : this.#instances.get(module);
  }

  #perform(action: Action, exact: boolean): ReturnType<ScriptInstance['perform']> {
    const call: Call = { kind: action.type, name: action.name, args: action.type === 'invoke' ? action.args : [] };
    return this.#find(action.module)?.perform(call, exact) ?? bug('no module');
  }
}

function setOrDelete<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

function verdict(expected: string, outcome: Outcome<unknown>): Verdict {
  return outcome.ok ? passed : { ok: false, expected, got: show(outcome.failure) };
}

// The text is compared where the message is worded as the reference interpreter words it; engines word theirs as they like.
function expectFailure(outcome: Outcome<unknown>, kinds: readonly FailureKind[], text: string): Verdict {
  const expected = text === '' ? `${kinds[0]}` : `${kinds[0]} "${text}"`;
  if (outcome.ok) return { ok: false, expected, got: 'no failure' };
  const { failure } = outcome;
  if (kinds.includes(failure.kind) && (failure.ours !== true || failure.message.startsWith(text))) return passed;
  return { ok: false, expected, got: show(failure) };
}

function show({ kind, message }: Failure): string {
  return message === '' ? kind : `${kind} "${message}"`;
}
