// Reproducing, minimizing and explaining a divergence, and writing it down.

#include "fuzz/triage.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "fuzz/min.h"
#include "model/text.h"
#include "oracle/export.h"
#include "oracle/files.h"
#include "oracle/planted.h"

namespace pollux {

Diagnosis Triage(Target* target, Model* model, const std::vector<Op>& ops, const Kind& kind,
                 const TriageOptions& options) {
  Diagnosis diagnosis;
  Divergence& d = diagnosis.divergence;
  d.target = target->name();
  d.profile = model->profile();
  d.facts = model->facts();
  d.ops = ops;
  d.verdict.kind = kind;
  d.runs = d.reproduced = 0;

  Checker checker(target, model);
  CheckOptions check = options.check;
  check.verify_facts = false;
  while (d.runs < options.tries) {
    std::vector<Op> run = ops;
    std::vector<Outcome> outcomes;
    const Verdict verdict = checker.Run(&run, check, &outcomes);
    ++d.runs;
    if (verdict.value != Verdict::kDiverges || !(verdict.kind == kind)) {
      if (d.reproduced == 0) d.outcomes = std::move(outcomes);
      continue;
    }
    run.resize(verdict.op + 1);
    d.ops = std::move(run), d.outcomes = std::move(outcomes), d.verdict = verdict;
    ++d.reproduced;
  }
  target->Reset();  // a trace may leave the process without descriptors
  diagnosis.reason = target->Doubt();
  if (d.reproduced == 0) d.verdict.op = ops.size() - 1;
  if (!diagnosis.reproduced()) return diagnosis;

  if (options.minimize) {
    MinOptions min = {.budget = options.budget, .check = check};
    // A trace that shows its kind every third time gets enough attempts to miss it once in a hundred.
    if (diagnosis.rate() < 1) min.attempts = std::min(20, static_cast<int>(std::ceil(4.6 / diagnosis.rate())));
    Minimal minimal = Minimizer(target, model, min).Run(d.ops, kind);
    target->Reset();
    d.executions = minimal.executions;
    d.minimal = minimal.complete;
    if (minimal.verdict.value == Verdict::kDiverges) {
      for (size_t i = 0; i < minimal.matters.size(); ++i) {
        d.matters.push_back(PrintMatters(minimal.ops[i], minimal.matters[i]));
      }
      d.ops = std::move(minimal.ops), d.outcomes = std::move(minimal.outcomes);
      d.verdict = std::move(minimal.verdict);
    }
  }
  const std::vector<Alternative> quirks = QuirkAlternatives(d.profile);
  d.as_if = AsIf(quirks, d.profile, d.facts, d.ops, d.outcomes);
  for (std::string& name : AsIf(options.alternatives, d.profile, d.facts, d.ops, d.outcomes)) {
    d.as_if.push_back(std::move(name));
  }
  if (d.as_if.empty()) d.as_if = AsIf(options.last_resort, d.profile, d.facts, d.ops, d.outcomes);
  const Difference how = d.verdict.kind.difference;
  if (how == Difference::kDied || how == Difference::kHung) d.last_words = target->last_words();
  Explain(model, &d);
  return diagnosis;
}

std::vector<Alternative> Mistakes(bool named) {
  std::vector<Alternative> some;
  for (const PlantedInfo& bug : PlantedBugs()) {
    if (bug.named != named || !bug.equivalent.empty()) continue;
    some.push_back({"planted:" + bug.name, [&bug](const Profile& profile, const Facts& facts) {
                      return NewPlantedModel(bug, profile, facts);
                    }});
  }
  return some;
}

bool SameFinding(const Divergence& a, const Divergence& b) {
  if (!a.as_if.empty() && a.as_if == b.as_if) return true;
  return a.verdict.kind == b.verdict.kind;
}

bool OtherOps(std::span<const Op> a, std::span<const Op> b) {
  return !std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Op& x, const Op& y) { return x.call == y.call; });
}

absl::Status WriteArtefacts(const std::string& folder, const std::string& stem, Model* model, Divergence* divergence) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::UnknownError("cannot create " + folder + ": " + error.message());
  divergence->artefacts.clear();
  const Trace trace = ToTrace(*divergence);
  const std::string path = folder + "/" + stem;
  if (absl::Status s = WriteAtomically(path + ".trace", Print(trace)); !s.ok()) return s;
  divergence->artefacts.push_back(path + ".trace");
  if (absl::Status s = WriteAtomically(path + ".c", Export(model, trace, ExportAs::kC, stem)); !s.ok()) return s;
  divergence->artefacts.push_back(path + ".c");
  return absl::OkStatus();
}

}  // namespace pollux
