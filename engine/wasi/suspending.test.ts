import { describe, expect, it } from 'vitest';
import { bytes, Guest } from './guest.test-data.ts';
import { BrokenPipeError, type InputSource, type OutputSink, QueuedInput, suspendingWasiImports } from './index.ts';

/** An output with room for so many bytes. */
class Pipe implements OutputSink {
  text = '';
  room: number;
  #waiting: (() => void)[] = [];

  constructor(room: number) {
    this.room = room;
  }

  write(data: Uint8Array): number {
    const part = data.subarray(0, this.room);
    this.room -= part.length;
    this.text += new TextDecoder().decode(part);
    return part.length;
  }

  hasRoom(): boolean {
    return this.room > 0;
  }

  onReady(wake: () => void): () => void {
    this.#waiting.push(wake);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== wake);
    };
  }

  drain(room: number): void {
    this.room = room;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  get waiting(): number {
    return this.#waiting.length;
  }
}

/** Two buffers, of 3 and 5 bytes, at 200 and 300; 16 holds their addresses. */
function buffers(guest: Guest): Guest {
  [200, 3, 300, 5].forEach((word, index) => {
    guest.memory.setUint32(16 + index * 4, word, true);
  });
  return guest;
}
const read = (options: { stdin: InputSource }) => Guest.of('fd_read', [0, 16, 2, 8], options).then(buffers);

describe('fd_read', () => {
  it('fills the buffers with what there is', async () => {
    const stdin = new QueuedInput();
    stdin.push(bytes('abcdefghij'));
    const guest = (await read({ stdin })).start();
    expect(await guest.result()).toBe(0);
    expect(guest.memory.getUint32(8, true)).toBe(8);
    expect([guest.text(200, 4), guest.text(300, 6)]).toEqual(['abc\0', 'defgh\0']);
    expect(stdin.peek()).toBe(2);
    expect(guest.asked).toEqual([]);
  });

  it('waits for it without blocking the host', async () => {
    const stdin = new QueuedInput();
    const guest = await (await read({ stdin })).start().waits();
    stdin.push(bytes('xy'));
    expect(await guest.result()).toBe(0);
    expect([guest.memory.getUint32(8, true), guest.text(200, 3)]).toEqual([2, 'xy\0']);
  });

  it('knows what was closed before the process ran', async () => {
    const stdin = new QueuedInput();
    stdin.push(bytes('abc'));
    const guest = await read({ stdin });
    expect(guest.call('fd_close', 0)).toBe(0);
    expect(await guest.start().result()).toBe(0);
    expect(guest.asked).toEqual(['fd_close 0', 'fd_read 0']);
    expect(stdin.peek()).toBe(3);
  });

  it('reads nothing at the end', async () => {
    const stdin = new QueuedInput();
    stdin.end();
    const guest = (await read({ stdin })).start();
    guest.memory.setUint32(8, 77, true);
    expect(await guest.result()).toBe(0);
    expect(guest.memory.getUint32(8, true)).toBe(0);
  });

  it.each([
    ['EINTR without SA_RESTART', false],
    ['begins again with it', true],
  ])('interrupted: %s, and takes no byte', async (_, restart) => {
    const stdin = new QueuedInput();
    const guest = await (await read({ stdin })).handle('SIGUSR1', restart).start().waits();
    guest.process.kill('SIGUSR1');
    if (!restart) {
      expect(await guest.result()).toBe(27);
      stdin.push(bytes('late'));
      expect(stdin.peek()).toBe(4);
    } else {
      await expect.poll(() => guest.log.length).toBe(1);
      stdin.push(bytes('late'));
      expect(await guest.result()).toBe(0);
      expect([guest.memory.getUint32(8, true), guest.text(200, 3), guest.text(300, 1)]).toEqual([4, 'lat', 'e']);
    }
    expect(guest.log).toEqual([10]);
  });

  it('is EFAULT, EINVAL, EIO and EBADF', async () => {
    const stdin = new QueuedInput();
    stdin.push(bytes('abc'));
    const call = async (...args: number[]) => buffers(await Guest.of('fd_read', args, { stdin })).start();
    expect(await (await call(0, 65532, 1, 8)).result()).toBe(21);
    expect(await (await call(0, 16, 2, 65533)).result()).toBe(21);
    expect(await (await call(0, 16, 1025, 8)).result()).toBe(28);
    const outside = await Guest.of('fd_read', [0, 16, 1, 8], { stdin });
    outside.memory.setUint32(16, 65535, true);
    outside.memory.setUint32(20, 2, true);
    expect(await outside.start().result()).toBe(21);
    expect(stdin.peek()).toBe(3);
    const broken: InputSource = {
      peek: () => 1,
      take: () => {
        throw new Error('a broken disk');
      },
      onReady: () => () => {},
    };
    expect(await (await read({ stdin: broken })).start().result()).toBe(29);
    const output = await Guest.of('fd_read', [1, 16, 1, 8], { stdout: new Pipe(9) });
    expect(await output.start().result()).toBe(8);
  });

  it('of other files is the wrapped function, also of what has been closed or moved', async () => {
    const other = await Guest.of('fd_read', [3, 16, 1, 8], { stdin: new QueuedInput() });
    expect(await other.start().result()).toBe(0);
    expect(other.asked).toEqual(['fd_read 3']);
    const closed = buffers(await Guest.of('close then read', [], { stdin: new QueuedInput() }));
    await closed.start().result();
    expect(closed.asked).toEqual(['fd_close 0', 'fd_read 0']);
    const stdin = new QueuedInput();
    stdin.push(bytes('q'));
    const moved = buffers(await Guest.of('renumber then read', [], { stdin }));
    expect(await moved.start().result()).toBe(0);
    expect(moved.asked).toEqual(['fd_renumber 0', 'fd_read 0']);
    expect(moved.text(200, 1)).toBe('q');
  });

  it('says EAGAIN where it is not to block', async () => {
    const guest = buffers(await Guest.of('read without blocking', [], { stdin: new QueuedInput() }));
    expect(await guest.start().result()).toBe(6);
    expect(guest.log).toEqual([0, 0]);
    expect(guest.memory.getUint16(34, true)).toBe(4);
  });
});

