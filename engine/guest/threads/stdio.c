// The functions of <stdio.h>, each with its stream's lock. The linker has every call of them come here (link.txt); those not
// here call these.
#include <stdarg.h>
#include <stdio.h>
#include <sys/types.h>

#include "stream.h"

// Calls `call` with the lock of the stream that lies at `at`.
#define LOCKED(type, at, reads, call) \
  struct stream *locked = (at);       \
  enter(locked, (reads));             \
  type result = (call);               \
  leave(locked);                      \
  return result

#define WRITING(type, name, parameters, at, arguments) \
  type __real_##name parameters;                       \
  type __wrap_##name parameters { LOCKED(type, at, false, __real_##name arguments); }
#define READING(type, name, parameters, at, arguments) \
  type __real_##name parameters;                       \
  type __wrap_##name parameters { LOCKED(type, at, true, __real_##name arguments); }

#define OF(file) __bobbin_stream(file)

WRITING(int, vfprintf, (FILE *restrict f, const char *restrict format, va_list args), OF(f), (f, format, args))
WRITING(size_t, fwrite, (const void *restrict from, size_t size, size_t count, FILE *restrict f), OF(f),
        (from, size, count, f))
WRITING(int, fputs, (const char *restrict text, FILE *restrict f), OF(f), (text, f))
WRITING(int, fputc, (int c, FILE *f), OF(f), (c, f))
WRITING(int, putc, (int c, FILE *f), OF(f), (c, f))
WRITING(int, putchar, (int c), OUTPUT, (c))
WRITING(int, puts, (const char *text), OUTPUT, (text))

READING(int, vfscanf, (FILE *restrict f, const char *restrict format, va_list args), OF(f), (f, format, args))
READING(size_t, fread, (void *restrict to, size_t size, size_t count, FILE *restrict f), OF(f), (to, size, count, f))
READING(char *, fgets, (char *restrict to, int size, FILE *restrict f), OF(f), (to, size, f))
READING(ssize_t, getdelim, (char **restrict line, size_t *restrict size, int end, FILE *restrict f), OF(f),
        (line, size, end, f))
READING(int, fgetc, (FILE *f), OF(f), (f))
READING(int, getc, (FILE *f), OF(f), (f))
READING(int, getchar, (void), INPUT, ())
READING(int, ungetc, (int c, FILE *f), OF(f), (c, f))

WRITING(int, fseek, (FILE *f, long offset, int whence), OF(f), (f, offset, whence))
WRITING(int, fseeko, (FILE *f, off_t offset, int whence), OF(f), (f, offset, whence))
WRITING(long, ftell, (FILE *f), OF(f), (f))
WRITING(off_t, ftello, (FILE *f), OF(f), (f))
WRITING(int, fgetpos, (FILE *restrict f, fpos_t *restrict position), OF(f), (f, position))
WRITING(int, fsetpos, (FILE *f, const fpos_t *position), OF(f), (f, position))
WRITING(int, setvbuf, (FILE *restrict f, char *restrict buffer, int mode, size_t size), OF(f), (f, buffer, mode, size))

void __real_rewind(FILE *);
void __wrap_rewind(FILE *f) {
  struct stream *stream = OF(f);
  enter(stream, false);
  __real_rewind(f);
  leave(stream);
}

void __real_clearerr(FILE *);
void __wrap_clearerr(FILE *f) {
  struct stream *stream = OF(f);
  enter(stream, false);
  __real_clearerr(f);
  leave(stream);
}

void __real_perror(const char *);
void __wrap_perror(const char *text) {
  enter(ERRORS, false);
  __real_perror(text);
  leave(ERRORS);
}
