// A round-robin scheduler: a thousand tasks in a queue, each of which gives way until its work is done.
#include "fiber.h"

enum { TASKS = 1000 };

static unsigned work;

static int task(int turns) {
  unsigned own = (unsigned)turns;
  for (int turn = 0; turn < turns; turn++) {
    own = own * 1664525 + 1013904223;
    fiber_yield(0);
  }
  work = work * 31 + own;
  return 0;
}

__attribute__((export_name("run"))) int run(int n) {
  static fiber *queue[TASKS];
  int head = 0, length = 0;
  work = 0;
  for (int i = 0; i < TASKS; i++) {
    queue[length++] = fiber_create(task);
    fiber_resume(queue[i], n / TASKS + i);
  }
  while (length > 0) {
    fiber *const current = queue[head];
    head = head + 1 == TASKS ? 0 : head + 1;
    length--;
    fiber_resume(current, 0);
    if (fiber_is_done(current)) {
      fiber_destroy(current);
      continue;
    }
    const int tail = head + length;
    queue[tail >= TASKS ? tail - TASKS : tail] = current;
    length++;
  }
  return (int)work;
}
