// What "one op less" and "one argument simpler" mean.

#include "fuzz/reduce.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "model/abi.h"

namespace pollux {
namespace {

// Large 64-bit values that say something by themselves, the simplest first.
constexpr uint64_t kEnds[] = {uint64_t{1} << 63, ~uint64_t{0}, ~uint64_t{0} - 1, ~uint64_t{0} - 2};

using Trial = std::vector<Op>;

uint64_t Canonical(const Op& op, size_t slot) {
  const ArgSpec& spec = SlotSpec(op, slot);
  // What DEL is given is ignored (R2.2): nothing is simplest.
  if (op.call == Call::kEpollCtl && spec.kind == ArgKind::kEvents && op.num(1) == kCtlDel) return 0;
  return spec.canonical;
}

// Collects variants of an op in which slot `slot` differs.
class Variants {
 public:
  explicit Variants(const Op& op) : op_(op) {}

  void Try(Op candidate) {
    Canonicalize(&candidate);
    if (candidate == op_ || std::find(out_.begin(), out_.end(), candidate) != out_.end()) return;
    out_.push_back(candidate);
  }
  void Try(size_t slot, uint64_t value) {
    Op candidate = op_;
    candidate.arg[slot] = value;
    Try(candidate);
  }
  std::vector<Op> Take() { return std::move(out_); }

