import { describe, expect, it } from 'vitest';
import { LINUX_ERRNO, WASI_ERRNO } from '../signals/index.ts';
import { EINTR, launch, SA_SIGINFO, settle } from './guests.test-data.ts';
import { Process, ProcessError, signalImports } from './index.ts';

const { EPERM, ESRCH, EAGAIN, ENOMEM, EFAULT, EINVAL, ENOSYS } = LINUX_ERRNO;
const HANDLERS = `(func $plain (param i32)) (func $info (param i32 i32 i32))
  (elem (table $handlers) (i32.const 2) func $plain $info)`;
/** A structure beyond the end of the memory, partly. */
const OUTSIDE = 65533;
const action = (handler: number, flags = 0): string =>
  `(i32.store (i32.const 100) (i32.const ${handler})) (i32.store (i32.const 104) (i32.const ${flags}))`;

/** What an expression gives in a guest. */
async function value(expression: string, before = ''): Promise<unknown> {
  const { process } = await launch(`${HANDLERS} (func (export "_start") (result i32) ${before} ${expression})`);
  process.run({ fuel: 1000 });
  const { status } = process;
  return status?.kind === 'exited' ? status.results[0] : status;
}

describe('bobbin:signal, bad input', () => {
  it.each([
    ['a number of no signal', '(call $sigaction (i32.const 0) (i32.const 100) (i32.const 0))', '', EINVAL],
    ['a number above all signals', '(call $sigaction (i32.const 65) (i32.const 0) (i32.const 0))', '', EINVAL],
    ['a negative number', '(call $raise (i32.const -1))', '', EINVAL],
    ['SIGKILL handled', '(call $sigaction (i32.const 9) (i32.const 100) (i32.const 0))', action(2), EINVAL],
    ['SIGSTOP ignored', '(call $sigaction (i32.const 19) (i32.const 100) (i32.const 0))', action(1), EINVAL],
    ['SIGKILL with the default', '(call $sigaction (i32.const 9) (i32.const 100) (i32.const 0))', action(0), EINVAL],
    ['unknown flags', '(call $sigaction (i32.const 10) (i32.const 100) (i32.const 0))', action(2, 0x10), EINVAL],
    [
      'a handler beyond the table',
      '(call $sigaction (i32.const 10) (i32.const 100) (i32.const 0))',
      action(99),
      EINVAL,
    ],
    ['a handler that is null', '(call $sigaction (i32.const 10) (i32.const 100) (i32.const 0))', action(7), EINVAL],
    ['an action outside', `(call $sigaction (i32.const 10) (i32.const ${OUTSIDE}) (i32.const 0))`, '', EFAULT],
    ['an old action outside', '(call $sigaction (i32.const 10) (i32.const 0) (i32.const -4))', '', EFAULT],
    ['a mode of no mask', '(call $sigprocmask (i32.const 3) (i32.const 100) (i32.const 0))', '', EINVAL],
    ['a set outside', `(call $sigprocmask (i32.const 0) (i32.const ${OUTSIDE}) (i32.const 0))`, '', EFAULT],
    ['an old set outside', `(call $sigprocmask (i32.const 9) (i32.const 0) (i32.const ${OUTSIDE}))`, '', EFAULT],
    ['a null set for sigpending', '(call $sigpending (i32.const 0))', '', EFAULT],
    ['a null set for sigsuspend', '(call $sigsuspend (i32.const 0))', '', EFAULT],
    ['a signal 65', '(call $kill (call $getpid) (i32.const 65))', '', EINVAL],
    ['another process', '(call $kill (i32.const 99999) (i32.const 0))', '', ESRCH],
    ['all other processes', '(call $kill (i32.const -1) (i32.const 15))', '', ESRCH],
    ['a timer that is none', '(call $setitimer (i32.const 3) (i32.const 100) (i32.const 0))', '', EINVAL],
    ['a timer of another clock', '(call $getitimer (i32.const 1) (i32.const 100))', '', ENOSYS],
    ['a timer outside', `(call $setitimer (i32.const 0) (i32.const ${OUTSIDE}) (i32.const 0))`, '', EFAULT],
    [
      'a million microseconds',
      '(call $setitimer (i32.const 0) (i32.const 200) (i32.const 0))',
      '(i64.store (i32.const 224) (i64.const 1000000))',
      EINVAL,
    ],
    [
      'a billion nanoseconds',
      '(call $nanosleep (i32.const 200) (i32.const 0))',
      '(i64.store (i32.const 208) (i64.const 1000000000))',
      EINVAL,
    ],
    [
      'negative seconds',
      '(call $nanosleep (i32.const 200) (i32.const 0))',
      '(i64.store (i32.const 200) (i64.const -1))',
      EINVAL,
    ],
    ['a null request', '(call $nanosleep (i32.const 0) (i32.const 0))', '', EFAULT],
    [
      'a small alternate stack',
      '(call $sigaltstack (i32.const 100) (i32.const 0))',
      '(i32.store (i32.const 108) (i32.const 100))',
      ENOMEM,
    ],
    [
      'unknown flags of an alternate stack',
      '(call $sigaltstack (i32.const 100) (i32.const 0))',
      '(i32.store (i32.const 104) (i32.const 8))',
      EINVAL,
    ],
    [
      'too many signals',
      '(call $sigqueue (i32.const 0) (i32.const 40) (i32.const 1))',
      `(call $mask (i32.const 2) (i64.const -1))
       (loop $l (br_if $l (i32.eqz (call $sigqueue (i32.const 0) (i32.const 40) (i32.const 1)))))`,
      EAGAIN,
    ],
  ])('%s is refused', async (_, expression, before, errno) => {
    const { process } = await launch(`${HANDLERS} (func (export "_start") (result i32) ${before} ${expression})`);
    while (!process.run({ fuel: 10_000 }).finished);
    expect(process.status).toEqual({ kind: 'exited', status: 0, results: [-errno] });
  });

  it.each([
    [2, SA_SIGINFO, 'with SA_SIGINFO takes 3 parameters'],
    [3, 0, 'without SA_SIGINFO takes 1 parameter'],
  ])('a handler of the wrong type is a clear error: %i, flags %i', async (handler, flags, message) => {
    const status = await value(
      '(call $sigaction (i32.const 10) (i32.const 100) (i32.const 0))',
      action(handler, flags),
    );
    expect(status).toMatchObject({ kind: 'failed', error: expect.any(ProcessError) });
    expect(status).toMatchObject({ error: { kind: 'handler-type', message: expect.stringContaining(message) } });
  });

  it('a pointer for the rest of a sleep that is bad is a fault once it is interrupted', async () => {
    const launched = await launch(`${HANDLERS} (func (export "_start") (result i32)
      (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0))
      (i64.store (i32.const 200) (i64.const 50))
      (call $nanosleep (i32.const 200) (i32.const ${OUTSIDE})))`);
    launched.process.start();
    await settle(launched);
    launched.process.kill(10);
    expect(await launched.process.wait()).toEqual({ kind: 'exited', status: 0, results: [-EFAULT] });
  });

  it('the alternate stack cannot be changed while it is in use', async () => {
    const { process, log } = await launch(`
      (func $h (param i32) (call $log (call $sigaltstack (i32.const 100) (i32.const 0))))
      (elem (table $handlers) (i32.const 2) func $h)
      (func (export "_start") (i32.store (i32.const 100) (i32.const 40960)) (i32.store (i32.const 108) (i32.const 4096))
        (call $log (call $sigaltstack (i32.const 100) (i32.const 120)))
        (call $log (i32.load (i32.const 124)))
        (call $install (i32.const 10) (i32.const 2) (i32.const 0x08000000) (i64.const 0))
        (drop (call $raise (i32.const 10))))`);
    process.run({ fuel: 100 });
    expect(log).toEqual([0, 2, -EPERM]);
  });
});

