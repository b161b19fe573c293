#include "oracle/native.h"

#include <sys/utsname.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "oracle/quirk_probe.h"

namespace pollux {

absl::StatusOr<std::unique_ptr<NativeTarget>> NativeTarget::Open(const TargetOptions& options) {
  utsname name;
  uname(&name);
  std::unique_ptr<NativeTarget> target(new NativeTarget);
  if (!ProfileForRelease(name.release, &target->profile_)) {
    return absl::UnavailableError(absl::StrCat("there is no profile for kernel ", name.release));
  }
  std::string why;
  target->kernel_ = Kernel::Open({.allow_sysctl = options.allow_sysctl,
                                  .allow_clock = options.allow_clock,
                                  .job = options.job,
                                  .deadline_ms = options.deadline_ms,
                                  .mark = options.mark},
                                 &why);
  if (target->kernel_ == nullptr) return absl::UnavailableError(why);
  target->probed_ = ProbeOpenQuirks(target.get(), target->facts(), &target->profile_);
  return target;
}

}  // namespace pollux
