// A campaign: what it is asked to do, and what came of it.

#ifndef POLLUX_FUZZ_CAMPAIGN_H_
#define POLLUX_FUZZ_CAMPAIGN_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "oracle/expectations.h"

namespace pollux {

struct CampaignOptions {
  std::string target = "native";
  std::string profile;  // what the model is; empty: the target's own
  std::string judge;    // a planted bug in the judging model (ci/power); empty: none
  double seconds = 60;  // 0: no limit
  uint64_t ops = 0;     // executed ops after which it ends; 0: no limit
  int jobs = 1;
  uint64_t seed = 0;   // 0: another one each time
  std::string corpus;  // a folder that is read and grows; empty: a private one
  std::string artifacts = "artifacts";
  int stop_after = 0;  // end after so many findings; 0: never
  bool allow_sysctl = false, allow_clock = false;
  int deadline_ms = 1000;
  uint32_t observe_every = 32;     // fdinfo of every instance is compared at the end of every n-th trace
  double inconclusive_budget = 0;  // how many traces in a million may be inconclusive
  bool sleeps = true;              // rarely, 1 ms waits that may expire
  uint32_t threads = 6;            // the most that a trace has; 0: none has any
  bool quiet = false;              // no progress
  Expectations expectations;       // what is known to differ
  std::vector<std::string> only;   // types of file that traces use (fuzz/habits.h); empty: all
};

struct Finding {
  std::string signature;  // the kind of the minimal trace
  std::string as_if;      // quirks and planted mistakes that explain it, comma separated
  uint64_t count = 0;     // diverging traces of its kinds
  size_t ops = 0;         // of the minimal trace
  int executions = 0;     // that minimizing took
  bool minimal = false;   // 1-minimal; false if the minimizer's budget ran out
  std::string path;       // the minimal annotated trace
  double rate = 1;        // how often it reproduced; 0: never
};

// Which rules of one type of file held.
struct TypeRules {
  std::string type;
  size_t hit = 0, total = 0;
  std::vector<std::string> missed;
};

struct Summary {
  std::string target, profile;
  std::string stepping;  // how threads are stepped, or why not; empty: the campaign has none
  double seconds = 0;
  uint64_t traces = 0, ops = 0;
  std::vector<Finding> findings;  // reproduced
  std::vector<Finding> unreproducible;
  std::vector<Finding> expected;           // reproduced, and known (CampaignOptions::expectations)
  uint64_t exact = 0;                      // ops that did the one thing that was allowed
  std::map<std::string, uint64_t> by_set;  // ops that did one of several things, by why
  std::map<std::string, uint64_t> inconclusive, skipped;
  size_t rules_hit = 0, rules_total = 0;
  std::vector<TypeRules> type_rules;  // of CampaignOptions::only
  bool interrupted = false;
  uint64_t worker_deaths = 0;
  uint64_t target_deaths = 0;  // of a target that is a command, by an op or from outside

  double ops_per_second() const { return seconds > 0 ? static_cast<double>(ops) / seconds : 0; }
};

// Runs a campaign: forks its workers, so the caller must have no other threads. Progress goes to stderr. UNAVAILABLE
// where the target cannot run here; INVALID_ARGUMENT for what the user should mend.
absl::StatusOr<Summary> RunCampaign(const CampaignOptions& options);

// The exit status of `pollux fuzz`.
int ExitStatus(const Summary& summary, const CampaignOptions& options);

// One line of JSON; and a few lines for people.
std::string ToJson(const Summary& summary);
std::string ToText(const Summary& summary);

}  // namespace pollux

#endif  // POLLUX_FUZZ_CAMPAIGN_H_
