// Recursion with loops in it, and calls through pointers. bench-quicksort [COUNT]
#include "benchmark.h"

typedef int comparison(uint32_t, uint32_t);

static int ascending(uint32_t a, uint32_t b) { return a < b ? -1 : a > b; }
static int by_low_bits(uint32_t a, uint32_t b) { return ascending(a << 16 | a >> 16, b << 16 | b >> 16); }

static void quicksort(uint32_t *items, int32_t from, int32_t to, comparison *compare) {
  while (from < to) {
    uint32_t pivot = items[from + (to - from) / 2];
    int32_t left = from, right = to;
    while (left <= right) {
      while (compare(items[left], pivot) < 0) left++;
      while (compare(items[right], pivot) > 0) right--;
      if (left <= right) {
        uint32_t item = items[left];
        items[left++] = items[right];
        items[right--] = item;
      }
    }
    if (right - from < to - left) {
      quicksort(items, from, right, compare);
      from = left;
    } else {
      quicksort(items, left, to, compare);
      to = right;
    }
  }
}

int main(int argc, char **argv) {
  on(SIGUSR1, interrupted);
  uint32_t count = argument(argc, argv, 1, 500000), random = 99;
  uint32_t *items = malloc(count * sizeof *items);
  uint64_t digest = DIGEST;
  comparison *volatile comparisons[] = {ascending, by_low_bits};
  for (int round = 0; round < 2; round++) {
    comparison *compare = comparisons[round];
    for (uint32_t at = 0; at < count; at++) items[at] = next_random(&random);
    quicksort(items, 0, (int32_t)count - 1, compare);
    for (uint32_t at = 1; at < count; at++) {
      if (compare(items[at - 1], items[at]) > 0) return 1;
    }
    digest = digest_bytes(digest, items, count * sizeof *items);
  }
  free(items);
  return finish(digest);
}
