// Threads that allocate and print as fast as they can, so that they interrupt each other in the middle of both.
#include "threaded.h"

#define THREADS 16
#define BLOCKS 24

static uint32_t next_random(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

struct block {
  size_t size;
  unsigned char *bytes;
  unsigned char mark;
};

static void check(const struct block *block) {
  for (size_t at = 0; at < block->size; at++) {
    if (block->bytes[at] != block->mark) printf("a block was overwritten\n"), exit(1);
  }
}

static void fill(struct block *block, unsigned char mark) {
  block->mark = mark;
  memset(block->bytes, mark, block->size);
}

static int allocate(unsigned number, int rounds) {
  uint32_t random = number * 2654435761u + 1;
  struct block blocks[BLOCKS] = {0};
  for (int round = 0; round < rounds; round++) {
    struct block *block = &blocks[next_random(&random) % BLOCKS];
    size_t size = 1 + next_random(&random) % 200;
    check(block);
    if (block->bytes == 0) {
      block->bytes = round % 3 ? malloc(size) : calloc(size, 1);
    } else if (next_random(&random) % 2) {
      block->bytes = realloc(block->bytes, size);
    } else {
      free(block->bytes);
      block->bytes = round % 2 ? aligned_alloc(32, 256) : 0;
      size = block->bytes ? 256 : 0;
    }
    if (size && block->bytes == 0) printf("no memory\n"), exit(1);
    block->size = size;
    fill(block, (unsigned char)(number * 16 + round));
  }
  for (size_t at = 0; at < BLOCKS; at++) check(&blocks[at]), free(blocks[at].bytes);
  return 0;
}

// Streams that are opened, written and closed at once.
static void write_in_memory(unsigned number) {
  char *text = 0;
  size_t size = 0;
  FILE *memory = open_memstream(&text, &size);
  if (memory == 0) printf("no stream\n"), exit(1);
  for (unsigned line = 0; line < 3; line++) fprintf(memory, "%u: %u\n", number, line);
  if (number % 2) fflush(0);
  if (fclose(memory) != 0) printf("not closed\n"), exit(1);
  char expected[64];
  snprintf(expected, sizeof expected, "%u: 0\n%u: 1\n%u: 2\n", number, number, number);
  if (strcmp(text, expected) != 0) printf("a stream was overwritten\n"), exit(1);
  free(text);
}

static int rounds;

static int work(void *argument) {
  unsigned number = (unsigned)(uintptr_t)argument;
  for (int line = 0; line < 4; line++) {
    allocate(number, rounds);
    write_in_memory(number);
    if (line % 2) {
      printf("thread %02u, line %d: %s %5.2f\n", number, line, "the quick brown fox", number + line / 4.0);
    } else {
      fputs("whole line, in one piece\n", stdout);
      fputc('\n', stdout);
    }
    char text[64];
    snprintf(text, sizeof text, "%u/%d", number, line);
    char expected[64] = {(char)('0' + number / 10), (char)('0' + number % 10), '/', (char)('0' + line)};
    if (strcmp(text, expected + (number < 10)) != 0) printf("snprintf: %s\n", text), exit(1);
  }
  return 0;
}

int main(int argc, char **argv) {
  thrd_t threads[THREADS];
  rounds = argc > 1 ? atoi(argv[1]) : 10;
  for (uintptr_t number = 0; number < THREADS; number++) threads[number] = start(work, (void *)number);
  for (int number = 0; number < THREADS; number++) join(threads[number]);
  puts("done");
  return 0;
}
