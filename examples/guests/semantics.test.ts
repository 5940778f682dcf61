import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { RefusedError } from '../../asyncify/index.ts';
import { statusCode } from '../../engine/process/index.ts';
import { type Instrumenter, instrument, launch, moduleOf, type Poll, read, SIGUSR1 } from './world.test-data.ts';

// What the guests print of the meaning of signals is what they printed on Linux (NAME.expected.txt). Where to find what:
//
// default actions, exit status 128 + n, exit      fate: default, kill, spin, exit, abort
// stop and continue                               fate: stopped*, default 19 to 22; semantics: "SIGCONT and stop signals"
// SIGKILL and SIGSTOP                             fate: ignore, catch, block 9 and 19; semantics: "cannot be blocked"
// pending, in which order they are delivered      semantics: "a blocked signal waits", "goes first", "begins first", "faults"
// mask, sa_mask, restored                         semantics: "itself is blocked", "those of sa_mask", "the context holds"
// SA_NODEFER, SA_RESETHAND                        semantics: "SA_NODEFER", "SA_RESETHAND"; fate: once
// SA_RESTART, EINTR                               reading; waiting: "even under SA_RESTART", "pause ends"
// SA_SIGINFO, the context                         semantics: "SA_SIGINFO", "the context", "with their values"; waiting: "kernel"
// SA_ONSTACK, sigaltstack                         semantics: "SA_ONSTACK", "alternate stack"
// nested handlers                                 semantics: "another signal nests", "it nests", "comes after"; waiting: "a handler"
// handlers that leave                             jump: siglongjmp; stuck-handler (every-poll.test.ts): sigleave, exit
// sigsuspend, sigpending                          waiting: "sigsuspend"; fate: suspend; semantics: "waits, once"
// raise, kill, sigqueue                           semantics: "raise runs", "kill of oneself", "real-time signals queue"
// alarm, setitimer, pause, nanosleep, sleep       waiting
// bad arguments                                   semantics: "bad"; waiting: "bad"
const expected = (guest: string): string => readFileSync(join(import.meta.dirname, `${guest}.expected.txt`), 'utf8');

describe.each<readonly [Instrumenter, Poll]>([
  ['frames', 'fuel'],
  ['frames', 'epoch'],
  ['binaryen -O0', 'fuel'],
  ['binaryen -O0', 'epoch'],
])('the meaning of signals, %s with %s polls', (instrumenter, poll) => {
  // Not while the clocks of others run.
  beforeAll(() => {
    for (const guest of ['semantics', 'waiting', 'reading', 'fate']) moduleOf(guest, instrumenter, poll);
  }, 60_000);

  it.concurrent.each(['semantics', 'waiting'])('is that of Linux: %s', async (guest) => {
    const { process, world } = launch(moduleOf(guest, instrumenter, poll), [guest]);
    process.start();
    expect(await process.wait()).toMatchObject({ kind: 'exited', status: 0 });
    expect(world.out).toBe(expected(guest));
  });

  it.concurrent('is that of Linux: reading', async () => {
    const { process, world } = launch(moduleOf('reading', instrumenter, poll), ['reading']);
    world.input.onWait = (times) => {
      // Interrupted; begun, and once more by SA_RESTART; begun, and an ignored signal comes; begun, and once more.
      if (times === 3) setTimeout(() => world.input.give('a'));
      if (times === 4) setTimeout(() => world.input.give('b'), 100);
      if (times === 6) setTimeout(() => world.input.close());
    };
    process.start();
    expect(await process.wait()).toMatchObject({ kind: 'exited', status: 0 });
    expect(world.out).toBe(expected('reading'));
  });

  const fates = expected('fate').trim().split('\n');
  it.concurrent('is that of Linux: what becomes of a program', async () => {
    const module = moduleOf('fate', instrumenter, poll);
    expect(fates.length).toBeGreaterThan(120);
    const seen = await Promise.all(
      fates.map((line) => {
        const [way = '', signo = ''] = line.slice(0, line.indexOf(':')).split(' ');
        return fate(module, way, Number(signo));
      }),
    );
    expect(seen).toEqual(fates);
  });
});

describe('handlers that leave by siglongjmp', () => {
  it('are those of Linux', async () => {
    const { process, world } = launch(moduleOf('jump', 'frames', 'fuel'), ['jump']);
    process.start();
    expect(await process.wait()).toMatchObject({ kind: 'exited', status: 0 });
    expect(world.out).toBe(expected('jump'));
  });

  it('need exception handlers, which Asyncify cannot do', () => {
    for (const poll of ['fuel', 'epoch'] as const) {
      expect(() => instrument(read('jump'), 'binaryen -O2', poll)).toThrow(RefusedError);
      expect(() => instrument(read('jump'), 'binaryen -O2', poll)).toThrow(
        /^Asyncify cannot do exception handlers in a function that may suspend \(at byte \d+, function \d+, try_table\)$/,
      );
    }
  });
});

describe.each<Instrumenter>(['frames', 'binaryen -O2'])('a program in slices of one poll, %s', (instrumenter) => {
  it('means the same', () => {
    const { process, world } = launch(moduleOf('semantics', instrumenter, 'fuel'), ['semantics']);
    let slices = 0;
    while (!process.run({ fuel: 1 }).finished) slices++;
    expect(slices).toBeGreaterThan(500);
    expect(world.out).toBe(expected('semantics'));
  });
});

/** One way for a program to end, in the words of fate.c. */
async function fate(module: WebAssembly.Module, way: string, signo: number): Promise<string> {
  let seen = `${way} ${signo}:`;
  let told = 0;
  const copy = (): void => {
    const text = world.out.slice(told).trimEnd();
    told = world.out.length;
    if (text !== '') seen += ` ${text}`;
  };
  const onStop = (signal: number): void => {
    copy();
    seen += ` [stopped ${signal}]`;
    setTimeout(() => {
      if (way === 'stopped-caught') process.kill(SIGUSR1);
      if (way === 'stopped-terminated') process.kill('SIGTERM');
      if (way === 'stopped-killed') process.kill('SIGKILL');
      else
        setTimeout(() => {
          seen += process.state === 'stopped' ? ' [still]' : ' [not any more]';
          process.continue();
        }, 5);
    });
  };
  const { process, world } = launch(module, ['fate', way, `${signo}`], { onStop });
  if (way === 'spin') {
    world.onOutput = (text) => {
      if (text.startsWith('spinning')) process.kill(signo);
    };
  }
  process.start();
  const status = await process.wait();
  copy();
  return `${seen} [${status.kind} ${statusCode(status)}]`;
}
