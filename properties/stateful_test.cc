// The model against the kernel, with rapidcheck's stateful commands: a second, independent way of drawing traces.
//
// Unlike the generator these commands look at the model's state while they are drawn: operands are open numbers, masks
// and masks' bits uniform. rapidcheck shrinks the sequence; a failure prints it as our trace.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <rapidcheck/state.h>

#include "fuzz/ops.h"
#include "model/text.h"
#include "properties/laws.h"
#include "properties/traces.h"

namespace pollux {
namespace {

struct World {
  Model model;
  std::vector<Op> history;
  std::vector<Outcome> outcomes;
};

void Run(World* world, const Op& op) {
  Outcome out;
  world->model.Run(op, &out);
  world->history.push_back(op);
  world->outcomes.push_back(out);
}

int32_t AnyNumber(const World& world) {
  const State& s = world.model.state();
  std::vector<int32_t> open = {-1, static_cast<int32_t>(s.fds.size())};
  for (size_t n = 3; n < s.fds.size(); ++n) {
    if (s.fds[n].file != kNil) open.insert(open.end(), 4, static_cast<int32_t>(n));
  }
  return *rc::gen::elementOf(open);
}
int32_t AnyEpoll(const World& world) {
  const State& s = world.model.state();
  std::vector<int32_t> open;
  for (size_t n = 3; n < s.fds.size(); ++n) {
    if (s.files[s.fds[n].file].type == FileType::kEpoll) open.push_back(static_cast<int32_t>(n));
  }
  return open.empty() ? AnyNumber(world) : *rc::gen::elementOf(open);
}
Fd Any(const World& world) { return Fd::Literal(AnyNumber(world)); }

uint32_t AnyEvents() {
  uint32_t events = *rc::gen::element(0u, kIn, kOut, kIn | kOut, kRdhup, kIn | kRdhup, kRdnorm, kPri, kWrband);
  for (const uint32_t bit : {kEt, kOneshot, kExclusive}) {
    if (*rc::gen::inRange(0, 4) == 0) events |= bit;
  }
  return events;
}

class Step : public rc::state::Command<World, const Side> {
 public:
  explicit Step(const Op& op) : op_(op) {}

  void checkPreconditions(const World& world) const override { RC_PRE(!world.model.Blocks(op_)); }
  void apply(World& world) const override { Run(&world, op_); }
  void run(const World& world, const Side& kernel) const override {
    World after = world;
    Run(&after, op_);
    const Outcome& allowed = after.outcomes.back();
    Outcome seen;
    kernel.target->Run(op_, &seen);
    if (Agrees(allowed, seen)) return;
    RC_FAIL("the kernel gave " + PrintOutcome(op_, seen) + " in the last op\n" +
            Story({"the model", nullptr}, after.history, after.outcomes));
  }
  void show(std::ostream& os) const override { os << PrintOp(op_); }

 private:
  Op op_;
};

struct Create : Step {
  explicit Create(const World&) : Step(Draw()) {}
  static Op Draw() {
    switch (*rc::gen::inRange(0, 7)) {
      case 0:
        return ops::Eventfd(*rc::gen::inRange(0u, 2u), kONonblock | *rc::gen::element(0u, kEfdSemaphore));
      case 1:
        return ops::Pipe2(kONonblock | *rc::gen::element(0u, kODirect));
      case 2:
        return ops::Socketpair(*rc::gen::element(kSockStream, kSockDgram, kSockSeqpacket), kONonblock);
      case 3:
        return ops::Make(Call::kTimerfdCreate, {static_cast<uint64_t>(kClockMonotonic), kONonblock});
      default:
        return ops::EpollCreate1();
    }
  }
};

struct Ctl : Step {
  explicit Ctl(const World& w) : Step(Draw(w)) {}
  static Op Draw(const World& w) {
    const int32_t op = *rc::gen::element(kCtlAdd, kCtlAdd, kCtlAdd, kCtlMod, kCtlDel, 0);
    return ops::Ctl(Fd::Literal(AnyEpoll(w)), op, Any(w), AnyEvents(), w.history.size() + 1);
  }
};

struct Transfer : Step {
  explicit Transfer(const World& w) : Step(Draw(w)) {}
  static Op Draw(const World& w) {
    const Fd fd = Any(w);
    const uint64_t n = *rc::gen::element(1, 8, 8, 4096, 5000, 65536);
    switch (*rc::gen::inRange(0, 6)) {
      case 0:
        return ops::Read(fd, n);
      case 1:
        return ops::Recv(fd, n, 0);
      case 2:
        return ops::Send(fd, n, 0);
      case 3:
        return ops::Ticks(fd, 1);
      case 4:
        return ops::Shutdown(fd, *rc::gen::element(kShutRd, kShutWr, kShutRdwr));
      default:
        return ops::Write(fd, n, n == 8 ? 1 : 0);
    }
  }
};

struct Observe : Step {
  explicit Observe(const World& w) : Step(Draw(w)) {}
  static Op Draw(const World& w) {
    const Fd ep = Fd::Literal(AnyEpoll(w));
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        return ops::Fdinfo(ep);
      case 1:
        return ops::Poll({{ep, kIn}, {Any(w), kIn | kOut | kRdhup}});
      default:
        return ops::Wait(ep, *rc::gen::element(1, 2, 100));
    }
  }
};

struct Table : Step {
  explicit Table(const World& w) : Step(Draw(w)) {}
  static Op Draw(const World& w) {
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        return ops::Dup(Any(w));
      case 1:
        return ops::Dup2(Any(w), Any(w));
      default:
        return ops::Close(Any(w));
    }
  }
};

RC_GTEST_PROP(Stateful, TheKernelDoesWhatTheModelSays, ()) {
  const Side& kernel = Sides().back();
  kernel.target->Reset();
  const World start = {Model(kernel.target->profile(), kernel.target->facts()), {}, {}};
  rc::state::check(start, kernel,
                   rc::state::gen::execOneOfWithArgs<Create, Ctl, Ctl, Transfer, Transfer, Observe, Observe, Table>());
}

}  // namespace
}  // namespace pollux
