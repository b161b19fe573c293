// How fast planted bugs are found: a campaign for each, from an empty corpus, with one job, counted in executed ops.
//
//     power [--named] [--judges N] [--seed S] [--ops N] [--lanes N] [--allow-sysctl] [--json] [NAME...]
//
// Prints a table (name, area, ops to the first divergence, traces, ops of the minimal trace, executions of the
// minimizer), the equivalents with their reasons, and the median. Exit 0 if every bug was found and minimized. With
// --judges the bugs are in the judge and native is the target. Lanes are processes; each bug is one campaign whose
// result depends on the seed alone (where the target is a model).

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fuzz/campaign.h"
#include "fuzz/corpus.h"
#include "fuzz/random.h"
#include "oracle/planted.h"

namespace pollux {
namespace {

struct Options {
  bool named = false, json = false, allow_sysctl = false, allow_clock = false;
  int judges = 0, lanes = 2;
  uint64_t seed = 1, ops = 15000000;
  std::vector<std::string> names;
};

// What a lane says of a bug; small enough to be written to a pipe at once.
struct Row {
  size_t bug;
  bool ran, found, minimal;
  int executions;
  uint64_t ops, traces;
  size_t minimal_ops;
  double seconds;
  char signature[160];
};

// What native can show of a judge's bug depends on the facts of this machine, and on whether its quota can be filled.
struct Native {
  Facts facts;
  const char* no_quota = nullptr;  // why not
  const char* no_clock = nullptr;
};

Native LookAtNative(const Options& options) {
  Native look;
  TargetOptions target_options;
  target_options.allow_sysctl = options.allow_sysctl;
  target_options.allow_clock = options.allow_clock;
  absl::StatusOr<std::unique_ptr<Target>> native = OpenTarget("native", target_options);
  if (!native.ok()) return look;  // the hunts will say why
  look.facts = (*native)->facts();
  look.no_clock = (*native)->Lacks(Call::kJumpClock);
  look.no_quota = (*native)->Lacks(Call::kWatches);
  if (look.no_quota != nullptr) return look;
  Op op;
  op.call = Call::kWatches, op.arg[0] = 4;
  Outcome outcome;
  (*native)->Reset();
  (*native)->Run(op, &outcome);
  if (outcome.kind == Outcome::kSkipped) look.no_quota = outcome.note;
  return look;
}

std::vector<size_t> Chosen(const Options& options) {
  const std::vector<PlantedInfo>& bugs = PlantedBugs();
  std::vector<size_t> chosen;
  for (size_t i = 0; i < bugs.size(); ++i) {
    const bool asked = std::find(options.names.begin(), options.names.end(), bugs[i].name) != options.names.end();
    if (asked || (options.names.empty() && bugs[i].equivalent.empty() && (bugs[i].named || !options.named))) {
      chosen.push_back(i);
    }
  }
  if (options.judges == 0) return chosen;
  const Native native = LookAtNative(options);
  const size_t all = chosen.size();
  std::erase_if(chosen, [&](size_t i) {
    return !ShowsInJudge(bugs[i], native.facts) || (native.no_quota != nullptr && bugs[i].area == "quota") ||
           (native.no_clock != nullptr && NeedsClock(bugs[i]));
  });
  if (native.no_quota != nullptr) std::printf("not drawn: the quota's bugs (%s)\n", native.no_quota);
  if (native.no_clock != nullptr) std::printf("not drawn: the clock's bugs (%s)\n", native.no_clock);
  std::printf("drawn from %zu of %zu that this machine can show\n\n", chosen.size(), all);
  std::fflush(stdout);
  Random random(options.seed);
  while (chosen.size() > static_cast<size_t>(options.judges)) {
    chosen.erase(chosen.begin() + random.Below(static_cast<uint32_t>(chosen.size())));
  }
  return chosen;
}

Row Hunt(const Options& options, size_t bug, const std::string& folder) {
  const PlantedInfo& info = PlantedBugs()[bug];
  CampaignOptions campaign;
  if (options.judges > 0) {
    campaign.target = "native", campaign.judge = info.name;
  } else {
    campaign.target = "planted:" + info.name;
  }
  campaign.seconds = 0, campaign.ops = options.ops, campaign.seed = options.seed, campaign.stop_after = 1;
  campaign.allow_sysctl = options.allow_sysctl, campaign.allow_clock = options.allow_clock;
  campaign.artifacts = absl::StrCat(folder, "/", bug), campaign.quiet = true;
  const absl::StatusOr<Summary> summary = RunCampaign(campaign);
  Row row = {.bug = bug};
  if (!summary.ok()) {
    std::snprintf(row.signature, sizeof row.signature, "%s", std::string(summary.status().message()).c_str());
    return row;
  }
  row.ran = true, row.ops = summary->ops, row.traces = summary->traces, row.seconds = summary->seconds;
  row.found = !summary->findings.empty();
  if (row.found) {
    const Finding& f = summary->findings.front();
    row.minimal_ops = f.ops, row.executions = f.executions, row.minimal = f.minimal;
    std::snprintf(row.signature, sizeof row.signature, "%s", f.signature.c_str());
  }
  return row;
}

void Print(const Row& row) {
  const PlantedInfo& info = PlantedBugs()[row.bug];
  if (!row.ran) {
    std::printf("%-34s %-11s cannot run: %s\n", info.name.c_str(), std::string(info.area).c_str(), row.signature);
  } else if (!row.found) {
    std::printf("%-34s %-11s NOT FOUND in %llu ops\n", info.name.c_str(), std::string(info.area).c_str(),
                static_cast<unsigned long long>(row.ops));
  } else {
    std::printf("%-34s %-11s %9llu %8llu %8zu %6d%s  %s\n", info.name.c_str(), std::string(info.area).c_str(),
                static_cast<unsigned long long>(row.ops), static_cast<unsigned long long>(row.traces), row.minimal_ops,
                row.executions, row.minimal ? " " : "!", row.signature);
  }
}

int Report(const Options& options, std::vector<Row> rows, size_t asked) {
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.bug < b.bug; });
  std::printf("%-34s %-11s %9s %8s %8s %6s   %s\n", "bug", "area", "ops", "traces", "minimal", "runs", "divergence");
  std::vector<uint64_t> ops;
  size_t minimal = 0, longest = 0;
  int most = 0;
  for (const Row& row : rows) {
    Print(row);
    if (!row.found) continue;
    ops.push_back(row.ops);
    minimal += row.minimal;
    most = std::max(most, row.executions), longest = std::max(longest, row.minimal_ops);
  }
  if (options.names.empty() && !options.named) {
    std::printf("\nequivalent, and why:\n");
    for (const PlantedInfo& info : PlantedBugs()) {
      if (!info.equivalent.empty()) {
        std::printf("%-34s %s\n", info.name.c_str(), std::string(info.equivalent).c_str());
      }
    }
  }
  std::sort(ops.begin(), ops.end());
  const uint64_t median = ops.empty() ? 0 : ops[ops.size() / 2], worst = ops.empty() ? 0 : ops.back();
  std::printf("\n%zu of %zu found; ops: median %llu, most %llu; minimal %zu, at most %zu ops, at most %d executions\n",
              ops.size(), asked, static_cast<unsigned long long>(median), static_cast<unsigned long long>(worst),
              minimal, longest, most);
  if (options.json) {
    nlohmann::ordered_json bugs = nlohmann::ordered_json::array();
    for (const Row& row : rows) {
      const PlantedInfo& info = PlantedBugs()[row.bug];
      bugs.push_back({{"name", info.name},
                      {"area", info.area},
                      {"found", row.found},
                      {"ops", row.ops},
                      {"traces", row.traces},
                      {"minimal_ops", row.minimal_ops},
                      {"executions", row.executions},
                      {"minimal", row.minimal},
                      {"signature", row.signature}});
    }
    const nlohmann::ordered_json json = {{"seed", options.seed}, {"found", ops.size()}, {"bugs_total", asked},
                                         {"median_ops", median}, {"most_ops", worst},   {"most_executions", most},
                                         {"bugs", bugs}};
    std::printf("%s\n", json.dump().c_str());
  }
  return ops.size() == asked && minimal == asked ? 0 : 1;
}

