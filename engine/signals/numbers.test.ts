import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { defaultAction, isSigno, SIGNAL_COUNT, SIGRTMAX, SIGRTMIN, SignalError, signalName, signo } from './index.ts';

describe('signal numbers', () => {
  it.runIf(process.platform === 'linux' && process.arch === 'x64')('are those of Linux on x86-64', () => {
    const native = Object.entries(constants.signals).filter(([name]) => name !== 'SIGUNUSED');
    expect(native.length).toBeGreaterThan(30);
    for (const [name, number] of native) expect([name, signo(name)]).toEqual([name, number]);
  });

  it('have names, and names have numbers, for all 64', () => {
    const names = new Set<string>();
    for (let number = 1; number <= SIGNAL_COUNT; number++) {
      const name = signalName(signo(number));
      names.add(name);
      if (number !== 32 && number !== 33) expect(signo(name)).toBe(number);
    }
    expect(names.size).toBe(64);
  });

  it('can be given in several ways', () => {
    expect(['int', 'INT', 'SIGINT', 'sigint', 2].map(signo)).toEqual([2, 2, 2, 2, 2]);
    expect([signo('SIGRTMIN'), signo('SIGRTMIN+3'), signo('RTMAX-1'), signo('SIGRTMAX')]).toEqual([34, 37, 63, 64]);
    expect([SIGRTMIN, SIGRTMAX]).toEqual([34, 64]);
  });

  it.each([0, 65, -1, 1.5, Number.NaN, 'SIGFOO', '', 'SIGRTMIN+31', 'SIGRTMAX-31'])(
    'there is no signal %s',
    (signal) => {
      expect(() => signo(signal)).toThrow(SignalError);
      expect(() => signo(signal)).toThrow(/EINVAL/);
      if (typeof signal === 'number') expect(isSigno(signal)).toBe(false);
    },
  );

  it('have the default actions of signal(7)', () => {
    const by = (action: string): number[] =>
      Array.from({ length: 64 }, (_, index) => signo(index + 1)).filter((number) => defaultAction(number) === action);
    expect(by('core')).toEqual([3, 4, 5, 6, 7, 8, 11, 24, 25, 31]);
    expect(by('ignore')).toEqual([17, 23, 28]);
    expect(by('stop')).toEqual([19, 20, 21, 22]);
    expect(by('continue')).toEqual([18]);
    expect(by('terminate').length).toBe(64 - 10 - 3 - 4 - 1);
  });
});
