// The words and characters of the text form that printing and parsing share. Inside the language only.

#ifndef POLLUX_MODEL_WORDS_H_
#define POLLUX_MODEL_WORDS_H_

#include <string_view>

namespace pollux {

inline constexpr std::string_view kDirectives[] = {"profile", "fact", "target", "seed", "as-if", "signature", "note"};

inline constexpr std::string_view kMemoryNames[] = {"",      "NULL",       "kernel",     "unmapped", "readonly",
                                                    "fault", "misaligned", "straddling", "gone"};  // by Kind

// Before an op that the second process runs.
inline constexpr std::string_view kSecondProcess = "P2";
// A call as 32-bit processes make it.
inline constexpr std::string_view kCaller32 = "i386";

// From Outcome::kBlocked on.
inline constexpr std::string_view kBlockedNames[] = {"blocked", "hung", "died", "skipped"};

inline constexpr std::string_view kClobbered = "clobbered";

inline bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r'; }
inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
inline bool IsWordStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
inline bool IsWordChar(char c) { return IsWordStart(c) || IsDigit(c); }

// Without the space at its end.
std::string_view TrimRight(std::string_view s);

// "NULL", "kernel", ..., and "fault", which a position follows.
bool IsMemory(std::string_view s);
// Can a descriptor be called so? Not as memory is, nor as threads are (T1, T2, ...).
bool IsName(std::string_view s);

// The number of the error called so ("EAGAIN"), or -1. Reverses ErrnoName.
int FindErrno(std::string_view name);

}  // namespace pollux

#endif  // POLLUX_MODEL_WORDS_H_
