// What /proc says of a descriptor: an epoll's interest list, a timer's interval.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "model/abi.h"
#include "oracle/exec.h"
#include "oracle/exec_internal.h"

namespace pollux {
namespace {

uint64_t Parse(const char** p, const char* end, unsigned base) {
  while (*p < end && **p == ' ') ++*p;
  uint64_t value = 0;
  for (; *p < end; ++*p) {
    const char c = **p;
    const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a' + 10)
                                                  : 16;
    if (digit >= base) break;
    value = value * base + digit;
  }
  return value;
}

// Moves *p behind `word`, which must be next apart from spaces.
bool Expect(const char** p, const char* end, std::string_view word) {
  while (*p < end && **p == ' ') ++*p;
  if (static_cast<size_t>(end - *p) < word.size() || std::memcmp(*p, word.data(), word.size()) != 0) return false;
  *p += word.size();
  return true;
}

bool IsEpoll(const char* path) {
  char target[64];
  const ssize_t n = readlink(path, target, sizeof target);
  return std::string_view(target, static_cast<size_t>(std::max<ssize_t>(n, 0))) == "anon_inode:[eventpoll]";
}

}  // namespace

// Descriptor order of errors, here and in the model: EBADF if the number is not open, EINVAL if it is no epoll.
void Exec::Fdinfo(int fd, Outcome* out) {
  out->Clear();
  if (fd < 0) return out->Error(kEBADF);
  mark_->Enter();
  const long info = OpenFdinfo(fd);
  const long size = info < 0 ? info : ReadFdinfo(static_cast<int>(info));
  mark_->Leave();
  if (info >= 0) close(static_cast<int>(info));
  if (size == -ENOENT) return out->Error(kEBADF);
  if (size < 0) return Skip("fdinfo cannot be read now", out);

  char names[48];
  CallersPath(names, "fd/", fd);
  out->kind = Outcome::kRecords;
  bool path = false;  // opened with O_PATH: a name of the epoll, and no epoll
  const char *p = text_.data(), *end = p + size;
  while (p < end) {
    if (Expect(&p, end, "flags:\t")) {
      path = (Parse(&p, end, 8) & kOPath) != 0;
    } else if (Expect(&p, end, "tfd:")) {
      Record r;
      r.fd = static_cast<int32_t>(Parse(&p, end, 10));
      if (Expect(&p, end, "events:")) r.events = static_cast<uint32_t>(Parse(&p, end, 16));
      if (Expect(&p, end, "data:")) r.data = Parse(&p, end, 16);
      out->records.push_back(r);
    }
    const void* newline = std::memchr(p, '\n', static_cast<size_t>(end - p));
    p = newline == nullptr ? end : static_cast<const char*>(newline) + 1;
  }
  if (out->records.empty() && (path || !IsEpoll(names))) return out->Error(kEINVAL);
  std::sort(out->records.begin(), out->records.end(), [](const Record& a, const Record& b) {
    return a.fd != b.fd ? a.fd < b.fd : a.data != b.data ? a.data < b.data : a.events < b.events;
  });
}

// Is it a timer with a near interval that expires now? Its fdinfo tells without restarting it.
bool Exec::RestartExpires(int fd) {
  const long info = OpenFdinfo(fd);
  if (info < 0) return false;
  const long size = ReadFdinfo(static_cast<int>(info));
  close(static_cast<int>(info));
  const std::string_view text(text_.data(), static_cast<size_t>(std::max(size, 0L)));
  const auto near = [text](std::string_view label, bool or_none) {
    const size_t at = text.find(label);
    if (at == std::string_view::npos) return false;
    const char *p = text.data() + at + label.size(), *end = text.data() + text.size();
    const auto sec = static_cast<int64_t>(Parse(&p, end, 10));
    if (!Expect(&p, end, ",")) return false;
    const auto nsec = static_cast<int64_t>(Parse(&p, end, 10));
    return NearInterval(sec, nsec) || (or_none && sec == 0 && nsec == 0);
  };
  return near("it_interval: (", false) && near("it_value: (", true);
}

// In /proc, of the process whose op is under way.
void Exec::CallersPath(char* out, const char* directory, int fd) const {
  char task[40];
  if (by_second_) {
    ThreadPath(task, "/proc/", second_.pid());
    std::strcat(std::strcat(task, "/"), directory);
  } else {
    std::strcat(std::strcpy(task, "/proc/thread-self/"), directory);
  }
  ThreadPath(out, task, fd);
}

// Whose pidfd it is, -1 if that is reaped; -EBADF if it is none.
long Exec::PidOf(int pidfd) {
  const long info = pidfd < 0 ? -EBADF : OpenFdinfo(pidfd);
  if (info < 0) return -EBADF;
  const long size = ReadFdinfo(static_cast<int>(info));
  close(static_cast<int>(info));
  const std::string_view text(text_.data(), static_cast<size_t>(std::max(size, 0L)));
  constexpr std::string_view kLabel = "\nPid:\t";
  const size_t at = text.find(kLabel);
  if (at == std::string_view::npos) return -EBADF;
  const char* p = text.data() + at + kLabel.size();
  return *p == '-' ? -1 : static_cast<long>(Parse(&p, text.data() + text.size(), 10));
}

// The open fdinfo file, or -errno. It takes a number for a moment; where there is none left the soft limit is lifted.
long Exec::OpenFdinfo(int fd) {
  char path[48];
  CallersPath(path, "fdinfo/", fd);
  int info = open(path, O_RDONLY | O_CLOEXEC);
  if (info < 0 && errno == EMFILE) {
    const rlim_t limit = limit_, highest = highest_limit_;
    SetLimit(original_limit_.rlim_max);
    info = open(path, O_RDONLY | O_CLOEXEC);
    const int error = errno;
    SetLimit(limit);
    highest_limit_ = highest;
    errno = error;
  }
  return info < 0 ? -errno : info;
}

// Reads all of it into text_: its size, or -errno.
long Exec::ReadFdinfo(int fd) {
  size_t size = 0;
  for (;;) {
    if (size == text_.size()) text_.resize(2 * size);
    const ssize_t n = read(fd, text_.data() + size, text_.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -errno;
    if (n == 0) return static_cast<long>(size);
    size += static_cast<size_t>(n);
  }
}

}  // namespace pollux
