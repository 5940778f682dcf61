// A benchmark: a computation that prints its digest, and can be interrupted by SIGUSR1 at any time.
#pragma once

#include "guest.h"

static volatile uint32_t interruptions;

static void interrupted(int signo) {
  (void)signo;
  interruptions++;
}

// The digest is all a benchmark writes to standard output: interruptions must not change it.
static inline int finish(uint64_t digest) {
  printf("%016llx\n", (unsigned long long)digest);
  if (interruptions > 0) fprintf(stderr, "interrupted %u times\n", (unsigned)interruptions);
  return 0;
}
