// What the programs about the meaning of signals share: they note what they observe, and report it a line at a time.
#pragma once

#include <errno.h>
#include <stdarg.h>

#include "guest.h"

static char journal[1024];

static inline void note(const char *text) {
  size_t length = strlen(journal);
  snprintf(journal + length, sizeof journal - length, " %s", text);
}

static inline void report(const char *name) {
  printf("%s:%s\n", name, journal);
  journal[0] = 0;
}

static inline const char *name_of(int signo) {
  switch (signo) {
    case SIGUSR1:
      return "USR1";
    case SIGUSR2:
      return "USR2";
    case SIGALRM:
      return "ALRM";
    case SIGINT:
      return "INT";
    case SIGSEGV:
      return "SEGV";
    case SIGCONT:
      return "CONT";
    case SIGTSTP:
      return "TSTP";
    default:
      return "?";
  }
}

static inline const char *error(int result) {
  if (result >= 0) return result == 0 ? "0" : "positive";
  switch (errno) {
    case EINTR:
      return "EINTR";
    case EINVAL:
      return "EINVAL";
    case EFAULT:
      return "EFAULT";
    case ESRCH:
      return "ESRCH";
    case EPERM:
      return "EPERM";
    case ENOMEM:
      return "ENOMEM";
    default:
      return "another error";
  }
}

static inline sigset_t set_of(int count, ...) {
  sigset_t set;
  sigemptyset(&set);
  va_list signals;
  va_start(signals, count);
  while (count-- > 0) sigaddset(&set, va_arg(signals, int));
  va_end(signals);
  return set;
}

static inline void note_set(const char *what, const sigset_t *set) {
  note(what);
  for (int signo = 1; signo < 32; signo++) {
    if (sigismember(set, signo) == 1) note(name_of(signo));
  }
}

static inline void note_mask(const char *what) {
  sigset_t mask;
  sigprocmask(SIG_BLOCK, 0, &mask);
  note_set(what, &mask);
}

static inline void note_pending(const char *what) {
  sigset_t pending;
  sigpending(&pending);
  note_set(what, &pending);
}

static inline void install(int signo, void (*handler)(int), int flags, sigset_t mask) {
  struct sigaction act = {0};
  act.sa_handler = handler;
  act.sa_flags = flags;
  act.sa_mask = mask;
  if (sigaction(signo, &act, 0) != 0) note("sigaction failed");
}

static inline void install_info(int signo, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction act = {0};
  act.sa_sigaction = handler;
  act.sa_flags = flags | SA_SIGINFO;
  if (sigaction(signo, &act, 0) != 0) note("sigaction failed");
}

static inline void defaults(void) {
  signal(SIGUSR1, SIG_DFL);
  signal(SIGUSR2, SIG_DFL);
  signal(SIGALRM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
}

static inline void plain(int signo) { note(name_of(signo)); }
