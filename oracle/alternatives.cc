// The quirks as other judges, and asking them.

#include "oracle/alternatives.h"

#include "oracle/checker.h"

namespace pollux {

std::vector<Alternative> QuirkAlternatives(const Profile& profile) {
  std::vector<Alternative> all;
  for (size_t q = 0; q < kQuirks; ++q) {
    const bool has = profile[static_cast<Quirk>(q)];
    all.push_back({(has ? "-" : "") + std::string(Info(static_cast<Quirk>(q)).id),
                   [q, has](const Profile& base, const Facts& facts) {
                     Profile other = base;
                     other.quirk[q] = has ? Setting::kOff : Setting::kOn;
                     return std::make_unique<Model>(other, facts);
                   }});
  }
  return all;
}

std::vector<std::string> AsIf(std::span<const Alternative> alternatives, const Profile& profile, const Facts& facts,
                              std::span<const Op> ops, std::span<const Outcome> outcomes) {
  std::vector<std::string> names;
  for (const Alternative& alternative : alternatives) {
    const std::unique_ptr<Model> judge = alternative.open(profile, facts);
    if (judge != nullptr && Judge(judge.get(), ops, outcomes).value == Verdict::kConforms) {
      names.push_back(alternative.name);
    }
  }
  return names;
}

}  // namespace pollux
