import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type TransformOptions, transform } from '../asyncify/index.ts';
import { loadBinaryen } from '../asyncify/instrument/binaryen/index.ts';
import { suspendingImports } from '../engine/process/index.ts';
import { type Clock, collect, job, report, stopwatch, verify } from './child.ts';
import { World } from './guest-world.ts';
import { codeBytes } from './sections.ts';
import { loadStock } from './stock.ts';

/**
 * How a guest is run: as it is; transformed, with `epoch` polls of a word in shared memory (the default) or in a global, or with
 * `fuel`; or with Binaryen's Asyncify as it comes, with yield points put in first or without.
 */
export type GuestVariant =
  | 'untransformed'
  | 'frames, epoch'
  | 'frames, global'
  | 'frames, fuel'
  | 'binaryen, epoch'
  | 'stock, polls'
  | 'stock, imports';

export interface GuestJob {
  readonly program: string;
  readonly args: readonly number[];
  /** The first has to be `untransformed`. */
  readonly variants: readonly GuestVariant[];
  readonly rounds: number;
  /** How often each is transformed. */
  readonly transforms: number;
  readonly clock: Clock;
}

export type GuestReport =
  | {
      readonly kind: 'module';
      readonly variant: GuestVariant;
      /** Bytes of the code section and of the whole module. */
      readonly code: number;
      readonly bytes: number;
      readonly transformMs: readonly number[];
    }
  | { readonly kind: 'run'; readonly variant: GuestVariant; readonly round: number; readonly ms: number };

/** Calls that really suspend. */
const SUSPENDING = [
  ...suspendingImports,
  ...['poll_oneoff', 'fd_read', 'sched_yield'].map((name) => `wasi_snapshot_preview1.${name}`),
];
const INTERRUPTIONS = 100;
const WARM_UPS = 4;
/** Milliseconds that a sample takes at least: a short program is run several times. */
const SAMPLE = 50;

type Transform = () => Uint8Array<ArrayBuffer>;

async function transforms(
  source: Uint8Array<ArrayBuffer>,
): Promise<Readonly<Record<Exclude<GuestVariant, 'untransformed'>, Transform>>> {
  const binaryen = await loadBinaryen();
  const stock = await loadStock();
  const frames = (options: TransformOptions): Transform => {
    return () => transform(source, { ...options, linking: 'closed', suspending: SUSPENDING }).bytes;
  };
  return {
    'frames, epoch': frames({ yields: 'epoch' }),
    'frames, global': frames({ yields: 'epoch', epochWord: 'global' }),
    'frames, fuel': frames({ yields: 'fuel' }),
    'binaryen, epoch': () => binaryen.transform(source, { yields: 'epoch', suspending: SUSPENDING }).bytes,
    'stock, polls': () => stock.instrument(source, SUSPENDING, true),
    'stock, imports': () => stock.instrument(source, SUSPENDING, false),
  };
}

const { program, args, variants, rounds, transforms: count, clock } = job<GuestJob>();
const command = [`bench-${program}`, ...args.map(String)];
const file = new URL(`../examples/guests/bench-${program}.wasm`, import.meta.url);
const source = new Uint8Array(await readFile(file));
const made = await transforms(source);

interface Subject {
  readonly variant: GuestVariant;
  readonly module: WebAssembly.Module;
}
const subjects = variants.map((variant): Subject => {
  let bytes = source;
  const transformMs: number[] = [];
  for (let at = 0; at < count && variant !== 'untransformed'; at++) {
    collect('minor');
    const elapsed = stopwatch(clock);
    bytes = made[variant]();
    transformMs.push(elapsed());
  }
  report<GuestReport>({ kind: 'module', variant, code: codeBytes(bytes), bytes: bytes.length, transformMs });
  return { variant, module: new WebAssembly.Module(bytes) };
});

const digest = (text: string): bigint => BigInt(`0x${text.trim()}`);
let expected: bigint | undefined;
/** A run in an instance of its own: `_start` can be called once. The engine keeps the code it has made for the module. */
function run({ variant, module }: Subject, interruptions = 0): number {
  const world = new World(module, command);
  collect('minor');
  const elapsed = stopwatch(clock);
  world.interrupt(interruptions);
  const ms = elapsed();
  expected ??= digest(world.out);
  verify(`${program}, ${variant}`, digest(world.out), expected);
  verify(`${program}, ${variant}, interruptions`, BigInt(world.yields), BigInt(interruptions));
  return ms;
}

// What is compared is what can be interrupted.
for (const subject of subjects) {
  const polls = subject.variant !== 'untransformed' && subject.variant !== 'stock, imports';
  run(subject, polls ? INTERRUPTIONS : 0);
}
// Engines replace a running function's code only when it is called again, and compile on other threads.
let shortest = Infinity;
for (let warmUp = 0; warmUp < WARM_UPS; warmUp++) {
  for (const subject of subjects) shortest = Math.min(shortest, run(subject));
  await delay(40);
}
const runs = Math.ceil(SAMPLE / shortest);
for (let round = 0; round < rounds; round++) {
  // The memories of the instances before.
  collect('major');
  for (let turn = 0; turn < subjects.length; turn++) {
    const subject = subjects[(turn + round) % subjects.length]!;
    let ms = 0;
    for (let at = 0; at < runs; at++) ms += run(subject);
    report<GuestReport>({ kind: 'run', variant: subject.variant, round, ms: ms / runs });
  }
}
