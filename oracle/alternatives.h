// Other judges: what may explain a divergence. "As if: QUIRK" says that the target does what another release does.

#ifndef POLLUX_ORACLE_ALTERNATIVES_H_
#define POLLUX_ORACLE_ALTERNATIVES_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/model.h"
#include "model/trace.h"

namespace pollux {

struct Alternative {
  std::string name;  // "wait.arguments-first", "-wait.arguments-first", "planted:NAME"
  std::function<std::unique_ptr<Model>(const Profile&, const Facts&)> open;
};

// One for each quirk: with it where the profile has it not, and "-QUIRK" without it where the profile has it.
std::vector<Alternative> QuirkAlternatives(const Profile& profile);

// The names of those under which every recorded outcome is allowed.
std::vector<std::string> AsIf(std::span<const Alternative> alternatives, const Profile& profile, const Facts& facts,
                              std::span<const Op> ops, std::span<const Outcome> outcomes);

}  // namespace pollux

#endif  // POLLUX_ORACLE_ALTERNATIVES_H_
