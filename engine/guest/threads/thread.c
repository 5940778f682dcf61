// Threads: <threads.h>'s, and what Bobbin adds.
#include <bobbin/threads.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "imports.h"
#include "lock.h"

extern char __start_bobbin_tls[], __stop_bobbin_tls[];

_Thread_local int __bobbin_self;

// Threads that have not ended. The program ends with the last one (C11, 5.1.2.2.3 and 7.26.5.5).
static int alive = 1;

// Before all other constructors: new threads begin with what the variables are now.
__attribute__((constructor(101))) static void register_areas(void) {
  __bobbin_self = 0;
  errno = 0;
  if (host_area(&errno, sizeof errno) != 0) __builtin_trap();
  if (host_area(__start_bobbin_tls, (size_t)(__stop_bobbin_tls - __start_bobbin_tls)) != 0) __builtin_trap();
}

static void end(void) {
  __bobbin_end_tss();
  if (--alive == 0) exit(EXIT_SUCCESS);
}

// What the host calls, on a fresh continuation and a stack of its own.
__attribute__((export_name("__bobbin_thread"))) int __bobbin_thread(thrd_start_t entry, void *argument) {
  int result = entry(argument);
  end();
  return result;
}

// What the host calls, as a thread, once a thread has ended without returning or exiting.
__attribute__((export_name("__bobbin_thread_lost"))) void __bobbin_thread_lost(int thread) {
  __bobbin_lose_locks(thread);
  __bobbin_lose_tss(thread);
  if (--alive == 0) exit(EXIT_SUCCESS);
}

static int create(thrd_t *thread, thrd_start_t entry, void *argument, size_t stack) {
  int made = host_spawn(entry, argument, (uint32_t)stack);
  if (made < 0) {
    int result = __bobbin_thread_result(made);
    // pthread_create has one number for both, thrd_create two.
    return errno == EAGAIN ? thrd_nomem : result;
  }
  *thread = (thrd_t)made;
  alive++;
  return thrd_success;
}

int thrd_create(thrd_t *thread, thrd_start_t entry, void *argument) { return create(thread, entry, argument, 0); }

int thrd_create_with_stack(thrd_t *thread, thrd_start_t entry, void *argument, size_t stack) {
  if (stack >= THRD_STACK_MIN && stack <= INT32_MAX) return create(thread, entry, argument, stack);
  errno = EINVAL;
  return thrd_error;
}

_Noreturn void thrd_exit(int result) {
  end();
  host_thread_exit(result);
  __builtin_trap();
}

thrd_t thrd_current(void) { return (thrd_t)self(); }
int thrd_equal(thrd_t a, thrd_t b) { return a == b; }
void thrd_yield(void) { host_yield(); }
int thrd_detach(thrd_t thread) { return __bobbin_thread_result(host_detach((int)thread)); }
int thrd_join(thrd_t thread, int *result) { return __bobbin_thread_result(host_join((int)thread, result)); }

int thrd_set_name(thrd_t thread, const char *name) {
  return __bobbin_thread_result(host_name((int)thread, name, strlen(name)));
}

int thrd_kill(thrd_t thread, int signo) { return __bobbin_thread_errno(host_thread_kill((int)thread, signo)); }
int thrd_park(void) { return __bobbin_thread_result(host_park(FOREVER)); }
int thrd_unpark(thrd_t thread) { return __bobbin_thread_result(host_unpark((int)thread)); }

int thrd_timedpark(const struct timespec *until) {
  int64_t timeout;
  return __bobbin_timeout(until, &timeout) ? __bobbin_timed(host_park(timeout)) : thrd_error;
}

static int64_t nanoseconds(const struct timespec *time) {
  int64_t total;
  if (__builtin_mul_overflow((int64_t)time->tv_sec, 1000000000, &total)) return INT64_MAX;
  return __builtin_add_overflow(total, (int64_t)time->tv_nsec, &total) ? INT64_MAX : total;
}

// 0, -1 where a signal came before (C11, 7.26.5.7), -2 for other errors.
int thrd_sleep(const struct timespec *time, struct timespec *remaining) {
  if (time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec >= 1000000000) {
    errno = EINVAL;
    return -2;
  }
  struct timespec from, to;
  int64_t wanted = nanoseconds(time);
  if (remaining && clock_gettime(CLOCK_MONOTONIC, &from) != 0) return -2;
  int result = __bobbin_thread_errno(host_sleep(wanted));
  if (result == 0) return 0;
  errno = result;
  if (result != EINTR) return -2;
  if (remaining && clock_gettime(CLOCK_MONOTONIC, &to) == 0) {
    int64_t left = wanted - (nanoseconds(&to) - nanoseconds(&from));
    if (left < 0) left = 0;
    *remaining = (struct timespec){left / 1000000000, (long)(left % 1000000000)};
  }
  return -1;
}
