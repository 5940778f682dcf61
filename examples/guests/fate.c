// What becomes of a program by a signal. Each way is a run of its own, and ends in what its parent sees; fate.expected.txt is
// what became of it on Linux, where the program is its own parent if it has no arguments.
//
//   fate WAY SIGNO
#include "journal.h"

static int signo;

static void handler(int number) {
  say(1, number == SIGCONT ? "continued " : number == signo ? "handled " : "other ");
}

// SIGKILL and SIGSTOP refuse every action.
static void act(void (*action)(int), int flags) {
  struct sigaction act = {0};
  act.sa_handler = action;
  act.sa_flags = flags;
  if (sigaction(signo, &act, 0) != 0) say(1, errno == EINVAL ? "EINVAL " : "another error ");
}

static int child(const char *way, int number) {
  signo = number;
  sigset_t set = set_of(1, signo), pending;
  // What the parent left is not to matter.
  sigset_t none = set_of(0);
  sigprocmask(SIG_SETMASK, &none, 0);
  if (signo != SIGKILL && signo != SIGSTOP) signal(signo, SIG_DFL);
  say(1, "before ");
  if (strcmp(way, "exit") == 0) {
    exit(signo);
  } else if (strcmp(way, "default") == 0) {
    raise(signo);
  } else if (strcmp(way, "kill") == 0) {
    kill(getpid(), signo);
  } else if (strcmp(way, "ignore") == 0) {
    act(SIG_IGN, 0);
    raise(signo);
  } else if (strcmp(way, "catch") == 0) {
    act(handler, 0);
    raise(signo);
  } else if (strcmp(way, "once") == 0) {
    act(handler, (int)SA_RESETHAND);
    raise(signo);
    raise(signo);
  } else if (strcmp(way, "block") == 0) {
    sigprocmask(SIG_BLOCK, &set, 0);
    raise(signo);
    sigpending(&pending);
    say(1, sigismember(&pending, signo) ? "pending " : "not pending ");
    sigprocmask(SIG_UNBLOCK, &set, 0);
  } else if (strcmp(way, "suspend") == 0) {
    sigprocmask(SIG_BLOCK, &set, 0);
    raise(signo);
    say(1, "waiting ");
    sigsuspend(&none);
  } else if (strcmp(way, "spin") == 0) {
    // The parent signals it.
    say(1, "spinning ");
    for (;;) __asm__ volatile("");
  } else if (strncmp(way, "stopped", 7) == 0) {
    signal(SIGCONT, handler);
    if (strcmp(way, "stopped-caught") == 0) signal(SIGUSR1, handler);
    raise(signo);
  } else if (strcmp(way, "abort") == 0) {
    sigprocmask(SIG_BLOCK, &set, 0);
    if (signo == SIGABRT) signal(SIGABRT, handler);
    abort();
  }
  say(1, "after ");
  return 0;
}

#ifdef __wasm__
int main(int argc, char **argv) { return argc > 2 ? child(argv[1], atoi(argv[2])) : 2; }
#else
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

static void copy(int from) {
  char text[256];
  ssize_t count;
  while ((count = read(from, text, sizeof text - 1)) > 0) {
    text[count] = 0;
    printf(" %.*s", (int)(count - 1), text);
  }
}

static int still_stopped(pid_t pid) {
  int status;
  usleep(50000);
  return waitpid(pid, &status, WNOHANG | WUNTRACED | WCONTINUED) == 0;
}

static void run(const char *way, int number) {
  int ends[2], status;
  if (pipe(ends) != 0) exit(1);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    // A group that is not orphaned: the terminal's stop signals have their effect.
    setpgid(0, 0);
    dup2(ends[1], 1);
    exit(child(way, number));
  }
  printf("%s %d:", way, number);
  if (strcmp(way, "spin") == 0) {
    poll(&(struct pollfd){.fd = ends[0], .events = POLLIN}, 1, -1);
    usleep(20000);
    kill(pid, number);
  }
  for (;;) {
    if (waitpid(pid, &status, WUNTRACED) != pid) exit(1);
    copy(ends[0]);
    if (!WIFSTOPPED(status)) break;
    printf(" [stopped %d]", WSTOPSIG(status));
    if (strcmp(way, "stopped-caught") == 0) kill(pid, SIGUSR1);
    if (strcmp(way, "stopped-terminated") == 0) kill(pid, SIGTERM);
    if (strcmp(way, "stopped-killed") == 0) kill(pid, SIGKILL);
    else printf(still_stopped(pid) ? " [still]" : " [not any more]"), kill(pid, SIGCONT);
  }
  // As a shell has it.
  printf(" [%s %d]\n", WIFEXITED(status) ? "exited" : "signaled",
         WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  close(ends[0]);
  close(ends[1]);
}

int main(int argc, char **argv) {
  if (argc > 2) return child(argv[1], atoi(argv[2]));
  for (int number = 1; number <= 64; number++) {
    // They belong to the thread library.
    if (number != 32 && number != 33) run("default", number);
  }
  static const char *const ways[] = {"kill", "ignore", "catch", "once", "block", "suspend"};
  const int numbers[] = {SIGINT, SIGKILL, SIGUSR1, SIGSEGV, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGWINCH, SIGRTMAX};
  for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
    for (size_t at = 0; at < sizeof numbers / sizeof *numbers; at++) {
      // An ignored signal does not end sigsuspend.
      int ignored = numbers[at] == SIGCHLD || numbers[at] == SIGCONT || numbers[at] == SIGWINCH;
      if (strcmp(ways[way], "suspend") == 0 && (ignored || numbers[at] == SIGSTOP || numbers[at] == SIGTSTP)) continue;
      run(ways[way], numbers[at]);
    }
  }
  const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGTERM, SIGALRM, SIGRTMIN};
  for (size_t at = 0; at < sizeof ending / sizeof *ending; at++) run("spin", ending[at]);
  static const int stopping[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
  for (size_t at = 0; at < sizeof stopping / sizeof *stopping; at++) {
    run("stopped", stopping[at]);
    run("stopped-caught", stopping[at]);
    run("stopped-terminated", stopping[at]);
    run("stopped-killed", stopping[at]);
  }
  run("exit", 0), run("exit", 7), run("exit", 255), run("exit", 256 + 3);
  run("abort", 0), run("abort", SIGABRT);
  return 0;
}
#endif
