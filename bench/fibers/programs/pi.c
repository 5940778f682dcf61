// Digits of pi as a chain of streams: what the spigot gives, the digits that are settled, and groups of them; many short runs of it.
#include "fiber.h"
#include "pi.h"

static int digits;
static fiber *raw, *settled;

static int spill(int unused) {
  (void)unused;
  const spigot source = spigot_for(digits);
  for (int i = 0; i < digits; i++) fiber_yield(spigot_next(source));
  free(source.remainders);
  return -1;
}

// Nines wait until it is known whether a carry goes through them.
static int settle(int unused) {
  (void)unused;
  int held = fiber_resume(raw, 0), nines = 0;
  for (;;) {
    const int digit = fiber_resume(raw, 0);
    if (digit == 9) {
      nines++;
      continue;
    }
    if (held >= 0) fiber_yield(digit == 10 ? held + 1 : held);
    for (; nines > 0; nines--) fiber_yield(digit == 10 ? 0 : 9);
    if (digit < 0) return -1;
    held = digit == 10 ? 0 : digit;
  }
}

__attribute__((export_name("run"))) int run(int n) {
  unsigned hash = 0;
  digits = 12;
  for (int round = 0; round < n; round++) {
    raw = fiber_create(spill);
    settled = fiber_create(settle);
    for (int digit = fiber_resume(settled, 0); digit >= 0; digit = fiber_resume(settled, 0)) {
      hash = hash * 31 + (unsigned)digit;
    }
    fiber_destroy(settled);
    fiber_destroy(raw);
  }
  return (int)hash;
}
