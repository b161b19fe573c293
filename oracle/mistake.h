// What a named planted bug is made of: a few lines at a rule, before an op or behind it.
//
// Captureless lambdas in tables (mistakes_*.cc). A mistake may change the model's state where it
// is asked, within two bounds: it takes nothing off a list that is being scanned, and it does not call what asks its
// own rule again.

#ifndef POLLUX_ORACLE_MISTAKE_H_
#define POLLUX_ORACLE_MISTAKE_H_

#include <string_view>
#include <vector>

#include "model/model.h"

namespace pollux {

// Where a mistake is made: the op under way and, in `decide`, the rule that is asked.
struct Scene {
  Model& model;
  Op& op;         // a copy: `before` may change it
  int64_t& memo;  // the mistake's own note, 0 at the start of every op
  Rule rule = Rule::kNone;
  bool value = false;  // the natural answer
  Id id = kNil;        // what the rule is asked about

  State& state() const { return model.state(); }
  // The file and the instance that descriptor slot `i` of the op names.
  Id file(size_t i = 0) const { return model.FileAt(op.num(i)); }
  File& description(size_t i = 0) const { return state().files[file(i)]; }
  Id instance(size_t i = 0) const { return model.InstanceOf(file(i)); }
  Item& item() const { return state().items[id]; }
  bool Calls(Call call) const { return op.call == call; }
  bool Ctl(int32_t what) const { return op.call == Call::kEpollCtl && op.num(1) == what; }
};

struct Mistake {
  std::string_view name, area, statement;
  std::vector<Rule> rules;  // where `decide` is asked
  bool (*decide)(Scene& s) = nullptr;
  void (*before)(Scene& s) = nullptr;
  void (*after)(Scene& s, Outcome* out) = nullptr;
};

const std::vector<Mistake>& EpollMistakes();
const std::vector<Mistake>& FileMistakes();
const std::vector<Mistake>& UnixMistakes();
const std::vector<Mistake>& DoorMistakes();
const std::vector<Mistake>& InetMistakes();
const std::vector<Mistake>& ProcessMistakes();
const std::vector<Mistake>& NamedMistakes();
const std::vector<Mistake>& NetlinkMistakes();
const std::vector<Mistake>& NotifyMistakes();
const std::vector<Mistake>& SignalMistakes();
const std::vector<Mistake>& ThreadMistakes();
const std::vector<Mistake>& PtyMistakes();

}  // namespace pollux

#endif  // POLLUX_ORACLE_MISTAKE_H_
