// Makes the corpus: fills in what written traces do, and searches a minimal trace for each rule.
//
//     atlas fill TRACE...     what native does becomes the outcome of ops that have none; the file is printed anew
//     atlas search [RULE...]  writes corpus/rules/RULE.trace for these rules; without arguments for all without one
//
// A rule's trace is one whose last outcome changes when the rule is forced to be false: the search is a campaign of the
// generator against that planted model, its divergences minimized, the shortest kept.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/generator.h"
#include "fuzz/min.h"
#include "fuzz/random.h"
#include "model/text.h"
#include "oracle/model_target.h"
#include "properties/traces.h"

namespace pollux {
namespace {

constexpr uint64_t kSearchOps = 8'000'000;  // before a rule is given up
constexpr int kCandidates = 12;             // divergences minimized for a rule

int Fill(const std::string& path) {
  absl::StatusOr<Trace> trace = ReadTrace(path);
  if (!trace.ok()) return std::fprintf(stderr, "%s\n", trace.status().ToString().c_str()), 1;
  TargetOptions options;
  options.deadline_ms = 100;
  auto native = OpenTarget("native", options);
  if (!native.ok()) return std::fprintf(stderr, "%s\n", native.status().ToString().c_str()), 1;
  Bindings bindings;
  Outcome out;
  int wrong = 0;
  (*native)->Reset();
  trace->notes.resize(trace->ops.size());
  for (size_t i = 0; i < trace->ops.size(); ++i) {
    const Op op = bindings.Resolve(trace->ops[i]);
    (*native)->Run(op, &out);
    bindings.Bind(trace->ops[i], out);
    Expectation& expect = trace->notes[i].expect;
    if (out.kind == Outcome::kSkipped) {
      std::fprintf(stderr, "%s: skipped from op %zu on: %s\n", path.c_str(), i, out.note);
      break;
    }
    if (!expect.written()) {
      expect.allow.push_back(out);
    } else if (!Holds(expect, out)) {
      std::fprintf(stderr, "%s: op %zu: %s: native gives %s, written is %s\n", path.c_str(), i,
                   PrintOps(*trace)[i].c_str(), PrintOutcome(op, out).c_str(), PrintExpectation(op, expect).c_str());
      wrong = 1;
    }
  }
  if (const absl::Status written = WriteFile(path, Print(*trace)); !written.ok()) return 1;
  return wrong;
}

// What makes a trace hard to read.
size_t Effort(const std::vector<Op>& ops) {
  Trace trace;
  trace.ops = ops;
  size_t effort = 0;
  for (const std::string& line : PrintOps(trace)) effort += 30 + line.size();
  return effort;
}

bool Search(Rule rule) {
  const RuleInfo& info = Info(rule);
  ModelTarget planted("planted", NewestProfile());
  planted.model().rules().Force(rule, false);
  Model model(NewestProfile());
  Checker checker(&planted, &model);
  const CheckOptions check = {.observe_fdinfo = true, .never_block = true, .verify_facts = false};
  GeneratorOptions generator_options;
  generator_options.sleeps = false;
  Generator generator(generator_options);
  Random random(static_cast<uint64_t>(rule));

  Minimal best;
  int candidates = 0;
  std::vector<Op> ops;
  while (checker.ops_run() < kSearchOps && candidates < kCandidates) {
    generator.Draw(&random, &ops);
    const Verdict verdict = checker.Run(&ops, check);
    if (verdict.value != Verdict::kDiverges) continue;
    ++candidates;
    ops.resize(verdict.op + 1);
    Minimizer minimizer(&planted, &model, {.budget = 4000, .check = check});
    Minimal minimal = minimizer.Run(ops, verdict.kind);
    if (best.ops.empty() || Effort(minimal.ops) < Effort(best.ops)) best = std::move(minimal);
  }
  if (best.ops.empty()) return std::printf("%s: nothing found\n", std::string(info.id).c_str()), false;

  Trace trace;
  trace.ops = best.ops;
  trace.directives.push_back({"profile", model.profile().name, {std::string(info.id) + ": " + std::string(info.statement) + "."}});
  const std::string text = Print(trace, Simulate(&model, trace.ops));
  const std::string path = CorpusPath("rules", std::string(info.id) + ".trace");
  if (!WriteFile(path, text).ok()) return false;
  std::printf("%s: %zu ops, %s\n", std::string(info.id).c_str(), trace.ops.size(), KindName(best.verdict.kind).c_str());
  std::fflush(stdout);
  return true;
}

int Main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  int status = 0;
  if (args.size() >= 2 && args[0] == "fill") {
    for (size_t i = 1; i < args.size(); ++i) status |= Fill(args[i]);
    return status;
  }
  if (args.size() >= 1 && args[0] == "search") {
    for (size_t r = 1; r < kRules; ++r) {
      const std::string id(Info(static_cast<Rule>(r)).id);
      const bool wanted = args.size() > 1 ? std::find(args.begin() + 1, args.end(), id) != args.end()
                                          : !std::filesystem::exists(CorpusPath("rules", id + ".trace"));
      if (wanted && !Search(static_cast<Rule>(r))) status = 1;
    }
    return status;
  }
  std::fprintf(stderr, "usage: atlas fill TRACE... | atlas search [RULE...]\n");
  return 2;
}

}  // namespace
}  // namespace pollux

int main(int argc, char** argv) { return pollux::Main(argc, argv); }
