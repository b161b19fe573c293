// Every planted bug that the generator meets soon is minimized to a 1-minimal trace within the budget.
//
// 1-minimal by its definition: each op is taken out and each argument made simpler in turn, and the kind is gone.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/generator.h"
#include "fuzz/min.h"
#include "fuzz/random.h"
#include "fuzz/reduce.h"
#include "model/test_util.h"
#include "oracle/planted.h"

namespace pollux {
namespace {

constexpr int kTraces = 300;  // drawn for each bug: ci/power searches longer

TEST(MinPlanted, LeavesNothingThatCanGo) {
  size_t met = 0;
  int most_executions = 0;
  std::vector<size_t> sizes;
  for (const PlantedInfo& bug : PlantedBugs()) {
    if (!bug.equivalent.empty()) continue;
    SCOPED_TRACE(bug.name);
    const std::unique_ptr<Target> target = NewPlantedTarget(bug);
    Model model(target->profile(), target->facts());
    Checker checker(target.get(), &model);
    Generator generator;
    Random random(7);
    for (int i = 0; i < kTraces; ++i) {
      std::vector<Op> ops;
      generator.Draw(&random, &ops);
      const Verdict verdict = checker.Run(&ops, {.observe_fdinfo = true, .never_block = true});
      if (verdict.value != Verdict::kDiverges) continue;
      ++met;
      const Minimal minimal = Minimizer(target.get(), &model).Run(ops, verdict.kind);
      EXPECT_TRUE(minimal.complete) << minimal.executions << " executions\n" << Lines(minimal.ops);
      EXPECT_LE(minimal.executions, 2000);
      most_executions = std::max(most_executions, minimal.executions);
      sizes.push_back(minimal.ops.size());

      Bindings numbers;
      for (size_t k = 0; k < minimal.ops.size(); ++k) numbers.Bind(minimal.ops[k], minimal.outcomes[k]);
      for (std::vector<Op>& less : Reductions(minimal.ops, numbers)) {
        Canonicalize(less);
        const std::string reduced = Lines(less);
        const Verdict again = checker.Run(&less, {.never_block = true});
        EXPECT_FALSE(again.value == Verdict::kDiverges && again.kind == verdict.kind)
            << Lines(minimal.ops) << "could be\n"
            << reduced;
      }
      break;
    }
  }
  std::sort(sizes.begin(), sizes.end());
  std::printf("%zu bugs met; minimal traces of %zu ops (median), %zu (most); %d executions at most\n", met,
              sizes[sizes.size() / 2], sizes.back(), most_executions);
  EXPECT_GE(met, 200u);
}

}  // namespace
}  // namespace pollux
