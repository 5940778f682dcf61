import { describe, expect, it } from 'vitest';
import { SIGINT, SIGSEGV, signo } from '../signals/index.ts';
import {
  DIGEST,
  digest,
  launch,
  SA_NODEFER,
  SA_ONSTACK,
  SA_RESETHAND,
  SA_SIGINFO,
  SIGUSR1,
  SIGUSR2,
} from './guests.test-data.ts';
import { statusCode } from './index.ts';

const exited = (...results: unknown[]) => ({ kind: 'exited', status: 0, results });
/** Says its signal when it begins, spins a while, and says 100 more when it ends. */
const SLOW = `(func $slow (param $n i32) (local $i i32)
  (call $log (local.get $n))
  (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 50))))
  (call $log (i32.add (local.get $n) (i32.const 100))))`;
const SLOW_TABLE = `${DIGEST} ${SLOW} (elem (table $handlers) (i32.const 2) func $slow)`;
const install = (signal: number, flags = 0, mask = 0n, handler = 2): string =>
  `(call $install (i32.const ${signal}) (i32.const ${handler}) (i32.const ${flags}) (i64.const ${mask}))`;
const bit = (signal: number): bigint => 1n << BigInt(signal - 1);
const computing = (...code: string[]): string =>
  `${SLOW_TABLE} (func (export "_start") (result i32) ${code.join('\n')} (call $digest (i32.const 1000)))`;

