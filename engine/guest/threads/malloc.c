// Allocation by several threads: wasi-libc's allocator has no lock, and its functions are interrupted by other threads as
// any function. The linker has every call of them come here (link.txt).
#include <stddef.h>

#include "lock.h"

// Not to be seen by the compiler as what they are: it knows what malloc does.
void *__real_malloc(size_t);
void __real_free(void *);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__real_aligned_alloc(size_t, size_t);
int __real_posix_memalign(void **, size_t, size_t);

// Without link.txt the linker does not know it: better that than no locks.
__attribute__((used)) static void *(*const linked)(size_t) = __real_malloc;

static struct lock heap;

__attribute__((constructor(102))) static void add_lock(void) { __bobbin_add_lock(&heap); }

static inline void enter(void) {
  // A handler that has interrupted the allocator must not call it (POSIX, 2.4.3).
  if (heap.depth > 0 && heap.owner == self()) __builtin_trap();
  lock(&heap);
}

void *__wrap_malloc(size_t size) {
  enter();
  void *made = __real_malloc(size);
  unlock(&heap);
  return made;
}

void __wrap_free(void *at) {
  enter();
  __real_free(at);
  unlock(&heap);
}

void *__wrap_calloc(size_t count, size_t size) {
  enter();
  void *made = __real_calloc(count, size);
  unlock(&heap);
  return made;
}

void *__wrap_realloc(void *at, size_t size) {
  enter();
  void *made = __real_realloc(at, size);
  unlock(&heap);
  return made;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
  enter();
  void *made = __real_aligned_alloc(alignment, size);
  unlock(&heap);
  return made;
}

int __wrap_posix_memalign(void **made, size_t alignment, size_t size) {
  enter();
  int result = __real_posix_memalign(made, alignment, size);
  unlock(&heap);
  return result;
}

// libc's own names for the first three.
void *__wrap___libc_malloc(size_t size) { return __wrap_malloc(size); }
void __wrap___libc_free(void *at) { __wrap_free(at); }
void *__wrap___libc_calloc(size_t count, size_t size) { return __wrap_calloc(count, size); }
