// Signals of threads, as on Linux: masks, to one thread and to the process, and handlers while a thread waits.
#include <unistd.h>

#include "threaded.h"

static volatile sig_atomic_t handled;
static thread_local volatile int mine;
static volatile thrd_t handler_thread;

static void count(int signo) {
  (void)signo;
  handled++;
  mine++;
  handler_thread = thrd_current();
}

static sigset_t set_of(int signo) {
  sigset_t set;
  sigemptyset(&set);
  if (signo) sigaddset(&set, signo);
  return set;
}

static int change_mask(int how, int signo) {
  sigset_t set = set_of(signo);
  return pthread_sigmask(how, &set, 0);
}

static int is_blocked(int signo) {
  sigset_t set;
  pthread_sigmask(SIG_BLOCK, 0, &set);
  return sigismember(&set, signo);
}

static int is_pending(int signo) {
  sigset_t set;
  sigpending(&set);
  return sigismember(&set, signo);
}

static void install(int signo, void (*handler)(int), int flags) {
  struct sigaction action = {0};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(signo, &action, 0);
}

// The two of them take turns by number.
static mtx_t mutex;
static cnd_t changed;
static int phase;

static void reach(int number) {
  mtx_lock(&mutex);
  phase = number;
  cnd_broadcast(&changed);
  mtx_unlock(&mutex);
}

static void await(int number) {
  mtx_lock(&mutex);
  while (phase < number) cnd_wait(&changed, &mutex);
  mtx_unlock(&mutex);
}

static int inherits(void *argument) {
  (void)argument;
  int had = is_blocked(SIGUSR1) + 2 * is_blocked(SIGUSR2);
  change_mask(SIG_SETMASK, SIGUSR2);
  return had;
}

static void masks(void) {
  change_mask(SIG_BLOCK, SIGUSR1);
  printf("a new thread has its maker's mask: %d", join(start(inherits, 0)));
  printf(", and changes its own only: %d %d\n", is_blocked(SIGUSR1), is_blocked(SIGUSR2));
  change_mask(SIG_SETMASK, 0);
}

static int gets_two(void *argument) {
  (void)argument;
  change_mask(SIG_BLOCK, SIGUSR1);
  change_mask(SIG_BLOCK, SIGUSR2);
  reach(1);
  await(2);
  printf("pending here: %d %d", is_pending(SIGUSR1), is_pending(SIGUSR2));
  int before = mine;
  change_mask(SIG_SETMASK, 0);
  printf(", handled here: %d\n", mine - before);
  return thrd_equal(handler_thread, thrd_current()) != 0;
}

static void directed(void) {
  handled = 0;
  thrd_t thread = start(gets_two, 0);
  await(1);
  thrd_kill(thread, SIGUSR1);
  thrd_kill(thread, SIGUSR1);
  thrd_kill(thread, SIGUSR2);
  printf("pending elsewhere: %d %d\n", is_pending(SIGUSR1), is_pending(SIGUSR2));
  reach(2);
  int by_thread = join(thread);
  printf("by that thread: %d, in all: %d\n", by_thread, (int)handled);
}

static int the_only_one(void *argument) {
  (void)argument;
  change_mask(SIG_UNBLOCK, SIGUSR1);
  reach(3);
  await(4);
  return mine * 10 + (thrd_equal(handler_thread, thrd_current()) != 0);
}

static void to_the_process(void) {
  change_mask(SIG_BLOCK, SIGUSR1);
  handled = 0;
  thrd_t thread = start(the_only_one, 0);
  await(3);
  int before = mine;
  kill(getpid(), SIGUSR1);
  while (!handled) thrd_yield();
  reach(4);
  int got = join(thread);
  printf("who does not block it gets it: %d, not me: %d\n", got, mine - before);
  kill(getpid(), SIGUSR1);
  kill(getpid(), SIGUSR1);
  printf("nobody: pending %d", is_pending(SIGUSR1));
  handled = 0;
  change_mask(SIG_UNBLOCK, SIGUSR1);
  printf(", handled once unblocked: %d\n", (int)handled);
  handled = 0;
  before = mine;
  raise(SIGUSR1);
  printf("raise is to oneself: %d\n", mine - before);
}

static mtx_t held;
static int told;
static cnd_t word;

static int locks(void *argument) {
  reach(*(int *)argument);
  int result = mtx_lock(&held);
  int seen = mine;
  mtx_unlock(&held);
  return result * 100 + seen;
}

static int waits(void *argument) {
  mtx_lock(&held);
  reach(*(int *)argument);
  int result = thrd_success;
  while (!told && result == thrd_success) result = cnd_wait(&word, &held);
  int owner = mtx_trylock(&held);
  int seen = mine;
  mtx_unlock(&held);
  return result * 100 + owner * 10 + seen;
}

