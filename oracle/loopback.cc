#include "oracle/loopback.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <thread>

namespace pollux {
namespace {

constexpr unsigned kMostSockets = 10000;  // in one namespace: ports and TIME_WAITs end
constexpr int kInARow = 3;                // SYN, SYN-ACK and ACK follow one another
constexpr int kMostProbes = 64;

// RTM_NEWROUTE: a local route as the kernel makes it, with the metric `quickack 1`.
struct RouteMessage {
  nlmsghdr header = {};
  rtmsg route = {};
  char attributes[128] = {};
  size_t used = 0;

  void* Add(uint16_t type, const void* data, size_t size) {
    auto* a = reinterpret_cast<rtattr*>(attributes + used);
    a->rta_type = type;
    a->rta_len = static_cast<uint16_t>(RTA_LENGTH(size));
    if (data != nullptr) std::memcpy(RTA_DATA(a), data, size);
    used += RTA_ALIGN(a->rta_len);
    return RTA_DATA(a);
  }
};

bool QuickAcknowledge(int netlink, const char* destination, uint8_t bits) {
  constexpr uint32_t kLoopbackIndex = 1;
  RouteMessage m;
  in_addr to, source;
  inet_pton(AF_INET, destination, &to);
  inet_pton(AF_INET, "127.0.0.1", &source);
  struct {
    rtattr header = {static_cast<uint16_t>(RTA_LENGTH(4)), RTAX_QUICKACK};
    uint32_t value = 1;
  } metrics;
  m.Add(RTA_DST, &to, sizeof to);
  m.Add(RTA_OIF, &kLoopbackIndex, sizeof kLoopbackIndex);
  m.Add(RTA_PREFSRC, &source, sizeof source);
  m.Add(RTA_METRICS, &metrics, sizeof metrics);
  m.header.nlmsg_type = RTM_NEWROUTE;
  m.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_REPLACE | NLM_F_ACK;
  m.header.nlmsg_len = static_cast<uint32_t>(NLMSG_LENGTH(sizeof(rtmsg)) + m.used);
  m.route.rtm_family = AF_INET, m.route.rtm_dst_len = bits, m.route.rtm_table = RT_TABLE_LOCAL;
  m.route.rtm_protocol = RTPROT_KERNEL, m.route.rtm_scope = RT_SCOPE_HOST, m.route.rtm_type = RTN_LOCAL;
  if (send(netlink, &m, m.header.nlmsg_len, 0) < 0) return false;
  alignas(nlmsghdr) char answer[1024];
  const ssize_t n = recv(netlink, answer, sizeof answer, 0);
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer);
  if (n < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(int))) || header->nlmsg_type != NLMSG_ERROR) return false;
  int error;
  std::memcpy(&error, NLMSG_DATA(header), sizeof error);
  return error == 0;
}

bool LoopbackUp() {
  const int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request = {};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  const bool up = s >= 0 && ioctl(s, SIOCSIFFLAGS, &request) == 0;
  if (s >= 0) close(s);
  const int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  const bool quick = up && QuickAcknowledge(netlink, "127.0.0.0", 8) && QuickAcknowledge(netlink, "127.0.0.1", 32);
  if (netlink >= 0) close(netlink);
  return quick;
}

}  // namespace

// The thread that the namespace belongs to.
struct Loopback::Holder {
  std::atomic<int> state{0};  // 0: starting, 1: there, 2: failed, 3: asked to end
  int tid = 0;
  std::thread thread;

  Holder() : thread([this] { Main(); }) { state.wait(0); }
  ~Holder() {
    state.store(3);
    state.notify_all();
    thread.join();
  }
  void Main() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    tid = static_cast<int>(syscall(SYS_gettid));
    // Its own table first, and nothing of the trace's in it.
    const bool own = syscall(SYS_unshare, CLONE_FILES) == 0 && syscall(SYS_close_range, 3, ~0u, 0) == 0;
    const bool there = own && syscall(SYS_unshare, CLONE_NEWNET) == 0 && LoopbackUp();
    state.store(there ? 1 : 2);
    state.notify_all();
    state.wait(there ? 1 : 2);
  }
};

Loopback::Loopback() = default;

Loopback::~Loopback() { Unpin(); }

void Loopback::Pin() {
  if (pinned_ || sched_getaffinity(0, sizeof before_, &before_) != 0) return;
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(static_cast<size_t>(sched_getcpu()), &here);
  pinned_ = sched_setaffinity(0, sizeof here, &here) == 0;
}

void Loopback::Unpin() {
  if (pinned_) sched_setaffinity(0, sizeof before_, &before_);
  pinned_ = false;
}

const char* Loopback::Move(int number, int type, bool cloexec) {
  if (holder_ == nullptr) holder_ = std::make_unique<Holder>();
  if (holder_->state.load() != 1) return "INET sockets need a network namespace of their own";
  Pin();
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/ns/net", holder_->tid);
  const int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), there = open(path, O_RDONLY | O_CLOEXEC);
  int made = -1;
  if (here >= 0 && there >= 0 && setns(there, CLONE_NEWNET) == 0) {
    made = socket(AF_INET, type, 0);
    setns(here, CLONE_NEWNET);
  }
  const bool moved = made >= 0 && dup3(made, number, cloexec ? O_CLOEXEC : 0) == number;
  for (const int fd : {here, there, made}) {
    if (fd >= 0) close(fd);
  }
  if (!moved) return "INET sockets need a network namespace of their own";
  ++made_;
  Opened(number);
  return nullptr;
}

bool Loopback::Sends(Call call) {
  switch (call) {
    case Call::kClose:
    case Call::kCloseRange:
    case Call::kDup2:
    case Call::kDup3:
    case Call::kWrite:
    case Call::kSend:
    case Call::kShutdown:
    case Call::kConnect:
    case Call::kSetsockopt:
      return true;
    default:
      return false;
  }
}

void Loopback::Settle() {
  const int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in self = {};
  self.sin_family = AF_INET;
  self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof self;
  auto* address = reinterpret_cast<sockaddr*>(&self);
  const bool there =
      s >= 0 && bind(s, address, size) == 0 && getsockname(s, address, &size) == 0 && connect(s, address, size) == 0;
  if (!there) usleep(1000);
  char byte = 0;
  for (int row = 0, n = 0; there && row < kInARow && n < kMostProbes; ++n) {
    if (send(s, &byte, 1, 0) != 1) break;
    if (recv(s, &byte, 1, MSG_DONTWAIT) == 1) {
      ++row;
      continue;
    }
    // Left to ksoftirqd, and behind everything else.
    pollfd p = {s, POLLIN, 0};
    if (poll(&p, 1, 1000) != 1 || recv(s, &byte, 1, MSG_DONTWAIT) != 1) break;
    row = 0, deferred_ = true;
  }
  if (s >= 0) close(s);
}

void Loopback::Reset() {
  const linger now = {1, 0};
  for (const int number : numbers_) setsockopt(number, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  numbers_.clear();
  deferred_ = false;
  Unpin();
  if (made_ > kMostSockets) holder_ = nullptr, made_ = 0;
}

}  // namespace pollux
