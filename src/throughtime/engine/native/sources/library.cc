// What Python asks the library about itself.
#include <cstdlib>
#include <cstring>
#include <string>

#include "isa.h"
#include "wiring.h"
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

template <class Record>
void tell(std::string& all, const char* name) {
  Record().fields([&](const char* names, auto&...) { all += std::string(name) + ": " + names + "\n"; });
}

std::string records() {
  std::string all;
  tell<Connection>(all, "Connection");
  tell<Layer>(all, "Layer");
  tell<Outer>(all, "Outer");
  tell<Wiring>(all, "Wiring");
  tell<ForwardCall>(all, "ForwardCall");
  tell<SweepCall>(all, "SweepCall");
  tell<GradientCall>(all, "GradientCall");
  tell<StreamCall>(all, "StreamCall");
  all += std::string("Unit: ") + places(Unit()) + "\n";
  return all + "Kind: " + places(Kind()) + "\n";
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

EXPORTED const char* throughtime_records() {
  static const std::string told = throughtime::records();
  return told.c_str();
}

EXPORTED int throughtime_ffi_major() { return XLA_FFI_API_MAJOR; }
EXPORTED int throughtime_ffi_minor() { return XLA_FFI_API_MINOR; }
