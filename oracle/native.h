// The native target: epoll of the kernel that this process runs on.
//
// It executes on the thread that opens it, whose descriptor table becomes its own and empty from 3 up, for good
// (oracle/kernel.h). That is for a process or thread made for it: a fuzz worker, a benchmark. Everybody else opens it
// through OwnThread (own_thread.h), as OpenTarget does by default.

#ifndef POLLUX_ORACLE_NATIVE_H_
#define POLLUX_ORACLE_NATIVE_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "oracle/kernel.h"
#include "oracle/target.h"

namespace pollux {

class NativeTarget : public Target {
 public:
  // UNAVAILABLE, with the reason, where this kernel or sandbox cannot run traces. Blocked calls come home only while
  // something looks at the mark (options.mark); without one, the target has a watching thread of its own.
  static absl::StatusOr<std::unique_ptr<NativeTarget>> Open(const TargetOptions& options);

  std::string name() const override { return "native"; }
  const Profile& profile() const override { return profile_; }
  const Facts& facts() const override { return kernel_->facts(); }
  std::span<const Quirk> probed() const override { return probed_; }
  const char* Lacks(Call call) const override { return kernel_->Lacks(call); }
  const char* LacksCaller32() const override { return kernel_->LacksCaller32(); }
  void Reset() override { kernel_->Reset(); }
  void Run(const Op& op, Outcome* out) override { kernel_->Run(op, out); }
  Stepping Threads() override { return kernel_->Threads(); }
  bool Disturbed() override { return kernel_->Disturbed(); }
  Reason Doubt() override { return kernel_->Doubt(); }

  Exec& exec() { return kernel_->exec(); }

 private:
  NativeTarget() = default;

  Profile profile_;
  std::vector<Quirk> probed_;
  std::unique_ptr<Kernel> kernel_;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_NATIVE_H_
