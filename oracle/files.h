// Whole files: read at once, written whole or not at all.
#ifndef POLLUX_ORACLE_FILES_H_
#define POLLUX_ORACLE_FILES_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace pollux {

// The name that a file has while it is written: its folder, this, the process, "-" and a number. Readers of a folder
// leave names that begin with a dot alone.
inline constexpr char kAside[] = ".writing-";

// Replaces a file, or leaves what was there: written aside and renamed. kInvalidArgument with the reason.
absl::Status WriteAtomically(const std::string& path, std::string_view content);

// The whole file, or all of stdin for "-". kInvalidArgument with the reason.
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace pollux

#endif  // POLLUX_ORACLE_FILES_H_
