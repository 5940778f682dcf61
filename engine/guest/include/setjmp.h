// wasi-libc's <setjmp.h>, and jumps that put the mask of blocked signals back: the way out of a handler for good.
#include_next <setjmp.h>

#ifndef __BOBBIN_SETJMP_H
#define __BOBBIN_SETJMP_H
#ifdef __cplusplus
extern "C" {
#endif

struct __bobbin_sigjmp_buf {
  jmp_buf __jump;
  int __saved;
  unsigned long long __mask;
};
void __bobbin_save_mask(struct __bobbin_sigjmp_buf *, int);
_Noreturn void __bobbin_siglongjmp(struct __bobbin_sigjmp_buf *, int);

typedef struct __bobbin_sigjmp_buf __bobbin_sigjmp_buf_array[1];
#define sigjmp_buf __bobbin_sigjmp_buf_array
#define sigsetjmp(buf, save) (__bobbin_save_mask((buf), (save)), setjmp((buf)->__jump))
#define siglongjmp(buf, value) __bobbin_siglongjmp((buf), (value))

#ifdef __cplusplus
}
#endif
#endif
