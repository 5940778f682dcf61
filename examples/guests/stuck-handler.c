// A handler that never returns.
//
//   stuck-handler [spin | pause | exit | leave]
//
// On SIGINT the handler spins, waits, exits with status 3, or leaves what it interrupted and goes on with something else. SIGUSR1 is handled even then; SIGTERM has its default action.
#include "guest.h"
#ifdef __wasm__
#include <bobbin.h>
#endif

static volatile uint32_t handled;
static const char *way = "spin";

static void usr1(int signo) {
  (void)signo;
  handled++;
  say_number(2, "handled: ", handled);
}

#ifdef __wasm__
static void elsewhere(void *name) {
  sigset_t mask;
  sigprocmask(SIG_BLOCK, 0, &mask);
  printf("%s, SIGINT %s\n", (const char *)name, sigismember(&mask, SIGINT) ? "blocked" : "not blocked");
}
#endif

static void interrupted(int signo) {
  (void)signo;
  say(2, "in the handler\n");
  if (strcmp(way, "exit") == 0) exit(3);
#ifdef __wasm__
  if (strcmp(way, "leave") == 0) sigleave(elsewhere, "elsewhere", 0);
#endif
  if (strcmp(way, "pause") == 0) {
    for (;;) pause();
  }
  for (;;) __asm__ volatile("");
}

int main(int argc, char **argv) {
  if (argc > 1) way = argv[1];
  pokable();
  on(SIGUSR1, usr1);
  on(SIGINT, interrupted);
  say(2, "spinning\n");
  for (;;) __asm__ volatile("");
}
