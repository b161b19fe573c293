#include "oracle/planted.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "oracle/exec.h"
#include "oracle/mistake.h"

namespace pollux {
namespace {

// A model that makes one mistake.
class MistakenModel : public Model, private RuleHook {
 public:
  MistakenModel(const Profile& profile, const Facts& facts, const Mistake& mistake)
      : Model(profile, facts), mistake_(mistake) {
    for (const Rule rule : mistake.rules) rules().Hook(rule, this, this);
  }

  void Run(const Op& op, Outcome* out) override {
    op_ = op, memo_ = 0;
    Scene scene = {*this, op_, memo_};
    if (mistake_.before != nullptr) mistake_.before(scene);
    Model::Run(op_, out);
    if (mistake_.after != nullptr && out->kind != Outcome::kSkipped) mistake_.after(scene, out);
  }

 private:
  bool Decide(Model& model, Rule rule, bool value, uint32_t subject) override {
    Scene scene = {model, op_, memo_, rule, value, subject};
    return mistake_.decide(scene);
  }

  const Mistake& mistake_;
  Op op_;
  int64_t memo_ = 0;
};

class PlantedTarget : public Target {
 public:
  PlantedTarget(std::string name, std::unique_ptr<Model> model) : name_(std::move(name)), model_(std::move(model)) {}

  std::string name() const override { return name_; }
  const Profile& profile() const override { return model_->profile(); }
  const Facts& facts() const override { return model_->facts(); }
  const char* Lacks(Call) const override { return nullptr; }
  void Reset() override { model_->Reset(); }
  void Run(const Op& op, Outcome* out) override {
    if (const char* why = Refused(op)) {
      out->Clear();
      out->kind = Outcome::kSkipped;
      out->note = why;
    } else {
      model_->Run(op, out);
    }
  }

 private:
  std::string name_;
  std::unique_ptr<Model> model_;
};

struct Equivalent {
  Rule rule;
  bool value, beyond;
  std::string_view reason;
};
constexpr Equivalent kEquivalents[] = {
#define EQUIVALENT(rule, value, reason) {Rule::rule, value, false, reason},
#define BEYOND(rule, value, reason) {Rule::rule, value, true, reason},
#include "oracle/planted_equivalents.def"
#undef EQUIVALENT
#undef BEYOND
};

const Equivalent* FindEquivalent(Rule rule, bool value) {
  for (const Equivalent& e : kEquivalents) {
    if (e.rule == rule && e.value == value) return &e;
  }
  return nullptr;
}

struct Bug {
  Rule rule = Rule::kNone;  // forced to `value`
  bool value = false;
  const Mistake* mistake = nullptr;  // or this
};

struct Catalogue {
  std::vector<PlantedInfo> infos;
  std::vector<Bug> bugs;  // parallel

  Catalogue() {
    for (size_t r = 1; r < kRules; ++r) {
      const Rule rule = static_cast<Rule>(r);
      const RuleInfo& info = Info(rule);
      for (const bool value : {false, true}) {
        const Equivalent* e = FindEquivalent(rule, value);
        infos.push_back({.name = absl::StrCat(std::string(info.id), value ? "=true" : "=false"),
                         .area = info.id.substr(0, info.id.find('.')),
                         .statement = absl::StrCat(value ? "always: " : "never: ", std::string(info.statement)),
                         .equivalent = e == nullptr ? std::string_view() : e->reason,
                         .beyond = e != nullptr && e->beyond});
        bugs.push_back({rule, value});
      }
    }
    for (const std::vector<Mistake>* table :
         {&EpollMistakes(), &FileMistakes(), &UnixMistakes(), &InetMistakes(), &DoorMistakes(), &NamedMistakes(),
          &NetlinkMistakes(), &ProcessMistakes(), &NotifyMistakes(), &SignalMistakes(), &PtyMistakes(),
          &ThreadMistakes()}) {
      for (const Mistake& m : *table) {
        infos.push_back(
            {.name = std::string(m.name), .area = m.area, .statement = std::string(m.statement), .named = true});
        bugs.push_back({.mistake = &m});
      }
    }
  }
};

const Catalogue& TheCatalogue() {
  static const Catalogue catalogue;
  return catalogue;
}

const Bug& BugOf(const PlantedInfo& info) {
  const Catalogue& c = TheCatalogue();
  return c.bugs[static_cast<size_t>(&info - c.infos.data())];
}

}  // namespace

const std::vector<PlantedInfo>& PlantedBugs() { return TheCatalogue().infos; }

const PlantedInfo* FindPlanted(std::string_view name) {
  for (const PlantedInfo& info : PlantedBugs()) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

Facts PlantedFacts(const PlantedInfo& bug) {
  Facts facts;
  facts.pipe_unlimited = facts.net_admin = false;
  const Bug& b = BugOf(bug);
  facts.pm_sleep = b.rule == Rule::kCtlWakeupStripped && b.value;
  return facts;
}

bool ShowsInJudge(const PlantedInfo& bug, const Facts& facts) {
  if (!bug.equivalent.empty()) return false;
  const Bug& b = BugOf(bug);
  switch (b.rule) {
    // A judge that believes that a call would sleep has it made with timeout 0, or left out.
    case Rule::kWaitBlocks:
    case Rule::kPollBlocks:
    case Rule::kUnixBlockingEof:
    case Rule::kUdpBlockingEof:
    case Rule::kAcceptShut:
    case Rule::kFifoSleeps:
      return false;
    case Rule::kCtlWakeupStripped:
      return b.value == facts.pm_sleep;
    case Rule::kPipeSizeLimit:
      return b.value || !facts.pipe_unlimited;
    case Rule::kParamsBudget:
      return facts.busy_poll && (b.value || !facts.net_admin);
    default:
      return true;
  }
}

bool NeedsClock(const PlantedInfo& bug) {
  const Bug& b = BugOf(bug);
  return b.mistake == nullptr && (b.rule == Rule::kTimerfdJump || b.rule == Rule::kTimerfdCanceled);
}

std::unique_ptr<Model> NewPlantedModel(const PlantedInfo& bug, const Profile& profile, const Facts& facts) {
  const Bug& b = BugOf(bug);
  if (b.mistake != nullptr) return std::make_unique<MistakenModel>(profile, facts, *b.mistake);
  auto model = std::make_unique<Model>(profile, facts);
  model->rules().Force(b.rule, b.value);
  return model;
}

std::unique_ptr<Target> NewPlantedTarget(const PlantedInfo& bug) {
  Profile profile;
  FindProfile("linux-6.18", &profile);
  return std::make_unique<PlantedTarget>(absl::StrCat("planted:", bug.name),
                                         NewPlantedModel(bug, profile, PlantedFacts(bug)));
}

}  // namespace pollux
