export { DeadlinePolicy } from './deadline.ts';
export { FairPolicy } from './fair.ts';
export { FifoPolicy } from './fifo.ts';
export { type LotteryOptions, LotteryPolicy } from './lottery.ts';
export { PriorityPolicy } from './priority.ts';
export { DEFAULT_SLICE, RoundRobinPolicy, type SliceOptions } from './round-robin.ts';
