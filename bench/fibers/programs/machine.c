// A state machine: a fiber is fed the characters of a text one by one, and tells the words, numbers and comments in it by where it is.
#include "fiber.h"

enum { OTHER, WORD, NUMBER, COMMENT };

static bool is_letter(int c) { return (c >= 'a' && c <= 'z') || c == '_'; }
static bool is_digit(int c) { return c >= '0' && c <= '9'; }

static int scan(int c) {
  for (;;) {
    if (is_letter(c)) {
      do c = fiber_yield(WORD);
      while (is_letter(c) || is_digit(c));
    } else if (is_digit(c)) {
      do c = fiber_yield(NUMBER);
      while (is_digit(c));
    } else if (c == '/') {
      c = fiber_yield(OTHER);
      if (c != '*') continue;
      c = fiber_yield(COMMENT);
      for (int last = 0; last != '*' || c != '/';) {
        last = c;
        c = fiber_yield(COMMENT);
      }
      c = fiber_yield(COMMENT);
    } else {
      c = fiber_yield(OTHER);
    }
  }
}

__attribute__((export_name("run"))) int run(int n) {
  static const char text[] = "let x1 = 42; /* the answer ** to all */ y = x1 / 7 + 1234567; // end\n";
  fiber *const scanner = fiber_create(scan);
  unsigned counts[4] = {0};
  for (int i = 0, at = 0; i < n; i++, at = at + 2 == sizeof text ? 0 : at + 1) counts[fiber_resume(scanner, text[at])]++;
  fiber_destroy(scanner);
  return (int)(counts[OTHER] + 3 * counts[WORD] + 5 * counts[NUMBER] + 7 * counts[COMMENT]);
}
