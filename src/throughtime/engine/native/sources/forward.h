// One loop, stepped forward: for every step and layer the net inputs as one product, then the units.
#pragma once

#include "loop.h"

namespace TT_ISA {

using throughtime::Forward;
using throughtime::ForwardLayer;

// Activities that a connection with dropout hears: the source's, times its mask, kept for as long as they are heard.
template <class T>
struct Masked {
  const T* mask;
  T* heard;  // (D + T, B, N)
};

// A layer at work.
template <class T>
struct Stage {
  const Layer* layer;
  const ForwardLayer<T>* at;
  std::vector<Work<T>> works;
  std::vector<Single<T>> singles;
  std::vector<Masked<T>> masked;
  T* nets;
  ptrdiff_t nets_step;
};

constexpr ptrdiff_t kTogether = 96;  // so many rows' net inputs are still in the cache when the units fire

template <class T>
class Stepping {
 public:
  explicit Stepping(const Forward<T>& f) : f_(f), steps_(f.at_once ? 1 : f.steps), batch_(f.at_once ? f.steps * f.batch : f.batch) {
    for (size_t l = 0; l < f.layers.size(); ++l) {
      const Layer& layer = f.wiring->layers[l];
      const ForwardLayer<T>& at = f.layers[l];
      T* nets = layer.kept ? at.gates : scratch_.template take<T>(batch_ * layer.columns());
      stages_.push_back({&layer, &at, works<T>(layer.columns()), {}, {}, nets, layer.kept ? batch_ * layer.columns() : 0});
    }
    for (size_t l = 0; l < f.layers.size(); ++l)
      for (size_t c = 0; c < stages_[l].layer->connections.size(); ++c) listen(stages_[l], c);
  }

  void run(const Rows& rows) const {
    for (const Stage<T>& stage : stages_) begin(stage, rows);
    ptrdiff_t alive = static_cast<ptrdiff_t>(rows.index.size());
    for (ptrdiff_t t = 0; t < steps_; ++t) {
      alive = rows.alive(t, alive);
      for (const Stage<T>& stage : stages_) {
        for (ptrdiff_t first = 0; first < alive; first += kTogether) {
          const ptrdiff_t last = std::min(alive, first + kTogether);
          sum(stage, t, rows.index.data() + first, last - first);
          for (ptrdiff_t i = first; i < last; ++i) fire(stage, t, rows.index[i]);
        }
        for (ptrdiff_t i = alive; i < static_cast<ptrdiff_t>(rows.index.size()); ++i) rest(stage, t, rows.index[i]);
      }
    }
  }

 private:
  // File a connection's weights and where it listens.
  void listen(Stage<T>& stage, size_t number) {
    const Connection& c = stage.layer->connections[number];
    const T* weights = stage.at->weights[number];
    const size_t layers = stages_.size(), place = static_cast<size_t>(c.source);
    const bool inner = place < layers;
    const throughtime::Outer from_outside = inner ? throughtime::Outer{} : f_.wiring->outer[place - layers];
    const ptrdiff_t sources = inner ? stages_[place].layer->size : from_outside.size;
    const ptrdiff_t depth = inner ? stages_[place].layer->depth : from_outside.depth;
    const ptrdiff_t size = stage.layer->size, nets = static_cast<ptrdiff_t>(c.places.size());
    const T* heard = inner ? stages_[place].at->full : f_.outer[place - layers];
    if (c.masked && c.kind == Kind::kDense) {
      T* masked = scratch_.template take<T>((depth + f_.steps) * f_.batch * sources);
      if (inner) {
        stages_[place].masked.push_back({stage.at->masks[number], masked});
      } else {
        for (ptrdiff_t row = 0; row < (depth + f_.steps) * f_.batch; ++row)
          for (ptrdiff_t s = 0; s < sources; ++s)
            masked[row * sources + s] = heard[row * sources + s] * stage.at->masks[number][row % f_.batch * sources + s];
      }
      heard = masked;
    }
    for (size_t d = 0; d < c.delays.size(); ++d) {
      const T* from = heard + (depth - c.delays[d]) * f_.batch * sources;
      if (c.kind != Kind::kDense) {
        for (ptrdiff_t i = 0; i < nets; ++i) {
          const T* weight = c.kind == Kind::kDiagonal ? weights + (static_cast<ptrdiff_t>(d) * nets + i) * size : nullptr;
          stage.singles.push_back(
              {from, batch_ * sources, sources, 0, steps_, weight, c.masked ? stage.at->masks[number] : nullptr, c.places[i] * size});
        }
        continue;
      }
      for (Work<T>& work : stage.works) {
        const ptrdiff_t columns = std::min(kPanel<T>, stage.layer->columns() - work.first);
        const T* packed = pack(weights + static_cast<ptrdiff_t>(d) * sources * nets * size, c, sources, size, work.first, columns,
                               width_of(work, stage.layer->columns()), stage.layer->columns() <= kNarrow<T>, scratch_);
        if (packed) work.terms.push_back({from, batch_ * sources, sources, sources, 0, steps_, packed});
      }
    }
  }

