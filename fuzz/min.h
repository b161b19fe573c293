// The minimizer: the smallest trace that diverges in the same way.
//
// Keeps the kind of a divergence. Removes in large steps that take an op's users along, then single ops, then pairs,
// then makes arguments simpler; executions are memoised by the trace's hash. The result is 1-minimal: no op can go
// and no argument can be simpler without losing the kind (Reductions), unless the budget ran out first. Works with
// any target and any model.

#ifndef POLLUX_FUZZ_MIN_H_
#define POLLUX_FUZZ_MIN_H_

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "oracle/checker.h"

namespace pollux {

struct MinOptions {
  int budget = 2000;  // executions
  int attempts = 1;   // how often a trace may run before it counts as not diverging: for rates below 1
  CheckOptions check = {.never_block = true, .verify_facts = false};
};

// What of an op's argument the kind depends on: bits of a mask, all ones for anything else, 0 for nothing.
using ArgumentBits = std::array<uint64_t, kMaxArgs>;

struct Minimal {
  std::vector<Op> ops;  // ends with the diverging op
  std::vector<Outcome> outcomes;
  Verdict verdict;  // kDiverges with the kind asked for; kConforms if the trace never showed it
  int executions = 0;
  bool complete = false;              // 1-minimal; false if the budget ran out
  std::vector<ArgumentBits> matters;  // for each op; empty if the budget ran out
};

class Minimizer {
 public:
  // Neither is owned.
  Minimizer(Target* target, Model* model, const MinOptions& options = {});

  Minimal Run(const std::vector<Op>& ops, const Kind& kind);

 private:
  bool Affordable() const { return result_.executions < options_.budget; }
  // Does the trace show the kind? Then it becomes the result.
  bool Try(std::vector<Op> ops);
  bool Shows(std::vector<Op>* ops, std::vector<Outcome>* outcomes, Verdict* verdict);
  Bindings Numbers() const;

  bool RemoveChunks();
  bool RemoveSingles();
  bool RemovePairs();
  bool MergeThreads();
  bool Simplify();
  void UseNames();
  void FindWhatMatters();

  Checker checker_;
  MinOptions options_;
  Kind kind_;
  Minimal result_;
  std::unordered_set<uint64_t> failed_;
};

// "ADD, IN|ET": the arguments of an op that matter, as they are written; empty if none does.
std::string PrintMatters(const Op& op, const ArgumentBits& matters);

uint64_t HashOps(const std::vector<Op>& ops);

}  // namespace pollux

#endif  // POLLUX_FUZZ_MIN_H_
