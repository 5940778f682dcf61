// Dining philosophers: two ways to dine that starve nobody, and the one that ends in a deadlock.
#include "threaded.h"

#define SEATS 5

static mtx_t forks[SEATS];
static int users[SEATS];
static int meals[SEATS];
static int wanted;

static void eat(int seat) {
  int left = seat, right = (seat + 1) % SEATS;
  CHECK(users[left]++ == 0);
  CHECK(users[right]++ == 0);
  for (volatile int bite = 0; bite < 20; bite++) continue;
  thrd_yield();
  meals[seat]++;
  CHECK(--users[left] == 0);
  CHECK(--users[right] == 0);
}

// The fork with the lower number first.
static int in_order(void *argument) {
  int seat = (int)(intptr_t)argument, other = (seat + 1) % SEATS;
  int low = seat < other ? seat : other, high = seat < other ? other : seat;
  for (int meal = 0; meal < wanted; meal++) {
    mtx_lock(&forks[low]);
    mtx_lock(&forks[high]);
    eat(seat);
    mtx_unlock(&forks[high]);
    mtx_unlock(&forks[low]);
  }
  return meals[seat];
}

// Both at once, when both are free.
static mtx_t table;
static cnd_t put_down[SEATS];
static int taken[SEATS];

static int both(void *argument) {
  int seat = (int)(intptr_t)argument, other = (seat + 1) % SEATS;
  for (int meal = 0; meal < wanted; meal++) {
    mtx_lock(&table);
    while (taken[seat] || taken[other]) cnd_wait(&put_down[seat], &table);
    taken[seat] = taken[other] = 1;
    mtx_unlock(&table);
    eat(seat);
    mtx_lock(&table);
    taken[seat] = taken[other] = 0;
    cnd_signal(&put_down[(seat + SEATS - 1) % SEATS]);
    cnd_signal(&put_down[other]);
    mtx_unlock(&table);
  }
  return meals[seat];
}

// The left one first, and all have it before they want the other.
static int greedy(void *argument) {
  int seat = (int)(intptr_t)argument;
  mtx_lock(&forks[seat]);
  taken[seat] = 1;
  for (int at = 0; at < SEATS; at++) {
    while (!*(volatile int *)&taken[at]) thrd_yield();
  }
  mtx_lock(&forks[(seat + 1) % SEATS]);
  return 0;
}

static void dine(const char *how, thrd_start_t philosopher) {
  thrd_t threads[SEATS];
  memset(meals, 0, sizeof meals);
  for (intptr_t seat = 0; seat < SEATS; seat++) threads[seat] = start(philosopher, (void *)seat);
  printf("%s:", how);
  for (int seat = 0; seat < SEATS; seat++) printf(" %d", join(threads[seat]));
  printf(" meals\n");
}

int main(int argc, char **argv) {
  wanted = argc > 1 ? atoi(argv[1]) : 100;
  mtx_init(&table, mtx_plain);
  for (int seat = 0; seat < SEATS; seat++) mtx_init(&forks[seat], mtx_plain), cnd_init(&put_down[seat]);
  dine("the lower fork first", in_order);
  dine("both at once", both);
  if (argc > 2) {
    fflush(stdout);
    dine("the left fork first", greedy);
  }
  return 0;
}
