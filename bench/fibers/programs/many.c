// Ten thousand at once: short fibers, each with one turn between its beginning and its end, until n of them have been.
#include "fiber.h"

enum { AT_ONCE = 10000 };

static int serve(int request) {
  const int more = fiber_yield(request ^ 1);
  return request + more;
}

__attribute__((export_name("run"))) int run(int n) {
  static fiber *places[AT_ONCE];
  unsigned sum = 0;
  for (int begun = 0; begun < n; begun += AT_ONCE) {
    for (int place = 0; place < AT_ONCE; place++) {
      places[place] = fiber_create(serve);
      sum += (unsigned)fiber_resume(places[place], begun + place);
    }
    for (int place = 0; place < AT_ONCE; place++) {
      sum += (unsigned)fiber_resume(places[place], place);
      fiber_destroy(places[place]);
    }
  }
  return (int)sum;
}
