// The kernels, compiled once per instruction set: TT_ISA names it, TT_BYTES is the width of its vectors.
#include "forward.h"
#include "sweep.h"

namespace TT_ISA {

void forward_f32(const throughtime::Forward<float>& f, ptrdiff_t threads, const Share& share) { forward(f, threads, share); }
void forward_f64(const throughtime::Forward<double>& f, ptrdiff_t threads, const Share& share) { forward(f, threads, share); }
void sweep_f32(const throughtime::Sweep<float>& s, ptrdiff_t threads, const Share& share) { sweep(s, threads, share); }
void sweep_f64(const throughtime::Sweep<double>& s, ptrdiff_t threads, const Share& share) { sweep(s, threads, share); }

}  // namespace TT_ISA
