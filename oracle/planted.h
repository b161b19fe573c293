// Planted bugs: models that are wrong on purpose, and the catalogue of how.
//
// Two families. Generated: every rule of model/rules.def forced true and forced false, "ctl.add.exists=false". Named:
// mistakes that someone could make, or has made, "oneshot.forgotten"; each says whose it was. What Pollux cannot find
// here it will not find in a kernel. A planted model serves as a target against the true model, as the judge of
// another target, and as an explanation: a divergence that a planted model shows as well looks "as if" that mistake
// had been made.
//
// Planted models keep within their tables and always return (model/state.h). Not thread-safe.

#ifndef POLLUX_ORACLE_PLANTED_H_
#define POLLUX_ORACLE_PLANTED_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/model.h"
#include "oracle/target.h"

namespace pollux {

struct PlantedInfo {
  std::string name;
  std::string_view area;
  std::string statement;        // one line: what it does instead of what Linux does
  std::string_view equivalent;  // why no campaign can tell it from Linux; empty: one can
  bool beyond = false;          // equivalent to campaigns alone: a trace written by hand can tell
  bool named = false;           // a mistake, not a forced rule
};

// The catalogue: the generated ones in the order of the rules, then the named ones by area.
const std::vector<PlantedInfo>& PlantedBugs();
// The bug of that name, or nullptr.
const PlantedInfo* FindPlanted(std::string_view name);

// The facts of a machine on which the bug can show: some rules are asked only where a capability is missing.
Facts PlantedFacts(const PlantedInfo& bug);
// Could it show in the judge of a target with these facts?
bool ShowsInJudge(const PlantedInfo& bug, const Facts& facts);
// Does it show only where the clock may jump?
bool NeedsClock(const PlantedInfo& bug);

// A model of that profile and those facts with the bug in it.
std::unique_ptr<Model> NewPlantedModel(const PlantedInfo& bug, const Profile& profile, const Facts& facts);
// linux-6.18 with the bug in it, as the target "planted:NAME".
std::unique_ptr<Target> NewPlantedTarget(const PlantedInfo& bug);

}  // namespace pollux

#endif  // POLLUX_ORACLE_PLANTED_H_
