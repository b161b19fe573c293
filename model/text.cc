// Printing and parsing traces, driven by the table of calls.

#include "model/text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace pollux {
namespace {

// --- Words both directions share -------------------------------------------------------------------------------

constexpr std::string_view kDirectives[] = {"profile", "fact", "target", "seed", "as-if", "signature", "note"};

constexpr std::string_view kMemoryNames[] = {"", "NULL", "kernel", "unmapped", "readonly", "fault"};

constexpr std::string_view kBlockedNames[] = {"blocked", "hung", "died", "skipped"};  // Outcome::kBlocked on

constexpr std::string_view kClobbered = "clobbered";

// asm-generic/errno-base.h and errno.h, by number; 41 and 58 are not used.
constexpr std::string_view kErrnoNames[] = {
    "",
    "PERM",
    "NOENT",
    "SRCH",
    "INTR",
    "IO",
    "NXIO",
    "2BIG",
    "NOEXEC",
    "BADF",
    "CHILD",
    "AGAIN",
    "NOMEM",
    "ACCES",
    "FAULT",
    "NOTBLK",
    "BUSY",
    "EXIST",
    "XDEV",
    "NODEV",
    "NOTDIR",
    "ISDIR",
    "INVAL",
    "NFILE",
    "MFILE",
    "NOTTY",
    "TXTBSY",
    "FBIG",
    "NOSPC",
    "SPIPE",
    "ROFS",
    "MLINK",
    "PIPE",
    "DOM",
    "RANGE",
    "DEADLK",
    "NAMETOOLONG",
    "NOLCK",
    "NOSYS",
    "NOTEMPTY",
    "LOOP",
    "",
    "NOMSG",
    "IDRM",
    "CHRNG",
    "L2NSYNC",
    "L3HLT",
    "L3RST",
    "LNRNG",
    "UNATCH",
    "NOCSI",
    "L2HLT",
    "BADE",
    "BADR",
    "XFULL",
    "NOANO",
    "BADRQC",
    "BADSLT",
    "",
    "BFONT",
    "NOSTR",
    "NODATA",
    "TIME",
    "NOSR",
    "NONET",
    "NOPKG",
    "REMOTE",
    "NOLINK",
    "ADV",
    "SRMNT",
    "COMM",
    "PROTO",
    "MULTIHOP",
    "DOTDOT",
    "BADMSG",
    "OVERFLOW",
    "NOTUNIQ",
    "BADFD",
    "REMCHG",
    "LIBACC",
    "LIBBAD",
    "LIBSCN",
    "LIBMAX",
    "LIBEXEC",
    "ILSEQ",
    "RESTART",
    "STRPIPE",
    "USERS",
    "NOTSOCK",
    "DESTADDRREQ",
    "MSGSIZE",
    "PROTOTYPE",
    "NOPROTOOPT",
    "PROTONOSUPPORT",
    "SOCKTNOSUPPORT",
    "OPNOTSUPP",
    "PFNOSUPPORT",
    "AFNOSUPPORT",
    "ADDRINUSE",
    "ADDRNOTAVAIL",
    "NETDOWN",
    "NETUNREACH",
    "NETRESET",
    "CONNABORTED",
    "CONNRESET",
    "NOBUFS",
    "ISCONN",
    "NOTCONN",
    "SHUTDOWN",
    "TOOMANYREFS",
    "TIMEDOUT",
    "CONNREFUSED",
    "HOSTDOWN",
    "HOSTUNREACH",
    "ALREADY",
    "INPROGRESS",
    "STALE",
    "UCLEAN",
    "NOTNAM",
    "NAVAIL",
    "ISNAM",
    "REMOTEIO",
    "DQUOT",
    "NOMEDIUM",
    "MEDIUMTYPE",
    "CANCELED",
    "NOKEY",
    "KEYEXPIRED",
    "KEYREVOKED",
    "KEYREJECTED",
    "OWNERDEAD",
    "NOTRECOVERABLE",
    "RFKILL",
    "HWPOISON",
};
static_assert(std::size(kErrnoNames) == 134);

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsWordChar(char c) { return IsWordStart(c) || IsDigit(c); }

std::string_view TrimRight(std::string_view s) {
  while (!s.empty() && IsSpace(s.back())) s.remove_suffix(1);
  return s;
}
std::string_view Trim(std::string_view s) {
  while (!s.empty() && IsSpace(s.front())) s.remove_prefix(1);
  return TrimRight(s);
}

bool IsMemory(std::string_view s) {
  return !s.empty() && std::find(std::begin(kMemoryNames), std::end(kMemoryNames), s) != std::end(kMemoryNames);
}

// T1, T2, ... name threads.
bool IsThread(std::string_view s) {
  return s.size() > 1 && s[0] == 'T' && std::all_of(s.begin() + 1, s.end(), IsDigit);
}
bool IsName(std::string_view s) {
  return !s.empty() && IsWordStart(s[0]) && std::all_of(s.begin(), s.end(), IsWordChar) && !IsThread(s) &&
         s != "race" && s != "u64" && !IsMemory(s);
}

// --- Printing --------------------------------------------------------------------------------------------------

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
    case ArgKind::kChoice: {
      const auto word = std::find_if(spec.words.begin(), spec.words.end(),
                                     [&](const Word& w) { return static_cast<int32_t>(w.value) == op.num(i); });
      if (word != spec.words.end()) {
        *out += word->name;
      } else {
        AppendInt(out, op.num(i));
      }
      break;
    }
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

void AppendOp(std::string* out, const Op& given, const std::function<std::string(Fd)>& name) {
  Op op = given;
  Canonicalize(&op);
  const std::span<const ArgSpec> args = Spec(op.call).args;
  *out += Spec(op.call).name, *out += '(';
  bool first = true;
  const auto comma = [&] { *out += first ? "" : ", ", first = false; };
  for (size_t i = 0; i < op.npoll; ++i) {
    comma(), *out += name(op.poll_fd(i)), *out += ' ', *out += PrintMask(op.poll_events(i));
  }
  size_t shown = args.size();
  while (shown > 0 && args[shown - 1].optional && op.arg[shown - 1] == 0) --shown;
  // Optional slots are left out all together or not at all.
  if (shown > 0 && args[shown - 1].optional) shown = args.size();
  for (size_t i = 0; i < shown; ++i) {
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

void AppendRecord(std::string* out, Yields yields, const Record& record) {
  if (yields == Yields::kItems) AppendInt(out, record.fd), *out += ' ';
  *out += PrintMask(record.events);
  if (yields != Yields::kRevents) *out += ' ', AppendHex(out, record.data);
}

void AppendOutcome(std::string* out, const Op& op, const Outcome& outcome) {
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
      for (const Record& record : outcome.records) comma(), AppendRecord(out, Spec(op.call).yields, record);
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

void AppendExpectation(std::string* out, const Op& op, const Expectation& expectation) {
  if (expectation.any) {
    *out += '*';
    return;
  }
  const bool set = expectation.allow.size() > 1;
  *out += set ? "{" : "";
  for (size_t i = 0; i < expectation.allow.size(); ++i) {
    *out += i == 0 ? "" : ", ";
    AppendOutcome(out, op, expectation.allow[i]);
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

// The names under which outputs are bound and used: those of the notes, where they are names, and where every use
// finds them (a later op may have bound the same name again); new ones for the others.
class Names {
 public:
  using Output = std::pair<size_t, size_t>;  // op, out

  explicit Names(const Trace& trace) : ops_(trace.ops), names_(ops_.size()) {
    for (size_t i = 0; i < std::min(ops_.size(), trace.notes.size()); ++i) {
      for (size_t k = 0; k < Outputs(ops_[i].call); ++k) {
        if (IsName(trace.notes[i].name[k])) Set({i, k}, trace.notes[i].name[k]);
      }
    }
    std::vector<bool> wanted(ops_.size());
    for (size_t i = 0; i < ops_.size(); ++i) {
      const Call call = ops_[i].call;
      // Unasked, only calls that make something new get names, and only in a trace that has no notes at all.
      wanted[i] = (trace.notes.empty() && call != Call::kDup2 && call != Call::kDup3 && call != Call::kFcntl) ||
                  !names_[i][0].empty() || !names_[i][1].empty();
      Uses(i, [&](Output used) { wanted[used.first] = true; });
    }
    for (size_t i = 0; i < ops_.size(); ++i) {
      if (wanted[i]) NameOutputs(i);
    }
    std::unordered_map<std::string, Output> bound;
    std::vector<Output> hidden;
    for (size_t i = 0; i < ops_.size(); ++i) {
      Uses(i, [&](Output used) {
        if (bound[names_[used.first][used.second]] != used) hidden.push_back(used);
      });
      for (size_t k = 0; k < Outputs(ops_[i].call); ++k) {
        if (!names_[i][k].empty()) bound[names_[i][k]] = {i, k};
      }
    }
    // A name that stands nowhere else hides nothing, so one round is enough.
    std::sort(hidden.begin(), hidden.end());
    hidden.erase(std::unique(hidden.begin(), hidden.end()), hidden.end());
    for (const Output& output : hidden) Set(output, Fresh(ops_[output.first].call, output.second));
  }

  // "r, w = ", or nothing.
  void AppendBinding(std::string* out, size_t i) const {
    if (names_[i][0].empty()) return;
    *out += names_[i][0];
    if (!names_[i][1].empty()) *out += ", ", *out += names_[i][1];
    *out += " = ";
  }

  // An operand of op i. One that names no output of an earlier op reads as -1.
  std::string Operand(size_t i, Fd fd) const {
    if (fd.literal()) return std::to_string(fd.number());
    return fd.op() < i && !names_[fd.op()][fd.out()].empty() ? names_[fd.op()][fd.out()] : "-1";
  }

 private:
  template <class F>
  void Uses(size_t i, F f) const {
    Op op = ops_[i];
    MapFds(op, [&](Fd fd) {
      if (!fd.literal() && fd.op() < i && fd.out() < Outputs(ops_[fd.op()].call)) f(Output(fd.op(), fd.out()));
      return fd;
    });
  }

  void Set(Output output, std::string name) {
    used_.insert(name);
    names_[output.first][output.second] = std::move(name);
  }

  void NameOutputs(size_t i) {
    for (size_t k = 0; k < Outputs(ops_[i].call); ++k) {
      if (names_[i][k].empty()) Set({i, k}, Fresh(ops_[i].call, k));
    }
  }

  static std::string Base(Call call, size_t out) {
    switch (call) {
      case Call::kEpollCreate:
      case Call::kEpollCreate1:
        return "ep";
      case Call::kPipe2:
        return out == 0 ? "r" : "w";
      case Call::kEventfd:
        return "e";
      case Call::kSocketpair:
        return "s";
      case Call::kTimerfdCreate:
        return "t";
      case Call::kMemfdCreate:
        return "m";
      case Call::kOpen:
        return "f";
      default:
        return "d";
    }
  }

  // ep, ep2, ep3, ...; the two ends of a pair are s1, s2.
  std::string Fresh(Call call, size_t out) {
    const std::string base = Base(call, out);
    int& n = count_[base];
    std::string name;
    do {
      ++n;
      name = n == 1 && call != Call::kSocketpair ? base : base + std::to_string(n);
    } while (used_.count(name) != 0);
    return name;
  }

  const std::vector<Op>& ops_;
  std::vector<std::array<std::string, 2>> names_;
  std::unordered_set<std::string> used_;
  std::map<std::string, int> count_;
};

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
    names.AppendBinding(&out, i);
    AppendOp(&out, op, [&](Fd fd) { return names.Operand(i, fd); });
    std::string comment = note.comment;
    if (outcomes == nullptr) {
      if (note.expect.written()) out += " = ", AppendExpectation(&out, op, note.expect);
    } else if (i < outcomes->size()) {
      const Outcome& outcome = (*outcomes)[i];
      out += " = ", AppendOutcome(&out, op, outcome);
      if (outcome.note != nullptr && comment.find(outcome.note) == std::string::npos) {
        comment += comment.empty() ? "" : "; ", comment += outcome.note;
      }
    }
    if (!comment.empty()) out += "    ", AppendComment(&out, comment);
    out += '\n';
  }
  AppendLines(&out, trace.below);
  return out;
}

// --- Parsing ---------------------------------------------------------------------------------------------------

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

class Parser {
 public:
  Parser(std::string_view text, Trace* trace, ParseError* error) : text_(text), trace_(trace), error_(error) {}

  bool Run() {
    for (int number = 1; !text_.empty(); ++number) {
      const size_t end = text_.find('\n');
      line_ = TrimRight(text_.substr(0, end)), pos_ = 0, error_->line = number;
      text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
      if (!Line()) return false;
    }
    trace_->below = std::move(above_);
    return true;
  }

 private:
  // --- Characters and tokens. Take...() leaves the position where it is if it answers false.

  void SkipSpace() {
    while (pos_ < line_.size() && IsSpace(line_[pos_])) ++pos_;
  }
  // The next character that is not space; '#' at the end of the line as well as before a comment.
  char Peek() {
    SkipSpace();
    return pos_ < line_.size() ? line_[pos_] : '#';
  }
  bool AtEnd() { return Peek() == '#'; }
  bool Take(char c) {
    if (Peek() != c) return false;
    ++pos_;
    return true;
  }
  std::string_view PeekWord() {
    if (!IsWordStart(Peek())) return {};
    size_t end = pos_;
    while (end < line_.size() && IsWordChar(line_[end])) ++end;
    return line_.substr(pos_, end - pos_);
  }
  bool TakeWord(std::string_view word) {
    if (PeekWord() != word) return false;
    pos_ += word.size();
    return true;
  }

  // A decimal or hexadecimal integer from -2^63 to 2^64 - 1.
  bool TakeInt(uint64_t* value, bool* negative) {
    const char c = Peek();
    size_t i = pos_ + (c == '-');
    *negative = c == '-';
    if (i >= line_.size() || !IsDigit(line_[i])) return false;
    const bool hex = line_[i] == '0' && i + 1 < line_.size() && (line_[i + 1] == 'x' || line_[i + 1] == 'X');
    // C would read a leading 0 as octal.
    if (!hex && line_[i] == '0' && i + 1 < line_.size() && IsDigit(line_[i + 1])) return false;
    const char* const begin = line_.data() + i + (hex ? 2 : 0);
    const char* const end = line_.data() + line_.size();
    const auto [stop, ec] = std::from_chars(begin, end, *value, hex ? 16 : 10);
    if (ec != std::errc() || (stop != end && IsWordChar(*stop))) return false;
    if (*negative && *value > uint64_t{1} << 63) return false;
    if (*negative) *value = 0 - *value;
    pos_ = static_cast<size_t>(stop - line_.data());
    return true;
  }
  // One that fits 32 bits, signed or unsigned; *value is sign-extended.
  bool TakeInt32(uint64_t* value) {
    const size_t start = pos_;
    bool negative;
    uint64_t v;
    if (!TakeInt(&v, &negative)) return false;
    if (negative ? static_cast<int64_t>(v) < INT32_MIN : v > UINT32_MAX) {
      pos_ = start;
      return false;
    }
    *value = static_cast<uint64_t>(int64_t{static_cast<int32_t>(v)});
    return true;
  }
  bool TakeInt64(uint64_t* value) {
    bool negative;
    return TakeInt(value, &negative);
  }

  // What stands at the position, for a message.
  std::string Got() {
    if (AtEnd()) return "the end of the line";
    size_t end = pos_ + (line_[pos_] == '-' || line_[pos_] == '%');
    while (end < line_.size() && IsWordChar(line_[end])) ++end;
    std::string got = "`";
    for (const char c : line_.substr(pos_, std::min<size_t>(std::max(end, pos_ + 1) - pos_, 40))) {
      got += std::isprint(static_cast<unsigned char>(c)) ? c : '?';
    }
    return got + "`";
  }
  bool Fail(std::string expected) {
    error_->expected = std::move(expected), error_->got = Got();
    error_->column = static_cast<int>(pos_) + 1;
    return false;
  }
  bool Expect(char c) { return Take(c) || Fail(std::string("`") + c + "`"); }

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

  // What follows '#'; see AppendComment.
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

  bool OpLine() {
    Note note;
    size_t names = 0;
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
    Op op;
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
    if (op->call == Call::kPoll && !Polled(op, &first)) return false;
    for (size_t i = 0; i < args.size(); ++i) {
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
    for (;; *first = false) {
      const size_t start = pos_;
      if (!*first && !Take(',')) break;
      Fd fd;
      if (!Descriptor(&fd)) return false;
      // The last argument is the timeout, not a descriptor. (So is a lone name, which is an error then.)
      if (Peek() == ')' || AtEnd()) {
        pos_ = start;
        break;
      }
      if (op->npoll == kMaxPoll) return Fail("the timeout: a poll has at most 9 descriptors");
      uint64_t events;
      const size_t mask = (Peek(), pos_);
      if (!Flags(EventWords(), "an event mask", &events)) return false;
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
      text = Trim(text.substr(n));
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
      case Yields::kPayload:
        if (!Values(1, "an integer", outcome)) return false;
        outcome->has_payload = TakeWord("u64");
        return !outcome->has_payload || TakeInt64(&outcome->payload) || Fail("a 64-bit value");
      case Yields::kEvents:
      case Yields::kRevents:
      case Yields::kItems:
        return Records(yields, outcome);
    }
    return false;
  }

  bool Error(Outcome* outcome) {
    const size_t start = pos_++;
    const std::string_view word = PeekWord();
    outcome->kind = Outcome::kError;
    for (size_t i = 1; i < std::size(kErrnoNames); ++i) {
      if (kErrnoNames[i].empty() || word.substr(1) != kErrnoNames[i]) continue;
      pos_ += word.size();
      outcome->error = static_cast<Errno>(i);
      return true;
    }
    // One that Linux does not use, as ErrnoName writes it.
    int number = 0;
    const auto [stop, ec] = std::from_chars(word.data() + 1, word.data() + word.size(), number);
    if (ec == std::errc() && stop == word.data() + word.size() && number >= 0 && number <= INT16_MAX &&
        ErrnoName(number) == word) {
      pos_ += word.size();
      outcome->error = static_cast<Errno>(number);
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

  bool Records(Yields yields, Outcome* outcome) {
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
      if (!Flags(EventWords(), "an event mask", &value)) return false;
      record.events = static_cast<uint32_t>(value);
      if (yields != Yields::kRevents && !TakeInt64(&record.data)) return Fail("data");
      outcome->records.push_back(record);
    } while (Take(','));
    return Take(']') || Fail("`,` or `]`");
  }

  std::string_view text_;
  Trace* trace_;
  ParseError* error_;
  std::string_view line_;
  size_t pos_ = 0;
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

std::string Print(const Trace& trace) { return PrintTrace(trace, nullptr); }
std::string Print(const Trace& trace, std::span<const Outcome> outcomes) { return PrintTrace(trace, &outcomes); }

std::vector<std::string> PrintOps(const Trace& trace) {
  const Names names(trace);
  std::vector<std::string> lines(trace.ops.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    names.AppendBinding(&lines[i], i);
    AppendOp(&lines[i], trace.ops[i], [&](Fd fd) { return names.Operand(i, fd); });
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
  AppendOp(&out, op, name);
  return out;
}

std::string PrintOutcome(const Op& op, const Outcome& outcome) {
  std::string out;
  AppendOutcome(&out, op, outcome);
  return out;
}

std::string PrintExpectation(const Op& op, const Expectation& expectation) {
  std::string out;
  AppendExpectation(&out, op, expectation);
  return out;
}

std::string PrintMask(uint32_t events) {
  std::string out;
  AppendFlags(&out, EventWords(), events);
  return out;
}

std::string ErrnoName(int error) {
  if (error > 0 && error < static_cast<int>(std::size(kErrnoNames)) && !kErrnoNames[error].empty()) {
    return 'E' + std::string(kErrnoNames[error]);
  }
  return 'E' + std::to_string(error);
}

}  // namespace pollux
