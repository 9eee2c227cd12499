// The functions of the units as compiled for the instruction set in use: n numbers from here to there. The tests call them.
#include <cstddef>

#include "isa.h"

TT_EACH_ISA(
  void tanh_f32(const float*, float*, ptrdiff_t);
  void tanh_f64(const double*, double*, ptrdiff_t);
  void logistic_f32(const float*, float*, ptrdiff_t);
  void logistic_f64(const double*, double*, ptrdiff_t);
)

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED void throughtime_tanh_f32(const float* from, float* to, ptrdiff_t n) { TT_BEST(tanh_f32)(from, to, n); }
EXPORTED void throughtime_tanh_f64(const double* from, double* to, ptrdiff_t n) { TT_BEST(tanh_f64)(from, to, n); }
EXPORTED void throughtime_logistic_f32(const float* from, float* to, ptrdiff_t n) { TT_BEST(logistic_f32)(from, to, n); }
EXPORTED void throughtime_logistic_f64(const double* from, double* to, ptrdiff_t n) { TT_BEST(logistic_f64)(from, to, n); }
