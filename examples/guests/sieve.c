// Sieves primes, segment by segment, and prints how many there are and a digest of them.
//
//   sieve [LIMIT [keep-going]]
//
// SIGUSR1: prints on standard error how far it is. SIGINT: says so on standard error and stops after the segment at hand,
// with the digest of what it has, and status 130; with `keep-going` it goes on to the end.
#include "guest.h"

#define SEGMENT 32768

static volatile uint32_t reached, found;
static volatile sig_atomic_t stop, signals;
static int keep_going;

static void progress(int signo) {
  (void)signo;
  signals++;
  say_number(2, "progress: sieved up to ", reached);
  say_number(2, "progress: primes found ", found);
}

static void interrupted(int signo) {
  (void)signo;
  signals++;
  if (keep_going) {
    say(2, "interrupted: going on\n");
  } else {
    say(2, "interrupted: stopping\n");
    stop = 1;
  }
}

static uint32_t root(uint32_t n) {
  uint32_t r = 0;
  while ((uint64_t)(r + 1) * (r + 1) <= n) r++;
  return r;
}

// The primes that divide the composite numbers up to `limit`; how many.
static uint32_t divisors(uint32_t limit, uint32_t *primes) {
  uint32_t count = 0, last = root(limit);
  for (uint32_t n = 2; n <= last; n++) {
    uint32_t at = 0;
    while (at < count && primes[at] <= n / primes[at] && n % primes[at] != 0) at++;
    if (at == count || primes[at] > n / primes[at]) primes[count++] = n;
  }
  return count;
}

int main(int argc, char **argv) {
  static unsigned char composite[SEGMENT];
  uint32_t limit = argument(argc, argv, 1, 100000000);
  keep_going = argc > 2 && strcmp(argv[2], "keep-going") == 0;
  if (limit > 4000000000u) {
    fprintf(stderr, "the limit is at most 4000000000\n");
    return 2;
  }
  pokable();
  on(SIGUSR1, progress);
  on(SIGINT, interrupted);
  uint32_t *primes = malloc((root(limit) + 1) * sizeof *primes);
  uint32_t count = divisors(limit, primes);
  say(2, "sieving\n");

  uint64_t digest = DIGEST;
  uint32_t low = 2;
  for (; low <= limit && !stop; low += SEGMENT) {
    uint32_t size = limit - low < SEGMENT ? limit - low + 1 : SEGMENT, here = 0;
    memset(composite, 0, size);
    for (uint32_t at = 0; at < count; at++) {
      uint64_t p = primes[at], first = (low + p - 1) / p * p;
      if (first < p * p) first = p * p;
      for (uint64_t multiple = first - low; multiple < size; multiple += p) composite[multiple] = 1;
    }
    for (uint32_t n = 0; n < size; n++) {
      if (composite[n]) continue;
      digest = digest_word(digest, low + n);
      here++;
    }
    reached = low + size - 1;
    found += here;
  }
  free(primes);
  printf("%u primes up to %u\n%016llx\n", (unsigned)found, (unsigned)reached, (unsigned long long)digest);
  if (signals > 0) fprintf(stderr, "signals handled: %d\n", (int)signals);
  return stop ? 130 : 0;
}
