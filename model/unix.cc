// AF_UNIX sockets: stream, datagram and seqpacket (net/unix/af_unix.c, net/core/sock.c). How they are connected is in
// unix_connect.cc, out-of-band bytes in unix_oob.cc, descriptors that are passed in unix_rights.cc.
//
// A buffer is charged to the socket that sent it until the receiver has consumed all of it. Freeing it tells the
// sender about space: that is the edge behind most of EPOLLOUT here.

#include <algorithm>
#include <utility>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

constexpr int64_t kPage = 4096;
constexpr int64_t kFragments = 32768;  // UNIX_SKB_FRAGS_SZ: paged bytes of a stream buffer

int64_t PageAlign(int64_t n) { return (n + kPage - 1) / kPage * kPage; }

}  // namespace

void Model::SocketPair(const Op& op, Outcome* out) {
  constexpr uint32_t kTypeMask = 0xf;  // SOCK_TYPE_MASK: type and flags are one argument of the system call
  const uint32_t word = op.u32(0) | op.u32(1), flags = word & ~kTypeMask;
  if (rules_(Rule::kUnixFlags, (flags & ~(kOCloexec | kONonblock)) != 0)) return out->Error(kEINVAL);
  const int32_t first = LowestFree(0);
  if (first < 0) return out->Error(kEMFILE);
  // Both numbers are reserved before the type is looked at.
  Install(first, NewFile(FileType::kNull, kORdwr, kNil), false);
  const int32_t second = LowestFree(0);
  Uninstall(first);
  ReleaseFiles();
  if (second < 0) return out->Error(kEMFILE);
  int32_t type = static_cast<int32_t>(word & kTypeMask);
  if (!UnixType(&type, out)) return;
  const bool cloexec = rules_(Rule::kFdCloexec, (flags & kOCloexec) != 0);
  Id socket[2];
  for (Id& s : socket) {
    s = NewSocket(type);
    state_.sockets[s].state = SocketState::kConnected;
    state_.sockets[s].refs = 2;  // its file, its peer
  }
  out->Clear(), out->nvalues = 2;
  for (int i = 0; i < 2; ++i) {
    state_.sockets[socket[i]].peer = socket[1 - i];
    const int32_t fd = LowestFree(0);
    Install(fd, NewFile(FileType::kUnix, kORdwr | (flags & kONonblock), socket[i]), cloexec);
    out->value[i] = fd;
  }
}

// __sock_create(), unix_create(): false, and the error, if there is no such type of socket.
bool Model::UnixType(int32_t* type, Outcome* out) {
  constexpr int32_t kSockRaw = 3;
  if (rules_(Rule::kUnixTypeRange, *type > 10)) return out->Error(kEINVAL), false;
  if (*type == kSockRaw) *type = kSockDgram;
  if (rules_(Rule::kUnixType, *type != kSockStream && *type != kSockDgram && *type != kSockSeqpacket)) {
    return out->Error(kESOCKTNOSUPPORT), false;
  }
  return true;
}

Id Model::NewSocket(int32_t type) {
  const Id id = state_.sockets.New();
  Socket& s = state_.sockets[id];
  s.type = type, s.refs = 1;
  s.backlog = facts_.unix_dgram_qlen, s.send_buffer = facts_.unix_sndbuf;
  return id;
}

// unix_writable(), with `more` bytes still held.
bool Model::UnixWritable(const Socket& s, int64_t more) const {
  return s.state != SocketState::kListening && 4 * (1 + s.charge + more) <= s.send_buffer;
}

// unix_recvq_full()
bool Model::UnixFull(Id socket) const {
  const Socket& s = state_.sockets[socket];
  return s.messages.size > s.backlog;
}

const Model::SocketOps Model::kUnixOps = {.send = &Model::UnixSend,
                                          .recv = &Model::UnixRecv,
                                          .shutdown = &Model::UnixShutdown,
                                          .bind = &Model::UnixBind,
                                          .listen = &Model::UnixListen,
                                          .connect = &Model::UnixConnect,
                                          .accept = &Model::UnixAccept,
                                          .getsockopt = &Model::UnixGetsockopt,
                                          .setsockopt = &Model::UnixSetsockopt,
                                          .sendfd = &Model::UnixSendfd,
                                          .recvfd = &Model::UnixRecvfd};

