// The report of a divergence, word for word.

#include "oracle/report.h"

#include <gtest/gtest.h>

#include <string>

#include "model/test_util.h"
#include "oracle/alternatives.h"
#include "oracle/model_target.h"

namespace pollux {
namespace {

// What a target with one rule forced shows, told by the true model.
Divergence Shown(Rule rule, bool value, std::string_view text) {
  ModelTarget target("planted:test", Named("linux-6.18"));
  target.model().rules().Force(rule, value);
  Model model(Named("linux-6.18"));
  Divergence d;
  d.target = target.name();
  d.profile = model.profile();
  d.facts = model.facts();
  d.ops = ParsedOps(text);
  d.verdict = Checker(&target, &model).Run(&d.ops, {}, &d.outcomes);
  d.ops.resize(d.verdict.op + 1);
  Explain(&model, &d);
  return d;
}

constexpr std::string_view kEdge = R"(
ep = epoll_create1(0)
e  = eventfd(0, EFD_NONBLOCK)
epoll_ctl(ep, ADD, e, IN|ET, 0x7)
write(e, u64 1)
epoll_wait(ep, 8, 0)
)";

TEST(Report, SaysWhatAPersonNeeds) {
  Divergence d = Shown(Rule::kEventfdWriteWakes, false, kEdge);
  d.runs = d.reproduced = 10;
  d.executions = 83;
  d.minimal = true;
  d.matters = {"", "", "ADD, IN", "", ""};
  d.as_if = {"no-write-edge"};
  d.artefacts = {"artifacts/epoll_wait-missing-callback.link.trace", "artifacts/epoll_wait-missing-callback.link.c"};
  EXPECT_EQ(PrintDivergence(d), R"(DIVERGENCE  epoll_wait / missing / callback.link

    ep = epoll_create1(0) = 3
    e = eventfd(0, EFD_NONBLOCK) = 4
    epoll_ctl(ep, ADD, e, IN|ET, 0x7) = 0    # matters: ADD, IN
    write(e, u64 1) = 8
  > epoll_wait(ep, 8, 0) = []
                   Linux = [IN 0x7]

  differs    IN 0x7 is missing
  decided by callback.link: a notification queues the item before its readiness is known (R0.6 R4.G2 R4.G6 R4.G10; ep_poll_callback())
  also held  eventfd.in, eventfd.out, item.interest
  as if      no-write-edge
  before it  3: epoll, 1 items
               item 4 0x7 IN|ERR|HUP|ET
               ready [4 0x7 by callback.link]
             4: eventfd, count 1, mask IN|OUT
  target     planted:test, held to linux-6.18
  reproduced 10 of 10 times; minimal after 83 runs
  files      artifacts/epoll_wait-missing-callback.link.trace
             artifacts/epoll_wait-missing-callback.link.c
)");
}

TEST(Report, TheTraceRepeatsTheVerdict) {
  const Divergence d = Shown(Rule::kEventfdWriteWakes, false, kEdge);
  Trace trace;
  ParseError error;
  ASSERT_TRUE(Parse(Print(ToTrace(d)), "report", &trace, &error)) << error.message() << Print(ToTrace(d));
  Model model(Named("linux-6.18"));
  const Verdict verdict = JudgeWritten(&model, trace);
  EXPECT_EQ(verdict.value, Verdict::kDiverges);
  EXPECT_EQ(verdict.op, 4u);
  EXPECT_EQ(verdict.kind, d.verdict.kind);
}

TEST(Report, FileStemsArePlain) {
  EXPECT_EQ(FileStem({Call::kEpollWait, Difference::kMissing, Rule::kCallbackLink}),
            "epoll_wait-missing-callback.link");
}

TEST(Alternatives, ABehaviourOfAnotherReleaseIsNamed) {
  ModelTarget target("model:linux-6.1", Named("linux-6.1"));
  Model model(Named("linux-6.18"));
  std::vector<Op> ops = ParsedOps("epoll_wait(77, 0, 0)\n");
  std::vector<Outcome> outcomes;
  ASSERT_EQ(Checker(&target, &model).Run(&ops, {}, &outcomes).value, Verdict::kDiverges);
  const std::vector<Alternative> quirks = QuirkAlternatives(model.profile());
  EXPECT_EQ(AsIf(quirks, model.profile(), {}, ops, outcomes), std::vector<std::string>{"wait.arguments-first"});
}

TEST(Alternatives, WhatTheProfileHasCanBeMissing) {
  ModelTarget target("model:linux-6.18", Named("linux-6.18"));
  Model model(Named("linux-6.1"));
  std::vector<Op> ops = ParsedOps("epoll_wait(77, 0, 0)\n");
  std::vector<Outcome> outcomes;
  ASSERT_EQ(Checker(&target, &model).Run(&ops, {}, &outcomes).value, Verdict::kDiverges);
  const std::vector<Alternative> quirks = QuirkAlternatives(model.profile());
  EXPECT_EQ(AsIf(quirks, model.profile(), {}, ops, outcomes), std::vector<std::string>{"-wait.arguments-first"});
}

}  // namespace
}  // namespace pollux
