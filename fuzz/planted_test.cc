// Planted bugs: each is found by drawn traces and minimized, what is called equivalent is, and the catalogue is whole.

#include "oracle/planted.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/min.h"
#include "fuzz/reduce.h"
#include "model/text.h"
#include "oracle/checker.h"
#include "oracle/model_target.h"

namespace pollux {
namespace {

constexpr uint64_t kBound = 15000000;  // executed ops within which each must be found

// Draws traces until one diverges or so many ops were executed; the last one.
std::pair<Verdict, std::vector<Op>> Hunt(Checker* checker, uint64_t limit, uint64_t kinds = 0) {
  Generator generator({.clock = true, .model = true, .only = kinds});
  Random random(1);
  Verdict verdict;
  std::vector<Op> ops;
  for (uint32_t n = 1; checker->ops_run() < limit && verdict.value == Verdict::kConforms; ++n) {
    generator.Draw(&random, &ops);
    verdict = checker->Run(&ops, {.observe_fdinfo = n % 32 == 0, .never_block = true, .verify_facts = false});
  }
  return {verdict, ops};
}

// Where to look for a bug in a type that few traces use: in that type alone. 0: everywhere.
uint64_t KindsToHunt(const PlantedInfo& bug) {
  for (const Habits* habits : AllHabits()) {
    if (habits->rarity < 16 || !std::string_view(bug.name).starts_with(std::string(habits->type) + ".")) continue;
    return uint64_t{1} << static_cast<int>(habits->kind);
  }
  // What is asked about threads alone.
  for (const std::string_view about :
       {"sleep.", "wake.", "exclusive.", "thread.", "poll.head", "poll.key", "wait.again"}) {
    if (std::string_view(bug.name).starts_with(about)) return uint64_t{1} << static_cast<int>(FileKind::kThreads);
  }
  return 0;
}

// One bug beside the true model.
struct Bench {
  explicit Bench(const PlantedInfo& bug)
      : target(NewPlantedTarget(bug)), model(target->profile(), target->facts()), checker(target.get(), &model) {}

  bool Shows(std::vector<Op> trace, const Kind& kind) {
    Canonicalize(trace);
    const Verdict verdict = checker.Run(&trace, {.never_block = true, .verify_facts = false});
    return verdict.value == Verdict::kDiverges && verdict.kind == kind;
  }