void Model::UnixWait(const File& file, Queues* queues) { (*queues)[0] = &state_.sockets[file.object].queue; }

uint32_t Model::UnixMask(const File& file) {
  const Socket& s = state_.sockets[file.object];
  uint32_t mask = 0;
  if (rules_(Rule::kUnixErr, s.error != kOK)) mask |= kErr;
  if (rules_(Rule::kUnixHup, s.shut_rd && s.shut_wr)) mask |= kHup;
  if (rules_(Rule::kUnixRdhup, s.shut_rd)) mask |= kIn | kRdnorm | kRdhup;
  if (rules_(Rule::kUnixIn, s.messages.size > 0)) mask |= kIn | kRdnorm;
  if (rules_(Rule::kUnixPri, s.oob != kNil)) mask |= kPri;
  const bool unconnected = s.type != kSockDgram && s.state == SocketState::kUnconnected;
  if (rules_(Rule::kUnixUnconnected, unconnected, file.object)) mask |= kHup;
  return mask;
}

// The end of unix_poll() and unix_dgram_poll(). A sender that finds its peer's queue full waits there from now on.
uint32_t Model::UnixWriteMask(const File& file) {
  const Id id = file.object;
  const Socket& s = state_.sockets[id];
  if (rules_(Rule::kUnixListening, s.state == SocketState::kListening, id)) return 0;
  if (!rules_(Rule::kUnixOut, 4 * (1 + s.charge) <= s.send_buffer)) return 0;
  if (WouldWait(id) && rules_(Rule::kUnixPeerFull, true, id) && WaitForPeer(id)) return 0;
  return kOut | kWrnorm | kWrband;
}

// Is the peer one that is not connected back, and has a full queue? Then what is sent to it is limited.
bool Model::WouldWait(Id id) {
  const Socket& s = state_.sockets[id];
  const bool one_way = s.type == kSockDgram && s.peer != kNil && state_.sockets[s.peer].peer != id;
  return rules_(Rule::kUnixOneWay, one_way, id) && UnixFull(s.peer);
}

// What a buffer of so many bytes is charged (skb->truesize): a step by the size of its linear part, and whole pages.
int64_t Model::Charge(const Socket& s, int64_t bytes) const {
  const auto& steps = facts_.unix_charge;
  int64_t paged = 0;
  if (s.type == kSockStream) {
    if (bytes > facts_.unix_stream_linear) paged = std::min(bytes, PageAlign(bytes - facts_.unix_stream_linear));
  } else if (bytes > facts_.unix_message_linear) {
    paged = PageAlign(std::min(bytes - facts_.unix_message_linear, facts_.unix_message_paged));
  }
  const int64_t linear = bytes - paged;
  for (const Facts::Step& step : steps) {
    if (linear <= step.bytes) return step.charge + PageAlign(paged);
  }
  return steps.back().charge + PageAlign(paged);
}

// Queues a buffer and tells the receiver (sk_data_ready).
Id Model::QueueMessage(Id from, Id to, int64_t bytes, Id file) {
  const Id id = state_.messages.New();
  Message& m = state_.messages[id];
  Socket& sender = state_.sockets[from];
  m.bytes = bytes, m.sender = from, m.charge = Charge(sender, bytes), m.file = file;
  if (file != kNil) ++state_.files[file].refs, ++state_.in_flight;
  sender.charge += m.charge, ++sender.refs;
  Socket& receiver = state_.sockets[to];
  MessageList::PushBack(state_.messages, receiver.messages, id);
  if (rules_(Rule::kUnixArrivalWakes, true, to)) Notify(receiver.queue, kArrivalKey);
  return id;
}

// sock_wfree(): the charge goes back; the sender hears of it if that leaves it writable. One byte of the charge is
// held back until the watchers were told.
void Model::FreeBuffer(Id sender, int64_t charge) {
  Socket& s = state_.sockets[sender];
  s.charge -= charge;
  if (rules_(Rule::kUnixSpaceWakes, UnixWritable(s, 1), sender)) Notify(s.queue, kSpaceKey);
}

