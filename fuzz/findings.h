// What a campaign has found: reported divergences are explained one after the other, and merged.
//
// Explaining (reproducing, minimizing, naming, writing artefacts: triage.h) runs in a child process of its own, so that
// a target that hangs or dies takes nothing along. In the order of the reports, so that the result is repeatable.

#ifndef POLLUX_FUZZ_FINDINGS_H_
#define POLLUX_FUZZ_FINDINGS_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "fuzz/campaign.h"
#include "fuzz/shared.h"

namespace pollux {

class Findings {
 public:
  explicit Findings(const CampaignOptions& options);
  ~Findings();
  Findings(const Findings&) = delete;
  Findings& operator=(const Findings&) = delete;

  // A divergence that a worker reported.
  void Add(const Kind& kind, std::vector<Op> ops, std::string seen);
  // Starts or ends explaining, as far as that does not take time here.
  void Step();
  // Explains what is left, for so long at most; `hurry` says whether to give up now.
  void Finish(std::chrono::milliseconds limit, const std::function<bool()>& hurry);

  bool idle() const { return child_ == 0 && queue_.empty(); }
  int count() const { return static_cast<int>(reproduced_.size()); }
  // "2 divergences: epoll_wait / missing / callback.link, ..."
  std::string Line() const;
  // Fills in the findings, with counts.
  void Report(const Shared& shared, Summary* summary) const;

 private:
  struct Suspect {
    Kind kind;
    std::vector<Op> ops;
    std::string seen;  // what its last op did, in words
    int witness = 0;   // how many traces of its kind came before
  };
  // What the child says, in shared memory.
  struct Answer {
    bool done, reproduced, complete;
    int executions;
    double rate;
    Kind kind;
    Reason reason;  // why there is no verdict after all
    char signature[256], as_if[1024], path[1024];
    StoredTrace minimal;
  };
  struct Known {
    Finding finding;
    std::set<uint64_t> kinds;
    std::vector<std::vector<Op>> witnesses;  // minimal traces with different ops
  };

  void Begin();
  void End(bool timed_out, int status);
  void Explain(const Suspect& suspect) const;  // in the child
  // The finding that an explanation belongs to, or nullptr.
  static const Known* Find(const std::vector<Known>& list, const std::string& as_if, const Kind& kind);
  static bool NewWitness(const Known* known, const std::vector<Op>& minimal);
  std::string Keep(const Suspect& suspect) const;  // writes the trace as it is

  CampaignOptions options_;
  std::deque<Suspect> queue_;
  Suspect current_;
  pid_t child_ = 0;
  std::chrono::steady_clock::time_point began_;
  Answer* answer_ = nullptr;
  std::map<uint64_t, int> witnesses_;
  std::vector<Known> reproduced_, unreproducible_;
  std::map<std::string, uint64_t> inconclusive_;
};

}  // namespace pollux

#endif  // POLLUX_FUZZ_FINDINGS_H_
