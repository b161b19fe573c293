// Parsing traces, driven by the table of calls: recursive descent, one line at a time, no way back beyond a token.

#include <algorithm>
#include <charconv>
#include <iterator>
#include <unordered_map>

#include "model/scanner.h"
#include "model/text.h"
#include "model/words.h"

namespace pollux {
namespace {

// "a, b or c"
std::string OneOf(std::span<const std::string_view> words) {
  std::string s;
  for (size_t i = 0; i < words.size(); ++i) {
    s += i == 0 ? "" : i + 1 == words.size() ? " or " : ", ", s += words[i];
  }
  return s;
}
std::string OneOf(std::span<const Word> words, std::string_view last = {}) {
  std::vector<std::string_view> names;
  for (const Word& word : words) names.push_back(word.name);
  if (!last.empty()) names.push_back(last);
  return OneOf(std::span<const std::string_view>(names));
}

class Parser : private Scanner {
 public:
  Parser(std::string_view text, Trace* trace, ParseError* error) : Scanner(error), text_(text), trace_(trace) {}

  bool Run() {
    while (!text_.empty()) {
      const size_t end = text_.find('\n');
      StartLine(text_.substr(0, end));
      text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
      if (!Line()) return false;
    }
    trace_->below = std::move(above_);
    return true;
  }

 private:
  // --- Lines.

  bool Line() {
    SkipSpace();
    if (pos_ == line_.size()) {
      above_.emplace_back();
      return true;
    }
    if (line_[pos_] == '#') {
      above_.push_back(Comment());
      return true;
    }
    return line_[pos_] == '%' ? DirectiveLine() : OpLine();
  }

  // What follows '#', and the space behind it. A bare '#' is " ", since an empty line is "".
  std::string Comment() {
    std::string_view comment = line_.substr(pos_ + 1);
    if (comment.empty()) return " ";
    if (comment.front() == ' ') comment.remove_prefix(1);
    return std::string(comment);
  }

  bool DirectiveLine() {
    if (!trace_->ops.empty()) return Fail("an op: directives stand before the first one");
    ++pos_, SkipSpace();
    size_t end = pos_;
    while (end < line_.size() && !IsSpace(line_[end])) ++end;
    const std::string_view key = line_.substr(pos_, end - pos_);
    if (std::find(std::begin(kDirectives), std::end(kDirectives), key) == std::end(kDirectives)) {
      return Fail(OneOf(kDirectives));
    }
    pos_ = end, SkipSpace();
    const std::string_view value = line_.substr(pos_);
    if (value.empty()) return Fail("a value");
    trace_->directives.push_back({std::string(key), std::string(value), std::move(above_)});
    above_.clear();
    return true;
  }

  // T1 before an op or a completion; no thread is 0.
  bool Thread(uint8_t* thread) {
    const std::string_view word = PeekWord();
    if (word.size() < 2 || word[0] != 'T' || !std::all_of(word.begin() + 1, word.end(), IsDigit)) return true;
    unsigned number = 0;
    std::from_chars(word.data() + 1, word.data() + word.size(), number);
    if (number < 1 || number > kMaxThreads || word[1] == '0') {
      return Fail("a thread from T1 to T" + std::to_string(kMaxThreads));
    }
    pos_ += word.size();
    *thread = static_cast<uint8_t>(number);
    return true;
  }

  // T2 epoll_wait = ...: a call without parentheses, and no call behind "=".
  bool CompletionFollows() {
    const std::string_view word = PeekWord();
    if (FindCall(word) == nullptr || CallFollows(word)) return false;
    const size_t start = pos_;
    pos_ += word.size();
    const bool follows = Take('=') && !CallFollows(PeekWord());
    pos_ = start;
    return follows;
  }

