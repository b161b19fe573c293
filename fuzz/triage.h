// Triage: from a trace that diverged to a finding that can be mailed.
//
// Runs the trace again some times, minimizes it, asks what would explain it, and writes it down. A divergence is
// reported only if it was reproduced; the others keep their rate.

#ifndef POLLUX_FUZZ_TRIAGE_H_
#define POLLUX_FUZZ_TRIAGE_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "oracle/alternatives.h"
#include "oracle/report.h"

namespace pollux {

struct TriageOptions {
  int tries = 10;     // how often the trace is run to learn its rate
  int budget = 2000;  // executions of the minimizer
  bool minimize = true;
  CheckOptions check = {.never_block = true};
  std::span<const Alternative> alternatives;  // beside the quirks: planted mistakes
  std::span<const Alternative> last_resort;   // asked only where none of those explains it: forced rules
};

struct Diagnosis {
  Divergence divergence;          // if it was never reproduced, the trace as it came, with outcomes of its last run
  Reason reason = Reason::kNone;  // why it is inconclusive after all

  bool reproduced() const { return divergence.reproduced > 0 && reason == Reason::kNone; }
  double rate() const {
    return divergence.runs == 0 ? 0 : static_cast<double>(divergence.reproduced) / divergence.runs;
  }
};

// Neither target nor model is owned; the target is reset at the end. `kind` is what the trace showed when it was found.
Diagnosis Triage(Target* target, Model* model, const std::vector<Op>& ops, const Kind& kind,
                 const TriageOptions& options = {});

// The planted bugs as alternatives: the named mistakes, or the forced rules.
std::vector<Alternative> Mistakes(bool named);

// One finding: the same explanation, or, where there is none, the same kind.
bool SameFinding(const Divergence& a, const Divergence& b);
// Do the traces have different calls? Then both are worth keeping as witnesses.
bool OtherOps(std::span<const Op> a, std::span<const Op> b);

// Writes FOLDER/STEM.trace and FOLDER/STEM.c, each aside first and then renamed. Sets divergence->artefacts.
absl::Status WriteArtefacts(const std::string& folder, const std::string& stem, Model* model, Divergence* divergence);

}  // namespace pollux

#endif  // POLLUX_FUZZ_TRIAGE_H_
