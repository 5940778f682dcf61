// Channels and broadcasts of <bobbin/channel.h>.
#include <bobbin/channel.h>
#include <errno.h>
#include <limits.h>

#include "imports.h"

_Static_assert(sizeof(struct chan_case) == 24, "layout of the interface");
_Static_assert(__builtin_offsetof(struct chan_case, value) == 8, "layout of the interface");
_Static_assert(__builtin_offsetof(struct chan_case, result) == 16, "layout of the interface");

static int sent(int returned) {
  return __bobbin_thread_errno(returned) == EPIPE ? chan_closed : __bobbin_thread_result(returned);
}
static int received(int returned) { return returned == 0 ? chan_closed : __bobbin_thread_result(returned); }
static int in_time(int result) { return result == thrd_busy ? thrd_timedout : result; }
static int count_of(unsigned count) { return count > INT_MAX ? -1 : (int)count; }

int chan_init(chan_t *channel, unsigned capacity) {
  return __bobbin_handle(host_channel_new(count_of(capacity)), &channel->__handle);
}

int chan_send(chan_t *channel, uint64_t value) { return sent(host_channel_send(channel->__handle, value, FOREVER)); }
int chan_trysend(chan_t *channel, uint64_t value) { return sent(host_channel_send(channel->__handle, value, TRY)); }

int chan_timedsend(chan_t *channel, uint64_t value, const struct timespec *until) {
  int64_t timeout;
  if (!__bobbin_timeout(until, &timeout)) return thrd_error;
  return in_time(sent(host_channel_send(channel->__handle, value, timeout)));
}

int chan_recv(chan_t *channel, uint64_t *value) {
  return received(host_channel_receive(channel->__handle, value, FOREVER));
}

int chan_tryrecv(chan_t *channel, uint64_t *value) {
  return received(host_channel_receive(channel->__handle, value, TRY));
}

int chan_timedrecv(chan_t *channel, uint64_t *value, const struct timespec *until) {
  int64_t timeout;
  if (!__bobbin_timeout(until, &timeout)) return thrd_error;
  return in_time(received(host_channel_receive(channel->__handle, value, timeout)));
}

int chan_close(chan_t *channel) { return sent(host_channel_close(channel->__handle)); }
void chan_destroy(chan_t *channel) { host_destroy(channel->__handle); }

// The host says of what is received 1, with a value, or 0, closed and empty; a send on a closed channel is an error, and
// which it was is not said.
static int selected(struct chan_case *cases, int returned, unsigned *index) {
  if (returned < 0) return sent(returned);
  struct chan_case *done = &cases[returned];
  if (done->kind == chan_receiving) done->result = received(done->result);
  else done->result = thrd_success;
  *index = (unsigned)returned;
  return thrd_success;
}

int chan_select(struct chan_case *cases, unsigned count, unsigned *index) {
  return selected(cases, host_select(cases, count_of(count), FOREVER), index);
}

int chan_tryselect(struct chan_case *cases, unsigned count, unsigned *index) {
  return selected(cases, host_select(cases, count_of(count), TRY), index);
}

int chan_timedselect(struct chan_case *cases, unsigned count, unsigned *index, const struct timespec *until) {
  int64_t timeout;
  if (!__bobbin_timeout(until, &timeout)) return thrd_error;
  return in_time(selected(cases, host_select(cases, count_of(count), timeout), index));
}

int broadcast_init(broadcast_t *broadcast, unsigned capacity) {
  return __bobbin_handle(host_broadcast_new(count_of(capacity)), &broadcast->__handle);
}

int broadcast_subscribe(broadcast_t *broadcast, subscription_t *subscription) {
  return __bobbin_handle(host_broadcast_subscribe(broadcast->__handle), &subscription->__handle);
}

int broadcast_send(broadcast_t *broadcast, uint64_t value) {
  return sent(host_broadcast_send(broadcast->__handle, value, FOREVER));
}

int broadcast_trysend(broadcast_t *broadcast, uint64_t value) {
  return sent(host_broadcast_send(broadcast->__handle, value, TRY));
}

int broadcast_timedsend(broadcast_t *broadcast, uint64_t value, const struct timespec *until) {
  int64_t timeout;
  if (!__bobbin_timeout(until, &timeout)) return thrd_error;
  return in_time(sent(host_broadcast_send(broadcast->__handle, value, timeout)));
}

int broadcast_close(broadcast_t *broadcast) { return sent(host_broadcast_close(broadcast->__handle)); }
void broadcast_destroy(broadcast_t *broadcast) { host_destroy(broadcast->__handle); }

int subscription_recv(subscription_t *subscription, uint64_t *value) {
  return received(host_broadcast_receive(subscription->__handle, value, FOREVER));
}

int subscription_tryrecv(subscription_t *subscription, uint64_t *value) {
  return received(host_broadcast_receive(subscription->__handle, value, TRY));
}

int subscription_timedrecv(subscription_t *subscription, uint64_t *value, const struct timespec *until) {
  int64_t timeout;
  if (!__bobbin_timeout(until, &timeout)) return thrd_error;
  return in_time(received(host_broadcast_receive(subscription->__handle, value, timeout)));
}

void subscription_destroy(subscription_t *subscription) { host_destroy(subscription->__handle); }
