// Floating point in three nested loops. bench-matrix [SIZE]
#include "benchmark.h"

int main(int argc, char **argv) {
  on(SIGUSR1, interrupted);
  uint32_t n = argument(argc, argv, 1, 320), random = 7;
  double *a = malloc(n * n * sizeof *a), *b = malloc(n * n * sizeof *b), *c = malloc(n * n * sizeof *c);
  for (uint32_t at = 0; at < n * n; at++) {
    a[at] = (double)(next_random(&random) % 2000) / 1000 - 1;
    b[at] = (double)(next_random(&random) % 2000) / 1000 - 1;
  }
  for (uint32_t row = 0; row < n; row++) {
    for (uint32_t column = 0; column < n; column++) {
      double sum = 0;
      for (uint32_t at = 0; at < n; at++) sum += a[row * n + at] * b[at * n + column];
      c[row * n + column] = sum;
    }
  }
  uint64_t digest = digest_bytes(DIGEST, c, n * n * sizeof *c);
  free(a), free(b), free(c);
  return finish(digest);
}