void Model::FreeMessage(Id message) {
  const Message m = state_.messages[message];
  if (m.file != kNil) --state_.in_flight, DropReference(m.file);
  state_.messages[message] = Message();
  state_.messages.Free(message);
  FreeBuffer(m.sender, m.charge);
  Unref(m.sender);
}

void Model::Unref(Id socket) {
  if (socket == kNil || --state_.sockets[socket].refs > 0) return;
  state_.sockets[socket] = Socket();
  state_.sockets.Free(socket);
}

// sock_error(): reading the error clears it.
Errno Model::TakeError(Socket& s) {
  const Errno error = s.error;
  if (rules_(Rule::kUnixErrorTaken, error != kOK)) s.error = kOK;
  return error;
}

// --- Sending -----------------------------------------------------------------------------------------------------

void Model::UnixRead(const File& file, Memory memory, int64_t n, Outcome* out) {
  // sock_read_iter(): an empty read does not reach the socket.
  if (rules_(Rule::kUnixReadNothing, n == 0)) return out->Value(0);
  UnixRecv(file, memory, n, 0, out);
}

void Model::UnixWrite(const File& file, Memory memory, int64_t n, uint64_t, Outcome* out) {
  UnixSend(file, memory, n, 0, out);
}

void Model::UnixSend(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out) {
  if ((flags & ~(kMsgDontwait | kMsgNosignal | kMsgOob)) != 0) {
    out->Clear(), out->kind = Outcome::kSkipped, out->note = "send: flags beyond DONTWAIT, NOSIGNAL and OOB";
    return;
  }
  if ((flags & kMsgOob) != 0 && Has(Quirk::kUnixOobEarly)) {
    out->Clear(), out->kind = Outcome::kSkipped, out->note = "no model of out-of-band data before 6.12";
    return;
  }
  const bool nonblock = (file.flags & kONonblock) != 0 || (flags & kMsgDontwait) != 0;
  const Transfer t = {memory, n, flags, nonblock};
  if (state_.sockets[file.object].type == kSockStream) {
    StreamSend(file.object, t, out);
  } else {
    MessageSend(file.object, t, out);
  }
}

// unix_stream_sendmsg(): cut into buffers, each charged, queued and announced on its own.
void Model::StreamSend(Id id, const Transfer& t, Outcome* out) {
  Socket& s = state_.sockets[id];
  const bool oob = (t.flags & kMsgOob) != 0;
  if (rules_(Rule::kUnixOobSend, oob && (t.n == 0 || !HasOob()), id)) return out->Error(kEOPNOTSUPP);
  const int64_t n = oob && t.n > 0 ? t.n - 1 : t.n, room = Copyable(t.memory, false);
  if (rules_(Rule::kUnixNotConnected, s.peer == kNil, id)) return out->Error(kENOTCONN);
  if (s.peer == kNil) return out->Value(0);  // only where the rule is planted
  if (rules_(Rule::kUnixSendShut, s.shut_wr, id)) return out->Error(kEPIPE);
  int64_t sent = 0;
  Errno error = kOK;
  while (sent < n) {
    int64_t bytes = std::min(n - sent, s.send_buffer / 2 - 64);
    bytes = std::min(bytes, facts_.unix_stream_linear + kFragments);
    error = SendBuffer(id, bytes, sent + bytes > room, sent == 0 ? t.file : kNil);
    if (error == kOK) {
      sent += bytes;
      continue;
    }
    break;
  }
  if (error == kOK && oob) {
    error = SendBuffer(id, 1, sent + 1 > room, kNil);
    if (error == kOK) {
      ++sent;
      Socket& peer = state_.sockets[s.peer];
      if (rules_(Rule::kUnixOobSent, true, id)) peer.oob = peer.messages.tail;
    }
  }
  if (error == kEAGAIN) {
    WouldSleep(t.nonblock, out);
    if (out->kind == Outcome::kBlocked) return;  // also with a part of it sent
  }
  if (sent > 0 || error == kOK) return out->Value(sent);
  out->Error(error);
}

