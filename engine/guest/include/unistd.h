// wasi-libc's <unistd.h>, and what it lacks for want of signals.
#ifndef _WASI_EMULATED_GETPID
#define _WASI_EMULATED_GETPID
#define __BOBBIN_GETPID
#endif
#include_next <unistd.h>
#ifdef __BOBBIN_GETPID
#undef _WASI_EMULATED_GETPID
#undef __BOBBIN_GETPID
#endif

#ifndef __BOBBIN_UNISTD_H
#define __BOBBIN_UNISTD_H
#ifdef __cplusplus
extern "C" {
#endif

unsigned alarm(unsigned);
int pause(void);
int usleep(unsigned);

#ifdef __cplusplus
}
#endif
#endif