describe('handlers', () => {
  it('run at a yield point, and the interrupted computation goes on as if nothing had been', async () => {
    const { process, log } = await launch(computing(install(SIGUSR1)));
    process.run({ fuel: 20 });
    expect(log).toEqual([]);
    process.kill(SIGUSR1);
    process.run({ fuel: 20 });
    expect(log).toEqual([10]);
    expect(process.suspend()).toMatchObject({ handlers: [10], at: 'yield-point' });
  });

  it('may be interrupted themselves, and are resumed where they were', async () => {
    const { process, log } = await launch(computing(install(SIGUSR1), install(SIGUSR2)));
    process.run({ fuel: 20 });
    process.kill('SIGUSR1');
    process.run({ fuel: 20 });
    process.kill('SIGUSR2');
    while (!process.run({ fuel: 7 }).finished);
    expect(log).toEqual([10, 12, 112, 110]);
    expect(process.status).toEqual(exited(digest(1000)));
  });

  it('block their own signal while they run; it is not lost', async () => {
    const { process, log } = await launch(computing(install(SIGUSR1)));
    process.run({ fuel: 20 });
    process.kill(SIGUSR1);
    process.run({ fuel: 20 });
    process.kill(SIGUSR1);
    process.kill(SIGUSR1);
    expect(process.signals.sigpending().has(signo(SIGUSR1))).toBe(true);
    process.run({ fuel: 10_000 });
    // The two that came meanwhile are one.
    expect(log).toEqual([10, 110, 10, 110]);
    expect(process.status).toEqual(exited(digest(1000)));
    expect(process.signals.blocked.isEmpty).toBe(true);
  });

  it('do not block it with SA_NODEFER', async () => {
    const { process, log } = await launch(computing(install(SIGUSR1, SA_NODEFER)));
    process.run({ fuel: 20 });
    process.kill(SIGUSR1);
    process.run({ fuel: 20 });
    process.kill(SIGUSR1);
    process.run({ fuel: 10_000 });
    expect(log).toEqual([10, 10, 110, 110]);
  });

  it('block what their mask says, and nothing else', async () => {
    const { process, log } = await launch(
      computing(install(SIGUSR1, 0, bit(SIGUSR2)), install(SIGUSR2), install(SIGINT)),
    );
    process.run({ fuel: 20 });
    process.kill(SIGUSR1);
    process.run({ fuel: 5 });
    process.kill(SIGUSR2);
    process.run({ fuel: 5 });
    process.kill(SIGINT);
    process.run({ fuel: 10_000 });
    expect(log).toEqual([10, 2, 102, 110, 12, 112]);
  });

  it('are the default again with SA_RESETHAND', async () => {
    const once = await launch(computing(install(SIGUSR1, SA_RESETHAND)));
    once.process.run({ fuel: 20 });
    once.process.kill(SIGUSR1);
    once.process.run({ fuel: 200 });
    expect(once.log).toEqual([10, 110]);
    once.process.kill(SIGUSR1);
    once.process.run({ fuel: 200 });
    expect(statusCode(await once.process.wait())).toBe(138);
    const always = await launch(computing(install(SIGUSR1)));
    always.process.run({ fuel: 20 });
    for (let round = 0; round < 2; round++) {
      always.process.kill(SIGUSR1);
      always.process.run({ fuel: 200 });
    }
    expect(always.log).toEqual([10, 110, 10, 110]);
  });

  it('run before raise returns', async () => {
    const { process, log } = await launch(
      computing(install(SIGUSR1), '(drop (call $raise (i32.const 10)))', '(call $log (i32.const 1))'),
    );
    process.run({ fuel: 10_000 });
    expect(log).toEqual([10, 110, 1]);
  });

  it('run before kill of the own process returns, and before sigprocmask that unblocks', async () => {
    const { process, log } = await launch(
      computing(
        install(SIGUSR1),
        `(call $mask (i32.const 0) (i64.const ${bit(SIGUSR1)}))`,
        '(drop (call $kill (call $getpid) (i32.const 10)))',
        '(call $log (i32.const 1))',
        `(call $mask (i32.const 1) (i64.const ${bit(SIGUSR1)}))`,
        '(call $log (i32.const 2))',
        '(drop (call $kill (i32.const 0) (i32.const 10)))',
        '(call $log (i32.const 3))',
      ),
    );
    process.run({ fuel: 10_000 });
    expect(log).toEqual([1, 10, 110, 2, 10, 110, 3]);
  });

  it('that raise their own signal run again afterwards', async () => {
    const { process, log } = await launch(`
      (global $left (mut i32) (i32.const 3))
      (func $again (param $n i32)
        (call $log (global.get $left))
        (if (global.get $left) (then
          (global.set $left (i32.sub (global.get $left) (i32.const 1)))
          (drop (call $raise (local.get $n)))))
        (call $log (i32.const -1)))
      (elem (table $handlers) (i32.const 2) func $again)
      (func (export "_start") ${install(SIGUSR1)} (drop (call $raise (i32.const 10))) (call $log (i32.const 99)))`);
    expect(process.run({ fuel: 10_000 }).finished).toBe(true);
    expect(log).toEqual([3, -1, 2, -1, 1, -1, 0, -1, 99]);
  });

  it.each(['', '(global.set $sp (i32.const 0x7fff0000))'])(
    'that nest without end are a segmentation fault %s',
    async (sp) => {
      const { process } = await launch(`
      (func $again (param $n i32) (drop (call $raise (local.get $n))))
      (elem (table $handlers) (i32.const 2) func $again)
      (func (export "_start") ${install(SIGUSR1, SA_NODEFER)} ${sp} (drop (call $raise (i32.const 10))))`);
      while (!process.run({ fuel: 1000 }).finished);
      expect(process.status).toEqual({ kind: 'signaled', signal: SIGSEGV });
    },
  );

  it('are called for every signal but SIGKILL and SIGSTOP', async () => {
    const handled = Array.from({ length: 64 }, (_, index) => index + 1).filter((n) => n !== 9 && n !== 19);
    const { process, log } = await launch(`
      (func $say (param $n i32) (call $log (local.get $n)))
      (elem (table $handlers) (i32.const 2) func $say)
      (func (export "_start") ${handled.map((n) => install(n)).join('\n')} (loop $l (br $l)))`);
    process.run({ fuel: 10 });
    for (const n of handled) {
      process.kill(n);
      process.run({ fuel: 10 });
    }
    expect(log).toEqual(handled);
  });

  it.each([
    // With everything blocked in the handlers, they run one after the other, the lowest first.
    [-1n, (sent: number[]) => sent],
    // Otherwise each interrupts the one before, which has not yet begun: as Linux does it, the last frame made runs first.
    [0n, (sent: number[]) => [...sent].reverse()],
  ])('of all signals pending at once run in the order of Linux, mask %s', async (mask, order) => {
    const { process, log } = await launch(
      `
      (func $say (param $n i32) (call $log (local.get $n)))
      (elem (table $handlers) (i32.const 2) func $say)
      (func (export "_start") (local $n i32)
        (local.set $n (i32.const 1))
        (call $mask (i32.const 2) (i64.const -1))
        (loop $l
          (if (i32.eqz (i32.or (i32.eq (local.get $n) (i32.const 9)) (i32.eq (local.get $n) (i32.const 19))))
            (then (call $install (local.get $n) (i32.const 2) (i32.const 0) (i64.const ${mask}))))
          (br_if $l (i32.le_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 64))))
        (call $call (i32.const 0))
        (call $mask (i32.const 2) (i64.const 0))
        (call $log (i32.const 0)))`,
      {
        call: (_, launched) => {
          // SIGCONT goes last: the stop signals would drop it, as it drops them.
          for (let n = 64; n >= 1; n--) if (n !== 9 && (n < 18 || n > 22)) launched.process.kill(n);
          launched.process.kill(18);
        },
      },
    );
    expect(process.run({ fuel: 10_000 }).finished).toBe(true);
    const sent = Array.from({ length: 64 }, (_, index) => index + 1).filter((n) => n !== 9 && (n <= 18 || n > 22));
    const synchronous = [4, 5, 7, 8, 11, 31];
    const taken = [...synchronous, ...sent.filter((n) => !synchronous.includes(n))];
    expect(log).toEqual([...order(taken), 0]);
  });

  it('get real-time signals as often as they were sent, with their values', async () => {
    const { process, log } = await launch(`
      (func $say (param $n i32) (param $si i32) (param $ctx i32)
        (call $log (i32.load (local.get $si)))
        (call $log (i32.load offset=8 (local.get $si)))
        (call $log (i32.load offset=24 (local.get $si))))
      (elem (table $handlers) (i32.const 2) func $say)
      (func (export "_start")
        ${install(40, SA_SIGINFO, -1n)} ${install(SIGUSR1, SA_SIGINFO, -1n)}
        (call $mask (i32.const 2) (i64.const -1))
        (drop (call $sigqueue (i32.const 0) (i32.const 40) (i32.const 7)))
        (drop (call $sigqueue (i32.const 0) (i32.const 40) (i32.const 8)))
        (drop (call $sigqueue (i32.const 0) (i32.const 10) (i32.const 1)))
        (drop (call $sigqueue (i32.const 0) (i32.const 10) (i32.const 2)))
        (call $mask (i32.const 2) (i64.const 0)))`);
    process.run({ fuel: 10_000 });
    expect(log).toEqual([10, -1, 1, 40, -1, 7, 40, -1, 8]);
  });
});

