// Byte stores in short loops. bench-sieve [LIMIT [ROUNDS]]
#include "benchmark.h"

int main(int argc, char **argv) {
  on(SIGUSR1, interrupted);
  uint32_t limit = argument(argc, argv, 1, 2000000), rounds = argument(argc, argv, 2, 8);
  unsigned char *composite = malloc(limit + 1);
  uint64_t digest = DIGEST;
  for (uint32_t round = 0; round < rounds; round++) {
    memset(composite, 0, limit + 1);
    for (uint32_t p = 2; p <= limit / p; p++) {
      if (composite[p]) continue;
      for (uint32_t multiple = p * p; multiple <= limit; multiple += p) composite[multiple] = 1;
    }
    uint32_t count = 0;
    uint64_t sum = 0;
    for (uint32_t n = 2; n <= limit; n++) {
      if (!composite[n]) {
        count++;
        sum += n;
      }
    }
    digest = digest_word(digest_word(digest, count), sum);
  }
  free(composite);
  return finish(digest);
}
