// Producers and consumers over bounded channels, and what else channels do.
#include "threaded.h"

#include <bobbin/channel.h>

#define PRODUCERS 4
#define CONSUMERS 3
#define ITEMS 250

static chan_t jobs, results;
static waitgroup_t producing;

static int produce(void *argument) {
  uint64_t number = (uint64_t)(uintptr_t)argument;
  for (uint64_t item = 0; item < ITEMS; item++) CHECK(chan_send(&jobs, number << 32 | item) == thrd_success);
  waitgroup_done(&producing);
  return 0;
}

static int consume(void *argument) {
  (void)argument;
  // Each producer's items come in order, whoever gets them.
  int64_t latest[PRODUCERS];
  for (int at = 0; at < PRODUCERS; at++) latest[at] = -1;
  int taken = 0;
  uint64_t job;
  while (chan_recv(&jobs, &job) == thrd_success) {
    CHECK(job >> 32 < PRODUCERS);
    CHECK((int64_t)(uint32_t)job > latest[job >> 32]);
    latest[job >> 32] = (uint32_t)job;
    taken++;
    CHECK(chan_send(&results, (job >> 32) * 1000 + (uint32_t)job) == thrd_success);
  }
  return taken;
}

static int close_when_produced(void *argument) {
  (void)argument;
  CHECK(waitgroup_wait(&producing) == thrd_success);
  CHECK(chan_close(&jobs) == thrd_success);
  return 0;
}

static void produce_and_consume(unsigned capacity) {
  thrd_t producers[PRODUCERS], consumers[CONSUMERS];
  CHECK(chan_init(&jobs, capacity) == thrd_success);
  CHECK(chan_init(&results, 1) == thrd_success);
  CHECK(waitgroup_init(&producing) == thrd_success);
  CHECK(waitgroup_add(&producing, PRODUCERS) == thrd_success);
  for (uintptr_t at = 0; at < CONSUMERS; at++) consumers[at] = start(consume, 0);
  for (uintptr_t at = 0; at < PRODUCERS; at++) producers[at] = start(produce, (void *)at);
  thrd_t closer = start(close_when_produced, 0);
  uint64_t sum = 0, result;
  for (int at = 0; at < PRODUCERS * ITEMS; at++) {
    CHECK(chan_recv(&results, &result) == thrd_success);
    sum += result;
  }
  int taken = 0;
  for (int at = 0; at < PRODUCERS; at++) join(producers[at]);
  for (int at = 0; at < CONSUMERS; at++) taken += join(consumers[at]);
  join(closer);
  printf("capacity %u: %d taken, sum %llu\n", capacity, taken, (unsigned long long)sum);
  chan_destroy(&jobs);
  chan_destroy(&results);
  waitgroup_destroy(&producing);
}

static const char *said(int result) { return result == chan_closed ? "closed" : outcome(result); }

static void alone(void) {
  chan_t channel;
  uint64_t value = 0;
  CHECK(chan_init(&channel, 2) == thrd_success);
  printf("empty: %s", said(chan_tryrecv(&channel, &value)));
  struct timespec soon = in(10);
  printf(", %s\n", said(chan_timedrecv(&channel, &value, &soon)));
  printf("room for two: %s %s %s", said(chan_trysend(&channel, 1)), said(chan_send(&channel, UINT64_MAX)),
         said(chan_trysend(&channel, 3)));
  soon = in(10);
  printf(" %s\n", said(chan_timedsend(&channel, 3, &soon)));
  printf("close: %s, again %s, send %s\n", said(chan_close(&channel)), said(chan_close(&channel)),
         said(chan_send(&channel, 4)));
  while (chan_recv(&channel, &value) == thrd_success) printf("still there: %lld\n", (long long)value);
  printf("then: %s\n", said(chan_recv(&channel, &value)));
  chan_destroy(&channel);
  printf("destroyed: %s %d\n", said(chan_send(&channel, 1)), errno == EINVAL);
}

static chan_t left, right, back;

static int send_right(void *argument) {
  (void)argument;
  pass(5);
  CHECK(chan_send(&right, 42) == thrd_success);
  uint64_t value;
  CHECK(chan_recv(&back, &value) == thrd_success);
  return (int)value;
}

