// Fibers by Asyncify: the stack of a fiber is wound off into a buffer of its own, and on again.
#include "fiber.h"

#include <stdint.h>
#include <stdlib.h>

enum { STACK_SIZE = 4096, BUFFER_SIZE = 2048 };
enum state { FRESH, SUSPENDED, RUNNING, DONE };

struct fiber {
  // What Asyncify calls its data: where it writes next, and where it must stop.
  char *position;
  char *limit;
  enum state state;
  fiber_body body;
  int value;
  fiber *resumer;
  char *stack_pointer;
  char buffer[BUFFER_SIZE];
  _Alignas(16) char stack[STACK_SIZE];
};

#define ASYNCIFY(name) __attribute__((import_module("asyncify"), import_name(#name)))
ASYNCIFY(start_unwind) void asyncify_start_unwind(void *data);
ASYNCIFY(stop_unwind) void asyncify_stop_unwind(void);
ASYNCIFY(start_rewind) void asyncify_start_rewind(void *data);
ASYNCIFY(stop_rewind) void asyncify_stop_rewind(void);

static fiber *running;
// What Asyncify is doing.
static enum { NORMAL, UNWINDING, REWINDING } phase;
// What `fiber_run` goes on with.
static fiber *next;

static inline char *stack_pointer(void) {
  char *value;
  __asm__ volatile(".globaltype __stack_pointer, i32\nglobal.get __stack_pointer\nlocal.set %0" : "=r"(value));
  return value;
}

static inline void set_stack_pointer(char *value) {
  __asm__ volatile("local.get %0\nglobal.set __stack_pointer" : : "r"(value));
}

fiber *fiber_create(fiber_body body) {
  fiber *self = malloc(sizeof *self);
  if (self == NULL) return NULL;
  self->limit = self->buffer + BUFFER_SIZE;
  self->state = FRESH;
  self->body = body;
  self->stack_pointer = self->stack + STACK_SIZE;
  return self;
}

void fiber_destroy(fiber *self) { free(self); }

bool fiber_is_done(const fiber *self) { return self->state == DONE; }

fiber *fiber_self(void) { return running; }

// Runs a fiber until it returns or has been wound off.
static inline bool enter(fiber *self) {
  set_stack_pointer(self->stack_pointer);
  if (self->state == SUSPENDED) {
    phase = REWINDING;
    asyncify_start_rewind(self);
  }
  self->state = RUNNING;
  int value = self->body(self->value);
  if (phase == UNWINDING) {
    phase = NORMAL;
    asyncify_stop_unwind();
    return false;
  }
  self->state = DONE;
  self->value = value;
  return true;
}

static inline void leave(fiber *self) {
  self->stack_pointer = stack_pointer();
  self->state = SUSPENDED;
  self->position = self->buffer;
  phase = UNWINDING;
  asyncify_start_unwind(self);
}

__attribute__((noinline, export_name("fiber_resume"))) int fiber_resume(fiber *self, int value) {
  char *const outer = stack_pointer();
  self->resumer = running;
  self->value = value;
  running = self;
  enter(self);
  running = self->resumer;
  set_stack_pointer(outer);
  return self->value;
}

__attribute__((noinline, export_name("fiber_yield"))) int fiber_yield(int value) {
  fiber *const self = running;
  if (phase == REWINDING) {
    phase = NORMAL;
    asyncify_stop_rewind();
    return self->value;
  }
  self->value = value;
  leave(self);
  return 0;
}

__attribute__((noinline, export_name("fiber_run"))) int fiber_run(fiber *self, int value) {
  char *const outer = stack_pointer();
  fiber *const resumer = running;
  self->value = value;
  running = self;
  while (!enter(running)) running = next;
  value = running->value;
  running = resumer;
  set_stack_pointer(outer);
  return value;
}

__attribute__((noinline, export_name("fiber_switch"))) int fiber_switch(fiber *to, int value) {
  fiber *const self = running;
  if (phase == REWINDING) {
    phase = NORMAL;
    asyncify_stop_rewind();
    return self->value;
  }
  to->value = value;
  next = to;
  leave(self);
  return 0;
}
