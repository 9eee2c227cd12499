// The buffers of a call, in the order of its record. Under vmap they have further leading axes, of size 1 where nothing was
// mapped: each combination is a group, a call of its own on the same wiring.
#pragma once

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <cstring>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "wiring.h"
#include "xla/ffi/api/ffi.h"

namespace throughtime {

// One operand or result: where it begins, and how far it is from one group to the next.
class Grouped {
 public:
  Grouped() = default;
  Grouped(void* data, ::xla::ffi::Span<const int64_t> dimensions, size_t own, size_t width) : data_(static_cast<char*>(data)) {
    if (dimensions.size() < own) throw std::invalid_argument("an operand has too few axes");
    int64_t size = static_cast<int64_t>(width);
    for (size_t i = dimensions.size(); i-- > 0;) {
      if (i < dimensions.size() - own) {
        lead_.insert(lead_.begin(), dimensions[i]);
        strides_.insert(strides_.begin(), dimensions[i] == 1 ? 0 : size);
      }
      size *= dimensions[i];
    }
  }

  const std::vector<int64_t>& lead() const { return lead_; }

  template <class T>
  T* at(const std::vector<int64_t>& group) const {
    if (!data_) return nullptr;  // an operand that this call does not have
    int64_t offset = 0;
    for (size_t i = 0; i < group.size(); ++i) offset += group[i] * strides_[i];
    return reinterpret_cast<T*>(data_ + offset);
  }

 private:
  char* data_ = nullptr;
  std::vector<int64_t> lead_, strides_;
};

// Reads a record: its fields in turn, a list after its number of members.
class Numbers {
 public:
  explicit Numbers(::xla::ffi::Span<const int64_t> all) : all_(all) {}

  template <class Record>
  Record read() {
    Record record;
    take(record);
    if (place_ != all_.size()) throw std::invalid_argument("the record goes on after its end");
    return record;
  }

 private:
  template <class T>
  void take(T& value) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
      value = static_cast<T>(next());
    } else {
      value.fields([this](const char*, auto&... own) { (take(own), ...); });
    }
  }
  template <class T>
  void take(std::vector<T>& list) {
    list.resize(static_cast<size_t>(next()));
    for (T& member : list) take(member);
  }
  int64_t next() {
    if (place_ >= all_.size()) throw std::invalid_argument("the record ends too early");
    return all_[place_++];
  }

  ::xla::ffi::Span<const int64_t> all_;
  size_t place_ = 0;
};

// XLA takes new memory for every run, and its first touch, page after page, can cost a third of a training step. Large pages,
// and all pages of a large result at once, cost less, where the system knows how (Linux 5.14); elsewhere it refuses, and nothing
// is lost.
inline void take_pages([[maybe_unused]] void* data, [[maybe_unused]] size_t bytes) {
#ifdef MADV_POPULATE_WRITE
  constexpr size_t kLarge = size_t{1} << 22;
  if (bytes < kLarge) return;
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE)), begin = reinterpret_cast<uintptr_t>(data);
  const uintptr_t first = begin / page * page;
  madvise(reinterpret_cast<void*>(first), begin + bytes - first, MADV_HUGEPAGE);
  madvise(reinterpret_cast<void*>(first), begin + bytes - first, MADV_POPULATE_WRITE);
#endif
}

// Hands out arguments, then results, in order.
class Operands {
 public:
  Operands(::xla::ffi::RemainingArgs args, ::xla::ffi::RemainingRets rets, ::xla::ffi::DataType type) : args_(args), rets_(rets), type_(type) {}

  Grouped arg(size_t own) {
    auto buffer = args_.get<::xla::ffi::AnyBuffer>(arg_++);
    if (buffer.has_error()) throw std::invalid_argument("too few operands");
    const ::xla::ffi::DataType type = buffer->element_type();
    if (type != type_ && type != ::xla::ffi::DataType::S32) throw std::invalid_argument("operands of several types");  // S32: lengths
    return {buffer->untyped_data(), buffer->dimensions(), own, ::xla::ffi::ByteWidth(buffer->element_type())};
  }
  Grouped ret(size_t own) {
    auto buffer = rets_.get<::xla::ffi::AnyBuffer>(ret_++);
    if (buffer.has_error()) throw std::invalid_argument("too few results");
    take_pages((*buffer)->untyped_data(), (*buffer)->size_bytes());
#ifdef TT_POISON
    std::memset((*buffer)->untyped_data(), 0xff, (*buffer)->size_bytes());  // NaN where nothing is written
#endif
    return {(*buffer)->untyped_data(), (*buffer)->dimensions(), own, ::xla::ffi::ByteWidth((*buffer)->element_type())};
  }

 private:
  ::xla::ffi::RemainingArgs args_;
  ::xla::ffi::RemainingRets rets_;
  ::xla::ffi::DataType type_;
  size_t arg_ = 0, ret_ = 0;
};

// The number of groups, and the place of each along the leading axes.
struct Groups {
  explicit Groups(const std::vector<int64_t>& lead) : lead(lead) {
    for (int64_t size : lead) count *= size;
  }
  std::vector<int64_t> at(int64_t number) const {
    std::vector<int64_t> made(lead.size());
    for (size_t i = lead.size(); i-- > 0; number /= lead[i]) made[i] = number % lead[i];
    return made;
  }
  std::vector<int64_t> lead;
  int64_t count = 1;
};

}  // namespace throughtime
