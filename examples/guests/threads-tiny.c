#include <stdio.h>
#include <threads.h>

static mtx_t mutex;
static int numbers[100], sum;

static int add(void *number) {
  mtx_lock(&mutex);
  sum += *(int *)number;
  return mtx_unlock(&mutex);
}

int main(void) {
  thrd_t threads[100];
  mtx_init(&mutex, mtx_plain);
  for (int n = 0; n < 100; n++) numbers[n] = n, thrd_create(&threads[n], add, &numbers[n]);
  for (int n = 0; n < 100; n++) thrd_join(threads[n], NULL);
  printf("%d\n", sum);
}
