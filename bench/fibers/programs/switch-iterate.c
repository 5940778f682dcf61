// Sums what a generator gives, where the two switch to each other.
#include "fiber.h"

static fiber *consumer, *producer;

static int count(int limit) {
  for (int value = 0; value < limit; value++) fiber_switch(consumer, value);
  fiber_switch(consumer, -1);
  return 0;
}

static int consume(int limit) {
  unsigned sum = 0;
  for (int value = fiber_switch(producer, limit); value >= 0; value = fiber_switch(producer, 0)) sum += (unsigned)value;
  return (int)sum;
}

__attribute__((export_name("run"))) int run(int n) {
  consumer = fiber_create(consume);
  producer = fiber_create(count);
  const int sum = fiber_run(consumer, n);
  fiber_destroy(producer);
  fiber_destroy(consumer);
  return sum;
}
