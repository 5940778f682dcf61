// sigsetjmp and siglongjmp. To be compiled and linked only by programs that jump: it needs Wasm's exceptions.
#include <setjmp.h>
#include <signal.h>

void __bobbin_save_mask(struct __bobbin_sigjmp_buf *buf, int save) {
  buf->__saved = save;
  if (save) sigprocmask(SIG_BLOCK, 0, &buf->__mask);
}

_Noreturn void __bobbin_siglongjmp(struct __bobbin_sigjmp_buf *buf, int value) {
  if (buf->__saved) sigprocmask(SIG_SETMASK, &buf->__mask, 0);
  longjmp(buf->__jump, value);
}
