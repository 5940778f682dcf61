import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Store } from '../continuations/index.ts';
import { Engine, Process, signalImports, suspendingImports } from '../engine/index.ts';
import { pointer } from '../engine/process/memory.ts';
import { parseText } from '../spec-tests/runner/index.ts';
import { guests as compiled, recordPath, sourceHash, wasmPath } from './assemblyscript/sources.ts';
import { hash } from './guests/sources.ts';

const SIGINT = 2;

const guests = {
  'in AssemblyScript': readFileSync(wasmPath('primes')),
  'written by hand': await parseText(readFileSync(join(import.meta.dirname, 'signals.wat'), 'utf8')),
} as const;

/** What both print when nothing interrupts them. */
const expected = await (async () => {
  let digest = 0;
  const primes: number[] = [];
  for (let n = 2; n < 30_000; n++) if (primes.every((prime) => prime * prime > n || n % prime !== 0)) primes.push(n);
  for (const prime of primes) digest = (Math.imul(digest, 31) + prime) >>> 0;
  return `c ${primes.length}\nd ${digest}\n`;
})();

interface Run {
  readonly process: Process;
  /** What it has printed. */
  output(): string;
}

interface Options {
  readonly instrumenter: 'frames' | 'binaryen';
  readonly yields: 'fuel' | 'epoch';
}

/** `ready` is called once the guest has all its handlers, from within its last call of sigaction. */
async function launch(bytes: Uint8Array, options: Options, ready: (process: Process) => void = () => {}): Promise<Run> {
  let output = '';
  const module = await new Engine().compileAsync(bytes, {
    ...options,
    linking: 'closed',
    suspending: suspendingImports,
  });
  const process = Process.instantiate(new Store(), module.compiled, (self) => {
    const signals = signalImports(self)['bobbin:signal'] ?? {};
    const sigaction = signals.sigaction as (...args: unknown[]) => unknown;
    const at = (address: number, length: number): DataView => {
      const view = self.guest.memory?.view(pointer(address), length);
      if (view === undefined) throw new Error('no memory');
      return view;
    };
    return {
      'bobbin:signal': {
        ...signals,
        sigaction: (signo: number, ...rest: unknown[]) => {
          const result: unknown = sigaction(signo, ...rest);
          if (signo === SIGINT) ready(self);
          return result;
        },
      },
      wasi_snapshot_preview1: {
        fd_write: (fd: number, parts: number, count: number, written: number) => {
          const part = at(parts, 8);
          const size = part.getUint32(4, true);
          expect([fd, count]).toEqual([1, 1]);
          output += new TextDecoder().decode(at(part.getUint32(0, true), size));
          at(written, 4).setUint32(0, size, true);
          return 0;
        },
      },
    };
  });
  return { process, output: () => output };
}

describe.each(Object.entries(guests))('a guest %s', (_, bytes) => {
  describe.each([
    { instrumenter: 'frames', yields: 'fuel' },
    { instrumenter: 'binaryen', yields: 'fuel' },
    { instrumenter: 'frames', yields: 'epoch' },
    { instrumenter: 'binaryen', yields: 'epoch' },
  ] as const)('by $instrumenter, with $yields', (options) => {
    it('runs undisturbed', async () => {
      const { process, output } = await launch(bytes, options);
      process.start();
      expect(await process.wait()).toMatchObject({ kind: 'exited', status: 0 });
      expect(output()).toBe(expected);
    });

    it('handles a signal at a yield point and goes on', async () => {
      const { process, output } = await launch(bytes, options, (self) => void self.kill('SIGUSR1'));
      process.start();
      expect(await process.wait()).toMatchObject({ kind: 'exited', status: 0 });
      expect(output()).toBe(`p 3\n${expected}`);
    });

    it('stops tidily', async () => {
      const { process, output } = await launch(bytes, options, (self) => void self.kill('SIGINT'));
      process.start();
      expect(await process.wait()).toMatchObject({ kind: 'exited', status: 0 });
      expect(output()).toMatch(/^s [12]\nd (2|65)\n$/);
    });
  });

  it.each(['frames', 'binaryen'] as const)('handles signals wherever it is, by %s', async (instrumenter) => {
    const { process, output } = await launch(bytes, { instrumenter, yields: 'fuel' });
    let sent = 0;
    for (let slice = process.run({ fuel: 1 }); !slice.finished; slice = process.run({ fuel: 9973 })) {
      process.kill('SIGUSR1');
      sent++;
    }
    expect(process.status).toMatchObject({ kind: 'exited', status: 0 });
    const lines = output().match(/^p \d+$/gm) ?? [];
    expect(output()).toBe(`${lines.join('\n')}\n${expected}`);
    const places = lines.map((line) => Number(line.slice(2)));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(new Set(places).size).toBe(sent);
    expect(sent).toBeGreaterThan(20);
  });
});

it.each(['frames', 'binaryen'] as const)(
  'the AssemblyScript bindings do what they say, by %s',
  async (instrumenter) => {
    const log: number[] = [];
    const module = await new Engine().compileAsync(readFileSync(wasmPath('library')), {
      instrumenter,
      linking: 'closed',
      yields: 'fuel',
      suspending: suspendingImports,
    });
    const process = Process.instantiate(new Store(), module.compiled, {
      env: { log: (value: number) => void log.push(value) },
    });
    process.start();
    expect(await process.wait()).toMatchObject({ kind: 'exited', status: 0 });
    const [EINTR, EINVAL] = [-4, -22];
    expect(log).toEqual([
      // Handlers, blocking, what is pending, sigsuspend.
      ...[0, 1010, 0, 0, 0, 512, 1010, 0, 0, 0, 1012, EINTR],
      // Timers, SA_RESETHAND, pause, sleeping.
      ...[0, 0, 1014, EINTR, 0, 0, 1014, EINTR, 1014, EINTR, 0, 0, 1, 0],
      // Dispositions, and handlers with information.
      ...[0, 0, 0, EINVAL, 0, -1, 0, 0, 2010, 0, EINVAL],
    ]);
  },
);

it('the AssemblyScript guests are made from their sources', () => {
  // Otherwise: node examples/assemblyscript/build.ts
  const record: unknown = JSON.parse(readFileSync(recordPath, 'utf8'));
  const made = compiled.map((name) => [name, { source: sourceHash(name), wasm: hash(readFileSync(wasmPath(name))) }]);
  expect(record).toEqual(Object.fromEntries(made));
});
