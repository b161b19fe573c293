// Exec and inotify: what may be watched, and events that were read.

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "oracle/exec.h"
#include "oracle/exec_internal.h"

namespace pollux {

// A trace is told of files that are its own, and changes the modes of those: pipes, FIFOs and memfds.
const char* NotOwned(int fd) {
  struct stat about;
  if (fd < 0 || fstat(fd, &about) != 0 || S_ISFIFO(about.st_mode)) return nullptr;
  char path[48], target[64];
  ThreadPath(path, "/proc/thread-self/fd/", fd);
  const ssize_t n = readlink(path, target, sizeof target);
  const std::string_view name(target, static_cast<size_t>(std::max<ssize_t>(n, 0)));
  return name.substr(0, 14) == "/memfd:pollux " ? nullptr : "not a file of the trace's own";
}

const char* InotifyLimit(const Op& op, long result) {
  if (op.call == Call::kInotifyAdd && result == -ENOSPC) return "fs.inotify.max_user_watches is reached";
  if (op.call != Call::kInotifyInit1 || result != -EMFILE) return nullptr;
  const int free = fcntl(0, F_DUPFD, 3);
  if (free >= 0) close(free);
  return free >= 0 ? "fs.inotify.max_user_instances is reached" : nullptr;
}

// Events without names: a mask and the number of a watch each.
void Exec::CollectNotices(const Op& op, const SystemCall& c, long result, Outcome* out) {
  const size_t n = result < 0 ? 0 : std::min(static_cast<size_t>(result), c.room) / sizeof(inotify_event);
  for (size_t i = 0; i < n; ++i) {
    inotify_event event;
    std::memcpy(&event, c.buffer + i * sizeof event, sizeof event);
    out->records.push_back({event.mask, 0, static_cast<uint64_t>(int64_t{event.wd})});
  }
  CollectBytes(op, c, result, out);
  if (result < 0) return;
  out->clobbered |= static_cast<size_t>(result) != n * sizeof(inotify_event);
  out->kind = Outcome::kRecords;
}

}  // namespace pollux
