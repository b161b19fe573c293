// What the parts of Exec share: sizes, paint, paths.

#ifndef POLLUX_ORACLE_EXEC_INTERNAL_H_
#define POLLUX_ORACLE_EXEC_INTERNAL_H_

#include <sys/epoll.h>
#include <sys/syscall.h>

#include <array>
#include <cstddef>
#include <cstring>

#include "model/trace.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

namespace pollux {

inline constexpr size_t kRecord = sizeof(epoll_event);
inline constexpr unsigned char kPaint = 0xa5;
inline constexpr size_t kLookBehind = 4096;  // bytes looked at behind what a call returned
inline constexpr long kNoCall = -1;          // a call that this architecture has under no number

// The paint to compare with.
inline constexpr std::array<unsigned char, kLookBehind> kPainted = [] {
  std::array<unsigned char, kLookBehind> pattern = {};
  for (unsigned char& byte : pattern) byte = kPaint;
  return pattern;
}();

// "/proc/thread-self/DIRECTORY/FD"
inline void ThreadPath(char* out, const char* directory, int fd) {
  const size_t length = std::strlen(directory);
  std::memcpy(out, directory, length);
  out += length;
  char digits[12];
  size_t count = 0;
  unsigned n = static_cast<unsigned>(fd);
  do {
    digits[count++] = static_cast<char>('0' + n % 10);
  } while ((n /= 10) != 0);
  while (count > 0) *out++ = digits[--count];
  *out = '\0';
}

inline void Skip(const char* why, Outcome* out) {
  out->Clear();
  out->kind = Outcome::kSkipped;
  out->note = why;
}

// Why the file of the number is none that only the trace knows, or nullptr; a number that is not open is nobody's. And
// why an error comes of what others on the machine hold. (exec_notify.cc)
const char* NotOwned(int fd);
const char* InotifyLimit(const Op& op, long result);

}  // namespace pollux

#endif  // POLLUX_ORACLE_EXEC_INTERNAL_H_
