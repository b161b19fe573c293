// UDP over the loopback interface (net/ipv4/udp.c, net/core/datagram.c).
//
// A datagram is handed over within the send: its buffer leaves the sender, which is an OUT edge of its own, and then
// either arrives or is refused.

#include <algorithm>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {

const Model::SocketOps Model::kUdpOps = {.send = &Model::UdpSend,
                                         .recv = &Model::UdpRecv,
                                         .shutdown = &Model::UdpShutdown,
                                         .bind = &Model::InetBind,
                                         .listen = &Model::UdpListen,
                                         .connect = &Model::UdpConnect,
                                         .accept = &Model::UdpAccept,
                                         .getsockopt = &Model::InetGetsockopt,
                                         .setsockopt = &Model::InetSetsockopt};

uint32_t Model::UdpMask(const File& file) {
  const Inet& s = state_.inets[file.object];
  uint32_t mask = 0;
  if (rules_(Rule::kUdpErr, s.error != kOK)) mask |= kErr;
  if (rules_(Rule::kUdpRdhup, s.shut_rd)) mask |= kIn | kRdnorm | kRdhup;
  if (rules_(Rule::kUdpHup, s.shut_rd && s.shut_wr)) mask |= kHup;
  if (rules_(Rule::kUdpIn, s.messages.size > 0, file.object)) mask |= kIn | kRdnorm;
  // What was sent has left the buffer already.
  if (rules_(Rule::kUdpOut, true)) mask |= kOut | kWrnorm | kWrband;
  return mask;
}

void Model::UdpListen(const File&, int32_t, Outcome* out) { out->Error(kEOPNOTSUPP); }
void Model::UdpAccept(const File&, uint32_t, Outcome* out) { out->Error(kEOPNOTSUPP); }

// inet_dgram_connect()
void Model::UdpConnect(const File& file, int32_t to, Outcome* out) {
  const Id id = file.object;
  Inet& s = state_.inets[id];
  if (to == -1) {
    if (!rules_(Rule::kUdpUnspec, true, id)) return out->Error(kEAFNOSUPPORT);
    // __udp_disconnect(): a port that the kernel chose is given back.
    s.peer_address = s.address = 0, s.wildcard = false;
    return out->Value(0);
  }
  if (rules_(Rule::kInetNoAddress, OpsOf(FileAt(to)).socket == nullptr, id)) return out->Error(kEINVAL);
  const Id other = InetAt(to);
  if (state_.inets[other].address == 0) return Unmodelled("connect: to what has no INET address", out);
  // There the destination is the sender's own address, whatever the other's becomes.
  if (state_.inets[other].wildcard) return Unmodelled("connect: to a port of every address", out);
  const uint64_t address = state_.inets[other].address;
  if (s.address == 0) s.address = ++state_.inet_addresses;
  s.peer_address = address, s.wildcard = false;
  out->Value(0);
}

// The socket that a datagram from `from` is for: bound to the address, connected to nobody else.
Id Model::UdpReceiver(const Inet& from) {
  if (from.peer_address == 0) return kNil;
  for (Id id = 1; id < state_.inets.size(); ++id) {
    const Inet& s = state_.inets[id];
    if (s.stream || s.address != from.peer_address) continue;
    if (rules_(Rule::kUdpFiltered, s.peer_address != 0 && s.peer_address != from.address, id)) continue;
    return id;
  }
  return kNil;
}

void Model::UdpWrite(const File& file, Memory memory, int64_t n, uint64_t, Outcome* out) {
  UdpSend(file, memory, n, 0, out);
}

