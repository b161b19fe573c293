// Laws of the minimizer: it keeps the kind, what it gives cannot be reduced by one step, and it is idempotent.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "fuzz/min.h"
#include "fuzz/reduce.h"
#include "oracle/model_target.h"
#include "properties/laws.h"
#include "properties/traces.h"

namespace pollux {
namespace {

// Rules that many traces depend on.
const Rule kRulesToBreak[] = {Rule::kCtlAddExists,      Rule::kAddHead,        Rule::kAddReady,
                              Rule::kModReady,          Rule::kCallbackFilter, Rule::kCallbackLink,
                              Rule::kHarvestRequeue,    Rule::kHarvestStale,   Rule::kHarvestOneshot,
                              Rule::kNestedPrune,       Rule::kReadyTail,      Rule::kFdLowest,
                              Rule::kEventfdIn,         Rule::kPipeWriteWakes, Rule::kUnixSpaceWakes,
                              Rule::kUnixShutWakesSelf, Rule::kPipeHup,        Rule::kTimerfdTicksWake};

const CheckOptions kCheck = {.never_block = true, .verify_facts = false};

RC_GTEST_PROP(MinimizerLaws, KeepsTheKindIsMinimalAndIdempotent, (const Drawn& drawn)) {
  const Rule rule = *rc::gen::elementOf(std::vector<Rule>(std::begin(kRulesToBreak), std::end(kRulesToBreak)));
  ModelTarget planted("planted", NewestProfile());
  planted.model().rules().Force(rule, false);
  Model model(NewestProfile());
  Checker checker(&planted, &model);
  std::vector<Op> ops = drawn.ops;
  const Verdict found = checker.Run(&ops, kCheck);
  RC_PRE(found.value == Verdict::kDiverges);

  const Side side = {"the model without " + std::string(Info(rule).id), &planted};
  Minimizer minimizer(&planted, &model, {.budget = 20000, .check = kCheck});
  const Minimal minimal = minimizer.Run(ops, found.kind);
  LAW_HOLDS(minimal.complete, side, minimal.ops, minimal.outcomes);
  LAW_HOLDS(minimal.verdict.kind == found.kind, side, minimal.ops, minimal.outcomes);
  LAW_HOLDS(minimal.ops.size() <= ops.size(), side, minimal.ops, minimal.outcomes);

  // It shows the kind in its last op, when run by somebody else.
  std::vector<Op> again = minimal.ops;
  const Verdict repeated = checker.Run(&again, kCheck);
  LAW_HOLDS(repeated.value == Verdict::kDiverges && repeated.kind == found.kind && again == minimal.ops &&
                repeated.op + 1 == again.size(),
            side, minimal.ops, minimal.outcomes);

  Bindings numbers;
  for (size_t i = 0; i < minimal.ops.size(); ++i) numbers.Bind(minimal.ops[i], minimal.outcomes[i]);
  for (std::vector<Op>& smaller : Reductions(minimal.ops, numbers)) {
    Canonicalize(smaller);
    const std::vector<Op> tried = smaller;
    const Verdict verdict = checker.Run(&smaller, kCheck);
    LAW_HOLDS(verdict.value != Verdict::kDiverges || !(verdict.kind == found.kind), side, tried, {});
  }
  LAW_HOLDS(minimizer.Run(minimal.ops, found.kind).ops == minimal.ops, side, minimal.ops, minimal.outcomes);
}

}  // namespace
}  // namespace pollux
