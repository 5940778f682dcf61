export { suspendingThreads, THREADS_MODULE } from './calls.ts';
export { schedulerClock, schedulerClocks } from './clocks.ts';
export { type ThreadErrno, ThreadError } from './errno.ts';
export { THREAD_ENTRY, THREAD_ENTRY_REF } from './imports.ts';
export { type Beginning, Threads, type ThreadsOptions } from './threads.ts';
export { ATOMICS_MODULE, WASI_THREAD_START, WASI_THREADS_MODULE, WasiThreads } from './wasi-threads.ts';
