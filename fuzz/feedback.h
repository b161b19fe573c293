// What libFuzzer is told about a trace: which rules held, which followed each other, and where the ready lists stood.
//
// Counters of 0 or 1 in one map of 16 KiB, which libFuzzer clears and scans every run; nothing is compiled with
// coverage instrumentation. Not thread-safe.

#ifndef POLLUX_FUZZ_FEEDBACK_H_
#define POLLUX_FUZZ_FEEDBACK_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "model/model.h"
#include "model/op.h"

namespace pollux {

class Feedback {
 public:
  static constexpr size_t kCounters = 16384;

  // Counts into libFuzzer's map, or only remembers what was ever seen.
  void Start(bool visible);
  // The model has just run the op.
  void Op(const pollux::Op& op, const Model& model);
  // The trace is over. True if it reached something that none before did.
  bool Finish(const Model& model);
  // Makes libFuzzer forget the trace.
  static void Clear();

 private:
  // The map: rules, then pairs of rules, then states.
  static constexpr size_t kPairs = 1024, kStates = 12288;
  static_assert(kRules <= kPairs);

  void Set(size_t counter);

  std::array<uint8_t, kCounters> seen_ = {};
  uint8_t* map_ = nullptr;
  Rule previous_ = Rule::kNone;
  bool fresh_ = false;
};

}  // namespace pollux

#endif  // POLLUX_FUZZ_FEEDBACK_H_
