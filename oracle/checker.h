// The checker: runs a trace on a target beside the model and says whether every outcome was allowed.
//
// A verdict has three values. *Conforms*: every op did what the model allows. *Diverges*: op `op` did not; what
// follows is not looked at. *Inconclusive*: the question cannot be decided, for a typed reason. Costs one model step
// and one comparison an op beside the target's own work; nothing is allocated on the way to "conforms".

#ifndef POLLUX_ORACLE_CHECKER_H_
#define POLLUX_ORACLE_CHECKER_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/model.h"
#include "model/trace.h"
#include "oracle/target.h"

namespace pollux {

// How an outcome differs from the allowed one.
enum class Difference : uint8_t {
  kErrno, kValue, kDescriptor, kMissing, kExtra, kBits, kOrder, kData, kMemory, kState, kBlocked, kHung, kDied,
};
std::string_view DifferenceName(Difference d);

enum class Reason : uint8_t { kNone, kFactChanged, kTooManyStates, kUnmodelled };
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
  // one after every op; then `ops` of the report holds them as ops).
  bool observe_fdinfo = false;
  // Where an op would block for ever, take it with timeout 0 (waits) or leave it out (reads and writes): fuzzing.
  bool never_block = false;
};

class Checker {
 public:
  // Neither is owned. The model must have the target's profile and facts, or be a planted judge.
  Checker(Target* target, Model* model) : target_(target), model_(model) {}

  // Runs the trace from Reset on. `ops` may be changed: with never_block, blocking ops are rewritten or removed;
  // with observe_fdinfo and a difference, fdinfo ops are inserted. If `outcomes` is given it gets what each op did.
  Verdict Run(std::vector<Op>* ops, const CheckOptions& options = {}, std::vector<Outcome>* outcomes = nullptr);

  uint64_t ops_run() const { return ops_run_; }
  uint64_t skipped() const { return skipped_; }

 private:
  Target* target_;
  Model* model_;
  Bindings bindings_;
  Outcome allowed_, observed_;
  uint64_t ops_run_ = 0, skipped_ = 0;
};

// Judges recorded outcomes; no target. ops[i] did outcomes[i].
Verdict Judge(Model* model, std::span<const Op> ops, std::span<const Outcome> outcomes);

// The kind of the difference between an observed outcome and the allowed one, given the model after the op.
Kind Classify(const Op& op, const Outcome& allowed, const Outcome& observed, const Model& model);

}  // namespace pollux

#endif  // POLLUX_ORACLE_CHECKER_H_
