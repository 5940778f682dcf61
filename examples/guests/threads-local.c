// errno, thread_local variables and tss_t: each thread's own.
#include "threaded.h"

#define THREADS 6

static thread_local int counter = 1000;
static thread_local char name[8] = "nobody";
_Thread_local double ratio;
static tss_t key;

static int *local_in_a_function(void) {
  static thread_local int calls;
  calls++;
  return &calls;
}

static int work(void *argument) {
  int number = (int)(intptr_t)argument;
  CHECK(counter == 1000 && ratio == 0 && strcmp(name, "nobody") == 0 && errno == 0 && tss_get(key) == 0);
  tss_set(key, argument);
  snprintf(name, sizeof name, "t%d", number);
  for (int turn = 0; turn < 50; turn++) {
    errno = number + 1;
    counter += number;
    ratio += 0.5;
    local_in_a_function();
    thrd_yield();
    CHECK(errno == number + 1);
    // Sets it in this thread only.
    if (turn % 10 == number) {
      CHECK(fseek(stdin, 0, 99) == -1 && errno == EINVAL);
    }
    CHECK(tss_get(key) == argument);
  }
  return counter * 1000 + (int)ratio * 10 + (*local_in_a_function() == 51) + (name[1] == '0' + number);
}

int main(void) {
  thrd_t threads[THREADS];
  tss_create(&key, 0);
  counter = 5;
  errno = ERANGE;
  for (intptr_t number = 0; number < THREADS; number++) threads[number] = start(work, (void *)number);
  for (int number = 0; number < THREADS; number++) printf("%d\n", join(threads[number]));
  errno = ERANGE;
  thrd_yield();
  printf("main: %d %s %g %d\n", counter, name, ratio, errno == ERANGE);
  return 0;
}
