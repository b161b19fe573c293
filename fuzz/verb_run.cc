// pollux run: executes traces on a target and checks them, op by op.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/campaign.h"
#include "fuzz/input.h"
#include "fuzz/triage.h"
#include "fuzz/verbs.h"
#include "model/text.h"

namespace pollux {
namespace {

struct Args {
  std::vector<std::string> traces;
  std::string target = "native", profile, expectations;
  TargetOptions options;
  bool json = false, print = false, no_fdinfo = false, witnesses = false;
};

// The first op whose written outcome is not what the target did; trace.ops.size() if there is none. What is written for
// another kernel, or behind an op that was left out here, is not looked at.
size_t Unexpected(const Trace& trace, const std::vector<Outcome>& outcomes, const Model& model) {
  if (!WrittenFor(trace, model)) return trace.ops.size();
  for (size_t i = 0; i < outcomes.size() && i < trace.notes.size(); ++i) {
    if (outcomes[i].kind == Outcome::kSkipped) return trace.ops.size();
    if (!Holds(trace.notes[i].expect, outcomes[i])) return i;
  }
  return trace.ops.size();
}

class Runner {
 public:
  Runner(const Args& args, const Expectations& expectations, Target* target, Model* model)
      : args_(args), expectations_(expectations), target_(target), model_(model), checker_(target, model) {
    summary_.target = target->name();
    summary_.profile = model->profile().name;
    summary_.rules_total = kRules - 1;
  }

  int Run(const Input& input) {
    ++summary_.traces;
    std::vector<Op> ops = input.trace.ops;
    std::vector<Outcome> outcomes;
    const CheckOptions check = {.observe_fdinfo = !args_.no_fdinfo};
    const Verdict verdict = checker_.Run(&ops, check, &outcomes);
    if (args_.print && verdict.value == Verdict::kConforms) std::fputs(Print(input.trace, outcomes).c_str(), stdout);
    switch (verdict.value) {
      case Verdict::kDiverges:
        return Diverges(input, std::move(ops), verdict, check);
      case Verdict::kInconclusive:
        ++summary_.inconclusive[std::string(ReasonName(verdict.reason))];
        std::fprintf(stderr, "%s: inconclusive: %s\n", input.path.c_str(),
                     std::string(ReasonName(verdict.reason)).c_str());
        return kExitInconclusive;
      case Verdict::kConforms:
        break;
    }
    const size_t at = Unexpected(input.trace, outcomes, *model_);
    if (at < input.trace.ops.size()) return OtherThanWritten(input, at, outcomes[at]);
    if (!args_.json && !args_.print) std::printf("%s: conforms, %zu ops\n", input.path.c_str(), ops.size());
    return kExitConforms;
  }

  // Runs the witness of everything that is expected: kExitDiverges if one is stale.
  int RunWitnesses() {
    constexpr int kAttempts = 100;  // of one that gives its signature now and then
    int stale = 0;
    for (const Expected& entry : expectations_.entries()) {
      std::string gives;
      for (int left = entry.rate < 1 ? kAttempts : 1; left > 0; --left) {
        if (GivesExpected(entry, &gives)) break;
        if (left > 1) continue;
        ++stale;
        std::fprintf(stderr, "STALE  %s, line %d: its witness %s\n", entry.signatures[0].c_str(), entry.line,
                     gives.c_str());
      }
    }
    std::fprintf(stderr, "%zu witnesses, %d stale\n", expectations_.entries().size(), stale);
    return stale == 0 ? kExitConforms : kExitDiverges;
  }

  Summary& Finish(double seconds) {
    summary_.seconds = seconds;
    summary_.ops = checker_.ops_run();
    summary_.exact = checker_.exact();
    for (const auto& [reason, count] : checker_.sets()) summary_.by_set[reason] += count;
    for (const auto& [reason, count] : checker_.skips()) summary_.skipped[reason] += count;
    for (const uint8_t hit : model_->rules().hits()) summary_.rules_hit += hit;
    return summary_;
  }

 private:
  bool GivesExpected(const Expected& entry, std::string* gives) {
    const CheckOptions check = {.observe_fdinfo = !args_.no_fdinfo};
    std::vector<Op> ops = entry.witness.ops;
    const Verdict verdict = checker_.Run(&ops, check);
    if (verdict.value != Verdict::kDiverges) {
      *gives = verdict.value == Verdict::kConforms ? "conforms" : std::string(ReasonName(verdict.reason));
      return false;
    }
    ops.resize(verdict.op + 1);
    const Divergence d = Explained(ops, verdict, false, check);
    *gives = "gives " + d.signature();
    return entry.Matches(KindName(d.verdict.kind), Joined(d.as_if));
  }

  Divergence Explained(const std::vector<Op>& ops, const Verdict& verdict, bool minimize, const CheckOptions& check) {
    TriageOptions triage;
    triage.minimize = minimize;
    triage.check = check;
    const std::vector<Alternative> mistakes = Mistakes(true), forced = Mistakes(false);
    triage.alternatives = mistakes;
    triage.last_resort = forced;
    Divergence d = Triage(target_, model_, ops, verdict.kind, triage).divergence;
    if (d.reproduced == 0) d.verdict = verdict;
    return d;
  }

