import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Store } from '../../continuations/index.ts';
import { compile, FRAMES } from './guest/guest.test-data.ts';
import {
  FifoPolicy,
  instantiate,
  LotteryPolicy,
  type Policy,
  RoundRobinPolicy,
  Scheduler,
  type StackAllocator,
  Suspending,
  sleep,
  type Task,
  type TraceEvent,
  VirtualClock,
} from './index.ts';
import { STEPS, type Step, World } from './scripted.test-data.ts';

const POLICIES: readonly (() => Policy)[] = [
  () => new FifoPolicy(),
  () => new RoundRobinPolicy({ slice: 1 }),
  () => new LotteryPolicy({ slice: 2 }),
];

/** A program that waits in each step of a script, in turn. */
interface Program {
  readonly task: Task;
  /** How often its clean-up has begun, and has come to its end. */
  readonly cleanUps: { begun: number; over: number };
  /** Whether it is where it would clean up. */
  inside: boolean;
  /** The steps it has begun. */
  readonly begun: number[];
  /** What it holds that is not of the scheduler's: shadow stacks. */
  left(): number;
}
type Launch = (world: World, script: readonly Step[], options: { readonly slow: boolean }) => Program;

interface Setting {
  readonly script: readonly Step[];
  readonly policy: number;
  readonly seed: number;
  /** Whether the clean-up waits, too. */
  readonly slow: boolean;
  /** Who cancels: the host as soon as the task is suspended, or another task later. */
  readonly by: 'host' | 'task';
}

/** How many runs were. */
let cancelled = 0;

/**
 * Runs a script.
 *
 * @param at at which of its suspensions it is cancelled; null: at none
 * @returns how often it was suspended
 */
async function run(launch: Launch, setting: Setting, at: number | null): Promise<number> {
  const { script, policy, seed, slow, by } = setting;
  const reason = new Error('cancelled here');
  const events: TraceEvent[] = [];
  let program: Program | null = null;
  let suspensions = 0;
  let due = false;
  const scheduler: Scheduler = new Scheduler({
    policy: (POLICIES[policy] as () => Policy)(),
    clock: new VirtualClock(),
    seed,
    onTrace: (event) => {
      events.push(event);
      if (event.task !== program?.task.id) return;
      const suspended =
        event.kind === 'block' ||
        (event.kind === 'ready' && (event.reason === 'yielded' || event.reason === 'preempted'));
      if (!suspended || suspensions++ !== at) return;
      if (by === 'host') program.task.cancel(reason);
      else due = true;
    },
  });
  const world = new World(scheduler, script);
  program = launch(world, script, { slow });
  const { task, cleanUps, begun } = program;
  const canceller = scheduler.spawn(function* () {
    while (task.outcome === null) {
      if (due) task.cancel(reason);
      due = false;
      yield* sleep(1);
    }
  });
  await task.join().catch(() => {});
  await canceller.join();
  const steps = begun.length;
  expect(await world.close()).toBe(0);
  expect(program.left()).toBe(0);
  // It never runs again.
  expect(begun.length).toBe(steps);
  const own = events.filter((event) => event.task === task.id);
  expect(own.findIndex(({ kind }) => kind === 'end')).toBe(own.length - 1);
  expect(world.children.over).toBe(world.children.begun);
  if (task.outcome?.kind === 'done') {
    // It had come to its end before.
    expect(cleanUps).toEqual({ begun: 0, over: 0 });
    expect(begun).toEqual(script.map((_, index) => index));
    expect(world.requests.every(({ signal }) => !signal.aborted)).toBe(true);
  } else {
    expect(task.outcome).toEqual({ kind: 'cancelled', reason });
    const times = Number(program.inside);
    expect(cleanUps).toEqual({ begun: times, over: times });
    expect(world.requests.every(({ signal, settled }) => signal.aborted || settled)).toBe(true);
    cancelled++;
  }
  return suspensions;
}

async function everyPoint(launch: Launch, setting: Setting): Promise<void> {
  const points = await run(launch, setting, null);
  for (let at = 0; at < points; at++) await run(launch, setting, at);
}

/**
 * Waits in each step, with polls in between, in continuations within continuations. Each of these is suspended once more before it ends.
 */
