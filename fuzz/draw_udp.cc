// Traces with UDP sockets over loopback.

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

Fd Last(Generator& g) { return Fd::Output(g.shadow().size() - 1, 0); }

Fd Socket(Generator& g, uint32_t flags) {
  g.Emit(ops::Make(Call::kSocket, {kAfInet, ops::Int(kSockDgram), flags}));
  return Last(g);
}

// A socket and one that is connected to it, and perhaps it to that one.
std::pair<Fd, Fd> Pair(Generator& g, uint32_t flags) {
  const Fd a = Socket(g, flags), b = Socket(g, flags);
  g.Emit(ops::Bind(a));
  if (g.random().OneIn(4)) g.Emit(ops::Bind(b));
  g.Emit(ops::Connect(b, a));
  if (g.random().OneIn(2)) g.Emit(ops::Connect(a, b));
  return {a, b};
}

int32_t Create(Generator& g, uint32_t flags) {
  const auto [a, b] = Pair(g, flags);
  return g.shadow().Number(g.random().Below(4) != 0 ? a : b);
}

void Ready(Generator& g, const Shadow::File& file) {
  Random& r = g.random();
  const int32_t peer = g.shadow().file(file.peer).number;
  const int32_t from = peer >= 0 && r.Below(8) != 0 ? peer : file.number;
  if (from < 0) return;
  const Fd fd = g.Operand(from);
  const uint32_t n = r.OneIn(6) ? 0 : r.Between(1, 9);
  g.Emit(r.OneIn(2) ? ops::Write(fd, n) : ops::Send(fd, n, kMsgDontwait));
}

void Unready(Generator& g, const Shadow::File& file) {
  Random& r = g.random();
  const Fd fd = g.Operand(file.number);
  g.Emit(r.OneIn(2) ? ops::Read(fd, 64) : ops::Recv(fd, r.Below(8), kMsgDontwait | (r.OneIn(4) ? kMsgTrunc : 0)));
}

void Nudge(Generator& g, const Shadow::File& file) {
  if (file.number >= 0) g.Emit(ops::Shutdown(g.Operand(file.number), static_cast<int32_t>(g.random().Below(3))));
}

// Own edges, refused datagrams, connections dissolved and made anew (R4.8.2 to R4.8.7).
void Datagrams(Generator& g, int32_t ep) {
  Random& r = g.random();
  const bool blocking = r.OneIn(6);
  const uint32_t wait = blocking ? 0 : kMsgDontwait;
  const auto [a, b] = Pair(g, blocking ? 0 : kONonblock);
  const Fd all[] = {a, b, Socket(g, kONonblock)};
  if (g.shadow().Number(all[2]) < 0) return;
  if (blocking && r.OneIn(2)) g.Emit(ops::Shutdown(a, kShutRd));
  constexpr uint32_t kMasks[] = {kIn,        kIn | kEt,  kOut | kEt,   kIn | kOut | kEt,  kWrband | kEt,
                                 kPri | kEt, kErr | kEt, kRdhup | kEt, kIn | kRdhup | kEt};
  for (const Fd fd : all) {
    if (r.Below(3) != 0) g.Emit(ops::Add(g.Operand(ep), fd, r.Pick(kMasks), g.Data()));
  }
  g.Wait(ep, 32);
  for (uint32_t i = r.Between(4, 14); i > 0; --i) {
    const Fd fd = r.Pick(all), other = r.Pick(all);
    switch (r.Below(12)) {
      case 0:
      case 1:
      case 2:
        g.Emit(ops::Send(fd, r.Below(5), kMsgDontwait | (r.OneIn(16) ? kMsgOob : 0)));
        break;
      case 3:
      case 4:
        g.Emit(ops::Recv(fd, r.Below(5), wait | (r.OneIn(4) ? kMsgPeek : r.OneIn(4) ? kMsgTrunc : 0)));
        break;
      case 5:
        g.Emit(ops::Connect(fd, r.OneIn(3) ? Fd::Literal(-1) : other));
        break;
      case 6:
        if (r.OneIn(2)) g.Emit(ops::Shutdown(fd, static_cast<int32_t>(r.Below(3))));
        break;
      case 7:
        if (r.OneIn(3)) g.Emit(ops::Close(fd));
        break;
      case 8:
        g.Emit(ops::Getsockopt(fd, r.OneIn(8) ? kTcpNodelay : r.OneIn(4) ? r.Pick({kSoSndbuf, kSoRcvbuf}) : kSoError));
        break;
      case 9:
        g.Emit(r.OneIn(2) ? ops::Send(fd, r.OneIn(4) ? 70000 : 4, kMsgDontwait, g.BadMemory(4))
                          : ops::Recv(fd, 4, kMsgDontwait, g.BadMemory(4)));
        break;
      case 10:
        g.Emit(ops::IoctlInt(Call::kFionread, fd, 0));
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  g.Wait(ep, 32);
}

constexpr Scene kScenes[] = {{3, &Datagrams}};

}  // namespace

constexpr Habits kUdpHabits = {.type = "udp",
                               .kind = FileKind::kUdp,
                               .lots = 2,
                               .usual = &InOrOut,
                               .create = &Create,
                               .ready = &Ready,
                               .unready = &Unready,
                               .nudge = &Nudge,
                               .scenes = kScenes,
                               .rarity = 16};

}  // namespace pollux