int Power(const Options& options) {
  const std::vector<size_t> chosen = Chosen(options);
  const TemporaryFolder folder;
  int pipes[2];
  if (folder.path().empty() || pipe(pipes) != 0) {
    std::fputs("power: no temporary folder or pipe\n", stderr);
    return 4;
  }
  std::vector<pid_t> lanes;
  for (int lane = 0; lane < options.lanes; ++lane) {
    const pid_t pid = fork();
    if (pid == 0) {
      close(pipes[0]);
      for (size_t i = static_cast<size_t>(lane); i < chosen.size(); i += static_cast<size_t>(options.lanes)) {
        const Row row = Hunt(options, chosen[i], folder.path());
        if (write(pipes[1], &row, sizeof row) != sizeof row) _exit(1);
      }
      _exit(0);
    }
    if (pid > 0) lanes.push_back(pid);
  }
  close(pipes[1]);
  std::vector<Row> rows;
  Row row;
  while (read(pipes[0], &row, sizeof row) == sizeof row) {
    rows.push_back(row);
    std::fprintf(stderr, "%zu/%zu %s: %s\n", rows.size(), chosen.size(), PlantedBugs()[row.bug].name.c_str(),
                 row.found ? row.signature : "not found");
  }
  for (const pid_t pid : lanes) waitpid(pid, nullptr, 0);
  return Report(options, std::move(rows), chosen.size());
}

}  // namespace
}  // namespace pollux

int main(int argc, char** argv) {
  pollux::Options options;
  CLI::App app("How fast planted bugs are found, in executed ops.", "power");
  app.add_flag("--named", options.named, "the named mistakes only, not the forced rules");
  app.add_flag("--json", options.json, "the last line is one object");
  app.add_flag("--allow-sysctl", options.allow_sysctl, "with --judges: the quota may lower fs.epoll.max_user_watches");
  app.add_flag("--allow-clock", options.allow_clock, "with --judges: CLOCK_REALTIME may jump a nanosecond, and back");
  app.add_option("--judges", options.judges, "so many bugs, drawn by seed, in the judge of native");
  app.add_option("--seed", options.seed, "of campaigns and of the draw");
  app.add_option("--ops", options.ops, "executed ops after which a hunt is given up");
  app.add_option("--lanes", options.lanes, "hunts at a time")->check(CLI::Range(1, 64));
  app.add_option("NAME", options.names, "these bugs only");
  app.footer("Example:\n  power --named --seed 7");
  CLI11_PARSE(app, argc, argv);
  for (const std::string& name : options.names) {
    if (pollux::FindPlanted(name) != nullptr) continue;
    std::fprintf(stderr, "power: no planted bug is called '%s'; 'pollux targets' lists them\n", name.c_str());
    return 2;
  }
  return pollux::Power(options);
}
