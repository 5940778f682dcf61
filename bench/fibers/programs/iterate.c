// Sums what a generator yields.
#include "fiber.h"

static int count(int limit) {
  for (int value = 0; value < limit; value++) fiber_yield(value);
  return 0;
}

__attribute__((export_name("run"))) int run(int n) {
  fiber *const generator = fiber_create(count);
  unsigned sum = 0;
  for (int value = fiber_resume(generator, n); !fiber_is_done(generator); value = fiber_resume(generator, 0)) {
    sum += (unsigned)value;
  }
  fiber_destroy(generator);
  return (int)sum;
}
