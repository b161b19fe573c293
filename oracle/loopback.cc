#include "oracle/loopback.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>

#include "model/abi.h"

namespace pollux {
namespace {

constexpr unsigned kMostSockets = 10000;  // in one namespace: ports and TIME_WAITs end
constexpr int kInARow = 3;                // SYN, SYN-ACK and ACK follow one another
constexpr int kMostProbes = 64;
constexpr const char* kNone = "INET and netlink sockets need a network namespace of their own";

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

// Is everything acknowledged that was sent over the connection?
bool Acknowledged(int number) {
  int left = 0;
  return ioctl(number, SIOCOUTQ, &left) == 0 && left == 0;
}

// A datagram socket that is its own peer, or -1. A number for a while.
int Mirror() {
  const int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in self = {};
  self.sin_family = AF_INET;
  self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof self;
  auto* address = reinterpret_cast<sockaddr*>(&self);
  if (s >= 0 && bind(s, address, size) == 0 && getsockname(s, address, &size) == 0 && connect(s, address, size) == 0) {
    return s;
  }
  if (s >= 0) close(s);
  return -1;
}

}  // namespace

// A thread that stays where the executing thread came from, and so knows the way back.
struct Loopback::Keeper {
  std::atomic<int> state{0};  // 0: starting, 1: there, 2: asked to end
  pid_t process = getpid(), tid = 0;
  std::thread thread;

  Keeper() : thread([this] { Main(); }) { state.wait(0); }
  ~Keeper() {
    if (process != getpid()) {  // it is the parent's
      thread.detach();
      return;
    }
    state.store(2);
    state.notify_all();
    thread.join();
  }
  void Main() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    tid = static_cast<pid_t>(syscall(SYS_gettid));
    // Its own table, and nothing of the trace's in it: a shared one costs every call.
    if (syscall(SYS_unshare, CLONE_FILES) == 0) syscall(SYS_close_range, 3, ~0u, 0);
    state.store(1);
    state.notify_all();
    state.wait(1);
  }
  // The calling thread goes back.
  void Return() const {
    if (process != getpid()) return;
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/ns/net", tid);
    const int before = open(path, O_RDONLY | O_CLOEXEC);
    if (before < 0) return;
    setns(before, CLONE_NEWNET);
    close(before);
  }
};

Loopback::Loopback() = default;

Loopback::~Loopback() {
  here_.End();
  if (keeper_ == nullptr) return;
  if (ring_ != nullptr) ring_->Keep(-1);
  keeper_->Return();
}

void Loopback::Enter(Uring* ring) {
  auto keeper = std::make_unique<Keeper>();
  if (syscall(SYS_unshare, CLONE_NEWNET) != 0) return;
  keeper_ = std::move(keeper);
  ring_ = ring;
  Furnish();
}

// What the new namespace needs.
void Loopback::Furnish() {
  made_ = 0;
  there_ = LoopbackUp();
  const int mirror = there_ && ring_ != nullptr ? Mirror() : -1;
  kept_ = mirror >= 0 && ring_->Keep(mirror) && ring_->RoundTrip();
  utsname kernel = {};
  uname(&kernel);
  rounds_ = std::strstr(kernel.version, "PREEMPT_RT") != nullptr ? kInARow : 1;
  if (mirror >= 0) close(mirror);
}

const char* Loopback::Lacks() const { return there_ ? nullptr : kNone; }

void Loopback::Opened(int number, Protocol protocol) {
  if (!active_) here_.Begin();
  active_ = true;
  ++made_;
  numbers_.Put(number, protocol);
  if (protocol == kTcp) streams_.push_back(number);
}

bool Loopback::Sends(Call call) {
  switch (call) {
    case Call::kWrite:
    case Call::kWritev:
    case Call::kSend:
    case Call::kSendfd:
    case Call::kSendfile:
    case Call::kSplice:
    case Call::kShutdown:
    case Call::kConnect:
    case Call::kSetsockopt:
    case Call::kClose:
    case Call::kDup2:
    case Call::kDup3:
    case Call::kCloseRange:
      return true;
    default:
      return false;
  }
}

Loopback::Sent Loopback::SentBy(const Op& op, long result) const {
  if (!Sends(op.call)) return Sent::kNothing;
  const uint16_t first = numbers_.At(op.fd(0).number());
  switch (op.call) {
    case Call::kWrite:
    case Call::kWritev:
    case Call::kSend:
    case Call::kSendfd:
    case Call::kSendfile:
      if (result < 0 || first == kOther) return Sent::kNothing;
      return first == kTcp ? Sent::kSegments : Sent::kAnything;
    case Call::kSplice:
      return result > 0 && numbers_.At(op.fd(1).number()) != kOther ? Sent::kAnything : Sent::kNothing;
    case Call::kShutdown:
    case Call::kConnect:
    case Call::kSetsockopt:
    case Call::kClose:
      return first == kTcp ? Sent::kAnything : Sent::kNothing;
    case Call::kDup2:
    case Call::kDup3:
      return numbers_.At(op.fd(1).number()) == kTcp ? Sent::kAnything : Sent::kNothing;
    case Call::kCloseRange:
      return streams_.empty() ? Sent::kNothing : Sent::kAnything;
    default:
      return Sent::kNothing;
  }
}

void Loopback::Follow(const Op& op, long result) {
  numbers_.Follow(op, result);
  if (result < 0) return;
  if (op.call == Call::kAccept4 && numbers_.At(op.fd(0).number()) != kOther) Opened(static_cast<int>(result), kTcp);
  if (op.call == Call::kSocket && op.num(0) == kAfInet) {
    Opened(static_cast<int>(result), op.num(1) == kSockStream ? kTcp : kUdp);
  }
  travels_ |= op.call == Call::kSendfd && numbers_.At(op.fd(1).number()) != kOther;
}

bool Loopback::CameBack() {
  for (int i = 0; i < rounds_; ++i) {
    if (!kept_ || !ring_->RoundTrip()) return false;
  }
  return true;
}

bool Loopback::Done(const Op& op, long result) {
  const Sent sent = travels_ ? Sent::kAnything : SentBy(op, result);
  Follow(op, result);
  if (sent == Sent::kSegments && Acknowledged(op.fd(0).number())) return true;
  if (sent == Sent::kNothing || CameBack()) return true;
  deferred_ |= kept_;
  return false;
}

void Loopback::Settle() {
  const int s = Mirror();
  if (s < 0) usleep(1000);
  char byte = 0;
  for (int row = 0, n = 0; s >= 0 && row < kInARow && n < kMostProbes; ++n) {
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
  if (kept_) ring_->Drain();
}

void Loopback::Reset() {
  if (!active_) return here_.End();  // the next trace may have some again
  const linger now = {1, 0};
  for (const int number : streams_) setsockopt(number, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  streams_.clear();
  numbers_.Clear();
  active_ = deferred_ = travels_ = false;
}

void Loopback::Renew() {
  if (made_ <= kMostSockets || syscall(SYS_unshare, CLONE_NEWNET) != 0) return;
  Furnish();
}

}  // namespace pollux
