// tanh and the logistic function of a vector: short chains, one division, no tables and no branches.
//
// Errors in units of the last place: float 2.5 (all of them tried), double 3; tests/test_native_functions.py holds them.
// Exact at 0, -0 and infinity; NaN stays NaN; never beyond 1. The error of the logistic function is relative also where
// it is tiny; only results below the smallest normal number may be 0.
// The coefficients are minimax ones: Remez' exchange in 40 digits, then rounded.
#pragma once

#include "vec.h"

namespace TT_ISA {

// x, but not above `most`; NaN stays. One instruction, which GCC does not find by itself.
#if defined(__AVX512F__)
inline Vec<float> at_most(Vec<float> x, float most) { return (Vec<float>)_mm512_min_ps(_mm512_set1_ps(most), (__m512)x); }
inline Vec<double> at_most(Vec<double> x, double most) { return (Vec<double>)_mm512_min_pd(_mm512_set1_pd(most), (__m512d)x); }
#elif defined(__AVX2__)
inline Vec<float> at_most(Vec<float> x, float most) { return (Vec<float>)_mm256_min_ps(_mm256_set1_ps(most), (__m256)x); }
inline Vec<double> at_most(Vec<double> x, double most) { return (Vec<double>)_mm256_min_pd(_mm256_set1_pd(most), (__m256d)x); }
#else
inline Vec<float> at_most(Vec<float> x, float most) { return choose<float>(x > most, splat(most), x); }
inline Vec<double> at_most(Vec<double> x, double most) { return choose<double>(x > most, splat(most), x); }
#endif

template <class T>
constexpr bool kFloat = sizeof(T) == 4;
// Adding this leaves the nearest whole number k, and the bias of the exponent, in the lowest bits.
template <class T>
constexpr T kShift = kFloat<T> ? T(12582912 + 127) : T(6755399441055744 + 1023);
template <class T>
constexpr T kLog2e = T(1.4426950408889634);
// ln 2 as a sum; the first is so short that k times it is exact.
template <class T>
constexpr T kUpper = kFloat<T> ? T(0x1.62e4p-1) : T(0x1.62e42fefa38p-1);
template <class T>
constexpr T kLower = kFloat<T> ? T(0x1.7f7d1cf79abcap-20) : T(0x1.ef35793c7673p-45);

// 2^k from k + kShift
template <class T>
inline Vec<T> power(Vec<T> shifted) {
  return (Vec<T>)((Vec<Whole<T>>)shifted << (kFloat<T> ? 23 : 52));
}

// Below |r| <= (ln 2) / 2 and v = r^2.

// exp(r) - 1
inline Vec<float> expm1_near_0(Vec<float> r) {
  const Vec<float> v = r * r, low = (0.49999994f + 0.16666521f * r) * v + r;
  return ((0.04166839f + 0.008368745f * r) + 0.0013814555f * v) * (v * v) + low;
}

// (a - 2) / v with a = r / tanh(r / 2): then exp(r) = (a + r) / (a - r)
inline Vec<float> coth_near_0(Vec<float> v) { return 0.16666625f - 0.0027667447f * v; }
inline Vec<double> coth_near_0(Vec<double> v) {
  const Vec<double> low = 0.16666666666666602 - 0.0027777777777012774 * v;
  const Vec<double> high = 6.613756320691979e-05 - 1.6533901401275743e-06 * v, v2 = v * v;
  return (4.138106679388554e-08 * v2 + high) * v2 + low;
}

// With e = exp(2 x) = s (a + r) / (a - r), s = 2^k: (e - 1) / (e + 1), and near 1, 1 - 2 / (e + 1).
template <class T>
inline Vec<T> tanh_above_0(Vec<T> x) {
  const Vec<T> y = at_most(x, kFloat<T> ? T(9.1) : T(20)), shifted = y * (2 * kLog2e<T>) + kShift<T>, s = power<T>(shifted);
  const Vec<T> r = (y + y) - (shifted - kShift<T>) * T(0.6931471805599453), v = r * r, t = coth_near_0(v);
  const Vec<T> less = s - T(1), more = s + T(1), none{};
  const auto near_1 = s > T(7);
  const Vec<T> of_a = choose<T>(near_1, splat(T(-2)), less), of_r = choose<T>(near_1, splat(T(2)), more);
  const Vec<T> above = T(2) * of_a + (t * (v * of_a) + of_r * r), below = T(2) * more + (t * (v * more) + less * r);
  return choose<T>(near_1, splat(T(1)), none) + above / below;
}

template <class T>
inline Vec<T> tanh(Vec<T> x) {
  const Vec<Whole<T>> bits = (Vec<Whole<T>>)x, sign = bits & (Vec<Whole<T>>)splat(T(-0.0));
  return (Vec<T>)((Vec<Whole<T>>)tanh_above_0<T>((Vec<T>)(bits ^ sign)) ^ sign);
}

// 1 / (1 + s exp(r))
inline Vec<float> logistic_of(Vec<float> s, Vec<float> r) { return 1.0f / (s * expm1_near_0(r) + (s + 1.0f)); }
inline Vec<double> logistic_of(Vec<double> s, Vec<double> r) {
  const Vec<double> v = r * r, t = coth_near_0(v), more = s + 1.0;
  return at_most((2.0 + (t * v - r)) / (2.0 * more + (t * (v * more) + (s - 1.0) * r)), 1.0);
}

template <class T>
inline Vec<T> logistic(Vec<T> x) {
  const Vec<T> y = -at_most(x, kFloat<T> ? T(87) : T(708)), shifted = y * kLog2e<T> + kShift<T>, k = shifted - kShift<T>;
  const Vec<T> value = logistic_of(power<T>(shifted), (y - k * kUpper<T>) - k * kLower<T>), none{};
  return choose<T>(x < (kFloat<T> ? T(-88.3) : T(-709)), none, value);
}

}  // namespace TT_ISA
