// pollux rules: the rules of epoll, and which of them a set of traces covers.

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/input.h"
#include "fuzz/verbs.h"
#include "model/rules.h"
#include "oracle/checker.h"

namespace pollux {

// model/SPEC.md, as it was when this was built (spec_text.cc).
extern const char kSpecText[];

namespace {

struct Args {
  std::vector<std::string> traces;
  std::string profile;
  bool uncovered = false, json = false;
};

struct SpecRule {
  std::string number, statement;  // "R4.7.1", the beginning of what it says
};

bool Cites(std::string_view sources, std::string_view number) {
  for (size_t at = sources.find(number); at != std::string_view::npos; at = sources.find(number, at + 1)) {
    const size_t end = at + number.size();
    if ((at == 0 || sources[at - 1] == ' ') && (end == sources.size() || sources[end] == ' ')) return true;
  }
  return false;
}

// The rules of SPEC.md that no rule of the catalogue stands for.
std::vector<SpecRule> Unreached() {
  std::vector<SpecRule> rules;
  const std::string_view text = kSpecText;
  constexpr std::string_view kBullet = "- **R";
  for (size_t at = text.find(kBullet); at != std::string_view::npos; at = text.find(kBullet, at + 1)) {
    const size_t number = at + kBullet.size() - 1, stars = text.find("**", number);
    const size_t line = std::min(text.find('\n', stars), text.size());
    SpecRule rule = {std::string(text.substr(number, stars - number)),
                     std::string(text.substr(stars + 2, line - stars - 2))};
    bool cited = false;
    for (size_t r = 1; r < kRules && !cited; ++r) cited = Cites(Info(static_cast<Rule>(r)).source, rule.number);
    if (cited) continue;
    // The statement without its evidence tag.
    const size_t tag = rule.statement.find("] ");
    rule.statement.erase(0, rule.statement.starts_with(" [") && tag != std::string::npos ? tag + 2 : 1);
    rules.push_back(std::move(rule));
  }
  return rules;
}

int RunRules(const Args& args) {
  absl::StatusOr<std::vector<Input>> inputs = LoadTraces(args.traces);
  if (!inputs.ok()) return StatusError(inputs.status());

  // How many traces each rule held in.
  std::array<size_t, kRules> covered = {};
  for (const Input& input : *inputs) {
    absl::StatusOr<std::unique_ptr<Model>> model = ModelFor(input.trace, args.profile);
    if (!model.ok()) return StatusError(model.status());
    (*model)->rules().ClearHits();
    JudgeWritten(model->get(), {.ops = input.trace.ops});
    for (size_t r = 1; r < kRules; ++r) covered[r] += (*model)->rules().hits()[r];
  }
  const bool coverage = !args.traces.empty();
  size_t total = 0, hit = 0;
  nlohmann::ordered_json json_rules = nlohmann::ordered_json::array();
  for (size_t r = 1; r < kRules; ++r) {
    const RuleInfo& info = Info(static_cast<Rule>(r));
    ++total;
    hit += covered[r] > 0;
    nlohmann::ordered_json rule = {
        {"id", info.id}, {"statement", info.statement}, {"source", info.source}, {"function", info.function}};
    if (coverage) rule["traces"] = covered[r];
    json_rules.push_back(std::move(rule));
    if (args.json || (args.uncovered && covered[r] > 0)) continue;
    if (coverage) std::printf("%6zu  ", covered[r]);
    std::printf("%-26s %s (%s)\n", std::string(info.id).c_str(), std::string(info.statement).c_str(),
                std::string(info.source).c_str());
  }
  const std::vector<SpecRule> unreached = Unreached();
  if (!args.json && !args.uncovered) {
    for (const SpecRule& rule : unreached) {
      std::printf("%s%-26s no op reaches it yet: %s\n", coverage ? "        " : "", rule.number.c_str(),
                  rule.statement.c_str());
    }
  }
  if (coverage) {
    std::fprintf(stderr, "%zu of %zu rules covered by %zu traces\n", hit, total, inputs->size());
  } else {
    std::fprintf(stderr, "%zu rules; %zu of SPEC.md that no op reaches yet\n", total, unreached.size());
  }
  if (args.json) {
    nlohmann::ordered_json numbers = nlohmann::ordered_json::array();
    for (const SpecRule& rule : unreached) numbers.push_back(rule.number);
    nlohmann::ordered_json json = {{"rules", json_rules}, {"rules_total", total}, {"no_op_reaches", numbers}};
    if (coverage) json["traces"] = inputs->size(), json["rules_hit"] = hit;
    std::printf("%s\n", json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
  }
  return kExitConforms;
}

}  // namespace

Action RulesVerb(CLI::App* verb) {
  auto args = std::make_shared<Args>();
  verb->add_option("TRACE", args->traces, "traces, or folders of them: how many of them each rule holds in");
  verb->add_option("--profile", args->profile, "the release that judges; by default the one each trace names");
  verb->add_flag("--uncovered", args->uncovered, "only the rules that no trace covers");
  verb->add_flag("--json", args->json, "the last line of stdout is all of it as JSON");
  verb->footer("Example:\n  pollux rules\n  pollux rules --uncovered corpus/");
  return [args] { return RunRules(*args); };
}

}  // namespace pollux
