// Channels: queues that threads send values through and wait at.
#ifndef _BOBBIN_CHANNEL_H
#define _BOBBIN_CHANNEL_H

#include <stdint.h>
#include <threads.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What sending on a closed channel gives, and receiving from one that is closed and empty. The other results are those of
/// <threads.h>: thrd_busy where a try would have to wait.
enum { chan_closed = 5 };

/// Copies are the same channel.
typedef struct {
  int __handle;
} chan_t;

/// As many values as `capacity` wait in it; with 0 a sender waits for who receives.
int chan_init(chan_t *, unsigned capacity);
int chan_send(chan_t *, uint64_t);
int chan_timedsend(chan_t *, uint64_t, const struct timespec *);
int chan_trysend(chan_t *, uint64_t);
int chan_recv(chan_t *, uint64_t *);
int chan_timedrecv(chan_t *, uint64_t *, const struct timespec *);
int chan_tryrecv(chan_t *, uint64_t *);
/// What was sent is still received; nothing more is taken.
int chan_close(chan_t *);
void chan_destroy(chan_t *);

enum { chan_receiving = 0, chan_sending = 1 };

/// One of several things to wait for. `value` is what is to be sent, or what has been received; `result` is thrd_success or
/// chan_closed (closed and empty), of the one that has been done.
struct chan_case {
  chan_t channel;
  int kind;
  uint64_t value;
  int result;
  int __padding;
};

/// Does exactly one, and says which by `*index`. Among several that are ready one is drawn. chan_closed where that is a
/// send on a closed channel.
int chan_select(struct chan_case *, unsigned count, unsigned *index);
int chan_timedselect(struct chan_case *, unsigned count, unsigned *index, const struct timespec *);
int chan_tryselect(struct chan_case *, unsigned count, unsigned *index);

/// Each of the subscribers gets each value. One that is `capacity` behind has senders wait.
typedef struct {
  int __handle;
} broadcast_t;
typedef struct {
  int __handle;
} subscription_t;

int broadcast_init(broadcast_t *, unsigned capacity);
/// What is sent from now on.
int broadcast_subscribe(broadcast_t *, subscription_t *);
int broadcast_send(broadcast_t *, uint64_t);
int broadcast_timedsend(broadcast_t *, uint64_t, const struct timespec *);
int broadcast_trysend(broadcast_t *, uint64_t);
int broadcast_close(broadcast_t *);
void broadcast_destroy(broadcast_t *);
int subscription_recv(subscription_t *, uint64_t *);
int subscription_timedrecv(subscription_t *, uint64_t *, const struct timespec *);
int subscription_tryrecv(subscription_t *, uint64_t *);
void subscription_destroy(subscription_t *);

#ifdef __cplusplus
}
#endif
#endif
