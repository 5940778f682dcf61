// Reading, seen from C. As semantics.c: reading.expected.txt is what it printed on Linux.
//
//   (sleep .2; printf a; sleep .2; printf b; sleep .2) | reading
#include <sys/time.h>

#include "journal.h"

static void timer(int milliseconds) {
  struct itimerval value = {.it_value = {0, milliseconds * 1000}};
  if (setitimer(ITIMER_REAL, &value, 0) != 0) note("setitimer failed");
}

static void read_one(void) {
  char byte[2] = "";
  ssize_t count = read(0, byte, 1);
  note(count < 0 ? error(-1) : count == 0 ? "end" : byte);
}

int main(void) {
  install(SIGALRM, plain, 0, set_of(0));
  timer(20);
  read_one();
  report("a handler interrupts reading");

  install(SIGALRM, plain, SA_RESTART, set_of(0));
  timer(20);
  read_one();
  report("with SA_RESTART it goes on");

  signal(SIGALRM, SIG_IGN);
  timer(20);
  read_one();
  report("an ignored signal does not interrupt it");

  signal(SIGALRM, plain);
  timer(20);
  read_one();
  report("nor does one whose handler signal() has installed");
  return 0;
}
