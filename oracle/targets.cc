// Which targets there are: from a name to a Target.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "oracle/model_target.h"
#include "oracle/native.h"
#include "oracle/own_thread.h"
#include "oracle/planted.h"
#include "oracle/remote.h"
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

// The agent that belongs to this build: POLLUX_AGENT, or beside this program.
std::string AgentPath() {
  if (const char* named = std::getenv("POLLUX_AGENT")) return named;
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  for (const std::filesystem::path& folder : {self.parent_path(), self.parent_path().parent_path()}) {
    if (std::filesystem::exists(folder / "pollux-agent", error)) return folder / "pollux-agent";
  }
  return "";
}

absl::StatusOr<std::unique_ptr<Target>> OpenCommand(const std::string& name, std::string_view command,
                                                    const TargetOptions& options) {
  if (command.empty())
    return absl::NotFoundError("exec: needs a command that runs pollux-agent, such as exec:pollux-agent");
  return RemoteTarget::Open(name, {"/bin/sh", "-c", std::string(command)}, options);
}

// Is there a program of that name in PATH?
bool Installed(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "/usr/bin" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((folder + "/" + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

absl::StatusOr<std::unique_ptr<Target>> OpenGvisor(const TargetOptions& options) {
  if (!Installed("runsc")) {
    return absl::UnavailableError("gvisor: there is no runsc here: install Debian's package runsc (ci/setup gvisor)");
  }
  const std::string agent = AgentPath();
  if (agent.empty()) {
    return absl::UnavailableError("gvisor: there is no pollux-agent beside pollux: build it, or set POLLUX_AGENT");
  }
  return RemoteTarget::Open("gvisor", {"runsc", "--platform=ptrace", "--network=none", "--ignore-cgroups", "do", agent},
                            options);
}

}  // namespace

std::string SteppingText(const Stepping& stepping) {
  const std::string how(stepping.how);
  if (stepping.level == Stepping::kNot) return absl::StrCat("left out: ", how);
  return absl::StrCat("stepped ", how);
}

absl::StatusOr<std::unique_ptr<Target>> OpenTarget(std::string_view name, const TargetOptions& options) {
  constexpr std::string_view kModel = "model:", kPlanted = "planted:", kExec = "exec:";
  if (name == "native") return OpenNative(options);
  if (name.starts_with(kModel)) return OpenModel(std::string(name), name.substr(kModel.size()));
  if (name.starts_with(kPlanted)) return OpenPlanted(name.substr(kPlanted.size()));
  if (name.starts_with(kExec)) return OpenCommand(std::string(name), name.substr(kExec.size()), options);
  if (name == "gvisor") return OpenGvisor(options);
  return absl::NotFoundError(absl::StrCat("no target is called '", std::string(name),
                                          "'; there are native, model:PROFILE, planted:NAME, exec:COMMAND and gvisor"));
}

}  // namespace pollux
