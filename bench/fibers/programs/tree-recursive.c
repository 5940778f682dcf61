// Sums a tree: the generator of a node has a generator for each of its children, and hands on what they yield.
#include "fiber.h"
#include "tree.h"

static int walk(int address);

static void hand_on(node *child) {
  if (child == NULL) return;
  fiber *const generator = fiber_create(walk);
  for (int value = fiber_resume(generator, (int)child); !fiber_is_done(generator); value = fiber_resume(generator, 0)) {
    fiber_yield(value);
  }
  fiber_destroy(generator);
}

static int walk(int address) {
  node *const self = (node *)address;
  hand_on(self->left);
  fiber_yield(self->value);
  hand_on(self->right);
  return 0;
}

__attribute__((export_name("run"))) int run(int n) {
  node *const root = tree_of(1, n);
  fiber *const generator = fiber_create(walk);
  unsigned sum = 0, position = 0;
  for (int value = fiber_resume(generator, (int)root); !fiber_is_done(generator); value = fiber_resume(generator, 0)) {
    sum += (unsigned)value ^ position++;
  }
  fiber_destroy(generator);
  return (int)sum;
}
