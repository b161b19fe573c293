// The native target: epoll of the kernel that this process runs on.
//
// It executes on the thread that opens it, whose descriptor table becomes its own and empty from 3 up, for good
// (Exec::Open says what else changes, and what the destructor puts back). That is for a process or thread made for it:
// a fuzz worker, a benchmark. Everybody else opens it through OwnThread (own_thread.h), as OpenTarget does by default.
//
// One at a time per process: RLIMIT_NOFILE is the process's.

#ifndef POLLUX_ORACLE_NATIVE_H_
#define POLLUX_ORACLE_NATIVE_H_

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "oracle/exec.h"
#include "oracle/quota.h"
#include "oracle/stepper.h"
#include "oracle/target.h"
#include "oracle/watcher.h"

namespace pollux {

class NativeTarget : public Target {
 public:
  // UNAVAILABLE, with the reason, where this kernel or sandbox cannot run traces. Blocked calls come home only while
  // something looks at the mark (options.mark); without one, the target has a watching thread of its own.
  static absl::StatusOr<std::unique_ptr<NativeTarget>> Open(const TargetOptions& options);
  ~NativeTarget() override;

  std::string name() const override { return "native"; }
  const Profile& profile() const override { return profile_; }
  const Facts& facts() const override { return facts_; }
  std::span<const Quirk> probed() const override { return probed_; }
  const char* Lacks(Call call) const override { return lacks_[static_cast<size_t>(call)]; }
  const char* LacksCaller32() const override { return exec_->LacksCaller32(); }
  Stepping Threads() override;
  void Reset() override;
  void Run(const Op& op, Outcome* out) override;
  bool Disturbed() override { return stepper_ != nullptr && stepper_->disturbed(); }
  Reason Doubt() override;

  Exec& exec() { return *exec_; }

 private:
  NativeTarget() = default;
  void ProbeCalls();
  void Watches(const Op& op, Outcome* out);
  void RunThreads(const Op& op, Outcome* out);
  const char* OpenStepper();
  void RunHere(const Op& op, Outcome* out);
  void PartTable(const Op& op);

  Profile profile_;
  Facts facts_;
  std::vector<Quirk> probed_;
  std::array<const char*, kCalls> lacks_ = {};
  CallMark mark_;
  std::unique_ptr<Quota> quota_;  // null where watches(n) is lacking
  std::unique_ptr<Exec> exec_;    // gone early: the watches of the last trace with it
  int job_ = 0, deadline_ms_ = 0;
  CallMark* exec_mark_ = nullptr;     // where exec_ notes its calls
  std::unique_ptr<Stepper> stepper_;  // null until a trace has threads; gone first
  const char* no_stepper_ = nullptr;  // why there is none, if it was tried
  bool part_ = false;                 // the table will be copied: its threads would keep the old one
  std::atomic<bool> stop_{false};
  std::thread watcher_;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_NATIVE_H_
