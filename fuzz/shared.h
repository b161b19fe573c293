// What the workers and the supervisor of a campaign share: one anonymous mapping, made before the fork.
//
// Each worker writes its own block alone. What must outlive a worker that is killed in the middle of an op stands
// here before the op begins. Plain stores wherever one writer and a patient reader suffice.

#ifndef POLLUX_FUZZ_SHARED_H_
#define POLLUX_FUZZ_SHARED_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>

#include "fuzz/generator.h"
#include "oracle/checker.h"
#include "oracle/exec.h"

namespace pollux {

struct StoredTrace {
  uint32_t size = 0;
  Op ops[kMaxTrace];

  void Store(const std::vector<Op>& from) {
    size = static_cast<uint32_t>(from.size() < kMaxTrace ? from.size() : kMaxTrace);
    std::copy_n(from.begin(), size, ops);
  }
  std::vector<Op> Load() const { return std::vector<Op>(ops, ops + size); }
};

// A divergence, as the worker saw it.
struct Report {
  Kind kind;
  StoredTrace trace;  // ends with the diverging op
  char seen[256];     // what that did, in words
};

// How often, by reason. What has no place any more is not counted.
struct SharedTally {
  struct Entry {
    char reason[120] = {};
    std::atomic<uint64_t> count{0};
  };
  std::array<Entry, 32> entries;
  std::atomic<uint32_t> size{0};

  void Add(const char* reason, uint64_t n) {
    const uint32_t known = size.load(std::memory_order_relaxed);
    for (uint32_t i = 0; i < known; ++i) {
      if (std::strncmp(entries[i].reason, reason, sizeof entries[i].reason - 1) != 0) continue;
      entries[i].count.fetch_add(n, std::memory_order_relaxed);
      return;
    }
    if (known == entries.size()) return;
    std::strncpy(entries[known].reason, reason, sizeof entries[known].reason - 1);
    entries[known].count.store(n, std::memory_order_relaxed);
    size.store(known + 1, std::memory_order_release);
  }
  void AddTo(std::map<std::string, uint64_t>* sums) const {
    for (uint32_t i = 0; i < size.load(std::memory_order_acquire); ++i) (*sums)[entries[i].reason] += entries[i].count;
  }
};

struct WorkerBlock {
  enum State : uint32_t { kStarting, kRunning, kFinished, kUnavailable };
  std::atomic<uint32_t> state{kStarting};

  // What is running now.
  CallMark mark;                   // a native call under way
  volatile uint32_t progress = 0;  // the op of `current`
  StoredTrace current;

  // Counts, over all lives of the worker.
  std::atomic<uint64_t> traces{0}, ops{0}, exact{0};
  std::atomic<uint64_t> deaths{0};             // of a target that is started again
  std::atomic<uint64_t> inconclusive[8] = {};  // by Reason
  std::atomic<uint8_t> rules[kRules] = {};     // 1: held at least once
  SharedTally skips, sets;

  // A ring of reports, from the worker to the supervisor.
  static constexpr uint32_t kReports = 8;
  std::atomic<uint32_t> reported{0}, taken{0}, answered{0};
  Report reports[kReports];
};

// How often each kind of divergence was seen, by all workers.
struct KindCounter {
  std::atomic<uint64_t> key{0}, count{0};
};

struct Shared {
  std::atomic<bool> stop{false};
  std::array<KindCounter, 1024> kinds;
  WorkerBlock workers[];

  static uint64_t Key(const Kind& kind) {
    return uint64_t{1} << 40 | static_cast<uint64_t>(kind.rule) << 16 | static_cast<uint64_t>(kind.difference) << 8 |
           static_cast<uint64_t>(kind.call);
  }
  // The counter of that kind; the last one where the table is full.
  KindCounter& Counter(const Kind& kind) {
    const uint64_t key = Key(kind);
    for (size_t i = 0; i < kinds.size(); ++i) {
      KindCounter& c = kinds[((key * 0x9e3779b97f4a7c15 >> 40) + i) & (kinds.size() - 1)];
      uint64_t found = 0;
      if (c.key.compare_exchange_strong(found, key) || found == key) return c;
    }
    return kinds.back();
  }
};

}  // namespace pollux

#endif  // POLLUX_FUZZ_SHARED_H_
