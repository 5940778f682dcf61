// Locks of the library's own, around what libc does without any.
//
// Threads take turns only at function entries, in loops and where they wait. What looks at a lock and takes it is none of
// these, so that a lock that is free costs no call of the host.
#pragma once

#include "imports.h"

#define HANDED_OVER (-1)

struct lock {
  // The number of the thread that has it, 0 for none, HANDED_OVER for one of those that wait.
  int owner;
  int depth;
  int waiting;
  int semaphore;
  struct lock *next;
};

extern _Thread_local int __bobbin_self;

void __bobbin_lock_slowly(struct lock *);
void __bobbin_unlock_slowly(struct lock *);
// Releases what a thread had when it ended.
void __bobbin_lose_locks(int thread);
// From now on __bobbin_lose_locks knows of it.
void __bobbin_add_lock(struct lock *);

__attribute__((always_inline)) static inline int self(void) {
  if (__bobbin_self == 0) __bobbin_self = host_self();
  return __bobbin_self;
}

// One thread may take a lock several times.
__attribute__((always_inline)) static inline void lock(struct lock *lock) {
  int me = self();
  if (lock->owner == 0) {
    lock->owner = me;
  } else if (lock->owner != me) {
    __bobbin_lock_slowly(lock);
  }
  lock->depth++;
}

__attribute__((always_inline)) static inline void unlock(struct lock *lock) {
  if (--lock->depth > 0) return;
  if (lock->waiting == 0) {
    lock->owner = 0;
  } else {
    __bobbin_unlock_slowly(lock);
  }
}
