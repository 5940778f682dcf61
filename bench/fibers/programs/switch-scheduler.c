// A round-robin scheduler without a loop of its own: a task that gives way switches to the next one in the queue.
#include "fiber.h"

enum { TASKS = 1000 };

static unsigned work;
static fiber *queue[TASKS + 1];
static int head, length;

static void enqueue(fiber *task) {
  const int tail = head + length++;
  queue[tail > TASKS ? tail - TASKS - 1 : tail] = task;
}

static fiber *dequeue(void) {
  fiber *const first = queue[head];
  head = head == TASKS ? 0 : head + 1;
  length--;
  return first;
}

static int task(int turns) {
  unsigned own = (unsigned)turns;
  for (int turn = 0; turn < turns; turn++) {
    own = own * 1664525 + 1013904223;
    enqueue(fiber_self());
    fiber_switch(dequeue(), turns);
  }
  work = work * 31 + own;
  return 0;
}

__attribute__((export_name("run"))) int run(int n) {
  work = 0;
  head = length = 0;
  for (int i = 0; i < TASKS; i++) enqueue(fiber_create(task));
  while (length > 0) {
    // It returns when some task has run out of turns; that one is no longer in the queue.
    fiber_run(dequeue(), n / TASKS);
  }
  return (int)work;
}
