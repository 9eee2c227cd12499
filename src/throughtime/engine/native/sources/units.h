// The built-in units, a row of N units at a time: net inputs and memory to activity and memory, and their adjoints.
#pragma once

#include "functions.h"
#include "vec.h"
#include "wiring.h"

namespace TT_ISA {

using throughtime::Unit;

template <class T>
inline Vec<T> saturate(Vec<T> x) {
  return choose<T>(x <= T(0), Vec<T>{}, choose<T>(x >= T(1), splat(T(1)), x));
}

// f, and its slope told from the activity a = f(net).
template <class T, Unit U>
inline Vec<T> activated(Vec<T> net) {
  if constexpr (U == Unit::tanh) return tanh<T>(net);
  if constexpr (U == Unit::logistic) return logistic<T>(net);
  if constexpr (U == Unit::relu) return choose<T>(net < T(0), Vec<T>{}, net);  // NaN stays
  if constexpr (U == Unit::saturated) return saturate<T>(net);
  return net;
}

template <class T, Unit U>
inline Vec<T> slope(Vec<T> a) {
  const Vec<T> none{}, one = splat(T(1));
  if constexpr (U == Unit::tanh) return one - a * a;
  if constexpr (U == Unit::logistic) return a * (one - a);
  if constexpr (U == Unit::relu) return choose<T>(a > T(0), one, none);
  if constexpr (U == Unit::saturated) return choose<T>((a > T(0)) & (a < T(1)), one, none);
  return one;
}

// f(the elementwise unit as a constant).
template <class F>
inline void with_elementwise(Unit unit, F&& f) {
  switch (unit) {
    case Unit::tanh: return f(std::integral_constant<Unit, Unit::tanh>());
    case Unit::logistic: return f(std::integral_constant<Unit, Unit::logistic>());
    case Unit::relu: return f(std::integral_constant<Unit, Unit::relu>());
    case Unit::saturated: return f(std::integral_constant<Unit, Unit::saturated>());
    default: return f(std::integral_constant<Unit, Unit::linear>());
  }
}

template <class T>
inline void lstm(ptrdiff_t n, bool kept, T* nets, T* memory, T* activity) {
  along<T>(n, [&](ptrdiff_t i, ptrdiff_t real) {
    const Vec<T> in = logistic<T>(load_up_to(nets + i, real)), keep = logistic<T>(load_up_to(nets + n + i, real)),
                 out = logistic<T>(load_up_to(nets + 2 * n + i, real)), cell = tanh<T>(load_up_to(nets + 3 * n + i, real));
    const Vec<T> now = keep * load_up_to(memory + i, real) + in * cell;
    store_up_to(memory + i, now, real);
    store_up_to(activity + i, out * tanh<T>(now), real);
    if (!kept) return;
    store_up_to(nets + i, in, real);
    store_up_to(nets + n + i, keep, real);
    store_up_to(nets + 2 * n + i, out, real);
    store_up_to(nets + 3 * n + i, cell, real);
  });
}

template <class T>
inline void lstm_back(ptrdiff_t n, const T* gates, const T* before, const T* error, T* memory, T* delta) {
  const Vec<T> one = splat(T(1));
  along<T>(n, [&](ptrdiff_t i, ptrdiff_t real) {
    const Vec<T> in = load_up_to(gates + i, real), keep = load_up_to(gates + n + i, real), out = load_up_to(gates + 2 * n + i, real),
                 cell = load_up_to(gates + 3 * n + i, real);
    const Vec<T> old = load_up_to(before + i, real), shown = tanh<T>(keep * old + in * cell), e = load_up_to(error + i, real);
    const Vec<T> d = load_up_to(memory + i, real) + e * out * (one - shown * shown);
    store_up_to(delta + i, d * cell * in * (one - in), real);
    store_up_to(delta + n + i, d * old * keep * (one - keep), real);
    store_up_to(delta + 2 * n + i, e * shown * out * (one - out), real);
    store_up_to(delta + 3 * n + i, d * in * (one - cell * cell), real);
    store_up_to(memory + i, d * keep, real);
  });
}

template <class T>
inline void gru(ptrdiff_t n, bool kept, T* nets, T* activity) {
  along<T>(n, [&](ptrdiff_t i, ptrdiff_t real) {
    const Vec<T> reset = logistic<T>(load_up_to(nets + n + i, real)), update = logistic<T>(load_up_to(nets + 2 * n + i, real));
    const Vec<T> candidate = tanh<T>(load_up_to(nets + i, real) + reset * load_up_to(nets + 3 * n + i, real));
    store_up_to(activity + i, (splat(T(1)) - update) * candidate + update * load_up_to(nets + 4 * n + i, real), real);
    if (!kept) return;
    store_up_to(nets + i, candidate, real);
    store_up_to(nets + n + i, reset, real);
    store_up_to(nets + 2 * n + i, update, real);
  });
}

template <class T>
inline void gru_back(ptrdiff_t n, const T* gates, const T* error, T* delta) {
  const Vec<T> one = splat(T(1));
  along<T>(n, [&](ptrdiff_t i, ptrdiff_t real) {
    const Vec<T> candidate = load_up_to(gates + i, real), reset = load_up_to(gates + n + i, real), update = load_up_to(gates + 2 * n + i, real),
                 recurrent = load_up_to(gates + 3 * n + i, real), previous = load_up_to(gates + 4 * n + i, real), e = load_up_to(error + i, real);
    const Vec<T> d = e * (one - update) * (one - candidate * candidate);
    store_up_to(delta + i, d, real);
    store_up_to(delta + n + i, d * recurrent * reset * (one - reset), real);
    store_up_to(delta + 2 * n + i, e * (previous - candidate) * update * (one - update), real);
    store_up_to(delta + 3 * n + i, d * reset, real);
    store_up_to(delta + 4 * n + i, e * update, real);
  });
}

// One row of a layer, forward. Where the sweep needs them (`kept`), the net inputs become gates: what the unit makes of each.
template <class T>
inline void activate(const throughtime::Layer& layer, T* nets, T* memory, T* activity) {
  const ptrdiff_t n = layer.size;
  switch (layer.unit) {
    case Unit::lstm: return lstm(n, layer.kept, nets, memory, activity);
    case Unit::gru: return gru(n, layer.kept, nets, activity);
    case Unit::context:
      return with_elementwise(layer.within, [&](auto unit) {
        along<T>(n, [&](ptrdiff_t i, ptrdiff_t real) {
          const Vec<T> a = activated<T, unit()>(load_up_to(nets + i, real));
          store_up_to(activity + i, a + load_up_to(nets + n + i, real), real);
          if (layer.kept) store_up_to(nets + i, a, real);
        });
      });
    default:
      return with_elementwise(layer.unit, [&](auto unit) {
        along<T>(n, [&](ptrdiff_t i, ptrdiff_t real) { store_up_to(activity + i, activated<T, unit()>(load_up_to(nets + i, real)), real); });
      });
  }
}

// And back: the error at its activities (and at its memory, in place) to deltas.
template <class T>
inline void deltas(const throughtime::Layer& layer, const T* gates, const T* before, const T* activity, const T* error, T* memory, T* delta) {
  const ptrdiff_t n = layer.size;
  switch (layer.unit) {
    case Unit::lstm: return lstm_back(n, gates, before, error, memory, delta);
    case Unit::gru: return gru_back(n, gates, error, delta);
    case Unit::context:
      return with_elementwise(layer.within, [&](auto unit) {
        along<T>(n, [&](ptrdiff_t i, ptrdiff_t real) {
          const Vec<T> e = load_up_to(error + i, real);
          store_up_to(delta + i, e * slope<T, unit()>(load_up_to(gates + i, real)), real);
          store_up_to(delta + n + i, e, real);
        });
      });
    default:
      return with_elementwise(layer.unit, [&](auto unit) {
        along<T>(n, [&](ptrdiff_t i, ptrdiff_t real) {
          store_up_to(delta + i, load_up_to(error + i, real) * slope<T, unit()>(load_up_to(activity + i, real)), real);
        });
      });
  }
}

}  // namespace TT_ISA