// One buffer on its way: sock_alloc_send_pskb(), copied from memory that may fault, queued.
Errno Model::SendBuffer(Id id, int64_t bytes, bool faults, Id file) {
  Socket& s = state_.sockets[id];
  const Errno error = TakeError(s);
  if (error != kOK) return error;
  if (rules_(Rule::kUnixSendFull, s.charge >= s.send_buffer, id)) return kEAGAIN;
  const int64_t charge = Charge(s, bytes);
  const Id peer = s.peer;
  const auto fail = [&](Errno why) {
    s.charge += charge;
    FreeBuffer(id, charge);
    return why;
  };
  if (rules_(Rule::kMemoryFault, faults)) return fail(kEFAULT);
  if (rules_(Rule::kUnixPeerShut, state_.sockets[peer].dead || state_.sockets[peer].shut_rd, peer)) return fail(kEPIPE);
  QueueMessage(id, peer, bytes, file);
  return kOK;
}

// unix_dgram_sendmsg(), unix_seqpacket_sendmsg(): one message or none.
void Model::MessageSend(Id id, const Transfer& t, Outcome* out) {
  Socket& s = state_.sockets[id];
  const bool seqpacket = s.type == kSockSeqpacket;
  if (seqpacket) {
    const Errno error = TakeError(s);
    if (error != kOK) return out->Error(error);
    if (rules_(Rule::kUnixNotConnected, s.state != SocketState::kConnected, id)) return out->Error(kENOTCONN);
    if (s.peer == kNil) return out->Value(0);  // only where the rule is planted
  }
  if (rules_(Rule::kUnixOobType, (t.flags & kMsgOob) != 0, id)) return out->Error(kEOPNOTSUPP);
  const Id peer = s.peer;
  const bool connected = seqpacket || !rules_(Rule::kUnixNotConnected, peer == kNil, id);
  if (!connected && Has(Quirk::kUnixPeerFirst)) return out->Error(kENOTCONN);
  if (rules_(Rule::kUnixTooLong, t.n > s.send_buffer - 32, id)) return out->Error(kEMSGSIZE);
  const Errno error = TakeError(s);
  if (error != kOK) return out->Error(error);
  if (rules_(Rule::kUnixSendShut, s.shut_wr, id)) return out->Error(kEPIPE);
  if (rules_(Rule::kUnixSendFull, s.charge >= s.send_buffer, id)) return WouldSleep(t.nonblock, out);
  const int64_t charge = Charge(s, t.n);
  const auto fail = [&](Errno why) {
    // The buffer was allocated; freeing it is an OUT edge on the sender itself (R4.4.8, R4.4.9).
    s.charge += charge;
    FreeBuffer(id, charge);
    out->Error(why);
  };
  if (rules_(Rule::kMemoryFault, t.n > Copyable(t.memory, false))) return fail(kEFAULT);
  if (!connected) return fail(kENOTCONN);
  if (rules_(Rule::kUnixMaySend, !MaySend(id, peer), id)) return fail(kEPERM);
  if (rules_(Rule::kUnixPeerDead, state_.sockets[peer].dead, peer)) {
    if (seqpacket) return fail(kEPIPE);
    DropPeer(id);
    return fail(kECONNREFUSED);
  }
  if (rules_(Rule::kUnixPeerShut, state_.sockets[peer].shut_rd, peer)) return fail(kEPIPE);
  if (rules_(Rule::kUnixSendWaits, WouldWait(id), id)) {
    if (t.nonblock) WaitForPeer(id);
    fail(kEAGAIN);
    return WouldSleep(t.nonblock, out);
  }
  QueueMessage(id, peer, t.n, t.file);
  out->Value(t.n);
}

// --- Receiving ---------------------------------------------------------------------------------------------------

