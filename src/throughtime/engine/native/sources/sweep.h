// One loop, swept back: dL/da(t) is what comes from outside and what every listener sends back from later, as one product;
// then the units' adjoints.
#pragma once

#include "loop.h"

namespace TT_ISA {

using throughtime::Sweep;
using throughtime::SweepLayer;

// All that listens to a source through one mask: summed, then masked.
template <class T>
struct Listeners {
  std::vector<Work<T>> works;
  const T* mask;  // null: none
};

// A layer at work, as a source of others.
template <class T>
struct Back {
  const Layer* layer;
  const SweepLayer<T>* at;
  std::vector<Listeners<T>> listeners;  // the masked ones first, those without a mask last
  std::vector<Single<T>> singles;
  T *error, *part;              // (R, N)
  std::vector<Ahead<T>> ahead;  // of its rows
  std::vector<Ahead<T>> beside; // of its sequences
  ptrdiff_t reach;              // its largest delay
};

template <class T>
class Sweeping {
 public:
  explicit Sweeping(const Sweep<T>& s) : s_(s), batch_(s.batch), rows_(s.rows) {
    for (size_t l = 0; l < s.layers.size(); ++l) {
      const Layer& layer = s.wiring->layers[l];
      backs_.push_back({&layer, &s.layers[l], {}, {}, scratch_.template take<T>(rows_ * layer.size), nullptr, {}, {}, reach_of(layer)});
    }
    for (const bool masked : {true, false})
      for (size_t l = 0; l < s.layers.size(); ++l)
        for (size_t c = 0; c < backs_[l].layer->connections.size(); ++c)
          if (backs_[l].layer->connections[c].masked == masked) listen(backs_[l], c);
    for (Back<T>& back : backs_) {
      if (back.listeners.empty() || back.listeners.back().mask) back.listeners.push_back({works<T>(back.layer->size), nullptr});
      if (back.listeners.size() > 1) back.part = scratch_.template take<T>(rows_ * back.layer->size);
      look_ahead(back);
    }
  }

  void run(const Rows& rows) const {
    for (const Back<T>& back : backs_) begin(back, rows);
    ptrdiff_t alive = 0;
    for (ptrdiff_t t = s_.steps - 1; t >= 0; --t) {
      alive = rows.alive(t, alive);
      for (size_t l = backs_.size(); l-- > 0;) {
        sum(backs_[l], t, rows.index.data(), alive);
        for (ptrdiff_t i = 0; i < alive; ++i) fire(backs_[l], t, rows.index[i]);
        rest(backs_[l], t, rows, alive);
      }
    }
  }

 private:
  static ptrdiff_t reach_of(const Layer& layer) {
    int64_t reach = 0;
    for (const Connection& c : layer.connections) reach = std::max(reach, *std::max_element(c.delays.begin(), c.delays.end()));
    return reach;
  }

  // File a connection of `back` with its source: the source hears deltas, from d steps later.
  void listen(const Back<T>& back, size_t number) {
    const Connection& c = back.layer->connections[number];
    Back<T>& source = backs_[c.source];
    const T *weights = back.at->weights[number], *mask = c.masked ? back.at->masks[number] : nullptr;
    const ptrdiff_t columns = back.layer->columns(), size = back.layer->size, sources = source.layer->size;
    const ptrdiff_t nets = static_cast<ptrdiff_t>(c.places.size()), step = rows_ * columns;
    for (size_t d = 0; d < c.delays.size(); ++d) {
      const T* from = back.at->deltas + c.delays[d] * step;
      const ptrdiff_t last = s_.steps - c.delays[d];
      if (c.kind != Kind::dense) {
        for (ptrdiff_t i = 0; i < nets; ++i) {
          const T* weight = c.kind == Kind::diagonal ? weights + (static_cast<ptrdiff_t>(d) * nets + i) * size : nullptr;
          source.singles.push_back({from + c.places[i] * size, step, columns, 0, last, weight, mask, 0});
        }
        continue;
      }
      const T* own = weights + static_cast<ptrdiff_t>(d) * sources * nets * size;
      for (ptrdiff_t low = 0, high = 0; low < back.layer->nets; low = std::max(high, low + 1)) {  // only what it feeds is heard
        for (high = low; high < back.layer->nets && throughtime::feeds(c, high);) ++high;
        if (high == low) continue;
        for (Work<T>& work : works_of(source, mask)) {
          const T* packed = pack_turned(own, c, size, low, high, work, scratch_);
          work.terms.push_back({from + low * size, step, columns, (high - low) * size, 0, last, packed});
        }
      }
    }
  }

