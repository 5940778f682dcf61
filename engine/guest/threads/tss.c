// Thread-specific storage of <threads.h>.
#include <errno.h>
#include <stdlib.h>

#include "imports.h"
#include "lock.h"

#define KEYS 128

struct key {
  tss_dtor_t destructor;
  // Odd while the key exists. What was set under an earlier one is not there any more.
  unsigned generation;
};

struct value {
  void *value;
  unsigned generation;
};

// What one thread has set.
struct values {
  int thread;
  struct values *next;
  struct values **link;
  struct value of[KEYS];
};

static struct key keys[KEYS];
static struct values *all;
static thread_local struct values *own;

static _Bool exists(tss_t key) { return key < KEYS && keys[key].generation % 2 == 1; }

int tss_create(tss_t *key, tss_dtor_t destructor) {
  for (tss_t at = 0; at < KEYS; at++) {
    if (keys[at].generation % 2 == 1) continue;
    keys[at].generation++;
    keys[at].destructor = destructor;
    *key = at;
    return thrd_success;
  }
  errno = EAGAIN;
  return thrd_error;
}

void tss_delete(tss_t key) {
  if (exists(key)) keys[key].generation++;
}

void *tss_get(tss_t key) {
  if (own == 0 || !exists(key) || own->of[key].generation != keys[key].generation) return 0;
  return own->of[key].value;
}

int tss_set(tss_t key, void *value) {
  if (!exists(key)) {
    errno = EINVAL;
    return thrd_error;
  }
  if (own == 0) {
    if (value == 0) return thrd_success;
    struct values *made = calloc(1, sizeof *made);
    if (made == 0) return thrd_nomem;
    made->thread = self();
    made->next = all;
    made->link = &all;
    if (all) all->link = &made->next;
    all = made;
    own = made;
  }
  own->of[key] = (struct value){value, keys[key].generation};
  return thrd_success;
}

static void drop(struct values *values) {
  *values->link = values->next;
  if (values->next) values->next->link = values->link;
  free(values);
}

// Whether a destructor was called: it may have set values again.
static _Bool destroy_once(void) {
  _Bool called = 0;
  for (tss_t key = 0; key < KEYS; key++) {
    struct value *at = &own->of[key];
    if (at->value == 0 || !exists(key) || at->generation != keys[key].generation || keys[key].destructor == 0) continue;
    void *value = at->value;
    at->value = 0;
    called = 1;
    keys[key].destructor(value);
  }
  return called;
}

void __bobbin_end_tss(void) {
  if (own == 0) return;
  for (int round = 0; round < TSS_DTOR_ITERATIONS && destroy_once(); round++) continue;
  struct values *values = own;
  own = 0;
  drop(values);
}

void __bobbin_lose_tss(int thread) {
  for (struct values *at = all; at; at = at->next) {
    if (at->thread != thread) continue;
    drop(at);
    return;
  }
}
