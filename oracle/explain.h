// What the model thinks while a trace runs: after every op its outcome, what changed in the state, and by which rules.
// Pure.

#ifndef POLLUX_ORACLE_EXPLAIN_H_
#define POLLUX_ORACLE_EXPLAIN_H_

#include <string>
#include <vector>

#include "model/model.h"
#include "model/trace.h"

namespace pollux {

struct Step {
  std::string op;                    // as written: "w = dup(r)"
  std::string outcome;               // what Linux answers
  std::vector<std::string> changes;  // "+ 3: epoll, 0 items", "- ...", "3: ready [] -> [4 0x1 by callback.link]"
  std::vector<Rule> rules;           // that held, in order, each once
  std::vector<std::string> state;    // all of it
};

std::vector<Step> Explain(Model* model, const Trace& trace);

// For people; `whole_state` prints the state after every op instead of what changed. Rules are stated where they first
// hold.
std::string PrintSteps(const std::vector<Step>& steps, bool whole_state = false);

}  // namespace pollux

#endif  // POLLUX_ORACLE_EXPLAIN_H_
