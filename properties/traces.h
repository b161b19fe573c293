// Traces from files, and what the tests of this folder need to judge them.
//
// The corpus stands in corpus/ of the source tree. A trace may name its profile (% profile) and facts (% fact); without
// one it is linux-6.18's.

#ifndef POLLUX_PROPERTIES_TRACES_H_
#define POLLUX_PROPERTIES_TRACES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/model.h"
#include "model/trace.h"

namespace pollux {

// corpus/FOLDER/NAME; the folder itself without a name.
std::string CorpusPath(std::string_view folder, std::string_view name = {});
// The paths of its *.trace files, sorted.
std::vector<std::string> TraceFiles(std::string_view folder);
// "ctl.add.exists" of ".../ctl.add.exists.trace".
std::string Stem(std::string_view path);

absl::StatusOr<Trace> ReadTrace(const std::string& path);

// Profile and facts that the trace's directives ask for.
absl::StatusOr<Model> ModelFor(const Trace& trace);
Profile NewestProfile();  // linux-6.18

// What the model does, op by op.
std::vector<Outcome> Simulate(Model* model, const std::vector<Op>& ops);

// A data file of "id: reason" lines; # begins a comment.
struct Listed {
  std::string id, reason;
};
absl::StatusOr<std::vector<Listed>> ReadReasons(const std::string& path);

}  // namespace pollux

#endif  // POLLUX_PROPERTIES_TRACES_H_