 private:
  Op op_;
  std::vector<Op> out_;
};

// Values simpler than v: canonical, the smallest, then v less ever smaller powers of two. Calls f on each.
template <class F>
void SimplerNumbers(int64_t v, int64_t canonical, F f) {
  if (v == canonical) return;
  f(canonical);
  const uint64_t magnitude = v < 0 ? ~static_cast<uint64_t>(v) + 1 : static_cast<uint64_t>(v);
  const auto sized = [v](uint64_t m) { return v < 0 ? static_cast<int64_t>(~m + 1) : static_cast<int64_t>(m); };
  for (uint64_t small = 0; small < 10 && small < magnitude; ++small) f(sized(small));
  if (v < 0) f(-v);  // a sign less
  if (magnitude > 4096) f(sized(magnitude / 4096 * 4096));
  for (int k = 63 - std::countl_zero(magnitude | 1); k >= 0; --k) {
    const uint64_t less = magnitude - (uint64_t{1} << k);
    if (less < magnitude) f(sized(less));
  }
}

void SimplerMask(uint64_t v, uint64_t canonical, auto f) {
  if (v == canonical) return;
  f(canonical);
  f(0);
  const int bits = std::popcount(v);
  if (bits > 2) {
    for (uint64_t rest = v; rest != 0; rest &= rest - 1) f(rest & -rest);
  }
  if (bits > 1) {
    for (uint64_t rest = v; rest != 0; rest &= rest - 1) f(v & ~(rest & -rest));
  }
}

void SimplerMemory(const Op& op, size_t slot, Variants* variants) {
  const Memory m = op.mem(slot);
  const uint64_t canonical = Canonical(op, slot);
  if (m.bits() == canonical) return;
  variants->Try(slot, canonical);
  if (m.kind() == Memory::kGood) return;
  variants->Try(slot, Memory().bits());
  if (m.kind() > Memory::kNull) variants->Try(slot, Memory(Memory::kNull).bits());
  if (m.kind() == Memory::kGone) variants->Try(slot, Memory(Memory::kUnmapped).bits());
  if (m.kind() == Memory::kFault) {
    SimplerNumbers(m.records(), 0, [&](int64_t records) {
      variants->Try(slot, Memory(Memory::kFault, static_cast<uint32_t>(records)).bits());
    });
  }
}

bool IsWord(const ArgSpec& spec, uint64_t value) {
  return std::any_of(spec.words.begin(), spec.words.end(),
                     [value](const Word& w) { return static_cast<uint32_t>(w.value) == static_cast<uint32_t>(value); });
}

void SimplerArgument(const Op& op, size_t slot, Variants* variants) {
  const ArgSpec& spec = SlotSpec(op, slot);
  const uint64_t v = op.arg[slot], canonical = Canonical(op, slot);
  switch (spec.kind) {
    case ArgKind::kFd:
      if (op.fd(slot).literal() && op.fd(slot).number() != -1) variants->Try(slot, Fd::Literal(-1).bits());
      return;
    case ArgKind::kInt:
      // One of several words is as simple as another, but for the canonical one.
      if (IsWord(spec, v)) return variants->Try(slot, canonical);
      return SimplerNumbers(op.num(slot), static_cast<int32_t>(canonical),
                            [&](int64_t n) { variants->Try(slot, static_cast<uint64_t>(n)); });
    case ArgKind::kInt64:
    case ArgKind::kSize:
    case ArgKind::kBytes:
      return SimplerNumbers(static_cast<int64_t>(v), static_cast<int64_t>(canonical),
                            [&](int64_t n) { variants->Try(slot, static_cast<uint64_t>(n)); });
    case ArgKind::kPayload:
    case ArgKind::kData:
      // Unsigned: a set top bit is large, not negative.
      if (static_cast<int64_t>(v) >= 0) {
        return SimplerNumbers(static_cast<int64_t>(v), static_cast<int64_t>(canonical),
                              [&](int64_t n) { variants->Try(slot, static_cast<uint64_t>(n)); });
      }
      for (uint64_t n = 0; n < 10; ++n) variants->Try(slot, n);
      for (const uint64_t end : kEnds) {
        if (v == end) return;
        variants->Try(slot, end);
      }
      return;
    case ArgKind::kFlags:
    case ArgKind::kEvents:
      return SimplerMask(v, canonical, [&](uint64_t m) { variants->Try(slot, m); });
    case ArgKind::kMemory:
      return SimplerMemory(op, slot, variants);
    case ArgKind::kChoice:
      return variants->Try(slot, canonical);
  }
}

// The same deed by a simpler call.
void SimplerCall(const Op& op, Variants* variants) {
  const auto as = [&](Call call, size_t args) {
    Op simple;
    simple.call = call;
    simple.process = op.process, simple.thread = op.thread, simple.i386 = op.i386;
    std::copy_n(op.arg.begin(), args, simple.arg.begin());
    return simple;
  };
  if (op.process != 0) {
    Op first = op;
    first.process = 0;
    variants->Try(first);
  }
  if (op.i386 != 0) {
    Op plain = op;
    plain.i386 = 0;
    variants->Try(plain);
  }
  // By the controller, or by a thread that others may be as well.
  for (uint8_t thread = 0; thread < op.thread; ++thread) {
    Op other = op;
    other.thread = thread;
    variants->Try(other);
  }
  switch (op.call) {
    case Call::kEpollCreate:
      return variants->Try(as(Call::kEpollCreate1, 0));
    case Call::kEpollPwait:
      return variants->Try(as(Call::kEpollWait, 4));
    case Call::kEpollPwait2: {
      Op wait = as(Call::kEpollWait, 3);
      const bool forever = op.mem(3).kind() == Memory::kNull;
      wait.arg[3] = static_cast<uint64_t>(int64_t{forever ? -1 : op.arg[4] != 0 || op.arg[5] != 0 ? 1 : 0});
      return variants->Try(wait);
    }
    case Call::kSelect:
    case Call::kPpoll: {
      Op poll = as(Call::kPoll, 0);
      const bool forever = op.mem(1).kind() == Memory::kNull;
      poll.arg[0] = static_cast<uint64_t>(int64_t{forever ? -1 : op.arg[2] != 0 || op.arg[3] != 0 ? 1 : 0});
      for (size_t i = 0; i < op.npoll; ++i) poll.set_poll(poll.npoll++, op.poll_fd(i), op.poll_events(i));
      return variants->Try(poll);
    }
    case Call::kUringEpollCtl:
      return variants->Try(as(Call::kEpollCtl, 6));
    case Call::kUringEpollWait:
      return variants->Try(as(Call::kEpollWait, 3));
    case Call::kReadv:
      return variants->Try(as(Call::kRead, 3));
    case Call::kWritev:
      return variants->Try(as(Call::kWrite, 4));
    case Call::kDup3:
      return variants->Try(as(Call::kDup2, 2));
    case Call::kDup2:
      return variants->Try(as(Call::kDup, 1));
    case Call::kFcntl:
      if (CopiesDescriptor(op)) variants->Try(as(Call::kDup, 1));
      return;
    case Call::kCloseRange:
      return variants->Try(as(Call::kClose, 1));
    case Call::kSend:
      return variants->Try(as(Call::kWrite, 4));
    case Call::kRecv:
      return variants->Try(as(Call::kRead, 3));
    default:
      return;
  }
}

void SimplerPoll(const Op& op, Variants* variants) {
  for (size_t gone = 0; gone < op.npoll; ++gone) {
    Op fewer = op;
    for (size_t i = gone + 1; i < op.npoll; ++i) fewer.set_poll(i - 1, op.poll_fd(i), op.poll_events(i));
    --fewer.npoll;
    variants->Try(fewer);
  }
  for (size_t i = 0; i < op.npoll; ++i) {
    const auto with = [&](Fd fd, uint64_t events) {
      Op other = op;
      other.set_poll(i, fd, static_cast<uint16_t>(events));
      variants->Try(other);
    };
    if (op.poll_fd(i).literal() && op.poll_fd(i).number() != -1) with(Fd::Literal(-1), op.poll_events(i));
    SimplerMask(op.poll_events(i), kIn, [&](uint64_t m) { with(op.poll_fd(i), m); });
  }
}

// Calls f on every operand of every op that is an output of op `at`; it returns the operand's replacement.
template <class F>
Trial Relinked(const Trial& ops, size_t at, F f) {
  Trial linked = ops;
  for (size_t i = at + 1; i < linked.size(); ++i) {
    MapFds(linked[i], [&](Fd fd) { return !fd.literal() && fd.op() == at ? f(fd, i) : fd; });
  }
  return linked;
}

Trial Dropped(const Trial& ops, size_t at) {
  std::vector<bool> drop(ops.size());
  drop[at] = true;
  return WithoutOps(ops, drop);
}

// The slot that counts what other ops make, where it is not the canonical count: numbers below it may be opened, so
// many watches fit, so many records are taken. -1: there is none.
int CountSlot(const Op& op) {
  int slot = -1;
  switch (op.call) {
    case Call::kPrlimit:
    case Call::kWatches:
      slot = 0;
      break;
    case Call::kEpollWait:
    case Call::kEpollPwait:
    case Call::kEpollPwait2:
      slot = 2;
      break;
    default:
      return -1;
  }
  const size_t s = static_cast<size_t>(slot);
  return op.num(s) > 1 && op.arg[s] != Canonical(op, s) ? slot : -1;
}

}  // namespace

std::vector<Op> Simpler(const Op& op) {
  Variants variants(op);
  SimplerCall(op, &variants);
  if (Polls(op.call)) SimplerPoll(op, &variants);
  for (size_t slot = 0; slot < Spec(op.call).args.size(); ++slot) SimplerArgument(op, slot, &variants);
  return variants.Take();
}

void MarkUsers(const std::vector<Op>& ops, std::vector<bool>* drop) {
  for (size_t i = 0; i < ops.size(); ++i) {
    Op op = ops[i];
    MapFds(op, [&](Fd fd) {
      if (!fd.literal() && fd.op() < i && (*drop)[fd.op()]) (*drop)[i] = true;
      return fd;
    });
  }
}

void MarkNeeded(const std::vector<Op>& ops, size_t at, std::vector<bool>* needed) {
  (*needed)[at] = true;
  for (size_t i = at + 1; i-- > 0;) {
    if (!(*needed)[i]) continue;
    Op op = ops[i];
    MapFds(op, [&](Fd fd) {
      if (!fd.literal() && fd.op() < i) (*needed)[fd.op()] = true;
      return fd;
    });
  }
}

std::vector<std::vector<Op>> Without(const std::vector<Op>& ops, const Bindings& numbers, size_t at) {
  std::vector<Trial> trials;
  const auto add = [&](Trial trial) {
    if (std::find(trials.begin(), trials.end(), trial) == trials.end()) trials.push_back(std::move(trial));
  };
  std::vector<bool> drop(ops.size());
  drop[at] = true;
  MarkUsers(ops, &drop);
  if (!drop.back()) {
    add(WithoutOps(ops, drop));
    // What is counted by another op goes together with one of its count.
    for (size_t counter = 0; counter < ops.size(); ++counter) {
      const int slot = drop[counter] ? -1 : CountSlot(ops[counter]);
      for (uint64_t less = 1; slot >= 0 && less <= std::max(1u, Outputs(ops[at].call)); ++less) {
        Trial fewer = ops;
        fewer[counter].arg[static_cast<size_t>(slot)] -= less;
        add(WithoutOps(fewer, drop));
      }
    }
  }
  if (std::count(drop.begin(), drop.end(), true) == 1) return trials;

  // What it is a duplicate of.
  const Call call = ops[at].call;
  const bool duplicates = call == Call::kDup || call == Call::kDup2 || call == Call::kDup3 || call == Call::kFcntl;
  if (duplicates) add(Dropped(Relinked(ops, at, [&](Fd, size_t) { return ops[at].fd(0); }), at));
  for (size_t other = at; other-- > 0;) {
    if (ops[other].call != ops[at].call) continue;
    add(Dropped(Relinked(ops, at, [&](Fd fd, size_t) { return Fd::Output(static_cast<uint32_t>(other), fd.out()); }),
                at));
    break;
  }
  add(Dropped(Relinked(ops, at,
                       [&](Fd fd, size_t user) {
                         for (size_t i = user; i-- > 0;) {
                           for (uint32_t out = 0; i != at && out < Outputs(ops[i].call); ++out) {
                             const Fd name = Fd::Output(static_cast<uint32_t>(i), out);
                             if (numbers.Number(name) == numbers.Number(fd)) return name;
                           }
                         }
                         return Fd::Literal(numbers.Number(fd));
                       }),
              at));
  add(Dropped(Relinked(ops, at, [&](Fd fd, size_t) { return Fd::Literal(numbers.Number(fd)); }), at));
  return trials;
}

std::vector<std::vector<Op>> FewerThreads(const std::vector<Op>& ops) {
  std::vector<Trial> trials;
  for (uint8_t thread = kMaxThreads; thread > 0; --thread) {
    if (std::none_of(ops.begin(), ops.end(), [thread](const Op& op) { return op.thread == thread; })) continue;
    for (uint8_t other = 0; other < thread; ++other) {
      Trial trial = ops;
      for (Op& op : trial) {
        if (op.thread == thread) op.thread = other;
        if (op.call == Call::kExpire && op.arg[0] == thread && other != 0) op.arg[0] = other;
      }
      trials.push_back(std::move(trial));
    }
  }
  return trials;
}

std::vector<std::vector<Op>> Reductions(const std::vector<Op>& ops, const Bindings& numbers) {
  std::vector<Trial> all = FewerThreads(ops);
  for (size_t at = 0; at + 1 < ops.size(); ++at) {
    for (Trial& trial : Without(ops, numbers, at)) all.push_back(std::move(trial));
  }
  for (size_t at = 0; at < ops.size(); ++at) {
    for (const Op& op : Simpler(ops[at])) {
      all.push_back(ops);
      all.back()[at] = op;
    }
  }
  return all;
}

}  // namespace pollux
