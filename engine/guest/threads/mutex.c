// Mutexes, condition variables and call_once of <threads.h>.
#include <errno.h>

#include "imports.h"

int mtx_init(mtx_t *mutex, int type) {
  if (type & ~(mtx_timed | mtx_recursive)) {
    errno = EINVAL;
    return thrd_error;
  }
  return __bobbin_handle(host_mutex_new((type & mtx_recursive) != 0), &mutex->__handle);
}

int mtx_lock(mtx_t *mutex) { return __bobbin_thread_result(host_mutex_lock(mutex->__handle, FOREVER)); }

int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict until) {
  int64_t timeout;
  return __bobbin_timeout(until, &timeout) ? __bobbin_timed(host_mutex_lock(mutex->__handle, timeout)) : thrd_error;
}

int mtx_trylock(mtx_t *mutex) {
  int returned = host_mutex_lock(mutex->__handle, TRY);
  // That the caller has it itself is no error here (POSIX, pthread_mutex_trylock).
  return __bobbin_thread_errno(returned) == EDEADLK ? thrd_busy : __bobbin_thread_result(returned);
}

int mtx_unlock(mtx_t *mutex) { return __bobbin_thread_result(host_mutex_unlock(mutex->__handle)); }
void mtx_destroy(mtx_t *mutex) { host_destroy(mutex->__handle); }

int cnd_init(cnd_t *condition) { return __bobbin_handle(host_cond_new(), &condition->__handle); }
int cnd_signal(cnd_t *condition) { return __bobbin_thread_result(host_cond_signal(condition->__handle)); }
int cnd_broadcast(cnd_t *condition) { return __bobbin_thread_result(host_cond_broadcast(condition->__handle)); }
void cnd_destroy(cnd_t *condition) { host_destroy(condition->__handle); }

int cnd_wait(cnd_t *condition, mtx_t *mutex) {
  return __bobbin_thread_result(host_cond_wait(condition->__handle, mutex->__handle, FOREVER));
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict until) {
  int64_t timeout;
  if (!__bobbin_timeout(until, &timeout)) return thrd_error;
  return __bobbin_timed(host_cond_wait(condition->__handle, mutex->__handle, timeout));
}

void call_once(once_flag *flag, void (*function)(void)) {
  if (flag->__done) return;
  // Nobody comes between the look and the handle: threads take turns elsewhere.
  if (flag->__handle == 0) flag->__handle = host_once_new();
  int handle = flag->__handle;
  if (handle < 0) __builtin_trap();
  int entered = host_once_enter(handle);
  if (entered < 0) __builtin_trap();
  if (entered == 0) return;
  function();
  flag->__done = 1;
  host_once_finish(handle);
}