  std::unique_ptr<Target> target;
  Model model;
  Checker checker;
};

std::string Text(const std::vector<Op>& ops) { return Print(Trace{.ops = ops}); }

// Found, minimized within the budget, and nothing of the result can go.
void ExpectFoundAndMinimal(const PlantedInfo& bug) {
  SCOPED_TRACE(bug.name);
  Bench bench(bug);
  const auto [verdict, ops] = Hunt(&bench.checker, kBound, KindsToHunt(bug));
  ASSERT_EQ(verdict.value, Verdict::kDiverges);
  const Minimal minimal = Minimizer(bench.target.get(), &bench.model).Run(ops, verdict.kind);
  EXPECT_TRUE(minimal.complete) << Text(minimal.ops);
  EXPECT_LE(minimal.executions, 2000);
  Bindings numbers;
  for (size_t i = 0; i < minimal.ops.size(); ++i) numbers.Bind(minimal.ops[i], minimal.outcomes[i]);
  for (const std::vector<Op>& less : Reductions(minimal.ops, numbers)) {
    EXPECT_FALSE(bench.Shows(less, verdict.kind)) << Text(minimal.ops) << "could be\n" << Text(less);
  }
}

TEST(Planted, EveryRuleIsForcedBothWaysAndEveryAreaHasNamedMistakes) {
  std::set<std::string> names;
  std::map<std::string, int> areas;
  for (const PlantedInfo& bug : PlantedBugs()) {
    EXPECT_TRUE(names.insert(bug.name).second) << bug.name;
    EXPECT_FALSE(bug.statement.empty()) << bug.name;
    EXPECT_EQ(FindPlanted(bug.name), &bug);
    if (bug.named) ++areas[std::string(bug.area)];
  }
  for (size_t r = 1; r < kRules; ++r) {
    const std::string id(Info(static_cast<Rule>(r)).id);
    EXPECT_TRUE(names.contains(id + "=true") && names.contains(id + "=false")) << id;
  }
  for (const char* area :
       {"creation", "ctl",     "masks",   "identity", "order",    "LT",      "ET",     "ONESHOT", "nesting",
        "quota",    "fault",   "fdinfo",  "poll",     "pipe",     "eventfd", "stream", "dgram",   "seqpacket",
        "timerfd",  "listen",  "connect", "oob",      "rights",   "tcp",     "udp",    "fifo",    "doors",
        "process",  "inotify", "ring",    "mq",       "signalfd", "pidfd",   "pty",    "i386",    "threads"}) {
    EXPECT_GE(areas[area], 3) << area;
  }
}

TEST(Planted, ForcedRulesAreFoundAndMinimized) {
  for (const PlantedInfo& bug : PlantedBugs()) {
    if (!bug.named && bug.equivalent.empty()) ExpectFoundAndMinimal(bug);
  }
}

TEST(Planted, NamedMistakesAreFoundAndMinimized) {
  for (const PlantedInfo& bug : PlantedBugs()) {
    if (bug.named) ExpectFoundAndMinimal(bug);
  }
}

TEST(Planted, EquivalentsAreNeverDistinguished) {
  for (const PlantedInfo& bug : PlantedBugs()) {
    if (bug.equivalent.empty() || bug.beyond) continue;
    Bench bench(bug);
    const auto [verdict, ops] = Hunt(&bench.checker, 500000);
    EXPECT_EQ(verdict.value, Verdict::kConforms) << bug.name << "\n" << Text(ops);
  }
}

TEST(Planted, AWrongJudgeIsFoundOut) {
  Profile profile;
  ASSERT_TRUE(FindProfile("linux-6.18", &profile));
  const Facts facts;
  ModelTarget linux("model:linux-6.18", profile, facts);
  for (const PlantedInfo& bug : PlantedBugs()) {
    if (!ShowsInJudge(bug, facts)) continue;
    const std::unique_ptr<Model> judge = NewPlantedModel(bug, profile, facts);
    Checker checker(&linux, judge.get());
    EXPECT_EQ(Hunt(&checker, kBound, KindsToHunt(bug)).first.value, Verdict::kDiverges) << bug.name;
  }
}

// What a campaign cannot show, a trace written by hand does: it runs without CheckOptions::never_block.
void ExpectToldByHand(std::string_view name, std::string_view text) {
  const PlantedInfo* bug = FindPlanted(name);
  ASSERT_NE(bug, nullptr) << name;
  EXPECT_TRUE(bug->beyond) << name;
  Trace trace;
  ParseError error;
  ASSERT_TRUE(Parse(text, "test", &trace, &error)) << error.message();
  Bench bench(*bug);
  EXPECT_EQ(bench.checker.Run(&trace.ops, {.verify_facts = false}).value, Verdict::kDiverges) << name;
}

TEST(Planted, TracesByHandTellWhatIsBeyondCampaigns) {
  ExpectToldByHand("wait.blocks=false", "ep = epoll_create1(0)\nepoll_wait(ep, 8, -1)\n");
  ExpectToldByHand("poll.blocks=false", "ep = epoll_create1(0)\npoll(ep IN, -1)\n");
  ExpectToldByHand("fifo.sleeps=false", "f = fifo(0)\nreopen(f, 0)\n");
  ExpectToldByHand("unix.blocking-eof=true", "a, b = socketpair(DGRAM, 0)\nrecv(a, 1, 0)\n");
  ExpectToldByHand("accept.shut=true", "u = socket(UNIX, STREAM, 0)\nbind(u)\nlisten(u, 1)\naccept4(u, 0)\n");
  ExpectToldByHand("udp.blocking-eof=true", "u = socket(INET, DGRAM, 0)\nrecv(u, 1, 0)\n");
  std::string direct = "e = eventfd(0, EFD_NONBLOCK)\nin = epoll_create1(0)\nout = epoll_create1(0)\n";
  for (int i = 0; i < 1001; ++i) {
    // The same name again: an epoll lives as long as its number is open.
    direct += "ep = epoll_create1(0)\nepoll_ctl(ep, ADD, e, IN, 0)\n";
  }
  direct += "epoll_ctl(out, ADD, in, IN, 0)\nepoll_ctl(in, ADD, e, IN, 0)\n";
  ExpectToldByHand("path.direct=false", direct);
  size_t beyond = 0;
  // What takes threads is shown by the corpus (properties/corpus_test.cc).
  for (const PlantedInfo& bug : PlantedBugs()) beyond += bug.beyond && bug.equivalent != "needs threads";
  EXPECT_EQ(beyond, 7u);
}

TEST(Planted, AnswersOfACopyAreItsOwn) {
  // Model::Blocks asks a copy: the mistake must be made there, not in the model that was copied.
  const PlantedInfo* bug = FindPlanted("eventfd.empty-edge");
  ASSERT_NE(bug, nullptr);
  Profile profile;
  ASSERT_TRUE(FindProfile("linux-6.18", &profile));
  const std::unique_ptr<Model> model = NewPlantedModel(*bug, profile, PlantedFacts(*bug));
  Trace trace;
  ParseError error;
  ASSERT_TRUE(
      Parse("ep = epoll_create1(0)\ne = eventfd(0, 0)\nepoll_ctl(ep, ADD, e, OUT|ET, 0)\nepoll_wait(ep, 8, 0)\n"
            "read(e, 8)\n",
            "test", &trace, &error))
      << error.message();
  Bindings bindings;
  Outcome outcome;
  for (size_t i = 0; i + 1 < trace.ops.size(); ++i) {
    model->Run(bindings.Resolve(trace.ops[i]), &outcome);
    bindings.Bind(trace.ops[i], outcome);
  }
  EXPECT_TRUE(model->Blocks(bindings.Resolve(trace.ops.back())));
  EXPECT_EQ(model->state().instances[1].ready.size, 0u);
}

}  // namespace
}  // namespace pollux
