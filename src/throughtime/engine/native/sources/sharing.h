// Work shared out to XLA's own threads. The caller works too, and takes over what no thread has begun, so that it never waits
// for a thread that is busy elsewhere.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "wiring.h"
#include "xla/ffi/api/ffi.h"

namespace throughtime {

class Threads {
 public:
  explicit Threads(::xla::ffi::ThreadPool pool) : pool_(pool) {}

  ptrdiff_t count() const {
    return std::min<ptrdiff_t>(std::max<int64_t>(1, pool_.num_threads()), std::max(1u, std::thread::hardware_concurrency()));
  }

  void operator()(ptrdiff_t parts, const std::function<void(ptrdiff_t)>& f) {
    if (parts <= 1) {
      if (parts == 1) f(0);
      return;
    }
    struct State {
      std::atomic<ptrdiff_t> next{0}, left;
    };
    auto state = std::make_shared<State>();
    state->left = parts;
    auto work = [state, parts, &f] {
      for (ptrdiff_t i; (i = state->next.fetch_add(1)) < parts;) {  // f is there as long as a part is left
        f(i);
        state->left.fetch_sub(1, std::memory_order_acq_rel);
      }
    };
    for (ptrdiff_t i = 1; i < parts; ++i) pool_.Schedule(std::function<void()>(work));
    work();
    while (state->left.load(std::memory_order_acquire)) std::this_thread::yield();
  }

 private:
  ::xla::ffi::ThreadPool pool_;
};

}  // namespace throughtime