  int Diverges(const Input& input, std::vector<Op> ops, const Verdict& verdict, const CheckOptions& check) {
    ops.resize(verdict.op + 1);
    const Divergence d = Explained(ops, verdict, false, check);
    if (!expectations_.entries().empty()) {
      // What is expected is known by its minimal trace.
      const Divergence minimal = Explained(ops, verdict, true, check);
      if (const Expected* e = expectations_.Find(KindName(minimal.verdict.kind), Joined(minimal.as_if))) {
        Count(minimal, input.path, &summary_.expected);
        std::fprintf(args_.json ? stderr : stdout, "%s: expected, op %zu: %s: %s\n", input.path.c_str(), verdict.op + 1,
                     KindName(minimal.verdict.kind).c_str(), e->why.c_str());
        return kExitConforms;
      }
    }
    std::string report = PrintDivergence(d);
    if (verdict.op < input.trace.notes.size() && verdict.op < input.trace.ops.size() &&
        input.trace.notes[verdict.op].expect.written()) {
      const Expectation& written = input.trace.notes[verdict.op].expect;
      const bool linux = Holds(written, verdict.allowed), did = Holds(written, verdict.observed);
      report += std::string("  written    ") + PrintExpectation(input.trace.ops[verdict.op], written) +
                (linux ? ", as Linux does\n"
                 : did ? ", as " + d.target + " does\n"
                       : ", which neither does\n");
    }
    std::fprintf(args_.json ? stderr : stdout, "%s\n%s", input.path.c_str(), report.c_str());
    Count(d, input.path, &summary_.findings);
    return kExitDiverges;
  }

  // Target and model agree, and what is written is something else.
  int OtherThanWritten(const Input& input, size_t at, const Outcome& outcome) {
    const Op& op = input.trace.ops[at];
    std::fprintf(args_.json ? stderr : stdout, "%s: op %zu, %s\n  written    %s\n  %s and %s both give %s\n",
                 input.path.c_str(), at + 1, PrintOps(input.trace)[at].c_str(),
                 PrintExpectation(op, input.trace.notes[at].expect).c_str(), summary_.target.c_str(),
                 summary_.profile.c_str(), PrintOutcome(op, outcome).c_str());
    return kExitDiverges;
  }

  static std::string Joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
  }

  static void Count(const Divergence& d, const std::string& path, std::vector<Finding>* findings) {
    const std::string as_if = Joined(d.as_if);
    for (Finding& f : *findings) {
      if (f.signature != KindName(d.verdict.kind) || f.as_if != as_if) continue;
      ++f.count;
      return;
    }
    findings->push_back({.signature = KindName(d.verdict.kind),
                         .as_if = as_if,
                         .count = 1,
                         .ops = d.ops.size(),
                         .path = path,
                         .rate = d.runs > 0 ? static_cast<double>(d.reproduced) / d.runs : 1});
  }

  const Args& args_;
  const Expectations& expectations_;
  Target* target_;
  Model* model_;
  Checker checker_;
  Summary summary_;
};

int Run(const Args& args) {
  if (args.traces.empty() && !args.witnesses) return UsageError("no TRACE: a file, a folder, or - (or --witnesses)");
  absl::StatusOr<std::vector<Input>> inputs = LoadTraces(args.traces);
  if (!inputs.ok()) return StatusError(inputs.status());
  absl::StatusOr<std::unique_ptr<Target>> target = OpenTarget(args.target, args.options);
  if (!target.ok()) return StatusError(target.status());
  absl::StatusOr<std::unique_ptr<Model>> model = ModelFor(**target, args.profile);
  if (!model.ok()) return StatusError(model.status());

  const absl::StatusOr<Expectations> expectations = ExpectationsOf(args.target, args.expectations);
  if (!expectations.ok()) return StatusError(expectations.status());

  Runner runner(args, *expectations, target->get(), model->get());
  const auto begin = std::chrono::steady_clock::now();
  int status = args.witnesses ? runner.RunWitnesses() : kExitConforms;
  for (const Input& input : *inputs) status = Worse(status, runner.Run(input));
  Summary& summary = runner.Finish(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  for (const auto& [reason, count] : summary.skipped) {
    std::fprintf(stderr, "skipped %llu: %s\n", static_cast<unsigned long long>(count), reason.c_str());
  }
  if (args.json) std::printf("%s\n", ToJson(summary).c_str());
  return status;
}

}  // namespace

Action RunVerb(CLI::App* verb) {
  auto args = std::make_shared<Args>();
  verb->add_option("TRACE", args->traces, "traces, or folders of them; - is standard input");
  verb->add_option("--target", args->target, "what executes them: 'pollux targets' lists them")->capture_default_str();
  verb->add_option("--profile", args->profile, "what the target is held to, e.g. linux-6.1+QUIRK; its own by default");
  verb->add_option("--deadline", args->options.deadline_ms, "milliseconds after which a call counts as blocked")
      ->capture_default_str();
  verb->add_option("--expectations", args->expectations,
                   "a file of what is known to differ (ci/expectations; gvisor's own by default)");
  verb->add_flag("--witnesses", args->witnesses, "run the witness of everything that is expected; 1 if one is stale");
  verb->add_flag("--print", args->print, "write the traces with what their ops did");
  verb->add_flag("--no-fdinfo", args->no_fdinfo, "do not compare interest lists at the end of a trace");
  verb->add_flag("--allow-sysctl", args->options.allow_sysctl, "may lower fs.epoll.max_user_watches while it runs");
  verb->add_flag("--allow-clock", args->options.allow_clock, "may set CLOCK_REALTIME a nanosecond ahead, and back");
  verb->add_flag("--json", args->json, "the last line of stdout is the summary as JSON");
  verb->footer(
      "Example:\n  pollux run corpus/golden/*.trace\n  pollux run --target model:linux-4.4 --print my.trace\n"
      "  pollux run --target 'exec:ssh board ./pollux-agent' corpus");
  return [args] { return Run(*args); };
}

}  // namespace pollux
