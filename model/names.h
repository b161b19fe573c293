// What outputs are called when a trace is printed. Inside the language only.

#ifndef POLLUX_MODEL_NAMES_H_
#define POLLUX_MODEL_NAMES_H_

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "model/trace.h"

namespace pollux {

// The names under which outputs are bound and used: those of the notes, where they are names, and where every use
// finds them (a later op may have bound the same name again); new ones for the others. Refers to the trace.
class Names {
 public:
  explicit Names(const Trace& trace);

  // Appends "r, w = ", or nothing.
  void AppendBinding(std::string* out, size_t i) const;
  // An operand of op i. One that names no output of an earlier op reads as -1.
  std::string Operand(size_t i, Fd fd) const;

 private:
  using Output = std::pair<size_t, size_t>;  // op, out

  // Calls f(Output) for every output that op i uses.
  template <class F>
  void Uses(size_t i, F f) const;
  void Set(Output output, std::string name);
  // A name that nothing bears yet: ep, ep2, ep3, ...; the two ends of a pair are s1, s2.
  std::string Fresh(Output output);

  const std::vector<Op>& ops_;
  std::vector<std::array<std::string, 2>> names_;
  std::unordered_set<std::string> used_;
  std::map<std::string, int> count_;  // how many names each base has given
};

}  // namespace pollux

#endif  // POLLUX_MODEL_NAMES_H_
