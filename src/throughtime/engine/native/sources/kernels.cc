// The kernels, compiled once per instruction set: TT_ISA names it, TT_BYTES is the width of its vectors.
#include "forward.h"
#include "gradient.h"
#include "stream.h"
#include "sweep.h"

namespace TT_ISA {

void forward_f32(const throughtime::Forward<float>& f, ptrdiff_t threads, const Share& share) { forward(f, threads, share); }
void forward_f64(const throughtime::Forward<double>& f, ptrdiff_t threads, const Share& share) { forward(f, threads, share); }
void sweep_f32(const throughtime::Sweep<float>& s, ptrdiff_t threads, const Share& share) { sweep(s, threads, share); }
void sweep_f64(const throughtime::Sweep<double>& s, ptrdiff_t threads, const Share& share) { sweep(s, threads, share); }

// The units' functions by themselves, so that their errors can be measured.
template <class T, Unit U>
void apply(const T* from, T* to, ptrdiff_t n) {
  along<T>(n, [&](ptrdiff_t i, ptrdiff_t real) { store_up_to(to + i, activated<T, U>(load_up_to(from + i, real)), real); });
}

void tanh_f32(const float* from, float* to, ptrdiff_t n) { apply<float, Unit::tanh>(from, to, n); }
void tanh_f64(const double* from, double* to, ptrdiff_t n) { apply<double, Unit::tanh>(from, to, n); }
void logistic_f32(const float* from, float* to, ptrdiff_t n) { apply<float, Unit::logistic>(from, to, n); }
void logistic_f64(const double* from, double* to, ptrdiff_t n) { apply<double, Unit::logistic>(from, to, n); }
void gradient_f32(const throughtime::Gradient<float>& g, ptrdiff_t threads, const Share& share) { gradient(g, threads, share); }
void gradient_f64(const throughtime::Gradient<double>& g, ptrdiff_t threads, const Share& share) { gradient(g, threads, share); }
std::unique_ptr<const throughtime::Stream> stream_f32(const throughtime::Streamed& s) { return std::make_unique<Stepped<float>>(s); }
std::unique_ptr<const throughtime::Stream> stream_f64(const throughtime::Streamed& s) { return std::make_unique<Stepped<double>>(s); }

}  // namespace TT_ISA
