#include "oracle/expectations.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "model/text.h"

namespace pollux {
namespace {

constexpr std::string_view kSlash = " / ", kBlanks = " \t", kAsIf = " as if ", kComma = ", ";

std::string_view Trimmed(std::string_view s) {
  const size_t from = s.find_first_not_of(kBlanks);
  return from == s.npos ? std::string_view() : s.substr(from, s.find_last_not_of(kBlanks) + 1 - from);
}

// Is `name` one of "a|b", or is that "*"?
bool OneOf(std::string_view alternatives, std::string_view name) {
  for (;;) {
    const size_t bar = alternatives.find('|');
    const std::string_view one = alternatives.substr(0, bar);
    if (one == "*" || one == name) return true;
    if (bar == alternatives.npos) return false;
    alternatives.remove_prefix(bar + 1);
  }
}

// "CALL / DIFFERENCE / RULE" in its parts; false if it is not that.
bool Split(std::string_view signature, std::string_view (*parts)[3]) {
  for (int i = 0; i < 2; ++i) {
    const size_t slash = signature.find(kSlash);
    if (slash == signature.npos) return false;
    (*parts)[i] = signature.substr(0, slash);
    signature.remove_prefix(slash + kSlash.size());
  }
  (*parts)[2] = signature;
  return signature.find(kSlash) == signature.npos && !signature.empty() && !(*parts)[0].empty() && !(*parts)[1].empty();
}

// Is it in the list?
bool Among(std::string_view name, std::string_view list) {
  while (!list.empty()) {
    const std::string_view one = list.substr(0, list.find(kComma));
    if (one == name) return true;
    list.remove_prefix(std::min(list.size(), one.size() + kComma.size()));
  }
  return false;
}

bool Holds(std::string_view signature, std::string_view kind, std::string_view as_if) {
  if (const size_t at = signature.find(kAsIf); at != signature.npos) {
    const std::string_view name = signature.substr(at + kAsIf.size());
    if (name == "nothing" ? !as_if.empty() : !Among(name, as_if)) return false;
    signature = signature.substr(0, at);
  }
  std::string_view wanted[3], parts[3];
  if (!Split(signature, &wanted) || !Split(kind, &parts)) return false;
  for (int i = 0; i < 3; ++i) {
    if (!OneOf(wanted[i], parts[i])) return false;
  }
  return true;
}

}  // namespace

bool Expected::Matches(std::string_view kind, std::string_view as_if) const {
  return std::any_of(signatures.begin(), signatures.end(), [&](const std::string& s) { return Holds(s, kind, as_if); });
}

absl::StatusOr<Expectations> Expectations::Parse(std::string_view text, const std::string& file) {
  Expectations all;
  Expected entry;
  std::string witness;
  int line = 0;
  const auto wrong = [&file](int at, std::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(file, ":", at, ": ", std::string(what)));
  };
  const auto finish = [&]() -> absl::Status {
    if (entry.signatures.empty()) return absl::OkStatus();
    if (entry.why.empty()) return wrong(entry.line, "an entry says why, indented");
    if (witness.empty()) return wrong(entry.line, "an entry has a witness: lines that begin with |");
    ParseError error;
    if (!pollux::Parse(witness, file, &entry.witness, &error)) {
      return wrong(entry.line, absl::StrCat("its witness: expected ", error.expected, ", got ", error.got));
    }
    all.entries_.push_back(std::exchange(entry, {}));
    witness.clear();
    return absl::OkStatus();
  };
  while (!text.empty()) {
    const std::string_view raw = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), raw.size() + 1));
    ++line;
    const std::string_view content = Trimmed(raw);
    if (content.empty() || content[0] == '#') continue;
    if (raw[0] != ' ') {
      // Signatures behind what is indented are the next entry's.
      if (!entry.why.empty() || !witness.empty()) {
        if (absl::Status status = finish(); !status.ok()) return status;
      }
      std::string_view parts[3];
      if (!Split(content.substr(0, content.find(kAsIf)), &parts))
        return wrong(line, "expected CALL / DIFFERENCE / RULE");
      if (parts[1] == "*" || (parts[0] == "*" && parts[2] == "*")) {
        return wrong(line, "this could be anything: name the difference, and the call or the rule");
      }
      if (entry.signatures.empty()) entry.line = line;
      entry.signatures.emplace_back(content);
    } else if (entry.signatures.empty()) {
      return wrong(line, "expected a signature first");
    } else if (content[0] == '|') {
      absl::StrAppend(&witness, std::string(Trimmed(content.substr(1))), "\n");
    } else if (content.starts_with("link ")) {
      entry.link = Trimmed(content.substr(5));
    } else if (content.starts_with("rate ")) {
      if (!absl::SimpleAtod(std::string(content.substr(5)), &entry.rate) || entry.rate <= 0 || entry.rate > 1) {
        return wrong(line, "a rate is above 0 and at most 1");
      }
    } else {
      absl::StrAppend(&entry.why, entry.why.empty() ? "" : " ", std::string(content));
    }
  }
  if (absl::Status status = finish(); !status.ok()) return status;
  return all;
}

const Expected* Expectations::Find(std::string_view kind, std::string_view as_if) const {
  for (const Expected& entry : entries_) {
    if (entry.Matches(kind, as_if)) return &entry;
  }
  return nullptr;
}

}  // namespace pollux
