// Counts the words of standard input: one thread reads, four count.
#include <ctype.h>

#include "threaded.h"

#define WORKERS 4
#define ROOM 8
#define WORDS 4096

// Lines between the reader and the workers.
static char *queue[ROOM];
static int first, queued, ended;
static mtx_t queue_mutex;
static cnd_t queue_filled, queue_emptied;

static void put(char *line) {
  mtx_lock(&queue_mutex);
  while (queued == ROOM) cnd_wait(&queue_emptied, &queue_mutex);
  queue[(first + queued++) % ROOM] = line;
  cnd_signal(&queue_filled);
  mtx_unlock(&queue_mutex);
}

static char *take(void) {
  char *line = 0;
  mtx_lock(&queue_mutex);
  while (queued == 0 && !ended) cnd_wait(&queue_filled, &queue_mutex);
  if (queued > 0) {
    line = queue[first];
    first = (first + 1) % ROOM;
    queued--;
    cnd_signal(&queue_emptied);
  }
  mtx_unlock(&queue_mutex);
  return line;
}

static int read_lines(void *argument) {
  char *line = 0;
  size_t size = 0;
  int lines = 0;
  (void)argument;
  while (getline(&line, &size, stdin) >= 0) {
    put(strdup(line));
    lines++;
  }
  free(line);
  mtx_lock(&queue_mutex);
  ended = 1;
  cnd_broadcast(&queue_filled);
  mtx_unlock(&queue_mutex);
  return lines;
}

struct word {
  char *text;
  int count;
};
static struct word words[WORDS];
static mtx_t words_mutex;

static void count(const char *text, size_t length) {
  uint32_t at = 2166136261u;
  for (size_t index = 0; index < length; index++) at = (at ^ (unsigned char)text[index]) * 16777619u;
  mtx_lock(&words_mutex);
  for (at %= WORDS; words[at].text; at = (at + 1) % WORDS) {
    if (strncmp(words[at].text, text, length) == 0 && words[at].text[length] == 0) break;
  }
  if (words[at].text == 0) words[at].text = strndup(text, length);
  words[at].count++;
  mtx_unlock(&words_mutex);
}

static int work(void *argument) {
  int counted = 0;
  (void)argument;
  for (char *line; (line = take());) {
    for (char *at = line; *at;) {
      if (!isalpha((unsigned char)*at)) {
        at++;
        continue;
      }
      char *end = at;
      for (; isalpha((unsigned char)*end); end++) *end = (char)tolower((unsigned char)*end);
      count(at, (size_t)(end - at));
      counted++;
      at = end;
    }
    free(line);
  }
  return counted;
}

static int by_count(const void *a, const void *b) {
  const struct word *left = a, *right = b;
  if (left->count != right->count) return right->count - left->count;
  if (left->text == 0 || right->text == 0) return (left->text == 0) - (right->text == 0);
  return strcmp(left->text, right->text);
}

int main(void) {
  mtx_init(&queue_mutex, mtx_plain);
  mtx_init(&words_mutex, mtx_plain);
  cnd_init(&queue_filled);
  cnd_init(&queue_emptied);
  thrd_t reader = start(read_lines, 0), workers[WORKERS];
  for (int at = 0; at < WORKERS; at++) workers[at] = start(work, 0);
  int lines = join(reader), total = 0, different = 0;
  for (int at = 0; at < WORKERS; at++) total += join(workers[at]);
  for (int at = 0; at < WORDS; at++) different += words[at].text != 0;
  qsort(words, WORDS, sizeof *words, by_count);
  printf("%d lines, %d words, %d different\n", lines, total, different);
  for (int at = 0; at < 5 && words[at].text; at++) printf("%5d %s\n", words[at].count, words[at].text);
  return 0;
}
