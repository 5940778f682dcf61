// What the guests share: digests, arguments, and output that is allowed in a signal handler.
#pragma once

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// FNV-1a.
#define DIGEST 0xcbf29ce484222325ull

static inline uint64_t digest_word(uint64_t digest, uint64_t word) {
  for (int at = 0; at < 8; at++) digest = (digest ^ (word >> (8 * at) & 0xff)) * 0x100000001b3ull;
  return digest;
}

static inline uint64_t digest_bytes(uint64_t digest, const void *bytes, size_t size) {
  const unsigned char *byte = bytes;
  for (size_t at = 0; at < size; at++) digest = (digest ^ byte[at]) * 0x100000001b3ull;
  return digest;
}

// xorshift
static inline uint32_t next_random(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

// The n-th argument, or what it is where there is none.
static inline uint32_t argument(int argc, char **argv, int n, uint32_t otherwise) {
  return argc > n ? (uint32_t)strtoul(argv[n], 0, 10) : otherwise;
}

static inline void say(int fd, const char *text) {
  size_t length = strlen(text);
  while (length > 0) {
    ssize_t written = write(fd, text, length);
    if (written < 0) return;
    text += written;
    length -= (size_t)written;
  }
}

// The same with a number after it, and a newline.
static inline void say_number(int fd, const char *text, uint32_t number) {
  char line[128];
  size_t at = sizeof line - 1;
  line[at] = 0;
  line[--at] = '\n';
  do {
    line[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  size_t length = strlen(text);
  if (length > at) length = at;
  at -= length;
  memcpy(line + at, text, length);
  say(fd, line + at);
}

static inline void on(int signo, void (*handler)(int)) {
  struct sigaction act = {0};
  act.sa_handler = handler;
  if (sigaction(signo, &act, 0) != 0) perror("sigaction"), exit(1);
}

static volatile uint32_t poked;

static inline void poke(int signo) {
  (void)signo;
  poked++;
}

static inline void say_poked(void) {
  if (poked > 0) say_number(2, "poked: ", poked);
}

// Has SIGUSR2 counted and nothing else: for interrupting a program whose other handlers change what it does.
static inline void pokable(void) {
  struct sigaction act = {0};
  act.sa_handler = poke;
  act.sa_flags = SA_RESTART;
  if (sigaction(SIGUSR2, &act, 0) != 0) perror("sigaction"), exit(1);
  atexit(say_poked);
}