void Model::UnixRecv(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out) {
  if ((flags & ~(kMsgDontwait | kMsgPeek | kMsgTrunc | kMsgNosignal | kMsgOob)) != 0) {
    out->Clear(), out->kind = Outcome::kSkipped, out->note = "recv: flags beyond DONTWAIT, PEEK, TRUNC and OOB";
    return;
  }
  const bool nonblock = (file.flags & kONonblock) != 0 || (flags & kMsgDontwait) != 0;
  Transfer t = {memory, n, flags, nonblock};
  if (state_.sockets[file.object].type == kSockStream) {
    StreamRecv(file.object, &t, out);
  } else {
    MessageRecv(file.object, &t, out);
  }
  // Without room for a descriptor, what came with the bytes is dropped.
  if (t.file != kNil) DropReference(t.file);
}

// What travels with a message stays with who reads the message.
Id Model::TakeFile(Id message, bool peek) {
  Message& m = state_.messages[message];
  if (peek || m.file == kNil) return kNil;
  --state_.in_flight;
  return std::exchange(m.file, kNil);
}

// unix_stream_read_generic()
void Model::StreamRecv(Id id, Transfer* t, Outcome* out) {
  Socket& s = state_.sockets[id];
  const bool peeks = (t->flags & kMsgPeek) != 0;
  if (rules_(Rule::kUnixRecvUnconnected, s.state != SocketState::kConnected, id)) return out->Error(kEINVAL);
  if (rules_(Rule::kUnixOobRecv, (t->flags & kMsgOob) != 0, id)) return StreamRecvOob(id, *t, out);
  const int64_t room = Copyable(t->memory, true);
  const int64_t target = std::max<int64_t>(std::min<int64_t>(s.receive_low, t->n), 1);
  int64_t copied = 0;
  Id m = s.messages.head;
  for (;;) {
    if (m != kNil) {
      m = AtOob(id, m, peeks, copied > 0);
      if (m == kNil && copied > 0) break;
    }
    // A placeholder that a peek comes by holds nothing.
    while (m != kNil && Length(m) == 0 && s.type == kSockStream) m = state_.messages[m].in_socket.next;
    if (m == kNil) {
      if (rules_(Rule::kUnixEnough, copied >= target, id)) break;
      const Errno error = TakeError(s);
      if (error != kOK) {
        if (copied == 0) return out->Error(error);
        break;
      }
      if (rules_(Rule::kUnixEof, s.shut_rd, id)) break;
      WouldSleep(t->nonblock, out);
      if (out->kind == Outcome::kBlocked || copied == 0) return;
      break;
    }
    Message& message = state_.messages[m];
    const int64_t bytes = std::min(message.bytes - message.consumed, t->n - copied);
    if (rules_(Rule::kMemoryFault, bytes > 0 && copied + bytes > room)) {
      if (copied == 0) return out->Error(kEFAULT);
      break;
    }
    copied += bytes;
    if (rules_(Rule::kUnixPeek, peeks, id)) {
      if (message.file != kNil) break;
      m = message.in_socket.next;
      if (m == kNil) break;
    } else {
      message.consumed += bytes;
      if (message.file != kNil) t->file = TakeFile(m, false);
      if (!rules_(Rule::kUnixConsumed, message.consumed == message.bytes, id)) break;
      MessageList::Remove(state_.messages, s.messages, m);
      if (m == s.oob) s.oob = kNil;  // only where a rule is planted
      FreeMessage(m);
      if (rules_(Rule::kRightsEndRead, t->file != kNil, id)) break;
      if (copied >= t->n) break;  // a peek goes on to the end
      m = s.messages.head;
    }
  }
  out->Value(copied);
}

