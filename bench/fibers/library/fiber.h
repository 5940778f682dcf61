// Fibers for WebAssembly programs, by either of two means: Binaryen's Asyncify (fiber-asyncify.c), or stack-switching
// instructions (fiber-switching.c and fiber-switching.wat). A value is a word.
#pragma once

#include <stdbool.h>

typedef struct fiber fiber;

// What a fiber runs. It gets the value that it is first resumed or switched to with; what it returns is its last value.
typedef int (*fiber_body)(int value);

// A fiber that has not begun, or a null pointer where there is no memory.
fiber *fiber_create(fiber_body body);
// Frees a fiber; one that is suspended is ended where it is.
void fiber_destroy(fiber *self);
bool fiber_is_done(const fiber *self);

// Asymmetric: runs a fiber until it yields or returns, and gives what it yielded or returned.
int fiber_resume(fiber *self, int value);
// To whoever has resumed the running fiber; gives what that resumes it with next.
int fiber_yield(int value);

// Symmetric: runs a fiber, and those that are switched to in its place, until one of them returns, and gives what it returned.
int fiber_run(fiber *self, int value);
// Suspends the running fiber and goes on with another one; gives what some fiber switches back with.
int fiber_switch(fiber *to, int value);
// The running fiber.
fiber *fiber_self(void);
