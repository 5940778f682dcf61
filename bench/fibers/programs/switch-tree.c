// Sums a tree that one fiber walks by recursion; it switches to the one that sums from whatever depth it is at.
#include "fiber.h"
#include "tree.h"

static fiber *consumer, *producer;

static void visit(const node *self) {
  if (self == NULL) return;
  visit(self->left);
  fiber_switch(consumer, self->value);
  visit(self->right);
}

static int walk(int address) {
  visit((const node *)address);
  fiber_switch(consumer, 0);
  return 0;
}

static int consume(int root) {
  unsigned sum = 0, position = 0;
  for (int value = fiber_switch(producer, root); value != 0; value = fiber_switch(producer, 0)) {
    sum += (unsigned)value ^ position++;
  }
  return (int)sum;
}

__attribute__((export_name("run"))) int run(int n) {
  consumer = fiber_create(consume);
  producer = fiber_create(walk);
  const int sum = fiber_run(consumer, (int)tree_of(1, n));
  fiber_destroy(producer);
  fiber_destroy(consumer);
  return sum;
}