static void select_one(void) {
  unsigned index = 99;
  CHECK(chan_init(&left, 0) == thrd_success);
  CHECK(chan_init(&right, 0) == thrd_success);
  CHECK(chan_init(&back, 0) == thrd_success);
  struct chan_case cases[] = {
      {.channel = left, .kind = chan_receiving},
      {.channel = right, .kind = chan_receiving},
      {.channel = back, .kind = chan_sending, .value = 7},
  };
  printf("nothing is ready: %s", said(chan_tryselect(cases, 3, &index)));
  struct timespec soon = in(3);
  printf(", %s\n", said(chan_timedselect(cases, 3, &index, &soon)));
  thrd_t thread = start(send_right, 0);
  CHECK(chan_select(cases, 3, &index) == thrd_success);
  printf("case %u: %s, %llu\n", index, said(cases[index].result), (unsigned long long)cases[index].value);
  CHECK(chan_select(cases, 3, &index) == thrd_success);
  printf("case %u: sent %d\n", index, join(thread));
  chan_close(&left);
  CHECK(chan_select(cases, 3, &index) == thrd_success);
  printf("case %u: %s\n", index, said(cases[index].result));
  chan_close(&back);
  printf("sending on what is closed: %s\n", said(chan_select(&cases[2], 1, &index)));
}

#define LISTENERS 3
static broadcast_t news;
static barrier_t subscribed;

static int listen_to_news(void *argument) {
  (void)argument;
  subscription_t mine;
  CHECK(broadcast_subscribe(&news, &mine) == thrd_success);
  int last;
  CHECK(barrier_wait(&subscribed, &last) == thrd_success);
  uint64_t value, digest = 0;
  while (subscription_recv(&mine, &value) == thrd_success) digest = digest * 10 + value;
  subscription_destroy(&mine);
  return (int)digest;
}

static void broadcast_news(void) {
  thrd_t listeners[LISTENERS];
  CHECK(broadcast_init(&news, 2) == thrd_success);
  CHECK(barrier_init(&subscribed, LISTENERS + 1) == thrd_success);
  for (int at = 0; at < LISTENERS; at++) listeners[at] = start(listen_to_news, 0);
  CHECK(barrier_wait(&subscribed, 0) == thrd_success);
  for (uint64_t value = 1; value <= 6; value++) CHECK(broadcast_send(&news, value) == thrd_success);
  CHECK(broadcast_close(&news) == thrd_success);
  for (int at = 0; at < LISTENERS; at++) printf("heard: %d\n", join(listeners[at]));
  printf("afterwards: %s\n", said(broadcast_send(&news, 7)));
}

static semaphore_t rooms;
static int inside, most;

static int visit(void *argument) {
  (void)argument;
  CHECK(semaphore_acquire(&rooms) == thrd_success);
  if (++inside > most) most = inside;
  thrd_yield();
  inside--;
  CHECK(semaphore_release(&rooms, 1) == thrd_success);
  return 0;
}

static int sleeper(void *argument) {
  *(int *)argument = thrd_park() == thrd_success;
  return 0;
}

static void others(void) {
  thrd_t visitors[10];
  CHECK(semaphore_init(&rooms, 3) == thrd_success);
  for (size_t at = 0; at < LENGTH(visitors); at++) visitors[at] = start(visit, 0);
  for (size_t at = 0; at < LENGTH(visitors); at++) join(visitors[at]);
  printf("at most %d inside, none left: %d\n", most, inside);
  for (int at = 0; at < 3; at++) CHECK(semaphore_tryacquire(&rooms) == thrd_success);
  struct timespec soon = in(5);
  printf("full: %s", said(semaphore_tryacquire(&rooms)));
  printf(", %s\n", said(semaphore_timedacquire(&rooms, &soon)));

  int parked = 0;
  thrd_t thread = start(sleeper, &parked);
  pass(1);
  CHECK(thrd_unpark(thread) == thrd_success);
  join(thread);
  soon = in(5);
  printf("unparked: %d, nobody does it: %s\n", parked, said(thrd_timedpark(&soon)));
  thrd_unpark(thrd_current());
  printf("done before: %s\n", said(thrd_park()));
}

int main(void) {
  for (unsigned capacity = 0; capacity <= 16; capacity += 8) produce_and_consume(capacity);
  alone();
  select_one();
  broadcast_news();
  others();
  return 0;
}
