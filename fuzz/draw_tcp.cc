// Traces with TCP connections over loopback.

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

constexpr uint32_t kTcpMasks[] = {
    kIn,          kIn,        kIn | kEt,        kIn | kOut | kEt, kOut | kEt,         kIn | kRdhup,
    kRdhup | kEt, kPri | kEt, kIn | kPri | kEt, kRdnorm | kEt,    kIn | kRdhup | kEt, kRdhup | kHup | kEt};

Fd Last(Generator& g) { return Fd::Output(g.shadow().size() - 1, 0); }

Fd Socket(Generator& g, uint32_t flags = kONonblock) {
  g.Emit(ops::Make(Call::kSocket, {kAfInet, ops::Int(kSockStream), flags}));
  return Last(g);
}

Fd Listener(Generator& g, uint32_t flags = kONonblock) {
  const Fd l = Socket(g, flags);
  if (!g.random().OneIn(4)) g.Emit(ops::Bind(l));
  g.Emit(ops::Listen(l, g.random().OneIn(4) ? g.random().Below(3) : 8));
  return l;
}

// A connected pair: the client, and what the listener accepts.
std::pair<Fd, Fd> Connection(Generator& g, uint32_t flags) {
  const Fd l = Listener(g), c = Socket(g, flags);
  // What a connection has from its listener.
  const bool inherits = g.random().OneIn(8);
  const int32_t option = g.random().OneIn(2) ? kTcpNodelay : kSoRcvlowat;
  if (inherits) g.Emit(ops::Setsockopt(l, option, 3));
  g.Emit(ops::Connect(c, l));
  g.Emit(ops::Accept4(l, flags));
  const Fd a = Last(g);
  if (inherits) g.Emit(ops::Getsockopt(a, option));
  if (g.random().Below(4) != 0) g.Emit(ops::Close(l));
  return {c, a};
}

int32_t Create(Generator& g, uint32_t flags) {
  Random& r = g.random();
  if (r.OneIn(8)) return g.shadow().Number(Listener(g, flags));
  const auto [c, a] = Connection(g, flags);
  return g.shadow().Number(r.OneIn(2) ? c : a);
}

int32_t Option(Random* random) {
  constexpr int32_t kOptions[] = {kSoError, kSoError, kSoRcvlowat, kSoRcvlowat, kSoLinger, kTcpNodelay};
  return random->Pick(kOptions);
}

// One op on a connection's side `from`, whose other side is `to`.
void Act(Generator& g, Fd from, Fd to) {
  Random& r = g.random();
  switch (r.Below(16)) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const bool urgent = r.OneIn(4);
      g.Emit(ops::Send(from, r.OneIn(16) ? 0 : r.Between(1, 5), kMsgDontwait | (urgent ? kMsgOob : 0)));
      if (urgent && r.OneIn(3)) g.Emit(ops::IoctlInt(Call::kFionread, to, 0));
      return;
    }
    case 4:
    case 5:
    case 6:
      return g.Emit(ops::Recv(to, r.OneIn(3) ? r.Below(4) : 4096, kMsgDontwait | (r.OneIn(8) ? kMsgPeek : 0)));
    case 7:
      return g.Emit(ops::Recv(to, 1, kMsgDontwait | kMsgOob | (r.OneIn(4) ? kMsgPeek : 0)));
    case 8:
    case 9:
      return g.Emit(ops::Shutdown(from, static_cast<int32_t>(r.Below(3))));
    case 10:
      return g.Emit(ops::Setsockopt(to, kSoRcvlowat, r.Below(6)));
    case 11:
      return g.Emit(r.OneIn(2) ? ops::Getsockopt(to, Option(&r)) : ops::IoctlInt(Call::kFionread, to, 0));
    case 12:
      return g.Emit(ops::Setsockopt(from, Option(&r), r.OneIn(2) ? 0 : r.OneIn(2) ? -1 : 1));
    case 13:
      if (r.OneIn(2)) return g.Emit(ops::Connect(from, r.OneIn(2) ? to : Fd::Literal(-1)));
      return g.Emit(r.OneIn(2) ? ops::Send(from, 4, kMsgDontwait, g.BadMemory(4))
                               : ops::Recv(to, 4, kMsgDontwait, g.BadMemory(4)));
    case 14:
      if (r.OneIn(3)) g.Emit(ops::Setsockopt(from, kSoLinger, 0));
      return g.Emit(ops::Close(from));
    default:
      return g.Emit(r.OneIn(2) ? ops::Write(from, 1) : ops::Read(to, 64));
  }
}

void Ready(Generator& g, const Shadow::File& file) {
  Random& r = g.random();
  const int32_t peer = g.shadow().file(file.peer).number;
  if (peer < 0) return;
  if (r.OneIn(6) && file.number >= 0) return Act(g, g.Operand(peer), g.Operand(file.number));
  g.Emit(ops::Send(g.Operand(peer), r.OneIn(4) ? r.Between(1, 100) : 1, kMsgDontwait | (r.OneIn(12) ? kMsgOob : 0)));
}

void Unready(Generator& g, const Shadow::File& file) {
  Random& r = g.random();
  const Fd fd = g.Operand(file.number);
  if (r.OneIn(6)) return g.Emit(ops::Accept4(fd, kONonblock));
  g.Emit(r.OneIn(2) ? ops::Read(fd, 4096) : ops::Recv(fd, r.Chance(200) ? 4096 : 1, kMsgDontwait));
}

