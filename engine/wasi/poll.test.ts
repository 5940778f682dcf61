import { describe, expect, it } from 'vitest';
import { bytes, Guest } from './guest.test-data.ts';
import { type Clocks, hostClocks, QueuedInput, type SuspendingWasiOptions } from './index.ts';

const INPUT = 1024;
const OUT = 4096;
const COUNT = 8;
const EMPTY = 0x5a;
const ms = (milliseconds: number): bigint => BigInt(milliseconds) * 1_000_000n;

interface Clock {
  readonly clock: number;
  readonly timeout: bigint;
  readonly flags?: number;
}
interface Descriptor {
  readonly fd: number;
  readonly writes?: boolean;
}
type Wanted = Clock | Descriptor | { readonly type: number };

/** A process that polls; the userdata of subscription n is 100 + n. */
async function poll(wanted: readonly Wanted[], options: SuspendingWasiOptions = {}, input = INPUT): Promise<Guest> {
  const guest = await Guest.of('poll_oneoff', [input, OUT, wanted.length, COUNT], options);
  const { memory } = guest;
  new Uint8Array(memory.buffer, OUT, 1024).fill(EMPTY);
  wanted.forEach((each, index) => {
    const at = input + index * 48;
    memory.setBigUint64(at, BigInt(100 + index), true);
    if ('clock' in each) {
      memory.setUint8(at + 8, 0);
      memory.setUint32(at + 16, each.clock, true);
      memory.setBigUint64(at + 24, each.timeout, true);
      memory.setBigUint64(at + 32, 0n, true);
      memory.setUint16(at + 40, each.flags ?? 0, true);
    } else if ('fd' in each) {
      memory.setUint8(at + 8, each.writes ? 2 : 1);
      memory.setUint32(at + 16, each.fd, true);
    } else memory.setUint8(at + 8, each.type);
  });
  return guest;
}

interface Event {
  readonly userdata: number;
  readonly error: number;
  readonly type: number;
  readonly nbytes: number;
  readonly flags: number;
}

async function events(guest: Guest): Promise<Event[]> {
  expect(await guest.result()).toBe(0);
  const { memory } = guest;
  const count = memory.getUint32(COUNT, true);
  // Beyond them nothing was written.
  expect(memory.getUint8(OUT + count * 32)).toBe(EMPTY);
  return Array.from({ length: count }, (_, index) => {
    const at = OUT + index * 32;
    for (const unused of [11, 12, 15, 26, 31]) expect(memory.getUint8(at + unused)).toBe(0);
    return {
      userdata: Number(memory.getBigUint64(at, true)),
      error: memory.getUint16(at + 8, true),
      type: memory.getUint8(at + 10),
      nbytes: Number(memory.getBigUint64(at + 16, true)),
      flags: memory.getUint16(at + 24, true),
    };
  });
}
const timer = (userdata: number): Event => ({ userdata, error: 0, type: 0, nbytes: 0, flags: 0 });

