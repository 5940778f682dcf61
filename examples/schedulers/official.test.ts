import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Store } from '../../continuations/index.ts';
import { instantiate, type Policy, type Scheduler, sleep } from '../../engine/scheduler/index.ts';
import { parseScript } from '../../spec-tests/runner/script.ts';
import { assemble } from '../../spec-tests/runner/text.ts';
import { compile, deterministic, EXPECTED, official, POLICIES, switches } from './load.test-data.ts';

const scripts = official === null ? [] : readdirSync(official).filter((name) => name.endsWith('.wast'));

/** Our programs and the proposal's with the same results. */
const SAME = [
  ['threads', 'lwt'],
  ['actors', 'actor'],
  ['promises', 'async-await'],
  ['generators', 'generators'],
  ['suspending', 'scheduler1'],
  ['switching', 'scheduler2'],
] as const;

type Callable = (...args: unknown[]) => unknown;
interface Prepared {
  readonly modules: ReadonlyMap<number, WebAssembly.Module>;
  readonly commands: ReturnType<typeof parseScript>;
}

async function prepare(name: string): Promise<Prepared> {
  const commands = parseScript(readFileSync(join(official ?? '', name), 'utf8'));
  const modules = new Map<number, WebAssembly.Module>();
  for (const command of commands) {
    if (command.type === 'module') modules.set(command.line, compile(await assemble(command.source), 'linked', []));
  }
  return { modules, commands };
}

/** Runs a script; each of its calls is a task of the name. */
function* play({ modules, commands }: Prepared, name: string, scheduler: Scheduler, printed: number[]) {
  const store = new Store();
  const print = (value: number): void => void printed.push(value);
  const registered: Record<string, Record<string, unknown>> = { spectest: { print_i32: print } };
  let last: Record<string, unknown> = {};
  let checks = 0;
  for (const command of commands) {
    switch (command.type) {
      case 'module':
        last = instantiate(scheduler, store, modules.get(command.line) as WebAssembly.Module, registered).exports;
        break;
      case 'register':
        registered[command.as] = last;
        break;
      case 'action':
      case 'assert_return': {
        const { action } = command;
        const args = action.type === 'invoke' ? action.args.map((arg) => Number((arg as { bits?: bigint }).bits)) : [];
        const value: unknown = yield* scheduler.spawn(last[action.name] as Callable, args, { name }).joined;
        if (command.type === 'assert_return') {
          const expected = command.expected.map((pattern) => Number((pattern as { lane?: bigint }).lane));
          expect(expected).toEqual(value === undefined ? [] : [value]);
        }
        checks++;
        break;
      }
      default:
        throw new Error(`${command.type} in ${name}`);
    }
  }
  return checks;
}

/** All scripts at once, beside a host task. */
function playAll(prepared: ReadonlyMap<string, Prepared>, policy: Policy) {
  const { scheduler, trace } = deterministic(policy);
  const printed = new Map<string, number[]>();
  const tasks = [...prepared].map(([name, script]) => {
    const list: number[] = [];
    printed.set(name, list);
    return scheduler.spawn(() => play(script, name, scheduler, list), [], { name: `script ${name}` });
  });
  scheduler.spawn(function* () {
    for (let ticks = 0; ticks < 10; ticks++) yield* sleep(1);
  });
  scheduler.run();
  expect(tasks.flatMap(({ outcome }) => (outcome?.kind === 'failed' ? [outcome.error] : []))).toEqual([]);
  expect(tasks.every(({ result }) => (result ?? 0) > 0)).toBe(true);
  return { printed, trace };
}

const reason = 'the official suite is not there (BOBBIN_SPEC_SUITE)';
describe.skipIf(official === null)(
  `the examples of the proposal, as tasks${official === null ? `: ${reason}` : ''}`,
  async () => {
    const prepared = new Map<string, Prepared>();
    for (const name of scripts) prepared.set(name, await prepare(name));

    it.each(Object.keys(POLICIES))('all at once, under %s', (name) => {
      const run = () => playAll(prepared, POLICIES[name]?.() as Policy);
      const { printed, trace } = run();
      // What ours log, too.
      for (const [ours, theirs] of SAME)
        expect([theirs, printed.get(`${theirs}.wast`)]).toEqual([theirs, EXPECTED[ours]]);
      if (name !== 'fifo') expect(switches(trace)).toBeGreaterThan(200);
      expect(run()).toEqual({ printed, trace });
    });
  },
);
