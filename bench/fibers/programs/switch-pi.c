// Digits of pi as streams that switch to each other; what is left of them when the last digit is there is ended from outside.
#include "fiber.h"
#include "pi.h"

static int digits;
static fiber *raw, *settled, *reader;

static int spill(int unused) {
  (void)unused;
  const spigot source = spigot_for(digits);
  for (int i = 0; i < digits; i++) fiber_switch(settled, spigot_next(source));
  free(source.remainders);
  for (;;) fiber_switch(settled, -1);
}

static int settle(int unused) {
  (void)unused;
  int held = fiber_switch(raw, 0), nines = 0;
  for (;;) {
    const int digit = fiber_switch(raw, 0);
    if (digit == 9) {
      nines++;
      continue;
    }
    fiber_switch(reader, digit == 10 ? held + 1 : held);
    for (; nines > 0; nines--) fiber_switch(reader, digit == 10 ? 0 : 9);
    if (digit < 0) break;
    held = digit == 10 ? 0 : digit;
  }
  for (;;) fiber_switch(reader, -1);
}

static int read(int hash) {
  for (int digit = fiber_switch(settled, 0); digit >= 0; digit = fiber_switch(settled, 0)) hash = (int)((unsigned)hash * 31 + (unsigned)digit);
  return hash;
}

__attribute__((export_name("run"))) int run(int n) {
  int hash = 0;
  digits = 12;
  for (int round = 0; round < n; round++) {
    raw = fiber_create(spill);
    settled = fiber_create(settle);
    reader = fiber_create(read);
    hash = fiber_run(reader, hash);
    fiber_destroy(reader);
    fiber_destroy(settled);
    fiber_destroy(raw);
  }
  return hash;
}
