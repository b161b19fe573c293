// Makes the corpus: fills in what written traces do, and searches a minimal trace for each rule and quirk.
//
//     atlas fill TRACE...     what native does becomes the outcome of ops that have none; the file is printed anew
//     atlas search [ID...]    writes the traces of these rules and quirks; without arguments for all without one
//
// A rule's trace, corpus/rules/ID.trace, is one whose last outcome changes when the rule is forced to be false; a
// quirk's, corpus/quirks/ID.trace, one whose last outcome changes with the quirk. The search is a campaign of the
// generator against that wrong model, its divergences minimized, the shortest kept.

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
#include "oracle/files.h"
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
      expect = Exactly(out);
    } else if (!Holds(expect, out)) {
      std::fprintf(stderr, "%s: op %zu: %s: native gives %s, written is %s\n", path.c_str(), i,
                   PrintOps(*trace)[i].c_str(), PrintOutcome(op, out).c_str(), PrintExpectation(op, expect).c_str());
      wrong = 1;
    }
  }
  if (const absl::Status written = WriteAtomically(path, Print(*trace)); !written.ok()) return 1;
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

// Something that a wrong model gets wrong.
struct Subject {
  std::string folder, id, statement;
  Rule rule = Rule::kNone;      // forced to be false
  Quirk quirk = Quirk::kCount;  // or switched on

  std::string path() const { return CorpusPath(folder, id + ".trace"); }
};

std::vector<Subject> Subjects() {
  std::vector<Subject> all;
  for (size_t r = 1; r < kRules; ++r) {
    const RuleInfo& info = Info(static_cast<Rule>(r));
    all.push_back({"rules", std::string(info.id), std::string(info.statement), static_cast<Rule>(r)});
  }
  for (size_t q = 0; q < kQuirks; ++q) {
    const QuirkInfo& info = Info(static_cast<Quirk>(q));
    all.push_back({"quirks", std::string(info.id), "with it, " + std::string(info.statement), Rule::kNone,
                   static_cast<Quirk>(q)});
  }
  return all;
}

bool Search(const Subject& subject) {
  Profile profile = NewestProfile();
  if (subject.quirk != Quirk::kCount) profile.quirk[static_cast<size_t>(subject.quirk)] = Setting::kOn;
  ModelTarget wrong("wrong", profile);
  if (subject.rule != Rule::kNone) wrong.model().rules().Force(subject.rule, false);
  Model model(NewestProfile());
  Checker checker(&wrong, &model);
  const CheckOptions check = {.observe_fdinfo = true, .never_block = true, .verify_facts = false};
  GeneratorOptions generator_options;
  generator_options.sleeps = false;
  Generator generator(generator_options);
  Random random(static_cast<uint64_t>(subject.rule));

  Minimal best;
  int candidates = 0;
  std::vector<Op> ops;
  while (checker.ops_run() < kSearchOps && candidates < kCandidates) {
    generator.Draw(&random, &ops);
    const Verdict verdict = checker.Run(&ops, check);
    if (verdict.value != Verdict::kDiverges) continue;
    ++candidates;
    ops.resize(verdict.op + 1);
    Minimizer minimizer(&wrong, &model, {.budget = 4000, .check = check});
    Minimal minimal = minimizer.Run(ops, verdict.kind);
    if (best.ops.empty() || Effort(minimal.ops) < Effort(best.ops)) best = std::move(minimal);
  }
  if (best.ops.empty()) return std::printf("%s: nothing found\n", subject.id.c_str()), false;

  Trace trace;
  trace.ops = best.ops;
  trace.directives.push_back({"profile", model.profile().name, {subject.id + ": " + subject.statement + "."}});
  if (!WriteAtomically(subject.path(), Print(trace, Simulate(&model, trace.ops))).ok()) return false;
  std::printf("%s: %zu ops, %s\n", subject.id.c_str(), trace.ops.size(), KindName(best.verdict.kind).c_str());
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
    for (const Subject& subject : Subjects()) {
      const bool wanted = args.size() > 1 ? std::find(args.begin() + 1, args.end(), subject.id) != args.end()
                                          : !std::filesystem::exists(subject.path());
      if (wanted && !Search(subject)) status = 1;
    }
    return status;
  }
  std::fprintf(stderr, "usage: atlas fill TRACE... | atlas search [ID...]\n");
  return 2;
}

}  // namespace
}  // namespace pollux

int main(int argc, char** argv) { return pollux::Main(argc, argv); }
