// A million fibers: each has ten below it and adds up what they return; the last ones return their number.
#include "fiber.h"

static int span, number;

static int node(int size) {
  const int from = number;
  if (size == 1) return from;
  unsigned sum = 0;
  for (int child = 0; child < 10; child++) {
    fiber *const below = fiber_create(node);
    number = from + child * (size / 10);
    sum += (unsigned)fiber_resume(below, size / 10);
    fiber_destroy(below);
  }
  return (int)sum;
}

__attribute__((export_name("run"))) int run(int n) {
  span = n;
  number = 0;
  fiber *const root = fiber_create(node);
  const int sum = fiber_resume(root, span);
  fiber_destroy(root);
  return sum;
}
