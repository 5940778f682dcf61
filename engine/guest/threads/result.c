// What the host's numbers mean here.
#include <errno.h>
#include <time.h>

#include "imports.h"

int __bobbin_thread_errno(int returned) {
  if (returned >= 0) return 0;
  switch (-returned) {
    case 1:
      return EPERM;
    case 3:
      return ESRCH;
    case 4:
      return EINTR;
    case 11:
      return EAGAIN;
    case 12:
      return ENOMEM;
    case 14:
      return EFAULT;
    case 16:
      return EBUSY;
    case 32:
      return EPIPE;
    case 35:
      return EDEADLK;
    case 110:
      return ETIMEDOUT;
    case 125:
      return ECANCELED;
    case 130:
      return EOWNERDEAD;
    default:
      return EINVAL;
  }
}

int __bobbin_thread_result(int returned) {
  if (returned >= 0) return thrd_success;
  errno = __bobbin_thread_errno(returned);
  switch (errno) {
    case EAGAIN:
    case EBUSY:
      return thrd_busy;
    case ENOMEM:
      return thrd_nomem;
    case ETIMEDOUT:
      return thrd_timedout;
    default:
      return thrd_error;
  }
}

int __bobbin_handle(int returned, int *handle) {
  if (returned > 0) *handle = returned;
  int result = __bobbin_thread_result(returned);
  return result == thrd_busy ? thrd_nomem : result;
}

_Bool __bobbin_timeout(const struct timespec *until, int64_t *timeout) {
  struct timespec now;
  if (until->tv_nsec < 0 || until->tv_nsec >= 1000000000) {
    errno = EINVAL;
    return 0;
  }
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return 0;
  __int128 left = ((__int128)until->tv_sec - now.tv_sec) * 1000000000 + (until->tv_nsec - now.tv_nsec);
  // Below 0 there would be no timeout at all.
  *timeout = left <= 0 ? TRY : left > INT64_MAX ? INT64_MAX : (int64_t)left;
  return 1;
}

int __bobbin_timed(int returned) {
  int result = __bobbin_thread_result(returned);
  return result == thrd_busy ? thrd_timedout : result;
}
