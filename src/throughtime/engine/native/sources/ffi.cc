// What XLA calls.
#include "isa.h"
#include "xla/ffi/api/ffi.h"

TT_EACH_ISA(void doubled(const float* from, float* to, ptrdiff_t n);)

namespace throughtime {
namespace {

namespace ffi = ::xla::ffi;

ffi::Error doubled(ffi::Buffer<ffi::F32> x, ffi::ResultBuffer<ffi::F32> y) {
  TT_BEST(doubled)(x.typed_data(), y->typed_data(), static_cast<ptrdiff_t>(x.element_count()));
  return ffi::Error::Success();
}

}  // namespace
}  // namespace throughtime

#pragma GCC visibility push(default)
XLA_FFI_DEFINE_HANDLER_SYMBOL(throughtime_doubled, throughtime::doubled,
                              xla::ffi::Ffi::Bind().Arg<xla::ffi::Buffer<xla::ffi::F32>>().Ret<xla::ffi::Buffer<xla::ffi::F32>>());
#pragma GCC visibility pop