const GUEST = `
  (type $body (func (param i32 i32))) (type $cont (cont $body))
  (type $rest (func)) (type $rest-cont (cont $rest))
  (import "env" "wait" (func $wait (param i32)))
  (import "env" "after" (func $after (param i32)))
  (import "env" "clean" (func $clean (param i32)))
  (import "env" "cleaned" (func $cleaned))
  (import "env" "enter" (func $enter))
  (import "env" "leave" (func $leave))
  (memory (export "memory") 1)
  (global $sp (export "__stack_pointer") (mut i32) (i32.const 8192))
  (tag $between)
  (elem declare func $nested)
  ;; Enough rounds for a loop that has a poll.
  (func $pause (param $index i32) (local $n i32)
    (if (i32.and (local.get $index) (i32.const 1))
      (then (loop $l (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 70)))))))
  (func $nested (type $body)
    (call $run (local.get 0) (local.get 1))
    (suspend $between))
  (func $run (param $steps i32) (param $depth i32) (local $rest (ref null $rest-cont))
    (if (local.get $depth)
      (then
        (block $between (result (ref $rest-cont))
          (resume $cont (on $between $between)
            (local.get $steps) (i32.sub (local.get $depth) (i32.const 1)) (cont.new $cont (ref.func $nested)))
          (return))
        (local.set $rest)
        (resume $rest-cont (local.get $rest))
        (return)))
    (call $steps (local.get $steps)))
  (func $steps (param $steps i32) (local $index i32)
    (call $enter)
    (block $caught (result exnref)
      (try_table (catch_all_ref $caught)
        (loop $next
          (call $wait (local.get $index))
          (call $after (local.get $index))
          (call $pause (local.get $index))
          (br_if $next (i32.lt_u (local.tee $index (i32.add (local.get $index) (i32.const 1))) (local.get $steps))))
        (call $leave)
        (return))
      (unreachable))
    (call $clean (local.get $index))
    (call $cleaned)
    (throw_ref))
  (func (export "main") (type $body)
    (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
    (call $run (local.get 0) (local.get 1))
    (global.set $sp (i32.add (global.get $sp) (i32.const 16))))`;

const settings = fc.record({
  script: fc.array(fc.constantFrom(...STEPS), { minLength: 1, maxLength: 5 }),
  policy: fc.nat(POLICIES.length - 1),
  seed: fc.nat(1000),
  slow: fc.boolean(),
  by: fc.constantFrom('host' as const, 'task' as const),
});
/** Every step at least once, by every policy. */
const examples = STEPS.flatMap((step, index): [Setting][] => [
  [{ script: [step, 'sleep'], policy: index % POLICIES.length, seed: index, slow: index % 2 === 0, by: 'host' }],
  [
    {
      script: ['give way', step],
      policy: (index + 1) % POLICIES.length,
      seed: index,
      slow: index % 2 === 1,
      by: 'task',
    },
  ],
]);

describe('a task that is cancelled at each of its suspensions cleans up once, leaves nothing and never runs again', () => {
  afterEach(() => {
    // Hardly any run comes to its end first.
    expect(cancelled).toBeGreaterThan(100);
    cancelled = 0;
  });

  it('a host task', async () => {
    const launch: Launch = (world, script, { slow }) => {
      const cleanUps = { begun: 0, over: 0 };
      const begun: number[] = [];
      const task = world.scheduler.spawn(function* scripted() {
        for (const index of script.keys()) {
          try {
            begun.push(index);
            world.after(index, yield* world.begin(index));
          } catch (error) {
            cleanUps.begun++;
            world.undo(index);
            if (slow) yield* sleep(1);
            cleanUps.over++;
            throw error;
          }
        }
      });
      return { task, cleanUps, begun, inside: true, left: () => 0 };
    };
    await fc.assert(
      fc.asyncProperty(settings, (setting) => everyPoint(launch, setting)),
      { numRuns: examples.length + 60, examples },
    );
  });

  describe.each(FRAMES)('a guest, %s', async (build) => {
    const module = await compile(GUEST, build, { suspending: ['env.wait', 'env.clean'], yields: 'fuel' });

    it.each([0, 1, 3])('in continuations nested %i deep', async (depth) => {
      const launch: Launch = (world, script, { slow }) => {
        const cleanUps = { begun: 0, over: 0 };
        const begun: number[] = [];
        const results: unknown[] = [];
        let stacks = 0;
        const allocator: StackAllocator = {
          allocate: () => {
            stacks++;
            return 16_384;
          },
          free: () => {
            stacks--;
          },
        };
        const env = {
          wait: new Suspending((index: number) => {
            begun.push(index);
            return world.begin(index).map((result) => Object.assign(results, { [index]: result }));
          }),
          after: (index: number) => world.after(index, results[index]),
          clean: new Suspending((index: number) => {
            cleanUps.begun++;
            world.undo(index);
            return slow ? sleep(1) : undefined;
          }),
          enter: () => {
            program.inside = true;
          },
          leave: () => {
            program.inside = false;
          },
          cleaned: () => {
            cleanUps.over++;
          },
        };
        const guest = instantiate<{ main(steps: number, depth: number): void }>(
          world.scheduler,
          new Store(),
          module,
          { env },
          { stacks: () => allocator, stackSize: 1024 },
        );
        const task = world.scheduler.spawn(guest.exports.main, [script.length, depth]);
        const program = { task, cleanUps, begun, inside: false, left: () => stacks };
        return program;
      };
      await fc.assert(
        fc.asyncProperty(settings, (setting) => everyPoint(launch, setting)),
        { numRuns: examples.length + 20, examples },
      );
    });
  });
});
