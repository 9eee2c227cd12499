// A network that is stepped from outside, one time step a call: what it is made of, and what it can be asked. Nothing here
// depends on the instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "wiring.h"

namespace throughtime {

// How numbers of the data become those of networks and back, one of each for every column: seen = (value - mean) / scale.
struct Scaling {
  const double *mean, *scale, *low, *high;  // low, high: the limits of outputs
};

// `arrays`: layer by layer the bias (K, nets N), then the weights of its connections that have any, (K, D, S, nets, N) or
// (K, D, nets, N). All are copied.
struct Streamed {
  StreamCall call;
  const void* const* arrays;
  Scaling u, y;
};

// What came of a call: fine; the state is another network's; a number is none, or too far away; there is no memory.
enum class Came : int { fine, foreign, outside, short_of_memory };

// It never changes: several threads may ask it at once. A state is the mark, then of each member the past of its inputs and layers,
// the oldest row first, then its memories; it is read, and another one written.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual ptrdiff_t bytes() const = 0;                                                            // of a state
  virtual Came step(const char* state, const double* u, char* after, double* y) const = 0;        // y in the units of the data
  virtual Came hear(const char* state, const double* measured, char* after) const = 0;            // NaN: not measured
};

}  // namespace throughtime
