// What signals mean, seen from C. Each line says what was observed; the program is plain POSIX and prints the same on Linux.
//
//   semantics
#include <errno.h>
#include <stdarg.h>
#include <sys/time.h>
#include <time.h>

#include "guest.h"

static char journal[1024];

static void note(const char *text) {
  size_t length = strlen(journal);
  snprintf(journal + length, sizeof journal - length, " %s", text);
}

static void report(const char *name) {
  printf("%s:%s\n", name, journal);
  journal[0] = 0;
}

static const char *name_of(int signo) {
  switch (signo) {
    case SIGUSR1:
      return "USR1";
    case SIGUSR2:
      return "USR2";
    case SIGALRM:
      return "ALRM";
    case SIGINT:
      return "INT";
    default:
      return "?";
  }
}

static const char *error(int result) {
  if (result >= 0) return result == 0 ? "0" : "positive";
  switch (errno) {
    case EINTR:
      return "EINTR";
    case EINVAL:
      return "EINVAL";
    case EFAULT:
      return "EFAULT";
    case ESRCH:
      return "ESRCH";
    case EPERM:
      return "EPERM";
    case ENOMEM:
      return "ENOMEM";
    default:
      return "another error";
  }
}

static sigset_t set_of(int count, ...) {
  sigset_t set;
  sigemptyset(&set);
  va_list signals;
  va_start(signals, count);
  while (count-- > 0) sigaddset(&set, va_arg(signals, int));
  va_end(signals);
  return set;
}

static void note_set(const char *what, const sigset_t *set) {
  note(what);
  for (int signo = 1; signo < 32; signo++) {
    if (sigismember(set, signo) == 1) note(name_of(signo));
  }
}

static void note_mask(const char *what) {
  sigset_t mask;
  sigprocmask(SIG_BLOCK, 0, &mask);
  note_set(what, &mask);
}

static void note_pending(const char *what) {
  sigset_t pending;
  sigpending(&pending);
  note_set(what, &pending);
}

static void install(int signo, void (*handler)(int), int flags, sigset_t mask) {
  struct sigaction act = {0};
  act.sa_handler = handler;
  act.sa_flags = flags;
  act.sa_mask = mask;
  if (sigaction(signo, &act, 0) != 0) note("sigaction failed");
}

static void install_info(int signo, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction act = {0};
  act.sa_sigaction = handler;
  act.sa_flags = flags | SA_SIGINFO;
  if (sigaction(signo, &act, 0) != 0) note("sigaction failed");
}

static void defaults(void) {
  signal(SIGUSR1, SIG_DFL);
  signal(SIGUSR2, SIG_DFL);
  signal(SIGALRM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
}

static void plain(int signo) { note(name_of(signo)); }

static void masked(int signo) {
  note("(");
  note(name_of(signo));
  note_mask("mask");
  note(")");
}

static void nesting(int signo) {
  note("(");
  note(name_of(signo));
  if (signo == SIGUSR1) raise(SIGUSR2);
  note(")");
}

static volatile int rounds;

static void itself(int signo) {
  note("(");
  if (++rounds < 3) raise(signo);
  note(")");
}

static void informed(int signo, siginfo_t *info, void *context) {
  note(info->si_signo == signo ? "signo" : "wrong signo");
  note(info->si_code == SI_USER      ? "SI_USER"
       : info->si_code == SI_TKILL   ? "SI_TKILL"
       : info->si_code == SI_KERNEL  ? "SI_KERNEL"
                                     : "another code");
  if (info->si_code == SI_USER) note(info->si_pid == getpid() ? "own pid" : "another pid");
  note(context ? "context" : "no context");
}

static volatile int queued[4], queue_length;

static void queue(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)context;
  if (queue_length < 4) queued[queue_length++] = info->si_value.sival_int;
  if (info->si_code != SI_QUEUE) note("another code");
}

static void mask_changer(int signo, siginfo_t *info, void *context) {
  (void)info;
  note(name_of(signo));
  ucontext_t *interrupted = context;
  note(sigismember(&interrupted->uc_sigmask, signo) ? "blocked" : "not blocked");
  note(sigismember(&interrupted->uc_sigmask, SIGINT) ? "INT blocked" : "INT not blocked");
  sigaddset(&interrupted->uc_sigmask, SIGUSR2);
}

static volatile uintptr_t seen_at;

static __attribute__((noinline)) void note_place(int signo) {
  volatile char here[16];
  (void)signo;
  seen_at = (uintptr_t)here;
}

