// What the verbs share: exit statuses and messages.

#include "fuzz/verbs.h"

#include <cstdio>
#include <string>

namespace pollux {

int Worse(int a, int b) {
  for (int status : {kExitUsage, kExitDiverges, kExitInconclusive, kExitUnavailable}) {
    if (a == status || b == status) return status;
  }
  return kExitConforms;
}

int UsageError(std::string_view message) {
  std::fprintf(stderr, "pollux: %.*s\n", static_cast<int>(message.size()), message.data());
  return kExitUsage;
}

int StatusError(const absl::Status& status) {
  const std::string message(status.message().data(), status.message().size());
  UsageError(message);
  return status.code() == absl::StatusCode::kUnavailable ? kExitUnavailable : kExitUsage;
}

}  // namespace pollux
