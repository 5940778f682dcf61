// Programs that end while their threads are busy: nothing that was printed is lost, or in pieces.
#include "threaded.h"

static int prints(void *argument) {
  for (int line = 0;; line++) printf("thread %d says: %s %d\n", (int)(intptr_t)argument, "this is line", line);
}

static int flushes(void *argument) {
  (void)argument;
  for (;;) fflush(0);
}

static int reads(void *argument) {
  (void)argument;
  return getchar();
}

static int traps(void *argument) {
  pass(5);
  return 7 / *(volatile int *)argument;
}

// Others print, flush, and wait for input for ever.
static void exits(void) {
  for (intptr_t number = 0; number < 4; number++) start(prints, (void *)number);
  start(flushes, 0);
  start(reads, 0);
  for (int turn = 0; turn < 30; turn++) thrd_yield();
  exit(3);
}

// The last thread does not end by itself.
static void loses(void) {
  static int zero;
  printf("still in the buffer\n");
  start(traps, &zero);
  thrd_exit(0);
}

// One that has ended badly has the lock of the stream that all print to, and of the allocator.
static int prints_and_traps(void *argument) {
  flockfile(stdout);
  free(malloc(10));
  return 7 / *(volatile int *)argument;
}

static int prints_a_line(void *argument) {
  printf("line %d\n", (int)(intptr_t)argument);
  return 0;
}

static void locks(void) {
  static int zero;
  thrd_t threads[3], bad = start(prints_and_traps, &zero);
  for (intptr_t number = 0; number < 3; number++) threads[number] = start(prints_a_line, (void *)number);
  CHECK(thrd_join(bad, 0) == thrd_error && errno == EOWNERDEAD);
  for (int number = 0; number < 3; number++) join(threads[number]);
}

static int is_busy(void *argument) {
  int busy = ftrylockfile(stdout) != 0;
  if (!busy) funlockfile(stdout);
  return busy + *(int *)argument;
}

// flockfile(3).
static void shares(void) {
  int zero = 0;
  flockfile(stdout);
  flockfile(stdout);
  int first = join(start(is_busy, &zero));
  funlockfile(stdout);
  int second = join(start(is_busy, &zero));
  thrd_t other = start(prints_a_line, (void *)1);
  pass(10);
  printf("before it: ");
  printf("%d %d\n", first, second);
  funlockfile(stdout);
  join(other);
  printf("then: %d\n", join(start(is_busy, &zero)));
}

int main(int argc, char **argv) {
  if (argc < 2) return 1;
  if (strcmp(argv[1], "exits") == 0) exits();
  if (strcmp(argv[1], "loses") == 0) loses();
  if (strcmp(argv[1], "locks") == 0) locks();
  if (strcmp(argv[1], "shares") == 0) shares();
  return 0;
}