static void on_the_stack(int signo) {
  stack_t stack, other = {.ss_flags = SS_DISABLE};
  volatile uint32_t local = 0x1234;
  note("(");
  sigaltstack(0, &stack);
  note(stack.ss_flags & SS_ONSTACK ? "in use" : "free");
  note(sigaltstack(&other, 0) == -1 && errno == EPERM ? "EPERM" : "changed");
  if (signo == SIGUSR1) raise(SIGUSR2);
  note(local == 0x1234 ? ")" : "overwritten");
}

static void with_errno(int signo) {
  int before = errno;
  kill(getpid(), 1000);
  note(name_of(signo));
  errno = before;
}

static void delivery(void) {
  install(SIGUSR1, plain, 0, set_of(0));
  note("before");
  raise(SIGUSR1);
  note("after");
  report("raise runs the handler before it returns");

  install(SIGUSR1, plain, 0, set_of(0));
  note("before");
  kill(getpid(), SIGUSR1);
  note("after");
  report("kill of oneself too");

  sigset_t usr1 = set_of(1, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr1, 0);
  raise(SIGUSR1);
  raise(SIGUSR1);
  note_pending("pending");
  note("unblock");
  sigprocmask(SIG_UNBLOCK, &usr1, 0);
  note_pending("pending");
  report("a blocked signal waits, once");

  sigset_t both = set_of(2, SIGUSR1, SIGUSR2);
  install(SIGUSR1, plain, 0, both);
  install(SIGUSR2, plain, 0, both);
  sigprocmask(SIG_BLOCK, &both, 0);
  raise(SIGUSR2);
  raise(SIGUSR1);
  sigprocmask(SIG_UNBLOCK, &both, 0);
  report("the lowest number goes first");

  signal(SIGUSR1, SIG_IGN);
  sigprocmask(SIG_BLOCK, &usr1, 0);
  raise(SIGUSR1);
  install(SIGUSR1, plain, 0, set_of(0));
  raise(SIGUSR1);
  signal(SIGUSR1, SIG_IGN);
  install(SIGUSR1, plain, 0, set_of(0));
  sigprocmask(SIG_UNBLOCK, &usr1, 0);
  note("nothing");
  report("ignoring a signal drops the pending one");

  raise(SIGWINCH);
  raise(SIGCHLD);
  raise(SIGURG);
  note("alive");
  report("ignored by default");
  defaults();
}

static void masks(void) {
  install(SIGUSR1, masked, 0, set_of(0));
  raise(SIGUSR1);
  note_mask("mask");
  report("the signal itself is blocked meanwhile");

  install(SIGUSR1, masked, 0, set_of(1, SIGINT));
  raise(SIGUSR1);
  note_mask("mask");
  report("and those of sa_mask");

  install(SIGUSR1, masked, (int)SA_NODEFER, set_of(1, SIGINT));
  raise(SIGUSR1);
  note_mask("mask");
  report("not itself with SA_NODEFER");

  rounds = 0;
  install(SIGUSR1, itself, 0, set_of(0));
  raise(SIGUSR1);
  report("raised in its own handler it comes after");

  rounds = 0;
  install(SIGUSR1, itself, (int)SA_NODEFER, set_of(0));
  raise(SIGUSR1);
  report("with SA_NODEFER it nests");

  install(SIGUSR1, nesting, 0, set_of(0));
  install(SIGUSR2, nesting, 0, set_of(0));
  raise(SIGUSR1);
  report("another signal nests");

  install(SIGUSR1, nesting, 0, set_of(1, SIGUSR2));
  raise(SIGUSR1);
  report("unless it is in sa_mask");

  sigset_t unblockable = set_of(3, SIGKILL, SIGSTOP, SIGUSR1), mask;
  sigprocmask(SIG_SETMASK, &unblockable, 0);
  sigprocmask(SIG_SETMASK, 0, &mask);
  note(sigismember(&mask, SIGKILL) ? "KILL" : "no KILL");
  note(sigismember(&mask, SIGSTOP) ? "STOP" : "no STOP");
  note(sigismember(&mask, SIGUSR1) ? "USR1" : "no USR1");
  sigemptyset(&mask);
  sigprocmask(SIG_SETMASK, &mask, 0);
  report("SIGKILL and SIGSTOP cannot be blocked");
  defaults();
}

