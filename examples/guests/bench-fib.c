// Calls and nothing else. bench-fib [N]
#include "benchmark.h"

// One of the two calls would become a loop.
__attribute__((noinline, disable_tail_calls)) static uint32_t fib(uint32_t n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

int main(int argc, char **argv) {
  on(SIGUSR1, interrupted);
  return finish(digest_word(DIGEST, fib(argument(argc, argv, 1, 32))));
}
