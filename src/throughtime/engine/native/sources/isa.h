// Which of the compiled instruction sets is in use: the best this processor has, or a lower one that THROUGHTIME_ISA names.
#pragma once

namespace throughtime {

enum class Isa { baseline, avx2, avx512 };

Isa isa();

}  // namespace throughtime

// TT_BEST(f): the function `f` as compiled for the instruction set in use; each set has its own namespace.
#if !defined(TT_ONLY_BASELINE)
#define TT_BEST(f)                                                                   \
  (::throughtime::isa() == ::throughtime::Isa::avx512 ? &avx512::f                   \
   : ::throughtime::isa() == ::throughtime::Isa::avx2 ? &avx2::f : &baseline::f)
#define TT_EACH_ISA(declarations)        \
  namespace baseline { declarations }    \
  namespace avx2 { declarations }        \
  namespace avx512 { declarations }
#else
#define TT_BEST(f) (&baseline::f)
#define TT_EACH_ISA(declarations) \
  namespace baseline { declarations }
#endif
