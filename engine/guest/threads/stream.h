// The locks of streams (C11, 7.21.2).
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "lock.h"

struct stream {
  // 0 for one that has been closed: it is used again, and never freed, as others may be looking at it.
  FILE *file;
  struct lock lock;
  // Whether who has the lock reads: that may take until for ever.
  bool reading;
  struct stream *next;
};

extern struct stream __bobbin_streams[3];
#define INPUT (&__bobbin_streams[0])
#define OUTPUT (&__bobbin_streams[1])
#define ERRORS (&__bobbin_streams[2])

// Null for what no other thread can have: the streams that snprintf and the like make for themselves.
struct stream *__bobbin_stream(FILE *);

__attribute__((always_inline)) static inline void enter(struct stream *stream, bool reading) {
  if (stream == 0) return;
  lock(&stream->lock);
  stream->reading = reading;
}

__attribute__((always_inline)) static inline void leave(struct stream *stream) {
  if (stream == 0) return;
  unlock(&stream->lock);
}
