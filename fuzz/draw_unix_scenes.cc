// Scenes with AF_UNIX sockets: listeners, one-way datagrams, out-of-band bytes, descriptors in messages.

#include "fuzz/draw_unix.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

constexpr uint32_t kAnyMask[] = {kIn,        kIn | kEt,     kOut | kEt, kIn | kOut | kEt, kIn | kOut, kRdhup | kEt,
                                 kPri | kEt, kWrband | kEt, kOut,       kErr | kEt,       kHup | kEt, kPri | kIn};

// A new socket, mostly watched.
Fd Watched(Generator& g, int32_t ep, const Op& creator) {
  Random& r = g.random();
  const int32_t n = g.Made(creator);
  if (n < 0) return Fd::Literal(-1);
  const Fd fd = Fd::Output(g.shadow().size() - 1, 0);
  if (r.Below(4) != 0) g.Emit(ops::Add(g.Operand(ep), fd, r.Pick(kAnyMask), g.Data()));
  return fd;
}

void Option(Generator& g, Fd fd) {
  Random& r = g.random();
  constexpr int32_t kOptions[] = {kSoError,  kSoError,    kSoSndbuf, kSoSndbuf,
                                  kSoRcvbuf, kSoRcvlowat, kSoLinger, kTcpNodelay};
  const int32_t option = r.Pick(kOptions);
  if (r.OneIn(2)) {
    const int32_t value = r.OneIn(8) ? -1 : static_cast<int32_t>(r.Skewed(option == kSoSndbuf ? 16 : 4));
    g.Emit(ops::Setsockopt(fd, option, option == kSoSndbuf || option == kSoRcvbuf ? value & 0xffff : value));
  }
  if (r.OneIn(2)) g.Emit(ops::Getsockopt(fd, option));
}

}  // namespace

