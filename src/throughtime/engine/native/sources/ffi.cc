// What XLA calls: a loop stepped forward, and swept back. Buffers in, the kernels of this processor, buffers out.
#include "isa.h"
#include "operands.h"
#include "sharing.h"
#include "wiring.h"
#include "xla/ffi/api/ffi.h"

TT_EACH_ISA(
  void forward_f32(const throughtime::Forward<float>&, ptrdiff_t, const throughtime::Share&);
  void forward_f64(const throughtime::Forward<double>&, ptrdiff_t, const throughtime::Share&);
  void sweep_f32(const throughtime::Sweep<float>&, ptrdiff_t, const throughtime::Share&);
  void sweep_f64(const throughtime::Sweep<double>&, ptrdiff_t, const throughtime::Share&);
  void gradient_f32(const throughtime::Gradient<float>&, ptrdiff_t, const throughtime::Share&);
  void gradient_f64(const throughtime::Gradient<double>&, ptrdiff_t, const throughtime::Share&);
)

namespace throughtime {
namespace {

namespace ffi = ::xla::ffi;

void call(const Forward<float>& f, ptrdiff_t threads, const Share& share) { TT_BEST(forward_f32)(f, threads, share); }
void call(const Forward<double>& f, ptrdiff_t threads, const Share& share) { TT_BEST(forward_f64)(f, threads, share); }
void call(const Sweep<float>& s, ptrdiff_t threads, const Share& share) { TT_BEST(sweep_f32)(s, threads, share); }
void call(const Sweep<double>& s, ptrdiff_t threads, const Share& share) { TT_BEST(sweep_f64)(s, threads, share); }
void call(const Gradient<float>& g, ptrdiff_t threads, const Share& share) { TT_BEST(gradient_f32)(g, threads, share); }
void call(const Gradient<double>& g, ptrdiff_t threads, const Share& share) { TT_BEST(gradient_f64)(g, threads, share); }

// What one group of a call is, for each group in turn or all at once.
template <class Make>
void each_group(const Groups& groups, Threads& threads, const Make& make) {
  const Share alone = [](ptrdiff_t parts, const std::function<void(ptrdiff_t)>& f) {
    for (ptrdiff_t i = 0; i < parts; ++i) f(i);
  };
  const ptrdiff_t cores = threads.count();
  if (groups.count == 1 || cores == 1) {
    for (int64_t g = 0; g < groups.count; ++g) call(make(groups.at(g)), cores, std::ref(threads));
    return;
  }
  const ptrdiff_t parts = std::min<ptrdiff_t>(cores, groups.count);
  threads(parts, [&](ptrdiff_t part) {
    for (int64_t g = part; g < groups.count; g += parts) call(make(groups.at(g)), 1, alone);
  });
}

// Operands and results of one layer, of all groups.
struct Buffers {
  Grouped first, bias, past, memory, full, gates, before, out, last;
  std::vector<Grouped> weights, masks;
};

size_t axes(Kind kind) { return kind == Kind::dense ? 4 : 3; }

void read_connections(const Layer& layer, Operands& operands, Buffers& buffers) {
  for (const Connection& c : layer.connections) {
    buffers.weights.push_back(c.kind == Kind::identity ? Grouped() : operands.arg(axes(c.kind)));
    buffers.masks.push_back(c.masked ? operands.arg(2) : Grouped());
  }
}

template <class T>
std::vector<const T*> all_at(const std::vector<Grouped>& some, const std::vector<int64_t>& group) {
  std::vector<const T*> made;
  for (const Grouped& one : some) made.push_back(one.at<T>(group));
  return made;
}

template <class T>
void step_forward(Threads& threads, Numbers numbers, Operands operands) {
  const auto call = numbers.read<ForwardCall>();
  const Wiring& wiring = call.wiring;
  std::vector<Buffers> all(wiring.layers.size());
  std::vector<Grouped> outer;
  for (size_t o = 0; o < wiring.outer.size(); ++o) outer.push_back(operands.arg(3));
  for (size_t l = 0; l < all.size(); ++l) {
    const Layer& layer = wiring.layers[l];
    if (call.driven) all[l].first = operands.arg(4);
    all[l].bias = operands.arg(2);
    if (layer.depth) all[l].past = operands.arg(3);
    if (layer.memory) all[l].memory = operands.arg(3);
    read_connections(layer, operands, all[l]);
    all[l].full = operands.ret(3);
    if (layer.kept) all[l].gates = operands.ret(4);
    if (call.taped && layer.memory) all[l].before = operands.ret(4);
    if (layer.memory) all[l].last = operands.ret(3);
  }
  const Grouped lengths = wiring.ragged ? operands.arg(1) : Grouped();
  each_group(Groups(all[0].full.lead()), threads, [&](const std::vector<int64_t>& g) {
    Forward<T> f{&wiring, call.steps, call.batch, call.at_once, lengths.at<const int32_t>(g), all_at<T>(outer, g), {}};
    for (const Buffers& b : all)
      f.layers.push_back({b.first.at<const T>(g), b.bias.at<const T>(g), b.past.at<const T>(g), b.memory.at<const T>(g),
                          all_at<T>(b.weights, g), all_at<T>(b.masks, g), b.full.at<T>(g), b.gates.at<T>(g), b.before.at<T>(g),
                          b.last.at<T>(g)});
    return f;
  });
}

template <class T>
void sweep_back(Threads& threads, Numbers numbers, Operands operands) {
  const auto call = numbers.read<SweepCall>();
  const Wiring& wiring = call.wiring;
  std::vector<Buffers> all(wiring.layers.size());
  for (size_t l = 0; l < all.size(); ++l) {
    const Layer& layer = wiring.layers[l];
    if (!call.silent[l]) all[l].first = operands.arg(4);
    all[l].full = operands.arg(3);
    if (layer.kept) all[l].gates = operands.arg(4);
    if (layer.memory) all[l].before = operands.arg(4);
    if (layer.memory) all[l].memory = operands.arg(4);
    read_connections(layer, operands, all[l]);
    all[l].out = operands.ret(5);
    if (layer.memory) all[l].last = operands.ret(4);
  }
  const Grouped lengths = wiring.ragged ? operands.arg(1) : Grouped();
  each_group(Groups(all[0].out.lead()), threads, [&](const std::vector<int64_t>& g) {
    Sweep<T> s{&wiring, call.steps, call.batch, call.rows * call.batch, lengths.at<const int32_t>(g), {}};
    for (size_t l = 0; l < all.size(); ++l) {
      const Buffers& b = all[l];
      s.layers.push_back({call.filled[l] != 0, b.first.at<const T>(g), b.full.at<const T>(g), b.gates.at<const T>(g), b.before.at<const T>(g),
                          b.memory.at<const T>(g), all_at<T>(b.weights, g), all_at<T>(b.masks, g), b.out.at<T>(g), b.last.at<T>(g)});
    }
    return s;
  });
}

// One layer's weight gradients.
template <class T>
void sum_gradients(Threads& threads, Numbers numbers, Operands operands) {
  const auto call = numbers.read<GradientCall>();
  const Layer& layer = call.wiring.layers.at(0);
  const Grouped deltas = operands.arg(4);
  std::vector<Grouped> full, masks, made;
  const Grouped bias = call.biased ? operands.ret(2) : Grouped();
  for (const Connection& c : layer.connections) {
    full.push_back(operands.arg(3));
    masks.push_back(c.masked ? operands.arg(2) : Grouped());
    made.push_back(operands.ret(axes(c.kind)));
  }
  const Grouped lengths = call.wiring.ragged ? operands.arg(1) : Grouped();
  each_group(Groups(call.biased ? bias.lead() : made[0].lead()), threads, [&](const std::vector<int64_t>& g) {
    Gradient<T> sums{call.steps, call.batch, layer.nets, layer.size, lengths.at<const int32_t>(g), deltas.at<const T>(g), {}, bias.at<T>(g)};
    for (size_t c = 0; c < full.size(); ++c)
      sums.heard.push_back({&layer.connections[c], call.heard[c].size, call.heard[c].depth, full[c].at<const T>(g), masks[c].at<const T>(g), made[c].at<T>(g)});
    return sums;
  });
}

using Call = void (*)(Threads&, Numbers, Operands);

template <Call F32, Call F64>
ffi::Error handle(ffi::ThreadPool pool, ffi::RemainingArgs args, ffi::RemainingRets rets, ffi::Span<const int64_t> record) {
  try {
    Threads threads(pool);
    auto first = rets.get<ffi::AnyBuffer>(0);
    const ffi::DataType type = (*first)->element_type();
    (type == ffi::DataType::F64 ? F64 : F32)(threads, Numbers(record), Operands(args, rets, type));
  } catch (const std::exception& error) {
    return ffi::Error::Internal(std::string("throughtime: ") + error.what());
  }
  return ffi::Error::Success();
}

auto bound() { return ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().RemainingArgs().RemainingRets().Attr<ffi::Span<const int64_t>>("record"); }

}  // namespace
}  // namespace throughtime

#pragma GCC visibility push(default)
XLA_FFI_DEFINE_HANDLER_SYMBOL(throughtime_forward, (throughtime::handle<throughtime::step_forward<float>, throughtime::step_forward<double>>),
                              throughtime::bound());
XLA_FFI_DEFINE_HANDLER_SYMBOL(throughtime_sweep, (throughtime::handle<throughtime::sweep_back<float>, throughtime::sweep_back<double>>),
                              throughtime::bound());
XLA_FFI_DEFINE_HANDLER_SYMBOL(throughtime_gradient, (throughtime::handle<throughtime::sum_gradients<float>, throughtime::sum_gradients<double>>),
                              throughtime::bound());
#pragma GCC visibility pop
