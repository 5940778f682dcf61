export { suspendingThreads, THREADS_MODULE } from './calls.ts';
export { type ThreadErrno, ThreadError } from './errno.ts';
export { THREAD_ENTRY, THREAD_ENTRY_REF } from './imports.ts';
export { type Beginning, Threads, type ThreadsOptions } from './threads.ts';
