// Weight gradients: dL/dW_d = sum over steps and sequences of a(t - d) delta(t)^T, as one product per connection and delay.
//
// The sum runs over chunks of steps and sequences. A chunk's deltas are copied with a stride that is no power of two, so that
// they stay in the first cache while the rows of the weights go by; what is heard is read where it lies.
#pragma once

#include <algorithm>
#include <vector>

#include "packing.h"
#include "wiring.h"

namespace TT_ISA {

using throughtime::Connection;
using throughtime::Gradient;
using throughtime::Heard;
using throughtime::Kind;
using throughtime::Share;

constexpr ptrdiff_t kChunk = 128;

// R rows of weights, V vectors of columns: += sum over the chunk.
template <class T, int R, int V>
void outer(ptrdiff_t count, const T* const* heard, ptrdiff_t s, const T* const* deltas, ptrdiff_t column, T* to, ptrdiff_t stride, ptrdiff_t lanes) {
  Vec<T> sum[R][V] = {};
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) __builtin_prefetch(to + r * stride + v * kLanes<T>, 1);
  for (ptrdiff_t j = 0; j < count; ++j) {
    const T *a = heard[j] + s, *d = deltas[j] + column;
    Vec<T> delta[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) delta[v] = v + 1 < V ? load(d + v * kLanes<T>) : load_up_to(d + v * kLanes<T>, lanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Vec<T> activity = splat(a[r]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sum[r][v] += activity * delta[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      T* place = to + r * stride + v * kLanes<T>;
      if (v + 1 < V) {
        store(place, load(place) + sum[r][v]);
      } else {
        store_up_to(place, load_up_to(place, lanes) + sum[r][v], lanes);
      }
    }
  }
}

// One column, all rows: the same where there are few columns.
template <class T>
void outer_of_column(ptrdiff_t count, const T* const* heard, ptrdiff_t first, ptrdiff_t last, const T* const* deltas, ptrdiff_t column, T* to,
                     ptrdiff_t stride) {
  along<T>(last - first, [&](ptrdiff_t i, ptrdiff_t real) {
    Vec<T> even{}, odd{};
    ptrdiff_t j = 0;
    for (; j + 2 <= count; j += 2) {
      even += load_up_to(heard[j] + first + i, real) * splat(deltas[j][column]);
      odd += load_up_to(heard[j + 1] + first + i, real) * splat(deltas[j + 1][column]);
    }
    if (j < count) even += load_up_to(heard[j] + first + i, real) * splat(deltas[j][column]);
    even += odd;
    for (ptrdiff_t s = 0; s < real; ++s) to[(first + i + s) * stride] += even[s];
  });
}

template <class T>
using Outer = void (*)(ptrdiff_t, const T* const*, ptrdiff_t, const T* const*, ptrdiff_t, T*, ptrdiff_t, ptrdiff_t);

template <class T, int V>
Outer<T> outer_of_rows(ptrdiff_t rows) {
  switch (rows) {
    case 1: return outer<T, 1, V>;
    case 2: return outer<T, 2, V>;
    case 3: return outer<T, 3, V>;
#if defined(__AVX512F__) || defined(__aarch64__)
    case 4: return outer<T, 4, V>;
    case 5: return outer<T, 5, V>;
#endif
    default: return outer<T, kRows, V>;
  }
}

template <class T>
Outer<T> outer_of(ptrdiff_t rows, ptrdiff_t vectors) {
  switch (vectors) {
    case 1: return outer_of_rows<T, 1>(rows);
    case 2: return outer_of_rows<T, 2>(rows);
    case 3: return outer_of_rows<T, 3>(rows);
    default: return outer_of_rows<T, kVectors>(rows);
  }
}

// A run of columns that a connection feeds: where it begins among all columns, where among the connection's own.
struct Run {
  ptrdiff_t from, to, count;
};

inline std::vector<Run> runs_of(const Connection& c, ptrdiff_t size) {
  std::vector<Run> made;
  for (size_t i = 0; i < c.places.size(); ++i) {
    if (i && c.places[i] == c.places[i - 1] + 1) {
      made.back().count += size;
    } else {
      made.push_back({c.places[i] * size, static_cast<ptrdiff_t>(i) * size, size});
    }
  }
  return made;
}

template <class T>
class Summing {
 public:
  explicit Summing(const Gradient<T>& g, ptrdiff_t part, ptrdiff_t parts)
      : g_(g), columns_(g.nets * g.size), stride_((columns_ + kLanes<T> - 1) / kLanes<T> * kLanes<T> + kLanes<T>), part_(part), parts_(parts) {
    copied_ = scratch_.template take<T>(kChunk * stride_);
    widest_ = 0;
    for (const Heard<T>& one : g.heard) widest_ = std::max({widest_, one.mask ? one.sources : 0, gathers(one) ? taps(one) : 0});
    masked_ = scratch_.template take<T>(kChunk * widest_ + 1);
  }

  void run() {
    for (ptrdiff_t t = 0; t < g_.steps; ++t) {
      for (ptrdiff_t b = 0; b < g_.batch; ++b) {
        if (g_.lengths && t >= g_.lengths[b]) continue;
        T* copy = copied_ + count_ * stride_;
        const T* deltas = g_.deltas + (t * g_.batch + b) * columns_;
        if (g_.lengths && t + 1 < g_.steps) fetch(deltas + g_.batch * columns_, columns_);
        std::copy_n(deltas, columns_, copy);
        deltas_[count_] = copy;
        step_[count_] = t;
        row_[count_] = b;
        if (++count_ == kChunk) flush();
      }
    }
    flush();
  }

 private:
  void flush() {
    if (!count_) return;
    if (g_.bias && part_ == 0) add_bias();
    for (const Heard<T>& one : g_.heard)
      if (gathers(one)) {
        gather(one);
        add_dense(one, taps(one), one.gradient);
      } else {
        for (size_t d = 0; d < one.connection->delays.size(); ++d) one.connection->kind == Kind::dense ? add_dense(one, d) : add_diagonal(one, d);
      }
    count_ = 0;
  }

  void add_bias() const {
    along<T>(columns_, [&](ptrdiff_t i, ptrdiff_t real) {
      Vec<T> sum = load_up_to(g_.bias + i, real);
      for (ptrdiff_t j = 0; j < count_; ++j) sum += load_up_to(deltas_[j] + i, real);
      store_up_to(g_.bias + i, sum, real);
    });
  }

  static void fetch(const T* from, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i += 64 / static_cast<ptrdiff_t>(sizeof(T))) __builtin_prefetch(from + i);
  }

  // What is heard at each place of the chunk.
  void listen(const Heard<T>& one, size_t d) {
    for (ptrdiff_t j = 0; j < count_; ++j) {
      const ptrdiff_t t = one.depth + step_[j] - one.connection->delays[d];
      const T* from = one.full + (t * g_.batch + row_[j]) * one.sources;
      if (g_.lengths) fetch(from, one.sources);  // rows that do not lie behind each other
      if (one.mask) {
        T* to = masked_ + j * widest_;
        for (ptrdiff_t s = 0; s < one.sources; ++s) to[s] = from[s] * one.mask[row_[j] * one.sources + s];
        from = to;
      }
      heard_[j] = from;
    }
  }

  // Few sources at several delays: side by side they are one product, as their weights lie.
  static bool gathers(const Heard<T>& one) {
    return one.connection->kind == Kind::dense && one.sources < kRows && one.connection->delays.size() > 1;
  }
  static ptrdiff_t taps(const Heard<T>& one) { return static_cast<ptrdiff_t>(one.connection->delays.size()) * one.sources; }

  void gather(const Heard<T>& one) {
    for (ptrdiff_t j = 0; j < count_; ++j) {
      T* to = masked_ + j * widest_;
      const T* mask = one.mask ? one.mask + row_[j] * one.sources : nullptr;
      heard_[j] = to;
      for (const int64_t delay : one.connection->delays) {
        const T* from = one.full + ((one.depth + step_[j] - delay) * g_.batch + row_[j]) * one.sources;
        for (ptrdiff_t s = 0; s < one.sources; ++s) *to++ = mask ? from[s] * mask[s] : from[s];
      }
    }
  }

  void add_dense(const Heard<T>& one, size_t d) {
    listen(one, d);
    const ptrdiff_t own = static_cast<ptrdiff_t>(one.connection->places.size()) * g_.size;
    add_dense(one, one.sources, one.gradient + static_cast<ptrdiff_t>(d) * one.sources * own);
  }

  // Rows of weights of what is heard now.
  void add_dense(const Heard<T>& one, ptrdiff_t rows, T* to) {
    const ptrdiff_t own = static_cast<ptrdiff_t>(one.connection->places.size()) * g_.size;
    const ptrdiff_t first = rows * part_ / parts_, last = rows * (part_ + 1) / parts_;
    for (const Run& run : runs_of(*one.connection, g_.size)) {
      if (run.count <= kNarrow<T>) {
        for (ptrdiff_t column = 0; column < run.count; ++column)
          outer_of_column<T>(count_, heard_, first, last, deltas_, run.from + column, to + run.to + column, own);
        continue;
      }
      for (ptrdiff_t column = 0; column < run.count; column += kPanel<T>) {
        const ptrdiff_t width = std::min(kPanel<T>, run.count - column), vectors = panels(width, kLanes<T>);
        const ptrdiff_t lanes = width - (vectors - 1) * kLanes<T>, blocks = (last - first + kRows - 1) / kRows;
        for (ptrdiff_t i = 0, s = first; i < blocks; ++i) {
          const ptrdiff_t next = first + (last - first) * (i + 1) / blocks;
          outer_of<T>(next - s, vectors)(count_, heard_, s, deltas_, run.from + column, to + s * own + run.to + column, own, lanes);
          s = next;
        }
      }
    }
  }

  void add_diagonal(const Heard<T>& one, size_t d) {
    if (one.connection->kind == Kind::identity || part_) return;
    listen(one, d);
    const size_t nets = one.connection->places.size();
    for (size_t i = 0; i < nets; ++i) {
      T* to = one.gradient + (d * nets + i) * g_.size;
      const ptrdiff_t column = one.connection->places[i] * g_.size;
      along<T>(g_.size, [&](ptrdiff_t n, ptrdiff_t real) {
        Vec<T> sum = load_up_to(to + n, real);
        for (ptrdiff_t j = 0; j < count_; ++j) sum += load_up_to(heard_[j] + n, real) * load_up_to(deltas_[j] + column + n, real);
        store_up_to(to + n, sum, real);
      });
    }
  }

  const Gradient<T>& g_;
  const ptrdiff_t columns_, stride_, part_, parts_;
  Scratch scratch_;
  T *copied_, *masked_;
  ptrdiff_t widest_, count_ = 0, step_[kChunk], row_[kChunk];
  const T *deltas_[kChunk], *heard_[kChunk];
};

template <class T>
void gradient(const Gradient<T>& g, ptrdiff_t threads, const Share& share) {
  ptrdiff_t work = 0;
  if (g.bias) std::fill_n(g.bias, g.nets * g.size, T(0));
  for (const Heard<T>& one : g.heard) {
    const ptrdiff_t own = static_cast<ptrdiff_t>(one.connection->places.size() * one.connection->delays.size()) * g.size;
    const ptrdiff_t numbers = own * (one.connection->kind == Kind::dense ? one.sources : 1);
    if (one.gradient) std::fill_n(one.gradient, numbers, T(0));
    work += numbers;
  }
  const ptrdiff_t parts = std::max<ptrdiff_t>(1, std::min(threads, work * g.steps * g.batch / 400000));
  share(parts, [&](ptrdiff_t part) { Summing<T>(g, part, parts).run(); });
}

}  // namespace TT_ISA
