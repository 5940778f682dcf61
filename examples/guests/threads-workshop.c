// A workshop of 300 threads, to be looked at: makers send jobs through a channel to workers, who need one of a few tools for each and
// send what they have made to packers. Signals change what goes on:
//
//   SIGUSR1   a rush: the makers make ten times as much, until the next one
//   SIGUSR2   the foreman taps every worker on the shoulder: each is sent SIGRTMIN, a signal of its own
//   SIGHUP    the workers have a break of a second
//   SIGALRM   32 helpers come, sort numbers, and leave
//   SIGINT    how much has been done
//   SIGTERM   closing time: what has been begun is finished, and the program ends
#include <bobbin/channel.h>
#include <bobbin/threads.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAKERS = 24, WORKERS = 240, PACKERS = 8, CLOCKS = 25, TOOLS = 60, HELPERS = 32, STACK = 16384 };

static chan_t jobs, parts;
static mtx_t tools[TOOLS];
static thrd_t makers[MAKERS], workers[WORKERS], packers[PACKERS], clocks[CLOCKS], foreman;
static volatile int rush, resting, closing, asked, tapping, calling;
static volatile unsigned taps, packed, sorted;
static volatile uint64_t digest;

static void say(const char *format, unsigned a, unsigned b) {
  char line[128];
  int length = snprintf(line, sizeof line, format, a, b);
  if (length > 0) (void)!write(1, line, (size_t)length);
}

static void need(int result, const char *what) {
  if (result == thrd_success) return;
  perror(what);
  exit(1);
}

static void rest(unsigned milliseconds) {
  struct timespec time = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
  thrd_sleep(&time, 0);
}

static uint64_t compute(uint64_t seed, unsigned rounds) {
  for (; rounds > 0; rounds--) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
  }
  return seed;
}

// ---- threads

static int make(void *which) {
  uint64_t seed = 0x9e3779b97f4a7c15ull * (uintptr_t)which;
  for (;;) {
    seed = compute(seed, 100);
    if (chan_send(&jobs, seed) == chan_closed) return 0;
    rest(rush ? 2 : 14 + seed % 20);
  }
}

static int work(void *which) {
  (void)which;
  uint64_t job;
  while (chan_recv(&jobs, &job) == thrd_success) {
    if (resting) rest(1000);
    mtx_t *tool = &tools[job % TOOLS];
    mtx_lock(tool);
    job = compute(job, 60000 + job % 60000);
    rest(2);
    mtx_unlock(tool);
    if (chan_send(&parts, job) == chan_closed) break;
  }
  return 0;
}

static int pack(void *which) {
  (void)which;
  uint64_t part;
  while (chan_recv(&parts, &part) == thrd_success) {
    digest ^= compute(part, 2000);
    packed++;
  }
  return 0;
}

static int tick(void *which) {
  while (!closing) rest(50 + 30 * (unsigned)(uintptr_t)which);
  return 0;
}

// ---- helpers: a merge sort, each half by a thread of its own

struct range {
  uint32_t *from, *to;
};

static int ascending(const void *a, const void *b) {
  uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
  return left < right ? -1 : left > right;
}

static int sort(void *argument) {
  struct range *range = argument;
  size_t count = (size_t)(range->to - range->from);
  if (count <= 4096) {
    qsort(range->from, count, sizeof *range->from, ascending);
    return 0;
  }
  struct range low = {range->from, range->from + count / 2}, high = {low.to, range->to};
  thrd_t helper;
  need(thrd_create_with_stack(&helper, sort, &low, STACK), "helper");
  thrd_set_name(helper, "helper");
  sort(&high);
  thrd_join(helper, 0);
  uint32_t *merged = malloc(count * sizeof *merged), *at = merged;
  if (merged == 0) return 1;
  uint32_t *left = low.from, *right = high.from;
  while (left < low.to || right < high.to) {
    if (right == high.to || (left < low.to && *left <= *right)) *at++ = *left++;
    else *at++ = *right++;
  }
  memcpy(range->from, merged, count * sizeof *merged);
  free(merged);
  return 0;
}

static int help(void *argument) {
  (void)argument;
  size_t count = (size_t)HELPERS * 4096;
  struct range range;
  range.from = malloc(count * sizeof *range.from);
  if (range.from == 0) return 1;
  range.to = range.from + count;
  uint64_t seed = 88172645463325252ull;
  for (uint32_t *at = range.from; at < range.to; at++) *at = (uint32_t)(seed = compute(seed, 1));
  sort(&range);
  int good = 1;
  for (uint32_t *at = range.from + 1; at < range.to; at++) good &= at[-1] <= *at;
  free(range.from);
  sorted++;
  say(good ? "%u numbers sorted\n" : "%u numbers, not sorted\n", (unsigned)count, 0);
  return 0;
}

