export {
  type GuestInstance,
  type InstantiateOptions,
  instantiate,
  mallocStacks,
  promising,
} from './instance.ts';
export type { StackAllocator } from './stacks.ts';
export { canSuspend, Suspending, type SuspendingCall, type SuspendingOptions } from './suspending.ts';
