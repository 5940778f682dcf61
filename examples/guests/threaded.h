// What the guests with threads share. Those that use nothing but C11 and POSIX are compiled for Linux too, and have to print
// the same there.
#pragma once

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>

#ifdef __wasm__
#include <bobbin/threads.h>
#else
#include <pthread.h>
#define thrd_kill(thread, signo) pthread_kill((thread), (signo))
#endif

#define LENGTH(array) (sizeof(array) / sizeof *(array))

#define CHECK(condition)                                           \
  do {                                                             \
    if (!(condition)) {                                            \
      printf("line %d: not so: %s\n", __LINE__, #condition);       \
      exit(1);                                                     \
    }                                                              \
  } while (0)

static inline const char *outcome(int result) {
  switch (result) {
    case thrd_success:
      return "success";
    case thrd_busy:
      return "busy";
    case thrd_nomem:
      return "nomem";
    case thrd_timedout:
      return "timedout";
    case thrd_error:
      return "error";
    default:
      return "?";
  }
}

// A time of TIME_UTC so many milliseconds from now.
static inline struct timespec in(int milliseconds) {
  struct timespec time;
  timespec_get(&time, TIME_UTC);
  time.tv_sec += milliseconds / 1000;
  time.tv_nsec += milliseconds % 1000 * 1000000L;
  if (time.tv_nsec >= 1000000000) time.tv_sec++, time.tv_nsec -= 1000000000;
  return time;
}

static inline int pass(int milliseconds) {
  return thrd_sleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000L}, 0);
}

static inline thrd_t start(thrd_start_t entry, void *argument) {
  thrd_t thread;
  if (thrd_create(&thread, entry, argument) != thrd_success) puts("no thread"), exit(1);
  return thread;
}

static inline int join(thrd_t thread) {
  int result;
  if (thrd_join(thread, &result) != thrd_success) puts("not joined"), exit(1);
  return result;
}
