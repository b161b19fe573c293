// The verbs of the pollux command, and what they share: exit statuses, messages, the frame.
//
// A verb is one file, verb_NAME.cc, with one function: it declares its arguments on the CLI::App it is given, sets
// the example that --help shows, and returns the action, which runs once the arguments are parsed and whose result is
// the exit status. Arguments live in a struct that the action keeps alive:
//
//     Action ExplainVerb(CLI::App* verb) {
//       struct Args { std::string trace, profile = "native"; };
//       auto args = std::make_shared<Args>();
//       verb->add_option("TRACE", args->trace, "the trace to explain")->required();
//       verb->footer("Example:\n  pollux explain corpus/golden/t06.trace");
//       return [args] { return ...; };
//     }
//
// Results go to stdout, words to people to stderr.

#ifndef POLLUX_FUZZ_VERBS_H_
#define POLLUX_FUZZ_VERBS_H_

#include <functional>
#include <string_view>

#include "absl/status/status.h"

namespace CLI {
class App;
}

namespace pollux {

// Exit statuses. Of several traces the first of 1, 3, 4, 0 that occurred counts: see Worse().
enum Exit : int {
  kExitConforms = 0,  // and --help
  kExitDiverges = 1,
  kExitUsage = 2,         // bad usage or input
  kExitInconclusive = 3,  // more inconclusive verdicts than the budget allows
  kExitUnavailable = 4,   // the target cannot run here
};
// The exit status of two traces together.
int Worse(int a, int b);

// One line on stderr, "pollux: MESSAGE"; returns kExitUsage.
int UsageError(std::string_view message);
// The same for a status: kExitUnavailable for UNAVAILABLE, else kExitUsage.
int StatusError(const absl::Status& status);

using Action = std::function<int()>;
struct Verb {
  const char* name;
  const char* summary;
  Action (*declare)(CLI::App*);
};

Action RunVerb(CLI::App* verb);       // verb_run.cc
Action CheckVerb(CLI::App* verb);     // verb_check.cc
Action FuzzVerb(CLI::App* verb);      // verb_fuzz.cc
Action MinVerb(CLI::App* verb);       // verb_min.cc
Action ExplainVerb(CLI::App* verb);   // verb_explain.cc
Action ExportVerb(CLI::App* verb);    // verb_export.cc
Action RulesVerb(CLI::App* verb);     // verb_rules.cc
Action TargetsVerb(CLI::App* verb);   // verb_targets.cc
Action ProfilesVerb(CLI::App* verb);  // verb_profiles.cc

}  // namespace pollux

#endif  // POLLUX_FUZZ_VERBS_H_
