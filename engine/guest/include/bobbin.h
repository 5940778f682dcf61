// What guests of Bobbin can do that POSIX has no name for.
#ifndef _BOBBIN_H
#define _BOBBIN_H

#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Leaves everything that is being computed, handlers and what they interrupted alike, and goes on with a call of `entry`, on
/// an empty stack. Nothing that was left is cleaned up. Once `entry` returns, the program exits with status 0. `mask` is
/// the mask of blocked signals to go on with; null: the one that held outside of all handlers. Returns only for an error: -1.
int sigleave(void (*entry)(void *), void *argument, const sigset_t *mask);

#ifdef __cplusplus
}
#endif
#endif