describe('poll_oneoff', () => {
  it.each([
    ['monotonic', 1, 0, () => ms(30)],
    ['realtime', 0, 0, () => ms(30)],
    ['monotonic, absolute', 1, 1, () => hostClocks.monotonic() + ms(30)],
    ['realtime, absolute', 0, 1, () => hostClocks.realtime() + ms(30)],
  ] as const)('sleeps: %s', async (_, clock, flags, timeout) => {
    const guest = await poll([{ clock, flags, timeout: timeout() }]);
    const begun = performance.now();
    const happened = await events(guest.start());
    expect(performance.now() - begun).toBeGreaterThan(28);
    expect(performance.now() - begun).toBeLessThan(1000);
    expect(happened).toEqual([timer(100)]);
    expect(guest.asked).toEqual([]);
  });

  it('sleeps for less than a millisecond', async () => {
    const times: number[] = [];
    for (let round = 0; round < 40; round++) {
      const guest = await poll([{ clock: 1, timeout: 100_000n }]);
      const from = performance.now();
      await events(guest.start());
      times.push(performance.now() - from);
    }
    expect(Math.min(...times)).toBeGreaterThanOrEqual(0.1);
    // The machine may have other things to do; with timers of the host's each takes at least 1.
    expect(Math.min(...times)).toBeLessThan(0.9);
  });

  it('does not sleep until a time that is past', async () => {
    const guest = await poll([
      { clock: 0, flags: 1, timeout: 5n },
      { clock: 1, timeout: 0n },
      { clock: 1, timeout: 0xffff_ffff_ffff_ffffn },
    ]);
    expect(await events(guest.start())).toEqual([timer(100), timer(101)]);
  });

  it('follows a clock that is set, where the time is absolute', async () => {
    let real = 1_000_000_000n;
    const clocks: Clocks = { realtime: () => real, monotonic: () => hostClocks.monotonic() };
    const absolute = await poll([{ clock: 0, flags: 1, timeout: real + ms(20) }], { clocks });
    const relative = await poll([{ clock: 0, timeout: ms(20) }], { clocks });
    absolute.start();
    relative.start();
    expect(await events(relative)).toEqual([timer(100)]);
    expect(absolute.process.state).toBe('blocked');
    real += ms(25);
    expect(await events(absolute)).toEqual([timer(100)]);
  });

  it('waits for input', async () => {
    const stdin = new QueuedInput();
    const guest = await poll([{ clock: 1, timeout: ms(60_000) }, { fd: 0 }], { stdin });
    await guest.start().waits();
    stdin.push(bytes('abc'));
    expect(await events(guest)).toEqual([{ userdata: 101, error: 0, type: 1, nbytes: 3, flags: 0 }]);
    expect(stdin.peek()).toBe(3);
  });

  it('reports the end of input', async () => {
    const stdin = new QueuedInput();
    const guest = await (await poll([{ fd: 0 }], { stdin })).start().waits();
    stdin.end();
    expect(await events(guest)).toEqual([{ userdata: 100, error: 0, type: 1, nbytes: 0, flags: 1 }]);
  });

  it('reports everything that is ready, in order', async () => {
    const guest = await poll(
      [{ fd: 2, writes: true }, { fd: 0 }, { clock: 1, timeout: 0n }, { fd: 3 }, { fd: 9, writes: true }],
      { stdin: new QueuedInput() },
    );
    expect(await events(guest.start())).toEqual([
      { userdata: 100, error: 0, type: 2, nbytes: 1, flags: 0 },
      timer(102),
      { userdata: 103, error: 0, type: 1, nbytes: 1, flags: 0 },
      { userdata: 104, error: 8, type: 2, nbytes: 0, flags: 0 },
    ]);
    expect(guest.asked).toEqual(['fd_fdstat_get 2', 'fd_fdstat_get 3', 'fd_fdstat_get 9']);
  });

  it('takes subscriptions that lie where the events go', async () => {
    const guest = await poll([{ fd: 3 }, { clock: 1, timeout: 0n }, { fd: 2, writes: true }], {}, OUT);
    expect(await guest.start().result()).toBe(0);
    expect([0, 1, 2].map((index) => Number(guest.memory.getBigUint64(OUT + index * 32, true)))).toEqual([
      100, 101, 102,
    ]);
  });

  it.each([false, true])('is interrupted, SA_RESTART %s', async (restart) => {
    const guest = await poll([{ clock: 1, timeout: ms(60_000) }, { fd: 0 }], { stdin: new QueuedInput() });
    guest.memory.setUint32(COUNT, 77, true);
    await guest.handle('SIGUSR1', restart).start().waits();
    guest.process.kill('SIGUSR1');
    expect([await guest.result(), guest.log]).toEqual([27, [10]]);
    expect(guest.memory.getUint32(COUNT, true)).toBe(77);
    expect(guest.memory.getUint8(OUT)).toBe(EMPTY);
  });

  it('is EINVAL for what makes no sense', async () => {
    const refused: readonly (readonly Wanted[])[] = [
      [],
      [{ type: 3 }],
      [{ clock: 2, timeout: 0n }],
      [{ clock: 1, timeout: 0n, flags: 2 }],
      [{ fd: 0 }, { type: 255 }],
    ];
    for (const wanted of refused) expect(await (await poll(wanted)).start().result()).toBe(28);
  });

  it('is EFAULT for what is not in memory', async () => {
    const end = 65536;
    for (const args of [
      [end - 47, OUT, 1, COUNT],
      [INPUT, end - 31, 1, COUNT],
      [INPUT, OUT, 1, end - 3],
      [-1, OUT, 1, COUNT],
      [INPUT, OUT, -1, COUNT],
      [INPUT, OUT, 0x0800_0000, COUNT],
    ]) {
      expect(await (await Guest.of('poll_oneoff', args)).start().result()).toBe(21);
    }
  });
});

describe('clock_time_get', () => {
  it('shows the clocks that sleeping goes by', async () => {
    const clocks: Clocks = { realtime: () => 5n, monotonic: () => 6n };
    for (const [id, value] of [
      [0, 5n],
      [1, 6n],
    ] as const) {
      const guest = (await Guest.of('clock_time_get', [id, 1n, 64], { clocks })).start();
      expect([await guest.result(), guest.memory.getBigUint64(64, true)]).toEqual([0, value]);
    }
    const other = (await Guest.of('clock_time_get', [2, 1n, 64], { clocks })).start();
    expect([await other.result(), other.asked]).toEqual([28, ['clock_time_get 2']]);
    expect(await (await Guest.of('clock_time_get', [0, 1n, 65530])).start().result()).toBe(21);
  });
});
