// What verbs are given: traces from files and folders, and the profile and facts that they were recorded under.

#ifndef POLLUX_FUZZ_INPUT_H_
#define POLLUX_FUZZ_INPUT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/model.h"
#include "model/profile.h"
#include "model/trace.h"
#include "oracle/expectations.h"
#include "oracle/target.h"

namespace pollux {

struct Input {
  std::string path;
  Trace trace;
};

// Reads traces: *.trace is text, any other file binary, "-" text from standard input; a folder stands for the files
// in it, by name, without those that begin with a dot. INVALID_ARGUMENT says what cannot be read, or where a trace
// does not parse.
absl::StatusOr<std::vector<Input>> LoadTraces(const std::vector<std::string>& paths);

// The profile of that name; INVALID_ARGUMENT names those there are.
absl::StatusOr<Profile> NamedProfile(const std::string& name);

// The model that a trace is judged by where no target is asked: `profile` if given, else the trace's own "% profile",
// else the newest; facts are the trace's "% fact" lines.
absl::StatusOr<std::unique_ptr<Model>> ModelFor(const Trace& trace, const std::string& profile);

// Were the outcomes that stand in the trace written for this model? Not if its "% profile" is another, or a "% fact".
bool WrittenFor(const Trace& trace, const Model& model);

// The model that a target is held to: `profile` if given, else the one that the target claims.
absl::StatusOr<std::unique_ptr<Model>> ModelFor(const Target& target, const std::string& profile);

// What is known to differ on a target: from a file, or if that is empty as it was in ci/expectations when this was
// built. INVALID_ARGUMENT says what is wrong with the file.
absl::StatusOr<Expectations> ExpectationsOf(const std::string& target, const std::string& file);

}  // namespace pollux

#endif  // POLLUX_FUZZ_INPUT_H_
