// Has every signal pending that can be, all at once, and one of them three times: 63 in all. Then it lets them go.
#include "guest.h"

static volatile uint32_t handled;
static volatile int order[2 * 65];

static int can_pend(int signo) {
#ifndef __wasm__
  // They belong to the thread library on Linux.
  if (signo == 32 || signo == 33) return 0;
#endif
  return signo != SIGKILL && signo != SIGSTOP;
}

static void note(int signo) { order[handled++] = signo; }

int main(void) {
  sigset_t all, none, pending;
  pokable();
  sigfillset(&all);
  sigemptyset(&none);
  uint32_t catchable = 0;
  for (int signo = 1; signo <= 64; signo++) {
    if (!can_pend(signo)) continue;
    struct sigaction act = {0};
    act.sa_handler = note;
    act.sa_mask = all;
    if (sigaction(signo, &act, 0) != 0) return printf("sigaction %d\n", signo), 1;
    catchable++;
  }
  if (sigprocmask(SIG_SETMASK, &all, 0) != 0) return 1;
  // SIGCONT comes first: it takes back stop signals that are pending, and they take it back.
  raise(SIGCONT);
  for (int signo = 1; signo <= 64; signo++) {
    if (!can_pend(signo) || signo == SIGCONT) continue;
    if (raise(signo) != 0) return printf("raise %d\n", signo), 1;
    // A standard signal is pending once, however often it was raised.
    if (signo < 32 && raise(signo) != 0) return printf("raise %d\n", signo), 1;
  }
  // A real-time signal is pending as often as it was raised.
  uint32_t waiting = 0, more = 2;
  for (uint32_t round = 0; round < more; round++) raise(SIGRTMAX);
  sigpending(&pending);
  for (int signo = 1; signo <= 64; signo++) waiting += sigismember(&pending, signo) == 1;
  printf("can be caught %u, pending %u, handled %u\n", (unsigned)catchable, (unsigned)waiting, (unsigned)handled);

  if (sigprocmask(SIG_SETMASK, &none, 0) != 0) return 1;
  for (volatile uint32_t spin = 0; handled < waiting + more && spin < 1000000; spin++) continue;
  sigpending(&pending);
  uint32_t left = 0;
  for (int signo = 1; signo <= 64; signo++) left += sigismember(&pending, signo) == 1;
  printf("handled %u, pending %u\n", (unsigned)handled, (unsigned)left);
  for (uint32_t at = 0; at < handled; at++) printf("%d%c", order[at], at + 1 < handled ? ' ' : '\n');
  return 0;
}
