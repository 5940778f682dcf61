// Sets of signals.
#include <errno.h>
#include <signal.h>

static sigset_t bit(int signo) {
  if (signo >= 1 && signo < NSIG) return 1ULL << (signo - 1);
  errno = EINVAL;
  return 0;
}

int sigemptyset(sigset_t *set) {
  *set = 0;
  return 0;
}

int sigfillset(sigset_t *set) {
  *set = ~0ULL;
  return 0;
}

int sigaddset(sigset_t *set, int signo) {
  *set |= bit(signo);
  return bit(signo) ? 0 : -1;
}

int sigdelset(sigset_t *set, int signo) {
  *set &= ~bit(signo);
  return bit(signo) ? 0 : -1;
}

int sigismember(const sigset_t *set, int signo) {
  return bit(signo) ? (*set & bit(signo)) != 0 : -1;
}
