// What signals mean, seen from C. Each line says what was observed; the program is plain POSIX and prints the same on Linux:
// semantics.expected.txt is what it printed there.
//
//   semantics
#include "journal.h"

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
  volatile int local = signo;
  note("(");
  sigaltstack(0, &stack);
  note(stack.ss_flags & SS_ONSTACK ? "in use" : "free");
  note(sigaltstack(&other, 0) == -1 && errno == EPERM ? "EPERM" : "changed");
  if (signo == SIGUSR1) raise(SIGUSR2);
  note(local == signo ? ")" : "overwritten");
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

  install(SIGUSR1, masked, 0, set_of(0));
  install(SIGUSR2, masked, 0, set_of(0));
  sigprocmask(SIG_BLOCK, &both, 0);
  raise(SIGUSR2);
  raise(SIGUSR1);
  sigprocmask(SIG_UNBLOCK, &both, 0);
  report("where neither blocks the other it begins first and ends last");

  sigset_t fault = set_of(2, SIGUSR1, SIGSEGV);
  install(SIGUSR1, plain, 0, fault);
  install(SIGSEGV, plain, 0, fault);
  sigprocmask(SIG_BLOCK, &fault, 0);
  raise(SIGUSR1);
  raise(SIGSEGV);
  sigprocmask(SIG_UNBLOCK, &fault, 0);
  signal(SIGSEGV, SIG_DFL);
  report("but for those of faults");

  sigset_t stops = set_of(2, SIGTSTP, SIGCONT);
  sigprocmask(SIG_BLOCK, &stops, 0);
  raise(SIGTSTP);
  note_pending("pending");
  raise(SIGCONT);
  note_pending("pending");
  raise(SIGTSTP);
  note_pending("pending");
  raise(SIGCONT);
  sigprocmask(SIG_UNBLOCK, &stops, 0);
  note_pending("pending");
  report("SIGCONT and stop signals take each other back");

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

  sigset_t usr1 = set_of(1, SIGUSR1), usr2 = set_of(1, SIGUSR2), before;
  sigprocmask(SIG_BLOCK, &usr1, 0);
  sigprocmask(SIG_BLOCK, &usr2, &before);
  note_set("before", &before);
  note_mask("mask");
  sigprocmask(SIG_UNBLOCK, &usr1, &before);
  note_set("before", &before);
  note_mask("mask");
  sigprocmask(SIG_SETMASK, &usr1, 0);
  note_mask("mask");
  sigprocmask(SIG_UNBLOCK, &usr1, 0);
  report("SIG_BLOCK adds, SIG_UNBLOCK takes away, SIG_SETMASK does both");

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
  install(SIGUSR1, masked, (int)SA_RESETHAND, set_of(0));
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
  raise(SIGUSR1);
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

// Not constants the compiler could see through.
static void *volatile far_away = (void *)(uintptr_t)0xfffffff0u;

// A C library may follow a pointer itself, and does on Linux: there the kernel is asked.
#ifdef __wasm__
#define KERNEL(name, number, ...) name(__VA_ARGS__)
#define SIZED(...) __VA_ARGS__
#else
#include <sys/syscall.h>
#define KERNEL(name, number, ...) (int)syscall(number, __VA_ARGS__)
#define SIZED(...) __VA_ARGS__, 8
#endif
#define SIGACTION(...) KERNEL(sigaction, SYS_rt_sigaction, SIZED(SIGUSR1, __VA_ARGS__))
#define SIGPROCMASK(...) KERNEL(sigprocmask, SYS_rt_sigprocmask, SIZED(SIG_BLOCK, __VA_ARGS__))
#define SIGPENDING(...) KERNEL(sigpending, SYS_rt_sigpending, SIZED(__VA_ARGS__))
#define SIGSUSPEND(...) KERNEL(sigsuspend, SYS_rt_sigsuspend, SIZED(__VA_ARGS__))
#define SIGALTSTACK(...) KERNEL(sigaltstack, SYS_sigaltstack, __VA_ARGS__)

static void pointers(void) {
  note(error(SIGACTION(far_away, 0)));
  note(error(SIGACTION(0, far_away)));
  report("sigaction, bad pointers");
  note(error(SIGPROCMASK(far_away, 0)));
  note(error(SIGPROCMASK(0, far_away)));
  note(error(SIGPENDING(far_away)));
  note(error(SIGSUSPEND(far_away)));
  report("masks, bad pointers");
  note(error(SIGALTSTACK(far_away, 0)));
  note(error(SIGALTSTACK(0, far_away)));
  report("sigaltstack, bad pointers");
}

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
  report("sigprocmask, bad arguments");

  note(error(sigaddset(&set, 65)));
  note(error(sigaddset(&set, 0)));
  note(error(sigismember(&set, 65)));
  note(error(sigdelset(&set, -1)));
  report("sets, bad numbers");
}

int main(void) {
  delivery();
  masks();
  actions();
  stacks();
  errors();
  pointers();
  return 0;
}
