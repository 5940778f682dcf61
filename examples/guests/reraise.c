// A handler that raises its own signal: blocked meanwhile it runs again after it has returned; with SA_NODEFER it nests.
//
//   reraise [TIMES]
#include "guest.h"

static uint32_t times;
static volatile uint32_t entered, depth, deepest, returned;
static volatile uint64_t digest = DIGEST;

static void again(int signo) {
  uint32_t number = ++entered;
  if (++depth > deepest) deepest = depth;
  digest = digest_word(digest, number);
  if (number < times) raise(signo);
  digest = digest_word(digest, number << 16 | depth);
  depth--;
  returned++;
}

static void run(const char *name, int flags) {
  struct sigaction act = {0};
  act.sa_handler = again;
  act.sa_flags = flags;
  if (sigaction(SIGUSR1, &act, 0) != 0) perror("sigaction"), exit(1);
  entered = depth = deepest = returned = 0;
  raise(SIGUSR1);
  // Where a handler's signal is not delivered before raise returns, it is at the next yield points.
  for (volatile uint32_t spin = 0; returned < times && spin < 1000000; spin++) continue;
  printf("%s: entered %u, returned %u, deepest %u, %016llx\n", name, (unsigned)entered, (unsigned)returned,
         (unsigned)deepest, (unsigned long long)digest);
}

int main(int argc, char **argv) {
  times = argument(argc, argv, 1, 100);
  pokable();
  run("blocked meanwhile", 0);
  run("SA_NODEFER", (int)SA_NODEFER);
  return 0;
}