describe('bobbin:signal', () => {
  it('gives the old action back, and applies nothing where there is none to set', async () => {
    const { process, log } = await launch(`${HANDLERS} (func (export "_start")
      (call $install (i32.const 10) (i32.const 2) (i32.const 0x10000000) (i64.const 0x7fffffffffffffff))
      (call $log (call $sigaction (i32.const 10) (i32.const 0) (i32.const 100)))
      (call $log (i32.load (i32.const 100))) (call $log (i32.load (i32.const 104)))
      (call $log (i32.wrap_i64 (i64.shr_u (i64.load (i32.const 108)) (i64.const 32))))
      (call $log (i32.load (i32.const 108)))
      (call $install (i32.const 10) (i32.const 1) (i32.const 0) (i64.const 0))
      (call $log (call $sigaction (i32.const 10) (i32.const 0) (i32.const 100)))
      (call $log (i32.load (i32.const 100))))`);
    process.run({ fuel: 100 });
    // SIGKILL (bit 8) and SIGSTOP (bit 18) stay out of the mask.
    expect(log).toEqual([0, 2, 0x1000_0000, 0x7fff_ffff, ~(1 << 8) & ~(1 << 18), 0, 1]);
  });

  it('asks whether a process is there with signal 0', async () => {
    expect(await value('(call $kill (call $getpid) (i32.const 0))')).toBe(0);
    expect(await value('(call $raise (i32.const 0))')).toBe(0);
  });

  it('says what is pending, and which process this is', async () => {
    const { process, log } = await launch(
      `${HANDLERS} (func (export "_start")
      (call $mask (i32.const 2) (i64.const -1))
      (drop (call $raise (i32.const 10))) (drop (call $raise (i32.const 2)))
      (call $log (call $sigpending (i32.const 100))) (call $log (i32.load (i32.const 100)))
      (call $log (call $sigprocmask (i32.const 9) (i32.const 0) (i32.const 100)))
      (call $log (i32.load (i32.const 100)))
      (call $log (call $getpid)))`,
      { pid: 77 },
    );
    process.run({ fuel: 100 });
    expect(log).toEqual([0, (1 << 9) | (1 << 1), 0, ~(1 << 8) & ~(1 << 18), 77]);
  });

  it('has slept to the end where its time is over as a signal comes', async () => {
    let time = 0;
    const clock = { now: () => time, at: () => () => {} };
    const text = `(func $h (param i32) (call $log (local.get 0))) (elem (table $handlers) (i32.const 2) func $h)
      (func (export "_start") (result i32) (call $install (i32.const 10) (i32.const 2) (i32.const 0) (i64.const 0))
        (i64.store (i32.const 64) (i64.const -1)) (call $sleep (i32.const 10)))`;
    for (const [at, result, left] of [
      [9.5, EINTR, 500_000n],
      [10, 0, -1n],
      [11, 0, -1n],
    ] as const) {
      time = 0;
      const { process, log, exports } = await launch(text, { clock });
      process.run({ fuel: 100 });
      expect(process.state).toBe('blocked');
      time = at;
      process.kill('SIGUSR1');
      process.run({ fuel: 100 });
      expect(process.status).toEqual({ kind: 'exited', status: 0, results: [result] });
      expect(log).toEqual([10]);
      const view = new DataView((exports.memory as WebAssembly.Memory).buffer);
      if (left >= 0n) expect([view.getBigInt64(64, true), view.getBigInt64(72, true)]).toEqual([0n, left]);
      else expect(view.getBigInt64(64, true)).toBe(-1n);
    }
  });

  it('lets guests signal each other where the host says so', async () => {
    const victim = await launch('(func (export "_start") (loop $l (br $l)))', { pid: 501 });
    const { process } = await launch(
      '(func (export "_start") (result i32) (call $kill (i32.const 501) (i32.const 15)))',
      { findProcess: (pid) => (pid === 501 ? victim.process : undefined) },
    );
    victim.process.start();
    process.start();
    expect(await process.wait()).toMatchObject({ results: [0] });
    expect(await victim.process.wait()).toEqual({ kind: 'signaled', signal: 15 });
  });

  it('ends the guest inside raise where the signal is deadly', async () => {
    const { process, log } = await launch(`(func (export "_start")
      (block $b (try_table (catch_all $b) (drop (call $raise (i32.const 9))))) (call $log (i32.const 1)))`);
    process.run({ fuel: 100 });
    expect(process.status).toEqual({ kind: 'signaled', signal: 9 });
    expect(log).toEqual([]);
  });

  it('has the numbers of another table of errors', async () => {
    const process = new Process();
    const imports = signalImports(process, { errno: WASI_ERRNO })['bobbin:signal'] as {
      kill: (...a: number[]) => number;
    };
    expect(imports.kill(123456, 0)).toBe(-WASI_ERRNO.ESRCH);
  });

  it('is not for a guest that its process is not running', async () => {
    const launched = await launch('(func (export "_start")) (func (export "f") (drop (call $pause)))');
    const f = launched.exports.f as () => void;
    expect(() => f()).toThrow(expect.objectContaining({ kind: 'state' }));
  });
});
