// tanh and the logistic function of a vector: short chains, one division, no tables and no branches.
//
// Exact at 0 (tanh(-0) = -0), at infinity, and NaN stays NaN; never beyond 1. Relative error also where the logistic
// function is tiny; results below the smallest normal number may be 0. Errors are those of tests/test_native_functions.py.
// The coefficients are minimax ones, found with Remez' exchange in 40 digits and then rounded.
#pragma once

#include "vec.h"

namespace TT_ISA {

// x, but not above `most`; NaN stays
template <class T>
inline Vec<T> at_most(Vec<T> x, T most) {
  return choose<T>(x > most, splat(most), x);
}

template <class T>
inline Vec<T> at_least(Vec<T> x, T least) {
  return choose<T>(x < least, splat(least), x);
}

// The sign bit alone.
template <class T>
inline Vec<Whole<T>> sign(Vec<T> x) {
  return (Vec<Whole<T>>)x & (Vec<Whole<T>>)splat(T(-0.0));
}

template <class T>
inline Vec<T> flip(Vec<T> x, Vec<Whole<T>> bits) {
  return (Vec<T>)((Vec<Whole<T>>)x ^ bits);
}

// x = k ln 2 + rest with |rest| <= (ln 2) / 2, and power = 2^k; infinite at the first k that is too large.
template <class T>
struct Reduced {
  Vec<T> power, rest;
};

// Adding `round` leaves k and the exponent's bias in the lowest bits. The upper part of ln 2 is short: k times it is exact.
template <class T>
inline Reduced<T> reduce(Vec<T> x) {
  constexpr bool f32 = sizeof(T) == 4;
  constexpr T round = f32 ? T(12582912.0 + 127) : T(6755399441055744.0 + 1023), log2e = T(1.4426950408889634);
  constexpr T upper = f32 ? T(0x1.62e4p-1) : T(0x1.62e42fefa38p-1), lower = f32 ? T(0x1.7f7d1cf79abcap-20) : T(0x1.ef35793c7673p-45);
  const Vec<T> shifted = x * log2e + round, k = shifted - round;
  return {(Vec<T>)((Vec<Whole<T>>)shifted << (f32 ? 23 : 52)), (x - k * upper) - k * lower};
}

// exp(r), |r| <= (ln 2) / 2
inline Vec<float> exp_near_0(Vec<float> r) {
  const Vec<float> r2 = r * r, low = (0.49999994f + 0.16666521f * r) * r2 + (1.0f + r);
  return ((0.04166839f + 0.008368745f * r) + 0.0013814555f * r2) * (r2 * r2) + low;
}

// r / tanh(r / 2): with it exp(r) = (a + r) / (a - r)
inline Vec<double> r_coth(Vec<double> r) {
  const Vec<double> v = r * r, v2 = v * v;
  const Vec<double> low = 2.0 + v * 0.16666666666666602, high = 6.613756320799042e-05 - v * 1.653390146403347e-06;
  return (v2 * 4.138104288237546e-08 + high) * (v2 * v) + (low - v2 * 0.0027777777777013373);
}

// a quotient of polynomials, x (1 + u P(u)) / (1 + u Q(u)) with u = x^2, up to where tanh rounds to 1
inline Vec<float> tanh_above_0(Vec<float> x) {
  const Vec<float> y = at_most<float>(x, 9.02f), u = y * y, u2 = u * u;
  const Vec<float> p = (0.13382684f + u * 0.0034974543f) + (2.0635761e-05f + u * 1.3384197e-08f) * u2;
  const Vec<float> q = (0.46716005f + u * 0.025884349f) + (0.00032885116f + u * 7.7902126e-07f) * u2;
  return (y * u * p + y) / (u * q + 1.0f);
}

// (e - 1) / (e + 1), e = exp(2 x) = s (a + r) / (a - r)
inline Vec<double> tanh_above_0(Vec<double> x) {
  const Reduced<double> two_x = reduce<double>(at_most<double>(x, 20.0) * 2.0);
  const Vec<double> r = two_x.rest, a = r_coth(r), less = two_x.power - 1.0, more = two_x.power + 1.0;
  return (less * a + more * r) / (more * a + less * r);
}

template <class T>
inline Vec<T> tanh(Vec<T> x) {
  return flip<T>(at_most<T>(tanh_above_0(flip<T>(x, sign<T>(x))), T(1)), sign<T>(x));
}

template <class T>
inline Vec<T> logistic(Vec<T> x);

template <>
inline Vec<float> logistic<float>(Vec<float> x) {
  const Reduced<float> e = reduce<float>(at_least<float>(at_most<float>(-x, 89.0f), -87.0f));
  return 1.0f / (e.power * exp_near_0(e.rest) + 1.0f);
}

template <>
inline Vec<double> logistic<double>(Vec<double> x) {
  const Reduced<double> e = reduce<double>(at_least<double>(at_most<double>(-x, 710.0), -708.0));
  const Vec<double> a = r_coth(e.rest), below = a - e.rest;
  return below / (e.power * (a + e.rest) + below);
}

}  // namespace TT_ISA
