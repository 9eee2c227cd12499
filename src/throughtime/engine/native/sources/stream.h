// One time step of a whole network, of one sequence: weights are packed once, and lie ready from call to call.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "packing.h"
#include "streaming.h"
#include "units.h"

namespace TT_ISA {

using throughtime::Came;

// Memory that lives as long as the network.
class Kept {
 public:
  template <class T>
  T* take(ptrdiff_t count) {
    const size_t bytes = static_cast<size_t>(std::max<ptrdiff_t>(count, 1)) * sizeof(T);
    blocks_.emplace_back(static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)));
    if (!blocks_.back()) throw std::bad_alloc();
    return reinterpret_cast<T*>(blocks_.back().get());
  }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  std::vector<std::unique_ptr<char, Free>> blocks_;
};

// A row of activities that is heard: in the state before this step, or of this step.
template <class T>
struct Tap {
  bool past;
  ptrdiff_t offset, count;
  const T* weights;  // of a panel; or of each unit, null: 1
  ptrdiff_t to;      // of a one-to-one connection: its first column

  const T* from(const T* before, const T* now) const { return (past ? before : now) + offset; }
};

// Some columns of a layer's net inputs, and all that they hear.
template <class T>
struct Columns {
  Work<T> work;
  std::vector<Tap<T>> taps;
};

// One row, V vectors of columns; each sum is spread over C chains, which hides the latency.
template <class T, int V, int C>
inline void add_columns(const Columns<T>& columns, const T* before, const T* now, const T* bias, T* nets) {
  Vec<T> sum[C][V];
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) {
    sum[0][v] = at_vector<T, V>(bias, v, columns.work.lanes);
#pragma GCC unroll 8
    for (int c = 1; c < C; ++c) sum[c][v] = Vec<T>{};
  }
  for (const Tap<T>& tap : columns.taps) {
    const T *heard = tap.from(before, now), *weights = tap.weights;
    ptrdiff_t s = 0;
    for (; s + C <= tap.count; s += C) {
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c, weights += V * kLanes<T>) {
        const Vec<T> activity = splat(heard[s + c]);
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) sum[c][v] += activity * load(weights + v * kLanes<T>);
      }
    }
    for (; s < tap.count; ++s, weights += V * kLanes<T>) {
      const Vec<T> activity = splat(heard[s]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sum[0][v] += activity * load(weights + v * kLanes<T>);
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) {
#pragma GCC unroll 8
    for (int c = 1; c < C; ++c) sum[0][v] += sum[c][v];
    store_up_to(nets + v * kLanes<T>, sum[0][v], v + 1 < V ? kLanes<T> : columns.work.lanes);
  }
}

// Where there are few columns, the sum itself is a vector.
template <class T>
inline void add_few_columns(const Columns<T>& columns, const T* before, const T* now, const T* bias, T* nets) {
  for (ptrdiff_t column = 0; column < columns.work.columns; ++column) {
    Vec<T> even{}, odd{};
    for (const Tap<T>& tap : columns.taps) {
      const T *heard = tap.from(before, now), *weights = tap.weights + column * tap.count;
      ptrdiff_t s = 0;
      for (; s + 2 * kLanes<T> <= tap.count; s += 2 * kLanes<T>) {
        even += load(heard + s) * load(weights + s);
        odd += load(heard + s + kLanes<T>) * load(weights + s + kLanes<T>);
      }
      for (; s < tap.count; s += kLanes<T>) even += load_up_to(heard + s, tap.count - s) * load_up_to(weights + s, tap.count - s);
    }
    nets[column] = bias[column] + total_of<T>(even + odd);
  }
}

template <class T>
inline void add(const Columns<T>& columns, const T* before, const T* now, const T* bias, T* nets) {
  const ptrdiff_t first = columns.work.first;
  if (columns.work.narrow) return add_few_columns(columns, before, now, bias + first, nets + first);
  switch (columns.work.width() / kLanes<T>) {
    case 1: return add_columns<T, 1, 8>(columns, before, now, bias + first, nets + first);
    case 2: return add_columns<T, 2, 4>(columns, before, now, bias + first, nets + first);
    case 3: return add_columns<T, 3, 2>(columns, before, now, bias + first, nets + first);
    default: return add_columns<T, kVectors, 2>(columns, before, now, bias + first, nets + first);
  }
}

