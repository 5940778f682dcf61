// The spigot of Rabinowitz and Wagon ("A Spigot Algorithm for the Digits of Pi", 1995).
#pragma once

#include <stdlib.h>

typedef struct {
  int *remainders;
  int length;
} spigot;

static inline spigot spigot_for(int digits) {
  const spigot self = {malloc((size_t)(digits * 10 / 3 + 1) * sizeof(int)), digits * 10 / 3 + 1};
  for (int i = 0; i < self.length; i++) self.remainders[i] = 2;
  return self;
}

// The next digit, from 0 to 10: nine and ten are not yet settled.
static inline int spigot_next(spigot self) {
  int carry = 0;
  for (int i = self.length - 1; i > 0; i--) {
    const int value = self.remainders[i] * 10 + carry * (i + 1);
    self.remainders[i] = value % (2 * i + 1);
    carry = value / (2 * i + 1);
  }
  const int value = self.remainders[0] * 10 + carry;
  self.remainders[0] = value % 10;
  return value / 10;
}
