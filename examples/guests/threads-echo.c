// An echo server with a thread for each connection. The connections are the host's: the module `network`.
#include "threaded.h"

#define NETWORK(name) __attribute__((import_module("network"), import_name(name)))
// The number of a new connection, or -1: there will be no more.
NETWORK("accept") int network_accept(void);
// How many bytes have come; 0: no more will.
NETWORK("read") int network_read(int connection, void *to, size_t size);
// How many bytes were taken.
NETWORK("write") int network_write(int connection, const void *from, size_t size);

static mtx_t mutex;
static cnd_t closed;
static int open_now, most, served;
static long long bytes;

static int serve(void *argument) {
  int connection = (int)(intptr_t)argument;
  char line[64];
  long long echoed = 0;
  for (int got; (got = network_read(connection, line, sizeof line)) > 0;) {
    for (int at = 0; at < got;) {
      int written = network_write(connection, line + at, (size_t)(got - at));
      if (written <= 0) return 1;
      at += written;
    }
    echoed += got;
  }
  mtx_lock(&mutex);
  bytes += echoed;
  served++;
  open_now--;
  cnd_signal(&closed);
  mtx_unlock(&mutex);
  return 0;
}

int main(void) {
  mtx_init(&mutex, mtx_plain);
  cnd_init(&closed);
  for (int connection; (connection = network_accept()) >= 0;) {
    thrd_t thread;
    mtx_lock(&mutex);
    if (++open_now > most) most = open_now;
    mtx_unlock(&mutex);
    if (thrd_create_with_stack(&thread, serve, (void *)(intptr_t)connection, 8192) != thrd_success) {
      printf("no thread for connection %d\n", connection);
      return 1;
    }
    thrd_detach(thread);
  }
  mtx_lock(&mutex);
  while (open_now > 0) cnd_wait(&closed, &mutex);
  mtx_unlock(&mutex);
  printf("%d connections, at most %d at once, %lld bytes\n", served, most, bytes);
  return 0;
}