void Nudge(Generator& g, const Shadow::File& file) {
  Random& r = g.random();
  const int32_t n = file.number >= 0 && r.OneIn(2) ? file.number : g.shadow().file(file.peer).number;
  if (n >= 0) g.Emit(ops::Shutdown(g.Operand(n), static_cast<int32_t>(r.Below(3))));
}

// A connection from its first byte to its last (R4.7.1 to R4.7.3, R4.7.9 to R4.7.13).
void Life(Generator& g, int32_t ep) {
  Random& r = g.random();
  const auto [c, a] = Connection(g, kONonblock);
  if (g.shadow().Number(a) < 0) return;
  g.Emit(ops::Add(g.Operand(ep), c, r.Pick(kTcpMasks), g.Data()));
  if (r.Below(4) != 0) g.Emit(ops::Add(g.Operand(ep), a, r.Pick(kTcpMasks), g.Data()));
  g.Wait(ep, 32);
  for (uint32_t i = r.Between(4, 14); i > 0; --i) {
    const bool forth = r.OneIn(2);
    Act(g, forth ? c : a, forth ? a : c);
    if (r.OneIn(2)) g.Wait(ep, 32);
  }
  g.Wait(ep, 32);
}

// Listeners: pending connections, refused ones, whoever goes first (R4.7.4, R4.7.5, R4.7.8, R4.7.10).
void Door(Generator& g, int32_t ep) {
  Random& r = g.random();
  const Fd l = r.Below(6) != 0 ? Listener(g) : Socket(g);
  if (r.OneIn(3)) g.Emit(ops::Bind(l));
  Fd clients[3] = {Socket(g), Socket(g), Socket(g, r.OneIn(4) ? 0 : kONonblock)};
  if (g.shadow().Number(clients[2]) < 0) return;
  g.Emit(ops::Add(g.Operand(ep), l, r.Pick(kTcpMasks), g.Data()));
  for (const Fd c : clients) {
    if (r.OneIn(2)) g.Emit(ops::Add(g.Operand(ep), c, r.Pick(kTcpMasks), g.Data()));
  }
  if (r.OneIn(4)) g.Emit(ops::Setsockopt(l, Option(&r), r.OneIn(2) ? 0 : 3));
  g.Wait(ep, 32);
  for (uint32_t i = r.Between(4, 14); i > 0; --i) {
    const Fd c = r.Pick(clients);
    switch (r.Below(12)) {
      case 0:
      case 1:
      case 2:
        g.Emit(ops::Connect(c, r.OneIn(12) ? Fd::Literal(-1) : l));
        break;
      case 3:
        g.Emit(ops::Accept4(l, kONonblock));
        if (r.OneIn(2)) g.Emit(ops::Add(g.Operand(ep), Last(g), r.Pick(kTcpMasks), g.Data()));
        break;
      case 4:
        g.Emit(ops::Send(c, r.Between(1, 4), kMsgDontwait));
        break;
      case 5:
        g.Emit(ops::Shutdown(r.OneIn(3) ? l : c, static_cast<int32_t>(r.Below(3))));
        if (r.OneIn(3)) g.Emit(ops::Connect(c, l));
        break;
      case 6:
        if (r.OneIn(3)) g.Emit(ops::Close(r.OneIn(2) ? l : c));
        break;
      case 7:
        g.Emit(ops::Getsockopt(c, kSoError));
        break;
      case 8:
        if (r.OneIn(2)) g.Emit(r.OneIn(3) ? ops::Connect(l, Fd::Literal(-1)) : ops::Bind(r.OneIn(2) ? l : c));
        break;
      case 9:
        if (r.OneIn(2)) g.Emit(ops::Listen(r.OneIn(4) ? c : l, r.Below(4)));
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  g.Wait(ep, 32);
}

// What seldom comes together: an end without a farewell, a shutdown of what was refused, an option of TCP alone.
void Corners(Generator& g, int32_t ep) {
  Random& r = g.random();
  switch (r.Below(3)) {
    case 0: {
      const auto [c, a] = Connection(g, kONonblock);
      if (g.shadow().Number(a) < 0) return;
      g.Emit(ops::Add(g.Operand(ep), a, r.Pick(kTcpMasks), g.Data()));
      g.Emit(ops::Setsockopt(c, kSoLinger, 0));
      g.Emit(ops::Close(c));
      g.Wait(ep, 32);
      return g.Emit(ops::Read(a, 1));
    }
    case 1: {
      const Fd nobody = Socket(g), c = Socket(g);
      g.Emit(ops::Bind(nobody));
      g.Emit(ops::Connect(c, nobody));
      if (r.OneIn(2)) g.Emit(ops::Add(g.Operand(ep), c, r.Pick(kTcpMasks), g.Data()));
      g.Emit(ops::Shutdown(c, static_cast<int32_t>(r.Below(3))));
      g.Emit(ops::Connect(c, nobody));
      return g.Wait(ep, 32);
    }
    default:
      g.Emit(ops::Make(Call::kSocket, {kAfInet, ops::Int(kSockDgram), kONonblock}));
      const Fd datagrams = Last(g);
      g.Emit(r.OneIn(2) ? ops::Getsockopt(datagrams, kTcpNodelay) : ops::Setsockopt(datagrams, kTcpNodelay, 1));
  }
}

constexpr Scene kScenes[] = {{3, &Life}, {2, &Door}, {1, &Corners}};

}  // namespace

constexpr Habits kTcpHabits = {.type = "tcp",
                               .kind = FileKind::kTcp,
                               .lots = 3,
                               .usual = &InOrOut,
                               .create = &Create,
                               .ready = &Ready,
                               .unready = &Unready,
                               .nudge = &Nudge,
                               .scenes = kScenes,
                               .rarity = 16};

}  // namespace pollux