// A source: an input or a layer. Its past and memory within a member's part of the state, its activities among those of this step.
struct Source {
  ptrdiff_t size, depth, memory, past, kept, now;
};

// A layer of one member at work.
template <class T>
struct Firing {
  const throughtime::Layer* layer;
  const Source* source;
  const T* bias;
  std::vector<Columns<T>> columns;
  std::vector<Tap<T>> singles;
};

template <class T>
class Stepped final : public throughtime::Stream {
 public:
  explicit Stepped(const throughtime::Streamed& given) : call_(given.call) {
    for (const throughtime::Outer& one : call_.wiring.outer) place(one.size, one.depth, 0);
    inputs_ = active_;
    for (const throughtime::Layer& one : call_.wiring.layers) place(one.size, one.depth, one.memory * one.size);
    for (Source& one : sources_) {
      one.kept = held_;
      held_ += one.memory;
    }
    outputs_ = answer().size;
    scale(given);
    const void* const* arrays = given.arrays;
    members_.resize(static_cast<size_t>(call_.members));
    for (size_t l = 0; l < call_.wiring.layers.size(); ++l) arrays = listen(l, arrays);
  }

  ptrdiff_t bytes() const override { return kMark + call_.members * held_ * static_cast<ptrdiff_t>(sizeof(T)); }

  Came step(const char* state, const double* u, char* after, double* y) const override {
    if (!own(state)) return Came::foreign;
    Scratch scratch;
    T *now = scratch.take<T>(active_), *nets = scratch.take<T>(widest_);
    for (ptrdiff_t i = 0; i < inputs_; ++i)
      if (!seen(u[i], u_, i, now[i])) return Came::outside;
    std::memcpy(after, state, kMark);
    std::fill_n(y, outputs_, 0.0);
    for (size_t k = 0; k < members_.size(); ++k) {
      advance(members_[k], part(state, k), part(after, k), now, nets);
      for (ptrdiff_t i = 0; i < outputs_; ++i) y[i] += shown(now[answer().now + i], i);
    }
    for (ptrdiff_t i = 0; i < outputs_; ++i) y[i] /= static_cast<double>(members_.size());
    return Came::fine;
  }

  Came hear(const char* state, const double* measured, char* after) const override {
    if (!own(state)) return Came::foreign;
    std::memcpy(after, state, static_cast<size_t>(bytes()));
    for (ptrdiff_t i = 0; i < outputs_; ++i) {
      T value{};
      if (std::isnan(measured[i])) continue;
      if (!seen(measured[i], y_, i, value)) return Came::outside;
      if (call_.fed < 0) continue;
      for (size_t k = 0; k < members_.size(); ++k) part(after, k)[answer().past + (answer().depth - 1 - call_.fed) * outputs_ + i] = value;
    }
    return Came::fine;
  }

 private:
  static constexpr ptrdiff_t kMark = sizeof(int64_t);

  void place(ptrdiff_t size, ptrdiff_t depth, ptrdiff_t memory) {
    sources_.push_back({size, depth, memory, held_, 0, active_});
    held_ += depth * size;
    active_ += size;
  }

  const Source& answer() const { return sources_[call_.wiring.outer.size() + static_cast<size_t>(call_.output)]; }

  void scale(const throughtime::Streamed& given) {
    const auto copied = [&](const double* from, ptrdiff_t count) { return std::copy_n(from, count, kept_.take<double>(count)) - count; };
    u_ = {copied(given.u.mean, inputs_), copied(given.u.scale, inputs_), nullptr, nullptr};
    y_ = {copied(given.y.mean, outputs_), copied(given.y.scale, outputs_), copied(given.y.low, outputs_), copied(given.y.high, outputs_)};
  }

  // The weights of a layer for every member; returns what comes after them.
  const void* const* listen(size_t number, const void* const* arrays) {
    const throughtime::Layer& layer = call_.wiring.layers[number];
    const ptrdiff_t columns = layer.columns();
    widest_ = std::max(widest_, columns);
    const T* biases = static_cast<const T*>(*arrays++);
    for (size_t k = 0; k < members_.size(); ++k) {
      T* bias = std::copy_n(biases + static_cast<ptrdiff_t>(k) * columns, columns, kept_.take<T>(columns)) - columns;
      members_[k].push_back({&layer, &sources_[call_.wiring.outer.size() + number], bias, {}, {}});
      for (const Work<T>& work : works<T>(layer)) members_[k].back().columns.push_back({work, {}});
    }
    for (const throughtime::Connection& c : layer.connections) {
      const T* weights = c.kind == throughtime::Kind::identity ? nullptr : static_cast<const T*>(*arrays++);
      for (size_t k = 0; k < members_.size(); ++k) connect(members_[k].back(), c, weights, static_cast<ptrdiff_t>(k));
    }
    return arrays;
  }

