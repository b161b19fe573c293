// Outcomes, and traces with or without them.
//
// A trace is a list of ops. An annotated trace also has what each op did (one outcome), or, written by a
// person, what it may do (a set, or anything). Text form: text.h; binary form: binary.h.

#ifndef POLLUX_MODEL_TRACE_H_
#define POLLUX_MODEL_TRACE_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/abi.h"
#include "model/op.h"

namespace pollux {

// One event record of a wait (events, data), one line of fdinfo (fd, events, data), or one revents of a
// poll (events).
struct Record {
  uint32_t events = 0;
  int32_t fd = 0;
  uint64_t data = 0;
  friend bool operator==(const Record&, const Record&) = default;
  friend auto operator<=>(const Record&, const Record&) = default;
};

struct Completion;

// What a call did, and which threads it brought back.
struct Outcome {
  enum Kind : uint8_t {
    kValues,   // value[0..nvalues), and payload if has_payload
    kError,    // -error
    kRecords,  // records
    kBlocked,  // still in the call when nothing could wake it any more
    kHung,     // neither returned nor could be brought home
    kDied,     // the target died in this call
    kSkipped,  // the target cannot do this op; `note` says why
  };
  Kind kind = kValues;
  uint8_t nvalues = 1;
  bool has_payload = false;
  // The call wrote outside what it returned: memory it had no business with. Never true of a sane kernel.
  bool clobbered = false;
  Errno error = kOK;
  int64_t value[4] = {};
  uint64_t payload = 0;
  std::vector<Record> records;
  std::vector<Completion> completions;  // by thread
  const char* note = nullptr;           // kSkipped: why (static storage). Not compared, printed as a comment.
  // Of an allowed outcome: it stands for a set of values, and why (static storage). Not compared.
  const char* among = nullptr;

  // Back to "returned 0", keeping the records' storage.
  void Clear();
  void Value(int64_t v) { Clear(), value[0] = v; }
  void Error(Errno e) { Clear(), kind = kError, error = e; }

  friend bool operator==(const Outcome& a, const Outcome& b);
};

// A blocked call that came back: it belongs to the op that caused it.
struct Completion {
  uint8_t thread = 0;
  Call call = Call::kClose;
  Outcome outcome;  // has no completions of its own
  friend bool operator==(const Completion&, const Completion&) = default;
};

inline void Outcome::Clear() {
  kind = kValues, nvalues = 1, has_payload = false, clobbered = false, error = kOK;
  value[0] = value[1] = value[2] = value[3] = 0, payload = 0, note = among = nullptr;
  records.clear(), completions.clear();
}

// Does what was observed agree with what is allowed? As ==, but a payload counts only where the allowed
// outcome has one: what bytes a pipe carries is not epoll's business.
bool Agrees(const Outcome& allowed, const Outcome& observed);

// What a person wrote of a completion, on a line of its own.
struct WrittenCompletion {
  uint8_t thread = 0;
  Call call = Call::kClose;
  bool any = false;  // "*"
  std::vector<Outcome> allow;
  std::vector<std::string> above;  // as in Note
  std::string comment;
  friend bool operator==(const WrittenCompletion&, const WrittenCompletion&) = default;
};

// What a person wrote behind "=": nothing, one or several outcomes, or "*"; and which threads come back. Where an
// outcome is written and no completion, none comes back.
struct Expectation {
  bool any = false;                            // "*"
  std::vector<Outcome> allow;                  // empty and !any: nothing was written
  std::vector<WrittenCompletion> completions;  // by thread
  bool written() const { return any || !allow.empty() || !completions.empty(); }
  friend bool operator==(const Expectation&, const Expectation&) = default;
};

// This outcome and no other; and the first of what is written, completions included.
Expectation Exactly(const Outcome& outcome);
Outcome FirstOf(const Expectation& expectation);

// What text has beside the op: names of the outputs, written outcomes, comments.
struct Note {
  std::string name[2];
  Expectation expect;
  std::vector<std::string> above;  // whole-line comments (and empty lines) before the op, without '#'
  std::string comment;             // behind the op, without '#'
  friend bool operator==(const Note&, const Note&) = default;
};

struct Directive {
  std::string key, value;
  std::vector<std::string> above;  // as in Note
  friend bool operator==(const Directive&, const Directive&) = default;
};

// The ops are what runs; notes[i] belongs to ops[i]. `notes` may be empty (a trace from a fuzzer).
struct Trace {
  std::vector<Op> ops;
  std::vector<Note> notes;
  std::vector<Directive> directives;
  std::vector<std::string> below;  // comments after the last op

  friend bool operator==(const Trace&, const Trace&) = default;
};

// Which number each output got: the meaning of names while a trace runs.
class Bindings {
 public:
  void Clear() { numbers_.clear(); }
  // Records what op number `size()` returned; call once for each op in order.
  void Bind(const Op& op, const Outcome& outcome) {
    std::pair<int32_t, int32_t> n = {-1, -1};
    const uint32_t outputs = Outputs(op.call);
    if (outcome.kind == Outcome::kValues && outputs > 0) {
      n.first = static_cast<int32_t>(outcome.value[0]);
      if (outputs > 1) n.second = static_cast<int32_t>(outcome.value[1]);
    }
    numbers_.push_back(n);
  }
  // The number an operand stands for; -1 for outputs of failed or later ops.
  int32_t Number(Fd fd) const {
    if (fd.literal()) return fd.number();
    if (fd.op() >= numbers_.size()) return -1;
    return fd.out() == 0 ? numbers_[fd.op()].first : numbers_[fd.op()].second;
  }
  // The op with every operand replaced by the literal number it stands for.
  Op Resolve(const Op& op) const {
    Op r = op;
    MapFds(r, [this](Fd fd) { return Fd::Literal(Number(fd)); });
    return r;
  }
  size_t size() const { return numbers_.size(); }

 private:
  std::vector<std::pair<int32_t, int32_t>> numbers_;
};

// Canonicalizes every op, and makes operands that name no output of an earlier op the literal -1, which is how
// they read.
void Canonicalize(std::span<Op> ops);

// Removes the ops for which drop[i] is true and re-links operands; an operand whose creator is dropped becomes
// the literal -1.
std::vector<Op> WithoutOps(const std::vector<Op>& ops, const std::vector<bool>& drop);

}  // namespace pollux

#endif  // POLLUX_MODEL_TRACE_H_