static void actions(void) {
  struct sigaction old;
  install(SIGUSR1, plain, (int)SA_RESETHAND, set_of(0));
  raise(SIGUSR1);
  sigaction(SIGUSR1, 0, &old);
  note(old.sa_handler == SIG_DFL ? "default" : "kept");
  report("SA_RESETHAND");

  install(SIGUSR1, plain, SA_RESTART, set_of(1, SIGINT));
  sigaction(SIGUSR1, 0, &old);
  note(old.sa_handler == plain ? "handler" : "another handler");
  note(old.sa_flags & SA_RESTART ? "SA_RESTART" : "no SA_RESTART");
  note_set("mask", &old.sa_mask);
  report("sigaction says what was set");

  note(signal(SIGUSR1, SIG_IGN) == plain ? "handler" : "another");
  note(signal(SIGUSR1, SIG_DFL) == SIG_IGN ? "ignored" : "another");
  note(signal(SIGUSR1, plain) == SIG_DFL ? "default" : "another");
  report("signal gives back what was");

  install_info(SIGUSR1, informed, 0);
  kill(getpid(), SIGUSR1);
  report("SA_SIGINFO");

  sigset_t realtime = set_of(1, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &realtime, 0);
  install_info(SIGRTMIN + 1, queue, 0);
  for (int value = 3; value > 0; value--) sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = value});
  sigprocmask(SIG_UNBLOCK, &realtime, 0);
  note(queue_length == 3 && queued[0] == 3 && queued[1] == 2 && queued[2] == 1 ? "in order" : "not in order");
  report("real-time signals queue, with their values");

  sigset_t interrupt = set_of(1, SIGINT), none = set_of(0);
  sigprocmask(SIG_SETMASK, &interrupt, 0);
  install_info(SIGUSR1, mask_changer, 0);
  raise(SIGUSR1);
  note_mask("mask");
  sigprocmask(SIG_SETMASK, &none, 0);
  report("the context holds the mask to go on with");

  install(SIGUSR1, with_errno, 0, set_of(0));
  errno = ENOMEM;
  raise(SIGUSR1);
  note(error(-1));
  report("errno outlives a handler");
  defaults();
}

static void stacks(void) {
  static char own[65536] __attribute__((aligned(16)));
  stack_t stack = {.ss_sp = own, .ss_size = sizeof own}, old;
  sigaltstack(&stack, 0);
  install(SIGUSR1, note_place, SA_ONSTACK, set_of(0));
  raise(SIGUSR1);
  note(seen_at - (uintptr_t)own < sizeof own ? "alternate" : "ordinary");
  install(SIGUSR1, note_place, 0, set_of(0));
  raise(SIGUSR1);
  note(seen_at - (uintptr_t)own < sizeof own ? "alternate" : "ordinary");
  sigaltstack(0, &old);
  note(old.ss_sp == own && old.ss_size == sizeof own && old.ss_flags == 0 ? "as set" : "different");
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, 0);
  sigaltstack(0, &old);
  note(old.ss_flags & SS_DISABLE ? "disabled" : "enabled");
  install(SIGUSR1, note_place, SA_ONSTACK, set_of(0));
  raise(SIGUSR1);
  note(seen_at - (uintptr_t)own < sizeof own ? "alternate" : "ordinary");
  report("SA_ONSTACK");

  stack.ss_flags = 0;
  sigaltstack(&stack, 0);
  install(SIGUSR1, on_the_stack, SA_ONSTACK, set_of(0));
  install(SIGUSR2, on_the_stack, SA_ONSTACK, set_of(0));
  raise(SIGUSR1);
  sigaltstack(0, &old);
  note(old.ss_flags & SS_ONSTACK ? "in use" : "free");
  report("nested on the alternate stack");

  stack.ss_flags = 0;
  stack.ss_size = 16;
  note(error(sigaltstack(&stack, 0)));
  stack.ss_size = sizeof own;
  stack.ss_flags = 1000;
  note(error(sigaltstack(&stack, 0)));
  report("bad alternate stacks");
  defaults();
}

static void timer(int milliseconds, int interval) {
  struct itimerval value = {.it_interval = {0, interval * 1000}, .it_value = {0, milliseconds * 1000}};
  if (setitimer(ITIMER_REAL, &value, 0) != 0) note("setitimer failed");
}