  bool CompletionLine(uint8_t thread, size_t start) {
    if (trace_->ops.empty()) return pos_ = start, Fail("an op: a completion belongs to the op above it");
    std::vector<WrittenCompletion>& all = trace_->notes.back().expect.completions;
    const auto at = std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.thread >= thread; });
    if (at != all.end() && at->thread == thread)
      return pos_ = start, Fail("another thread: an op brings each back once");
    const std::string_view word = PeekWord();
    WrittenCompletion completion;
    completion.thread = thread, completion.call = FindCall(word)->call;
    pos_ += word.size();
    Op op;
    op.call = completion.call;
    Expectation expect;
    if (!Expect('=') || !Expected(op, &expect)) return false;
    if (!AtEnd()) return Fail("a comment or the end of the line");
    if (pos_ < line_.size()) completion.comment = Comment();
    completion.any = expect.any, completion.allow = std::move(expect.allow);
    completion.above = std::move(above_);
    above_.clear();
    all.insert(at, std::move(completion));
    return true;
  }

  bool OpLine() {
    Note note;
    size_t names = 0;
    Op op;
    const size_t start = (Peek(), pos_);
    if (Caller(kSecondProcess)) {
      op.process = 1;
    } else if (Caller(kCaller32)) {
      op.i386 = 1;
    } else if (!Thread(&op.thread)) {
      return false;
    }
    if (op.thread != 0 && CompletionFollows()) return CompletionLine(op.thread, start);
    std::string_view word = PeekWord();
    while (!CallFollows(word)) {
      if (!IsName(word)) return Fail("a name or a call");
      pos_ += word.size();
      note.name[names++] = word;
      if (names == 1 && Take(',')) {
        word = PeekWord();
        if (!IsName(word)) return Fail("a name");
        continue;
      }
      if (!Take('=')) return Fail(names == 1 ? "`(`, `,` or `=`" : "`=`");
      word = PeekWord();
      if (!CallFollows(word)) return Fail("a call");
    }
    const CallSpec* spec = FindCall(word);
    if (spec == nullptr) return Fail("a call");
    if (names != 0 && names != spec->outputs) {
      return Fail(names == 1 ? "a call that returns one descriptor" : "a call that returns two descriptors");
    }
    pos_ += word.size();
    op.call = spec->call;
    if (!Expect('(') || !Args(&op) || !Expect(')')) return false;
    if (Take('=')) {
      if (!Expected(op, &note.expect)) return false;
      if (!AtEnd()) return Fail("a comment or the end of the line");
    } else if (!AtEnd()) {
      return Fail("`=`, a comment or the end of the line");
    }
    if (pos_ < line_.size()) note.comment = Comment();
    note.above = std::move(above_);
    above_.clear();
    for (size_t k = 0; k < names; ++k) {
      bound_[note.name[k]] = Fd::Output(static_cast<uint32_t>(trace_->ops.size()), static_cast<uint32_t>(k));
    }
    trace_->ops.push_back(op);
    trace_->notes.push_back(std::move(note));
    return true;
  }

  // "P2:", before everything else.
  bool Caller(std::string_view who) {
    const size_t start = pos_;
    if (TakeWord(who) && Take(':')) return true;
    pos_ = start;
    return false;
  }

  bool CallFollows(std::string_view word) {
    if (word.empty()) return false;
    const size_t start = pos_;
    pos_ += word.size();
    const bool call = Peek() == '(';
    pos_ = start;
    return call;
  }

  // --- Arguments.

