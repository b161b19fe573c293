// The checker on model targets whose model is wrong in one rule: verdict, kind and what is done to the trace.

#include "oracle/checker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "model/test_util.h"
#include "oracle/model_target.h"
#include "oracle/timeouts.h"

namespace pollux {
namespace {

class CheckerTest : public testing::Test {
 protected:
  CheckerTest() : target_("model", Named("linux-6.18")), model_(Named("linux-6.18")) {}

  void Force(Rule rule, bool value) { target_.model().rules().Force(rule, value); }
  Verdict Run(std::string_view text, const CheckOptions& options = {}) {
    ops_ = ParsedOps(text);
    Checker checker(&target_, &model_);
    const Verdict verdict = checker.Run(&ops_, options, &outcomes_);
    skips_ = checker.skips();
    return verdict;
  }

  ModelTarget target_;
  Model model_;
  std::vector<Op> ops_;
  std::vector<Outcome> outcomes_;
  Tally skips_;
};

constexpr std::string_view kEdge = R"(
ep = epoll_create1(0)
e  = eventfd(0, EFD_NONBLOCK)
epoll_ctl(ep, ADD, e, IN|ET, 0x7)
write(e, u64 1)
epoll_wait(ep, 8, 0)
read(e, 8)
)";

TEST_F(CheckerTest, ATwinConforms) {
  EXPECT_EQ(Run(kEdge).value, Verdict::kConforms);
  EXPECT_EQ(outcomes_.size(), 6u);
  EXPECT_EQ(outcomes_[4].records, (std::vector<Record>{{kIn, 0, 7}}));
}

TEST_F(CheckerTest, AMissingRecordIsDecidedByTheRuleThatQueuedIt) {
  Force(Rule::kEventfdWriteWakes, false);
  const Verdict verdict = Run(kEdge);
  ASSERT_EQ(verdict.value, Verdict::kDiverges);
  EXPECT_EQ(verdict.op, 4u);
  EXPECT_EQ(verdict.kind.difference, Difference::kMissing);
  EXPECT_EQ(verdict.kind.call, Call::kEpollWait);
  EXPECT_EQ(Info(verdict.kind.rule).id, "callback.link");
  EXPECT_EQ(verdict.allowed.records.size(), 1u);
  EXPECT_TRUE(verdict.observed.records.empty());
  EXPECT_EQ(outcomes_.size(), 5u);
}

TEST_F(CheckerTest, AnExtraRecordIsDecidedByTheRuleThatDroppedTheItem) {
  Force(Rule::kHarvestRequeue, true);
  const Verdict verdict = Run(std::string(kEdge) + "write(e, u64 1)\nepoll_wait(ep, 8, 0)\nepoll_wait(ep, 8, 0)\n");
  ASSERT_EQ(verdict.value, Verdict::kDiverges);
  EXPECT_EQ(verdict.kind.difference, Difference::kExtra);
  EXPECT_NE(verdict.kind.rule, Rule::kNone);
}

TEST_F(CheckerTest, WrongBitsAreDecidedByTheFilesMask) {
  Force(Rule::kPipeHup, false);
  const Verdict verdict = Run("r, w = pipe2(O_NONBLOCK)\nclose(w)\npoll(r IN, 0)\n");
  ASSERT_EQ(verdict.value, Verdict::kDiverges);
  EXPECT_EQ(KindName(verdict.kind), "poll / bits / pipe.hup");
}

TEST_F(CheckerTest, AWrongErrnoIsDecidedByTheProducingRule) {
  Force(Rule::kCtlAddExists, false);
  const Verdict verdict =
      Run("ep = epoll_create1(0)\ne = eventfd(0, 0)\nepoll_ctl(ep, ADD, e, IN, 0)\nepoll_ctl(ep, ADD, e, IN, 0)\n");
  ASSERT_EQ(verdict.value, Verdict::kDiverges);
  EXPECT_EQ(KindName(verdict.kind), "epoll_ctl / errno / ctl.add.exists");
}

TEST_F(CheckerTest, AnotherNumberIsADescriptorDifference) {
  Force(Rule::kFdLowest, false);
  const Verdict verdict = Run("a = eventfd(0, 0)\nb = eventfd(0, 0)\nclose(a)\nc = eventfd(0, 0)\n");
  ASSERT_EQ(verdict.value, Verdict::kDiverges);
  EXPECT_EQ(verdict.op, 3u);
  EXPECT_EQ(verdict.kind.difference, Difference::kDescriptor);
}

TEST_F(CheckerTest, OrderIsItsOwnDifference) {
  Force(Rule::kAddHead, false);
  const Verdict verdict = Run(R"(
ep = epoll_create1(0)
e  = eventfd(0, EFD_NONBLOCK)
d  = dup(e)
epoll_ctl(ep, ADD, e, IN, 0x1)
epoll_ctl(ep, ADD, d, IN, 0x2)
write(e, u64 1)
epoll_wait(ep, 8, 0)
)");
  ASSERT_EQ(verdict.value, Verdict::kDiverges);
  EXPECT_EQ(verdict.kind.difference, Difference::kOrder);
}

TEST_F(CheckerTest, AnObservationThatDiffersIsLocatedAndStandsInTheTrace) {
  Force(Rule::kCtlForceErrHup, false);
  const Verdict verdict = Run(R"(
ep = epoll_create1(0)
e  = eventfd(0, EFD_NONBLOCK)
epoll_ctl(ep, ADD, e, IN, 0x1)
d  = dup(e)
close(d)
)",
                              {.observe_fdinfo = true});
  ASSERT_EQ(verdict.value, Verdict::kDiverges);
  EXPECT_EQ(verdict.op, 3u);
  EXPECT_EQ(verdict.kind.call, Call::kFdinfo);
  EXPECT_EQ(verdict.kind.difference, Difference::kBits);
  ASSERT_EQ(ops_.size(), 4u);
  EXPECT_EQ(ops_[3].fd(0), Fd::Output(0, 0));
  EXPECT_EQ(outcomes_.size(), 4u);
}

