// pollux min: the smallest trace that diverges in the same way.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fuzz/input.h"
#include "fuzz/triage.h"
#include "fuzz/verbs.h"
#include "model/text.h"

namespace pollux {
namespace {

struct Args {
  std::string trace, target = "native", profile, artifacts;
  TargetOptions options;
  int budget = 2000;
  bool json = false;
};

int Min(const Args& args) {
  absl::StatusOr<std::vector<Input>> inputs = LoadTraces({args.trace});
  if (!inputs.ok()) return StatusError(inputs.status());
  if (inputs->size() != 1) return UsageError(args.trace + " is a folder; expected one trace");
  absl::StatusOr<std::unique_ptr<Target>> target = OpenTarget(args.target, args.options);
  if (!target.ok()) return StatusError(target.status());
  absl::StatusOr<std::unique_ptr<Model>> model = ModelFor(**target, args.profile);
  if (!model.ok()) return StatusError(model.status());

  // Calls that block are left out while it is minimized, unless it takes them to see the divergence.
  Checker checker(target->get(), model->get());
  std::vector<Op> ops;
  Verdict verdict;
  const std::vector<Alternative> mistakes = Mistakes(true), forced = Mistakes(false);
  TriageOptions triage;
  triage.budget = args.budget;
  triage.alternatives = mistakes;
  triage.last_resort = forced;
  for (const bool never_block : {true, false}) {
    ops = (*inputs)[0].trace.ops;
    triage.check.never_block = never_block;
    verdict = checker.Run(&ops, {.observe_fdinfo = true, .never_block = never_block});
    if (verdict.value == Verdict::kDiverges) break;
  }
  if (verdict.value == Verdict::kInconclusive) {
    std::fprintf(stderr, "%s: inconclusive: %s\n", args.trace.c_str(), std::string(ReasonName(verdict.reason)).c_str());
    return kExitInconclusive;
  }
  nlohmann::ordered_json json = {{"path", args.trace}, {"target", args.target}, {"profile", (*model)->profile().name}};
  int status = kExitConforms;
  if (verdict.value == Verdict::kConforms) {
    std::fprintf(stderr, "%s: conforms; there is nothing to minimize\n", args.trace.c_str());
    json["verdict"] = "conforms";
  } else {
    ops.resize(verdict.op + 1);
    Diagnosis diagnosis = Triage(target->get(), model->get(), ops, verdict.kind, triage);
    Divergence& d = diagnosis.divergence;
    if (!diagnosis.reproduced()) {
      std::fprintf(stderr, "%s: %s was seen once and not in %d more runs\n", args.trace.c_str(),
                   KindName(verdict.kind).c_str(), d.runs);
      return kExitInconclusive;
    }
    status = kExitDiverges;
    if (!args.artifacts.empty()) {
      const absl::Status written = WriteArtefacts(args.artifacts, FileStem(d.verdict.kind), model->get(), &d);
      if (!written.ok()) return StatusError(written);
    }
    std::fputs(PrintDivergence(d).c_str(), stderr);
    if (!args.json) std::fputs(Print(ToTrace(d)).c_str(), stdout);
    json["verdict"] = "diverges";
    json["signature"] = KindName(d.verdict.kind);
    json["as_if"] = d.as_if;
    json["rate"] = diagnosis.rate();
    json["ops"] = d.ops.size();
    json["executions"] = d.executions;
    json["minimal"] = d.minimal;
    json["trace"] = Print(ToTrace(d));
    json["artefacts"] = d.artefacts;
  }
  if (args.json)
    std::printf("%s\n", json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
  return status;
}

}  // namespace

Action MinVerb(CLI::App* verb) {
  auto args = std::make_shared<Args>();
  verb->add_option("TRACE", args->trace, "a trace that diverges")->required();
  verb->add_option("--target", args->target, "what executes it")->capture_default_str();
  verb->add_option("--profile", args->profile, "what the target is held to; its own by default");
  verb->add_option("--budget", args->budget, "executions at most")->capture_default_str()->check(CLI::PositiveNumber);
  verb->add_option("--deadline", args->options.deadline_ms, "milliseconds after which a call counts as blocked")
      ->capture_default_str();
  verb->add_option("--artifacts", args->artifacts, "a folder for the trace and its C program");
  verb->add_flag("--allow-sysctl", args->options.allow_sysctl, "may lower fs.epoll.max_user_watches while it runs");
  verb->add_flag("--allow-clock", args->options.allow_clock, "may set CLOCK_REALTIME a nanosecond ahead, and back");
  verb->add_flag("--json", args->json, "the last line of stdout is the result as JSON");
  verb->footer("Example:\n  pollux min --target planted:ctl.add.exists=false long.trace > short.trace");
  return [args] { return Min(*args); };
}

}  // namespace pollux
