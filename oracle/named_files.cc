#include "oracle/named_files.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace pollux {

const char* NamedFiles::PathOf(uint64_t which) {
  switch (static_cast<Which>(which)) {
    case Which::kRegular:
      return "/proc/self/exe";
    case Which::kDirectory:
      return "/";
    case Which::kNull:
      break;
    case Which::kZero:
      return "/dev/zero";
    case Which::kFull:
      return "/dev/full";
    case Which::kUrandom:
      return "/dev/urandom";
    case Which::kRandom:
      return "/dev/random";
    case Which::kNamespace:
      return "/proc/thread-self/ns/net";
    case Which::kStatus:
      return "/proc/thread-self/status";
    case Which::kUserfaultfd:
      return "/dev/userfaultfd";
    case Which::kStat:
      return "/proc/stat";
    case Which::kSysctl:
      return "/proc/sys/kernel/ostype";
    case Which::kPressure:
      return "/proc/pressure/cpu";
    case Which::kAttribute:
      return "/sys/kernel/fscaps";
    case Which::kFuse:
      return "/dev/fuse";
    case Which::kTun:
      return "/dev/net/tun";
    case Which::kTerminal:
      return "/dev/tty";
    case Which::kMounts:
      return "/proc/thread-self/mounts";
    case Which::kMountinfo:
      return "/proc/thread-self/mountinfo";
    case Which::kDomainName:
      return "/proc/sys/kernel/domainname";
  }
  return "/dev/null";
}

void NamedFiles::Probe() {
  for (uint64_t which = 0; which < kWhich; ++which) {
    const int fd = open(PathOf(which), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    const int error = fd < 0 ? errno : 0;
    const char*& why = lacks_[which];
    if (which == static_cast<uint64_t>(Which::kTerminal)) {
      why = fd >= 0 ? "there is a controlling terminal" : error != ENXIO ? "the device is missing" : nullptr;
    } else if (fd < 0) {
      why = "the file is missing, or may not be opened";
    } else if (which == static_cast<uint64_t>(Which::kRandom)) {
      pollfd p = {fd, POLLIN | POLLOUT, 0};
      if (poll(&p, 1, 0) != 1 || p.revents != POLLIN) why = "/dev/random is not seeded, or counts what it gives";
    }
    if (fd >= 0) close(fd);
  }
}

}  // namespace pollux
