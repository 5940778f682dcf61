// The import module `bobbin:signal`, as the C library sees it (docs/signals.md). Every function returns 0 or more, or
// minus an error's number on Linux.
#pragma once

#include <signal.h>
#include <stdint.h>
#include <sys/time.h>

#define IMPORT(name) __attribute__((import_module("bobbin:signal"), import_name(name)))

// A handler is 0 for the default action, 1 to ignore the signal, otherwise the index of a function in the table.
struct host_sigaction {
  uint32_t handler;
  uint32_t flags;
  uint64_t mask;
};
struct host_timespec {
  int64_t sec;
  int64_t nsec;
};
_Static_assert(sizeof(struct host_sigaction) == 16, "layout of the interface");
_Static_assert(sizeof(siginfo_t) == 32, "layout of the interface");
_Static_assert(sizeof(ucontext_t) == 40, "layout of the interface");
_Static_assert(__builtin_offsetof(ucontext_t, uc_stack) == 8, "layout of the interface");
_Static_assert(__builtin_offsetof(ucontext_t, uc_sigmask) == 24, "layout of the interface");
_Static_assert(__builtin_offsetof(ucontext_t, uc_mcontext) == 32, "layout of the interface");
_Static_assert(__builtin_offsetof(siginfo_t, si_value) == 24, "layout of the interface");
_Static_assert(sizeof(stack_t) == 12, "layout of the interface");
_Static_assert(sizeof(struct itimerval) == 32, "layout of the interface");
_Static_assert(sizeof(sigset_t) == 8, "layout of the interface");

IMPORT("sigaction") int host_sigaction(int, const struct host_sigaction *, struct host_sigaction *);
IMPORT("sigprocmask") int host_sigprocmask(int, const sigset_t *, sigset_t *);
IMPORT("sigpending") int host_sigpending(sigset_t *);
IMPORT("sigsuspend") int host_sigsuspend(const sigset_t *);
IMPORT("sigaltstack") int host_sigaltstack(const stack_t *, stack_t *);
IMPORT("kill") int host_kill(int, int);
IMPORT("raise") int host_raise(int);
IMPORT("sigqueue") int host_sigqueue(int, int, int);
IMPORT("sigleave") int host_sigleave(void (*)(void *), void *, const sigset_t *);
IMPORT("alarm") int host_alarm(unsigned);
IMPORT("setitimer") int host_setitimer(int, const struct itimerval *, struct itimerval *);
IMPORT("getitimer") int host_getitimer(int, struct itimerval *);
IMPORT("pause") int host_pause(void);
IMPORT("nanosleep") int host_nanosleep(const struct host_timespec *, struct host_timespec *);
IMPORT("getpid") int host_getpid(void);

// The number of an error here, for what the host returned.
int __bobbin_errno(int);
// Sets errno from what the host returned, as C functions do.
int __bobbin_result(int);

// Whether a pointer that the library itself follows points into memory.
static inline int in_memory(const void *at, size_t size) {
  return (uint64_t)(uintptr_t)at + size <= (uint64_t)__builtin_wasm_memory_size(0) << 16;
}
