// Sleeping that really waits and that signals interrupt, in the place of wasi-libc's.
#include "imports.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

int nanosleep(const struct timespec *request, struct timespec *remaining) {
  if (!in_memory(request, sizeof *request)) {
    errno = EFAULT;
    return -1;
  }
  struct host_timespec wanted = {request->tv_sec, request->tv_nsec}, rest = {0, 0};
  int result = __bobbin_result(host_nanosleep(&wanted, &rest));
  if (result == -1 && errno == EINTR && remaining) {
    // Linux does not look at it before.
    if (!in_memory(remaining, sizeof *remaining)) {
      errno = EFAULT;
      return -1;
    }
    remaining->tv_sec = rest.sec;
    remaining->tv_nsec = (long)rest.nsec;
  }
  return result;
}

// Returns the error's number.
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *request, struct timespec *remaining) {
  if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) return EINVAL;
  if (!in_memory(request, sizeof *request)) return EFAULT;
  if (request->tv_nsec < 0 || request->tv_nsec >= 1000000000) return EINVAL;
  if (!(flags & TIMER_ABSTIME)) return nanosleep(request, remaining) == 0 ? 0 : errno;
  struct timespec now;
  if (clock_gettime(clock, &now) != 0) return errno;
  struct timespec wait = {request->tv_sec - now.tv_sec, request->tv_nsec - now.tv_nsec};
  if (wait.tv_nsec < 0) {
    wait.tv_nsec += 1000000000;
    wait.tv_sec--;
  }
  if (wait.tv_sec < 0) return 0;
  return nanosleep(&wait, 0) == 0 ? 0 : errno;
}

unsigned sleep(unsigned seconds) {
  struct timespec request = {seconds, 0}, remaining;
  // Glibc and musl give whole seconds, cut off.
  return nanosleep(&request, &remaining) == 0 ? 0 : (unsigned)remaining.tv_sec;
}

int usleep(unsigned microseconds) {
  struct timespec request = {microseconds / 1000000, (long)(microseconds % 1000000) * 1000};
  return nanosleep(&request, 0);
}
