#include "oracle/facts.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "model/abi.h"
#include "model/file_type.h"

namespace pollux {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator int() const { return fd_; }  // NOLINT: it is the number

 private:
  int fd_;
};

// The text of a small file, or "".
std::string Text(const char* path) {
  const Descriptor file(open(path, O_RDONLY | O_CLOEXEC));
  char text[4096];
  const ssize_t n = file < 0 ? -1 : read(file, text, sizeof text);
  return std::string(text, n > 0 ? static_cast<size_t>(n) : 0);
}

bool HasCapability(unsigned capability) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  return (data[capability / 32].effective >> capability % 32 & 1) != 0;
}

// --- Pipes -----------------------------------------------------------------------------------------------------------

void MeasurePipes(Facts* facts) {
  const long page = sysconf(_SC_PAGESIZE);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  const Descriptor reader(ends[0]), writer(ends[1]);
  const int size = fcntl(writer, F_GETPIPE_SZ);
  if (size > 0) facts->pipe_slots = size / page;
  const long max = std::atol(Text("/proc/sys/fs/pipe-max-size").c_str());
  if (max > 0) facts->pipe_max_slots = max / page;
  // Asking is surest, as long as it costs no more than a few megabytes.
  if (max > 0 && max <= 1 << 23) {
    facts->pipe_unlimited = fcntl(writer, F_SETPIPE_SZ, 2 * max) > 0;
  } else {
    facts->pipe_unlimited = HasCapability(CAP_SYS_RESOURCE);
  }
}

// --- AF_UNIX ---------------------------------------------------------------------------------------------------------

// A socketpair whose messages' charges can be read.
class Pair {
 public:
  explicit Pair(int type) {
    if (socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds_) != 0) fds_[0] = fds_[1] = -1;
  }
  ~Pair() {
    close(fds_[0]);
    close(fds_[1]);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  int fd() const { return fds_[0]; }

  // What a message of so many bytes is charged, or -1.
  int64_t Charge(int64_t bytes) {
    if (bytes > static_cast<int64_t>(data_.size())) data_.resize(static_cast<size_t>(bytes));
    const size_t size = static_cast<size_t>(bytes);
    if (send(fds_[0], data_.data(), size, MSG_NOSIGNAL) != bytes) return -1;
    int charge = -1;
    if (ioctl(fds_[0], SIOCOUTQ, &charge) != 0) charge = -1;
    if (recv(fds_[1], data_.data(), size, 0) != bytes) return -1;
    return charge;
  }

 private:
  int fds_[2];
  std::vector<char> data_ = std::vector<char>(1 << 16);
};

// The largest size that is charged `charge`, given that `low` is and `high` is not.
int64_t LastOf(Pair& pair, int64_t charge, int64_t low, int64_t high) {
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (pair.Charge(middle) == charge ? low : high) = middle;
  }
  return low;
}

// A message has only so many pages (MAX_SKB_FRAGS); what is longer has a larger linear part again.
void MeasureLongMessages(Pair& dgram, Facts* facts) {
  constexpr int64_t kPage = 4096;
  std::vector<Facts::Step>& steps = facts->unix_charge;
  const int64_t linear = steps.back().bytes, longest = facts->unix_sndbuf - 32;
  facts->unix_message_linear = linear;
  facts->unix_message_paged = longest;  // as good as unlimited, unless it shows
  // One byte more than the linear part and n pages: as long as n + 1 pages are possible, they take that byte.
  const int64_t rest = dgram.Charge(linear + 1 - kPage);
  for (int64_t paged = kPage; linear + paged < longest; paged += kPage) {
    if (dgram.Charge(linear + paged + 1) == rest + paged + kPage) continue;
    facts->unix_message_paged = paged;
    for (int64_t from = linear + paged + 1; from <= longest;) {
      const int64_t charge = dgram.Charge(from);
      const int64_t last = LastOf(dgram, charge, from, longest + 1);
      steps.push_back({last - paged, charge - paged});
      from = last + 1;
    }
    return;
  }
}

