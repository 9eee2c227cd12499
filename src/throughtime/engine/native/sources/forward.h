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
  std::vector<Ahead<T>> ahead;
  T* activities;  // (T, B, N)
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
      T* activities = at.full + (layer.joined ? layer.depth * f.batch * layer.size : 0);
      T* nets = layer.kept ? at.gates : scratch_.template take<T>(batch_ * layer.columns());
      stages_.push_back({&layer, &at, works<T>(layer), {}, {}, {}, activities, nets, layer.kept ? batch_ * layer.columns() : 0});
    }
    for (size_t l = 0; l < f.layers.size(); ++l)
      for (size_t c = 0; c < stages_[l].layer->connections.size(); ++c) listen(stages_[l], c);
    for (Stage<T>& stage : stages_) look_ahead(stage);
  }

  void run(const Rows& rows, bool first_part) const {
    for (const Stage<T>& stage : stages_) begin(stage, rows, first_part);
    ptrdiff_t alive = static_cast<ptrdiff_t>(rows.index.size());
    for (ptrdiff_t t = 0; t < steps_; ++t) {
      alive = rows.alive(t, alive);
      for (const Stage<T>& stage : stages_) {
        for (ptrdiff_t first = 0; first < alive; first += kTogether) {
          const ptrdiff_t last = std::min(alive, first + kTogether);
          if (f_.at_once && f_.lengths) fetch_rows(stage, rows.index.data() + last, std::min(alive, last + kTogether) - last);
          sum(stage, t, rows.index.data() + first, last - first);
          for (ptrdiff_t i = first; i < last; ++i) fire(stage, t, rows.index[i]);
        }
        for (ptrdiff_t i = alive; i < static_cast<ptrdiff_t>(rows.index.size()); ++i) rest(stage, t, rows.index[i]);
      }
    }
  }

 private:
  // What a connection listens to: the rows of the past and the activities, which follow them unless they lie apart.
  struct Source {
    const T *past, *now;
    ptrdiff_t size, depth;
    bool apart;
  };

  Source source_of(Stage<T>& stage, size_t number) {
    const Connection& c = stage.layer->connections[number];
    const size_t layers = stages_.size(), place = static_cast<size_t>(c.source);
    const bool inner = place < layers;
    const ptrdiff_t size = inner ? stages_[place].layer->size : f_.wiring->outer[place - layers].size;
    const ptrdiff_t depth = inner ? stages_[place].layer->depth : f_.wiring->outer[place - layers].depth;
    const ptrdiff_t before = depth * f_.batch * size;
    const T* outer = inner ? nullptr : f_.outer[place - layers];
    if (!c.masked || c.kind != Kind::dense)
      return inner ? Source{stages_[place].at->past, stages_[place].activities, size, depth, true} : Source{outer, outer + before, size, depth, false};
    T* masked = scratch_.template take<T>(before + f_.steps * f_.batch * size);
    const T* mask = stage.at->masks[number];
    if (inner) {
      stages_[place].masked.push_back({mask, masked});
    } else {
      for (ptrdiff_t row = 0; row < (depth + f_.steps) * f_.batch; ++row)
        for (ptrdiff_t s = 0; s < size; ++s) masked[row * size + s] = outer[row * size + s] * mask[row % f_.batch * size + s];
    }
    return {masked, masked + before, size, depth, false};
  }

  // File a connection's weights and where it listens.
  void listen(Stage<T>& stage, size_t number) {
    const Connection& c = stage.layer->connections[number];
    const Source source = source_of(stage, number);
    const ptrdiff_t sources = source.size, step = batch_ * sources, delayed = f_.batch * sources;
    if (static_cast<size_t>(c.source) >= stages_.size()) stage.ahead.push_back({source.now, step, sources, sources});
    for (size_t d = 0; d < c.delays.size(); ++d) {
      const ptrdiff_t before = source.apart ? std::min<ptrdiff_t>(c.delays[d], steps_) : 0;  // so many steps hear the past
      const T* from = source.past + (source.depth - c.delays[d]) * delayed;
      std::vector<Term<T>> terms;
      if (before) terms.push_back({from, step, sources, sources, 0, before, nullptr});
      if (before < steps_) terms.push_back({source.now - c.delays[d] * delayed, step, sources, sources, before, steps_, nullptr});
      hear(stage, number, d, terms);
    }
  }

  // File one delay of a connection, heard as the terms say, each in its steps.
  void hear(Stage<T>& stage, size_t number, size_t d, std::vector<Term<T>>& terms) {
    const Connection& c = stage.layer->connections[number];
    const ptrdiff_t size = stage.layer->size, nets = static_cast<ptrdiff_t>(c.places.size());
    const T* weights = stage.at->weights[number];
    if (c.kind != Kind::dense) {
      const T* mask = c.masked ? stage.at->masks[number] : nullptr;
      for (ptrdiff_t i = 0; i < nets; ++i) {
        const T* weight = c.kind == Kind::diagonal ? weights + (static_cast<ptrdiff_t>(d) * nets + i) * size : nullptr;
        for (const Term<T>& term : terms)
          stage.singles.push_back({term.from, term.step, term.stride, term.first, term.last, weight, mask, c.places[i] * size});
      }
      return;
    }
    const ptrdiff_t sources = terms[0].count;
    for (Work<T>& work : stage.works) {
      const T* packed = pack(weights + static_cast<ptrdiff_t>(d) * sources * nets * size, c, sources, size, work, scratch_);
      if (!packed) continue;
      for (Term<T>& term : terms) {
        term.weights = packed;
        work.terms.push_back(term);
      }
    }
  }

  void look_ahead(Stage<T>& stage) const {
    const ptrdiff_t n = stage.layer->size, columns = stage.layer->columns();
    stage.ahead.push_back({stage.activities, batch_ * n, n, n});
    if (stage.at->drive) stage.ahead.push_back({stage.at->drive, batch_ * columns, columns, columns});
    if (stage.layer->kept) stage.ahead.push_back({stage.nets, batch_ * columns, columns, columns});
  }

  void begin(const Stage<T>& stage, const Rows& rows, bool first_part) const {
    if (f_.at_once && stage.layer->joined && first_part)
      std::copy_n(stage.at->past, stage.layer->depth * f_.batch * stage.layer->size, stage.at->full);
    const ptrdiff_t n = stage.layer->size, m = stage.layer->memory * n;
    for (int32_t row : rows.index) {
      for (ptrdiff_t d = 0; d < (f_.at_once ? 0 : stage.layer->depth); ++d) {
        const ptrdiff_t place = (d * batch_ + row) * n;
        if (stage.layer->joined) std::copy_n(stage.at->past + place, n, stage.at->full + place);
        mask(stage, stage.at->past + place, place, row);
      }
      if (m) std::copy_n(stage.at->memory + row * m, m, stage.at->after + row * m);
    }
  }

  // The numbers of one row, `place` in the past and the activities, as they are heard through masks.
  void mask(const Stage<T>& stage, const T* from, ptrdiff_t place, int32_t row) const {
    const ptrdiff_t n = stage.layer->size;
    for (const Masked<T>& one : stage.masked)
      for (ptrdiff_t i = 0; i < n; ++i) one.heard[place + i] = from[i] * one.mask[row * n + i];
  }

  // What the next rows read and write, where these do not lie behind each other.
  static void fetch_rows(const Stage<T>& stage, const int32_t* rows, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; ++i)
      for (const Ahead<T>& one : stage.ahead) fetch(one, 0, rows[i]);
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
    const ptrdiff_t n = layer.size, m = layer.memory * n;
    T *nets = stage.nets + t * stage.nets_step + row * layer.columns(), *memory = stage.at->after + row * m;
    T* activity = stage.activities + (t * batch_ + row) * n;
    for (const Single<T>& one : stage.singles) add_single(one, t, row, row % f_.batch, n, nets);
    if (stage.at->before) std::copy_n(memory, m, stage.at->before + (t * batch_ + row) * m);
    activate(layer, nets, memory, activity);
    mask(stage, activity, (layer.depth * f_.batch + t * batch_ + row) * n, row);
    if (t + 1 < steps_)
      for (const Ahead<T>& one : stage.ahead) fetch(one, t + 1, row);
  }

  // A sequence that has ended: nothing happens. Its gates nobody looks at.
  void rest(const Stage<T>& stage, ptrdiff_t t, int32_t row) const {
    const Layer& layer = *stage.layer;
    const ptrdiff_t n = layer.size, m = layer.memory * n;
    T* activity = stage.activities + (t * batch_ + row) * n;
    std::fill_n(activity, n, T(0));
    mask(stage, activity, (layer.depth * f_.batch + t * batch_ + row) * n, row);
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
  share(parts, [&](ptrdiff_t part) {
    stepping.run(f.at_once ? rows_at_once(f.steps, f.batch, f.lengths, part, parts) : rows_of(rows, rows, f.lengths, part, parts), part == 0);
  });
}

}  // namespace TT_ISA
