// Fibers by stack switching: what C cannot say is in fiber-switching.wat, which is merged with this.
#include "fiber.h"

#include <stdlib.h>

enum { STACK_SIZE = 4096 };
enum state { FRESH, SUSPENDED, RUNNING, DONE };

struct fiber {
  // Of its continuation, in the table.
  int slot;
  enum state state;
  fiber_body body;
  fiber *resumer;
  _Alignas(16) char stack[STACK_SIZE];
};

#define SWITCHING(name) __attribute__((import_module("switching"), import_name(#name)))
// A slot for a fiber.
SWITCHING(reserve) int switching_reserve(void);
SWITCHING(release) void switching_release(int slot);
// Puts a continuation into it that will call `fiber_start`, on a stack that ends at `stack`.
SWITCHING(create) void switching_create(int slot, fiber *self, char *stack);
SWITCHING(create_symmetric) void switching_create_symmetric(int slot, fiber *self, char *stack);
SWITCHING(resume) int switching_resume(int slot, int value);
SWITCHING(yield) int switching_yield(int value);
SWITCHING(begin) int switching_begin(int slot, int value);
SWITCHING(switch) int switching_switch(int from, int to, int value);
SWITCHING(cancel) void switching_cancel(int slot);
SWITCHING(cancel_symmetric) void switching_cancel_symmetric(int slot);

static fiber *running;

fiber *fiber_create(fiber_body body) {
  fiber *self = malloc(sizeof *self);
  if (self == NULL) return NULL;
  self->state = FRESH;
  self->body = body;
  self->slot = switching_reserve();
#ifdef SYMMETRIC
  switching_create_symmetric(self->slot, self, self->stack + STACK_SIZE);
#else
  switching_create(self->slot, self, self->stack + STACK_SIZE);
#endif
  return self;
}

void fiber_destroy(fiber *self) {
  if (self->state == SUSPENDED) {
#ifdef SYMMETRIC
    switching_cancel_symmetric(self->slot);
#else
    switching_cancel(self->slot);
#endif
  }
  switching_release(self->slot);
  free(self);
}

bool fiber_is_done(const fiber *self) { return self->state == DONE; }

fiber *fiber_self(void) { return running; }

__attribute__((export_name("fiber_start"))) int fiber_start(fiber *self, int value) {
  const int result = self->body(value);
  self->state = DONE;
  return result;
}

__attribute__((noinline, export_name("fiber_resume"))) int fiber_resume(fiber *self, int value) {
  self->resumer = running;
  self->state = RUNNING;
  running = self;
  const int result = switching_resume(self->slot, value);
  running = self->resumer;
  return result;
}

__attribute__((noinline, export_name("fiber_yield"))) int fiber_yield(int value) {
  running->state = SUSPENDED;
  return switching_yield(value);
}

__attribute__((noinline, export_name("fiber_run"))) int fiber_run(fiber *self, int value) {
  fiber *const resumer = running;
  self->state = RUNNING;
  running = self;
  const int result = switching_begin(self->slot, value);
  running = resumer;
  return result;
}

__attribute__((noinline, export_name("fiber_switch"))) int fiber_switch(fiber *to, int value) {
  fiber *const self = running;
  self->state = SUSPENDED;
  to->state = RUNNING;
  running = to;
  return switching_switch(self->slot, to->slot, value);
}
