import { describe, expect, it } from 'vitest';
import { type Process, statusCode } from '../../engine/process/index.ts';
import { handlerAction, signo } from '../../engine/signals/index.ts';
import { interrupt } from './interrupting.test-data.ts';
import { type Instrumenter, launch, moduleOf, plain, SIGALRM, SIGINT, SIGUSR1, SIGUSR2 } from './world.test-data.ts';

// Every program is interrupted at every one of its polls, with a handler each time: this often, or, where it has fewer, at all
// of them. The handler is interrupted at its own polls, too. What the program prints, then, is what it prints undisturbed.
const TIMES = 100_000;
const INSTRUMENTERS: readonly Instrumenter[] = ['frames', 'binaryen -O0'];

describe.each(INSTRUMENTERS)('a handler at every poll, %s', (instrumenter) => {
  const run = (guest: string, args: readonly string[]) =>
    launch(moduleOf(guest, instrumenter, 'fuel'), [guest, ...args]);

  it('changes nothing of what the sieve prints, but for its progress', async () => {
    const running = run('sieve', ['60000']);
    expect(await interrupt(running, { signal: SIGUSR1, times: TIMES })).toEqual({ sent: TIMES, waiting: 0 });
    const { err } = running.world;
    expect(running.world.out).toBe(plain('sieve', ['60000']));
    expect(err.match(/progress: sieved up to /g)).toHaveLength(TIMES);
    expect(err).toMatch(new RegExp(`\nsignals handled: ${TIMES}\n$`));
  });

  it('changes nothing of what the spinner computes', async () => {
    // The timer itself is not to come into it.
    const args = ['300', '3600000'];
    const running = run('spinner', args);
    expect(await interrupt(running, { signal: SIGALRM, times: TIMES })).toEqual({ sent: TIMES, waiting: 0 });
    expect(running.world.out).toBe(plain('spinner', args));
    expect(running.world.err).toMatch(new RegExp(`\rdrawn ${TIMES} times\n$`));
  });

  it('changes nothing 5,000 calls deep', async () => {
    const args = ['5000', '120000'];
    const undisturbed = plain('deep', args);
    expect(undisturbed).toMatch(/^5000 deep and back: [0-9a-f]{16}\n$/);
    const running = run('deep', args);
    expect(await interrupt(running, { signal: SIGUSR2, times: TIMES })).toEqual({ sent: TIMES, waiting: 0 });
    expect(running.world.out).toBe(undisturbed);
    expect(running.world.err).toMatch(new RegExp(`^bottom\n.*going up\npoked: ${TIMES}\n$`, 's'));

    // Its own handler calls itself a thousand times: that has as many polls.
    const fewer = run('deep', ['5000', '500']);
    const { sent } = await interrupt(fewer, { signal: SIGUSR1, times: 600 });
    expect(sent).toBe(600);
    expect(fewer.world.out).toBe(plain('deep', ['5000', '500']));
    expect(fewer.world.err).toMatch(new RegExp(`\nhandled: ${sent + 1}\n`));
    expect(fewer.world.err).not.toMatch(/lost/);
  });

  it('changes nothing of what the loop that reads and evaluates prints, at its prompt and elsewhere', async () => {
    const input = ['1 + 2 * 3\n', 'sum 60000\n', '(4 - ', '5) * -6\n7 / 0\n', '\n', 'sum (10000 * 4) + 1', '\n8 9\n'];
    const undisturbed = run('repl', []);
    for (const text of input) undisturbed.world.input.give(text);
    undisturbed.world.input.close();
    undisturbed.process.start();
    await undisturbed.process.wait();
    expect(undisturbed.world.out).toMatch(
      /^> 7\n> 1800030000\n> 6\n> error: division by zero\n> > 800020001\n> error: /,
    );

    const running = run('repl', []);
    const { sent, waiting } = await interrupt(running, { signal: SIGUSR2, times: 2 * TIMES, input });
    expect(running.world.out).toBe(undisturbed.world.out);
    expect(sent).toBeGreaterThan(TIMES);
    expect(waiting).toBe(input.length + 1);
    expectPoked(running.world.err, sent);
  });

  it('changes nothing of handlers that raise their own signal', async () => {
    const args = ['1000'];
    const undisturbed = run('reraise', args);
    undisturbed.process.start();
    await undisturbed.process.wait();
    expect(undisturbed.world.out).toMatch(/^blocked.* deepest 1, .*\nSA_NODEFER.* deepest 1000, [0-9a-f]{16}\n$/);
    const running = run('reraise', args);
    const { sent } = await interrupt(running, { signal: SIGUSR2, times: TIMES });
    expect(running.world.out).toBe(undisturbed.world.out);
    expect(sent).toBeGreaterThan(250);
    expectPoked(running.world.err, sent);
  });

  it('changes nothing where every signal is pending and blocked', async () => {
    const undisturbed = run('pending', []);
    undisturbed.process.start();
    await undisturbed.process.wait();
    expect(undisturbed.world.out).toMatch(/^can be caught 62, pending 61, handled 0\nhandled 63, pending 0\n/);
    const running = run('pending', []);
    const { sent } = await interrupt(running, { signal: BESIDE, times: TIMES, interrupt: besideItsSignals() });
    expect(running.world.out).toBe(undisturbed.world.out);
    expect(sent).toBeGreaterThan(400);
    expectPoked(running.world.err, sent);
  });

  it('changes nothing of a handler that does not return, until it is left', async () => {
    for (const [way, out, status] of [
      ['spin', '', 143],
      ['leave', 'elsewhere, SIGINT not blocked\n', 0],
      ['exit', '', 3],
    ] as const) {
      const running = run('stuck-handler', [way]);
      const { process, world } = running;
      while (process.signals.action(signo(SIGINT)).disposition.kind !== 'handler') process.run({ fuel: 1 });
      process.kill(SIGINT);
      const { sent } = await interrupt(running, { signal: SIGUSR1, times: TIMES, last: 15 });
      if (way === 'spin') expect(sent).toBe(TIMES);
      expect(process.status && statusCode(process.status)).toBe(status);
      expect(world.out).toBe(out);
      expect(world.err).toMatch(way === 'spin' ? new RegExp(`\nhandled: ${TIMES}\n$`) : /in the handler\n/);
    }
  });

  it('changes nothing of a program without handlers', () => {
    const { process, world } = run('forever', []);
    for (let poll = 0; poll < TIMES; poll++) {
      process.kill(poll % 2 === 0 ? 'SIGWINCH' : 'SIGCONT');
      expect(process.run({ fuel: 1 }).pause === 'yielded').toBe(true);
    }
    process.kill('SIGTERM');
    expect(process.status).toEqual({ kind: 'signaled', signal: 15 });
    expect(world.err).toBe('spinning\n');
  });
});

