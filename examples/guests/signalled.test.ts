import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli } from '../../engine/cli/cli.ts';
import { type Ended, run, Spawned, sleep } from '../../engine/cli/spawned.test-data.ts';
import { wasmPath } from './sources.ts';

/** The guests as programs of their own, run by `bobbin run` and really signalled, against the same uninterrupted. */

const GUESTS = ['sieve', 'repl', 'deep', 'spinner', 'forever', 'stuck-handler', 'reraise', 'pending'];
let folder = '';
const transformed = (guest: string, poll: string): string => join(folder, `${guest}-${poll}.wasm`);

/** Binaryen takes seconds in every fresh process: here it transforms ahead, and gets faster. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bobbin-'));
  const io = { out: () => {}, err: (text: string) => expect.fail(text), isTerminal: false };
  for (const guest of GUESTS) {
    for (const poll of ['fuel', 'epoch']) {
      // Frames of code that was not optimised are large: 5,000 of them would nearly fill the stack.
      const level = guest === 'deep' ? '1' : '0';
      const options = ['--instrumenter', 'binaryen', '--optimize', level, '--yield', poll];
      expect(await cli(['transform', wasmPath(guest), '-o', transformed(guest, poll), ...options], io)).toBe(0);
    }
  }
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

const uninterrupted = new Map<string, Promise<Ended>>();

/** What the guest does without any yield point. */
function plain(guest: string, args: readonly string[], input = ''): Promise<Ended> {
  const key = JSON.stringify([guest, args, input]);
  const known = uninterrupted.get(key) ?? run(['run', '--yield', 'none', wasmPath(guest), ...args], input);
  uninterrupted.set(key, known);
  return known;
}

/** What handlers say of themselves; it is not part of what a program computes. */
const CHATTER = /^(progress|interrupted|signals handled|handled|poked): .*\n/gm;
const quiet = ({ out, err, status }: Ended) => ({ out, err: err.replace(CHATTER, ''), status });

const VARIANTS = [
  { instrumenter: 'frames', poll: 'fuel' },
  { instrumenter: 'frames', poll: 'epoch' },
  { instrumenter: 'binaryen', poll: 'fuel' },
  { instrumenter: 'binaryen', poll: 'epoch' },
] as const;

