// The minimizer on model targets that are wrong in one rule: it keeps the kind, and leaves nothing that can go.

#include "fuzz/min.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "fuzz/reduce.h"
#include "model/test_util.h"
#include "oracle/model_target.h"

namespace pollux {
namespace {

std::string Lines(const Minimal& minimal) {
  Trace trace;
  trace.ops = minimal.ops;
  return Print(trace);
}

class MinTest : public testing::Test {
 protected:
  MinTest() : target_("planted", Named("linux-6.18")), model_(Named("linux-6.18")) {}

  // Minimizes what the trace shows on a target with the rule forced.
  Minimal Minimize(Rule rule, bool value, std::string_view text, MinOptions options = {}) {
    target_.model().rules().Force(rule, value);
    std::vector<Op> ops = ParsedOps(text);
    Checker checker(&target_, &model_);
    const Verdict verdict = checker.Run(&ops, {.observe_fdinfo = true, .never_block = true});
    EXPECT_EQ(verdict.value, Verdict::kDiverges);
    kind_ = verdict.kind;
    return Minimizer(&target_, &model_, options).Run(ops, verdict.kind);
  }
  bool Shows(std::vector<Op> ops) {
    Canonicalize(ops);
    Checker checker(&target_, &model_);
    const Verdict verdict = checker.Run(&ops, {.never_block = true});
    return verdict.value == Verdict::kDiverges && verdict.kind == kind_;
  }
  void ExpectMinimal(const Minimal& minimal) {
    EXPECT_TRUE(minimal.complete);
    EXPECT_LE(minimal.executions, 2000);
    EXPECT_EQ(minimal.verdict.kind, kind_);
    EXPECT_EQ(minimal.verdict.op + 1, minimal.ops.size());
    Bindings numbers;
    for (size_t i = 0; i < minimal.ops.size(); ++i) numbers.Bind(minimal.ops[i], minimal.outcomes[i]);
    for (const std::vector<Op>& less : Reductions(minimal.ops, numbers)) {
      EXPECT_FALSE(Shows(less)) << Lines(minimal) << "could be\n" << Lines({.ops = less});
    }
  }

