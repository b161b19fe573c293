// pollux check: judges recorded outcomes against a profile. No target.

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
#include "oracle/alternatives.h"
#include "oracle/report.h"

namespace pollux {
namespace {

struct Args {
  std::vector<std::string> traces;
  std::string profile;
  bool json = false;
};

// What is recorded, as far as the diverging op; where a person wrote a set or nothing, what the model allows.
std::vector<Outcome> Recorded(Model* model, const Trace& trace, const Verdict& verdict) {
  std::vector<Outcome> outcomes;
  Bindings bindings;
  model->Reset();
  for (size_t i = 0; i <= verdict.op; ++i) {
    outcomes.emplace_back();
    const bool written = i < trace.notes.size() && trace.notes[i].expect.allow.size() == 1;
    if (written && trace.notes[i].expect.allow[0].kind == Outcome::kSkipped) {
      outcomes[i] = FirstOf(trace.notes[i].expect);
    } else {
      model->Run(bindings.Resolve(trace.ops[i]), &outcomes[i]);
    }
    bindings.Bind(trace.ops[i], outcomes[i]);
    if (written) outcomes[i] = FirstOf(trace.notes[i].expect);
  }
  outcomes[verdict.op] = verdict.observed;
  return outcomes;
}

std::string Source(const Trace& trace) {
  for (const Directive& d : trace.directives) {
    if (d.key == "target") return d.value;
  }
  return "what is recorded";
}

int Check(const Args& args) {
  absl::StatusOr<std::vector<Input>> inputs = LoadTraces(args.traces);
  if (!inputs.ok()) return StatusError(inputs.status());
  int status = kExitConforms;
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const Input& input : *inputs) {
    absl::StatusOr<std::unique_ptr<Model>> model = ModelFor(input.trace, args.profile);
    if (!model.ok()) {
      UsageError(input.path + ": " + std::string(model.status().message()));
      return kExitUsage;
    }
    const Verdict verdict = JudgeWritten(model->get(), input.trace);
    nlohmann::ordered_json result = {{"path", input.path}, {"profile", (*model)->profile().name}};
    FILE* out = args.json ? stderr : stdout;
    switch (verdict.value) {
      case Verdict::kConforms:
        result["verdict"] = "conforms";
        if (!args.json) std::printf("%s: conforms, %zu ops\n", input.path.c_str(), input.trace.ops.size());
        break;
      case Verdict::kInconclusive:
        status = Worse(status, kExitInconclusive);
        result["verdict"] = "inconclusive";
        result["reason"] = ReasonName(verdict.reason);
        std::fprintf(out, "%s: inconclusive at op %zu: %s%s%s\n", input.path.c_str(), verdict.op + 1,
                     std::string(ReasonName(verdict.reason)).c_str(), verdict.allowed.note != nullptr ? ": " : "",
                     verdict.allowed.note != nullptr ? verdict.allowed.note : "");
        break;
      case Verdict::kDiverges: {
        status = Worse(status, kExitDiverges);
        Divergence d;
        d.target = Source(input.trace);
        d.profile = (*model)->profile();
        d.facts = (*model)->facts();
        d.ops.assign(input.trace.ops.begin(), input.trace.ops.begin() + static_cast<std::ptrdiff_t>(verdict.op) + 1);
        d.verdict = verdict;
        d.outcomes = Recorded(model->get(), input.trace, verdict);
        d.runs = d.reproduced = 0;
        for (const auto& alternatives : {QuirkAlternatives(d.profile), Mistakes(true), Mistakes(false)}) {
          if (d.as_if.empty()) d.as_if = AsIf(alternatives, d.profile, d.facts, d.ops, d.outcomes);
        }
        Explain(model->get(), &d);
        result["verdict"] = "diverges";
        result["op"] = verdict.op + 1;
        result["signature"] = KindName(verdict.kind);
        result["as_if"] = d.as_if;
        result["recorded"] = PrintOutcome(d.ops.back(), verdict.observed);
        result["allowed"] = PrintOutcome(d.ops.back(), verdict.allowed);
        std::fprintf(out, "%s\n%s", input.path.c_str(), PrintDivergence(d).c_str());
        break;
      }
    }
    results.push_back(std::move(result));
  }
  if (args.json) {
    const nlohmann::ordered_json json = {{"traces", inputs->size()}, {"results", results}};
    std::printf("%s\n", json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
  }
  return status;
}

}  // namespace

Action CheckVerb(CLI::App* verb) {
  auto args = std::make_shared<Args>();
  verb->add_option("TRACE", args->traces, "annotated traces, or folders of them; - is standard input")->required();
  verb->add_option("--profile", args->profile, "the release they are held to; by default the one they name");
  verb->add_flag("--json", args->json, "the last line of stdout is the verdicts as JSON");
  verb->footer(
      "Example:\n  pollux run --target model:linux-4.4 --print my.trace | pollux check --profile linux-6.18 -");
  return [args] { return Check(*args); };
}

}  // namespace pollux
