// pollux explain: the model's state after every op, what changed, which rules.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fuzz/input.h"
#include "fuzz/verbs.h"
#include "oracle/explain.h"

namespace pollux {
namespace {

struct Args {
  std::vector<std::string> traces;
  std::string profile;
  bool state = false, json = false;
};

int RunExplain(const Args& args) {
  absl::StatusOr<std::vector<Input>> inputs = LoadTraces(args.traces);
  if (!inputs.ok()) return StatusError(inputs.status());
  nlohmann::ordered_json traces = nlohmann::ordered_json::array();
  for (const Input& input : *inputs) {
    absl::StatusOr<std::unique_ptr<Model>> model = ModelFor(input.trace, args.profile);
    if (!model.ok()) return StatusError(model.status());
    const std::vector<Step> steps = Explain(model->get(), input.trace);
    if (!args.json) {
      if (inputs->size() > 1) std::printf("%s\n", input.path.c_str());
      std::fputs(PrintSteps(steps, args.state).c_str(), stdout);
      continue;
    }
    nlohmann::ordered_json ops = nlohmann::ordered_json::array();
    for (const Step& step : steps) {
      nlohmann::ordered_json rules = nlohmann::ordered_json::array();
      for (const Rule rule : step.rules) rules.push_back(Info(rule).id);
      ops.push_back({{"op", step.op},
                     {"outcome", step.outcome},
                     {"changes", step.changes},
                     {"rules", rules},
                     {"state", step.state}});
    }
    traces.push_back({{"path", input.path}, {"profile", (*model)->profile().name}, {"ops", ops}});
  }
  if (args.json) {
    const nlohmann::ordered_json json = {{"traces", traces}};
    std::printf("%s\n", json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
  }
  return kExitConforms;
}

}  // namespace

Action ExplainVerb(CLI::App* verb) {
  auto args = std::make_shared<Args>();
  verb->add_option("TRACE", args->traces, "traces, or folders of them; - is standard input")->required();
  verb->add_option("--profile", args->profile, "the release that thinks; by default the one the trace names");
  verb->add_flag("--state", args->state, "the whole state after every op, not only what changed");
  verb->add_flag("--json", args->json, "the last line of stdout is the explanation as JSON");
  verb->footer("Example:\n  pollux explain corpus/golden/T6.trace");
  return [args] { return RunExplain(*args); };
}

}  // namespace pollux