// __unix_dgram_recvmsg(): whole messages; what does not fit is lost.
void Model::MessageRecv(Id id, Transfer* t, Outcome* out) {
  Socket& s = state_.sockets[id];
  const bool seqpacket = s.type == kSockSeqpacket;
  if (rules_(Rule::kUnixRecvUnconnected, seqpacket && s.state != SocketState::kConnected, id)) {
    return out->Error(kENOTCONN);
  }
  if (rules_(Rule::kUnixOobType, (t->flags & kMsgOob) != 0, id)) return out->Error(kEOPNOTSUPP);
  const Errno error = TakeError(s);
  if (error != kOK) return out->Error(error);
  if (s.messages.size == 0) {
    if (rules_(Rule::kUnixSeqpacketEof, seqpacket && s.shut_rd, id)) return out->Value(0);
    WouldSleep(t->nonblock, out);
    // A datagram socket that may not receive tells end of file to a sleeper only.
    if (out->kind == Outcome::kBlocked && rules_(Rule::kUnixBlockingEof, s.shut_rd, id)) out->Value(0);
    return;
  }
  const Id m = s.messages.head;
  const int64_t length = state_.messages[m].bytes;
  const int64_t bytes = std::min(t->n, length);
  const bool peek = rules_(Rule::kUnixPeek, (t->flags & kMsgPeek) != 0, id);
  if (!peek) MessageList::Remove(state_.messages, s.messages, m);
  if (s.waiting.size > 0 && rules_(Rule::kUnixRecvRelays, true, id)) WakeWaiting(id, kSpaceKey);
  if (rules_(Rule::kMemoryFault, bytes > Copyable(t->memory, true))) {
    out->Error(kEFAULT);
  } else {
    out->Value(rules_(Rule::kUnixTrunc, (t->flags & kMsgTrunc) != 0) ? length : bytes);
    t->file = TakeFile(m, peek);
  }
  if (!peek) FreeMessage(m);
}

// --- Shutting down -----------------------------------------------------------------------------------------------

// unix_shutdown(): self first, then the peer; always, also when nothing changes (R4.5.3, R4.6.3).
void Model::UnixShutdown(const File& file, int32_t how, Outcome* out) {
  const Id id = file.object;
  out->Value(0);
  Socket& s = state_.sockets[id];
  const bool rd = how != kShutWr, wr = how != kShutRd;
  s.shut_rd |= rules_(Rule::kUnixShutRd, rd, id);
  s.shut_wr |= rules_(Rule::kUnixShutWr, wr, id);
  if (rules_(Rule::kUnixShutWakesSelf, true, id)) Notify(s.queue, 0);
  if (!rules_(Rule::kUnixShutReachesPeer, s.peer != kNil && s.type != kSockDgram, id)) return;
  Socket& peer = state_.sockets[s.peer];
  peer.shut_wr |= rd, peer.shut_rd |= wr;
  if (rules_(Rule::kUnixShutWakesPeer, true, id)) Notify(peer.queue, 0);
}

// unix_release_sock()
void Model::ReleaseSocket(Id id, bool embryo) {
  Socket& s = state_.sockets[id];
  const SocketState state = s.state;
  s.dead = true, s.shut_rd = s.shut_wr = true, s.state = SocketState::kUnconnected;
  const Id peer = s.peer;
  s.peer = s.oob = kNil;
  if (s.waiting.size > 0 && rules_(Rule::kUnixReleaseRelays, true, id)) WakeWaiting(id, 0);
  if (rules_(Rule::kUnixReleaseReachesPeer, peer != kNil && s.type != kSockDgram, id)) {
    Socket& p = state_.sockets[peer];
    p.shut_rd = p.shut_wr = true;
    // An empty message at the head is the placeholder that an out-of-band byte leaves behind, or taken for one.
    const bool placeholder = s.messages.size > 0 && Length(s.messages.head) == 0 && facts_.unix_oob;
    const bool skipped = !Has(Quirk::kUnixEmptyCounts) && rules_(Rule::kUnixResetSkipsEmpty, placeholder, id);
    if (rules_(Rule::kUnixReset, embryo || s.messages.size > (skipped ? 1u : 0u), id)) p.error = kECONNRESET;
    if (rules_(Rule::kUnixReleaseWakesPeer, true, id)) Notify(p.queue, 0);
  }
  StopWaiting(id, peer);
  while (s.messages.size > 0) {
    const Id m = s.messages.head;
    MessageList::Remove(state_.messages, s.messages, m);
    if (state == SocketState::kListening && rules_(Rule::kUnixReleaseEmbryos, true, id)) {
      ReleaseSocket(state_.messages[m].sender, true);
    }
    FreeMessage(m);
  }
  Unref(peer);
  Unref(id);
}

}  // namespace pollux