describe("handlers' stacks", () => {
  const REPORT = `(func $report (param $n i32) (param $si i32) (param $ctx i32)
      (call $log (global.get $sp)) (call $log (local.get $si)) (call $log (local.get $ctx))
      (global.set $sp (i32.sub (global.get $sp) (i32.const 16))))
    (func $plain (param $n i32) (call $log (global.get $sp)))
    (elem (table $handlers) (i32.const 2) func $report $plain)`;
  const raise = (signal: number): string => `(drop (call $raise (i32.const ${signal})))`;

  it('begin below the red zone, aligned, and are put back', async () => {
    const { process, log } = await launch(`${REPORT}
      (func (export "_start") ${install(SIGUSR1, SA_SIGINFO)} ${install(SIGUSR2, 0, 0n, 3)}
        (global.set $sp (i32.const 30001))
        ${raise(SIGUSR1)} (call $log (global.get $sp)) ${raise(SIGUSR2)} (call $log (global.get $sp)))`);
    expect(process.run({ fuel: 100 }).finished).toBe(true);
    const [sp = 0, info, context, after, plain = 0, end] = log;
    expect(sp).toBeLessThanOrEqual(30001 - 128 - 72);
    expect(sp % 16).toBe(0);
    expect([info, context]).toEqual([sp, sp + 32]);
    expect([after, end]).toEqual([30001, 30001]);
    expect(plain).toBe(29872);
  });

  it('are the alternate one with SA_ONSTACK only, once at a time', async () => {
    const { process, log } = await launch(`${REPORT}
      (func $nested (param $n i32) (call $log (global.get $sp)) ${raise(SIGUSR2)}
        (call $log (call $sigaltstack (i32.const 100) (i32.const 0))))
      (elem (table $handlers) (i32.const 4) func $nested)
      (func (export "_start")
        (i32.store (i32.const 100) (i32.const 40960)) (i32.store (i32.const 108) (i32.const 4096))
        (call $log (call $sigaltstack (i32.const 100) (i32.const 0)))
        ${install(SIGUSR1, 0, 0n, 3)} ${install(SIGUSR2, SA_ONSTACK, 0n, 3)} ${install(SIGINT, SA_ONSTACK, 0n, 4)}
        ${raise(SIGUSR1)} ${raise(SIGUSR2)} ${raise(SIGINT)}
        (call $log (global.get $sp)))`);
    expect(process.run({ fuel: 100 }).finished).toBe(true);
    const top = 40960 + 4096;
    expect(log).toEqual([0, 32768 - 128, top, top, top - 128, -1, 32768]);
  });

  it('hold a context whose mask the handler may change', async () => {
    const { process, log } = await launch(`
      (func $h (param i32 i32 i32)
        (call $log (i32.load offset=32 (local.get 2)))
        (i64.store offset=24 (local.get 2) (i64.or (i64.load offset=24 (local.get 2)) (i64.const ${bit(SIGINT)}))))
      (elem (table $handlers) (i32.const 2) func $h)
      (func (export "_start") ${install(SIGUSR1, SA_SIGINFO)} ${raise(SIGUSR1)} (call $log (i32.const 1)))`);
    process.run({ fuel: 100 });
    expect(log).toEqual([32768, 1]);
    expect([...process.signals.blocked]).toEqual([SIGINT]);
  });

  it('without room are a segmentation fault', async () => {
    const { process } = await launch(`${REPORT}
      (func (export "_start") ${install(SIGUSR1, 0, 0n, 3)} (global.set $sp (i32.const 100)) ${raise(SIGUSR1)})`);
    process.run({ fuel: 100 });
    expect(process.status).toEqual({ kind: 'signaled', signal: SIGSEGV });
  });
});