TEST_F(CheckerTest, AnObservationThatAgreesLeavesTheTraceAlone) {
  const std::vector<Op> before = ParsedOps(kEdge);
  EXPECT_EQ(Run(kEdge, {.observe_fdinfo = true}).value, Verdict::kConforms);
  EXPECT_EQ(ops_, before);
}

TEST_F(CheckerTest, NothingBlocksWhileFuzzing) {
  const Verdict verdict = Run(R"(
ep = epoll_create1(0)
r, w = pipe2(0)
read(r, 1)
d = dup(w)
epoll_ctl(ep, ADD, r, IN, 0x1)
epoll_wait(ep, 8, -1)
epoll_pwait2(ep, 8, NULL, NULL, 8)
poll(ep IN, -1)
write(d, 1)
epoll_wait(ep, 8, -1)
)",
                              {.never_block = true});
  EXPECT_EQ(verdict.value, Verdict::kConforms) << KindName(verdict.kind) << " at " << verdict.op;
  EXPECT_EQ(Lines(ops_), Lines(ParsedOps(R"(
ep = epoll_create1(0)
r, w = pipe2(0)
d = dup(w)
epoll_ctl(ep, ADD, r, IN, 0x1)
epoll_wait(ep, 8, 0)
epoll_pwait2(ep, 8, {0, 0}, NULL, 8)
poll(ep IN, 0)
write(d, 1)
epoll_wait(ep, 8, -1)
)")));
}

TEST_F(CheckerTest, HarnessDescriptorsAreLeftOutOnBothSides) {
  const Verdict verdict = Run("close(1)\nd = dup(2)\nep = epoll_create1(0)\nclose(d)\n");
  EXPECT_EQ(verdict.value, Verdict::kConforms);
  EXPECT_EQ(outcomes_[0].kind, Outcome::kSkipped);
  EXPECT_EQ(outcomes_[2].value[0], 3);
  EXPECT_EQ(outcomes_[3].error, kEBADF);
  ASSERT_EQ(skips_.size(), 1u);
  EXPECT_EQ(skips_[0].second, 2u);
}

// A target that declines a call when it meets it, without having said so.
class Declining : public ModelTarget {
 public:
  Declining() : ModelTarget("declining", Named("linux-6.18")) {}
  void Run(const Op& op, Outcome* out) override {
    ModelTarget::Run(op, out);
    if (op.call == Call::kDup) {
      out->Clear();
      out->kind = Outcome::kSkipped;
      out->note = "no dup here";
      Op close = {.call = Call::kClose};
      close.arg[0] = Fd::Literal(4).bits();
      Outcome ignored;
      ModelTarget::Run(close, &ignored);
    }
  }
};

TEST_F(CheckerTest, AnOpThatTheTargetDeclinesHasNoEffectOnTheModelEither) {
  Declining target;
  Checker checker(&target, &model_);
  std::vector<Op> ops = ParsedOps("e = eventfd(0, 0)\nd = dup(e)\nf = eventfd(0, 0)\nclose(d)\n");
  EXPECT_EQ(checker.Run(&ops, {}, &outcomes_).value, Verdict::kConforms);
  EXPECT_EQ(outcomes_[2].value[0], 4);
  EXPECT_EQ(checker.skipped(), 1u);
  EXPECT_EQ(checker.ops_run(), 3u);
}

class Shifting : public ModelTarget {
 public:
  Shifting() : ModelTarget("shifting", Named("linux-6.18")) { model().rules().Force(Rule::kPipeHup, false); }
  Reason Doubt() override { return Reason::kFactChanged; }
};

TEST_F(CheckerTest, ADivergenceUnderChangedFactsIsInconclusive) {
  Shifting target;
  Checker checker(&target, &model_);
  std::vector<Op> ops = ParsedOps("r, w = pipe2(O_NONBLOCK)\nclose(w)\npoll(r IN, 0)\n");
  const Verdict verdict = checker.Run(&ops);
  EXPECT_EQ(verdict.value, Verdict::kInconclusive);
  EXPECT_EQ(verdict.reason, Reason::kFactChanged);
}

TEST_F(CheckerTest, RecordedOutcomesAreJudgedWithoutATarget) {
  const Trace good = Parsed(
      "ep = epoll_create1(0) = 3\ne = eventfd(1, 0) = 4\nepoll_ctl(ep, ADD, e, IN, 0x1) = 0\n"
      "epoll_wait(ep, 8, 0) = [IN 0x1]\nread(e, 8) = 8\n");
  EXPECT_EQ(JudgeWritten(&model_, good).value, Verdict::kConforms);
  const Trace bad = Parsed(
      "ep = epoll_create1(0) = 3\ne = eventfd(1, 0) = 4\nepoll_ctl(ep, ADD, e, IN, 0x1)\n"
      "epoll_wait(ep, 8, 0) = []\n");
  const Verdict verdict = JudgeWritten(&model_, bad);
  EXPECT_EQ(verdict.value, Verdict::kDiverges);
  EXPECT_EQ(verdict.op, 3u);
  EXPECT_EQ(verdict.kind.difference, Difference::kMissing);
}

TEST_F(CheckerTest, ASetHoldsIfOneOfItsOutcomesIsTheAllowedOne) {
  const auto judge = [&](const char* line) {
    return JudgeWritten(&model_, Parsed(std::string("ep = epoll_create1(0)\n") + line)).value;
  };
  EXPECT_EQ(judge("epoll_wait(ep, 0, 0) = {[], -EINVAL}\n"), Verdict::kConforms);
  EXPECT_EQ(judge("epoll_wait(ep, 0, 0) = {[], -EFAULT}\n"), Verdict::kDiverges);
  EXPECT_EQ(judge("epoll_wait(ep, 0, 0) = *\n"), Verdict::kConforms);
}

TEST_F(CheckerTest, ProgressTellsTheOpThatIsAboutToRun) {
  volatile uint32_t at = 99;
  Run(kEdge, {.progress = &at});
  EXPECT_EQ(at, 5u);
}

// Timeouts pass in the order of their expire(), each a slot behind the one before; without one, never.
TEST(TimedTest, SlotsFollowTheOrderOfExpiry) {
  const std::vector<Op> ops = ParsedOps(
      "T1 epoll_wait(3, 8, 50)\nT2 epoll_pwait2(3, 8, {9, 1}, NULL, 8)\nT3 poll(3 IN, 7)\nT4 epoll_wait(3, 8, -1)\n"
      "epoll_wait(3, 8, 1)\nexpire(T2)\nexpire(T1)\nexpire(T4)\n");
  const auto ms = [&](size_t at, int now) { return TimeoutMs(Timed(ops, at, ops[at], now, 16)); };
  EXPECT_EQ(ms(0, 0), 32);
  EXPECT_EQ(ms(1, 0), 16);
  EXPECT_EQ(ms(2, 0), kNeverMs);
  EXPECT_EQ(Timed(ops, 3, ops[3], 0, 16), ops[3]);
  EXPECT_EQ(Timed(ops, 4, ops[4], 0, 16), ops[4]);
  EXPECT_EQ(SlotOf(ops, 6), 2);
  EXPECT_EQ(ms(0, 1), 16) << "the first one has been executed";
}

// On it timeouts pass too early so many times.
class Slow : public ModelTarget {
 public:
  explicit Slow(int late) : ModelTarget("slow", Named("linux-6.18")), late_(late) {}
  void Run(const Op& op, Outcome* out) override {
    ModelTarget::Run(op, out);
    if (TimeoutOf(op) != Timeout::kFinite) return;
    ms_.push_back(TimeoutMs(op));
    if (late_-- > 0) out->kind = Outcome::kSkipped, out->note = kTooLate;
  }
  int late_;
  std::vector<int64_t> ms_;
};

TEST_F(CheckerTest, ATraceInWhichATimeoutPassedTooEarlyRunsAnew) {
  const char* text = "ep = epoll_create1(0)\nT1 epoll_wait(ep, 8, 9)\nexpire(T1)\n";
  const int most = static_cast<int>(std::size(kSlotsMs));
  for (int late = 0; late <= most; ++late) {
    Slow target(late);
    Checker checker(&target, &model_);
    std::vector<Op> ops = ParsedOps(text);
    const Verdict verdict = checker.Run(&ops, {}, &outcomes_);
    EXPECT_EQ(target.ms_, std::vector<int64_t>(kSlotsMs, kSlotsMs + std::min(late + 1, most)));
    EXPECT_EQ(verdict.value, late < most ? Verdict::kConforms : Verdict::kInconclusive);
    EXPECT_EQ(verdict.reason, late < most ? Reason::kNone : Reason::kDisturbed);
  }
}

}  // namespace
}  // namespace pollux
