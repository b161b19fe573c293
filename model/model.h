// The reference model of Linux eventpoll: runs ops, one after the other, and says what Linux would answer.
//
// Pure: no system call, clock, global or thread. State is plain data with indices for pointers, so a copy of a
// Model is a copy of the world. Costs: an op costs what the kernel's algorithm costs, without the system call.
// Not thread-safe.

#ifndef POLLUX_MODEL_MODEL_H_
#define POLLUX_MODEL_MODEL_H_

#include <cstdint>
#include <string>

#include "model/op.h"
#include "model/profile.h"
#include "model/rules.h"
#include "model/state.h"
#include "model/trace.h"

namespace pollux {

class Model {
 public:
  explicit Model(const Profile& profile, const Facts& facts = {});

  // Back to the start of a trace: numbers 0 to 2 open and out of bounds, RLIMIT_NOFILE 1024, no watch held.
  void Reset();

  // Runs one op whose operands are literal numbers (Bindings::Resolve). *out gets the one allowed outcome.
  // A call that would block for ever yields kBlocked and leaves the state as after the call was interrupted.
  void Run(const Op& op, Outcome* out);

  // Would this read, write, send or recv sleep? Waits are told by Run: a blocked wait leaves the same state as
  // one with timeout 0.
  bool Blocks(const Op& op) const;

  // The state in words, one line a fact: descriptors, files, instances, ready lists with stale marks.
  std::string Describe() const;

  const State& state() const { return state_; }
  State& state() { return state_; }  // planted bugs change it
  const Profile& profile() const { return profile_; }
  const Facts& facts() const { return facts_; }
  Rules& rules() { return rules_; }
  const Rules& rules() const { return rules_; }

 private:
  Profile profile_;
  Facts facts_;
  State state_;
  Rules rules_;
};

}  // namespace pollux

#endif  // POLLUX_MODEL_MODEL_H_
