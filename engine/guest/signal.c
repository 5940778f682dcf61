// Signals for C guests, over the import module `bobbin:signal`.
#include "imports.h"

#include <errno.h>
#include <unistd.h>

// wasi-libc has WASI's numbers. No number of an error below is one of Linux's as well, so that a host may use either.
int __bobbin_errno(int returned) {
  switch (-returned) {
    case 1:
      return EPERM;
    case 3:
      return ESRCH;
    case 4:
      return EINTR;
    case 11:
      return EAGAIN;
    case 12:
      return ENOMEM;
    case 14:
      return EFAULT;
    case 22:
      return EINVAL;
    case 38:
      return ENOSYS;
    default:
      return -returned;
  }
}

int __bobbin_result(int returned) {
  if (returned >= 0) return returned;
  errno = __bobbin_errno(returned);
  return -1;
}

void __SIG_IGN(int signo) {
  (void)signo;
  __builtin_trap();
}

void __SIG_ERR(int signo) {
  (void)signo;
  __builtin_trap();
}

// The linker may give a handler the place 1 in the table, which means something else to the host. Such a handler is
// installed by way of one of these.
typedef void info_handler(int, siginfo_t *, void *);

static void first_in_table(int signo) {
  sighandler_t handler = (sighandler_t)1;
  handler(signo);
}

static void first_in_table_with_info(int signo, siginfo_t *info, void *context) {
  info_handler *handler = (info_handler *)1;
  handler(signo, info, context);
}

static uint32_t to_host(const struct sigaction *action) {
  if (action->sa_handler == SIG_DFL) return 0;
  if (action->sa_handler == SIG_IGN) return 1;
  uint32_t index = (uint32_t)(uintptr_t)action->sa_handler;
  if (index != 1) return index;
  return (uint32_t)(action->sa_flags & SA_SIGINFO ? (uintptr_t)first_in_table_with_info : (uintptr_t)first_in_table);
}

static sighandler_t from_host(uint32_t handler) {
  if (handler == 0) return SIG_DFL;
  if (handler == 1) return SIG_IGN;
  if (handler == (uintptr_t)first_in_table || handler == (uintptr_t)first_in_table_with_info) return (sighandler_t)1;
  return (sighandler_t)(uintptr_t)handler;
}

// What the host calls, on a fresh continuation and with a stack pointer of its own, to have a handler run.
__attribute__((export_name("__bobbin_signal"))) void __bobbin_signal(uint32_t handler, int signo, siginfo_t *info,
                                                                     void *context, uint32_t flags) {
  // The interrupted code may stand between a failed call and its look at errno.
  int interrupted = errno;
  if (flags & SA_SIGINFO) {
    ((info_handler *)(uintptr_t)handler)(signo, info, context);
  } else {
    ((sighandler_t)(uintptr_t)handler)(signo);
  }
  errno = interrupted;
}

int sigaction(int signo, const struct sigaction *restrict act, struct sigaction *restrict old) {
  struct host_sigaction new_action, old_action;
  if ((act && !in_memory(act, sizeof *act)) || (old && !in_memory(old, sizeof *old))) {
    errno = EFAULT;
    return -1;
  }
  if (act) {
    if (act->sa_handler == SIG_ERR) {
      errno = EINVAL;
      return -1;
    }
    new_action = (struct host_sigaction){to_host(act), act->sa_flags, act->sa_mask};
  }
  int result = __bobbin_result(host_sigaction(signo, act ? &new_action : 0, old ? &old_action : 0));
  if (result == 0 && old) {
    old->sa_handler = from_host(old_action.handler);
    old->sa_flags = old_action.flags;
    old->sa_mask = old_action.mask;
  }
  return result;
}

// As in BSD and glibc: interrupted calls are restarted, and the handler stays.
sighandler_t signal(int signo, sighandler_t handler) {
  struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
  return sigaction(signo, &act, &old) == 0 ? old.sa_handler : SIG_ERR;
}

int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old) {
  return __bobbin_result(host_sigprocmask(how, set, old));
}

// Returns the error's number, as the functions of <pthread.h> do.
int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old) {
  return __bobbin_errno(host_sigprocmask(how, set, old));
}

int sigpending(sigset_t *set) { return __bobbin_result(host_sigpending(set)); }
int sigsuspend(const sigset_t *mask) { return __bobbin_result(host_sigsuspend(mask)); }
int sigaltstack(const stack_t *restrict stack, stack_t *restrict old) {
  return __bobbin_result(host_sigaltstack(stack, old));
}
int kill(pid_t pid, int signo) { return __bobbin_result(host_kill(pid, signo)); }
int sigqueue(pid_t pid, int signo, union sigval value) {
  return __bobbin_result(host_sigqueue(pid, signo, value.sival_int));
}
int raise(int signo) { return __bobbin_result(host_raise(signo)); }
int pause(void) { return __bobbin_result(host_pause()); }
pid_t getpid(void) { return host_getpid(); }
unsigned alarm(unsigned seconds) { return (unsigned)host_alarm(seconds); }

int setitimer(int which, const struct itimerval *restrict value, struct itimerval *restrict old) {
  return __bobbin_result(host_setitimer(which, value, old));
}
int getitimer(int which, struct itimerval *value) { return __bobbin_result(host_getitimer(which, value)); }

// ISO C: abnormal termination, even where SIGABRT is blocked, ignored or caught.
_Noreturn void abort(void) {
  sigset_t set = 1ULL << (SIGABRT - 1);
  sigprocmask(SIG_UNBLOCK, &set, 0);
  raise(SIGABRT);
  signal(SIGABRT, SIG_DFL);
  raise(SIGABRT);
  __builtin_trap();
}
