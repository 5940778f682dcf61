export { Barrier } from './barrier.ts';
export { Broadcast, Subscription } from './broadcast.ts';
export { Channel, type Received } from './channel.ts';
export { Condition, type ConditionWaitOptions } from './condition.ts';
export { Mutex } from './mutex.ts';
export { Once } from './once.ts';
export { type Cases, type Selected, select } from './select.ts';
export { Semaphore, type SemaphoreOptions } from './semaphore.ts';
export { WaitGroup } from './wait-group.ts';