static long elapsed(const struct timespec *from) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long)(now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

static void waiting(void) {
  struct timespec from, half = {0, 500000000}, rest = {0, 0};
  sigset_t alrm = set_of(1, SIGALRM), none = set_of(0);
  install(SIGALRM, plain, 0, set_of(0));

  timer(20, 0);
  note(error(pause()));
  report("pause ends with a handler");

  clock_gettime(CLOCK_MONOTONIC, &from);
  struct timespec request = {0, 60000000};
  note(error(nanosleep(&request, 0)));
  note(elapsed(&from) >= 59 ? "waited" : "did not wait");
  report("nanosleep");

  timer(50, 0);
  clock_gettime(CLOCK_MONOTONIC, &from);
  note(error(nanosleep(&half, &rest)));
  note(elapsed(&from) < 450 ? "early" : "late");
  note(rest.tv_nsec > 100000000 && rest.tv_nsec < 460000000 ? "rest" : "no rest");
  report("nanosleep is interrupted");

  install(SIGALRM, plain, SA_RESTART, set_of(0));
  timer(50, 0);
  note(error(nanosleep(&half, &rest)));
  report("even under SA_RESTART");

  sigprocmask(SIG_BLOCK, &alrm, 0);
  timer(20, 0);
  note(error(nanosleep(&(struct timespec){0, 60000000}, 0)));
  note_pending("pending");
  note(error(sigsuspend(&none)));
  note_mask("mask");
  sigprocmask(SIG_UNBLOCK, &alrm, 0);
  report("sigsuspend lets a waiting signal in, and puts the mask back");

  signal(SIGALRM, SIG_IGN);
  timer(20, 0);
  note(error(nanosleep(&(struct timespec){0, 60000000}, 0)));
  report("an ignored signal interrupts nothing");

  install(SIGALRM, plain, 0, set_of(0));
  timer(20, 20);
  for (int round = 0; round < 3; round++) pause();
  timer(0, 0);
  note(error(nanosleep(&(struct timespec){0, 60000000}, 0)));
  report("an interval timer goes on until it is stopped");

  struct itimerval value, before;
  timer(900, 300);
  getitimer(ITIMER_REAL, &value);
  note(value.it_value.tv_usec > 500000 && value.it_value.tv_usec <= 900000 ? "value" : "wrong value");
  note(value.it_interval.tv_usec == 300000 ? "interval" : "wrong interval");
  value = (struct itimerval){0};
  setitimer(ITIMER_REAL, &value, &before);
  note(before.it_interval.tv_usec == 300000 ? "interval" : "wrong interval");
  getitimer(ITIMER_REAL, &value);
  note(value.it_value.tv_sec == 0 && value.it_value.tv_usec == 0 ? "stopped" : "running");
  report("getitimer");

  note(alarm(30) == 0 ? "none before" : "one before");
  note(alarm(0) == 30 ? "30 left" : "another rest");
  note(alarm(0) == 0 ? "none" : "one");
  alarm(1);
  note(sleep(3) == 2 ? "2 left" : "another rest");
  report("alarm");

  install(SIGALRM, plain, 0, set_of(0));
  timer(30, 0);
  clock_gettime(CLOCK_MONOTONIC, &from);
  // A busy guest is interrupted, too.
  while (journal[0] == 0 && elapsed(&from) < 2000) continue;
  report("a timer while computing");
  defaults();
}

// Not constants the compiler could see through.
static void *volatile far_away = (void *)(uintptr_t)0xfffffff0u;

static void errors(void) {
  struct sigaction act = {0};
  act.sa_handler = plain;
  note(error(sigaction(0, &act, 0)));
  note(error(sigaction(65, &act, 0)));
  note(error(sigaction(-1, &act, 0)));
  note(error(sigaction(SIGKILL, &act, 0)));
  note(error(sigaction(SIGSTOP, &act, 0)));
  report("sigaction, bad numbers");

  note(error(kill(getpid(), 65)));
  note(error(kill(getpid(), -1)));
  note(error(kill(getpid(), 0)));
  note(error(kill(0x3fffffff, SIGUSR1)));
  note(error(raise(65)));
  report("kill and raise, bad numbers");

  sigset_t set = set_of(1, SIGUSR1);
  note(error(sigprocmask(17, &set, 0)));
  note(error(sigprocmask(17, 0, &set)));
  note(error(sigpending(far_away)));
  report("sigprocmask and sigpending, bad arguments");

  note(error(sigaddset(&set, 65)));
  note(error(sigaddset(&set, 0)));
  note(error(sigismember(&set, 65)));
  note(error(sigdelset(&set, -1)));
  report("sets, bad numbers");

  struct itimerval value = {.it_value = {0, 1000000}};
  note(error(setitimer(ITIMER_REAL, &value, 0)));
  value.it_value.tv_usec = -1;
  note(error(setitimer(ITIMER_REAL, &value, 0)));
  value.it_value.tv_usec = 0;
  note(error(setitimer(17, &value, 0)));
  note(error(nanosleep(&(struct timespec){0, 1000000000}, 0)));
  note(error(nanosleep(&(struct timespec){-1, 0}, 0)));
  report("times, bad numbers");
}

int main(void) {
  delivery();
  masks();
  actions();
  stacks();
  waiting();
  errors();
  return 0;
}
