import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { at, now } from './event-loop.ts';
import { IntervalTimer } from './interval-timer.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('at', () => {
  it('calls back at its time, farther off than timers reach', () => {
    let called = 0;
    at(now() + 2 ** 31 + 1000, () => called++);
    vi.advanceTimersByTime(2 ** 31);
    expect(called).toBe(0);
    vi.advanceTimersByTime(1001);
    expect(called).toBe(1);
  });

  it('can be called off', () => {
    let called = 0;
    const stop = at(now() + 2 ** 31 + 1000, () => called++);
    vi.advanceTimersByTime(2 ** 31);
    stop();
    vi.advanceTimersByTime(10_000);
    expect(called).toBe(0);
  });
});

describe('IntervalTimer', () => {
  it('replaces what was set, and returns it', () => {
    let expired = 0;
    const timer = new IntervalTimer(() => expired++);
    expect(timer.set({ value: 10, interval: 10 })).toEqual({ value: 0, interval: 0 });
    vi.advanceTimersByTime(35);
    expect(expired).toBe(3);
    expect(timer.set({ value: 100, interval: 0 })).toEqual({ value: 5, interval: 10 });
    vi.advanceTimersByTime(50);
    expect(timer.get()).toEqual({ value: 50, interval: 0 });
    expect(expired).toBe(3);
    vi.advanceTimersByTime(500);
    expect(expired).toBe(4);
    expect(timer.get()).toEqual({ value: 0, interval: 0 });
  });

  it('is disarmed by 0', () => {
    let expired = 0;
    const timer = new IntervalTimer(() => expired++);
    timer.set({ value: 10, interval: 10 });
    timer.set({ value: 0, interval: 10 });
    vi.advanceTimersByTime(100);
    expect(expired).toBe(0);
  });
});
