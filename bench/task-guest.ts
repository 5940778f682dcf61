import { transform } from '../asyncify/index.ts';
import { Store } from '../continuations/index.ts';
import { Channel, giveWay, instantiate, type Scheduler, Suspending } from '../engine/scheduler/index.ts';
import { assemble } from './load.ts';

/** What `programs/tasks.wat` exports. */
export interface TaskExports {
  readonly one: () => number;
  readonly yields: (n: number) => number;
  readonly spins: (n: number) => number;
  readonly asks: (n: number) => bigint;
  readonly ping: (n: number) => bigint;
  readonly pong: (n: number) => bigint;
  readonly count: WebAssembly.Global;
}

export type Answer = (value: number) => unknown;

const source = await assemble('tasks');

export interface TaskModule {
  /** An instance for one scheduler. */
  readonly load: (scheduler: Scheduler, answer?: Answer) => TaskExports;
}

/**
 * The program, transformed.
 *
 * @param stacks whether each task has a shadow stack of its own
 */
export function taskModule(yields: 'none' | 'fuel', stacks: boolean): TaskModule {
  const { bytes } = transform(source, { yields, suspending: ['env.*'] });
  const module = new WebAssembly.Module(bytes);
  return {
    load(scheduler, answer = (value) => value) {
      const channels = [new Channel<number>(), new Channel<number>()] as const;
      const env = {
        yield: new Suspending(giveWay),
        answer: new Suspending(answer),
        send: new Suspending((index: 0 | 1, value: number) => channels[index].send(value)),
        receive: new Suspending((index: 0 | 1) => channels[index].receive().map(({ value }) => value ?? -1)),
      };
      const options = stacks ? { stackPointer: 'sp', stackSize: 128 } : {};
      return instantiate<TaskExports>(scheduler, new Store(), module, { env }, options).exports;
    },
  };
}

type Integration = {
  readonly Suspending: new (func: Answer) => WebAssembly.ImportValue;
  readonly promising: (func: unknown) => (n: number) => Promise<bigint>;
};

/** Whether the engine has JavaScript Promise Integration. */
export const hasIntegration = 'Suspending' in WebAssembly && 'promising' in WebAssembly;

/** `asks` of the program as it is, its `answer` awaited by the engine (WebAssembly.Suspending, WebAssembly.promising). */
export function integrated(answer: Answer): (n: number) => Promise<bigint> {
  const { Suspending: EngineSuspending, promising } = WebAssembly as unknown as Integration;
  const none = (): void => {};
  const env = { yield: none, answer: new EngineSuspending(answer), send: none, receive: none };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(source), { env });
  return promising(exports.asks);
}
