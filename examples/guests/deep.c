// Calls itself down, computes at the bottom, and checks every frame on the way up.
//
//   deep [DEPTH [SPINS]]
//
// At the bottom it says "bottom" on standard error, raises SIGUSR1, and computes for SPINS steps. SIGUSR1 and SIGINT are
// counted on standard error; their handler goes down a thousand calls of its own.
#include "guest.h"

static volatile uint32_t handled;
static volatile uint32_t spins;

static __attribute__((noinline)) uint32_t dive(uint32_t depth) {
  volatile uint32_t local[4] = {depth, depth * 3, depth * 5, depth * 7};
  uint32_t below = depth == 0 ? 1 : dive(depth - 1);
  return local[0] == depth && local[1] == depth * 3 && local[2] == depth * 5 && local[3] == depth * 7 ? below + 1 : 0;
}

static void on_signal(int signo) {
  (void)signo;
  handled++;
  if (dive(1000) == 1002) say_number(2, "handled: ", handled);
  else say(2, "the handler's own frames were lost\n");
}

static uint64_t bottom(uint32_t seed) {
  say(2, "bottom\n");
  raise(SIGUSR1);
  uint32_t random = seed | 1;
  uint64_t digest = DIGEST;
  for (uint32_t at = 0; at < spins; at++) digest = digest * 31 + next_random(&random);
  say(2, "going up\n");
  return digest;
}

typedef uint64_t descent(uint32_t depth, uint64_t key, double half);
static descent *volatile ways[2];

// Locals of several types, some in memory, live across a call through a pointer.
static __attribute__((noinline)) uint64_t down(uint32_t depth, uint64_t key, double half) {
  volatile uint32_t kept[3] = {depth, (uint32_t)key, depth ^ 0x5555};
  uint64_t mixed = digest_word(key, depth);
  double sum = half + depth / 2.0;
  uint64_t below = depth == 0 ? bottom((uint32_t)key) : ways[depth & 1](depth - 1, mixed, sum);
  if (kept[0] != depth || kept[1] != (uint32_t)key || kept[2] != (depth ^ 0x5555)) {
    say_number(1, "lost a frame at depth ", depth);
    exit(1);
  }
  return digest_word(below ^ mixed, (uint64_t)(sum * 2));
}

static __attribute__((noinline)) uint64_t down_in_a_loop(uint32_t depth, uint64_t key, double half) {
  uint64_t total = 0;
  for (uint32_t round = 0; round < 3; round++) {
    uint64_t part = digest_word(key, round);
    total = round == 1 ? digest_word(total, down(depth, part, half)) : total ^ part;
  }
  return total;
}

int main(int argc, char **argv) {
  uint32_t depth = argument(argc, argv, 1, 5000);
  spins = argument(argc, argv, 2, 100000000);
  pokable();
  ways[0] = down;
  ways[1] = down_in_a_loop;
  on(SIGUSR1, on_signal);
  on(SIGINT, on_signal);
  uint64_t digest = down(depth, DIGEST, 0.5);
  printf("%u deep and back: %016llx\n", (unsigned)depth, (unsigned long long)digest);
  return handled > 0 ? 0 : 1;
}
