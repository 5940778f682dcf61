import { describe, namesOf } from '../asyncify/binary/index.ts';
import { importsOf, type Module } from '../asyncify/binary/module.ts';
import { decode, type Explanation, type HostFrame, type TransformOptions, transformModule } from '../asyncify/index.ts';

/** A function of the module that went in, with its name from the `name` section. */
export interface NamedFunction {
  readonly index: number;
  readonly name: string | null;
}

/** One step of a chain: this function may suspend, because of this instruction. */
export interface Step {
  readonly func: NamedFunction;
  /** The instruction in the text format, and its byte offset; null where the function itself is the reason (an import). */
  readonly instruction: string | null;
  readonly offset: number | null;
  readonly reason: string;
}

/** An instrumented function, and the chain of functions down to the one that suspends. */
export interface Instrumented {
  readonly func: NamedFunction;
  readonly chain: readonly Step[];
}

/** An imported function that is taken for one that only calls back. */
export interface NamedHostFrame {
  /** `module.name` */
  readonly import: string;
  /** Why its calls are made by way of the host all the same; null: they are not. */
  readonly kept: string | null;
}

/**
 * Which functions of a module the transform instruments, and why.
 *
 * @throws what `transform` throws
 */
export function explain(bytes: Uint8Array, options: TransformOptions = {}): Instrumented[] {
  const module = decode(bytes);
  return nameExplanations(module, transformModule(module, bytes, options).instrumented);
}

/** Gives the functions of explanations their names. */
export function nameExplanations(module: Module, explanations: readonly Explanation[]): Instrumented[] {
  const names = namesOf(module).func;
  const named = (index: Explanation['func']): NamedFunction => ({ index, name: names.get(index) ?? null });
  return explanations.map(({ func, chain }) => ({
    func: named(func),
    chain: chain.map((step) => ({
      func: named(step.func),
      instruction: step.instr === null ? null : describe(step.instr),
      offset: step.instr === null || step.instr.at < 0 ? null : step.instr.at,
      reason: step.text,
    })),
  }));
}

/** Gives the imports their names. */
export function nameHostFrames(module: Module, frames: readonly HostFrame[]): NamedHostFrame[] {
  const imports = importsOf(module, 'func');
  return frames.map(({ func, kept }) => {
    const { module: from, name } = imports[func] as (typeof imports)[number];
    return { import: `${from}.${name}`, kept };
  });
}
