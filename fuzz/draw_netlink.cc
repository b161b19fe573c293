// Traces with netlink sockets.

#include <utility>

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

constexpr Request kRequests[] = {Request::kAcknowledge, Request::kAcknowledge, Request::kUnknown, Request::kDump,
                                 Request::kNothing};
constexpr uint32_t kMasks[] = {kIn,        kIn | kEt,     kIn | kOut | kEt, kErr | kEt,     kOut | kEt,
                               kPri | kEt, kWrband | kEt, kRdhup | kEt,     kIn | kOneshot, 0};

int32_t Create(Generator& g, uint32_t flags) {
  Random& r = g.random();
  if (r.OneIn(24)) g.Emit(ops::Make(Call::kSocket, {kAfNetlink, ops::Int(r.OneIn(2) ? kSockStream : kSockSeqpacket)}));
  return g.Made(ops::Make(Call::kSocket, {kAfNetlink, ops::Int(r.OneIn(4) ? kSockDgram : kSockRaw), flags}));
}

void Receive(Generator& g, Fd fd) {
  Random& r = g.random();
  constexpr uint32_t kSizes[] = {1, 7, 7, 9, 100, 100, 0, 4};
  const uint32_t flags = kMsgDontwait | (r.OneIn(5) ? kMsgPeek : r.OneIn(6) ? kMsgTrunc : r.OneIn(24) ? kMsgOob : 0);
  if (r.OneIn(12)) return g.Emit(ops::Recv(fd, 7, flags, g.BadMemory(7)));
  g.Emit(r.OneIn(6) ? ops::Read(fd, r.Below(8)) : ops::Recv(fd, r.Pick(kSizes), flags));
}

void Send(Generator& g, Fd fd) {
  Random& r = g.random();
  if (r.OneIn(16)) return g.Emit(ops::Send(fd, 5, kMsgDontwait, g.BadMemory(5)));
  const uint32_t bytes = r.OneIn(16) ? 250000 : r.OneIn(8) ? 0 : 1 + r.Below(20);
  g.Emit(r.OneIn(8) ? ops::Write(fd, bytes) : ops::Send(fd, bytes, kMsgDontwait | (r.OneIn(16) ? kMsgOob : 0)));
}

void Ready(Generator& g, const Shadow::File& file) {
  if (file.number < 0) return;
  g.Emit(ops::NlRequest(g.Operand(file.number), g.random().Pick(kRequests)));
}

void Unready(Generator& g, const Shadow::File& file) { Receive(g, g.Operand(file.number)); }

// A socket's address, and those who have it from there.
std::pair<Fd, Fd> Pair(Generator& g) {
  const int32_t a = g.Create(FileKind::kNetlink), b = g.Create(FileKind::kNetlink);
  const Fd x = g.Operand(a), y = g.Operand(b);
  if (a < 0 || b < 0) return {x, y};
  g.Emit(ops::Bind(y));
  g.Emit(ops::Connect(x, y));
  return {x, y};
}

// Requests and their answers, a small buffer that loses some, a dump read to and fro.
void Answers(Generator& g, int32_t ep) {
  Random& r = g.random();
  const int32_t n = g.Create(FileKind::kNetlink);
  if (n < 0) return;
  const Fd fd = g.Operand(n);
  g.Emit(ops::Add(g.Operand(ep), fd, r.Pick(kMasks), g.Data()));
  g.Wait(ep, 32);
  const bool small = r.OneIn(2), dumps = !small && r.OneIn(2);
  if (small) g.Emit(ops::Setsockopt(fd, kSoRcvbuf, static_cast<int32_t>(r.Below(3) * 1000)));
  if (small && r.OneIn(2)) {
    for (uint32_t i = r.Between(3, 6); i > 0; --i) g.Emit(ops::NlRequest(fd, Request::kAcknowledge));
    if (r.OneIn(2)) g.Wait(ep, 32);
  }
  for (uint32_t i = r.Between(4, 14); i > 0; --i) {
    switch (r.Below(8)) {
      case 0:
      case 1:
        g.Emit(ops::NlRequest(fd, dumps && r.OneIn(2) ? Request::kDump : r.Pick(kRequests)));
        break;
      case 2:
        g.Emit(ops::NlRequest(fd, Request::kAcknowledge));
        break;
      case 3:
      case 4:
        Receive(g, fd);
        break;
      case 5:
        g.Emit(r.OneIn(3) ? ops::Getsockopt(fd, kSoError) : ops::Poll({{fd, kIn | kOut | kPri}}));
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  g.Wait(ep, 32);
}

// Messages from one socket to another: full ones, gone ones, some that listen to others.
void Messages(Generator& g, int32_t ep) {
  Random& r = g.random();
  const auto [a, b] = Pair(g);
  const int32_t third = g.Create(FileKind::kNetlink);
  if (third < 0) return;
  const Fd all[] = {a, b, g.Operand(third)};
  for (const Fd fd : all) {
    if (r.Below(3) != 0) g.Emit(ops::Add(g.Operand(ep), fd, r.Pick(kMasks), g.Data()));
  }
  g.Wait(ep, 32);
  if (r.OneIn(2)) {
    g.Emit(ops::Setsockopt(b, kSoRcvbuf, 0));
    for (uint32_t i = r.Between(2, 5); i > 0; --i) g.Emit(ops::Send(a, 1 + r.Below(9), kMsgDontwait));
  }
  for (uint32_t i = r.Between(4, 14); i > 0; --i) {
    const Fd fd = r.OneIn(2) ? a : r.Pick(all), other = r.Pick(all);
    switch (r.Below(12)) {
      case 0:
      case 1:
      case 2:
        Send(g, fd);
        break;
      case 3:
      case 4:
        Receive(g, r.OneIn(2) ? b : fd);
        break;
      case 5:
        g.Emit(ops::Connect(fd, r.OneIn(4) ? Fd::Literal(-1) : r.OneIn(8) ? g.Anything() : other));
        break;
      case 6:
        g.Emit(r.OneIn(2)   ? ops::Bind(fd)
               : r.OneIn(2) ? ops::Shutdown(fd, static_cast<int32_t>(r.Below(4)))
               : r.OneIn(2) ? ops::Listen(fd, 1)
                            : ops::Accept4(fd, 0));
        break;
      case 7:
        if (r.OneIn(2)) g.Emit(ops::Close(fd));
        break;
      case 8:
        g.Emit(r.OneIn(2)   ? ops::Getsockopt(fd, r.OneIn(2) ? kTcpNodelay : kSoRcvbuf)
               : r.OneIn(2) ? ops::Setsockopt(fd, kSoSndbuf, static_cast<int32_t>(r.Below(2) * 5000))
                            : ops::Setsockopt(fd, r.OneIn(2) ? kTcpNodelay : kSoError, 1));
        break;
      case 9:
        g.Emit(ops::NlRequest(fd, r.Pick(kRequests)));
        break;
      default:
        if (r.OneIn(3)) {
          g.Emit(ops::Poll({{a, kIn | kOut}, {b, kIn | kOut}}));
        } else {
          g.Wait(ep, 32);
        }
    }
  }
  g.Wait(ep, 32);
}

constexpr Scene kScenes[] = {{3, &Answers}, {3, &Messages}};

}  // namespace

constexpr Habits kNetlinkHabits = {.type = "netlink",
                                   .kind = FileKind::kNetlink,
                                   .lots = 2,
                                   .usual = &InOrOut,
                                   .create = &Create,
                                   .ready = &Ready,
                                   .unready = &Unready,
                                   .scenes = kScenes,
                                   .rarity = 4};

}  // namespace pollux
