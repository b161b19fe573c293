// Which targets there are: from a name to a Target.

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "oracle/model_target.h"
#include "oracle/native.h"
#include "oracle/own_thread.h"
#include "oracle/planted.h"
#include "oracle/target.h"

namespace pollux {
namespace {

absl::StatusOr<std::unique_ptr<Target>> OpenNative(const TargetOptions& options) {
  if (!options.own_thread) return NativeTarget::Open(options);
  return OwnThread::Open(
      [options](CallMark* mark) -> absl::StatusOr<std::unique_ptr<Target>> {
        TargetOptions there = options;
        there.mark = mark;
        return NativeTarget::Open(there);
      },
      options.deadline_ms);
}

absl::StatusOr<std::unique_ptr<Target>> OpenModel(const std::string& name, std::string_view profile_name) {
  Profile profile;
  if (!FindProfile(profile_name, &profile)) {
    return absl::NotFoundError(absl::StrCat("no profile is called '", std::string(profile_name), "'"));
  }
  return std::make_unique<ModelTarget>(name, profile);
}

absl::StatusOr<std::unique_ptr<Target>> OpenPlanted(std::string_view name) {
  const PlantedInfo* bug = FindPlanted(name);
  if (bug == nullptr) return absl::NotFoundError(absl::StrCat("no planted bug is called '", std::string(name), "'"));
  return NewPlantedTarget(*bug);
}

}  // namespace

std::string SteppingText(const Stepping& stepping) {
  const std::string how(stepping.how);
  if (stepping.level == Stepping::kNot) return absl::StrCat("left out: ", how);
  return absl::StrCat("stepped ", how);
}

absl::StatusOr<std::unique_ptr<Target>> OpenTarget(std::string_view name, const TargetOptions& options) {
  constexpr std::string_view kModel = "model:", kPlanted = "planted:";
  if (name == "native") return OpenNative(options);
  if (name.starts_with(kModel)) return OpenModel(std::string(name), name.substr(kModel.size()));
  if (name.starts_with(kPlanted)) return OpenPlanted(name.substr(kPlanted.size()));
  return absl::NotFoundError(
      absl::StrCat("no target is called '", std::string(name), "'; there are native, model:PROFILE and planted:NAME"));
}

}  // namespace pollux
