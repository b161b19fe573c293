// What the laws of this folder share: traces drawn for rapidcheck, the sides they are checked on, scripts that make one
// trace out of another, and failures that print our trace.
//
// A law is a statement about every trace, or about two traces made from one. It names no expected outcome: the model
// has no advantage over the kernel here, and both must keep it. Not thread-safe.

#ifndef POLLUX_PROPERTIES_LAWS_H_
#define POLLUX_PROPERTIES_LAWS_H_

#include <rapidcheck.h>

#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/abi.h"
#include "model/model.h"
#include "model/trace.h"
#include "oracle/target.h"

namespace pollux {

// A trace of the generator that no op of blocks; every ADD and MOD has data of its own, its index + 1. Resource limits
// stay as they are, and there is one process. At its end no poll takes anything away any more. Shrinks by taking ops
// out.
struct Drawn {
  std::vector<Op> ops;
};

// Leaves out what would sleep, and makes waits immediate.
void NeverBlock(std::vector<Op>* ops);

// Where a law is checked: the model, and the kernel if it can run here.
struct Side {
  std::string name;
  Target* target;
};
const std::vector<Side>& Sides();

// Runs the ops from Reset on; what the model does not know, as a clock would decide it, is left out.
std::vector<Outcome> Play(const Side& side, const std::vector<Op>& ops);
// The annotated trace, and which side it ran on.
std::string Story(const Side& side, const std::vector<Op>& ops, const std::vector<Outcome>& outcomes);

// A trace made of parts of another.
class Script {
 public:
  explicit Script(const std::vector<Op>& from) : from_(from), place_(from.size(), kNowhere) {}

  // Op i of `from`, its operands linked to where their creators stand here, and then changed.
  template <class Change>
  void Copy(size_t i, Change change) {
    Op op = from_[i];
    MapFds(op, [this](Fd fd) { return Moved(fd); });
    change(&op);
    place_[i] = Add(op);
  }
  void Copy(size_t i) {
    Copy(i, [](Op*) {});
  }
  void CopyAll() {
    for (size_t i = 0; i < from_.size(); ++i) Copy(i);
  }
  // The operand, of `from`, as an operand here.
  Fd Moved(Fd fd) const;
  // Appends an op of this trace, and returns its index.
  size_t Add(const Op& op) {
    ops_.push_back(op);
    return ops_.size() - 1;
  }
  const std::vector<Op>& ops() const { return ops_; }
  // Where the copy of op i stands.
  size_t place(size_t i) const { return place_[i]; }

 private:
  static constexpr size_t kNowhere = SIZE_MAX;
  const std::vector<Op>& from_;
  std::vector<size_t> place_;
  std::vector<Op> ops_;
};

// Calls f(i, op, before, outcome) for each op of a trace, resolved: what the kernel's model answers, and how it stood.
template <class F>
void Along(const std::vector<Op>& ops, F f) {
  const Target& real = *Sides().back().target;
  Model model(real.profile(), real.facts()), before(real.profile(), real.facts());
  Bindings bindings;
  Outcome out;
  for (size_t i = 0; i < ops.size(); ++i) {
    const Op op = bindings.Resolve(ops[i]);
    before.state() = model.state();
    model.Run(op, &out);
    f(i, op, before, out);
    bindings.Bind(op, out);
  }
}

// What the model says is open at the end of a trace.
struct OpenFile {
  int32_t number = -1;
  bool epoll = false, pollable = false;
  uint32_t file = 0;  // equal for numbers of one description
  FileType type = FileType::kNone;
};
std::vector<OpenFile> OpenAtEnd(const std::vector<Op>& ops);

// An epoll_ctl that gives an item its mask and data.
inline bool SetsItem(const Op& op) {
  return (op.call == Call::kEpollCtl || op.call == Call::kUringEpollCtl) &&
         (op.num(1) == kCtlAdd || op.num(1) == kCtlMod) && op.mem(3).readable();
}
inline bool IsWait(Call call) {
  return call == Call::kEpollWait || call == Call::kEpollPwait || call == Call::kEpollPwait2 ||
         call == Call::kUringEpollWait;
}
inline bool IsRecords(const Outcome& o) { return o.kind == Outcome::kRecords; }
inline bool Succeeded(const Outcome& o) { return o.kind == Outcome::kValues; }

// More than any trace has items.
inline constexpr int32_t kAll = 5000;

}  // namespace pollux

namespace rc {
template <>
struct Arbitrary<pollux::Drawn> {
  static Gen<pollux::Drawn> arbitrary();
};
}  // namespace rc
namespace pollux {
void showValue(const Drawn& drawn, std::ostream& os);
}

// Fails the law with the trace as it ran.
#define LAW_HOLDS(condition, side, ops, outcomes)                                         \
  do {                                                                                    \
    if (!(condition)) RC_FAIL(std::string(#condition "\n") + Story(side, ops, outcomes)); \
  } while (false)

#endif  // POLLUX_PROPERTIES_LAWS_H_
