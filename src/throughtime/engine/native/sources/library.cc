// What Python asks the library about itself.
#include <cstdlib>
#include <cstring>

#include "isa.h"
#include "xla/ffi/api/c_api.h"

namespace throughtime {
namespace {

const char* const kNames[] = {"baseline", "avx2", "avx512"};

Isa best() {
#if !defined(TT_ONLY_BASELINE)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::baseline;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")) {
    return Isa::avx512;
  }
  return Isa::avx2;
#else
  return Isa::baseline;
#endif
}

Isa chosen() {
  const char* wanted = std::getenv("THROUGHTIME_ISA");
  const int most = static_cast<int>(best());
  for (int i = 0; wanted && i < most; ++i) {
    if (!std::strcmp(wanted, kNames[i])) return static_cast<Isa>(i);
  }
  return static_cast<Isa>(most);
}

}  // namespace

Isa isa() {
  static const Isa found = chosen();
  return found;
}

}  // namespace throughtime

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED const char* throughtime_instruction_set() {
  return throughtime::kNames[static_cast<int>(throughtime::isa())];
}

EXPORTED int throughtime_ffi_major() { return XLA_FFI_API_MAJOR; }
EXPORTED int throughtime_ffi_minor() { return XLA_FFI_API_MINOR; }