  std::vector<Work<T>>& works_of(Back<T>& source, const T* mask) {
    if (source.listeners.empty() || source.listeners.back().mask != mask)
      source.listeners.push_back({works<T>(source.layer->size), mask});
    return source.listeners.back().works;
  }

  void look_ahead(Back<T>& back) const {
    const ptrdiff_t n = back.layer->size, m = back.layer->memory * n, columns = back.layer->columns();
    back.ahead.push_back({back.at->deltas, rows_ * columns, columns, columns});
    if (back.at->errors) back.ahead.push_back({back.at->errors, rows_ * n, n, n});
    if (back.layer->kept) back.beside.push_back({back.at->gates, batch_ * columns, columns, columns});
    if (m) back.beside.push_back({back.at->before, batch_ * m, m, m});
    back.beside.push_back({back.at->full + back.layer->depth * batch_ * n, batch_ * n, n, n});
  }

  void begin(const Back<T>& back, const Rows& rows) const {
    const ptrdiff_t m = back.layer->memory * back.layer->size;
    if (!m) return;
    for (int32_t row : rows.index) {
      if (back.at->memory) {
        std::copy_n(back.at->memory + row * m, m, back.at->sooner + row * m);
      } else {
        std::fill_n(back.at->sooner + row * m, m, T(0));
      }
    }
  }

  void sum(const Back<T>& back, ptrdiff_t t, const int32_t* rows, ptrdiff_t count) const {
    const ptrdiff_t n = back.layer->size;
    const T* begin = back.at->errors ? back.at->errors + t * rows_ * n : nullptr;
    for (const Listeners<T>& some : back.listeners) {
      T* end = some.mask ? back.part : back.error;
      for (const Work<T>& work : some.works)
        panel_product<T>(work.product, work.terms, t, rows, count,
                         {!some.mask && begin ? begin + work.first : nullptr, n, nullptr, end + work.first, n, work.lanes});
      if (!some.mask) continue;
      for (ptrdiff_t i = 0; i < count; ++i) add_masked(back, some.mask, begin, rows[i]);
      begin = back.error;  // the next ones go on from here
    }
  }

  void add_masked(const Back<T>& back, const T* mask, const T* begin, int32_t row) const {
    const ptrdiff_t n = back.layer->size;
    const T* own = mask + row % batch_ * n;
    for (ptrdiff_t i = 0; i < n; ++i)
      back.error[row * n + i] = (begin ? begin[row * n + i] : T(0)) + back.part[row * n + i] * own[i];
  }

  void fire(const Back<T>& back, ptrdiff_t t, int32_t row) const {
    const Layer& layer = *back.layer;
    const ptrdiff_t n = layer.size, m = layer.memory * n, columns = layer.columns(), b = row % batch_, at = t * batch_ + b;
    T* error = back.error + row * n;
    for (const Single<T>& one : back.singles) add_single(one, t, row, b, n, error);
    deltas(layer, layer.kept ? back.at->gates + at * columns : nullptr, back.at->before + at * m,
           back.at->full + (layer.depth * batch_ + at) * n, error, back.at->sooner + row * m,
           back.at->deltas + (t * rows_ + row) * columns);
    if (!t) return;
    for (const Ahead<T>& one : back.ahead) fetch(one, t - 1, row);
    for (const Ahead<T>& one : back.beside) fetch(one, t - 1, static_cast<int32_t>(b));
  }

  // Sequences that have ended: 0 as far as sources within the loop hear it from before their ends, or everywhere.
  void rest(const Back<T>& back, ptrdiff_t t, const Rows& rows, ptrdiff_t alive) const {
    const ptrdiff_t columns = back.layer->columns();
    for (ptrdiff_t i = alive; i < static_cast<ptrdiff_t>(rows.index.size()); ++i) {
      if (!back.at->filled && t >= rows.lengths[i] + back.reach) break;
      std::fill_n(back.at->deltas + (t * rows_ + rows.index[i]) * columns, columns, T(0));
    }
  }

  const Sweep<T>& s_;
  const ptrdiff_t batch_, rows_;
  Scratch scratch_;
  std::vector<Back<T>> backs_;
};

template <class T>
void sweep(const Sweep<T>& s, ptrdiff_t threads, const Share& share) {
  const Sweeping<T> sweeping(s);
  const ptrdiff_t parts = parts_for(*s.wiring, s.steps, s.rows, threads);
  share(parts, [&](ptrdiff_t part) { sweeping.run(rows_of(s.rows, s.batch, s.lengths, part, parts)); });
}

}  // namespace TT_ISA
