// What checking costs: ratios to the bare system calls, measured in one run.
//
//     bench [--rounds N] [--traces N] [--seconds S] [--json]
//
// Bare, checked and model alone run over the same traces, drawn by the default generator without waits that sleep, in
// turns, a few traces at a time, so that a change of the machine's pace meets all of them and none waits for traces to
// come from memory; what is printed is the median of the rounds. Bare is a flat array of system calls fixed beforehand,
// its reset included, that stores nothing (oracle/bare.h). It repeats every op that is executed, of every type of file.
// Exit 0 if every bar is met, 1 if not.

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fuzz/campaign.h"
#include "fuzz/generator.h"
#include "fuzz/ops.h"
#include "model/model.h"
#include "oracle/bare.h"
#include "oracle/checker.h"
#include "oracle/native.h"

namespace pollux {
namespace {

struct Options {
  int rounds = 7, traces = 3000, pairs = 5;
  double seconds = 10;
  bool json = false;
  bool busy = false;  // processor time counts, not time
};

double Now(bool busy) {
  timespec now;
  clock_gettime(busy ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double Seconds(const std::function<void()>& work, bool busy = false) {
  const double start = Now(busy);
  work();
  return Now(busy) - start;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// What a process of its own has measured: native takes its thread over for good.
struct Measured {
  bool done;
  char error[256];
  uint64_t drawn, ops, calls;   // ops in the traces, and those that both execute
  double bare, checked, model;  // ops per second
  double checked_over_bare;     // median of the rounds' ratios
};

void MeasureChecking(const Options& options, Measured* out) {
  TargetOptions target_options;
  target_options.own_thread = false;
  absl::StatusOr<std::unique_ptr<NativeTarget>> target = NativeTarget::Open(target_options);
  if (!target.ok()) {
    std::snprintf(out->error, sizeof out->error, "%s", std::string(target.status().message()).c_str());
    return;
  }
  Model model((*target)->profile(), (*target)->facts());
  Checker checker(target->get(), &model);
  Generator generator({.sleeps = false, .watches = false, .threads = 0});
  Random random(1);
  // Traces as a campaign runs them: what would block is taken out first. One that was not explained is no measure.
  std::vector<std::vector<Op>> traces(static_cast<size_t>(options.traces));
  std::deque<Bare> bare;
  for (std::vector<Op>& ops : traces) {
    generator.Draw(&random, &ops);
    if (checker.Run(&ops, {.never_block = true}).value != Verdict::kConforms) ops.clear();
  }
  for (const std::vector<Op>& ops : traces) {
    bare.emplace_back(&(*target)->exec(), ops);
    out->calls += bare.back().calls();
    out->ops += bare.back().ops(), out->drawn += ops.size();
  }
  std::vector<std::vector<Op>> resolved;
  for (const std::vector<Op>& ops : traces) {
    Bindings bindings;
    Outcome outcome;
    std::vector<Op> literal;
    model.Reset();
    for (const Op& op : ops) {
      literal.push_back(bindings.Resolve(op));
      model.Run(literal.back(), &outcome);
      bindings.Bind(op, outcome);
    }
    resolved.push_back(std::move(literal));
  }
  Outcome outcome;
  const auto run_bare = [&](size_t i) { bare[i].Replay(); };
  const auto run_checked = [&](size_t i) { (void)checker.Run(&traces[i], {.never_block = true}); };
  const auto run_model = [&](size_t i) {
    model.Reset();
    model.rules().ClearHits();
    for (const Op& op : resolved[i]) model.rules().StartOp(), model.Run(op, &outcome);
  };
  constexpr size_t kTurn = 50;  // traces
  std::vector<double> bares, checkeds, models, ratios;
  const double ops = static_cast<double>(out->ops);
  for (int round = 0; round <= options.rounds; ++round) {
    double b = 0, c = 0, m = 0;
    for (size_t from = 0; from < traces.size(); from += kTurn) {
      const auto seconds = [&](const std::function<void(size_t)>& run) {
        (*target)->exec().Reset();  // a checked trace leaves its limit and its descriptors behind
        return Seconds(
            [&] {
              for (size_t i = from; i < std::min(from + kTurn, traces.size()); ++i) run(i);
            },
            options.busy);
      };
      // Half of bare before checked, half behind it: a drift meets both alike.
      b += seconds(run_bare) / 2;
      c += seconds(run_checked);
      b += seconds(run_bare) / 2;
      m += seconds(run_model);
    }
    if (round == 0) continue;  // caches
    bares.push_back(ops / b), checkeds.push_back(ops / c), models.push_back(ops / m), ratios.push_back(b / c);
  }
  out->bare = Median(bares), out->checked = Median(checkeds), out->model = Median(models);
  out->checked_over_bare = Median(ratios);
  out->done = true;
}

bool InOwnProcess(const Options& options, Measured* result) {
  void* p = mmap(nullptr, sizeof(Measured), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return false;
  const pid_t pid = fork();
  if (pid == 0) {
    MeasureChecking(options, static_cast<Measured*>(p));
    _exit(0);
  }
  if (pid > 0) waitpid(pid, nullptr, 0);
  *result = *static_cast<Measured*>(p);
  munmap(p, sizeof(Measured));
  return result->done;
}

// --- The model's own costs, by size ----------------------------------------------------------------------------------

struct PerItem {
  double add = 1e9, del = 1e9, notify = 1e9, harvest = 1e9;  // nanoseconds
};

// One instance watches n numbers of one eventfd.
PerItem MeasureItems(int32_t n) {
  Model model(Profiles().back());
  Outcome out;
  const auto run = [&](const Op& op) { model.Run(op, &out); };
  const Fd ep = Fd::Literal(3), first = Fd::Literal(4);
  PerItem best;
  const int repeats = std::max(1, 200000 / n);
  for (int round = 0; round < 5; ++round) {
    double add = 0, del = 0, notify = 0, harvest = 0;
    for (int i = 0; i < repeats; ++i) {
      model.Reset();
      run(ops::Prlimit(static_cast<uint64_t>(n) + 16));
      run(ops::EpollCreate1());
      run(ops::Eventfd(0, kONonblock));
      for (int32_t k = 1; k < n; ++k) run(ops::Dup(first));
      add += Seconds([&] {
        for (int32_t k = 0; k < n; ++k) run(ops::Add(ep, Fd::Literal(4 + k), kIn | kEt, static_cast<uint64_t>(k)));
      });
      notify += Seconds([&] { run(ops::Write(first, 8, 1)); });
      harvest += Seconds([&] { run(ops::Wait(ep, n)); });
      del += Seconds([&] {
        for (int32_t k = 0; k < n; ++k) run(ops::Del(ep, Fd::Literal(4 + k)));
      });
    }
    const double items = static_cast<double>(n) * repeats * 1e-9;
    best.add = std::min(best.add, add / items), best.del = std::min(best.del, del / items);
    best.notify = std::min(best.notify, notify / items), best.harvest = std::min(best.harvest, harvest / items);
  }
  return best;
}

double Growth(const PerItem& small, const PerItem& large) {
  return std::max(
      {large.add / small.add, large.del / small.del, large.notify / small.notify, large.harvest / small.harvest});
}

// --- Campaigns -------------------------------------------------------------------------------------------------------

double CampaignRate(int jobs, double seconds) {
  CampaignOptions campaign;
  campaign.jobs = jobs;
  campaign.seconds = seconds;
  campaign.seed = 1;
  campaign.sleeps = false, campaign.threads = 0;
  campaign.quiet = true;
  campaign.artifacts = "bench-artifacts";
  const absl::StatusOr<Summary> summary = RunCampaign(campaign);
  return summary.ok() ? summary->ops_per_second() : 0;
}

int Bench(const Options& options) {
  nlohmann::ordered_json json;
  bool met = true;
  const auto say = [&](const char* name, double value, const char* unit, double bar, bool at_most = false) {
    json[name] = value;
    if (bar == 0) {
      std::printf("%-32s %14.2f %s\n", name, value, unit);
    } else {
      const bool good = at_most ? value <= bar : value >= bar;
      met &= good;
      std::printf("%-32s %14.2f %s  bar %s %.2f%s\n", name, value, unit, at_most ? "<=" : ">=", bar,
                  good ? "" : "  MISSED");
    }
    std::fflush(stdout);
  };
  Measured m = {};
  if (!InOwnProcess(options, &m)) {
    std::fprintf(stderr, "bench: native cannot run here: %s\n", m.error);
    return 4;
  }
  say("ops that bare covers", 100.0 * static_cast<double>(m.ops) / static_cast<double>(m.drawn), "%", 0);
  say("bare", m.bare, "ops/s", 0);
  say("checked", m.checked, "ops/s", 0);
  say("checked over bare", m.checked_over_bare, "", 0.80);
  const double campaign = CampaignRate(1, options.seconds);
  say("campaign", campaign, "ops/s", 0);
  say("campaign over bare", campaign / m.bare, "", 0.60);
  say("model alone", m.model, "ops/s", 0);
  const PerItem ten = MeasureItems(10), many = MeasureItems(100000), most = MeasureItems(1000000);
  for (const auto& [name, p] : {std::pair("10 items", ten), {"100000 items", many}, {"1000000 items", most}}) {
    std::printf("%-32s add %.1f  del %.1f  notify %.1f  harvest %.1f ns an item\n", name, p.add, p.del, p.notify,
                p.harvest);
    json[name] = {{"add", p.add}, {"del", p.del}, {"notify", p.notify}, {"harvest", p.harvest}};
  }
  say("100000 items over 10", Growth(ten, many), "", 8, true);
  say("1000000 items over 10", Growth(ten, most), "", 0);
  std::vector<double> gains;
  for (int i = 0; i < options.pairs; ++i) {
    const double one = CampaignRate(1, options.seconds / 2);
    gains.push_back(CampaignRate(2, options.seconds / 2) / one);
  }
  if (!gains.empty()) say("two jobs over one", Median(gains), "", 1.8);
  if (options.json) std::printf("%s\n", json.dump().c_str());
  return met ? 0 : 1;
}

}  // namespace
}  // namespace pollux

int main(int argc, char** argv) {
  pollux::Options options;
  CLI::App app("What checking costs, as ratios to the bare system calls", "bench");
  app.add_option("--rounds", options.rounds, "of bare, checked and model in turn")->capture_default_str();
  app.add_option("--traces", options.traces, "in a round")->capture_default_str();
  app.add_option("--seconds", options.seconds, "of a campaign")->capture_default_str();
  app.add_option("--pairs", options.pairs, "of campaigns with one job and two")->capture_default_str();
  app.add_flag("--busy", options.busy, "bare and checked by processor time: other work disturbs less");
  app.add_flag("--json", options.json, "the last line is one JSON object");
  CLI11_PARSE(app, argc, argv);
  return pollux::Bench(options);
}
