// The kernels, compiled once per instruction set: TT_ISA names it, TT_BYTES is the width of its vectors.
#include "vec.h"

namespace TT_ISA {

void doubled(const float* from, float* to, ptrdiff_t n) {
  along<float>(n, [&](ptrdiff_t i, ptrdiff_t lanes) {
    const Vec<float> x = load_up_to(from + i, lanes);
    store_up_to(to + i, x + x, lanes);
  });
}

}  // namespace TT_ISA
