// What threads of Bobbin have beyond C11's.
//
// Results are those of <threads.h>: thrd_success, thrd_busy where a try would have to wait, thrd_timedout, thrd_nomem, or
// thrd_error, and then errno says why. Times are absolute, of TIME_UTC, as in C11.
#ifndef _BOBBIN_THREADS_H
#define _BOBBIN_THREADS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <threads.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The least that a stack has room for.
#define THRD_STACK_MIN 2048

/// thrd_create with a stack of so many bytes. errno is EINVAL for less than THRD_STACK_MIN.
int thrd_create_with_stack(thrd_t *, thrd_start_t, void *, size_t);
/// How reports and traces call it. UTF-8.
int thrd_set_name(thrd_t, const char *);
/// pthread_kill: 0, or the number of an error. Signal 0 asks only whether the thread is there.
int thrd_kill(thrd_t, int);
/// Waits until another calls thrd_unpark with this thread, or takes one such call that came before.
int thrd_park(void);
int thrd_timedpark(const struct timespec *);
int thrd_unpark(thrd_t);

typedef struct {
  int __handle;
} semaphore_t;
int semaphore_init(semaphore_t *, unsigned count);
int semaphore_acquire(semaphore_t *);
int semaphore_timedacquire(semaphore_t *, const struct timespec *);
int semaphore_tryacquire(semaphore_t *);
int semaphore_release(semaphore_t *, unsigned count);
void semaphore_destroy(semaphore_t *);

typedef struct {
  int __handle;
} barrier_t;
int barrier_init(barrier_t *, unsigned count);
/// Waits until `count` threads do. `*last`, unless null, says whether this one came last.
int barrier_wait(barrier_t *, int *last);
void barrier_destroy(barrier_t *);

/// Counts what is to be done; those who wait go on once nothing is.
typedef struct {
  int __handle;
} waitgroup_t;
int waitgroup_init(waitgroup_t *);
int waitgroup_add(waitgroup_t *, int count);
int waitgroup_done(waitgroup_t *);
int waitgroup_wait(waitgroup_t *);
int waitgroup_timedwait(waitgroup_t *, const struct timespec *);
void waitgroup_destroy(waitgroup_t *);

// POSIX, flockfile: other threads wait that would use the stream. Every function of <stdio.h> does this by itself, except
// those whose names end in _unlocked.
void flockfile(FILE *);
int ftrylockfile(FILE *);
void funlockfile(FILE *);

#ifdef __cplusplus
}
#endif
#endif
