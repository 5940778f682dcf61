// Reads a line, evaluates it, prints the value, until the end of standard input.
//
//   repl
//
// Expressions of whole numbers with + - * / % ( ), and `sum N`, which adds up the numbers to N the slow way. SIGINT at the
// prompt drops the line and prompts anew; while something is computed it abandons that.
#include <errno.h>

#include "guest.h"

static volatile sig_atomic_t interrupts;

static void interrupted(int signo) {
  (void)signo;
  interrupts++;
}

static const char *at;
static const char *problem;

static void skip(void) {
  while (*at == ' ' || *at == '\t') at++;
}

static int64_t sum(void);

static int64_t slow_sum(int64_t last) {
  int64_t total = 0;
  sig_atomic_t before = interrupts;
  for (volatile int64_t n = 1; n <= last; n++) {
    total += n;
    if (interrupts != before) {
      problem = "interrupted";
      return 0;
    }
  }
  return total;
}

static int64_t atom(void) {
  skip();
  if (*at == '-') {
    at++;
    return -atom();
  }
  if (*at == '(') {
    at++;
    int64_t value = sum();
    skip();
    if (*at == ')') at++;
    else if (!problem) problem = "a parenthesis is missing";
    return value;
  }
  if (strncmp(at, "sum ", 4) == 0) {
    at += 4;
    int64_t last = atom();
    return problem ? 0 : slow_sum(last);
  }
  if (*at < '0' || *at > '9') {
    if (!problem) problem = "a number is missing";
    return 0;
  }
  int64_t value = 0;
  while (*at >= '0' && *at <= '9') value = value * 10 + (*at++ - '0');
  return value;
}

static int64_t product(void) {
  int64_t value = atom();
  for (skip(); !problem && (*at == '*' || *at == '/' || *at == '%'); skip()) {
    char op = *at++;
    int64_t by = atom();
    if (op == '*') value *= by;
    else if (by == 0) problem = "division by zero";
    else value = op == '/' ? value / by : value % by;
  }
  return value;
}

static int64_t sum(void) {
  int64_t value = product();
  for (skip(); !problem && (*at == '+' || *at == '-'); skip()) {
    value = *at++ == '+' ? value + product() : value - product();
  }
  return value;
}

static uint32_t lines;
static uint64_t digest = DIGEST;

static void evaluate(const char *line) {
  at = line;
  skip();
  if (*at == 0) return;
  problem = 0;
  int64_t value = sum();
  if (!problem && *at != 0) problem = "what follows is not understood";
  if (problem) {
    printf("error: %s\n", problem);
    return;
  }
  printf("%lld\n", (long long)value);
  digest = digest_word(digest, (uint64_t)value);
  lines++;
}

static void prompt(void) {
  fputs("> ", stdout);
  fflush(stdout);
}

int main(void) {
  pokable();
  // No SA_RESTART: a signal ends the reading of the line.
  on(SIGINT, interrupted);
  char line[256];
  for (prompt();; prompt()) {
    errno = 0;
    if (fgets(line, sizeof line, stdin)) {
      line[strcspn(line, "\n")] = 0;
      evaluate(line);
    } else if (errno == EINTR) {
      clearerr(stdin);
      puts("(interrupted)");
    } else {
      break;
    }
  }
  printf("\n%u values, %016llx, %d interrupts\n", (unsigned)lines, (unsigned long long)digest, (int)interrupts);
  return 0;
}
