// A program for wasi-threads without a C library: mutex and condition variables made of futexes, thread-local variables, and the
// linker's own set-up of shared memory (a start function of which only one instance does the work). The main thread hands
// numbers through a ring to 4 workers, who add them up; with the argument "spin" it looks for their end without waiting.
#include <stddef.h>
#include <stdint.h>

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
IMPORT("wasi", "thread-spawn") int32_t thread_spawn(void *argument);
IMPORT("wasi_snapshot_preview1", "fd_write") int32_t fd_write(int32_t, const void *, size_t, size_t *);
IMPORT("wasi_snapshot_preview1", "args_sizes_get") int32_t args_sizes_get(size_t *count, size_t *size);

enum { WORKERS = 4, NUMBERS = 1000, RING = 8, STACK = 16384, TLS = 64 };

static int futex_wait(int *word, int expected) { return __builtin_wasm_memory_atomic_wait32(word, expected, -1); }
static void futex_wake(int *word, unsigned count) { __builtin_wasm_memory_atomic_notify(word, count); }

// A mutex is 0 when it is free, 1 when it is locked, 2 when others may wait for it.
static void lock_contended(int *mutex) {
  while (__atomic_exchange_n(mutex, 2, __ATOMIC_ACQUIRE) != 0) futex_wait(mutex, 2);
}

static void lock(int *mutex) {
  int expected = 0;
  if (!__atomic_compare_exchange_n(mutex, &expected, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) lock_contended(mutex);
}

static void unlock(int *mutex) {
  if (__atomic_exchange_n(mutex, 0, __ATOMIC_RELEASE) == 2) futex_wake(mutex, 1);
}

// A condition counts its signals.
static void wait(int *condition, int *mutex) {
  int seen = __atomic_load_n(condition, __ATOMIC_RELAXED);
  unlock(mutex);
  futex_wait(condition, seen);
  lock_contended(mutex);
}

static void signal(int *condition) {
  __atomic_add_fetch(condition, 1, __ATOMIC_RELEASE);
  futex_wake(condition, 1);
}

static int mutex, not_full, not_empty, ended;
static int ring[RING], filled, first;
static long sum;
static _Thread_local long own = 7;
static const char greeting[] = "sum ";

static void put(int value) {
  lock(&mutex);
  while (filled == RING) wait(&not_full, &mutex);
  ring[(first + filled++) % RING] = value;
  signal(&not_empty);
  unlock(&mutex);
}

static int take(void) {
  lock(&mutex);
  while (filled == 0) wait(&not_empty, &mutex);
  int value = ring[first];
  first = (first + 1) % RING;
  filled--;
  signal(&not_full);
  unlock(&mutex);
  return value;
}

struct thread {
  void *tls;
  void *stack;
};
static struct thread threads[WORKERS];
static _Alignas(16) char stacks[WORKERS][STACK];
static _Alignas(16) char tls[WORKERS][TLS];

__attribute__((visibility("hidden"))) void __wasm_init_tls(void *memory);

__attribute__((used, noinline)) void run(int id, struct thread *thread) {
  (void)id;
  __wasm_init_tls(thread->tls);
  for (int value; (value = take()) != 0;) own += value;
  lock(&mutex);
  sum += own - 7;
  unlock(&mutex);
  __atomic_add_fetch(&ended, 1, __ATOMIC_RELEASE);
  futex_wake(&ended, ~0u);
}

// In assembly: a function of C's might use the stack before there is one.
__asm__(".globaltype __stack_pointer, i32\n"
        ".functype run (i32, i32) -> ()\n"
        ".globl wasi_thread_start\n"
        ".type wasi_thread_start,@function\n"
        "wasi_thread_start:\n"
        "  .functype wasi_thread_start (i32, i32) -> ()\n"
        "  local.get 1\n"
        "  i32.load 4\n"
        "  global.set __stack_pointer\n"
        "  local.get 0\n"
        "  local.get 1\n"
        "  call run\n"
        "  end_function\n"
        ".export_name wasi_thread_start, wasi_thread_start\n");

static void print(const char *text, size_t length) {
  struct {
    const char *text;
    size_t length;
  } vector = {text, length};
  size_t written;
  if (fd_write(1, &vector, 1, &written) != 0) __builtin_trap();
}

__attribute__((export_name("_start"))) void start(void) {
  size_t arguments = 0, size;
  if (args_sizes_get(&arguments, &size) != 0 || __builtin_wasm_tls_size() > TLS) __builtin_trap();
  for (int at = 0; at < WORKERS; at++) {
    threads[at] = (struct thread){tls[at], stacks[at] + STACK};
    if (thread_spawn(&threads[at]) < 1) __builtin_trap();
  }
  for (int value = 1; value <= NUMBERS; value++) put(value);
  for (int at = 0; at < WORKERS; at++) put(0);
  for (int seen; (seen = __atomic_load_n(&ended, __ATOMIC_ACQUIRE)) < WORKERS;) {
    if (arguments < 2) futex_wait(&ended, seen);
  }
  char text[24];
  size_t at = sizeof text;
  text[--at] = '\n';
  for (long rest = sum + (own - 7); rest > 0; rest /= 10) text[--at] = '0' + rest % 10;
  print(greeting, sizeof greeting - 1);
  print(text + at, sizeof text - at);
}
