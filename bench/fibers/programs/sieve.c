// The n-th prime: each prime has a fiber that lets only those through that it does not divide, and draws from the one before.
#include "fiber.h"

#include <stdlib.h>

typedef struct {
  fiber *source;
  int prime;
} filter;

static int numbers(int from) {
  for (int value = from;; value++) fiber_yield(value);
}

static int sift(int address) {
  const filter self = *(filter *)address;
  fiber_yield(0);
  for (;;) {
    const int value = fiber_resume(self.source, 0);
    if (value % self.prime != 0) fiber_yield(value);
  }
}

__attribute__((export_name("run"))) int run(int n) {
  fiber **const chain = malloc((size_t)(n + 1) * sizeof *chain);
  chain[0] = fiber_create(numbers);
  int prime = fiber_resume(chain[0], 2);
  for (int length = 1; length < n; length++) {
    filter settings = {chain[length - 1], prime};
    chain[length] = fiber_create(sift);
    fiber_resume(chain[length], (int)&settings);
    prime = fiber_resume(chain[length], 0);
  }
  for (int length = 0; length < n; length++) fiber_destroy(chain[length]);
  free(chain);
  return prime;
}
