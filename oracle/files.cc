#include "oracle/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace pollux {
namespace {

absl::Status Failed(const char* what, const std::string& path) {
  return absl::InvalidArgumentError(absl::StrCat(what, " ", path, ": ", std::strerror(errno)));
}

}  // namespace

absl::Status WriteAtomically(const std::string& path, std::string_view content) {
  static std::atomic<uint32_t> number{0};
  const std::filesystem::path target(path);
  const std::string aside = (target.parent_path() / absl::StrCat(kAside, getpid(), "-", number++)).string();
  const int fd = open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return Failed("cannot write", path);
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = write(fd, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  const bool closed = close(fd) == 0;
  if (done == content.size() && closed && rename(aside.c_str(), path.c_str()) == 0) return absl::OkStatus();
  const absl::Status status = Failed("cannot write", path);
  unlink(aside.c_str());
  return status;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const int fd = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Failed("cannot read", path);
  absl::StatusOr<std::string> content = std::string();
  char piece[1 << 16];
  for (;;) {
    const ssize_t n = read(fd, piece, sizeof piece);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) content = Failed("cannot read", path);
    if (n <= 0) break;
    content->append(piece, static_cast<size_t>(n));
  }
  if (fd != STDIN_FILENO) close(fd);
  return content;
}

}  // namespace pollux