// A listener, who connects to it, and what passes between them (R4.5.2, R4.5.6).
void Connections(Generator& g, int32_t ep) {
  Random& r = g.random();
  constexpr int32_t kTypes[] = {kSockStream, kSockStream, kSockSeqpacket, kSockSeqpacket, kSockStream, kSockDgram};
  const int32_t type = r.OneIn(16) ? kSockDgram : r.OneIn(3) ? kSockSeqpacket : kSockStream;
  const auto socket = [&] {
    return Watched(g, ep, ops::Socket(r.OneIn(24) ? r.Pick(kTypes) : type, r.OneIn(12) ? 0 : kONonblock));
  };
  const Fd listener = socket();
  if (r.Below(16) != 0) g.Emit(ops::Bind(listener));
  if (r.Below(16) != 0) g.Emit(ops::Listen(listener, r.OneIn(8) ? -1 : static_cast<int32_t>(r.Below(3))));
  Fd client = socket(), accepted = client;
  for (uint32_t i = r.Between(5, 14); i > 0; --i) {
    const Fd any = r.OneIn(3) ? listener : r.OneIn(2) ? client : accepted;
    switch (r.Below(16)) {
      case 0:
        client = socket();
        [[fallthrough]];
      case 1:
      case 2:
      case 3:
        g.Emit(ops::Connect(r.OneIn(12) ? any : client, r.OneIn(6) ? accepted : r.OneIn(8) ? any : listener));
        break;
      case 4:
      case 5:
      case 6:
        if (g.Made(ops::Accept4(r.OneIn(12) ? any : listener, r.OneIn(16) ? 1 : kONonblock)) >= 0) {
          accepted = Fd::Output(g.shadow().size() - 1, 0);
          if (r.OneIn(2)) g.Emit(ops::Add(g.Operand(ep), accepted, r.Pick(kAnyMask), g.Data()));
        }
        break;
      case 7:
        g.Emit(ops::Send(r.OneIn(6) ? any : r.OneIn(2) ? client : accepted, r.Below(3), kMsgDontwait));
        break;
      case 8:
        g.Emit(r.OneIn(2) ? ops::Recv(any, 65536, kMsgDontwait) : ops::Recvfd(any));
        break;
      case 9:
        Option(g, any);
        break;
      case 10:
        if (r.OneIn(2)) g.Emit(r.OneIn(2) ? ops::Bind(any) : ops::Listen(any, static_cast<int32_t>(r.Below(3))));
        break;
      case 11:
        if (r.OneIn(3)) g.Emit(r.OneIn(2) ? ops::Close(any) : ops::Shutdown(any, static_cast<int32_t>(r.Below(3))));
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  if (r.OneIn(3)) g.Emit(ops::Close(listener));
  g.Wait(ep, 32);
}

// Datagram sockets that send to one, which is connected to none of them or to one (R4.6.2, R4.6.5 to R4.6.7).
void OneWay(Generator& g, int32_t ep) {
  Random& r = g.random();
  const Op create = ops::Socket(kSockDgram, kONonblock);
  const Fd server = Watched(g, ep, create);
  g.Emit(ops::Bind(server));
  Fd other = Watched(g, ep, create);
  if (r.Below(4) != 0) g.Emit(ops::Bind(other));
  Fd clients[3] = {Watched(g, ep, create), r.OneIn(2) ? Watched(g, ep, create) : other, other};
  for (const Fd client : clients) {
    if (r.Below(4) != 0) g.Emit(ops::Connect(client, server));
  }
  for (uint32_t i = r.Between(4, 14); i > 0; --i) {
    const Fd client = r.Pick(clients);
    const Fd any = r.OneIn(2) ? client : r.OneIn(2) ? server : other;
    switch (r.Below(14)) {
      case 0:
      case 1:
        // Until it is full, and one more.
        for (uint32_t n = r.OneIn(3) ? r.Below(3) : r.Between(9, 13); n > 0; --n) {
          g.Emit(ops::Send(client, r.OneIn(24) ? 20000 : 1, kMsgDontwait));
        }
        break;
      case 2:
      case 3:
        g.Emit(ops::Recv(r.OneIn(8) ? any : server, 8, kMsgDontwait | (r.OneIn(8) ? kMsgPeek : 0)));
        break;
      case 4:
        g.Emit(ops::Connect(r.OneIn(3) ? any : client, r.OneIn(3) ? Fd::Literal(-1) : r.OneIn(2) ? other : server));
        break;
      case 5:
        if (r.OneIn(2)) g.Emit(ops::Bind(client));
        g.Emit(ops::Connect(server, client));
        break;
      case 6:
        if (r.OneIn(2)) g.Emit(r.OneIn(2) ? ops::Close(any) : ops::Shutdown(any, static_cast<int32_t>(r.Below(3))));
        break;
      case 7:
        Option(g, any);
        break;
      case 8:
        g.Emit(ops::Send(any, r.Below(3), kMsgDontwait));
        break;
      case 9:
        g.Emit(ops::Poll({{client, static_cast<uint16_t>(r.OneIn(3) ? kIn : kOut)}}));
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  g.Wait(ep, 32);
}

// Out-of-band bytes: the mark, who stops there, the placeholder behind it (R4.5.7).
void OutOfBand(Generator& g, int32_t ep) {
  Random& r = g.random();
  g.Emit(ops::Socketpair(r.OneIn(24) ? kSockSeqpacket : kSockStream, kONonblock));
  const Fd a = Fd::Output(g.shadow().size() - 1, 0), b = Fd::Output(g.shadow().size() - 1, 1);
  if (g.shadow().Number(a) < 0) return;
  g.Emit(ops::Add(g.Operand(ep), a, r.Pick(kAnyMask), g.Data()));
  if (r.OneIn(2)) g.Emit(ops::Add(g.Operand(ep), b, r.OneIn(2) ? kOut | kEt : r.Pick(kAnyMask), g.Data()));
  for (uint32_t i = r.Between(4, 14); i > 0; --i) {
    const uint32_t n = static_cast<uint32_t>(r.Skewed(3));
    switch (r.Below(10)) {
      case 0:
        g.Emit(ops::Send(b, n, kMsgDontwait));
        break;
      case 1:
      case 2:
        g.Emit(ops::Send(b, r.OneIn(16) ? 0 : 1 + n, kMsgDontwait | kMsgOob, r.OneIn(24) ? g.BadMemory(2) : Memory()));
        break;
      case 3:
      case 4:
        g.Emit(ops::Recv(a, r.OneIn(16) ? 0 : 1, kMsgDontwait | kMsgOob | (r.OneIn(6) ? kMsgPeek : 0),
                         r.OneIn(24) ? g.BadMemory(1) : Memory()));
        break;
      case 5:
      case 6:
        g.Emit(ops::Recv(a, r.OneIn(2) ? 8 : n, kMsgDontwait | (r.OneIn(6) ? kMsgPeek : 0)));
        break;
      case 7:
        if (r.OneIn(6)) g.Emit(ops::Close(r.OneIn(2) ? a : b));
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  g.Wait(ep, 32);
}

// A description that lives only in a message (R3.8).
void Rights(Generator& g, int32_t ep) {
  Random& r = g.random();
  constexpr int32_t kTypes[] = {kSockStream, kSockStream, kSockSeqpacket, kSockDgram};
  g.Emit(ops::Socketpair(r.Pick(kTypes), kONonblock));
  const Fd a = Fd::Output(g.shadow().size() - 1, 0), b = Fd::Output(g.shadow().size() - 1, 1);
  if (g.shadow().Number(a) < 0) return;
  if (r.OneIn(2)) g.Emit(ops::Add(g.Operand(ep), r.OneIn(2) ? a : b, r.Pick(kAnyMask), g.Data()));
  g.Emit(ops::Make(Call::kPipe2, {kONonblock}));
  const Fd reader = Fd::Output(g.shadow().size() - 1, 0), writer = Fd::Output(g.shadow().size() - 1, 1);
  g.Emit(ops::Add(g.Operand(ep), reader, kIn | (r.OneIn(2) ? kEt : 0), g.Data()));
  if (r.OneIn(2)) g.Emit(ops::Add(g.Operand(ep), writer, kOut | kEt, g.Data()));
  for (uint32_t i = r.Between(4, 12); i > 0; --i) {
    switch (r.Below(9)) {
      case 0:
      case 1: {
        const Fd fd = r.OneIn(4) ? g.Operand(g.AnyNumber()) : r.OneIn(2) ? reader : writer;
        g.Emit(ops::Sendfd(r.OneIn(8) ? b : a, fd));
        if (r.Below(3) != 0) g.Emit(ops::Close(fd));
        break;
      }
      case 2:
        g.Emit(ops::Write(writer, 1));
        break;
      case 3:
      case 4:
        g.Emit(ops::Recvfd(r.OneIn(8) ? a : b));
        break;
      case 5:
        g.Emit(ops::Recv(b, r.Below(4), kMsgDontwait | (r.OneIn(6) ? kMsgPeek : 0)));
        break;
      case 6:
        if (r.OneIn(2)) g.Emit(ops::Send(a, r.Below(3), kMsgDontwait));
        if (r.OneIn(6)) g.Emit(ops::Close(r.OneIn(2) ? a : b));
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  g.Wait(ep, 32);
  if (r.OneIn(4)) g.Emit(ops::Fdinfo(g.Operand(ep)));
}

}  // namespace pollux