describe('a handler at every poll, of a program that jumps', () => {
  it('changes nothing', async () => {
    const args = ['450'];
    const module = moduleOf('jump', 'frames', 'fuel');
    const undisturbed = launch(module, ['jump', ...args]);
    undisturbed.process.start();
    await undisturbed.process.wait();
    expect(undisturbed.world.out).toMatch(
      /^left 450 times by raise, .*\nleft 5 times by a timer, .*\nleft without the/,
    );
    const running = launch(module, ['jump', ...args]);
    const { sent } = await interrupt(running, { signal: SIGUSR2, times: 2 * TIMES });
    expect(running.world.out).toBe(undisturbed.world.out);
    expect(sent).toBeGreaterThan(TIMES);
  });
});

/** What is sent while the program exits, after it has said how many there were, is not among them. */
function expectPoked(err: string, sent: number): void {
  const poked = Number(/poked: (\d+)\n$/.exec(err)?.[1]);
  expect(poked).toBeLessThanOrEqual(sent);
  expect(poked).toBeGreaterThan(sent - 100);
}

/** A real-time signal: those queue, so that one more of them leaves the program as many as it had. */
const BESIDE = 40;

/** Runs the handler of SIGUSR2, as it first was, for a program that has every signal blocked or in use. */
function besideItsSignals(): (process: Process) => () => void {
  let handler: number | null = null;
  return (process) => {
    const { signals } = process;
    if (handler === null) {
      const { disposition } = signals.action(signo(SIGUSR2));
      if (disposition.kind !== 'handler') return () => {};
      handler = disposition.handler;
    }
    const top = process.runner.stack.at(-1);
    if (top === undefined) return () => {};
    const action = signals.action(signo(BESIDE));
    // As sigsuspend has it: this mask until the handler, that one afterwards.
    top.maskAfterwards = signals.blocked;
    signals.blocked = signals.blocked.without(signo(BESIDE));
    signals.sigaction(signo(BESIDE), handlerAction(handler));
    // As the guest raises its own: one sent to the process would wait until all of those are handled.
    process.killThread(signals, BESIDE);
    return () => void signals.sigaction(signo(BESIDE), action);
  };
}
