#include "oracle/quirk_probe.h"

#include "model/model.h"
#include "model/text.h"
#include "model/trace.h"

namespace pollux {
namespace {

// A chain built from its top: what only looks below finds nothing below.
constexpr std::string_view kChain = R"(
a = epoll_create1(0)
b = epoll_create1(0)
c = epoll_create1(0)
d = epoll_create1(0)
e = epoll_create1(0)
f = epoll_create1(0)
epoll_ctl(a, ADD, b, IN, 0x1)
epoll_ctl(b, ADD, c, IN, 0x1)
epoll_ctl(c, ADD, d, IN, 0x1)
epoll_ctl(d, ADD, e, IN, 0x1)
epoll_ctl(e, ADD, f, IN, 0x1)
)";

constexpr std::string_view kSecondWrite = R"(
ep = epoll_create1(0)
r, w = pipe2(O_NONBLOCK)
epoll_ctl(ep, ADD, r, IN|ET, 0x1)
write(w, 1)
epoll_wait(ep, 8, 0)
write(w, 1)
epoll_wait(ep, 8, 0)
)";

constexpr std::string_view kUnreadEmptyMessage = R"(
a, b = socketpair(SEQPACKET, NONBLOCK)
send(a, 0, 0)
close(b)
poll(a IN|ERR, 0)
)";

constexpr std::string_view kEmptyRead = R"(
a, b = socketpair(STREAM, NONBLOCK)
send(b, 1, MSG_OOB)
recv(a, 0, 0)
)";

// How many acknowledgements find room depends on what one is charged.
constexpr std::string_view kSmallBuffer = R"(
s = socket(NETLINK, RAW, NONBLOCK)
setsockopt(s, SO_RCVBUF, 0)
nl_request(s, acknowledge)
nl_request(s, acknowledge)
nl_request(s, acknowledge)
poll(s IN, 0)
nl_request(s, acknowledge)
poll(s IN, 0)
)";

void Set(Profile* profile, Quirk quirk, bool on) {
  profile->quirk[static_cast<size_t>(quirk)] = on ? Setting::kOn : Setting::kOff;
}

}  // namespace

std::string_view Witness(Quirk quirk) {
  switch (quirk) {
    case Quirk::kDepthBelowFour:
    case Quirk::kDepthBelowFive:
      return kChain;
    case Quirk::kPipeOnlyFirstWriteWakes:
      return kSecondWrite;
    case Quirk::kUnixEmptyCounts:
      return kUnreadEmptyMessage;
    case Quirk::kUnixOobEmptyRead:
      return kEmptyRead;
    case Quirk::kNetlinkFullLate:
      return kSmallBuffer;
    default:
      return "";
  }
}

bool Shows(Target* target, const Profile& profile, const Facts& facts, Quirk quirk) {
  Trace trace;
  ParseError error;
  if (!Parse(Witness(quirk), "witness", &trace, &error) || trace.ops.empty()) return false;
  Profile with = profile;
  Set(&with, quirk, true);
  Model model(with, facts);
  model.Reset();
  target->Reset();
  Bindings bindings;
  Outcome allowed, observed;
  for (const Op& op : trace.ops) {
    const Op resolved = bindings.Resolve(op);
    model.Run(resolved, &allowed);
    target->Run(resolved, &observed);
    if (!Agrees(allowed, observed)) return false;
    bindings.Bind(op, observed);
  }
  return true;
}

std::vector<Quirk> ProbeOpenQuirks(Target* target, const Facts& facts, Profile* profile) {
  std::vector<Quirk> probed;
  for (size_t q = 0; q < kQuirks; ++q) {
    const Quirk quirk = static_cast<Quirk>(q);
    if (profile->quirk[q] != Setting::kOpen) continue;
    Set(profile, quirk, Shows(target, *profile, facts, quirk));
    probed.push_back(quirk);
  }
  target->Reset();
  return probed;
}

}  // namespace pollux
