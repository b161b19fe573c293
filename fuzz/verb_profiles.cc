// pollux profiles: the releases the model knows, and their quirks.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "fuzz/verbs.h"
#include "model/profile.h"

namespace pollux {
namespace {

struct Args {
  bool json = false;
};

int RunProfiles(const Args& args) {
  nlohmann::ordered_json profiles = nlohmann::ordered_json::array(), quirks = nlohmann::ordered_json::array();
  for (const Profile& profile : Profiles()) {
    nlohmann::ordered_json on = nlohmann::ordered_json::array(), open = nlohmann::ordered_json::array();
    std::string line;
    for (size_t q = 0; q < kQuirks; ++q) {
      const std::string id(Info(static_cast<Quirk>(q)).id);
      if (profile.quirk[q] == Setting::kOff) continue;
      const bool is_open = profile.quirk[q] == Setting::kOpen;
      (is_open ? open : on).push_back(id);
      line += (line.empty() ? "" : ", ") + id + (is_open ? " (open)" : "");
    }
    profiles.push_back({{"name", profile.name}, {"quirks", on}, {"open", open}});
    if (!args.json) std::printf("%-14s %s\n", profile.name.c_str(), line.empty() ? "the baseline" : line.c_str());
  }
  if (!args.json) std::printf("\nQuirks; an open one may have been back-ported, and is probed:\n");
  for (size_t q = 0; q < kQuirks; ++q) {
    const QuirkInfo& info = Info(static_cast<Quirk>(q));
    quirks.push_back({{"id", info.id}, {"statement", info.statement}, {"source", info.source}});
    if (args.json) continue;
    std::printf("%-28s %s (%s)\n", std::string(info.id).c_str(), std::string(info.statement).c_str(),
                std::string(info.source).c_str());
  }
  if (args.json) {
    const nlohmann::ordered_json json = {{"profiles", profiles}, {"quirks", quirks}};
    std::printf("%s\n", json.dump().c_str());
  }
  return kExitConforms;
}

}  // namespace

Action ProfilesVerb(CLI::App* verb) {
  auto args = std::make_shared<Args>();
  verb->add_flag("--json", args->json, "the last line of stdout is the list as JSON");
  verb->footer("Example:\n  pollux profiles");
  return [args] { return RunProfiles(*args); };
}

}  // namespace pollux