void MeasureUnix(Facts* facts) {
  Pair dgram(SOCK_DGRAM), stream(SOCK_STREAM);
  int sndbuf = 0;
  socklen_t length = sizeof sndbuf;
  if (getsockopt(stream.fd(), SOL_SOCKET, SO_SNDBUF, &sndbuf, &length) == 0) facts->unix_sndbuf = sndbuf;

  const int64_t waiting = std::atol(Text("/proc/sys/net/unix/max_dgram_qlen").c_str());
  if (waiting > 0) facts->unix_dgram_qlen = waiting;
  const int64_t backlog = std::atol(Text("/proc/sys/net/core/somaxconn").c_str());
  if (backlog > 0) facts->somaxconn = backlog;
  Pair small(SOCK_STREAM);
  sndbuf = 0;
  if (setsockopt(small.fd(), SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof sndbuf) == 0 &&
      getsockopt(small.fd(), SOL_SOCKET, SO_SNDBUF, &sndbuf, &length) == 0) {
    facts->unix_sndbuf_min = sndbuf;
  }

  if (getsockopt(small.fd(), SOL_SOCKET, SO_RCVBUF, &sndbuf, &length) == 0) facts->unix_rcvbuf = sndbuf;
  sndbuf = 0;
  if (setsockopt(small.fd(), SOL_SOCKET, SO_RCVBUF, &sndbuf, sizeof sndbuf) == 0 &&
      getsockopt(small.fd(), SOL_SOCKET, SO_RCVBUF, &sndbuf, &length) == 0) {
    facts->unix_rcvbuf_min = sndbuf;
  }

  Pair urgent(SOCK_STREAM);
  const char byte = 0;
  facts->unix_oob = send(urgent.fd(), &byte, 1, MSG_OOB | MSG_NOSIGNAL) == 1;

  // Who charges a byte for a byte has no buffers to speak of.
  if (dgram.Charge(1) <= 1) return;
  // Linear buffers double from step to step; the first step that grows by less than the one before has pages.
  std::vector<Facts::Step> steps;
  int64_t growth = 0;
  for (int64_t from = 1;;) {
    const int64_t charge = dgram.Charge(from);
    if (charge < 0) break;
    if (!steps.empty()) {
      if (charge - steps.back().charge < growth) break;
      growth = charge - steps.back().charge;
    }
    const int64_t high = 1 << 16;
    const int64_t last = LastOf(dgram, charge, from, high);
    if (last + 1 >= high) break;
    steps.push_back({last, charge});
    from = last + 1;
  }
  if (steps.empty()) return;
  facts->unix_charge = steps;
  // Streams use pages beyond a smaller linear part, which is the end of a step too.
  facts->unix_stream_linear = steps.back().bytes;
  for (size_t i = 0; i + 1 < steps.size(); ++i) {
    if (stream.Charge(steps[i].bytes + 1) != steps[i + 1].charge) {
      facts->unix_stream_linear = steps[i].bytes;
      break;
    }
  }
  MeasureLongMessages(dgram, facts);
}

// --- Configuration ---------------------------------------------------------------------------------------------------

// What a message that a netlink socket sends to itself is charged.
void MeasureNetlink(Facts* facts) {
  const Descriptor s(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  sockaddr_nl self = {};
  self.nl_family = AF_NETLINK;
  socklen_t size = sizeof self;
  auto* address = reinterpret_cast<sockaddr*>(&self);
  if (s < 0 || bind(s, address, size) != 0 || getsockname(s, address, &size) != 0) return;
  nlmsghdr request = {.nlmsg_len = sizeof(nlmsghdr),
                      .nlmsg_type = NLMSG_NOOP,
                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
                      .nlmsg_seq = 1,
                      .nlmsg_pid = 0};
  uint32_t memory[16] = {};  // SK_MEMINFO_*: the first is what is charged to the receiver
  socklen_t length = sizeof memory;
  if (send(s, &request, sizeof request, 0) < 0) return;
  if (getsockopt(s, SOL_SOCKET, SO_MEMINFO, memory, &length) == 0 && memory[0] > 0) facts->netlink_charge = memory[0];
}

void MeasureEpoll(Facts* facts) {
  const Descriptor epoll(epoll_create1(EPOLL_CLOEXEC)), counter(eventfd(0, EFD_CLOEXEC));
  epoll_event event = {.events = EPOLLIN | EPOLLWAKEUP, .data = {}};
  if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &event) != 0) return;

  char path[64];
  std::snprintf(path, sizeof path, "/proc/thread-self/fdinfo/%d", static_cast<int>(epoll));
  const std::string text = Text(path);
  const size_t at = text.find("events:");
  if (at != std::string::npos) {
    facts->pm_sleep = (std::strtoul(text.c_str() + at + 7, nullptr, 16) & kWakeup) != 0;
  }

  struct {
    uint32_t usecs;
    uint16_t budget;
    uint8_t prefer, pad;
  } params = {0, 65, 0, 0};
  // Where the requests are unknown (before 6.9) the profile says so.
  facts->busy_poll = ioctl(epoll, kEpiocgparams, &params) == 0 || errno != EOPNOTSUPP;
  params = {0, 65, 0, 0};
  if (ioctl(epoll, kEpiocsparams, &params) == 0) {
    facts->net_admin = true;
  } else {
    facts->net_admin = errno != EPERM && HasCapability(CAP_NET_ADMIN);
  }
}

void MeasureTimerfd(Facts* facts) {
  const Descriptor timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  uint64_t ticks = 1;
  facts->timerfd_ticks = timer >= 0 && ioctl(timer, kTfdIocSetTicks, &ticks) == 0;
}

// Whether O_DIRECT can be switched on is up to each file system.
void MeasureDirectIo(Facts* facts) {
  const auto ask = [facts](FileType type, int number) {
    const Descriptor file(number);
    if (file < 0) return;
    const int flags = fcntl(file, F_GETFL);
    if (fcntl(file, F_SETFL, flags | O_DIRECT) == 0) facts->direct_io |= 1u << static_cast<unsigned>(type);
  };
  ask(FileType::kRegular, open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  ask(FileType::kDirectory, open("/", O_RDONLY | O_CLOEXEC));
  ask(FileType::kNull, open("/dev/null", O_RDONLY | O_CLOEXEC));
  ask(FileType::kMemfd, memfd_create("pollux", MFD_CLOEXEC));
}

}  // namespace

Facts MeasureFacts() {
  Facts facts;
  MeasurePipes(&facts);
  MeasureUnix(&facts);
  MeasureNetlink(&facts);
  MeasureEpoll(&facts);
  MeasureTimerfd(&facts);
  MeasureDirectIo(&facts);
  return facts;
}

}  // namespace pollux
