// A vector of numbers as wide as the processor's registers: loads, stores, masks. Everything else is plain arithmetic.
//
// This file and all that stands upon it is compiled once per instruction set, with TT_ISA (its name, a namespace) and TT_BYTES
// (its width). `n` below is how many of the lanes are real: at the end of a row the others read 0 and are not written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace TT_ISA {

template <class T>
struct Wide {
  typedef T type __attribute__((vector_size(TT_BYTES)));
};
template <class T>
using Vec = typename Wide<T>::type;
template <class T>
using Whole = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;  // whole numbers as wide as T; comparisons give them

template <class T>
constexpr ptrdiff_t kLanes = TT_BYTES / sizeof(T);

template <class T>
inline Vec<T> load(const T* from) {
  Vec<T> value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
inline void store(T* to, Vec<T> value) {
  std::memcpy(to, &value, sizeof value);
}

template <class T>
inline Vec<T> splat(T value) {
  return value - Vec<T>{};  // minus: -0 stays -0
}

// lanes where the mask (all bits set or none) holds from `yes`, the others from `no`
template <class T>
inline Vec<T> choose(Vec<Whole<T>> mask, Vec<T> yes, Vec<T> no) {
  return mask ? yes : no;
}

#if defined(__AVX512F__)
inline Vec<float> load_some(const float* from, ptrdiff_t n) {
  return (Vec<float>)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), from);
}
inline Vec<double> load_some(const double* from, ptrdiff_t n) {
  return (Vec<double>)_mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), from);
}
inline void store_some(float* to, Vec<float> value, ptrdiff_t n) {
  _mm512_mask_storeu_ps(to, (__mmask16)((1u << n) - 1), (__m512)value);
}
inline void store_some(double* to, Vec<double> value, ptrdiff_t n) {
  _mm512_mask_storeu_pd(to, (__mmask8)((1u << n) - 1), (__m512d)value);
}
#elif defined(__AVX2__)
inline __m256i first_lanes(float, ptrdiff_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline __m256i first_lanes(double, ptrdiff_t n) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
inline Vec<float> load_some(const float* from, ptrdiff_t n) {
  return (Vec<float>)_mm256_maskload_ps(from, first_lanes(0.0f, n));
}
inline Vec<double> load_some(const double* from, ptrdiff_t n) {
  return (Vec<double>)_mm256_maskload_pd(from, first_lanes(0.0, n));
}
inline void store_some(float* to, Vec<float> value, ptrdiff_t n) {
  _mm256_maskstore_ps(to, first_lanes(0.0f, n), (__m256)value);
}
inline void store_some(double* to, Vec<double> value, ptrdiff_t n) {
  _mm256_maskstore_pd(to, first_lanes(0.0, n), (__m256d)value);
}
#else
template <class T>
inline Vec<T> load_some(const T* from, ptrdiff_t n) {
  Vec<T> value{};
  for (ptrdiff_t i = 0; i < n; ++i) value[i] = from[i];
  return value;
}
template <class T>
inline void store_some(T* to, Vec<T> value, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; ++i) to[i] = value[i];
}
#endif

// a row of n numbers, a vector at a time: f(offset, how many lanes are real)
template <class T, class F>
inline void along(ptrdiff_t n, F&& f) {
  ptrdiff_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) f(i, kLanes<T>);
  if (i < n) f(i, n - i);
}

template <class T>
inline Vec<T> load_up_to(const T* from, ptrdiff_t n) {
  return n >= kLanes<T> ? load(from) : load_some(from, n);
}
template <class T>
inline void store_up_to(T* to, Vec<T> value, ptrdiff_t n) {
  if (n >= kLanes<T>) {
    store(to, value);
  } else {
    store_some(to, value, n);
  }
}

}  // namespace TT_ISA