  bool Args(Op* op) {
    const std::span<const ArgSpec> args = Spec(op->call).args;
    bool first = true;
    size_t i = 0;
    if (Polls(op->call)) {
      // Where the set stands comes before it, the timeout behind. An empty set stands nowhere.
      const size_t start = (Peek(), pos_);
      if (args[0].kind == ArgKind::kMemory) {
        Memory memory;
        if (IsMemory(PeekWord())) {
          if (!Pointer(&memory)) return false;
          op->arg[0] = memory.bits(), first = false;
        }
        ++i;
      }
      if (!Polled(op, &first)) return false;
      if (op->npoll == 0) op->arg[0] = 0, pos_ = start, first = true;
    }
    for (; i < args.size(); ++i) {
      const ArgSpec& spec = SlotSpec(*op, i);
      if (spec.kind == ArgKind::kPayload) continue;
      if (spec.kind == ArgKind::kMemory) {
        const size_t start = pos_;
        Memory memory;
        if (!(first || Take(',')) || !IsMemory(PeekWord())) {
          pos_ = start;
          continue;
        }
        if (!Pointer(&memory)) return false;
        op->arg[i] = memory.bits(), first = false;
        if (!memory.readable()) i += spec.pointee;
        continue;
      }
      if (spec.optional && Peek() == ')') break;
      if (!first && !Take(',')) return Fail("`,` and " + std::string(spec.name));
      first = false;
      if (!Literally(spec.open) || !Slot(op, i) || !Literally(spec.close)) return false;
    }
    return true;
  }

  // fd MASK, fd MASK, ... up to the timeout, which has no mask.
  bool Polled(Op* op, bool* first) {
    const std::span<const Word> words = PolledWords(op->call);
    const bool select = op->call == Call::kSelect;
    for (;; *first = false) {
      const size_t start = pos_;
      if (!*first && !Take(',')) break;
      if (Peek() == '{' || IsMemory(PeekWord())) {
        pos_ = start;
        break;
      }
      Fd fd;
      if (!Descriptor(&fd)) return false;
      // The last argument is the timeout, not a descriptor. (So is a lone name, which is an error then.)
      if (Peek() == ')' || AtEnd()) {
        pos_ = start;
        break;
      }
      if (op->npoll == MaxPolled(op->call)) {
        return Fail("the timeout: a " + std::string(Spec(op->call).name) + " has at most " +
                    std::to_string(MaxPolled(op->call)) + " descriptors");
      }
      uint64_t events;
      const size_t mask = (Peek(), pos_);
      if (!Flags(words, select ? "sets: " + OneOf(words, "0") : "an event mask", &events)) return false;
      if (select && events > kSelectSets) return pos_ = mask, Fail("sets: " + OneOf(words, "0"));
      if (events > UINT16_MAX) return pos_ = mask, Fail("an event mask of 16 bits");
      op->set_poll(op->npoll++, fd, static_cast<uint16_t>(events));
    }
    return true;
  }

  bool Pointer(Memory* memory) {
    const std::string_view word = PeekWord();
    const auto kind = std::find(std::begin(kMemoryNames), std::end(kMemoryNames), word) - std::begin(kMemoryNames);
    pos_ += word.size();
    uint64_t records = 0;
    bool negative = false;
    if (kind == Memory::kFault) {
      if (!Take('@')) return Fail("`@`");
      const size_t start = pos_;
      if (!TakeInt(&records, &negative) || negative || records > UINT32_MAX) {
        return pos_ = start, Fail("a number of records");
      }
    }
    *memory = Memory(static_cast<Memory::Kind>(kind), static_cast<uint32_t>(records));
    return true;
  }

  // The fixed text around a slot, token by token.
  bool Literally(std::string_view text) {
    while (!text.empty()) {
      size_t n = 1;
      while (IsWordStart(text[0]) && n < text.size() && IsWordChar(text[n])) ++n;
      const std::string token(text.substr(0, n));
      const bool taken = IsWordStart(token[0]) ? TakeWord(token) || TakeWord("RLIMIT_" + token) : Take(token[0]);
      if (!taken) return Fail("`" + token + "`");
      text.remove_prefix(n);
      while (!text.empty() && IsSpace(text[0])) text.remove_prefix(1);
    }
    return true;
  }

  bool Descriptor(Fd* fd) {
    const std::string_view word = PeekWord();
    const auto it = bound_.find(std::string(word));
    if (it != bound_.end()) {
      pos_ += word.size();
      *fd = it->second;
      return true;
    }
    uint64_t number;
    if (!TakeInt32(&number)) return Fail("a descriptor");
    *fd = Fd::Literal(static_cast<int32_t>(number));
    return true;
  }

