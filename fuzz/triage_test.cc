// Triage: what is reproduced and what is not, what explains it, and the files it leaves.

#include "fuzz/triage.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "model/test_util.h"
#include "oracle/model_target.h"

namespace pollux {
namespace {

constexpr std::string_view kTrace = R"(
ep = epoll_create1(0)
e  = eventfd(3, EFD_NONBLOCK)
r, w = pipe2(O_NONBLOCK)
epoll_ctl(ep, ADD, r, IN|ET, 0x77)
epoll_ctl(ep, ADD, e, IN|ET, 0x7)
epoll_wait(ep, 8, 0)
write(w, 100)
write(e, u64 9)
epoll_wait(ep, 8, 0)
)";

// Wrong in one rule, in every n-th trace.
class Flaky : public ModelTarget {
 public:
  Flaky(Rule rule, bool value, int every)
      : ModelTarget("flaky", Named("linux-6.18")), rule_(rule), value_(value), every_(every) {}
  void Reset() override {
    ModelTarget::Reset();
    model().rules() = Rules();
    if (++traces_ % every_ == 0) model().rules().Force(rule_, value_);
    reset = true;
  }
  void Run(const Op& op, Outcome* out) override {
    reset = false;
    ModelTarget::Run(op, out);
  }
  Reason Doubt() override { return doubt; }
  Reason doubt = Reason::kNone;
  bool reset = false;  // no op since Reset

 private:
  Rule rule_;
  bool value_;
  int every_, traces_ = 0;
};

Kind KindOf(Rule rule, bool value) {
  ModelTarget target("planted", Named("linux-6.18"));
  target.model().rules().Force(rule, value);
  Model model(Named("linux-6.18"));
  std::vector<Op> ops = ParsedOps(kTrace);
  const Verdict verdict = Checker(&target, &model).Run(&ops);
  EXPECT_EQ(verdict.value, Verdict::kDiverges);
  return verdict.kind;
}

TEST(Triage, ADivergenceIsReproducedMinimizedAndExplained) {
  const Kind kind = KindOf(Rule::kEventfdWriteWakes, false);
  Flaky target(Rule::kEventfdWriteWakes, false, 1);
  Model model(Named("linux-6.18"));
  const std::vector<Alternative> mistakes = {{"no-edge",
                                              [](const Profile& profile, const Facts& facts) {
                                                auto judge = std::make_unique<Model>(profile, facts);
                                                judge->rules().Force(Rule::kEventfdWriteWakes, false);
                                                return judge;
                                              }},
                                             {"no-hup", [](const Profile& profile, const Facts& facts) {
                                                auto judge = std::make_unique<Model>(profile, facts);
                                                judge->rules().Force(Rule::kPipeHup, false);
                                                return judge;
                                              }}};
  TriageOptions options;
  options.alternatives = mistakes;
  const Diagnosis d = Triage(&target, &model, ParsedOps(kTrace), kind, options);
  ASSERT_TRUE(d.reproduced());
  EXPECT_EQ(d.rate(), 1);
  EXPECT_EQ(d.divergence.verdict.kind, kind);
  EXPECT_TRUE(d.divergence.minimal);
  EXPECT_LT(d.divergence.ops.size(), 7u);
  EXPECT_EQ(d.divergence.as_if, std::vector<std::string>{"no-edge"});
  EXPECT_EQ(d.divergence.signature(), KindName(kind) + ", as if: no-edge");
}

TEST(Triage, AFlakyDivergenceKeepsItsRateAndIsMinimizedAllTheSame) {
  const Kind kind = KindOf(Rule::kEventfdWriteWakes, false);
  Flaky target(Rule::kEventfdWriteWakes, false, 3);
  Model model(Named("linux-6.18"));
  const Diagnosis d = Triage(&target, &model, ParsedOps(kTrace), kind, {.tries = 9});
  ASSERT_TRUE(d.reproduced());
  EXPECT_EQ(d.divergence.reproduced, 3);
  EXPECT_LT(d.divergence.ops.size(), 7u);
}

TEST(Triage, WhatNeverHappensAgainIsKeptApart) {
  const Kind kind = KindOf(Rule::kEventfdWriteWakes, false);
  Flaky target(Rule::kEventfdWriteWakes, false, 1000);
  Model model(Named("linux-6.18"));
  const Diagnosis d = Triage(&target, &model, ParsedOps(kTrace), kind);
  EXPECT_FALSE(d.reproduced());
  EXPECT_TRUE(target.reset);
  EXPECT_EQ(d.rate(), 0);
  EXPECT_EQ(d.divergence.ops, ParsedOps(kTrace));
  EXPECT_EQ(d.divergence.outcomes.size(), d.divergence.ops.size());
}

TEST(Triage, ChangedFactsDecideNothing) {
  const Kind kind = KindOf(Rule::kEventfdWriteWakes, false);
  Flaky target(Rule::kEventfdWriteWakes, false, 1);
  target.doubt = Reason::kFactChanged;
  Model model(Named("linux-6.18"));
  const Diagnosis d = Triage(&target, &model, ParsedOps(kTrace), kind);
  EXPECT_FALSE(d.reproduced());
  EXPECT_EQ(d.reason, Reason::kFactChanged);
}

TEST(Triage, ArtefactsRepeatTheVerdictAndLeaveNothingHalfWritten) {
  const TempFolder folder;
  Flaky target(Rule::kEventfdWriteWakes, false, 1);
  Model model(Named("linux-6.18"));
  Diagnosis d = Triage(&target, &model, ParsedOps(kTrace), KindOf(Rule::kEventfdWriteWakes, false));
  EXPECT_TRUE(target.reset) << "or the files could not be opened after prlimit(NOFILE, 0)";
  const std::string stem = FileStem(d.divergence.verdict.kind);
  ASSERT_TRUE(WriteArtefacts(folder / "a/b", stem, &model, &d.divergence).ok());
  ASSERT_EQ(d.divergence.artefacts.size(), 2u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / "a/b"), {}), 2);

  const Trace trace = Parsed(folder.Read("a/b/" + stem + ".trace"));
  const Verdict verdict = JudgeWritten(&model, trace);
  EXPECT_EQ(verdict.value, Verdict::kDiverges);
  EXPECT_EQ(verdict.kind, d.divergence.verdict.kind);
}

TEST(Triage, OneExplanationOrElseOneKindIsOneFinding) {
  Divergence a, b;
  a.verdict.kind = {Call::kEpollWait, Difference::kMissing, Rule::kCallbackLink};
  b.verdict.kind = {Call::kEpollWait, Difference::kExtra, Rule::kCallbackLink};
  EXPECT_FALSE(SameFinding(a, b));
  a.as_if = b.as_if = {"wait.arguments-first"};
  EXPECT_TRUE(SameFinding(a, b));
  b = a;
  b.as_if.clear();
  EXPECT_TRUE(SameFinding(a, b));
}

}  // namespace
}  // namespace pollux
