import type { Module } from '../../asyncify/binary/module.ts';
import type { BinaryenInstrumenter } from '../../asyncify/index.ts';
import { encode, type Linking, transform } from '../../asyncify/index.ts';
import { Store } from '../../continuations/index.ts';
import { type Interruptions, type Ran, runInterrupted, SUSPENDED } from './hosted.ts';
import { withPolls } from './polls.ts';
import type { Candidate } from './shrink.ts';
import { FIRST, SHARED, split } from './split.ts';
import { observe } from './trace.ts';

/** A way to run a program; all of them have to do the same. */
export interface Way {
  readonly name: string;
  /** The program as it is when it is transformed. */
  prepared?(program: Candidate): Candidate;
  /** @throws Error what the transform, the engine's compiler or linking throws */
  run(program: Candidate): Ran;
}

/** As it is. */
export const untransformed: Way = {
  name: 'untransformed',
  run: ({ module, calls }) => {
    const compiled = new WebAssembly.Module(encode(module));
    const trace = observe(calls, (imports) => new WebAssembly.Instance(compiled, imports).exports);
    return { ...trace, rewinds: 0 };
  },
};

/** Transformed, and not interrupted. */
export function plain(linking: Linking, optimize: 'speed' | 'size' = 'speed'): Way {
  return {
    name: optimize === 'size' ? `${linking}, size` : linking,
    run: ({ module, calls }) => {
      const compiled = new WebAssembly.Module(transform(encode(module), { linking, optimize }).bytes);
      const trace = observe(calls, (imports) => new Store().instantiate(compiled, imports as never).exports);
      return { ...trace, rewinds: 0 };
    },
  };
}

/** Cut in two modules of one store, between which calls, suspensions and continuations pass. */
export const halves: Way = {
  name: 'two linked modules',
  run: ({ module, calls }) => {
    const { first, second } = split(module);
    const compile = (half: Module): WebAssembly.Module =>
      new WebAssembly.Module(transform(encode(half), { linking: 'linked' }).bytes);
    const trace = observe(calls, (imports) => {
      const store = new Store();
      const { exports } = store.instantiate(compile(first), imports as never);
      store.instantiate(compile(second), { ...imports, [FIRST]: exports } as never);
      return Object.fromEntries(Object.entries(exports).filter(([name]) => !name.startsWith(SHARED)));
    });
    return { ...trace, rewinds: 0 };
  },
};

type How = Omit<Interruptions, 'transform'>;
const polled = (program: Candidate): Candidate => ({ ...program, module: withPolls(program.module) });

/** In a continuation that the host interrupts. */
export function interrupted(linking: Linking, how: How, optimize: 'speed' | 'size' = 'speed'): Way {
  const epochWord = how.everywhere ? 'global' : 'shared';
  return {
    name: `${nameOf(linking, how)}${optimize === 'size' ? ', size' : ''}`,
    ...(how.everywhere ? { prepared: polled } : {}),
    run: (program) =>
      runInterrupted(program, {
        ...how,
        transform: (bytes, yields) =>
          transform(bytes, { linking, yields, epochWord, optimize, suspending: SUSPENDED }).bytes,
      }),
  };
}

/** The same by Binaryen's Asyncify pass. */
export function interruptedByBinaryen(instrumenter: BinaryenInstrumenter, how: How, optimizeLevel: 0 | 2): Way {
  return {
    name: nameOf(`binaryen -O${optimizeLevel}`, how),
    ...(how.everywhere ? { prepared: polled } : {}),
    run: (program) =>
      runInterrupted(program, {
        ...how,
        transform: (bytes, yields) =>
          instrumenter.transform(bytes, { yields, suspending: SUSPENDED, optimizeLevel }).bytes,
      }),
  };
}

function nameOf(what: string, { poll, everywhere, upTo }: How): string {
  return `${what}, ${poll} ${upTo}${everywhere ? ', polls everywhere' : ''}`;
}

const CHAOS: How = { poll: 'fuel', everywhere: true, upTo: 1 };
const LINKINGS: readonly Linking[] = ['closed', 'linked'];
const other = (linking: Linking): Linking => (linking === 'closed' ? 'linked' : 'closed');

/** The ways to run the program of a seed beside `closed`: unwound at every construct, and in two more that take turns. */
export function waysFor(seed: number): Way[] {
  const linking = LINKINGS[seed & 1] as Linking;
  const upTo = [1, 2, 5, 40][(seed >> 2) & 3] as number;
  const more: How =
    (seed & 2) === 0
      ? { poll: 'fuel', everywhere: false, upTo }
      : { poll: 'epoch', everywhere: (seed & 16) === 0, upTo: Math.min(upTo, 5) };
  const [once, then] = (seed & 32) === 0 ? (['speed', 'size'] as const) : (['size', 'speed'] as const);
  return [
    (seed & 8) === 0 ? halves : plain('linked', once),
    interrupted(linking, CHAOS, then),
    interrupted(other(linking), more, once),
  ];
}

/** The ways to run a numeric program beside the untransformed one. */
export function numericWaysFor(seed: number, instrumenter: BinaryenInstrumenter | null): Way[] {
  const [, ...frames] = waysFor(seed);
  if (instrumenter === null || seed % 2 !== 0) return frames;
  const everywhere = (seed & 4) === 0;
  // Its optimiser takes a second a module.
  const level = seed % 60 === 0 ? 2 : 0;
  return [...frames, interruptedByBinaryen(instrumenter, { poll: 'fuel', everywhere, upTo: (seed & 8) + 1 }, level)];
}
