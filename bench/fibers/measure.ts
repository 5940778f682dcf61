import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { transform } from '../../asyncify/index.ts';
import { Store } from '../../continuations/index.ts';
import { type Clock, collect, job, notNative, report, stopwatch, verify } from '../child.ts';
import { builtPath, type FiberVariant, type Program } from './sources.ts';

export interface FiberJob {
  readonly program: Program;
  readonly variant: FiberVariant;
  readonly clock: Clock;
}

export interface FiberReport {
  readonly ms: number;
}

interface Exports {
  readonly _initialize?: () => void;
  readonly run: (n: number) => number;
}

const WARM_UPS = 2;

const { program, variant, clock } = job<FiberJob>();

function instantiate(): Exports {
  const bytes = readFileSync(builtPath(variant === 'asyncify' ? 'asyncify' : 'switching', program.name));
  if (variant === 'closed' || variant === 'linked') {
    const module = new WebAssembly.Module(transform(bytes, { linking: variant }).bytes);
    return new Store().instantiate(module).exports as unknown as Exports;
  }
  try {
    return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as Exports;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) notNative(error);
    throw error;
  }
}

const { _initialize, run } = instantiate();
_initialize?.();
const check = (): void => verify(`${program.name}, ${variant}`, BigInt(run(program.n)), BigInt(program.result));
// Engines compile on other threads, and take the better code when a function is called again.
for (let at = 0; at < WARM_UPS; at++) {
  check();
  await delay(20);
}
collect('minor');
const elapsed = stopwatch(clock);
check();
report<FiberReport>({ ms: elapsed() });
