// The report of a divergence: everything a person needs to believe it, at three in the morning.
//
// Divergence is data that triage fills in; PrintDivergence writes it for people, ToTrace as an annotated trace that
// `pollux check` repeats the verdict on. Pure.

#ifndef POLLUX_ORACLE_REPORT_H_
#define POLLUX_ORACLE_REPORT_H_

#include <string>
#include <vector>

#include "model/profile.h"
#include "model/trace.h"
#include "oracle/checker.h"

namespace pollux {

struct Divergence {
  std::string target;
  Profile profile;
  Facts facts;
  std::vector<Op> ops;  // end with the diverging op
  std::vector<Outcome> outcomes;
  Verdict verdict;
  std::vector<std::string> matters;    // for each op: which of its arguments matter; may be empty
  std::vector<Rule> rules;             // that held in the diverging op, in order
  std::vector<std::string> before;     // the state before it, in words
  std::vector<std::string> as_if;      // quirks and planted mistakes that explain what the target did
  int runs = 1, reproduced = 1;        // how often it was run, and how often it diverged in this way
  std::string seen;                    // if it was never reproduced: what the diverging op did when it was found
  int executions = 0;                  // that minimizing took; 0: it was not minimized
  bool minimal = false;                // 1-minimal
  std::vector<std::string> artefacts;  // files that hold it
  std::string last_words;              // what the target said before it died or hung

  std::string signature() const;  // the kind and as_if
};

// Fills in what the model knows of it: rules and the state before.
void Explain(Model* model, Divergence* divergence);

// The annotated trace: directives for profile, facts that are not the default, target, signature; what matters as
// comments; what was allowed behind the diverging op.
Trace ToTrace(const Divergence& divergence);

// Several lines, 100 columns where the trace allows it.
std::string PrintDivergence(const Divergence& divergence);

// "eventfd.write-wakes" and "R4.3.2, eventfd_write()" in a line: a rule as reports cite it.
std::string CiteRule(Rule rule);

// What differs, in words: "[IN 0x7] is missing", "errno", ...
std::string DescribeDifference(const Op& op, const Verdict& verdict);

// A file name for a signature: "epoll_wait-missing-callback.link".
std::string FileStem(const Kind& kind);

}  // namespace pollux

#endif  // POLLUX_ORACLE_REPORT_H_
