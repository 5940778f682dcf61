// Draws a spinner on standard error by a timer, while it computes digits of pi.
//
//   spinner [DIGITS [MILLISECONDS]]
#include <sys/time.h>

#include "guest.h"

static volatile uint32_t drawn;

static void draw(int signo) {
  (void)signo;
  static const char *const shapes[] = {"\r|", "\r/", "\r-", "\r\\"};
  say(2, shapes[drawn++ % 4]);
}

// The spigot of Rabinowitz and Wagon.
static void digits_of_pi(uint32_t count, char *digits) {
  uint32_t size = count * 10 / 3 + 2, written = 0, held = 0, nines = 0;
  uint32_t *remainders = malloc(size * sizeof *remainders);
  for (uint32_t at = 0; at < size; at++) remainders[at] = 2;
  for (uint32_t round = 0; round <= count && written < count; round++) {
    uint64_t carry = 0;
    for (uint32_t at = size - 1; at > 0; at--) {
      uint64_t value = 10ull * remainders[at] + carry * (at + 1);
      remainders[at] = (uint32_t)(value % (2 * at + 1));
      carry = value / (2 * at + 1);
    }
    uint64_t value = 10ull * remainders[0] + carry;
    remainders[0] = (uint32_t)(value % 10);
    uint32_t digit = (uint32_t)(value / 10);
    if (digit == 9) {
      nines++;
      continue;
    }
    if (round > 0) digits[written++] = (char)('0' + held + (digit == 10));
    for (; nines > 0 && written < count; nines--) digits[written++] = digit == 10 ? '0' : '9';
    held = digit == 10 ? 0 : digit;
  }
  digits[written] = 0;
  free(remainders);
}

int main(int argc, char **argv) {
  uint32_t count = argument(argc, argv, 1, 3000), milliseconds = argument(argc, argv, 2, 50);
  if (count < 10) count = 10;
  pokable();
  on(SIGALRM, draw);
  struct itimerval every = {.it_interval = {milliseconds / 1000, milliseconds % 1000 * 1000},
                            .it_value = {milliseconds / 1000, milliseconds % 1000 * 1000}};
  struct itimerval never = {0};
  if (setitimer(ITIMER_REAL, &every, 0) != 0) return perror("setitimer"), 1;
  char *digits = malloc(count + 1);
  digits_of_pi(count, digits);
  if (setitimer(ITIMER_REAL, &never, 0) != 0) return perror("setitimer"), 1;
  fprintf(stderr, "\rdrawn %u times\n", (unsigned)drawn);
  printf("pi: %.9s... %016llx\n", digits, (unsigned long long)digest_bytes(DIGEST, digits, strlen(digits)));
  free(digits);
  return 0;
}
