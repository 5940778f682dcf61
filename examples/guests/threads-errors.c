// Mistakes: each has an error's number, or ends one thread, and the others go on.
#include "threaded.h"

#include <bobbin/channel.h>

static const char *error_name(void) {
  switch (errno) {
    case 0:
      return "-";
    case EPERM:
      return "EPERM";
    case ESRCH:
      return "ESRCH";
    case EAGAIN:
      return "EAGAIN";
    case EBUSY:
      return "EBUSY";
    case EDEADLK:
      return "EDEADLK";
    case EINVAL:
      return "EINVAL";
    case EOWNERDEAD:
      return "EOWNERDEAD";
    case ECANCELED:
      return "ECANCELED";
    case ETIMEDOUT:
      return "ETIMEDOUT";
    default:
      return strerror(errno);
  }
}

static void say(const char *what, int result) {
  printf("%s: %s %s\n", what, outcome(result), result == thrd_error ? error_name() : "-");
}

static int idle(void *argument) { return (int)(intptr_t)argument; }

static mtx_t mutex;

static int unlocks(void *argument) {
  (void)argument;
  say("unlocking another's mutex", mtx_unlock(&mutex));
  return 0;
}

static int joins_main(void *argument) {
  int result = thrd_join(*(thrd_t *)argument, 0);
  return result == thrd_error && errno == EDEADLK;
}

static int joins(void *argument) {
  CHECK(thrd_join(*(thrd_t *)argument, 0) == thrd_success);
  return 0;
}

static int naps(void *argument) {
  (void)argument;
  pass(5);
  return 0;
}

static void joining(void) {
  say("joining oneself", thrd_join(thrd_current(), 0));
  thrd_t thread = start(idle, 0);
  join(thread);
  say("joining what was joined", thrd_join(thread, 0));
  say("joining nobody", thrd_join(4711, 0));
  thread = start(naps, 0);
  thrd_detach(thread);
  say("joining what is detached", thrd_join(thread, 0));
  say("detaching it again", thrd_detach(thread));
  thread = start(naps, 0);
  thrd_t other = start(joins, &thread);
  pass(1);
  say("joining what another joins", thrd_join(thread, 0));
  join(other);
  thrd_t self = thrd_current();
  thread = start(joins_main, &self);
  printf("joining in a circle: %d\n", join(thread));
  printf("signals: %d %d %d\n", thrd_kill(4711, 0) == ESRCH, thrd_kill(thrd_current(), 99) == EINVAL,
         thrd_kill(thrd_current(), 0) == 0);
}

static void mutexes(void) {
  CHECK(mtx_init(&mutex, mtx_plain) == thrd_success);
  say("unlocking a free mutex", mtx_unlock(&mutex));
  mtx_lock(&mutex);
  say("locking one's own mutex", mtx_lock(&mutex));
  join(start(unlocks, 0));
  mtx_unlock(&mutex);
  cnd_t condition;
  cnd_init(&condition);
  say("waiting without the mutex", cnd_wait(&condition, &mutex));
  cnd_destroy(&condition);
  say("a condition that was destroyed", cnd_signal(&condition));
  mtx_destroy(&mutex);
  say("a mutex that was destroyed", mtx_lock(&mutex));
  mtx_t zero = {0};
  say("a mutex that never was", mtx_lock(&zero));
  say("a mutex of another type", mtx_init(&mutex, 64));
  mtx_init(&mutex, mtx_plain);
  cnd_t confused = {mutex.__handle};
  say("a mutex as a condition", cnd_broadcast(&confused));
  semaphore_t semaphore;
  barrier_t barrier;
  waitgroup_t group;
  chan_t channel;
  say("a semaphore of less than nothing", semaphore_init(&semaphore, (unsigned)-1));
  say("a barrier for nobody", barrier_init(&barrier, 0));
  waitgroup_init(&group);
  say("more done than there was", waitgroup_done(&group));
  say("a channel of less than nothing", chan_init(&channel, (unsigned)-5));
  say("no choice", chan_tryselect(0, 0, &(unsigned){0}));
}

static int two_parameters(int a, int b) { return a + b; }
static long long wide(void *argument) { return (intptr_t)argument; }

static void spawning(void) {
  thrd_t thread = 0;
  say("no function", thrd_create(&thread, 0, 0));
  say("no function in the table", thrd_create(&thread, (thrd_start_t)4711, 0));
  say("two parameters", thrd_create(&thread, (thrd_start_t)(void *)two_parameters, 0));
  say("another result", thrd_create(&thread, (thrd_start_t)(void *)wide, 0));
  say("a stack of nothing", thrd_create_with_stack(&thread, idle, 0, 0));
  say("a stack too small", thrd_create_with_stack(&thread, idle, 0, THRD_STACK_MIN - 1));
  say("a stack larger than all memory", thrd_create_with_stack(&thread, idle, 0, 0x7fffffff));
  printf("nothing was made: %d\n", (int)thread);
  say("a small stack", thrd_create_with_stack(&thread, idle, (void *)3, THRD_STACK_MIN));
  printf("which is enough: %d\n", join(thread));
}

static int may_end;

static int waits_for_the_end(void *argument) {
  (void)argument;
  while (!*(volatile int *)&may_end) pass(1);
  return 0;
}

// The memory has an end: see the flags.
static void too_many(void) {
  static thrd_t threads[4096];
  size_t made = 0;
  int result = thrd_success;
  while (made < LENGTH(threads)) {
    result = thrd_create_with_stack(&threads[made], waits_for_the_end, 0, 65536);
    if (result != thrd_success) break;
    made++;
  }
  say("more threads than memory allows", result);
  printf("but some: %d\n", made > 8);
  may_end = 1;
  for (size_t at = 0; at < made; at++) join(threads[at]);
  thrd_t thread;
  say("when they have ended", thrd_create_with_stack(&thread, idle, (void *)1, 65536));
  join(thread);
}

static int traps(void *argument) { return 7 / *(volatile int *)argument; }

static int overflows(int depth) {
  volatile char frame[512];
  for (size_t at = 0; at < sizeof frame; at++) frame[at] = (char)depth;
  thrd_yield();
  return depth == 0 ? frame[0] : overflows(depth - 1) + frame[depth % 512];
}
static int overruns_its_stack(void *argument) { return overflows(*(int *)argument); }

static char *nowhere = (char *)0xfffffff0;
static int prints_what_is_not_there(void *argument) {
  (void)argument;
  return printf("%s\n", nowhere);
}

static int ended_badly;

static int is_undisturbed(void *argument) {
  int turns = 0;
  (void)argument;
  for (; !*(volatile int *)&ended_badly; turns++) pass(1);
  return turns > 0;
}

static void ending_badly(void) {
  int zero = 0, deep = 200;
  thrd_t other = start(is_undisturbed, 0);
  say("one that traps", thrd_join(start(traps, &zero), 0));
  thrd_t thread;
  CHECK(thrd_create_with_stack(&thread, overruns_its_stack, &deep, 8192) == thrd_success);
  say("one that overruns its stack", thrd_join(thread, 0));
  say("one that traps in printf", thrd_join(start(prints_what_is_not_there, 0), 0));
  ended_badly = 1;
  printf("others went on: %d\n", join(other));
}

int main(void) {
  joining();
  mutexes();
  spawning();
  too_many();
  ending_badly();
  puts("and so did main");
  return 0;
}
