// Weights packed into panels, once per call, forward or turned round; and the memory they and all scratch numbers lie in.
#pragma once

#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "product.h"
#include "wiring.h"

namespace TT_ISA {

// Scratch memory for one call, kept by its thread for the next: fresh pages cost more than the work on them.
class Scratch {
 public:
  ~Scratch() { shrink(); }

  template <class T>
  T* take(ptrdiff_t count) {
    const size_t bytes = (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
    if (next_ == blocks().size() || used_ + bytes > blocks()[next_].size) open(bytes);
    T* found = reinterpret_cast<T*>(blocks()[next_].memory.get() + used_);
    used_ += bytes;
    return found;
  }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  struct Block {
    std::unique_ptr<char, Free> memory;
    size_t size;
  };
  static std::vector<Block>& blocks() {
    static thread_local std::vector<Block> kept;
    return kept;
  }
  void open(size_t bytes) {
    if (next_ < blocks().size() && used_ > 0) ++next_;
    if (next_ < blocks().size() && blocks()[next_].size < bytes) blocks().resize(next_);
    if (next_ >= blocks().size()) {
      const size_t size = std::max<size_t>(bytes, size_t{1} << 18);
      char* memory = static_cast<char*>(std::aligned_alloc(64, (size + 63) / 64 * 64));
      if (!memory) throw std::bad_alloc();
      blocks().push_back({std::unique_ptr<char, Free>(memory), size});
      next_ = blocks().size() - 1;
    }
    used_ = 0;
  }
  void shrink() {  // very much is given back
    size_t total = 0;
    for (const Block& block : blocks()) total += block.size;
    if (total > (size_t{256} << 20)) blocks().clear();
  }
  size_t used_ = 0, next_ = 0;
};

// A panel at work: its product, the things it hears, and which columns it is.
template <class T>
struct Work {
  Panel<T> product;
  std::vector<Term<T>> terms;
  ptrdiff_t first, columns, lanes;  // its first column, how many, and the real lanes of its last vector
  bool narrow;

  ptrdiff_t width() const { return panels(columns, kLanes<T>) * kLanes<T>; }
};

// Columns first <= i < last, cut into panels.
template <class T>
void cut(ptrdiff_t first, ptrdiff_t last, std::vector<Work<T>>& made) {
  const bool narrow = last - first <= kNarrow<T>;
  for (; first < last; first += kPanel<T>) {
    const ptrdiff_t columns = std::min(kPanel<T>, last - first), vectors = panels(columns, kLanes<T>);
    const ptrdiff_t lanes = columns - (vectors - 1) * kLanes<T>;
    made.push_back({narrow ? rows_of_few_columns<T> : panel_of<T>(vectors), {}, first, columns, lanes, narrow});
  }
}

template <class T>
std::vector<Work<T>> works(ptrdiff_t columns) {
  std::vector<Work<T>> made;
  cut<T>(0, columns, made);
  return made;
}

// The columns of a layer's net inputs. No panel goes on where other connections feed the next net input: a weight of 0 for
// what a net input does not hear would let in what is infinite, as 0 times infinity.
template <class T>
std::vector<Work<T>> works(const throughtime::Layer& layer) {
  const auto alike = [&](ptrdiff_t one, ptrdiff_t other) {
    return std::all_of(layer.connections.begin(), layer.connections.end(), [&](const throughtime::Connection& c) {
      return c.kind != throughtime::Kind::dense || feeds(c, one) == feeds(c, other);
    });
  };
  std::vector<Work<T>> made;
  for (ptrdiff_t first = 0, next = 1; first < layer.nets; first = next++) {
    while (next < layer.nets && alike(first, next)) ++next;
    cut<T>(first * layer.size, next * layer.size, made);
  }
  return made;
}

// Where the weights of net input `place` begin within a row of k N weights; -1 where the connection does not feed it.
inline ptrdiff_t offset_of(const throughtime::Connection& c, ptrdiff_t place, ptrdiff_t size) {
  for (size_t i = 0; i < c.places.size(); ++i)
    if (c.places[i] == place) return static_cast<ptrdiff_t>(i) * size;
  return -1;
}

// (S, k, N) weights of one delay, for the columns of one panel: S rows. Null if the panel hears nothing of it.
template <class T, class Memory>
const T* pack(const T* weights, const throughtime::Connection& c, ptrdiff_t sources, ptrdiff_t size, const Work<T>& work, Memory& memory) {
  const ptrdiff_t first = work.first, columns = work.columns, width = work.width();
  struct Run {
    ptrdiff_t to, from, count;
  };
  std::vector<Run> runs;
  for (ptrdiff_t column = first; column < first + columns;) {
    const ptrdiff_t place = column / size, within = column % size, count = std::min(size - within, first + columns - column);
    const ptrdiff_t offset = offset_of(c, place, size);
    if (offset >= 0) runs.push_back({column - first, offset + within, count});
    column += count;
  }
  if (runs.empty()) return nullptr;
  T* packed = memory.template take<T>(sources * width);
  const ptrdiff_t row = static_cast<ptrdiff_t>(c.places.size()) * size;
  if (work.narrow) {
    for (const Run& run : runs)
      for (ptrdiff_t i = 0; i < run.count; ++i)
        for (ptrdiff_t s = 0; s < sources; ++s) packed[(run.to + i) * sources + s] = weights[s * row + run.from + i];
    return packed;
  }
  const bool whole = runs.size() == 1 && runs[0].count == width;
  for (ptrdiff_t s = 0; s < sources; ++s) {
    T* to = packed + s * width;
    if (!whole) std::fill(to, to + width, T(0));
    for (const Run& run : runs) std::copy_n(weights + s * row + run.from, run.count, to + run.to);
  }
  return packed;
}

// The same turned round, for the columns of a panel of the source: a row for each net input low <= place < high, which c feeds.
template <class T>
const T* pack_turned(const T* weights, const throughtime::Connection& c, ptrdiff_t size, ptrdiff_t low, ptrdiff_t high, const Work<T>& work,
                     Scratch& scratch) {
  constexpr ptrdiff_t kTile = 16;
  const ptrdiff_t first = work.first, columns = work.columns, width = work.width();
  T* packed = scratch.take<T>((high - low) * size * width);
  const ptrdiff_t row = static_cast<ptrdiff_t>(c.places.size()) * size;
  std::fill(packed, packed + (high - low) * size * width, T(0));
  for (ptrdiff_t place = low; place < high; ++place) {
    const ptrdiff_t offset = offset_of(c, place, size);
    if (work.narrow) {
      for (ptrdiff_t s = 0; s < columns; ++s) std::copy_n(weights + s * row + offset, size, packed + (s * (high - low) + place - low) * size);
      continue;
    }
    T* to = packed + (place - low) * size * width;
    for (ptrdiff_t tile = 0; tile < size; tile += kTile) {
      const ptrdiff_t end = std::min(size, tile + kTile);
      for (ptrdiff_t s = 0; s < columns; ++s) {
        const T* from = weights + (first + s) * row + offset;
        for (ptrdiff_t n = tile; n < end; ++n) to[n * width + s] = from[n];
      }
    }
  }
  return packed;
}

}  // namespace TT_ISA