// udp_sendmsg()
void Model::UdpSend(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out) {
  constexpr int64_t kLongest = 0xffff, kMostBytes = 4096;
  constexpr uint32_t kMostQueued = 16;
  if ((flags & ~(kMsgDontwait | kMsgNosignal | kMsgOob)) != 0) return Unmodelled("send: flags of other protocols", out);
  if (n > kMostBytes && n <= kLongest) return Unmodelled("send: a datagram of more than 4096 bytes", out);
  const Id id = file.object;
  if (state_.inets[UdpReceiver(state_.inets[id])].messages.size >= kMostQueued) {
    return Unmodelled("send: more than 16 datagrams unread", out);
  }
  Inet& s = state_.inets[id];
  if (s.address == 0) s.address = ++state_.inet_addresses, s.wildcard = true;  // inet_autobind()
  if (rules_(Rule::kUdpTooLong, n > kLongest)) return out->Error(kEMSGSIZE);
  if (rules_(Rule::kUdpOob, (flags & kMsgOob) != 0)) return out->Error(kEOPNOTSUPP);
  if (rules_(Rule::kUdpNoDestination, s.peer_address == 0, id)) return out->Error(kEDESTADDRREQ);
  // sock_alloc_send_pskb()
  const Errno error = TakeInetError(s);
  if (error != kOK) return out->Error(error);
  if (rules_(Rule::kUdpSendShut, s.shut_wr, id)) return out->Error(kEPIPE);
  const bool fault = rules_(Rule::kMemoryFault, n > Copyable(memory, false));
  if (rules_(Rule::kUdpSpaceWakes, true, id)) Notify(s.queue, kSpaceKey);
  if (fault) return out->Error(kEFAULT);
  out->Value(n);
  const Id to = UdpReceiver(state_.inets[id]);
  if (rules_(Rule::kUdpRefused, to == kNil, id)) {
    // icmp_send(), and __udp4_lib_err() of what it answers
    state_.inets[id].error = kECONNREFUSED;
    if (rules_(Rule::kUdpRefusedWakes, true, id)) Notify(state_.inets[id].queue, kErr);
    return;
  }
  const Id m = state_.messages.New();
  state_.messages[m].bytes = n;
  MessageList::PushBack(state_.messages, state_.inets[to].messages, m);
  if (rules_(Rule::kUdpArrivalWakes, true, to)) Notify(state_.inets[to].queue, kArrivalKey);
}

void Model::UdpRead(const File& file, Memory memory, int64_t n, Outcome* out) {
  if (rules_(Rule::kInetReadNothing, n == 0)) return out->Value(0);
  UdpRecv(file, memory, n, 0, out);
}

// udp_recvmsg()
void Model::UdpRecv(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out) {
  if ((flags & ~(kMsgDontwait | kMsgNosignal | kMsgPeek | kMsgTrunc | kMsgOob)) != 0) {
    return Unmodelled("recv: flags of other protocols", out);
  }
  Inet& s = state_.inets[file.object];
  const bool nonblock = (file.flags & kONonblock) != 0 || (flags & kMsgDontwait) != 0;
  const Errno error = TakeInetError(s);
  if (error != kOK) return out->Error(error);
  if (s.messages.size == 0) {
    WouldSleep(nonblock, out);
    // A socket that may not receive tells end of file to a sleeper only.
    if (out->kind == Outcome::kBlocked && rules_(Rule::kUdpBlockingEof, s.shut_rd, file.object)) out->Value(0);
    return;
  }
  const Id m = s.messages.head;
  const int64_t length = state_.messages[m].bytes, bytes = std::min(n, length);
  const bool peek = rules_(Rule::kUdpPeek, (flags & kMsgPeek) != 0, file.object);
  if (rules_(Rule::kMemoryFault, bytes > Copyable(memory, true))) {
    out->Error(kEFAULT);
  } else {
    out->Value(rules_(Rule::kUdpTrunc, (flags & kMsgTrunc) != 0) ? length : bytes);
  }
  if (!peek) DropDatagram(s);
}

// first_packet_length()
int64_t Model::UdpUnread(const File& file, Outcome*) {
  const Inet& s = state_.inets[file.object];
  int64_t bytes = 0;
  Id id = s.messages.head;
  for (uint32_t i = s.messages.size; i > 0 && id != kNil; --i, id = state_.messages[id].in_socket.next) {
    bytes += state_.messages[id].bytes;
    if (rules_(Rule::kUdpUnreadFirst, true, file.object)) break;
  }
  return bytes;
}

void Model::DropDatagram(Inet& s) {
  const Id m = s.messages.head;
  MessageList::Remove(state_.messages, s.messages, m);
  state_.messages[m] = Message();
  state_.messages.Free(m);
}

// inet_shutdown(): of a socket that is not connected, too, which is told so afterwards.
void Model::UdpShutdown(const File& file, int32_t how, Outcome* out) {
  Inet& s = state_.inets[file.object];
  out->Value(0);
  if (rules_(Rule::kUdpShutUnconnected, s.peer_address == 0, file.object)) out->Error(kENOTCONN);
  if (rules_(Rule::kUdpShutRd, how != kShutWr, file.object)) s.shut_rd = true;
  if (rules_(Rule::kUdpShutWr, how != kShutRd, file.object)) s.shut_wr = true;
  if (rules_(Rule::kUdpShutWakes, true, file.object)) Notify(s.queue, 0, kAll);
}

void Model::UdpRelease(const File& file) {
  Inet& s = state_.inets[file.object];
  while (s.messages.size > 0) DropDatagram(s);
  s = Inet();
  state_.inets.Free(file.object);
}

}  // namespace pollux
