// Computes nothing, forever. No handlers: the default actions hold.
#include "guest.h"

int main(void) {
  say(2, "spinning\n");
  for (;;) __asm__ volatile("");
}