  void begin(const Stage<T>& stage, const Rows& rows) const {
    if (f_.at_once && stage.layer->depth && !rows.index.empty() && rows.index.front() == 0)
      std::copy_n(stage.at->past, stage.layer->depth * f_.batch * stage.layer->size, stage.at->full);
    const ptrdiff_t n = stage.layer->size, m = stage.layer->memory * n;
    for (int32_t row : rows.index) {
      for (ptrdiff_t d = 0; d < (f_.at_once ? 0 : stage.layer->depth); ++d) {
        const ptrdiff_t place = (d * batch_ + row) * n;
        std::copy_n(stage.at->past + place, n, stage.at->full + place);
        mask(stage, place, row);
      }
      if (m) std::copy_n(stage.at->memory + row * m, m, stage.at->after + row * m);
    }
  }

  void mask(const Stage<T>& stage, ptrdiff_t place, int32_t row) const {
    const ptrdiff_t n = stage.layer->size;
    for (const Masked<T>& one : stage.masked)
      for (ptrdiff_t i = 0; i < n; ++i) one.heard[place + i] = stage.at->full[place + i] * one.mask[row * n + i];
  }

  void sum(const Stage<T>& stage, ptrdiff_t t, const int32_t* rows, ptrdiff_t count) const {
    const ptrdiff_t columns = stage.layer->columns();
    const T* drive = stage.at->drive ? stage.at->drive + t * batch_ * columns : nullptr;
    T* nets = stage.nets + t * stage.nets_step;
    for (const Work<T>& work : stage.works)
      panel_product<T>(work.product, work.terms, t, rows, count,
                       {drive ? drive + work.first : nullptr, columns, stage.at->bias + work.first, nets + work.first, columns, work.lanes});
  }

  void fire(const Stage<T>& stage, ptrdiff_t t, int32_t row) const {
    const Layer& layer = *stage.layer;
    const ptrdiff_t n = layer.size, m = layer.memory * n, place = (layer.depth * f_.batch + t * batch_ + row) * n;
    T *nets = stage.nets + t * stage.nets_step + row * layer.columns(), *memory = stage.at->after + row * m;
    for (const Single<T>& one : stage.singles) add_single(one, t, row, row % f_.batch, n, nets);
    if (stage.at->before) std::copy_n(memory, m, stage.at->before + (t * batch_ + row) * m);
    activate(layer, nets, memory, stage.at->full + place);
    if (!stage.masked.empty()) mask(stage, place, row);
  }

  // A sequence that has ended: nothing happens.
  void rest(const Stage<T>& stage, ptrdiff_t t, int32_t row) const {
    const Layer& layer = *stage.layer;
    const ptrdiff_t n = layer.size, m = layer.memory * n, place = (layer.depth * f_.batch + t * batch_ + row) * n;
    std::fill_n(stage.at->full + place, n, T(0));
    if (!stage.masked.empty()) mask(stage, place, row);
    if (layer.kept) std::fill_n(stage.nets + t * stage.nets_step + row * layer.columns(), layer.columns(), T(0));
    if (stage.at->before) std::fill_n(stage.at->before + (t * batch_ + row) * m, m, T(0));
  }

  const Forward<T>& f_;
  const ptrdiff_t steps_, batch_;
  Scratch scratch_;
  std::vector<Stage<T>> stages_;
};

template <class T>
void forward(const Forward<T>& f, ptrdiff_t threads, const Share& share) {
  const Stepping<T> stepping(f);
  const ptrdiff_t rows = f.at_once ? f.steps * f.batch : f.batch;
  const ptrdiff_t parts = parts_for(*f.wiring, f.at_once ? 1 : f.steps, rows, threads);
  share(parts, [&](ptrdiff_t part) { stepping.run(rows_of(rows, rows, f.lengths, part, parts)); });
}

}  // namespace TT_ISA