describe('handlers left for good', () => {
  it('by sigleave: what was interrupted is dropped, nested handlers too, and the mask is the one outside', async () => {
    const { process, log } = await launch(`${SLOW}
      (func $nest (param $n i32) (drop (call $raise (i32.const 12))) unreachable)
      (func $leave (param $n i32) (global.set $sp (i32.const 4096))
        (drop (call $sigleave (i32.const 7) (local.get $n) (i32.const 0))) unreachable)
      (elem (table $handlers) (i32.const 2) func $nest $leave)
      (func (export "__bobbin_enter") (param i32 i32)
        (call $log (local.get 0)) (call $log (local.get 1)) (call $log (global.get $sp)))
      (func (export "_start") ${install(SIGUSR1)} ${install(SIGUSR2, 0, 0n, 3)}
        (drop (call $raise (i32.const 10))) unreachable)`);
    expect(process.run({ fuel: 1000 }).finished).toBe(true);
    expect(log).toEqual([7, 12, 32768]);
    expect(process.status).toEqual(exited());
    expect(process.signals.blocked.isEmpty).toBe(true);
  });

  it('by sigleave, over and over, without growing', async () => {
    const { process, log } = await launch(`
      (func $leave (param $n i32) (drop (call $sigleave (i32.const 0) (i32.const 1) (i32.const 0))))
      (elem (table $handlers) (i32.const 2) func $leave)
      (global $rounds (mut i32) (i32.const 0))
      (func (export "__bobbin_enter") (param i32 i32)
        (global.set $rounds (i32.add (global.get $rounds) (i32.const 1)))
        (if (i32.lt_u (global.get $rounds) (i32.const 20000)) (then (drop (call $raise (i32.const 10)))))
        (call $log (global.get $rounds)))
      (func (export "_start") ${install(SIGUSR1)} (drop (call $raise (i32.const 10))))`);
    while (!process.run({ fuel: 1000 }).finished);
    expect(log).toEqual([20000]);
    expect(process.status).toEqual(exited());
  });

  it('by an exception, which goes on where they interrupted: in a call, at a yield point, through handlers', async () => {
    const { process, log } = await launch(`
      (tag $jump (param i32))
      (func $throws (param $n i32) (throw $jump (local.get $n)))
      (func $nests (param $n i32) (drop (call $raise (i32.const 10))) (call $log (i32.const -1)))
      (elem (table $handlers) (i32.const 2) func $throws $nests)
      (func (export "_start")
        ${install(SIGUSR1)} ${install(SIGUSR2, 0, 0n, 3)}
        (call $log (block $c (result i32) (try_table (catch $jump $c) (drop (call $raise (i32.const 10)))) (i32.const -2)))
        (call $mask (i32.const 2) (i64.const 0))
        (call $log (block $c (result i32) (try_table (catch $jump $c) (drop (call $raise (i32.const 12)))) (i32.const -3)))
        (call $mask (i32.const 2) (i64.const 0))
        (call $log (block $c (result i32) (try_table (catch $jump $c) (drop (call $pause))) (i32.const -4)))
        (call $mask (i32.const 2) (i64.const 0))
        (call $log (block $c (result i32) (try_table (catch $jump $c) (loop $l (br $l))) (i32.const -5))))`);
    process.run({ fuel: 1000 });
    expect(log).toEqual([10, 10]);
    process.kill(SIGUSR1);
    process.run({ fuel: 1000 });
    expect(log).toEqual([10, 10, 10]);
    process.kill(SIGUSR1);
    expect(process.run({ fuel: 1000 }).finished).toBe(true);
    expect(log).toEqual([10, 10, 10, 10]);
    // As natively the mask is still the handler's: siglongjmp puts it back itself.
    expect([...process.signals.blocked]).toEqual([SIGUSR1]);
  });

  it('by an exception nobody catches fail the process', async () => {
    const { process } = await launch(`(tag $jump)
      (func $throws (param $n i32) (throw $jump)) (elem (table $handlers) (i32.const 2) func $throws)
      (func (export "_start") ${install(SIGUSR1)} (drop (call $raise (i32.const 10))))`);
    process.run({ fuel: 1000 });
    expect(process.status).toMatchObject({ kind: 'failed', error: expect.any(WebAssembly.Exception) });
  });

  it('by the host: the interrupted computation is dropped, another one resumed', async () => {
    const { process } = await launch(
      computing(install(SIGUSR1)).concat('(func (export "other") (result i32) (call $digest (i32.const 9)))'),
    );
    process.run({ fuel: 20 });
    process.kill(SIGUSR1);
    process.run({ fuel: 20 });
    const interrupted = process.suspend();
    expect(interrupted.handlers).toEqual([SIGUSR1]);
    expect([...interrupted.mask]).toEqual([SIGUSR1]);
    expect(process.signals.blocked.isEmpty).toBe(true);
    interrupted.drop();
    process.fresh('other').resume();
    process.run({ fuel: 1000 });
    expect(process.status).toEqual(exited(digest(9)));
  });
});
