// Traces with AF_UNIX sockets.

#include "fuzz/draw_unix.h"

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

template <int32_t type>
int32_t Create(Generator& g, uint32_t flags) {
  g.Emit(ops::Socketpair(type, flags));
  return g.shadow().Number(Fd::Output(g.shadow().size() - 1, g.random().Below(2)));
}

// Somebody new connects.
void Knock(Generator& g, const Shadow::File& listener) {
  const int32_t type = listener.kind == FileKind::kStream ? kSockStream : kSockSeqpacket;
  const int32_t n = g.Made(ops::Socket(type, kONonblock));
  if (n >= 0) g.Emit(ops::Connect(Fd::Output(g.shadow().size() - 1, 0), g.Operand(listener.number)));
}

void Ready(Generator& g, const Shadow::File& file) {
  Random& r = g.random();
  const int32_t peer = g.shadow().file(file.peer).number;
  if (file.listens && file.number >= 0) return Knock(g, file);
  if (peer < 0) return;
  const Fd fd = g.Operand(peer);
  if (r.OneIn(8)) return g.Emit(ops::Recv(fd, 65536, kMsgDontwait));
  const uint32_t n = r.OneIn(24) ? 0 : r.Chance(200) ? 1 : SocketBytes(&r);
  g.Emit(r.OneIn(2) ? ops::Write(fd, n) : ops::Send(fd, n, kMsgDontwait));
}

void Unready(Generator& g, const Shadow::File& file) {
  Random& r = g.random();
  const Fd fd = g.Operand(file.number);
  if (file.listens) return g.Emit(ops::Accept4(fd, kONonblock));
  if (r.OneIn(16)) return g.Emit(ops::Send(fd, 53000, kMsgDontwait));
  g.Emit(r.OneIn(2) ? ops::Read(fd, 65536) : ops::Recv(fd, r.Chance(200) ? 65536 : 1, kMsgDontwait));
}

void Nudge(Generator& g, const Shadow::File& file) {
  Random& r = g.random();
  const int32_t n = file.number >= 0 && r.OneIn(2) ? file.number : g.shadow().file(file.peer).number;
  if (n >= 0) g.Emit(ops::Shutdown(g.Operand(n), static_cast<int32_t>(r.Below(3))));
}

void Fill(Generator& g, Fd fd) {
  Random& r = g.random();
  for (uint32_t i = 1 + r.Below(r.OneIn(4) ? 5 : 2); i > 0; --i) g.Emit(ops::Send(fd, 53000, kMsgDontwait));
}

