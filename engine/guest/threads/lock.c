// The slow half of the library's locks.
#include "lock.h"

static struct lock *locks;

void __bobbin_lock_slowly(struct lock *lock) {
  // It may have become free since the caller looked.
  if (lock->owner != 0) {
    if (lock->semaphore == 0) lock->semaphore = host_sem_new(0);
    lock->waiting++;
    if (host_sem_acquire(lock->semaphore, FOREVER) != 0) __builtin_trap();
  }
  lock->owner = self();
}

// Hands it over, so that nobody comes in between. Where a thread was cancelled that waited, the semaphore keeps what was meant
// for it, and the next one takes that.
void __bobbin_unlock_slowly(struct lock *lock) {
  lock->waiting--;
  lock->owner = HANDED_OVER;
  host_sem_release(lock->semaphore, 1);
}

void __bobbin_add_lock(struct lock *lock) {
  lock->next = locks;
  locks = lock;
}

void __bobbin_lose_locks(int thread) {
  for (struct lock *lock = locks; lock; lock = lock->next) {
    if (lock->owner != thread) continue;
    lock->depth = 1;
    unlock(lock);
  }
}
