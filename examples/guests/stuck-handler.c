// A handler that never returns.
//
//   stuck-handler [spin | pause | exit]
//
// On SIGINT the handler spins, waits, or exits with status 3. SIGUSR1 is handled even then; SIGTERM has its default action.
#include "guest.h"

static volatile uint32_t handled;
static const char *way = "spin";

static void usr1(int signo) {
  (void)signo;
  handled++;
  say_number(2, "handled: ", handled);
}

static void interrupted(int signo) {
  (void)signo;
  say(2, "in the handler\n");
  if (strcmp(way, "exit") == 0) exit(3);
  if (strcmp(way, "pause") == 0) {
    for (;;) pause();
  }
  for (;;) __asm__ volatile("");
}

int main(int argc, char **argv) {
  if (argc > 1) way = argv[1];
  on(SIGUSR1, usr1);
  on(SIGINT, interrupted);
  say(2, "spinning\n");
  for (;;) __asm__ volatile("");
}
