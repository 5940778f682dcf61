// The functions of <wchar.h> on streams, each with its stream's lock, as in stdio.c.
#include <stdarg.h>
#include <wchar.h>

#include "stream.h"

#define OF(file) __bobbin_stream(file)
#define LOCKED(type, name, parameters, reads, arguments) \
  type __real_##name parameters;                           \
  type __wrap_##name parameters {                          \
    struct stream *locked = OF(f);                         \
    enter(locked, (reads));                              \
    type result = __real_##name arguments;                 \
    leave(locked);                                         \
    return result;                                         \
  }

LOCKED(int, vfwprintf, (FILE *restrict f, const wchar_t *restrict format, va_list args), false, (f, format, args))
LOCKED(wint_t, fputwc, (wchar_t c, FILE *f), false, (c, f))
LOCKED(int, fputws, (const wchar_t *restrict text, FILE *restrict f), false, (text, f))
LOCKED(int, fwide, (FILE *f, int mode), false, (f, mode))
LOCKED(int, vfwscanf, (FILE *restrict f, const wchar_t *restrict format, va_list args), true, (f, format, args))
LOCKED(wint_t, fgetwc, (FILE *f), true, (f))
LOCKED(wchar_t *, fgetws, (wchar_t *restrict to, int size, FILE *restrict f), true, (to, size, f))
LOCKED(wint_t, ungetwc, (wint_t c, FILE *f), true, (c, f))
