// pollux targets: what can execute traces here.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fuzz/verbs.h"
#include "oracle/planted.h"
#include "oracle/target.h"

namespace pollux {
namespace {

struct Args {
  bool planted = false, json = false;
};

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// What there is to say about a target that has to be asked.
nlohmann::ordered_json Describe(const std::string& name, const char* what, bool people) {
  absl::StatusOr<std::unique_ptr<Target>> target = OpenTarget(name);
  nlohmann::ordered_json json = {{"name", name}, {"available", target.ok()}};
  if (!target.ok()) {
    json["reason"] = Message(target.status());
    if (people) std::printf("%-24s not available: %s\n", name.c_str(), Message(target.status()).c_str());
    return json;
  }
  json["profile"] = (*target)->profile().name;
  if (people) std::printf("%-24s %s, held to %s\n", name.c_str(), what, (*target)->profile().name.c_str());
  for (const Quirk quirk : (*target)->probed()) {
    const std::string id(Info(quirk).id);
    const bool on = (*target)->profile()[quirk];
    json["probed"][id] = on;
    if (people) std::printf("%-24s   probed: %s is %s\n", "", id.c_str(), on ? "on" : "off");
  }
  for (size_t call = 0; call < kCalls; ++call) {
    const char* why = (*target)->Lacks(static_cast<Call>(call));
    if (why == nullptr) continue;
    json["lacks"][std::string(Spec(static_cast<Call>(call)).name)] = why;
    if (people)
      std::printf("%-24s   without %s: %s\n", "", std::string(Spec(static_cast<Call>(call)).name).c_str(), why);
  }
  if (const char* why = (*target)->LacksCaller32()) {
    json["lacks"]["i386"] = why;
    if (people) std::printf("%-24s   without 32-bit callers: %s\n", "", why);
  }
  const std::string stepping = SteppingText((*target)->Threads());
  json["threads"] = stepping;
  if (people) std::printf("%-24s   threads are %s\n", "", stepping.c_str());
  const auto facts = PrintFacts((*target)->facts()), defaults = PrintFacts(Facts());
  for (size_t i = 0; i < facts.size(); ++i) {
    json["facts"][facts[i].first] = facts[i].second;
    if (people && facts[i].second != defaults[i].second) {
      std::printf("%-24s   fact %s %s\n", "", facts[i].first.c_str(), facts[i].second.c_str());
    }
  }
  return json;
}

int RunTargets(const Args& args) {
  nlohmann::ordered_json targets = nlohmann::ordered_json::array(
      {Describe("native", "this kernel", !args.json), Describe("gvisor", "gVisor, by runsc", !args.json)});
  if (!args.json) std::printf("%-24s a command that runs pollux-agent on its stdin and stdout\n", "exec:COMMAND");
  for (const Profile& profile : Profiles()) {
    const std::string name = "model:" + profile.name;
    targets.push_back({{"name", name}, {"available", true}, {"profile", profile.name}});
    if (!args.json) std::printf("%-24s the model itself\n", name.c_str());
  }
  for (const PlantedInfo& bug : PlantedBugs()) {
    targets.push_back({{"name", "planted:" + bug.name},
                       {"available", true},
                       {"area", bug.area},
                       {"statement", bug.statement},
                       {"equivalent", bug.equivalent}});
    if (!args.json && args.planted) {
      std::printf("planted:%-40s %s\n", bug.name.c_str(), bug.statement.c_str());
    }
  }
  if (!args.json && !args.planted) {
    std::printf("%-24s one of %zu planted bugs; --planted lists them\n", "planted:NAME", PlantedBugs().size());
  }
  if (args.json) {
    const nlohmann::ordered_json json = {{"targets", targets}};
    std::printf("%s\n", json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
  }
  return kExitConforms;
}

}  // namespace

Action TargetsVerb(CLI::App* verb) {
  auto args = std::make_shared<Args>();
  verb->add_flag("--planted", args->planted, "list the planted bugs as well");
  verb->add_flag("--json", args->json, "the last line of stdout is the list as JSON");
  verb->footer("Example:\n  pollux targets --planted");
  return [args] { return RunTargets(*args); };
}

}  // namespace pollux
