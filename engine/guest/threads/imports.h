// The import module `bobbin:threads`, as the C library sees it (docs/threads.md). Every function returns 0 or more, or
// minus an error's number on Linux.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <threads.h>
#include <time.h>

#define THREADS(name) __attribute__((import_module("bobbin:threads"), import_name(name)))

// Timeouts are nanoseconds from the call on.
#define FOREVER (-1)
#define TRY 0

THREADS("spawn") int host_spawn(thrd_start_t, void *, uint32_t);
THREADS("exit") void host_thread_exit(int);
THREADS("self") int host_self(void);
THREADS("yield") int host_yield(void);
THREADS("join") int host_join(int, int *);
THREADS("detach") int host_detach(int);
THREADS("sleep") int host_sleep(int64_t);
THREADS("park") int host_park(int64_t);
THREADS("unpark") int host_unpark(int);
THREADS("kill") int host_thread_kill(int, int);
THREADS("name") int host_name(int, const char *, size_t);
THREADS("area") int host_area(void *, size_t);

THREADS("destroy") int host_destroy(int);
THREADS("mutex_new") int host_mutex_new(int);
THREADS("mutex_lock") int host_mutex_lock(int, int64_t);
THREADS("mutex_unlock") int host_mutex_unlock(int);
THREADS("cond_new") int host_cond_new(void);
THREADS("cond_wait") int host_cond_wait(int, int, int64_t);
THREADS("cond_signal") int host_cond_signal(int);
THREADS("cond_broadcast") int host_cond_broadcast(int);
THREADS("sem_new") int host_sem_new(int);
THREADS("sem_acquire") int host_sem_acquire(int, int64_t);
THREADS("sem_release") int host_sem_release(int, int);
THREADS("barrier_new") int host_barrier_new(int);
THREADS("barrier_wait") int host_barrier_wait(int);
THREADS("group_new") int host_group_new(void);
THREADS("group_add") int host_group_add(int, int);
THREADS("group_wait") int host_group_wait(int, int64_t);
THREADS("once_new") int host_once_new(void);
THREADS("once_enter") int host_once_enter(int);
THREADS("once_finish") int host_once_finish(int);
THREADS("channel_new") int host_channel_new(int);
THREADS("channel_send") int host_channel_send(int, uint64_t, int64_t);
THREADS("channel_receive") int host_channel_receive(int, uint64_t *, int64_t);
THREADS("channel_close") int host_channel_close(int);
THREADS("select") int host_select(void *, int, int64_t);
THREADS("broadcast_new") int host_broadcast_new(int);
THREADS("broadcast_subscribe") int host_broadcast_subscribe(int);
THREADS("broadcast_send") int host_broadcast_send(int, uint64_t, int64_t);
THREADS("broadcast_receive") int host_broadcast_receive(int, uint64_t *, int64_t);
THREADS("broadcast_close") int host_broadcast_close(int);

// What the library's files share.

// The number of an error here, for what the host returned.
int __bobbin_thread_errno(int returned);
// thrd_success for 0 or more; otherwise sets errno.
int __bobbin_thread_result(int returned);
// Keeps a new handle, or is what __bobbin_thread_result says of an error. There is one kind of it: no memory.
int __bobbin_handle(int returned, int *handle);
// The timeout until a time of TIME_UTC. False: it is none.
_Bool __bobbin_timeout(const struct timespec *until, int64_t *timeout);
// The same as a call's result, where a try that fails is one that came too late.
int __bobbin_timed(int returned);
// What the calling thread has by tss_set, when it ends.
void __bobbin_end_tss(void);
// What a thread had by it that ended without doing this.
void __bobbin_lose_tss(int thread);
