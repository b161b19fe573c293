// A worker: one process that runs libFuzzer's driver, the model and the target, trace after trace.
//
// It holds descriptors 0, 1 and 2 and nothing else between traces. It never returns to the supervisor's code, and
// follows its orders through shared memory alone: SIGINT and SIGTERM are the supervisor's. When the supervisor dies it
// dies.

#ifndef POLLUX_FUZZ_WORKER_H_
#define POLLUX_FUZZ_WORKER_H_

#include <string>

#include "fuzz/campaign.h"
#include "fuzz/shared.h"

namespace pollux {

struct WorkerOptions {
  CampaignOptions campaign;
  std::string corpus;  // always one
  int job = 0;
  int life = 0;  // how many workers of this job died before
  uint64_t seed = 1;
  uint64_t ops = 0;  // its share of the limit; 0: none
};

// Called in the forked child.
[[noreturn]] void RunWorker(const WorkerOptions& options, Shared* shared, WorkerBlock* block);

// The model that judges a campaign's target. An error says which name is wrong.
absl::StatusOr<std::unique_ptr<Model>> OpenModel(const CampaignOptions& options, const Target& target);

}  // namespace pollux

#endif  // POLLUX_FUZZ_WORKER_H_
