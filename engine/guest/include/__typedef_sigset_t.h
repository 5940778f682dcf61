// wasi-libc's <bits/alltypes.h> includes this file; the library's own has room for eight signals.
#ifndef __wasilibc___typedef_sigset_t_h
#define __wasilibc___typedef_sigset_t_h

// Signal n is bit n - 1.
typedef unsigned long long sigset_t;

#endif