describe('fd_write', () => {
  const write = (stdout: OutputSink) =>
    Guest.of('fd_write', [1, 16, 2, 8], { stdout }).then((guest) => {
      new Uint8Array(guest.memory.buffer).set(bytes('abc'), 200);
      new Uint8Array(guest.memory.buffer).set(bytes('defgh'), 300);
      return buffers(guest);
    });

  it('writes everything, when there is room for it', async () => {
    const pipe = new Pipe(2);
    const guest = await (await write(pipe)).start().waits();
    expect(pipe.text).toBe('ab');
    pipe.drain(4);
    expect(pipe.text).toBe('abcdef');
    pipe.drain(9);
    expect(await guest.result()).toBe(0);
    expect([pipe.text, guest.memory.getUint32(8, true), pipe.waiting]).toEqual(['abcdefgh', 8, 0]);
  });

  it.each([false, true])('interrupted after a part says how much that was, SA_RESTART %s', async (restart) => {
    const pipe = new Pipe(4);
    const guest = await (await write(pipe)).handle('SIGUSR1', restart).start().waits();
    guest.process.kill('SIGUSR1');
    expect(await guest.result()).toBe(0);
    expect([pipe.text, guest.memory.getUint32(8, true), pipe.waiting]).toEqual(['abcd', 4, 0]);
  });

  it('interrupted before anything is EINTR, or begins again', async () => {
    const full = new Pipe(0);
    const guest = await (await write(full)).handle('SIGUSR1').start().waits();
    guest.process.kill('SIGUSR1');
    expect([await guest.result(), full.text]).toEqual([27, '']);
    const again = await (await write(full)).handle('SIGUSR1', true).start().waits();
    again.process.kill('SIGUSR1');
    await expect.poll(() => again.log.length).toBe(1);
    await again.waits();
    full.drain(100);
    expect([await again.result(), full.text]).toEqual([0, 'abcdefgh']);
  });

  it('to nobody is SIGPIPE, and EPIPE where that does not kill', async () => {
    const broken: OutputSink = {
      write: () => {
        throw new BrokenPipeError('nobody is there');
      },
      hasRoom: () => true,
      onReady: () => () => {},
    };
    expect(await (await write(broken)).start().result()).toEqual({ kind: 'signaled', signal: 13 });
    const handled = (await write(broken)).handle('SIGPIPE').start();
    expect([await handled.result(), handled.log]).toEqual([64, [13]]);
    const full: OutputSink = {
      ...broken,
      write: () => {
        throw new Error('the disk is full');
      },
    };
    expect(await (await write(full)).start().result()).toBe(29);
  });
});

describe('sched_yield, proc_raise, proc_exit', () => {
  it('lets the host run', async () => {
    const { process, asked } = await Guest.of('sched_yield', []);
    expect(process.run({ fuel: 1000 }).pause).toBe('blocked');
    let ran = false;
    setImmediate(() => {
      ran = true;
    });
    await process.ready();
    await new Promise((resolve) => setImmediate(resolve));
    expect(ran).toBe(true);
    expect(process.run({ fuel: 1000 }).finished).toBe(true);
    expect(process.status).toMatchObject({ results: [0] });
    expect(asked).toEqual([]);
  });

  it.each([
    [2, 'SIGINT', 2],
    [16, 'SIGCHLD', 17],
    [27, 'SIGWINCH', 28],
    [30, 'SIGSYS', 31],
  ])('proc_raise %i is %s', async (number, name, handled) => {
    const guest = (await Guest.of('proc_raise', [number])).handle(name).start();
    expect([await guest.result(), guest.log]).toEqual([0, [handled]]);
  });

  it('proc_raise kills, does nothing, and knows no others', async () => {
    expect(await (await Guest.of('proc_raise', [15])).start().result()).toEqual({ kind: 'signaled', signal: 15 });
    expect(await (await Guest.of('proc_raise', [0])).start().result()).toBe(0);
    for (const none of [31, 255, -1]) expect(await (await Guest.of('proc_raise', [none])).start().result()).toBe(28);
  });

  it('proc_exit ends the process', async () => {
    const guest = (await Guest.of('proc_exit', [7])).start();
    expect(await guest.process.wait()).toEqual({ kind: 'exited', status: 7, results: [] });
  });
});

describe('the wrapped functions', () => {
  it('do the work where the process does not run the guest', async () => {
    const guest = await Guest.of('sched_yield', [], { stdin: new QueuedInput() });
    expect(guest.call('fd_read', 0, 16, 1, 8)).toBe(0);
    expect(guest.call('poll_oneoff', 16, 64, 1, 8)).toBe(52);
    expect(guest.call('sched_yield')).toBe(0);
    expect(guest.asked).toEqual(['fd_read 0', 'poll_oneoff', 'sched_yield']);
  });

  it('do the work of imports that the transform was not told of', async () => {
    const suspending = suspendingWasiImports.filter((name) => !name.endsWith('.fd_read'));
    const guest = await Guest.of('fd_read', [0, 16, 1, 8], { stdin: new QueuedInput(), suspending });
    expect(await guest.start().result()).toBe(0);
    expect(guest.asked).toEqual(['fd_read 0']);
  });
});
