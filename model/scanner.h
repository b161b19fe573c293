// Reads one line of text token by token, and remembers where it is, for messages. Inside the language only.

#ifndef POLLUX_MODEL_SCANNER_H_
#define POLLUX_MODEL_SCANNER_H_

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "model/text.h"
#include "model/words.h"

namespace pollux {

// The base of the parser. Take...() answers whether the token was there, and leaves the position where it is if not.
// Space before a token is skipped. A comment ends the line.
class Scanner {
 public:
  // *error has the file's name; the rest is filled in here.
  explicit Scanner(ParseError* error) : error_(error) {}

 protected:
  void StartLine(std::string_view line) { line_ = TrimRight(line), pos_ = 0, ++error_->line; }

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
      got += c >= ' ' && c <= '~' ? c : '?';
    }
    return got + "`";
  }
  bool Fail(std::string expected) {
    error_->expected = std::move(expected), error_->got = Got();
    error_->column = static_cast<int>(pos_) + 1;
    return false;
  }
  bool Expect(char c) { return Take(c) || Fail(std::string("`") + c + "`"); }

  std::string_view line_;
  size_t pos_ = 0;

 private:
  ParseError* error_;
};

}  // namespace pollux

#endif  // POLLUX_MODEL_SCANNER_H_
