// Semaphores, barriers and wait groups of <bobbin/threads.h>.
#include <bobbin/threads.h>
#include <errno.h>
#include <limits.h>

#include "imports.h"

// What the host takes as a number of 0 or more.
static int count_of(unsigned count) { return count > INT_MAX ? -1 : (int)count; }

int semaphore_init(semaphore_t *semaphore, unsigned count) {
  return __bobbin_handle(host_sem_new(count_of(count)), &semaphore->__handle);
}

int semaphore_acquire(semaphore_t *semaphore) {
  return __bobbin_thread_result(host_sem_acquire(semaphore->__handle, FOREVER));
}

int semaphore_timedacquire(semaphore_t *semaphore, const struct timespec *until) {
  int64_t timeout;
  if (!__bobbin_timeout(until, &timeout)) return thrd_error;
  return __bobbin_timed(host_sem_acquire(semaphore->__handle, timeout));
}

int semaphore_tryacquire(semaphore_t *semaphore) {
  return __bobbin_thread_result(host_sem_acquire(semaphore->__handle, TRY));
}

int semaphore_release(semaphore_t *semaphore, unsigned count) {
  return __bobbin_thread_result(host_sem_release(semaphore->__handle, count_of(count)));
}

void semaphore_destroy(semaphore_t *semaphore) { host_destroy(semaphore->__handle); }

int barrier_init(barrier_t *barrier, unsigned count) {
  return __bobbin_handle(host_barrier_new(count_of(count)), &barrier->__handle);
}

int barrier_wait(barrier_t *barrier, int *last) {
  int returned = host_barrier_wait(barrier->__handle);
  if (last && returned >= 0) *last = returned;
  return __bobbin_thread_result(returned);
}

void barrier_destroy(barrier_t *barrier) { host_destroy(barrier->__handle); }

int waitgroup_init(waitgroup_t *group) { return __bobbin_handle(host_group_new(), &group->__handle); }

int waitgroup_add(waitgroup_t *group, int count) {
  return __bobbin_thread_result(host_group_add(group->__handle, count));
}

int waitgroup_done(waitgroup_t *group) { return waitgroup_add(group, -1); }

int waitgroup_wait(waitgroup_t *group) { return __bobbin_thread_result(host_group_wait(group->__handle, FOREVER)); }

int waitgroup_timedwait(waitgroup_t *group, const struct timespec *until) {
  int64_t timeout;
  if (!__bobbin_timeout(until, &timeout)) return thrd_error;
  return __bobbin_timed(host_group_wait(group->__handle, timeout));
}

void waitgroup_destroy(waitgroup_t *group) { host_destroy(group->__handle); }
