// Printing traces, driven by the table of calls.

#include <algorithm>
#include <charconv>

#include "model/names.h"
#include "model/text.h"
#include "model/words.h"

namespace pollux {
namespace {

template <class Int>
void AppendInt(std::string* out, Int value) {
  char digits[24];
  out->append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void AppendHex(std::string* out, uint64_t value) {
  char digits[24];
  *out += value == 0 ? "" : "0x";
  out->append(digits, std::to_chars(digits, digits + sizeof digits, value, 16).ptr);
}

// The words of a set, joined by |, and what is left in hex.
void AppendFlags(std::string* out, std::span<const Word> words, uint32_t value) {
  uint32_t left = value;
  const size_t start = out->size();
  const auto bar = [&] { *out += out->size() == start ? "" : "|"; };
  for (const Word& word : words) {
    // A word of value 0 (O_RDONLY) stands for the whole.
    const bool has = word.value == 0 ? value == 0 : (left & word.value) == word.value;
    if (!has) continue;
    bar(), *out += word.name;
    if (value == 0) return;
    left &= ~static_cast<uint32_t>(word.value);
  }
  if (left == 0 && value != 0) return;
  bar(), AppendHex(out, left);
}

// The word for a number, or the number.
void AppendWord(std::string* out, std::span<const Word> words, int32_t value) {
  const auto word =
      std::find_if(words.begin(), words.end(), [&](const Word& w) { return static_cast<int32_t>(w.value) == value; });
  if (word != words.end()) {
    *out += word->name;
  } else {
    AppendInt(out, value);
  }
}

void AppendMemory(std::string* out, Memory memory) {
  *out += kMemoryNames[memory.kind()];
  if (memory.kind() == Memory::kFault) *out += '@', AppendInt(out, memory.records());
}

void AppendSlot(std::string* out, const Op& op, size_t i, const std::function<std::string(Fd)>& name) {
  const ArgSpec& spec = SlotSpec(op, i);
  *out += spec.open;
  switch (spec.kind) {
    case ArgKind::kFd:
      *out += name(op.fd(i));
      break;
    case ArgKind::kInt:
    case ArgKind::kChoice:
      AppendWord(out, spec.words, op.num(i));
      break;
    case ArgKind::kFlags:
    case ArgKind::kEvents:
      AppendFlags(out, spec.words, op.u32(i));
      break;
    case ArgKind::kData:
      AppendHex(out, op.arg[i]);
      break;
    case ArgKind::kBytes:
      if (op.arg[i + 1] != 0) {
        *out += "u64 ", AppendInt(out, op.arg[i + 1]);
      } else {
        AppendInt(out, op.arg[i]);
      }
      break;
    case ArgKind::kSize:
      AppendInt(out, op.arg[i]);
      break;
    case ArgKind::kInt64:
      AppendInt(out, static_cast<int64_t>(op.arg[i]));
      break;
    case ArgKind::kMemory:
      AppendMemory(out, op.mem(i));
      break;
    case ArgKind::kPayload:
      break;
  }
  *out += spec.close;
}

// Who makes the call, before the names of what it returns.
void AppendThread(std::string* out, uint8_t thread) {
  if (thread != 0) *out += 'T', AppendInt(out, int{thread}), *out += ' ';
}
void AppendCaller(std::string* out, const Op& op) {
  if (op.process != 0) *out += kSecondProcess, *out += ": ";
  if (op.i386 != 0) *out += kCaller32, *out += ": ";
  AppendThread(out, op.thread);
}

void AppendCall(std::string* out, const Op& given, const std::function<std::string(Fd)>& name) {
  Op op = given;
  Canonicalize(&op);
  const std::span<const ArgSpec> args = Spec(op.call).args;
  *out += Spec(op.call).name, *out += '(';
  bool first = true;
  const auto comma = [&] { *out += first ? "" : ", ", first = false; };
  // Where a set stands comes before it, the timeout behind.
  const size_t before = Polls(op.call) && args[0].kind == ArgKind::kMemory ? 1 : 0;
  if (before == 1 && op.mem(0) != Memory()) comma(), AppendSlot(out, op, 0, name);
  for (size_t i = 0; i < op.npoll; ++i) {
    comma(), *out += name(op.poll_fd(i)), *out += ' ', AppendFlags(out, PolledWords(op.call), op.poll_events(i));
  }
  size_t shown = args.size();
  while (shown > 0 && args[shown - 1].optional && op.arg[shown - 1] == 0) --shown;
  // Optional slots are left out all together or not at all.
  if (shown > 0 && args[shown - 1].optional) shown = args.size();
  for (size_t i = before; i < shown; ++i) {
    if (args[i].kind == ArgKind::kPayload) continue;
    if (args[i].kind != ArgKind::kMemory) {
      comma(), AppendSlot(out, op, i, name);
    } else if (op.mem(i) != Memory()) {
      comma(), AppendSlot(out, op, i, name);
      if (!op.mem(i).readable()) i += args[i].pointee;
    }
  }
  *out += ')';
}

void AppendRecord(std::string* out, Call call, const Record& record) {
  const Yields yields = Spec(call).yields;
  if (yields == Yields::kItems) AppendInt(out, record.fd), *out += ' ';
  if (yields == Yields::kSignals) {
    AppendWord(out, SignalWords(), static_cast<int32_t>(record.events));
  } else {
    AppendFlags(out, PolledWords(call), record.events);
  }
  if (yields != Yields::kRevents) *out += ' ', AppendHex(out, record.data);
}

void AppendOutcome(std::string* out, Call call, const Outcome& outcome) {
  bool first = true;
  const auto comma = [&] { *out += first ? "" : ", ", first = false; };
  switch (outcome.kind) {
    case Outcome::kValues:
      for (size_t i = 0; i < outcome.nvalues; ++i) comma(), AppendInt(out, outcome.value[i]);
      if (outcome.has_payload) *out += " u64 ", AppendInt(out, outcome.payload);
      break;
    case Outcome::kError:
      *out += '-', *out += ErrnoName(outcome.error);
      break;
    case Outcome::kRecords:
      *out += '[';
      for (const Record& record : outcome.records) comma(), AppendRecord(out, call, record);
      *out += ']';
      break;
    case Outcome::kBlocked:
    case Outcome::kHung:
    case Outcome::kDied:
    case Outcome::kSkipped:
      *out += kBlockedNames[outcome.kind - Outcome::kBlocked];
      break;
  }
  if (outcome.clobbered) *out += ' ', *out += kClobbered;
}

void AppendExpected(std::string* out, Call call, bool any, const std::vector<Outcome>& allow) {
  if (any) {
    *out += '*';
    return;
  }
  const bool set = allow.size() > 1;
  *out += set ? "{" : "";
  for (size_t i = 0; i < allow.size(); ++i) {
    *out += i == 0 ? "" : ", ";
    AppendOutcome(out, call, allow[i]);
  }
  *out += set ? "}" : "";
}

// Text on one line.
std::string OneLine(std::string_view text) {
  std::string line(TrimRight(text));
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

// A comment's text stands behind "# ". An empty line is "", a bare '#' is " ".
void AppendComment(std::string* out, std::string_view text) {
  const std::string line = OneLine(text);
  *out += line.empty() ? "#" : "# ", *out += line;
}
void AppendLines(std::string* out, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    if (!line.empty()) AppendComment(out, line);
    *out += '\n';
  }
}

// "  T2 epoll_wait = "
void AppendReturn(std::string* out, uint8_t thread, Call call) {
  *out += "  ", AppendThread(out, thread), *out += Spec(call).name, *out += " = ";
}

// What the op brought back, a line each, and the comments that stand with what was written of it.
void AppendCompletions(std::string* out, const std::vector<WrittenCompletion>& written,
                       const std::vector<Completion>* completions) {
  if (completions == nullptr) {
    for (const WrittenCompletion& c : written) {
      AppendLines(out, c.above);
      AppendReturn(out, c.thread, c.call), AppendExpected(out, c.call, c.any, c.allow);
      if (!c.comment.empty()) *out += "    ", AppendComment(out, c.comment);
      *out += '\n';
    }
    return;
  }
  for (const Completion& c : *completions) {
    const auto note =
        std::find_if(written.begin(), written.end(), [&](const WrittenCompletion& w) { return w.thread == c.thread; });
    if (note != written.end()) AppendLines(out, note->above);
    AppendReturn(out, c.thread, c.call), AppendOutcome(out, c.call, c.outcome);
    if (note != written.end() && !note->comment.empty()) *out += "    ", AppendComment(out, note->comment);
    *out += '\n';
  }
}

// `outcomes` replaces what the notes say, if given.
std::string PrintTrace(const Trace& trace, const std::span<const Outcome>* outcomes) {
  static const Note kNoNote;
  const Names names(trace);
  std::string out;
  for (const Directive& directive : trace.directives) {
    AppendLines(&out, directive.above);
    out += "% ", out += directive.key, out += ' ', out += OneLine(directive.value), out += '\n';
  }
  for (size_t i = 0; i < trace.ops.size(); ++i) {
    const Op& op = trace.ops[i];
    const Note& note = i < trace.notes.size() ? trace.notes[i] : kNoNote;
    AppendLines(&out, note.above);
    AppendCaller(&out, op);
    names.AppendBinding(&out, i);
    AppendCall(&out, op, [&](Fd fd) { return names.Operand(i, fd); });
    std::string comment = note.comment;
    const std::vector<Completion>* completions = nullptr;
    if (outcomes == nullptr) {
      if (note.expect.any || !note.expect.allow.empty()) {
        out += " = ", AppendExpected(&out, op.call, note.expect.any, note.expect.allow);
      }
    } else if (i < outcomes->size()) {
      const Outcome& outcome = (*outcomes)[i];
      completions = &outcome.completions;
      out += " = ", AppendOutcome(&out, op.call, outcome);
      if (outcome.note != nullptr && comment.find(outcome.note) == std::string::npos) {
        comment += comment.empty() ? "" : "; ", comment += outcome.note;
      }
    }
    if (!comment.empty()) out += "    ", AppendComment(&out, comment);
    out += '\n';
    if (outcomes == nullptr || completions != nullptr) AppendCompletions(&out, note.expect.completions, completions);
  }
  AppendLines(&out, trace.below);
  return out;
}

}  // namespace

std::string Print(const Trace& trace) { return PrintTrace(trace, nullptr); }
std::string Print(const Trace& trace, std::span<const Outcome> outcomes) { return PrintTrace(trace, &outcomes); }

std::vector<std::string> PrintOps(const Trace& trace) {
  const Names names(trace);
  std::vector<std::string> lines(trace.ops.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    AppendCaller(&lines[i], trace.ops[i]);
    names.AppendBinding(&lines[i], i);
    AppendCall(&lines[i], trace.ops[i], [&](Fd fd) { return names.Operand(i, fd); });
  }
  return lines;
}

std::string PrintOp(const Op& op) {
  return PrintOp(op, [](Fd fd) {
    if (fd.literal()) return std::to_string(fd.number());
    return '#' + std::to_string(fd.op()) + (fd.out() == 0 ? "" : ".1");
  });
}

std::string PrintOp(const Op& op, const std::function<std::string(Fd)>& name) {
  std::string out;
  AppendCaller(&out, op);
  AppendCall(&out, op, name);
  return out;
}

std::string PrintOutcome(const Op& op, const Outcome& outcome) {
  std::string out;
  AppendOutcome(&out, op.call, outcome);
  for (const Completion& c : outcome.completions) {
    out += "; ", AppendThread(&out, c.thread), out += Spec(c.call).name, out += " = ";
    AppendOutcome(&out, c.call, c.outcome);
  }
  return out;
}

std::string PrintExpectation(const Op& op, const Expectation& expectation) {
  std::string out;
  AppendExpected(&out, op.call, expectation.any, expectation.allow);
  return out;
}

std::string PrintMask(uint32_t events) {
  std::string out;
  AppendFlags(&out, EventWords(), events);
  return out;
}

}  // namespace pollux
