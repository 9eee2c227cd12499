// What a call is about: the loop as the Python side describes it, and where its numbers lie. Nothing here depends on the
// instruction set.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace throughtime {

// Records: what Python says in a call, field by field. `records.py` has the same names in the same order; what is listed here is
// both what is read and what the library tells of itself, and one that tells other names than Python's is not loaded.
#define TT_FIELDS(...) \
  template <class Visit> \
  void fields(Visit&& visit) { visit(#__VA_ARGS__, __VA_ARGS__); }
#define TT_PLACES(Name, ...) \
  enum class Name : int64_t { __VA_ARGS__ }; \
  inline const char* places(Name) { return #__VA_ARGS__; }

TT_PLACES(Unit, linear, tanh, logistic, relu, saturated, lstm, gru, context)  // context: + the unit within
TT_PLACES(Kind, dense, diagonal, identity)

// One connection within the loop. `places`: the net inputs it feeds, in the order of its weights.
struct Connection {
  int source;
  Kind kind;
  bool masked;
  std::vector<int64_t> places, delays;
  TT_FIELDS(source, kind, masked, places, delays)
};

inline bool feeds(const Connection& c, ptrdiff_t place) { return std::find(c.places.begin(), c.places.end(), place) != c.places.end(); }

// One layer of the loop: `nets` net inputs and `memory` numbers for each of its `size` units; `depth` rows of its past are
// given. `kept`: its gates go on the tape, what its units made of their net inputs; of the others the sweep knows the slope
// from the activity. `joined`: its past lies before its activities in the result, where a sweep and layers outside, of its direction, hear both.
struct Layer {
  Unit unit, within;
  ptrdiff_t size, nets, memory, depth;
  bool kept, joined;
  std::vector<Connection> connections;
  ptrdiff_t columns() const { return nets * size; }
  TT_FIELDS(unit, within, size, nets, memory, depth, kept, joined, connections)
};

// Something that is heard from outside the loop: its units, and the rows of its past.
struct Outer {
  ptrdiff_t size, depth;
  TT_FIELDS(size, depth)
};

// Layers in the order of their connections without delay. A connection's source is a layer, or, beyond them, an outer one.
struct Wiring {
  bool ragged;  // the sequences have lengths of their own
  std::vector<Layer> layers;
  std::vector<Outer> outer;
  TT_FIELDS(ragged, layers, outer)
};

// The three calls of XLA. `driven`: what is heard from outside comes summed; `at_once`: a layer in no loop.
struct ForwardCall {
  ptrdiff_t steps, batch;
  bool taped, driven, at_once;
  Wiring wiring;
  TT_FIELDS(steps, batch, taped, driven, at_once, wiring)
};

// `silent`: no errors come to that layer from outside. `filled`: its deltas are 0 beyond each sequence's end; else nobody looks there.
struct SweepCall {
  ptrdiff_t steps, batch, rows;
  std::vector<int> silent, filled;
  Wiring wiring;
  TT_FIELDS(steps, batch, rows, silent, filled, wiring)
};

// The wiring is one layer; `heard`: what each of its connections hears.
struct GradientCall {
  ptrdiff_t steps, batch;
  bool biased;
  Wiring wiring;
  std::vector<Outer> heard;
  TT_FIELDS(steps, batch, biased, wiring, heard)
};

// A whole network, one step at a time, of `members` networks side by side. The outer sources are the inputs, in the order of the
// columns; `output`: which layer answers; `fed`: the row of its past, counted back from the newest, that a measured output takes,
// -1: none; `mark`: what its states begin with.
struct StreamCall {
  int64_t mark;
  ptrdiff_t members, output, fed;
  Wiring wiring;
  TT_FIELDS(mark, members, output, fed, wiring)
};

inline bool elementwise(Unit unit) { return unit < Unit::lstm; }

// Where the numbers of one forward pass lie. Rows of time first, then of the batch.
template <class T>
struct ForwardLayer {
  const T *drive, *bias, *past, *memory;    // (T, B, nets N) or null, (nets N), (D, B, N), (B, M N)
  std::vector<const T*> weights, masks;     // (D, S, nets, N) or (D, nets, N); (B, S); null where there is none
  T *full, *gates, *before, *after;         // (D + T, B, N) or, not joined, (T, B, N), (T, B, nets N) if kept, (T, B, M N) or null, (B, M N)
};

template <class T>
struct Forward {
  const Wiring* wiring;
  ptrdiff_t steps, batch;
  bool at_once;  // a layer that is in no loop: all steps are like so many sequences
  const int32_t* lengths;
  std::vector<const T*> outer;  // (D + T, B, S)
  std::vector<ForwardLayer<T>> layers;
};

// The same for one sweep back; R = K B rows of errors.
template <class T>
struct SweepLayer {
  bool filled;
  const T *errors;                          // (T, R, N); null: none from outside
  const T *full, *gates, *before, *memory;  // as above; memory: errors that come from later (R, M N)
  std::vector<const T*> weights, masks;
  T *deltas, *sooner;                       // (T, R, nets N), (R, M N)
};

template <class T>
struct Sweep {
  const Wiring* wiring;
  ptrdiff_t steps, batch, rows;
  const int32_t* lengths;
  std::vector<SweepLayer<T>> layers;
};

// What one layer hears through one connection, and the gradient of its weights.
template <class T>
struct Heard {
  const Connection* connection;
  ptrdiff_t sources, depth;   // S; rows of the source's past
  const T *full, *mask;       // (D + T, B, S), (B, S) or null
  T* gradient;                // as the weights; null: it has none
};

// The weight gradients of one layer from its deltas (T, B, nets N).
template <class T>
struct Gradient {
  ptrdiff_t steps, batch, nets, size;
  const int32_t* lengths;
  const T* deltas;
  std::vector<Heard<T>> heard;
  T* bias;                    // (nets N), null: none
};

// f(part, parts), side by side if it pays; returns when all parts are done.
using Share = std::function<void(ptrdiff_t parts, const std::function<void(ptrdiff_t)>& f)>;

}  // namespace throughtime
