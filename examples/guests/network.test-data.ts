import type { Imports } from '../../continuations/index.ts';
import type { Process } from '../../engine/process/index.ts';
import { type Scheduler, seeded, sleep } from '../../engine/scheduler/index.ts';
import { NETWORK } from './threaded.test-data.ts';

/** What its functions return where a handler ends them. */
const EINTR = -4;

/** What is waited for: asked again whenever something happens. */
class Waits {
  readonly #waiting = new Set<() => void>();

  changed(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** An import that waits until `poll` says something else than null. */
  block(process: Process, name: string, poll: () => number | null): unknown {
    return process.block(`${NETWORK}.${name}`, {
      start: (done) => {
        const look = (): void => {
          const result = poll();
          if (result === null) return;
          this.#waiting.delete(look);
          done(result);
        };
        this.#waiting.add(look);
        look();
        return () => this.#waiting.delete(look);
      },
      interrupted: () => EINTR,
      restartable: true,
    });
  }
}

/** One connection: what a client sends, and what has come back. */
class Connection {
  readonly waits = new Waits();
  readonly sent: Uint8Array;
  readonly #echoed: Uint8Array;
  /** How much has arrived, has been read, has been written, and how much more may be. */
  arrived = 0;
  taken = 0;
  echoed = 0;
  room = 0;
  isClosed = false;

  constructor(sent: Uint8Array) {
    this.sent = sent;
    this.#echoed = new Uint8Array(sent.length);
  }

  read(to: Uint8Array): number | null {
    if (this.taken === this.arrived) return this.isClosed ? 0 : null;
    const piece = this.sent.subarray(this.taken, Math.min(this.arrived, this.taken + to.length));
    to.set(piece);
    this.taken += piece.length;
    return piece.length;
  }

  write(from: Uint8Array): number | null {
    const size = Math.min(this.room, from.length);
    if (size === 0) return null;
    this.#echoed.set(from.subarray(0, size), this.echoed);
    this.echoed += size;
    this.room -= size;
    return size;
  }

  get isEchoed(): boolean {
    return this.echoed === this.sent.length && this.#echoed.every((byte, index) => byte === this.sent[index]);
  }
}

/** Clients that connect to a guest's server; what they send arrives in pieces, those of all clients in random order. */
export class Network {
  readonly connections: readonly Connection[];
  readonly #random: () => number;
  readonly #waits = new Waits();
  #connected = 0;
  #accepted = 0;

  constructor(count: number, seed: number) {
    const random = seeded(seed);
    this.#random = random;
    this.connections = Array.from({ length: count }, (_, number) => {
      const text = `connection ${number} says ${'x'.repeat(Math.floor(random() * 150))}\n`;
      return new Connection(new TextEncoder().encode(text));
    });
  }

  imports(process: Process, memory: () => WebAssembly.Memory): Imports {
    const bytes = (at: number, size: number): Uint8Array => new Uint8Array(memory().buffer, at, size);
    const connection = (number: number): Connection => this.connections[number]!;
    return {
      [NETWORK]: {
        accept: () => this.#waits.block(process, 'accept', () => this.#accept()),
        read: (number: number, to: number, size: number) =>
          connection(number).waits.block(process, 'read', () => connection(number).read(bytes(to, size))),
        write: (number: number, from: number, size: number) =>
          connection(number).waits.block(process, 'write', () => connection(number).write(bytes(from, size))),
      },
    };
  }

  #accept(): number | null {
    if (this.#accepted < this.#connected) return this.#accepted++;
    return this.#connected === this.connections.length ? -1 : null;
  }

  /** Plays the clients: a task of the scheduler's. */
  start(scheduler: Scheduler): void {
    const events = this.connections.flatMap((connection) => [
      ...Array.from({ length: 4 }, () => () => this.#arrive(connection)),
      () => this.#connect(),
    ]);
    for (let at = events.length - 1; at > 0; at--) {
      const other = Math.floor(this.#random() * (at + 1));
      [events[at], events[other]] = [events[other]!, events[at]!];
    }
    const { connections } = this;
    const random = this.#random;
    scheduler.spawn(
      function* clients() {
        let count = 0;
        for (const event of events) {
          event();
          if (++count % 16 === 0) yield* sleep(1);
        }
        for (const connection of connections) {
          connection.arrived = connection.sent.length;
          connection.isClosed = true;
          connection.waits.changed();
        }
        // Clients take what is echoed a few bytes at a time.
        while (connections.some(({ echoed, sent }) => echoed < sent.length)) {
          for (const connection of connections) {
            connection.room += Math.floor(random() * 60);
            connection.waits.changed();
          }
          yield* sleep(1);
        }
      },
      [],
      { name: 'clients' },
    );
  }

  /** One more. Some of what it sends has arrived before. */
  #connect(): void {
    this.#connected++;
    this.#waits.changed();
  }

  #arrive(connection: Connection): void {
    const left = connection.sent.length - connection.arrived;
    connection.arrived += Math.floor(this.#random() * (left + 1));
    connection.room += Math.floor(this.#random() * 20);
    connection.waits.changed();
  }
}
