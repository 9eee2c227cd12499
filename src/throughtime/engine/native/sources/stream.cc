// What Python calls to step a network, without XLA: made once, and asked as often as there are steps. No exception leaves here.
#include <exception>
#include <memory>
#include <new>

#include "isa.h"
#include "operands.h"
#include "streaming.h"

TT_EACH_ISA(
  std::unique_ptr<const throughtime::Stream> stream_f32(const throughtime::Streamed&);
  std::unique_ptr<const throughtime::Stream> stream_f64(const throughtime::Streamed&);
)

#define EXPORTED extern "C" __attribute__((visibility("default")))

using throughtime::Came;
using throughtime::Stream;

// `scaling`: mean and scale of the inputs, then mean, scale, low and high of the outputs, one for each column. Null: no memory, or
// the record is none.
EXPORTED const Stream* throughtime_stream_make(const int64_t* record, size_t count, const void* const* arrays, const double* const* scaling,
                                               int wide) {
  try {
    auto call = throughtime::Numbers({record, count}).read<throughtime::StreamCall>();
    const throughtime::Streamed given{std::move(call), arrays, {scaling[0], scaling[1], nullptr, nullptr}, {scaling[2], scaling[3], scaling[4], scaling[5]}};
    return (wide ? TT_BEST(stream_f64)(given) : TT_BEST(stream_f32)(given)).release();
  } catch (const std::exception&) {
    return nullptr;
  }
}

EXPORTED void throughtime_stream_free(const Stream* stream) { delete stream; }

EXPORTED size_t throughtime_stream_bytes(const Stream* stream) { return static_cast<size_t>(stream->bytes()); }

// `stream` and `y` say where the address stands: ctypes hands on its bytes in a third of the time that a number takes.
EXPORTED int throughtime_stream_step(const Stream* const* stream, const char* state, const double* u, char* after, double* const* y) {
  try {
    return static_cast<int>((*stream)->step(state, u, after, *y));
  } catch (const std::bad_alloc&) {
    return static_cast<int>(Came::short_of_memory);
  }
}

EXPORTED int throughtime_stream_hear(const Stream* const* stream, const char* state, const double* measured, char* after) {
  return static_cast<int>((*stream)->hear(state, measured, after));
}
