// Main does nothing but join; the others end up waiting for each other.
#include "threaded.h"

#include <bobbin/channel.h>

static mtx_t fork_, spoon;
static cnd_t never;
static mtx_t never_mutex;
static semaphore_t empty;
static chan_t silent;
static barrier_t pair;

static int fork_then_spoon(void *argument) {
  (void)argument;
  mtx_lock(&fork_);
  barrier_wait(&pair, 0);
  mtx_lock(&spoon);
  return 0;
}

static int spoon_then_fork(void *argument) {
  (void)argument;
  mtx_lock(&spoon);
  barrier_wait(&pair, 0);
  mtx_lock(&fork_);
  return 0;
}

static int waits_for_a_condition(void *argument) {
  (void)argument;
  mtx_lock(&never_mutex);
  cnd_wait(&never, &never_mutex);
  return 0;
}

static int waits_for_a_semaphore(void *argument) {
  (void)argument;
  semaphore_acquire(&empty);
  return 0;
}

static int listens(void *argument) {
  uint64_t value;
  (void)argument;
  chan_recv(&silent, &value);
  return 0;
}

static int is_parked(void *argument) {
  (void)argument;
  thrd_park();
  return 0;
}

static int ends(void *argument) {
  (void)argument;
  return 0;
}

static const struct {
  const char *name;
  thrd_start_t entry;
} all[] = {
    {"anna", fork_then_spoon},
    {"bert", spoon_then_fork},
    {"cora", waits_for_a_condition},
    {"dora", waits_for_a_semaphore},
    {"emil", listens},
    {"fritz", is_parked},
    {"greta", ends},
};

int main(void) {
  thrd_t threads[LENGTH(all)];
  mtx_init(&fork_, mtx_plain);
  mtx_init(&spoon, mtx_plain);
  mtx_init(&never_mutex, mtx_plain);
  cnd_init(&never);
  semaphore_init(&empty, 0);
  chan_init(&silent, 0);
  barrier_init(&pair, 2);
  for (size_t at = 0; at < LENGTH(all); at++) {
    threads[at] = start(all[at].entry, 0);
    CHECK(thrd_set_name(threads[at], all[at].name) == thrd_success);
  }
  printf("joined: %d\n", join(threads[LENGTH(all) - 1]));
  fflush(stdout);
  for (size_t at = 0; at + 1 < LENGTH(all); at++) join(threads[at]);
  puts("cannot be");
  return 0;
}