  bool TakeOneOf(std::span<const Word> words, uint64_t* value) {
    const std::string_view word = PeekWord();
    for (const Word& w : words) {
      if (word != w.name &&
          !(word.size() == w.prefix.size() + w.name.size() && word.starts_with(w.prefix) && word.ends_with(w.name))) {
        continue;
      }
      pos_ += word.size();
      *value = w.value;
      return true;
    }
    return false;
  }

  bool Flags(std::span<const Word> words, std::string_view what, uint64_t* value) {
    *value = 0;
    do {
      uint64_t term;
      if (!TakeOneOf(words, &term) && !TakeInt32(&term)) return Fail(std::string(what));
      *value |= static_cast<uint32_t>(term);
    } while (Take('|'));
    return true;
  }

  bool Slot(Op* op, size_t i) {
    const ArgSpec& spec = SlotSpec(*op, i);
    const std::string name(spec.name);
    uint64_t& value = op->arg[i];
    switch (spec.kind) {
      case ArgKind::kFd: {
        Fd fd;
        if (!Descriptor(&fd)) return false;
        value = fd.bits();
        return true;
      }
      case ArgKind::kInt:
        return TakeOneOf(spec.words, &value) || TakeInt32(&value) ||
               Fail(spec.words.empty() ? name + " (32 bits)" : name + ": " + OneOf(spec.words, "a number"));
      case ArgKind::kFlags:
        if (!Flags(spec.words, spec.words.empty() ? name : name + ": " + OneOf(spec.words, "a number"), &value)) {
          return false;
        }
        // fcntl's arg is an integer that reads as flags.
        if (Spec(op->call).args[i].kind == ArgKind::kInt) Canonicalize(op);
        return true;
      case ArgKind::kEvents:
        return Flags(spec.words, "an event mask", &value);
      case ArgKind::kChoice:
        return TakeOneOf(spec.words, &value) || Fail(OneOf(spec.words));
      case ArgKind::kData:
      case ArgKind::kInt64:
        return TakeInt64(&value) || Fail(name + " (64 bits)");
      case ArgKind::kSize:
        return ByteCount(&value);
      case ArgKind::kBytes: {
        Peek();
        const size_t start = pos_;
        if (!TakeWord("u64")) return ByteCount(&value);
        if (!op->mem(i - 1).readable(8)) return pos_ = start, Fail("a byte count: the memory cannot be read");
        value = 8;
        return TakeInt64(&op->arg[i + 1]) || Fail("a 64-bit value");
      }
      case ArgKind::kMemory:
      case ArgKind::kPayload:
        return true;
    }
    return true;
  }

  bool ByteCount(uint64_t* value) {
    const size_t start = (Peek(), pos_);
    bool negative;
    if (TakeInt(value, &negative) && !negative && *value <= kMaxBytes) return true;
    pos_ = start;
    return Fail("a byte count up to " + std::to_string(kMaxBytes));
  }

  // --- Outcomes.

  bool Expected(const Op& op, Expectation* expect) {
    if (Take('*')) return expect->any = true;
    const bool set = Take('{');
    do {
      expect->allow.emplace_back();
      if (!One(op, &expect->allow.back())) return false;
    } while (set && Take(','));
    return !set || Take('}') || Fail("`,` or `}`");
  }

  bool One(const Op& op, Outcome* outcome) {
    if (!Bare(op, outcome)) return false;
    outcome->clobbered = TakeWord(kClobbered);
    return true;
  }

