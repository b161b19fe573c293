// Steps of a trace on the model, with what they changed.

#include "oracle/explain.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "model/text.h"
#include "oracle/exec.h"

namespace pollux {
namespace {

// A line of Model::Describe, split into what it speaks of and what it says. Lines of one instance begin with its
// number.
struct Fact {
  std::string subject, value;
  std::string text() const { return subject + " " + value; }
};

std::vector<Fact> StateFacts(const Model& model) {
  std::vector<Fact> facts;
  const std::string text = model.Describe();
  std::string owner;
  for (size_t from = 0; from < text.size();) {
    const size_t end = std::min(text.find('\n', from), text.size());
    std::string_view line(text.data() + from, end - from);
    from = end + 1;
    const bool inner = line.starts_with("  ");
    if (!inner) {
      const size_t colon = line.find(": ");
      if (colon == std::string_view::npos) {  // "RLIMIT_NOFILE 5"
        const size_t space = line.rfind(' ');
        facts.push_back({std::string(line.substr(0, space)), std::string(line.substr(space + 1))});
        continue;
      }
      owner = line.substr(0, colon + 1);
      facts.push_back({owner, std::string(line.substr(colon + 2))});
      continue;
    }
    line.remove_prefix(2);
    // "item 4 0x7 MASK": the item is its number and data. "ready [...]".
    size_t split = line.find(' ');
    if (line.starts_with("item ")) split = line.find(' ', line.find(' ', split + 1) + 1);
    split = std::min(split, line.size());
    facts.push_back(
        {owner + " " + std::string(line.substr(0, split)), std::string(line.substr(std::min(split + 1, line.size())))});
  }
  return facts;
}

std::vector<std::string> Changes(const std::vector<Fact>& before, const std::vector<Fact>& after) {
  std::vector<std::string> changes;
  std::vector<bool> met(before.size());
  for (const Fact& now : after) {
    size_t i = 0;
    while (i < before.size() && (met[i] || before[i].subject != now.subject)) ++i;
    if (i == before.size()) {
      changes.push_back("+ " + now.text());
      continue;
    }
    met[i] = true;
    if (before[i].value != now.value)
      changes.push_back("  " + now.subject + " " + before[i].value + " -> " + now.value);
  }
  for (size_t i = 0; i < before.size(); ++i) {
    if (!met[i]) changes.push_back("- " + before[i].text());
  }
  return changes;
}

std::vector<Rule> Held(const Rules& rules) {
  std::vector<Rule> held;
  for (size_t i = 0; i < rules.trail_size(); ++i) {
    if (std::find(held.begin(), held.end(), rules.trail(i)) == held.end()) held.push_back(rules.trail(i));
  }
  return held;
}

}  // namespace

std::vector<Step> Explain(Model* model, const Trace& trace) {
  std::vector<Step> steps;
  Bindings bindings;
  Outcome outcome;
  const std::vector<std::string> lines = PrintOps(trace);
  model->Reset();
  std::vector<Fact> before = StateFacts(*model);
  for (size_t i = 0; i < trace.ops.size(); ++i) {
    const Op op = bindings.Resolve(trace.ops[i]);
    Step step;
    step.op = lines[i];
    if (const char* why = Refused(op)) {
      outcome.Clear();
      outcome.kind = Outcome::kSkipped;
      outcome.note = why;
    } else {
      model->Run(op, &outcome);
      step.rules = Held(model->rules());
    }
    bindings.Bind(trace.ops[i], outcome);
    step.outcome = PrintOutcome(op, outcome);
    if (outcome.kind == Outcome::kSkipped && outcome.note != nullptr) step.outcome += std::string(": ") + outcome.note;
    std::vector<Fact> after = StateFacts(*model);
    step.changes = Changes(before, after);
    for (const Fact& fact : after) step.state.push_back(fact.text());
    before = std::move(after);
    steps.push_back(std::move(step));
  }
  return steps;
}

std::string PrintSteps(const std::vector<Step>& steps, bool whole_state) {
  std::string text;
  std::array<bool, kRules> stated = {};
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    text += std::to_string(i + 1) + "  " + step.op + " = " + step.outcome + "\n";
    for (const std::string& line : whole_state ? step.state : step.changes) {
      text += (whole_state ? "       " : "     ") + line + "\n";
    }
    std::string known;
    for (const Rule rule : step.rules) {
      const RuleInfo& info = Info(rule);
      bool& once = stated[static_cast<size_t>(rule)];
      if (once) {
        known += (known.empty() ? "" : ", ") + std::string(info.id);
      } else {
        text += "     . " + std::string(info.id) + ": " + std::string(info.statement) + " (" +
                std::string(info.source) + ")\n";
      }
      once = true;
    }
    if (!known.empty()) text += "     . " + known + "\n";
  }
  return text;
}

}  // namespace pollux