  ModelTarget target_;
  Model model_;
  Kind kind_;
};

// Much that has nothing to do with any one rule.
constexpr std::string_view kLong = R"(
ep = epoll_create1(EPOLL_CLOEXEC)
a  = eventfd(3, EFD_NONBLOCK|EFD_SEMAPHORE)
r, w = pipe2(O_NONBLOCK)
s, t = socketpair(STREAM, NONBLOCK)
b  = dup(a)
in = epoll_create1(0)
epoll_ctl(ep, ADD, a, IN|OUT|ET, 0x1234)
epoll_ctl(ep, ADD, r, IN|RDHUP, 0x77)
epoll_ctl(ep, ADD, b, IN|ET|ONESHOT, 0x55)
epoll_ctl(in, ADD, s, IN|OUT|ET, 0x99)
epoll_ctl(ep, ADD, in, IN|ET, 0x88)
epoll_wait(ep, 16, 0)
write(w, 3000)
write(t, 700)
write(a, u64 9)
epoll_pwait(ep, 16, 0, NULL, 8)
read(r, 5000)
epoll_wait(in, 4, 0)
epoll_ctl(ep, MOD, b, IN|ONESHOT, 0x56)
poll(ep IN, r IN|OUT, s IN|OUT|HUP, 0)
epoll_wait(ep, 2, 0)
epoll_wait(ep, 16, 0)
close(w)
epoll_wait(ep, 16, 0)
close(b)
read(a, 8)
epoll_wait(ep, 16, 0)
epoll_ctl(ep, ADD, a, IN, 0x1)
epoll_ctl(ep, DEL, r)
dup2(t, w)
shutdown(s, SHUT_RDWR)
epoll_wait(ep, 16, 0)
)";

TEST_F(MinTest, LeavesWhatAPersonWouldWrite) {
  const Minimal minimal = Minimize(Rule::kCtlAddExists, false, kLong);
  ExpectMinimal(minimal);
  EXPECT_EQ(Lines(minimal),
            "ep = epoll_create1(0)\n"
            "e = eventfd(0, EFD_NONBLOCK)\n"
            "epoll_ctl(ep, ADD, e, IN, 0)\n"
            "epoll_ctl(ep, ADD, e, IN, 0)\n");
}

TEST_F(MinTest, IsOneMinimalForEveryRuleThatTheTraceShows) {
  size_t found = 0;
  for (size_t r = 1; r < kRules; ++r) {
    for (const bool value : {false, true}) {
      const Rule rule = static_cast<Rule>(r);
      target_.model().rules() = Rules();
      target_.model().rules().Force(rule, value);
      std::vector<Op> ops = ParsedOps(kLong);
      Checker checker(&target_, &model_);
      const Verdict verdict = checker.Run(&ops, {.observe_fdinfo = true, .never_block = true});
      if (verdict.value != Verdict::kDiverges) continue;
      SCOPED_TRACE(std::string(Info(rule).id) + (value ? " true" : " false"));
      ++found;
      kind_ = verdict.kind;
      const Minimal minimal = Minimizer(&target_, &model_).Run(ops, verdict.kind);
      ExpectMinimal(minimal);
      EXPECT_LE(minimal.ops.size(), 12u) << Lines(minimal);
    }
  }
  EXPECT_GE(found, 50u);
}

TEST_F(MinTest, TellsWhichArgumentBitsMatter) {
  const Minimal minimal = Minimize(Rule::kHarvestRequeue, true, kLong);
  ExpectMinimal(minimal);
  ASSERT_EQ(minimal.matters.size(), minimal.ops.size());
  std::string text;
  for (size_t i = 0; i < minimal.ops.size(); ++i) {
    if (minimal.ops[i].call == Call::kEpollCtl) text += PrintMatters(minimal.ops[i], minimal.matters[i]) + "\n";
  }
  EXPECT_NE(text.find("ET"), std::string::npos) << text << Lines(minimal);
}

TEST_F(MinTest, StaysWithinItsBudget) {
  const Minimal minimal = Minimize(Rule::kEventfdWriteWakes, false, kLong, {.budget = 5});
  EXPECT_FALSE(minimal.complete);
  EXPECT_LE(minimal.executions, 5);
  EXPECT_EQ(minimal.verdict.kind, kind_);
}

TEST_F(MinTest, ATraceThatDoesNotShowTheKindIsReturnedAsItIs) {
  const std::vector<Op> ops = ParsedOps(kLong);
  const Minimal minimal = Minimizer(&target_, &model_).Run(ops, {Call::kEpollWait, Difference::kHung, Rule::kNone});
  EXPECT_EQ(minimal.verdict.value, Verdict::kConforms);
  EXPECT_EQ(minimal.ops, ops);
}

TEST(Reduce, SimplifyingEnds) {
  // Whatever is accepted, no op is met twice.
  const std::vector<Op> ops = ParsedOps(
      "epoll_ctl(3, 7, 4, fault@3, IN|OUT|ET|0x800, 0xffffffffffffffff)\n"
      "epoll_pwait2(3, fault@2, -5, {5, 999999999}, unmapped, 9)\nwrite(3, u64 18446744073709551614)\n"
      "close_range(3, -1, UNSHARE)\npoll(3 IN|OUT, 9 PRI, 7)\nfcntl(3, F_SETFL, O_NONBLOCK|O_APPEND)\n");
  for (const Op& op : ops) {
    for (uint32_t seed = 1; seed < 50; ++seed) {
      std::vector<Op> met = {op};
      uint32_t random = seed;
      for (std::vector<Op> next = Simpler(op); !next.empty() && met.size() < 500; next = Simpler(met.back())) {
        random = random * 1664525 + 1013904223;
        const Op& chosen = next[(random >> 8) % next.size()];
        ASSERT_EQ(std::count(met.begin(), met.end(), chosen), 0) << PrintOp(chosen);
        met.push_back(chosen);
      }
      EXPECT_LT(met.size(), 500u) << PrintOp(op);
    }
  }
}

// Two threads that sleep and one that writes: the controller writes as well, and what expires goes by its new number.
TEST_F(MinTest, ThreadsAreMergedAndNumberedFromOne) {
  const Minimal minimal = Minimize(Rule::kWaitTimeout, false, R"(
ep = epoll_create1(0)
e  = eventfd(0, EFD_NONBLOCK)
T9 epoll_ctl(ep, ADD, e, IN, 0x1)
T3 epoll_wait(ep, 8, 3600000)
T5 write(e, u64 1)
T7 epoll_wait(ep, 8, 0)
T8 read(e, 8)
T7 epoll_wait(ep, 8, 3600000)
expire(T7)
)");
  ExpectMinimal(minimal);
  EXPECT_EQ(Lines(minimal), "ep = epoll_create1(0)\nT1 epoll_wait(ep, 8, 1)\nexpire(T1)\n");
}

}  // namespace
}  // namespace pollux
