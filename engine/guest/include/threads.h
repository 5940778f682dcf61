// C11's <threads.h> for guests of Bobbin, over the import module `bobbin:threads` (docs/threads.md): in the place of
// wasi-libc's, whose threads there are none of. See ../README.md for the flags.
#ifndef _THREADS_H
#define _THREADS_H

#include <time.h>

#ifdef __cplusplus
extern "C" {
#else
// Without an instruction set for threads the compiler makes these ordinary variables. Collected in one section they are each
// thread's own: the host swaps its bytes when threads take turns. So an address of one is the same in all threads, and
// means each one's own.
#define _Thread_local __attribute__((section("bobbin_tls"))) __thread
#undef thread_local
#define thread_local _Thread_local
#endif

#define TSS_DTOR_ITERATIONS 4
#define ONCE_FLAG_INIT {0, 0}

enum { thrd_success = 0, thrd_busy = 1, thrd_error = 2, thrd_nomem = 3, thrd_timedout = 4 };
enum { mtx_plain = 0, mtx_recursive = 1, mtx_timed = 2 };

// Numbers and handles of the host's. Copies of a mutex or a condition variable are the same one.
typedef unsigned long thrd_t;
typedef unsigned tss_t;
typedef struct {
  int __handle;
} mtx_t;
typedef struct {
  int __handle;
} cnd_t;
typedef struct {
  int __handle;
  int __done;
} once_flag;

typedef int (*thrd_start_t)(void *);
typedef void (*tss_dtor_t)(void *);

// Where one of these is thrd_error (or -2, thrd_sleep) errno says why.

int thrd_create(thrd_t *, thrd_start_t, void *);
int thrd_equal(thrd_t, thrd_t);
thrd_t thrd_current(void);
int thrd_sleep(const struct timespec *, struct timespec *);
void thrd_yield(void);
__attribute__((__noreturn__)) void thrd_exit(int);
int thrd_detach(thrd_t);
int thrd_join(thrd_t, int *);

int mtx_init(mtx_t *, int);
int mtx_lock(mtx_t *);
int mtx_timedlock(mtx_t *__restrict, const struct timespec *__restrict);
int mtx_trylock(mtx_t *);
int mtx_unlock(mtx_t *);
void mtx_destroy(mtx_t *);

int cnd_init(cnd_t *);
int cnd_signal(cnd_t *);
int cnd_broadcast(cnd_t *);
int cnd_wait(cnd_t *, mtx_t *);
int cnd_timedwait(cnd_t *__restrict, mtx_t *__restrict, const struct timespec *__restrict);
void cnd_destroy(cnd_t *);

int tss_create(tss_t *, tss_dtor_t);
void *tss_get(tss_t);
int tss_set(tss_t, void *);
void tss_delete(tss_t);

void call_once(once_flag *, void (*)(void));

#ifdef __cplusplus
}
#endif
#endif
