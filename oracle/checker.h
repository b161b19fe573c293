// The checker: runs a trace on a target beside the model and says whether every outcome was allowed.
//
// A verdict has three values. *Conforms*: every op did what the model allows. *Diverges*: op `op` did not; what
// follows is not looked at. *Inconclusive*: the question cannot be decided, for a typed reason. Costs one model step
// and one comparison an op beside the target's own work; nothing is allocated on the way to "conforms".
// Not thread-safe.

#ifndef POLLUX_ORACLE_CHECKER_H_
#define POLLUX_ORACLE_CHECKER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/model.h"
#include "model/trace.h"
#include "oracle/target.h"

namespace pollux {

// How an outcome differs from the allowed one.
enum class Difference : uint8_t {
  kErrno,       // another error, or an error instead of success, or the reverse
  kValue,       // another return value
  kDescriptor,  // another descriptor number
  kMissing,     // an allowed record did not come
  kExtra,       // a record came that is not allowed
  kBits,        // the right record with other event bits
  kOrder,       // the right records in another order
  kData,        // a record's data or a read payload is wrong
  kMemory,      // bytes were written that the call had no business with
  kState,       // the interest list that fdinfo shows holds other items
  kBlocked,     // one of the two blocked, the other did not
  kAsleep,      // a thread that sleeps should have come back
  kWoken,       // a thread came back that should sleep
  kWaiter,      // another thread came back
  kHung,
  kDied,
};
std::string_view DifferenceName(Difference d);

std::string_view ReasonName(Reason r);

// What kind of divergence: free of names, numbers, data and position. Minimizing keeps it.
struct Kind {
  Call call = Call::kClose;
  Difference difference = Difference::kValue;
  Rule rule = Rule::kNone;  // the deciding rule
  friend bool operator==(const Kind&, const Kind&) = default;
};
std::string KindName(const Kind& kind);  // "epoll_wait / missing / callback.link"

struct Verdict {
  enum Value : uint8_t { kConforms, kDiverges, kInconclusive };
  Value value = kConforms;
  size_t op = 0;  // the diverging op
  Kind kind;
  Outcome observed, allowed;
  Reason reason = Reason::kNone;
};

struct CheckOptions {
  // Adds an fdinfo observation of every open epoll after the last op (a difference is located by running again with
  // one after every op; then the one that differs first stands in `ops`).
  bool observe_fdinfo = false;
  // Where an op would sleep, take it with timeout 0 (waits) or leave it out (reads and writes): fuzzing.
  bool never_block = false;
  // But for opens of FIFOs, which sleep until they are interrupted.
  bool sleeping_opens = false;
  // Measures the facts again after a divergence. A search that asks thousands of times does so once, at its end.
  bool verify_facts = true;
  // If given, gets the index (in `ops` as they were given) of the op that is about to run.
  volatile uint32_t* progress = nullptr;
  // What Foresee returned for these ops; 0: nothing did.
  uint32_t foreseen = 0;
};

// How often, by reason (static strings).
using Tally = std::vector<std::pair<const char*, uint64_t>>;

// Why the op has no place in a trace with threads: what is not deterministic, or is not possible, beside threads that
// sleep, as deliveries by the network and by workers of the kernel are, and a descriptor table that is parted from
// theirs. nullptr if it has.
const char* NotBesideThreads(const Op& op);

class Checker {
 public:
  // Neither is owned. The model must have the target's profile and facts, or be a planted judge.
  Checker(Target* target, Model* model);
  ~Checker();

  // Tells a target that is far which ops Run is going to ask for with these options, as far as the model knows, and
  // changes `ops` as Run would. For CheckOptions::foreseen. Run does it by itself where nobody did; several traces that
  // are foreseen before the first one runs share a journey.
  uint32_t Foresee(std::vector<Op>* ops, const CheckOptions& options);

  // Runs the trace from Reset on. `ops` may be changed: with never_block, blocking ops are rewritten or removed;
  // with observe_fdinfo and a difference, they end with the fdinfo op that shows it first. If `outcomes` is given it
  // gets what each op did.
  Verdict Run(std::vector<Op>* ops, const CheckOptions& options = {}, std::vector<Outcome>* outcomes = nullptr);

  uint64_t ops_run() const { return ops_run_; }  // executed by the target
  // Of those, how many did the one thing that is allowed, and how many one of a set.
  uint64_t exact() const { return ops_run_ - by_set_ - diverged_; }
  uint64_t by_set() const { return by_set_; }
  const Tally& sets() const { return sets_; }
  uint64_t skipped() const { return skipped_; }  // left out
  const Tally& skips() const { return skips_; }

 private:
  enum class Observe { kNever, kAtEnd, kAlways };
  class Foreseer;
  // Passes, with slots of growing length, until nothing disturbs one that diverges (timeouts.h).
  Verdict Passes(std::vector<Op>* ops, const CheckOptions& options, Observe observe, std::vector<Outcome>* outcomes);
  Verdict Pass(std::vector<Op>* ops, const CheckOptions& options, Observe observe, std::vector<Outcome>* outcomes);
  // Compares the fdinfo of every open epoll; true if one differs, which then stands in `ops` behind op `after` - 1.
  bool Observed(std::vector<Op>* ops, size_t after, Verdict* verdict, std::vector<Outcome>* outcomes);
  // Why the op is not executed: the call, or what it asks for, is lacking or refused.
  const char* LeftOut(const Op& op) const;
  void Skip(const char* why);
  void FromSet(const char* why);
  // Brings the model back to where it stood before op `upto`.
  void Rewind(std::span<const Op> ops, size_t upto);
  void Diverged(std::span<const Op> ops, size_t at, const Op& op, Verdict* verdict, std::vector<Outcome>* outcomes);

  Target* target_;
  Model* model_;
  std::unique_ptr<Foreseer> foreseer_;  // null before the first time
  std::unique_ptr<Checker> ahead_;      // asks it
  std::array<const char*, kCalls> lacks_ = {};
  bool threads_ = false;        // the trace has some
  int slot_ = 0, slot_ms_ = 0;  // of timeouts
  bool stepping_known_ = false;
  Stepping::Level stepping_ = Stepping::kNot;
  Bindings bindings_;
  Outcome allowed_, observed_;
  Rule previous_ = Rule::kNone;     // what decided the op before: an fdinfo that differs is its doing
  std::vector<size_t> unexpected_;  // ops of this trace that were left out though nothing in them says so
  std::vector<std::pair<uint8_t, int32_t>> instances_;
  Tally skips_, sets_;
  uint64_t ops_run_ = 0, skipped_ = 0, by_set_ = 0, diverged_ = 0;
};

// Judges recorded outcomes; no target. ops[i] did outcomes[i]. Ops without an outcome are not judged.
Verdict Judge(Model* model, std::span<const Op> ops, std::span<const Outcome> outcomes);

// Judges what is written: each op's set of outcomes must hold the one that the model allows. An op with nothing
// written, or "*", is not judged. verdict.observed is the first outcome written.
Verdict JudgeWritten(Model* model, const Trace& trace);

// Does a person's expectation hold this outcome? An unwritten one holds everything.
bool Holds(const Expectation& expectation, const Outcome& outcome);

// The kind of the difference between an observed outcome and the allowed one. `before` is the model's state before
// the op, `after` the model that has just run it; `previous` decided the op before: where the op is fdinfo, that one's
// effect is what differs. (classify.cc)
Kind Classify(const Op& op, const Outcome& allowed, const Outcome& observed, const State& before, const Model& after,
              Rule previous = Rule::kNone);

}  // namespace pollux

#endif  // POLLUX_ORACLE_CHECKER_H_
