// Waiting, and timers, seen from C. As semantics.c: waiting.expected.txt is what it printed on Linux.
//
//   waiting
#include <sys/time.h>
#include <time.h>

#include "journal.h"

static void timer(int milliseconds, int interval) {
  struct itimerval value = {.it_interval = {0, interval * 1000}, .it_value = {0, milliseconds * 1000}};
  if (setitimer(ITIMER_REAL, &value, 0) != 0) note("setitimer failed");
}

static long elapsed(const struct timespec *from) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long)(now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

static volatile int depth;

static void sleeper(int signo) {
  struct timespec half = {0, 500000000};
  (void)signo;
  note("(");
  if (++depth == 1) note(error(nanosleep(&half, 0)));
  note(")");
}

static void pauser(int signo) {
  (void)signo;
  note("(");
  if (++depth == 1) note(error(pause()));
  note(")");
}

static void informed(int signo, siginfo_t *info, void *context) {
  note(name_of(signo));
  note(info->si_code == SI_KERNEL ? "SI_KERNEL" : "another code");
  note(context ? "context" : "no context");
}

static void *volatile far_away = (void *)(uintptr_t)0xfffffff0u;

static void waiting(void) {
  struct timespec from, half = {0, 500000000}, rest = {0, 0};
  sigset_t alrm = set_of(1, SIGALRM), none = set_of(0);
  install(SIGALRM, plain, 0, set_of(0));

  timer(20, 0);
  note(error(pause()));
  report("pause ends with a handler");

  clock_gettime(CLOCK_MONOTONIC, &from);
  struct timespec request = {0, 60000000};
  note(error(nanosleep(&request, 0)));
  note(elapsed(&from) >= 59 ? "waited" : "did not wait");
  report("nanosleep");

  timer(50, 0);
  clock_gettime(CLOCK_MONOTONIC, &from);
  note(error(nanosleep(&half, &rest)));
  note(elapsed(&from) < 450 ? "early" : "late");
  note(rest.tv_nsec > 100000000 && rest.tv_nsec < 460000000 ? "rest" : "no rest");
  report("nanosleep is interrupted");

  install(SIGALRM, plain, SA_RESTART, set_of(0));
  timer(50, 0);
  note(error(nanosleep(&half, &rest)));
  report("even under SA_RESTART");

  sigprocmask(SIG_BLOCK, &alrm, 0);
  timer(20, 0);
  note(error(nanosleep(&(struct timespec){0, 60000000}, 0)));
  note_pending("pending");
  note(error(sigsuspend(&none)));
  note_mask("mask");
  sigprocmask(SIG_UNBLOCK, &alrm, 0);
  report("sigsuspend lets a waiting signal in, and puts the mask back");

  signal(SIGALRM, SIG_IGN);
  timer(20, 0);
  note(error(nanosleep(&(struct timespec){0, 60000000}, 0)));
  report("an ignored signal interrupts nothing");

  install(SIGALRM, plain, 0, set_of(0));
  timer(20, 20);
  for (int round = 0; round < 3; round++) pause();
  timer(0, 0);
  note(error(nanosleep(&(struct timespec){0, 60000000}, 0)));
  report("an interval timer goes on until it is stopped");

  struct itimerval value, before;
  timer(900, 300);
  getitimer(ITIMER_REAL, &value);
  note(value.it_value.tv_usec > 500000 && value.it_value.tv_usec <= 900000 ? "value" : "wrong value");
  note(value.it_interval.tv_usec == 300000 ? "interval" : "wrong interval");
  value = (struct itimerval){0};
  setitimer(ITIMER_REAL, &value, &before);
  note(before.it_interval.tv_usec == 300000 ? "interval" : "wrong interval");
  getitimer(ITIMER_REAL, &value);
  note(value.it_value.tv_sec == 0 && value.it_value.tv_usec == 0 ? "stopped" : "running");
  report("getitimer");

  note(alarm(30) == 0 ? "none before" : "one before");
  note(alarm(0) == 30 ? "30 left" : "another rest");
  note(alarm(0) == 0 ? "none" : "one");
  alarm(1);
  // Whichever of the two clocks was read first.
  unsigned left = sleep(3);
  note(left == 1 || left == 2 ? "some left" : "another rest");
  report("alarm");

  install(SIGALRM, sleeper, (int)SA_NODEFER, set_of(0));
  timer(20, 20);
  note(error(nanosleep(&half, 0)));
  timer(0, 0);
  report("a handler sleeps, and is interrupted in that");

  depth = 0;
  install(SIGALRM, pauser, (int)SA_NODEFER, set_of(0));
  timer(20, 40);
  note(error(pause()));
  timer(0, 0);
  report("a handler pauses, and is interrupted in that");

  install_info(SIGALRM, informed, 0);
  timer(20, 0);
  note(error(pause()));
  report("a timer's signal comes from the kernel");

  install(SIGALRM, plain, 0, set_of(0));
  timer(30, 0);
  clock_gettime(CLOCK_MONOTONIC, &from);
  // A busy guest is interrupted, too.
  while (journal[0] == 0 && elapsed(&from) < 2000) continue;
  report("a timer while computing");
  defaults();
}

static void note_number(long number) {
  char text[24];
  snprintf(text, sizeof text, "%ld", number);
  note(text);
}

static void set(long milliseconds) {
  struct itimerval value = {.it_value = {milliseconds / 1000, milliseconds % 1000 * 1000}};
  if (setitimer(ITIMER_REAL, &value, 0) != 0) note("setitimer failed");
}

// What is left of a time, in the units of each call.
static void remainders(void) {
  static const int soon[] = {20, 200, 450}, left[] = {300, 900, 1300, 1700, 2300, 2700, 29900};
  install(SIGALRM, plain, 0, set_of(0));
  for (size_t i = 0; i < sizeof soon / sizeof *soon; i++) {
    timer(soon[i], 0);
    note_number(sleep((unsigned)i + 1));
  }
  report("sleep gives whole seconds");

  for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
    set(left[i]);
    note_number(alarm(0));
  }
  report("alarm gives the nearest ones, but none of what is left");

  struct itimerval value = {.it_interval = {1, 1}, .it_value = {7, 999999}}, seen;
  setitimer(ITIMER_REAL, &value, 0);
  getitimer(ITIMER_REAL, &seen);
  note_number((long)seen.it_value.tv_sec);
  note_number((long)seen.it_interval.tv_sec);
  note_number((long)seen.it_interval.tv_usec);
  for (int i = 0; i < 4; i++) {
    static const int intervals[] = {999999, 1001, 123457, 7};
    value.it_interval = (struct timeval){0, intervals[i]};
    setitimer(ITIMER_REAL, &value, &seen);
    getitimer(ITIMER_REAL, &seen);
    note_number((long)seen.it_interval.tv_usec);
  }
  set(0);
  report("intervals are as they were set");

  struct timespec rest = {9, 9};
  timer(30, 0);
  note(error(nanosleep(&(struct timespec){1, 999999999}, &rest)));
  note(rest.tv_sec == 1 && rest.tv_nsec > 500000000 && rest.tv_nsec < 975000000 ? "rest" : "another rest");
  note(error(nanosleep(&(struct timespec){0, 1000}, &rest)));
  note(rest.tv_sec == 1 ? "untouched" : "written");
  timer(20, 0);
  note(error(usleep(400000)));
  report("nanosleep and usleep");

  struct timespec from;
  clock_gettime(CLOCK_MONOTONIC, &from);
  for (int i = 0; i < 200; i++) nanosleep(&(struct timespec){0, 100000}, 0);
  note(elapsed(&from) >= 20 ? "waited" : "did not wait");
  report("200 sleeps of a tenth of a millisecond");
  defaults();
}

static void errors(void) {
  struct itimerval value = {.it_value = {0, 1000000}};
  note(error(setitimer(ITIMER_REAL, &value, 0)));
  value.it_value.tv_usec = -1;
  note(error(setitimer(ITIMER_REAL, &value, 0)));
  value.it_value.tv_usec = 0;
  note(error(setitimer(17, &value, 0)));
  note(error(nanosleep(&(struct timespec){0, 1000000000}, 0)));
  note(error(nanosleep(&(struct timespec){-1, 0}, 0)));
  report("bad times");

  note(error(nanosleep(far_away, 0)));
  note(error(setitimer(ITIMER_REAL, far_away, 0)));
  note(error(setitimer(ITIMER_REAL, &(struct itimerval){0}, far_away)));
  note(error(getitimer(ITIMER_REAL, far_away)));
  install(SIGALRM, plain, 0, set_of(0));
  timer(20, 0);
  note(error(nanosleep(&(struct timespec){0, 500000000}, far_away)));
  defaults();
  report("bad pointers");
}

int main(void) {
  waiting();
  remainders();
  errors();
  return 0;
}
