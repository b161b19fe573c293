// The catalogue as a table, and what happens at a planted rule.

#include "model/rules.h"

namespace pollux {
namespace {

constexpr RuleInfo kTable[] = {
    {"kNone", "none", "no rule", "", ""},
#define RULE(name, id, statement, source, function) {#name, id, statement, source, function},
#include "model/rules.def"
#undef RULE
};
static_assert(sizeof(kTable) / sizeof(kTable[0]) == kRules);

}  // namespace

const RuleInfo& Info(Rule rule) { return kTable[static_cast<size_t>(rule)]; }

Rule FindRule(std::string_view id) {
  for (size_t i = 1; i < kRules; ++i) {
    if (kTable[i].id == id) return static_cast<Rule>(i);
  }
  return Rule::kNone;
}

bool Rules::Override(Rule rule, bool value, uint32_t subject) {
  switch (action_[static_cast<size_t>(rule)]) {
    case kFalse:
      return false;
    case kTrue:
      return true;
    default:
      return hook_->Decide(*model_, rule, value, subject);
  }
}

}  // namespace pollux