  bool Bare(const Op& op, Outcome* outcome) {
    for (size_t i = 0; i < std::size(kBlockedNames); ++i) {
      if (!TakeWord(kBlockedNames[i])) continue;
      outcome->kind = static_cast<Outcome::Kind>(Outcome::kBlocked + i);
      return true;
    }
    if (Peek() == '-' && pos_ + 1 < line_.size() && line_[pos_ + 1] == 'E') return Error(outcome);
    const Yields yields = Spec(op.call).yields;
    switch (yields) {
      case Yields::kValue:
        return Values(1, "an integer", outcome);
      case Yields::kDescriptor:
        return Values(1, "a descriptor's number", outcome);
      case Yields::kTwo:
        return Values(2, "two descriptors' numbers", outcome);
      case Yields::kParams:
        return Values(4, "0, usecs, budget, prefer", outcome);
      case Yields::kInterval:
        return Values(3, "0, seconds, nanoseconds", outcome);
      case Yields::kOption:
        return Values(2, "0 and a value", outcome);
      case Yields::kPassed:
        return Values(2, "a descriptor's number or -1, and a byte count", outcome);
      case Yields::kAttributes:
        return Values(4, "flags, maxmsg, msgsize, curmsgs", outcome);
      case Yields::kOffset:
        return Values(2, "a byte count and an offset", outcome);
      case Yields::kOffsets:
        return Values(3, "a byte count and two offsets", outcome);
      case Yields::kMessage:
      case Yields::kPayload:
        if (!(yields == Yields::kMessage ? Values(2, "a byte count and a priority", outcome)
                                         : Values(1, "an integer", outcome))) {
          return false;
        }
        outcome->has_payload = TakeWord("u64");
        return !outcome->has_payload || TakeInt64(&outcome->payload) || Fail("a 64-bit value");
      case Yields::kEvents:
      case Yields::kRevents:
      case Yields::kItems:
      case Yields::kSignals:
        return Records(op.call, yields, outcome);
    }
    return false;
  }

  bool Error(Outcome* outcome) {
    const size_t start = pos_++;
    const std::string_view word = PeekWord();
    outcome->kind = Outcome::kError;
    const int error = FindErrno(word);
    if (error >= 0) {
      pos_ += word.size();
      outcome->error = static_cast<Errno>(error);
      return true;
    }
    pos_ = start;
    return Fail("an error");
  }

  bool Values(uint8_t n, const char* what, Outcome* outcome) {
    outcome->nvalues = n;
    for (uint8_t i = 0; i < n; ++i) {
      uint64_t value;
      if ((i > 0 && !Take(',')) || !TakeInt64(&value)) return Fail(std::string(what) + ", or an outcome in words");
      outcome->value[i] = static_cast<int64_t>(value);
    }
    return true;
  }

  bool Records(Call call, Yields yields, Outcome* outcome) {
    outcome->kind = Outcome::kRecords;
    if (!Take('[')) return Fail("`[`, or an outcome in words");
    if (Take(']')) return true;
    do {
      Record record;
      uint64_t value;
      if (yields == Yields::kItems) {
        if (!TakeInt32(&value)) return Fail("a descriptor's number");
        record.fd = static_cast<int32_t>(value);
      }
      if (yields == Yields::kSignals) {
        if (!TakeOneOf(SignalWords(), &value) && !TakeInt32(&value)) return Fail("a signal");
      } else if (!Flags(PolledWords(call), "an event mask", &value)) {
        return false;
      }
      record.events = static_cast<uint32_t>(value);
      if (yields != Yields::kRevents && !TakeInt64(&record.data)) return Fail("data");
      outcome->records.push_back(record);
    } while (Take(','));
    return Take(']') || Fail("`,` or `]`");
  }

  std::string_view text_;
  Trace* trace_;
  std::vector<std::string> above_;             // comments and empty lines that wait for what they stand above
  std::unordered_map<std::string, Fd> bound_;  // what each name stands for here
};

}  // namespace

std::string ParseError::message() const {
  return file + ':' + std::to_string(line) + ':' + std::to_string(column) + ": expected " + expected + ", got " + got;
}

bool Parse(std::string_view text, std::string_view file, Trace* trace, ParseError* error) {
  Trace parsed;
  ParseError found;
  found.file = file;
  if (!Parser(text, &parsed, &found).Run()) {
    *error = std::move(found);
    return false;
  }
  *trace = std::move(parsed);
  return true;
}

}  // namespace pollux
