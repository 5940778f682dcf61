// Sums a tree: one generator walks it by recursion, and yields from whatever depth it is at.
#include "fiber.h"
#include "tree.h"

static void visit(const node *self) {
  if (self == NULL) return;
  visit(self->left);
  fiber_yield(self->value);
  visit(self->right);
}

static int walk(int address) {
  visit((const node *)address);
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
