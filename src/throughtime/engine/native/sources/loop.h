// What stepping forward and sweeping back have in common: which rows are alive, and connections that are no matrix product.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "packing.h"
#include "units.h"
#include "wiring.h"

namespace TT_ISA {

using throughtime::Connection;
using throughtime::Kind;
using throughtime::Layer;
using throughtime::Share;

// A one-to-one connection (diagonal or identity) at one delay, into one net input: to[n] += weight[n] * from[n] * mask[n].
template <class T>
struct Single {
  const T* from;
  ptrdiff_t step, stride, first, last;
  const T *weight, *mask;  // null: 1
  ptrdiff_t to;            // its first column
};

template <class T>
inline void add_single(const Single<T>& one, ptrdiff_t t, int32_t row, ptrdiff_t batch_row, ptrdiff_t size, T* to) {
  if (t < one.first || t >= one.last) return;
  const T *from = one.from + t * one.step + row * one.stride, *mask = one.mask ? one.mask + batch_row * size : nullptr;
  along<T>(size, [&](ptrdiff_t i, ptrdiff_t real) {
    Vec<T> value = load_up_to(from + i, real);
    if (one.weight) value *= load_up_to(one.weight + i, real);
    if (mask) value *= load_up_to(mask + i, real);
    store_up_to(to + one.to + i, load_up_to(to + one.to + i, real) + value, real);
  });
}

// What one row reads or writes in a step: `count` numbers at from + t step + row stride. Asked for a step ahead, while the
// products of other rows are computed, they are in the cache when they are wanted.
template <class T>
struct Ahead {
  const T* from;
  ptrdiff_t step, stride, count;
};

template <class T>
inline void fetch(const Ahead<T>& one, ptrdiff_t t, int32_t row) {
  const T* from = one.from + t * one.step + row * one.stride;
  for (ptrdiff_t i = 0; i < one.count; i += 64 / static_cast<ptrdiff_t>(sizeof(T))) __builtin_prefetch(from + i);
}

// Rows that one thread works on, the longest sequence first, so that those alive at a step are the first ones.
struct Rows {
  std::vector<int32_t> index;
  std::vector<int32_t> lengths;  // of each; empty: all steps

  ptrdiff_t alive(ptrdiff_t t, ptrdiff_t guess) const {  // how many have more than t steps, beginning at the last answer
    if (lengths.empty()) return static_cast<ptrdiff_t>(index.size());
    while (guess > 0 && lengths[guess - 1] <= t) --guess;
    while (guess < static_cast<ptrdiff_t>(index.size()) && lengths[guess] > t) ++guess;
    return guess;
  }
};

inline Rows rows_of(ptrdiff_t rows, ptrdiff_t batch, const int32_t* lengths, ptrdiff_t part, ptrdiff_t parts) {
  Rows made;
  if (!lengths) {
    for (ptrdiff_t r = rows * part / parts; r < rows * (part + 1) / parts; ++r) made.index.push_back(static_cast<int32_t>(r));
    return made;
  }
  std::vector<int32_t> order(rows);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return lengths[a % batch] > lengths[b % batch]; });
  for (ptrdiff_t i = part; i < rows; i += parts) made.index.push_back(order[i]);
  for (int32_t r : made.index) made.lengths.push_back(lengths[r % batch]);
  return made;
}

// The same of a layer in no loop, in which every step of every sequence is a row: those beyond the ends come last.
inline Rows rows_at_once(ptrdiff_t steps, ptrdiff_t batch, const int32_t* lengths, ptrdiff_t part, ptrdiff_t parts) {
  if (!lengths) return rows_of(steps * batch, batch, nullptr, part, parts);
  Rows made;
  for (const bool within : {true, false}) {
    std::vector<int32_t> all;
    for (ptrdiff_t t = 0; t < steps; ++t)
      for (ptrdiff_t b = 0; b < batch; ++b)
        if ((t < lengths[b]) == within) all.push_back(static_cast<int32_t>(t * batch + b));
    const ptrdiff_t count = static_cast<ptrdiff_t>(all.size());
    made.index.insert(made.index.end(), all.begin() + count * part / parts, all.begin() + count * (part + 1) / parts);
    made.lengths.resize(made.index.size(), within);
  }
  return made;
}

inline ptrdiff_t units_of(const throughtime::Wiring& wiring, int source) {
  const size_t place = static_cast<size_t>(source);
  return place < wiring.layers.size() ? wiring.layers[place].size : wiring.outer[place - wiring.layers.size()].size;
}

// In how many parts to cut the rows: a thread is worth waking for some hundred thousand products.
inline ptrdiff_t parts_for(const throughtime::Wiring& wiring, ptrdiff_t steps, ptrdiff_t rows, ptrdiff_t threads) {
  ptrdiff_t work = 0;
  for (const Layer& layer : wiring.layers) {
    work += layer.columns() * 16;
    for (const Connection& c : layer.connections)
      work += static_cast<ptrdiff_t>(c.delays.size()) * layer.columns() * (c.kind == Kind::dense ? units_of(wiring, c.source) : 1);
  }
  const ptrdiff_t worth = work * steps * rows / 400000;
  return std::max<ptrdiff_t>(1, std::min({threads, rows, worth}));
}

}  // namespace TT_ISA
