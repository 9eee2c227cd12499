// The matrix product of one time step: a few rows of activities times a panel of packed weights, summed in registers over
// everything that a layer hears.
//
// A panel is at most kVectors vectors of columns wide. Its weights lie row by row behind each other, so they are read
// once, from one end to the other, and stay in the cache from step to step.
#pragma once

#include <algorithm>
#include <vector>

#include "vec.h"

namespace TT_ISA {

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kVectors = 4, kRows = 6;  // 24 sums, 4 weights and an activity in 32 registers
#else
constexpr int kVectors = 3, kRows = 4;  // 12 sums, 3 weights and an activity in 16 registers
#endif

template <class T>
constexpr ptrdiff_t kPanel = kVectors * kLanes<T>;

inline ptrdiff_t panels(ptrdiff_t columns, ptrdiff_t width) { return (columns + width - 1) / width; }

// One thing that is heard: `count` numbers of each row at `from + t step + row stride`, in steps first <= t < last.
template <class T>
struct Term {
  const T* from;
  ptrdiff_t step, stride, count, first, last;
  const T* weights;  // of one panel: count rows
};

// Where a block's sums begin and where they go: row r at + r stride.
template <class T>
struct Sums {
  const T* begin;  // null: at 0
  ptrdiff_t begin_stride;
  const T* bias;  // null: none
  T* end;
  ptrdiff_t end_stride;
  ptrdiff_t lanes;  // real lanes of the last vector
};

template <class T, int V>
inline Vec<T> at_vector(const T* row, int v, ptrdiff_t lanes) {
  return v + 1 < V ? load(row + v * kLanes<T>) : load_up_to(row + v * kLanes<T>, lanes);
}

// R rows, V vectors; each sum is spread over C chains, which hides the latency where there are few sums.
template <class T, int R, int V, int C>
inline void block(const std::vector<Term<T>>& terms, ptrdiff_t t, const int32_t* rows, const Sums<T>& sums) {
  Vec<T> sum[C][R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    const T* begin = sums.begin ? sums.begin + rows[r] * sums.begin_stride : nullptr;
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      sum[0][r][v] = begin ? at_vector<T, V>(begin, v, sums.lanes) : Vec<T>{};
      if (sums.bias) sum[0][r][v] += at_vector<T, V>(sums.bias, v, sums.lanes);
#pragma GCC unroll 8
      for (int c = 1; c < C; ++c) sum[c][r][v] = Vec<T>{};
    }
  }
  for (const Term<T>& term : terms) {
    if (t < term.first || t >= term.last) continue;
    const T* weights = term.weights;
    const T* heard[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) heard[r] = term.from + t * term.step + rows[r] * term.stride;
    ptrdiff_t s = 0;
    for (; s + C <= term.count; s += C) {
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c, weights += V * kLanes<T>) {
        Vec<T> weight[V];
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) weight[v] = load(weights + v * kLanes<T>);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
          const Vec<T> activity = splat(heard[r][s + c]);
#pragma GCC unroll 8
          for (int v = 0; v < V; ++v) sum[c][r][v] += activity * weight[v];
        }
      }
    }
    for (; s < term.count; ++s, weights += V * kLanes<T>) {
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const Vec<T> activity = splat(heard[r][s]);
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) sum[0][r][v] += activity * load(weights + v * kLanes<T>);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    T* end = sums.end + rows[r] * sums.end_stride;
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
#pragma GCC unroll 8
      for (int c = 1; c < C; ++c) sum[0][r][v] += sum[c][r][v];
      if (v + 1 < V) {
        store(end + v * kLanes<T>, sum[0][r][v]);
      } else {
        store_up_to(end + v * kLanes<T>, sum[0][r][v], sums.lanes);
      }
    }
  }
}

template <class T, int R, int V>
constexpr int chains() {
  return R * V >= 4 ? (R * V >= 8 ? 1 : 2) : (R * V >= 2 ? 4 : 8);
}

template <class T, int V>
void rows_of_panel(int count, const std::vector<Term<T>>& terms, ptrdiff_t t, const int32_t* rows, const Sums<T>& sums) {
  switch (count) {
    case 1: return block<T, 1, V, chains<T, 1, V>()>(terms, t, rows, sums);
    case 2: return block<T, 2, V, chains<T, 2, V>()>(terms, t, rows, sums);
    case 3: return block<T, 3, V, chains<T, 3, V>()>(terms, t, rows, sums);
    case 4: return block<T, 4, V, chains<T, 4, V>()>(terms, t, rows, sums);
#if defined(__AVX512F__) || defined(__aarch64__)
    case 5: return block<T, 5, V, 1>(terms, t, rows, sums);
    case 6: return block<T, 6, V, 1>(terms, t, rows, sums);
#endif
  }
}

template <class T>
using Panel = void (*)(int, const std::vector<Term<T>>&, ptrdiff_t, const int32_t*, const Sums<T>&);

// Where a layer has so few columns that a vector of them would be mostly empty, the sum itself is a vector: the weights of a
// column lie behind each other.
template <class T>
constexpr ptrdiff_t kNarrow = kLanes<T> / 4;

template <class T>
inline T total_of(Vec<T> sum) {
  T total = 0;
  for (ptrdiff_t i = 0; i < kLanes<T>; ++i) total += sum[i];
  return total;
}

template <class T>
void rows_of_few_columns(int count, const std::vector<Term<T>>& terms, ptrdiff_t t, const int32_t* rows, const Sums<T>& sums) {
  for (int r = 0; r < count; ++r) {
    for (ptrdiff_t column = 0; column < sums.lanes; ++column) {
      T total = sums.begin ? sums.begin[rows[r] * sums.begin_stride + column] : T(0);
      if (sums.bias) total += sums.bias[column];
      Vec<T> even{}, odd{};
      for (const Term<T>& term : terms) {
        if (t < term.first || t >= term.last) continue;
        const T *heard = term.from + t * term.step + rows[r] * term.stride, *weights = term.weights + column * term.count;
        ptrdiff_t s = 0;
        for (; s + 2 * kLanes<T> <= term.count; s += 2 * kLanes<T>) {
          even += load(heard + s) * load(weights + s);
          odd += load(heard + s + kLanes<T>) * load(weights + s + kLanes<T>);
        }
        for (; s < term.count; s += kLanes<T>) even += load_up_to(heard + s, term.count - s) * load_up_to(weights + s, term.count - s);
      }
      sums.end[rows[r] * sums.end_stride + column] = total + total_of<T>(even + odd);
    }
  }
}

template <class T>
Panel<T> panel_of(ptrdiff_t vectors) {
  switch (vectors) {
    case 1: return rows_of_panel<T, 1>;
    case 2: return rows_of_panel<T, 2>;
    case 3: return rows_of_panel<T, 3>;
    default: return rows_of_panel<T, kVectors>;
  }
}

// All rows of a panel, in blocks as equal as can be: 8 rows are 4 + 4, not 6 + 2.
template <class T>
inline void panel_product(Panel<T> panel, const std::vector<Term<T>>& terms, ptrdiff_t t, const int32_t* rows, ptrdiff_t count,
                          const Sums<T>& sums) {
  const ptrdiff_t blocks = (count + kRows - 1) / kRows;
  for (ptrdiff_t i = 0, first = 0; i < blocks; ++i) {
    const ptrdiff_t next = count * (i + 1) / blocks;
    panel(static_cast<int>(next - first), terms, t, rows + first, sums);
    first = next;
  }
}

}  // namespace TT_ISA