// ---- signals

static void on_rush(int signo) {
  (void)signo;
  rush = !rush;
}
static void on_tap(int signo) {
  (void)signo;
  taps++;
}
static void on_break(int signo) {
  (void)signo;
  resting = 1;
}
static void on_signal(int signo) {
  if (signo == SIGUSR2) tapping = 1;
  if (signo == SIGALRM) calling = 1;
  if (signo == SIGINT) asked = 1;
  if (signo == SIGTERM) closing = 1;
}

static void on(int signo, void (*handler)(int)) {
  struct sigaction action = {0};
  action.sa_handler = handler;
  if (sigaction(signo, &action, 0) != 0) perror("sigaction"), exit(1);
}

// Signals to the process go to a thread that does not block them. All of the foreman's are his while he waits for one.
static int lead(void *mine) {
  sigset_t waiting;
  sigprocmask(SIG_SETMASK, 0, &waiting);
  for (int signo = 1; signo <= SIGRTMAX; signo++) {
    if (sigismember(mine, signo) == 1) sigdelset(&waiting, signo);
  }
  while (!closing) {
    sigsuspend(&waiting);
    if (resting) {
      say("a break\n", 0, 0);
      rest(500);
      resting = 0;
    }
    if (tapping) {
      tapping = 0;
      for (int at = 0; at < WORKERS; at++) thrd_kill(workers[at], SIGRTMIN);
      rest(100);
      say("%u taps on shoulders\n", taps, 0);
    }
    if (calling) {
      calling = 0;
      thrd_t helper;
      need(thrd_create_with_stack(&helper, help, 0, STACK), "helper");
      thrd_set_name(helper, "helper");
      thrd_detach(helper);
    }
  }
  return 0;
}

static void hire(thrd_t *threads, unsigned count, thrd_start_t job, const char *name) {
  for (unsigned at = 0; at < count; at++) {
    char full[32];
    need(thrd_create_with_stack(&threads[at], job, (void *)(uintptr_t)(at + 1), STACK), name);
    snprintf(full, sizeof full, "%s %u", name, at + 1);
    thrd_set_name(threads[at], full);
  }
}

static void dismiss(const thrd_t *threads, unsigned count) {
  for (unsigned at = 0; at < count; at++) thrd_join(threads[at], 0);
}

int main(void) {
  on(SIGUSR1, on_rush), on(SIGUSR2, on_signal), on(SIGHUP, on_break), on(SIGALRM, on_signal);
  on(SIGINT, on_signal), on(SIGTERM, on_signal), on(SIGRTMIN, on_tap);
  // Threads have the mask of who makes them: only the main thread and the foreman take what is for the process.
  sigset_t mine, his;
  sigemptyset(&mine), sigemptyset(&his);
  sigaddset(&mine, SIGINT), sigaddset(&mine, SIGTERM);
  sigaddset(&his, SIGUSR1), sigaddset(&his, SIGUSR2), sigaddset(&his, SIGHUP), sigaddset(&his, SIGALRM);
  sigprocmask(SIG_BLOCK, &mine, 0), sigprocmask(SIG_BLOCK, &his, 0);

  need(chan_init(&jobs, 64), "jobs");
  need(chan_init(&parts, 64), "parts");
  for (int at = 0; at < TOOLS; at++) need(mtx_init(&tools[at], mtx_plain), "tools");
  need(thrd_create(&foreman, lead, &his), "foreman");
  thrd_set_name(foreman, "foreman");
  hire(makers, MAKERS, make, "maker");
  hire(workers, WORKERS, work, "worker");
  hire(packers, PACKERS, pack, "packer");
  hire(clocks, CLOCKS, tick, "clock");
  say("%u threads at work\n", 2 + MAKERS + WORKERS + PACKERS + CLOCKS, 0);

  sigset_t waiting;
  sigprocmask(SIG_SETMASK, 0, &waiting);
  sigdelset(&waiting, SIGINT), sigdelset(&waiting, SIGTERM);
  while (!closing) {
    sigsuspend(&waiting);
    if (asked) {
      asked = 0;
      say("%u jobs done, %u taps\n", packed, taps);
    }
  }
  chan_close(&jobs);
  thrd_kill(foreman, SIGUSR1);
  thrd_join(foreman, 0);
  dismiss(makers, MAKERS);
  dismiss(workers, WORKERS);
  chan_close(&parts);
  dismiss(packers, PACKERS);
  dismiss(clocks, CLOCKS);
  say("%u jobs done: closed\n", packed, 0);
  return 0;
}
