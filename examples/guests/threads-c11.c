// Every function of <threads.h>, and what it returns: as on Linux.
#include <unistd.h>

#include "threaded.h"


static int answer(void *argument) { return *(int *)argument * 2; }
static int leaves(void *argument) { thrd_exit(*(int *)argument + 1); }
static int deep_leaver(int depth) {
  if (depth == 0) thrd_exit(77);
  return deep_leaver(depth - 1) + 1;
}
static int leaves_from_below(void *argument) { return deep_leaver(*(int *)argument); }
static int is_current(void *argument) {
  thrd_t *thread = argument;
  while (*(volatile thrd_t *)thread == 0) thrd_yield();
  return thrd_equal(*thread, thrd_current()) != 0;
}

static mtx_t ready_mutex;
static cnd_t ready_condition;
static int ready;

static int says_ready(void *argument) {
  (void)argument;
  CHECK(mtx_lock(&ready_mutex) == thrd_success);
  ready = 1;
  CHECK(cnd_signal(&ready_condition) == thrd_success);
  CHECK(mtx_unlock(&ready_mutex) == thrd_success);
  return 0;
}

static void threads(void) {
  int seven = 7, twenty = 20, result = -1;
  printf("returned: %d\n", join(start(answer, &seven)));
  printf("exited: %d\n", join(start(leaves, &seven)));
  printf("exited, below: %d\n", join(start(leaves_from_below, &twenty)));
  thrd_t thread = start(answer, &twenty);
  printf("without a result: %s\n", outcome(thrd_join(thread, 0)));
  static thrd_t itself;
  thread = start(is_current, &itself);
  itself = thread;
  thrd_join(thread, &result);
  printf("current: %d, not main's: %d\n", result, !thrd_equal(thread, thrd_current()));

  mtx_init(&ready_mutex, mtx_plain);
  cnd_init(&ready_condition);
  thread = start(says_ready, 0);
  printf("detach: %s\n", outcome(thrd_detach(thread)));
  mtx_lock(&ready_mutex);
  while (!ready) cnd_wait(&ready_condition, &ready_mutex);
  mtx_unlock(&ready_mutex);

  struct timespec from, to;
  timespec_get(&from, TIME_UTC);
  printf("sleep: %d\n", pass(30));
  timespec_get(&to, TIME_UTC);
  printf("slept: %d\n", (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 >= 29);
  printf("a sleep of no time: %d\n", thrd_sleep(&(struct timespec){0, 0}, 0));
  printf("by other names: %d %d\n", usleep(1000), nanosleep(&(struct timespec){0, 1000000}, 0));
  printf("no time: %d %d\n", thrd_sleep(&(struct timespec){0, 1000000000}, 0) < -1,
         thrd_sleep(&(struct timespec){-1, 0}, 0) < -1);
}

static mtx_t mutex;
static int steps;

static int tries(void *argument) {
  (void)argument;
  printf("another's: %s", outcome(mtx_trylock(&mutex)));
  struct timespec soon = in(20), past = {0, 0};
  printf(", %s", outcome(mtx_timedlock(&mutex, &soon)));
  printf(", %s\n", outcome(mtx_timedlock(&mutex, &past)));
  return 0;
}

static int counts(void *argument) {
  for (int turn = 0; turn < *(int *)argument; turn++) {
    mtx_lock(&mutex);
    int before = *(volatile int *)&steps;
    thrd_yield();
    *(volatile int *)&steps = before + 1;
    mtx_unlock(&mutex);
  }
  return 0;
}

static void mutexes(void) {
  int types[] = {mtx_plain, mtx_timed, mtx_plain | mtx_recursive, mtx_timed | mtx_recursive};
  for (size_t at = 0; at < LENGTH(types); at++) {
    printf("type %zu: %s", at, outcome(mtx_init(&mutex, types[at])));
    printf(", lock %s", outcome(mtx_lock(&mutex)));
    printf(", again %s", outcome(mtx_trylock(&mutex)));
    if (types[at] & mtx_recursive) printf(", unlock %s", outcome(mtx_unlock(&mutex)));
    printf(", unlock %s", outcome(mtx_unlock(&mutex)));
    struct timespec past = {0, 0};
    printf(", free, late %s", outcome(mtx_timedlock(&mutex, &past)));
    printf(", unlock %s\n", outcome(mtx_unlock(&mutex)));
    mtx_destroy(&mutex);
  }

  mtx_init(&mutex, mtx_timed);
  mtx_lock(&mutex);
  join(start(tries, 0));
  struct timespec none = {0, 1000000000};
  mtx_unlock(&mutex);

  int turns = 50;
  thrd_t counters[8];
  for (size_t at = 0; at < LENGTH(counters); at++) counters[at] = start(counts, &turns);
  for (size_t at = 0; at < LENGTH(counters); at++) join(counters[at]);
  printf("counted: %d\n", steps);
  mtx_lock(&mutex);
  cnd_t condition;
  cnd_init(&condition);
  printf("no time: %s\n", outcome(cnd_timedwait(&condition, &mutex, &none)));
  cnd_destroy(&condition);
  mtx_unlock(&mutex);
  mtx_destroy(&mutex);
}

static cnd_t condition;
static int waiting, woken, tokens;

static int waits(void *argument) {
  (void)argument;
  mtx_lock(&mutex);
  waiting++;
  while (tokens == 0) CHECK(cnd_wait(&condition, &mutex) == thrd_success);
  tokens--;
  woken++;
  mtx_unlock(&mutex);
  return 0;
}

static void await_waiting(int count) {
  for (;;) {
    mtx_lock(&mutex);
    int now = waiting;
    mtx_unlock(&mutex);
    if (now == count) return;
    thrd_yield();
  }
}

static void conditions(void) {
  mtx_init(&mutex, mtx_plain);
  printf("condition: %s\n", outcome(cnd_init(&condition)));
  printf("nobody waits: %s, %s\n", outcome(cnd_signal(&condition)), outcome(cnd_broadcast(&condition)));

  mtx_lock(&mutex);
  struct timespec soon = in(20), past = {0, 0};
  printf("nobody comes: %s", outcome(cnd_timedwait(&condition, &mutex, &soon)));
  printf(", %s", outcome(cnd_timedwait(&condition, &mutex, &past)));
  mtx_unlock(&mutex);
  printf(", %s afterwards\n", outcome(mtx_trylock(&mutex)));
  mtx_unlock(&mutex);

  thrd_t waiters[6];
  for (size_t at = 0; at < LENGTH(waiters); at++) waiters[at] = start(waits, 0);
  await_waiting(6);
  for (int signals = 0; signals < 2; signals++) {
    mtx_lock(&mutex);
    tokens++;
    cnd_signal(&condition);
    mtx_unlock(&mutex);
  }
  mtx_lock(&mutex);
  tokens += 4;
  cnd_broadcast(&condition);
  mtx_unlock(&mutex);
  for (size_t at = 0; at < LENGTH(waiters); at++) join(waiters[at]);
  printf("woken: %d, tokens left: %d\n", woken, tokens);
  cnd_destroy(&condition);
  mtx_destroy(&mutex);
}

static once_flag flag = ONCE_FLAG_INIT;
static int calls, finished;

static void first(void) {
  calls++;
  pass(10);
  finished = 1;
}

static int wants_it_done(void *argument) {
  (void)argument;
  call_once(&flag, first);
  return finished;
}

static void once(void) {
  thrd_t callers[5];
  int seen = 0;
  for (size_t at = 0; at < LENGTH(callers); at++) callers[at] = start(wants_it_done, 0);
  for (size_t at = 0; at < LENGTH(callers); at++) seen += join(callers[at]);
  call_once(&flag, first);
  printf("called: %d, seen as done: %d\n", calls, seen);
}

static tss_t key, other, plain;
static int destroyed, rounds;
static mtx_t count_mutex;

static void destroy(void *value) {
  mtx_lock(&count_mutex);
  destroyed += *(int *)value;
  mtx_unlock(&count_mutex);
  CHECK(tss_get(key) == 0);
}

static void sets_again(void *value) {
  rounds++;
  tss_set(other, value);
}

static int has_own(void *argument) {
  CHECK(tss_get(key) == 0);
  CHECK(tss_set(key, argument) == thrd_success);
  CHECK(tss_set(plain, argument) == thrd_success);
  thrd_yield();
  CHECK(tss_get(key) == argument && tss_get(plain) == argument);
  if (*(int *)argument % 2) thrd_exit(0);
  return 0;
}

static int never_done(void *argument) {
  tss_set(other, argument);
  return 0;
}

static int clears(void *argument) {
  tss_set(key, argument);
  tss_set(key, 0);
  return 0;
}

static void storage(void) {
  mtx_init(&count_mutex, mtx_plain);
  printf("keys: %s", outcome(tss_create(&key, destroy)));
  printf(", %s", outcome(tss_create(&other, sets_again)));
  printf(", %s\n", outcome(tss_create(&plain, 0)));
  static int values[] = {1, 2, 3, 4, 5, 6};
  thrd_t owners[LENGTH(values)];
  static int mine = 100;
  tss_set(key, &mine);
  for (size_t at = 0; at < LENGTH(values); at++) owners[at] = start(has_own, &values[at]);
  for (size_t at = 0; at < LENGTH(values); at++) join(owners[at]);
  printf("destroyed: %d, mine is there: %d\n", destroyed, tss_get(key) == &mine);
  join(start(never_done, &values[0]));
  printf("rounds: %d of %d\n", rounds, TSS_DTOR_ITERATIONS);
  join(start(clears, &values[0]));
  printf("destroyed: %d\n", destroyed);
  tss_delete(key);
  tss_delete(plain);
  tss_create(&key, 0);
  printf("a key that is made anew: %d\n", tss_get(key) == 0);
}

static int last(void *argument) {
  (void)argument;
  pass(20);
  puts("the others go on after main's end, and then the program ends");
  return 55;
}

int main(void) {
  threads();
  mutexes();
  conditions();
  once();
  storage();
  thrd_detach(start(last, 0));
  thrd_exit(9);
}