static int waits_some_time(void *argument) {
  struct timespec until = in(200);
  mtx_lock(&held);
  reach(*(int *)argument);
  int result = thrd_success;
  while (!told && result == thrd_success) result = cnd_timedwait(&word, &held, &until);
  mtx_unlock(&held);
  return result * 100 + mine;
}

static int sleeps(void *argument) {
  reach(*(int *)argument);
  struct timespec rest = {9, 9};
  int result = thrd_sleep(&(struct timespec){30, 0}, &rest);
  return result * 100 - mine - 10 * (rest.tv_sec > 20 && rest.tv_sec < 30);
}

static int pauses(void *argument) {
  reach(*(int *)argument);
  int result = pause();
  return result * 100 + (errno == EINTR) * 10 + mine;
}

static int suspends(void *argument) {
  change_mask(SIG_BLOCK, SIGUSR1);
  reach(*(int *)argument);
  sigset_t none = set_of(0);
  int result = sigsuspend(&none);
  return result * 100 + (errno == EINTR) * 10 + mine + is_blocked(SIGUSR1) * 1000;
}

static int naps(void *argument) {
  (void)argument;
  pass(60);
  return 7;
}

static int joins(void *argument) {
  thrd_t sleeper = start(naps, 0);
  reach(*(int *)argument);
  int result, joined = thrd_join(sleeper, &result);
  return joined * 100 + result * 10 + mine;
}

// Sends it until it was handled: the thread may not be waiting yet.
static void interrupt(thrd_t thread, int number) {
  await(number);
  pass(20);
  handled = 0;
  thrd_kill(thread, SIGUSR1);
  while (!handled) pass(1);
}

static void waiting(void) {
  static int numbers[] = {10, 11, 12, 13, 14, 15, 16, 17};
  mtx_init(&held, mtx_plain);
  cnd_init(&word);
  mtx_lock(&held);
  thrd_t thread = start(locks, &numbers[0]);
  interrupt(thread, numbers[0]);
  mtx_unlock(&held);
  printf("mtx_lock goes on: %d\n", join(thread));

  told = 0;
  thread = start(waits, &numbers[1]);
  interrupt(thread, numbers[1]);
  mtx_lock(&held);
  told = 1;
  cnd_signal(&word);
  mtx_unlock(&held);
  printf("cnd_wait goes on, or wakes up: %d\n", join(thread));

  told = 0;
  thread = start(waits_some_time, &numbers[2]);
  interrupt(thread, numbers[2]);
  printf("cnd_timedwait waits until its time: %d\n", join(thread));

  thread = start(joins, &numbers[3]);
  interrupt(thread, numbers[3]);
  printf("thrd_join goes on: %d\n", join(thread));

  thread = start(sleeps, &numbers[4]);
  interrupt(thread, numbers[4]);
  printf("thrd_sleep is interrupted: %d\n", join(thread));

  thread = start(pauses, &numbers[5]);
  interrupt(thread, numbers[5]);
  printf("pause is over: %d\n", join(thread));

  thread = start(suspends, &numbers[6]);
  interrupt(thread, numbers[6]);
  printf("sigsuspend is over: %d\n", join(thread));
}

// Where nothing takes its turn from it.
static int cooperative;

static int computes(void *argument) {
  reach(*(int *)argument);
  while (!mine) {
    if (cooperative) thrd_yield();
  }
  return mine;
}

static void lock_and_signal(int signo) {
  // Not allowed in general, but it holds no lock that this wants.
  (void)signo;
  reach(31);
}

static int sits(void *argument) {
  reach(*(int *)argument);
  pass(100000);
  return 5;
}

static void computing(void) {
  static int numbers[] = {20, 30};
  thrd_t thread = start(computes, &numbers[0]);
  await(20);
  thrd_kill(thread, SIGUSR1);
  printf("one that computes: %d\n", join(thread));
  install(SIGUSR2, lock_and_signal, 0);
  thread = start(sits, &numbers[1]);
  await(30);
  pass(20);
  thrd_kill(thread, SIGUSR2);
  await(31);
  printf("a handler that wakes another: %d\n", join(thread));
}

int main(int argc, char **argv) {
  (void)argv;
  cooperative = argc > 1;
  setvbuf(stdout, 0, _IONBF, 0);
  mtx_init(&mutex, mtx_plain);
  cnd_init(&changed);
  install(SIGUSR1, count, 0);
  install(SIGUSR2, count, 0);
  masks();
  directed();
  to_the_process();
  waiting();
  computing();
  // A signal to one thread that ends the program ends it whole.
  static int never = 99;
  thrd_t thread = start(sits, &never);
  await(99);
  thrd_kill(thread, SIGTERM);
  pass(1000);
  puts("cannot be");
  return 0;
}
