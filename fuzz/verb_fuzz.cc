// pollux fuzz: a campaign.

#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "fuzz/campaign.h"
#include "fuzz/habits.h"
#include "fuzz/input.h"
#include "fuzz/verbs.h"

namespace pollux {
namespace {

// "90", "90s", "5m", "1h".
bool ParseTime(const std::string& text, double* seconds) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *seconds);
  if (error != std::errc() || *seconds < 0) return false;
  const std::string_view unit(rest, static_cast<size_t>(end - rest));
  if (unit == "m") *seconds *= 60;
  if (unit == "h") *seconds *= 3600;
  return unit.empty() || unit == "s" || unit == "m" || unit == "h";
}

struct Args {
  CampaignOptions campaign;
  std::string time;
  std::string expectations;
  bool json = false, no_sleeps = false;
};

int Fuzz(Args* args) {
  CampaignOptions& c = args->campaign;
  if (!args->time.empty() && !ParseTime(args->time, &c.seconds)) {
    return UsageError("--time " + args->time + ": expected seconds, or a number with s, m or h");
  }
  // A count alone ends the campaign by itself.
  if (args->time.empty() && (c.ops > 0 || c.stop_after > 0)) c.seconds = 0;
  if (c.jobs < 1 || c.jobs > 256) return UsageError(absl::StrCat("--jobs ", c.jobs, ": expected 1 to 256"));
  c.sleeps = !args->no_sleeps;
  for (const std::string& type : c.only) {
    if (KindsOf({&type, 1}) == 0) return UsageError(absl::StrCat("--only ", type, ": expected one of ", TypeNames()));
  }
  absl::StatusOr<Expectations> expectations = ExpectationsOf(c.target, args->expectations);
  if (!expectations.ok()) return StatusError(expectations.status());
  c.expectations = *std::move(expectations);
  const absl::StatusOr<Summary> summary = RunCampaign(c);
  if (!summary.ok()) return StatusError(summary.status());
  std::fputs(ToText(*summary).c_str(), stderr);
  if (args->json) {
    std::printf("%s\n", ToJson(*summary).c_str());
  } else {
    for (const Finding& f : summary->findings) std::printf("%s\n", f.path.c_str());
  }
  return ExitStatus(*summary, c);
}

}  // namespace

Action FuzzVerb(CLI::App* verb) {
  auto args = std::make_shared<Args>();
  CampaignOptions& c = args->campaign;
  verb->add_option("--target", c.target, "what is searched: 'pollux targets' lists them")->capture_default_str();
  verb->add_option("--profile", c.profile, "what the model is, e.g. linux-6.1+QUIRK; the target's own by default");
  verb->add_option("--judge", c.judge, "a planted bug in the model that judges (for ci/power)");
  verb->add_option("--time", args->time, "how long: 90, 90s, 5m, 1h (60 s unless --ops or --stop-after is given)");
  verb->add_option("--ops", c.ops, "how many ops are executed");
  verb->add_option("--jobs", c.jobs, "worker processes")->capture_default_str();
  verb->add_option("--seed", c.seed, "makes --jobs 1 --ops N on a model target repeatable");
  verb->add_option("--only", c.only, "types of file that traces use: " + TypeNames())->delimiter(',');
  verb->add_option("--corpus", c.corpus, "a folder of traces to begin with; new ones are added");
  verb->add_option("--artifacts", c.artifacts, "where findings are written")->capture_default_str();
  verb->add_option("--stop-after", c.stop_after, "end after so many findings");
  verb->add_option("--deadline", c.deadline_ms, "milliseconds after which a call counts as blocked")
      ->capture_default_str();
  verb->add_option("--inconclusive-budget", c.inconclusive_budget,
                   "how many traces in a million may be inconclusive before the exit status is 3")
      ->capture_default_str();
  verb->add_flag("--allow-sysctl", c.allow_sysctl, "may lower fs.epoll.max_user_watches while it runs");
  verb->add_flag("--allow-clock", c.allow_clock, "may set CLOCK_REALTIME a nanosecond ahead, and back");
  verb->add_option("--threads", c.threads, "the most threads that a trace has; 0: none has any")
      ->check(CLI::Range(0u, uint32_t{kMaxThreads}))
      ->capture_default_str();
  verb->add_option("--expectations", args->expectations,
                   "a file of what is known to differ (ci/expectations; gvisor's own by default)");
  verb->add_flag("--no-sleeps", args->no_sleeps, "no waits that expire");
  verb->add_flag("--quiet", c.quiet, "no progress");
  verb->add_flag("--json", args->json, "the last line of stdout is the summary as JSON");
  verb->footer(
      "Example:\n  pollux fuzz --time 60 --jobs 2 --corpus corpus.fuzz --artifacts findings\n"
      "  pollux fuzz --target gvisor --time 5m");
  return [args] { return Fuzz(args.get()); };
}

}  // namespace pollux
