// The same, linked without the library's locks: to show that they are needed.
#include "threads-stress.c"