  void connect(Firing<T>& firing, const throughtime::Connection& c, const T* weights, ptrdiff_t member) {
    const size_t layers = call_.wiring.layers.size(), outer = call_.wiring.outer.size(), from = static_cast<size_t>(c.source);
    const Source& source = sources_[from < layers ? outer + from : from - layers];
    const bool dense = c.kind == throughtime::Kind::dense;
    const ptrdiff_t delays = static_cast<ptrdiff_t>(c.delays.size()), nets = static_cast<ptrdiff_t>(c.places.size()), size = firing.layer->size;
    const ptrdiff_t each = (dense ? source.size : 1) * nets * size;  // weights of a delay
    for (ptrdiff_t d = 0; d < delays; ++d) {
      const ptrdiff_t delay = c.delays[static_cast<size_t>(d)];
      Tap<T> tap{delay > 0, delay ? source.past + (source.depth - delay) * source.size : source.now, source.size, nullptr, 0};
      const T* own = weights ? weights + (member * delays + d) * each : nullptr;
      if (dense) {
        for (Columns<T>& columns : firing.columns)
          if ((tap.weights = pack(own, c, source.size, size, columns.work, kept_))) columns.taps.push_back(tap);
        continue;
      }
      for (ptrdiff_t i = 0; i < nets; ++i) {
        tap.to = c.places[static_cast<size_t>(i)] * size;
        tap.weights = own ? std::copy_n(own + i * size, size, kept_.take<T>(size)) - size : nullptr;
        firing.singles.push_back(tap);
      }
    }
  }

  bool own(const char* state) const { return !std::memcmp(state, &call_.mark, kMark); }

  const T* part(const char* state, size_t member) const { return reinterpret_cast<const T*>(state + kMark) + static_cast<ptrdiff_t>(member) * held_; }
  T* part(char* state, size_t member) const { return reinterpret_cast<T*>(state + kMark) + static_cast<ptrdiff_t>(member) * held_; }

  static bool seen(double value, const throughtime::Scaling& scaling, ptrdiff_t i, T& to) {
    const double scaled = (value - scaling.mean[i]) / scaling.scale[i];
    if (!(std::fabs(scaled) <= static_cast<double>(std::numeric_limits<T>::max()))) return false;
    to = static_cast<T>(scaled);
    return true;
  }

  double shown(T activity, ptrdiff_t i) const {
    const double value = static_cast<double>(activity) * y_.scale[i] + y_.mean[i];
    return value < y_.low[i] ? y_.low[i] : value > y_.high[i] ? y_.high[i] : value;
  }

  void advance(const std::vector<Firing<T>>& member, const T* before, T* after, T* now, T* nets) const {
    for (const Firing<T>& one : member) {
      for (const Columns<T>& columns : one.columns) add(columns, before, now, one.bias, nets);
      for (const Tap<T>& single : one.singles) {
        const T* heard = single.from(before, now);
        along<T>(single.count, [&](ptrdiff_t i, ptrdiff_t real) {
          const Vec<T> value = load_up_to(heard + i, real);
          T* to = nets + single.to + i;
          store_up_to(to, load_up_to(to, real) + (single.weights ? value * load_up_to(single.weights + i, real) : value), real);
        });
      }
      std::copy_n(before + one.source->kept, one.source->memory, after + one.source->kept);
      activate(*one.layer, nets, after + one.source->kept, now + one.source->now);
    }
    for (const Source& one : sources_) {
      if (!one.depth) continue;
      const ptrdiff_t rest = (one.depth - 1) * one.size;
      std::copy_n(before + one.past + one.size, rest, after + one.past);
      std::copy_n(now + one.now, one.size, after + one.past + rest);
    }
  }

  const throughtime::StreamCall call_;
  Kept kept_;
  std::vector<Source> sources_;  // inputs, then layers
  std::vector<std::vector<Firing<T>>> members_;
  throughtime::Scaling u_{}, y_{};
  ptrdiff_t inputs_ = 0, outputs_ = 0, held_ = 0, active_ = 0, widest_ = 0;
};

}  // namespace TT_ISA
