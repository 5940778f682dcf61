// A job at a terminal. Its first argument says what its threads do:
//
//   spin [N]   two compute for ever, while the main thread counts aloud: to N and then exits, or for ever
//   handle     the same; the second SIGINT stops all three
//   block      the same, with SIGINT blocked in all of them
//   trap       one of three traps; the others go on
//   pause      two wait for a signal each (SIGUSR1, SIGUSR2), one for a mutex that the main thread has, which joins the two
//   post       the main thread waits for a semaphore that the handler of SIGUSR1 releases
#include <unistd.h>

#include "threaded.h"

static volatile sig_atomic_t interrupts, stop;
static semaphore_t posted;

static void say(const char *text) { (void)!write(1, text, strlen(text)); }

static void on_signal(int signo) {
  if (signo == SIGINT) interrupts++, say("interrupted\n");
  if (signo == SIGUSR1) say("USR1\n"), semaphore_release(&posted, 1);
  if (signo == SIGUSR2) say("USR2\n");
}

static void handle(int signo) {
  struct sigaction action = {0};
  action.sa_handler = on_signal;
  CHECK(sigaction(signo, &action, 0) == 0);
}

static sigset_t only(int signo) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signo);
  return set;
}

static int spins(void *argument) {
  volatile unsigned long *rounds = argument;
  while (!stop) ++*rounds;
  return *rounds > 0;
}

static void count(int most) {
  static volatile unsigned long rounds[2];
  thrd_t threads[2] = {start(spins, (void *)&rounds[0]), start(spins, (void *)&rounds[1])};
  thrd_set_name(threads[0], "first"), thrd_set_name(threads[1], "second");
  for (int tick = 0; interrupts < 2 && tick != most; tick++) {
    printf("%d\n", tick);
    fflush(stdout);
    pass(20);
  }
  if (interrupts < 2) exit(rounds[0] > 0 && rounds[1] > 0 ? 0 : 1);
  stop = 1;
  int both = join(threads[0]) + join(threads[1]);
  printf("%d have stopped\n", both);
}

static int traps(void *argument) {
  (void)argument;
  pass(5);
  __builtin_trap();
}

static int adds(void *argument) {
  int sum = 0;
  for (int number = 1; number <= 100; number++) sum += number, thrd_yield();
  pass(20);
  return sum + *(int *)argument;
}

static void trap(void) {
  int zero = 0;
  thrd_t bad = start(traps, 0), good[2] = {start(adds, &zero), start(adds, &zero)};
  thrd_set_name(bad, "bad");
  thrd_detach(bad);
  int sum = join(good[0]);
  printf("sums %d %d\n", sum, join(good[1]));
}

static mtx_t held;

static int pauses(void *argument) {
  (void)argument;
  sigset_t other = only(SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &other, 0);
  return pause() == -1 && errno == EINTR;
}

static int suspends(void *argument) {
  (void)argument;
  sigset_t all, but;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, 0);
  but = all;
  sigdelset(&but, SIGUSR2), sigdelset(&but, SIGINT);
  return sigsuspend(&but) == -1 && errno == EINTR;
}

static int locks(void *argument) {
  (void)argument;
  return mtx_lock(&held);
}

static void wait_for_signals(void) {
  sigset_t mine = only(SIGUSR1), other = only(SIGUSR2);
  handle(SIGUSR1), handle(SIGUSR2);
  thrd_t pausing = start(pauses, 0), suspended = start(suspends, 0);
  pthread_sigmask(SIG_BLOCK, &mine, 0), pthread_sigmask(SIG_BLOCK, &other, 0);
  mtx_init(&held, mtx_plain);
  mtx_lock(&held);
  thrd_t locking = start(locks, 0);
  thrd_set_name(pausing, "pausing"), thrd_set_name(suspended, "suspended"), thrd_set_name(locking, "locking");
  say("waiting\n");
  int both = join(pausing) + join(suspended);
  printf("%d were woken\n", both);
  fflush(stdout);
  join(locking);
}

static void wait_for_post(void) {
  handle(SIGUSR1);
  say("waiting\n");
  semaphore_acquire(&posted);
  say("posted\n");
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  CHECK(semaphore_init(&posted, 0) == thrd_success);
  if (strcmp(what, "block") == 0) {
    sigset_t set = only(SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, 0);
  }
  if (strcmp(what, "handle") == 0) handle(SIGINT);
  if (strcmp(what, "trap") == 0) trap();
  else if (strcmp(what, "pause") == 0) wait_for_signals();
  else if (strcmp(what, "post") == 0) wait_for_post();
  else count(argc > 2 ? atoi(argv[2]) : -1);
  return 0;
}
