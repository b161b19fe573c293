// The rules of epoll: one catalogue (rules.def), and the seam through which the model asks them.
//
// A rule is one decision that Linux takes. The model never decides by itself: it writes
//     if (rules(Rule::kCtlAddExists, item != kNone)) return kEEXIST;
// That one seam counts coverage, records which rules an op used, and lets a target's model be wrong on purpose
// (oracle/planted). Not thread-safe: one Rules belongs to one Model.

#ifndef POLLUX_MODEL_RULES_H_
#define POLLUX_MODEL_RULES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pollux {

class Model;

enum class Rule : uint16_t {
  kNone,
#define RULE(name, id, statement, source, function) name,
#include "model/rules.def"
#undef RULE
  kCount,
};
inline constexpr size_t kRules = static_cast<size_t>(Rule::kCount);

struct RuleInfo {
  std::string_view name;       // the enumerator, "kCtlAddExists"
  std::string_view id;         // "ctl.add.exists"
  std::string_view statement;  // one line, in the field's words
  std::string_view source;     // R-numbers of SPEC.md, space separated
  std::string_view function;   // the kernel function that decides it
};
const RuleInfo& Info(Rule rule);
// The rule of that id, or kNone.
Rule FindRule(std::string_view id);

// Changes a decision: how planted bugs are made. `subject` is what the rule is asked about (an item, file or
// instance index, by the rule).
class RuleHook {
 public:
  virtual ~RuleHook() = default;
  virtual bool Decide(Model& model, Rule rule, bool value, uint32_t subject) = 0;
};

class Rules {
 public:
  // Asks a rule whose natural answer is `value`.
  bool operator()(Rule rule, bool value, uint32_t subject = 0) {
    const size_t r = static_cast<size_t>(rule);
    if (action_[r] != 0) [[unlikely]]
      value = Override(rule, value, subject);
    // A decision that holds is a hit, one that does not is only a question: told apart without a branch.
    hits_[r] |= value;
    trail_[trail_size_ & (kTrail - 1)] = rule;
    trail_size_ += value;
    return value;
  }

  // The rules that held since StartOp, in order (the last kTrail of them).
  static constexpr size_t kTrail = 64;
  void StartOp() { trail_size_ = 0; }
  size_t trail_size() const { return trail_size_ < kTrail ? trail_size_ : kTrail; }
  Rule trail(size_t i) const {
    const size_t first = trail_size_ < kTrail ? 0 : trail_size_ - kTrail;
    return trail_[(first + i) & (kTrail - 1)];
  }
  // The last rule that held: what decided the op's result.
  Rule last() const { return trail_size_ == 0 ? Rule::kNone : trail_[(trail_size_ - 1) & (kTrail - 1)]; }

  // hits()[r] is 1 if rule r held since ClearHits.
  const std::array<uint8_t, kRules>& hits() const { return hits_; }
  void ClearHits() { hits_.fill(0); }

  // Planted bugs: force one rule, or route it through a hook (not owned).
  void Force(Rule rule, bool value) { action_[static_cast<size_t>(rule)] = value ? kTrue : kFalse; }
  void Hook(Rule rule, Model* model, RuleHook* hook) {
    action_[static_cast<size_t>(rule)] = kHook, model_ = model, hook_ = hook;
  }
  // These rules were copied into another model.
  void Rebind(Model* model) { model_ = model; }

 private:
  enum : uint8_t { kNatural, kFalse, kTrue, kHook };
  bool Override(Rule rule, bool value, uint32_t subject);

  std::array<uint8_t, kRules> action_ = {};
  std::array<uint8_t, kRules> hits_ = {};
  std::array<Rule, kTrail> trail_ = {};
  size_t trail_size_ = 0;
  Model* model_ = nullptr;
  RuleHook* hook_ = nullptr;
};

}  // namespace pollux

#endif  // POLLUX_MODEL_RULES_H_
