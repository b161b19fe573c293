// A target: something that executes traces. Native epoll, a model, a planted bug.
//
// Reset() starts a trace, Run() executes one op whose operands are literal numbers. Numbers are real: the first
// descriptor of a trace is 3 on every target. Not thread-safe; a target belongs to one thread.

#ifndef POLLUX_ORACLE_TARGET_H_
#define POLLUX_ORACLE_TARGET_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "model/profile.h"
#include "model/trace.h"
#include "oracle/doubt.h"

namespace pollux {

// "stepped by real-time priorities"; "left out: ..."
std::string SteppingText(const Stepping& stepping);

class Target {
 public:
  virtual ~Target() = default;

  virtual std::string name() const = 0;
  // The profile the target claims (by release, not by behaviour), with open quirks probed, and its facts.
  virtual const Profile& profile() const = 0;
  virtual const Facts& facts() const = 0;
  // The quirks of the profile that were open and decided by a probe.
  virtual std::span<const Quirk> probed() const { return {}; }
  // Which calls it cannot do, and why; nullptr if it can.
  virtual const char* Lacks(Call call) const = 0;
  // Why it makes no calls as 32-bit processes do; nullptr if it does.
  virtual const char* LacksCaller32() const { return nullptr; }

  virtual Stepping Threads() { return {Stepping::kInOrder, "by the model"}; }

  // Back to the start of a trace.
  virtual void Reset() = 0;
  // Executes one op; *out gets exactly one observed outcome.
  virtual void Run(const Op& op, Outcome* out) = 0;
  // Since Reset: may a thread have run in the middle of another one's call? A divergence then says nothing.
  virtual bool Disturbed() { return false; }
  // After a divergence: why it may say nothing, kNone if it does. Measures the facts again.
  virtual Reason Doubt() { return Reason::kNone; }

  // A target that is far executes ops elsewhere, and each question costs a journey: it gains from being told ahead.
  virtual bool far() const { return false; }
  // This trace will be run, or may be: ops with literal operands and, for each, the outcome on which those behind it
  // depend. Ahead of Run the target may execute as much of it as is foreseen rightly. A number for ResetTo, in order;
  // what it skips is forgotten.
  virtual uint32_t Foresee(std::span<const Op> /*ops*/, std::span<const Outcome> /*outcomes*/) { return 0; }
  // Reset, for the trace that was foreseen under this number.
  virtual void ResetTo(uint32_t /*foreseen*/) { Reset(); }
  // How often it died and was started again, and the end of what its last life had to say.
  virtual uint64_t deaths() const { return 0; }
  virtual std::string last_words() const { return ""; }
};

struct CallMark;  // oracle/exec.h

struct TargetOptions {
  bool allow_sysctl = false;  // may lower fs.epoll.max_user_watches (native)
  bool allow_clock = false;   // may set CLOCK_REALTIME a nanosecond ahead, and back (native)
  int job = 0;                // which of several jobs on this machine: selects the quota uid (native)
  int deadline_ms = 1000;     // a call that sleeps longer is blocked (native)
  // Native runs on a thread of its own: a call that cannot be brought home is kHung, and the caller's descriptor table
  // stays as it is. Without it native takes over the calling thread (oracle/native.h), and an op costs no hand-over.
  bool own_thread = true;
  // Without own_thread: where native notes its calls, if somebody else looks after them (a supervisor). Not owned.
  CallMark* mark = nullptr;
};

// "native", "model:PROFILE", "planted:NAME", "exec:COMMAND", "gvisor". NOT_FOUND for an unknown name, UNAVAILABLE (with
// the reason) for one that cannot run here.
absl::StatusOr<std::unique_ptr<Target>> OpenTarget(std::string_view name, const TargetOptions& options = {});

}  // namespace pollux

#endif  // POLLUX_ORACLE_TARGET_H_
