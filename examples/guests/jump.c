// A handler that leaves for good: by siglongjmp, out of a computation that would never end, again and again.
//
//   jump [TIMES]
#include <setjmp.h>
#include <sys/time.h>

#include "guest.h"

static sigjmp_buf back;
static volatile int endless = 1;

static void leave(int signo) {
  (void)signo;
  siglongjmp(back, 7);
}

static __attribute__((noinline)) uint32_t forever(uint32_t depth) {
  volatile uint32_t local = depth;
  while (depth == 0 && endless) continue;
  uint32_t below = depth == 0 ? 0 : forever(depth - 1);
  return below + local;
}

static __attribute__((noinline)) uint32_t until_raised(uint32_t depth) {
  volatile uint32_t local = depth;
  if (depth == 0) raise(SIGUSR1);
  uint32_t below = depth == 0 ? 0 : until_raised(depth - 1);
  return below + local;
}

static int blocked(int signo) {
  sigset_t mask;
  sigprocmask(SIG_BLOCK, 0, &mask);
  return sigismember(&mask, signo) == 1;
}

int main(int argc, char **argv) {
  volatile uint32_t times = argument(argc, argv, 1, 100), left = 0;
  pokable();
  on(SIGUSR1, leave);
  on(SIGALRM, leave);
  if (sigsetjmp(back, 1) == 7) left++;
  if (left < times) until_raised(left);
  printf("left %u times by raise, SIGUSR1 %s\n", (unsigned)left, blocked(SIGUSR1) ? "blocked" : "not blocked");

  left = 0;
  if (sigsetjmp(back, 1) == 7) left++;
  if (left < 5) {
    struct itimerval soon = {.it_value = {0, 10000}};
    setitimer(ITIMER_REAL, &soon, 0);
    forever(500);
  }
  printf("left %u times by a timer, SIGALRM %s\n", (unsigned)left, blocked(SIGALRM) ? "blocked" : "not blocked");

  // Without the mask the signal stays blocked, as it was in the handler.
  left = 0;
  if (sigsetjmp(back, 0) == 7) left++;
  if (left == 0) until_raised(3);
  printf("left without the mask, SIGUSR1 %s\n", blocked(SIGUSR1) ? "blocked" : "not blocked");
  return 0;
}