// Charges, lost and regained room, shutdown and close with data unread (R4.4.1 to R4.4.9, R4.5.3 to R4.5.5).
void Edges(Generator& g, int32_t ep) {
  Random& r = g.random();
  constexpr int32_t kTypes[] = {kSockStream, kSockStream, kSockSeqpacket, kSockDgram};
  g.Emit(ops::Socketpair(r.Pick(kTypes), kONonblock));
  const Fd a = Fd::Output(g.shadow().size() - 1, 0), b = Fd::Output(g.shadow().size() - 1, 1);
  if (g.shadow().Number(a) < 0) return;
  constexpr uint32_t kMasks[] = {kOut,      kOut | kEt,    kIn | kEt,  kIn | kOut | kEt, kIn | kRdhup | kEt,
                                 kWrnorm,   kWrband | kEt, kPri | kEt, kRdband | kEt,    kRdhup | kEt,
                                 kIn | kOut};
  g.Emit(ops::Add(g.Operand(ep), a, r.Pick(kMasks), g.Data()));
  if (r.OneIn(2)) g.Emit(ops::Add(g.Operand(ep), b, r.Pick(kMasks), g.Data()));
  const bool heavy = r.OneIn(3);
  for (uint32_t i = r.Between(3, 9); i > 0; --i) {
    const Fd from = r.Below(4) != 0 ? a : b, to = from == a ? b : a;
    switch (r.Below(8)) {
      case 0:
      case 1:
        g.Emit(ops::Send(from, heavy ? r.Between(20000, 53300) : SocketBytes(&r), kMsgDontwait));
        break;
      case 2:
        g.Emit(ops::Recv(to, r.OneIn(3) ? 1 : 65536, kMsgDontwait | (r.OneIn(8) ? kMsgPeek : 0)));
        break;
      case 3:
        g.Emit(ops::Recv(to, 100000, kMsgDontwait));
        break;
      case 4:
        if (r.OneIn(4)) g.Emit(ops::Shutdown(from, static_cast<int32_t>(r.Below(3))));
        break;
      case 5:
        if (r.OneIn(4)) g.Emit(ops::Send(from, r.OneIn(2) ? 0 : 8, kMsgDontwait, g.BadMemory(4)));
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  if (r.OneIn(2)) {
    if (r.OneIn(2)) g.Emit(ops::Send(a, 1, kMsgDontwait));
    g.Emit(ops::Close(r.OneIn(2) ? a : b));
    g.Wait(ep, 32);
    const Fd left = r.OneIn(2) ? a : b;
    for (uint32_t i = r.Below(3); i > 0; --i) {
      g.Emit(r.OneIn(2) ? ops::Send(left, 1, kMsgDontwait) : ops::Recv(left, 65536, kMsgDontwait));
    }
    g.Wait(ep, 32);
  }
}

// A datagram socket whose peer is gone or shut: the failing send is the sender's own edge (R4.4.8, R4.6.3, R4.6.4).
void DgramPeer(Generator& g, int32_t ep) {
  Random& r = g.random();
  g.Emit(ops::Socketpair(kSockDgram, kONonblock));
  const Fd a = Fd::Output(g.shadow().size() - 1, 0), b = Fd::Output(g.shadow().size() - 1, 1);
  if (g.shadow().Number(a) < 0) return;
  constexpr uint32_t kMasks[] = {kOut | kEt, kOut, kIn | kOut | kEt, kWrband | kEt, kIn | kEt};
  g.Emit(ops::Add(g.Operand(ep), a, r.Pick(kMasks), g.Data()));
  g.Wait(ep, 32);
  for (uint32_t i = r.Below(3); i > 0; --i) g.Emit(ops::Send(r.OneIn(2) ? a : b, SocketBytes(&r), kMsgDontwait));
  if (r.OneIn(2)) {
    g.Emit(ops::Close(b));
  } else {
    g.Emit(ops::Shutdown(r.OneIn(3) ? a : b, static_cast<int32_t>(r.Below(3))));
  }
  g.Wait(ep, 32);
  for (uint32_t i = r.Between(1, 3); i > 0; --i) {
    g.Emit(r.Below(4) != 0 ? ops::Send(a, 1, kMsgDontwait) : ops::Recv(a, 65536, kMsgDontwait));
    g.Wait(ep, 32);
  }
}

constexpr Scene kScenes[] = {{4, &Edges}, {4, &Connections}, {3, &OutOfBand}, {2, &Rights}};
constexpr Scene kDgramScenes[] = {{3, &DgramPeer}, {4, &OneWay}};

constexpr Habits Kind(FileKind kind, uint8_t lots, int32_t (*create)(Generator&, uint32_t),
                      std::span<const Scene> scenes) {
  return {.type = "unix",
          .kind = kind,
          .lots = lots,
          .usual = &InOrOut,
          .create = create,
          .ready = &Ready,
          .unready = &Unready,
          .nudge = &Nudge,
          .fill = &Fill,
          .scenes = scenes};
}

}  // namespace

constexpr Habits kStreamHabits = Kind(FileKind::kStream, 5, &Create<kSockStream>, kScenes);
constexpr Habits kDgramHabits = Kind(FileKind::kDgram, 3, &Create<kSockDgram>, kDgramScenes);
constexpr Habits kSeqpacketHabits = Kind(FileKind::kSeqpacket, 4, &Create<kSockSeqpacket>, {});

}  // namespace pollux