describe.each(VARIANTS)(
  'bobbin run, $instrumenter with $poll polls,',
  { concurrent: true },
  ({ instrumenter, poll }) => {
    const options = ['--instrumenter', instrumenter, '--yield', poll];
    const start = (guest: string, ...args: string[]): Spawned =>
      instrumenter === 'frames'
        ? new Spawned(['run', ...options, wasmPath(guest), ...args])
        : new Spawned(['run', transformed(guest, poll), ...args]);

    it('sieve: prints its progress, is interrupted, goes on, and has the same digest', async () => {
      const args = ['25000000', 'keep-going'];
      const level = instrumenter === 'binaryen' ? ['--optimize', '0'] : [];
      using guest = new Spawned(['run', ...options, ...level, wasmPath('sieve'), ...args]);
      await guest.until('err', 'sieving\n');
      guest.kill('SIGUSR1');
      await guest.until('err', 'progress: primes found');
      guest.kill('SIGINT');
      await guest.until('err', 'interrupted: going on\n');
      guest.kill('SIGINT');
      await guest.until('err', 'interrupted: going on\n', 2);
      const ended = await guest.ended;
      expect(ended.err).toContain('signals handled: 3\n');
      expect(quiet(ended)).toEqual(quiet(await plain('sieve', args)));
      expect(ended.out).toMatch(/^1565927 primes up to 25000000\n[0-9a-f]{16}\n$/);
    });

    it('sieve: stops tidily', async () => {
      using guest = start('sieve');
      await guest.until('err', 'sieving\n');
      guest.kill('SIGINT');
      const ended = await guest.ended;
      expect(ended).toMatchObject({ status: 130, signal: null });
      const limit = /up to (\d+)\n/.exec(ended.out)?.[1] ?? '';
      expect(ended.out).toBe((await plain('sieve', [limit])).out);
    });

    it('repl: survives SIGINT at its prompt, and abandons a computation', async () => {
      using guest = start('repl');
      await guest.until('out', '> ');
      // One that comes behind the prompt, but before the guest reads, interrupts no call: as natively.
      const interruptPrompt = async (times: number): Promise<void> => {
        for (let round = 0; round < 100 && guest.out.split('(interrupted)\n> ').length <= times; round++) {
          guest.kill('SIGINT');
          await sleep(100);
        }
        await guest.until('out', '(interrupted)\n> ', times);
      };
      await interruptPrompt(1);
      guest.type('6*7\n');
      await guest.until('out', '42\n> ');
      await interruptPrompt(guest.out.split('(interrupted)\n> ').length);
      guest.type('sum 1000000000000\n');
      // Whether it has read the line by now is not to be seen.
      for (let round = 0; round < 100 && !guest.out.includes('error: interrupted'); round++) {
        guest.kill('SIGINT');
        await sleep(100);
      }
      guest.type('sum 1000\n');
      await guest.until('out', '500500\n> ');
      guest.kill('SIGUSR2');
      guest.type('(1+2)*');
      await sleep(20);
      guest.kill('SIGUSR2');
      guest.type('3\n');
      await guest.until('out', '9\n> ');
      guest.endInput();
      const ended = await guest.ended;
      const { out, status } = await plain('repl', [], '6*7\nsum 1000\n(1+2)*3\n');
      const computed = ended.out
        .replaceAll('(interrupted)\n> ', '')
        .replace('error: interrupted\n> ', '')
        .replace(/, \d+ interrupts\n$/, ', 0 interrupts\n');
      expect({ out: computed, status: ended.status }).toEqual({ out, status });
      expect(ended.err).toMatch(/^poked: [12]\n$/);
    });

    it('deep: is interrupted 5,000 calls down', async () => {
      const args = ['5000', '60000000'];
      using guest = start('deep', ...args);
      await guest.until('err', 'handled: 1\n');
      guest.kill('SIGINT');
      await guest.until('err', 'handled: 2\n');
      guest.kill('SIGUSR1');
      guest.kill('SIGUSR2');
      await guest.until('err', 'handled: 3\n');
      const ended = await guest.ended;
      expect(quiet(ended)).toEqual(quiet(await plain('deep', args)));
      expect(ended.err).toMatch(/^bottom\n(handled: \d\n){3}going up\npoked: 1\n$/);
      expect(ended.out).toMatch(/^5000 deep and back: [0-9a-f]{16}\n$/);
    });

    it('spinner: draws while it computes', async () => {
      const args = ['2000', '10'];
      using guest = start('spinner', ...args);
      await guest.until('err', '\r/');
      guest.kill('SIGUSR2');
      const ended = await guest.ended;
      const { out, status } = await plain('spinner', args);
      expect({ out: ended.out, status: ended.status }).toEqual({ out, status });
      expect(ended.err).toMatch(/^(\r[|/\\-])+\rdrawn \d+ times\npoked: 1\n$/);
      expect(Number(/drawn (\d+)/.exec(ended.err)?.[1])).toBe(ended.err.split('\r').length - 2);
    });

    it.each(['SIGTERM', 'SIGINT'] as const)('forever: %s ends it', async (signal) => {
      using guest = start('forever');
      await guest.until('err', 'spinning\n');
      guest.kill(signal);
      expect(await guest.ended).toEqual({ status: null, signal, out: '', err: 'spinning\n' });
    });

    it.each(['spin', 'pause'])('stuck-handler: takes other signals, and the third SIGINT ends it: %s', async (way) => {
      using guest = start('stuck-handler', way);
      await guest.until('err', 'spinning\n');
      guest.kill('SIGINT');
      await guest.until('err', 'in the handler\n');
      guest.kill('SIGUSR1');
      await guest.until('err', 'handled: 1\n');
      // The first was answered: its handler runs. The second waits, and so the third comes too soon.
      guest.kill('SIGINT');
      await sleep(100);
      expect(guest.isAlive).toBe(true);
      guest.kill('SIGUSR1');
      await guest.until('err', 'handled: 2\n');
      guest.kill('SIGINT');
      expect(await guest.ended).toMatchObject({ status: null, signal: 'SIGINT' });
    });

    it('stuck-handler: exits from its handler, or leaves it', async () => {
      for (const [way, status, out] of [
        ['exit', 3, ''],
        ['leave', 0, 'elsewhere, SIGINT not blocked\n'],
      ] as const) {
        using guest = start('stuck-handler', way);
        await guest.until('err', 'spinning\n');
        guest.kill('SIGINT');
        expect(await guest.ended).toMatchObject({ status, out });
      }
    });

    it('reraise: is signalled while its handlers nest', async () => {
      const args = ['3000'];
      using guest = start('reraise', ...args);
      await guest.until('out', 'blocked meanwhile: ');
      guest.kill('SIGUSR2');
      const ended = await guest.ended;
      expect(quiet(ended)).toEqual(quiet(await plain('reraise', args)));
      // It may have been done by then.
      expect(ended.err).toMatch(/^(poked: 1\n)?$/);
    });

    it('pending: handles all 63 in their order', async () => {
      using guest = start('pending');
      expect(quiet(await guest.ended)).toEqual(quiet(await plain('pending', [])));
      expect(guest.out).toMatch(
        /^can be caught 62, pending \d\d, handled 0\nhandled \d\d, pending 0\n(\d+ )+64 64 64\n$/,
      );
    });
  },
);
