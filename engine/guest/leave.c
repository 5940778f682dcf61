// sigleave. To be compiled and linked only by programs that use it.
#include <bobbin.h>
#include <stdlib.h>

#include "imports.h"

__attribute__((export_name("__bobbin_enter"))) void __bobbin_enter(void (*entry)(void *), void *argument) {
  entry(argument);
  exit(EXIT_SUCCESS);
}

int sigleave(void (*entry)(void *), void *argument, const sigset_t *mask) {
  return __bobbin_result(host_sigleave(entry, argument, mask));
}
