// The locks of streams, opening and closing them, and what concerns all of them.
#include "stream.h"

#include <bobbin/threads.h>
#include <stdlib.h>

// Where the program does not use one of them, it is not there.
extern FILE __stdin_FILE __attribute__((weak, visibility("hidden")));
extern FILE __stdout_FILE __attribute__((weak, visibility("hidden")));
extern FILE __stderr_FILE __attribute__((weak, visibility("hidden")));

void __wasilibc_populate_preopens(void) __attribute__((weak));

FILE **__real___ofl_lock(void);
void __real___ofl_unlock(void);
FILE *__real___ofl_add(FILE *);
int __real_fclose(FILE *);
int __real_fflush(FILE *);
FILE *__real_freopen(const char *, const char *, FILE *);

struct stream __bobbin_streams[3] = {
    {.file = &__stdin_FILE, .next = &__bobbin_streams[1]},
    {.file = &__stdout_FILE, .next = &__bobbin_streams[2]},
    {.file = &__stderr_FILE},
};
static struct stream *streams = __bobbin_streams;

// libc's list of open streams.
static struct lock list;

// What goes last before libc writes out what streams still hold: nobody may be writing meanwhile, or begin to.
static void stop_writing(void) {
  for (struct stream *at = streams; at; at = at->next) {
    if (at->lock.owner == 0 || !at->reading) lock(&at->lock);
  }
}

__attribute__((constructor(102))) static void begin(void) {
  __bobbin_add_lock(&list);
  for (struct stream *at = streams; at; at = at->next) __bobbin_add_lock(&at->lock);
  // libc does it when the first file is opened; two threads must not do it at once.
  if (__wasilibc_populate_preopens) __wasilibc_populate_preopens();
  // What is registered first is called last.
  atexit(stop_writing);
}

struct stream *__bobbin_stream(FILE *file) {
  for (struct stream *at = streams; at; at = at->next) {
    if (at->file == file) return at;
  }
  return 0;
}

FILE **__wrap___ofl_lock(void) {
  lock(&list);
  return __real___ofl_lock();
}

void __wrap___ofl_unlock(void) {
  __real___ofl_unlock();
  unlock(&list);
}

static bool is_standard(struct stream *stream) {
  return stream >= __bobbin_streams && stream < __bobbin_streams + 3;
}

FILE *__wrap___ofl_add(FILE *file) {
  struct stream *stream = streams;
  while (stream && (is_standard(stream) || stream->file)) stream = stream->next;
  if (stream) {
    // Nobody comes between the look at the file and this.
    stream->file = file;
    return __real___ofl_add(file);
  }
  stream = calloc(1, sizeof *stream);
  if (stream == 0) {
    free(file);
    return 0;
  }
  stream->file = file;
  __bobbin_add_lock(&stream->lock);
  stream->next = streams;
  streams = stream;
  return __real___ofl_add(file);
}

int __wrap_fclose(FILE *file) {
  struct stream *stream = __bobbin_stream(file);
  enter(stream, false);
  // Before it is freed: the next stream may come to lie there.
  if (stream && !is_standard(stream)) stream->file = 0;
  int result = __real_fclose(file);
  leave(stream);
  return result;
}

// Where it fails it has closed the stream.
FILE *__wrap_freopen(const char *restrict path, const char *restrict mode, FILE *restrict file) {
  struct stream *stream = __bobbin_stream(file);
  enter(stream, false);
  FILE *result = __real_freopen(path, mode, file);
  leave(stream);
  return result;
}

// Streams that others are reading from hold nothing to be written.
int __wrap_fflush(FILE *file) {
  if (file) {
    struct stream *stream = __bobbin_stream(file);
    enter(stream, false);
    int result = __real_fflush(file);
    leave(stream);
    return result;
  }
  int result = 0;
  for (struct stream *at = streams; at; at = at->next) {
    if (at->file == 0 || (at->lock.owner != 0 && at->reading)) continue;
    enter(at, false);
    if (at->file) result |= __real_fflush(at->file);
    leave(at);
  }
  return result;
}

void flockfile(FILE *file) { enter(__bobbin_stream(file), false); }
void funlockfile(FILE *file) { leave(__bobbin_stream(file)); }

int ftrylockfile(FILE *file) {
  struct stream *stream = __bobbin_stream(file);
  if (stream == 0 || (stream->lock.owner != 0 && stream->lock.owner != self())) return -1;
  enter(stream, false);
  return 0;
}
