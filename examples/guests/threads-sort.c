// Merge sort: each half in a thread of its own, down to small pieces.
#include "threaded.h"

#define SMALL 64

static int compare(const void *a, const void *b) {
  uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
  return (left > right) - (left < right);
}

struct piece {
  uint32_t *from, *scratch;
  size_t count;
};

static int threads = 1;
static mtx_t mutex;

static int sort(void *argument) {
  struct piece *piece = argument;
  uint32_t *from = piece->from;
  size_t count = piece->count, half = count / 2;
  if (count <= SMALL) {
    qsort(from, count, sizeof *from, compare);
    return 0;
  }
  struct piece left = {from, piece->scratch, half};
  struct piece right = {from + half, piece->scratch + half, count - half};
  thrd_t other = start(sort, &left);
  mtx_lock(&mutex);
  threads++;
  mtx_unlock(&mutex);
  sort(&right);
  join(other);
  size_t a = 0, b = half;
  for (size_t at = 0; at < count; at++) {
    int first = b == count || (a < half && from[a] <= from[b]);
    piece->scratch[at] = first ? from[a++] : from[b++];
  }
  memcpy(from, piece->scratch, count * sizeof *from);
  return 0;
}

static uint64_t digest(const uint32_t *numbers, size_t count) {
  uint64_t value = 0xcbf29ce484222325;
  for (size_t at = 0; at < count; at++) value = (value ^ numbers[at]) * 0x100000001b3;
  return value;
}

int main(int argc, char **argv) {
  size_t count = argc > 1 ? (size_t)atoi(argv[1]) : 10000;
  uint32_t *numbers = malloc(count * sizeof *numbers), *copy = malloc(count * sizeof *copy);
  uint32_t *scratch = malloc(count * sizeof *scratch), random = 1;
  CHECK(numbers && copy && scratch);
  for (size_t at = 0; at < count; at++) {
    random ^= random << 13, random ^= random >> 17, random ^= random << 5;
    numbers[at] = copy[at] = random;
  }
  mtx_init(&mutex, mtx_plain);
  struct piece all = {numbers, scratch, count};
  sort(&all);
  qsort(copy, count, sizeof *copy, compare);
  printf("%zu numbers, %d threads, digest %016llx, %s\n", count, threads, (unsigned long long)digest(numbers, count),
         memcmp(numbers, copy, count * sizeof *copy) == 0 ? "sorted" : "not sorted");
  free(numbers);
  free(copy);
  free(scratch);
  return 0;
}
