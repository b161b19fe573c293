// What AF_UNIX sockets send and receive (net/unix/af_unix.c).

#include <algorithm>
#include <utility>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

constexpr int64_t kFragments = 32768;  // UNIX_SKB_FRAGS_SZ: paged bytes of a stream buffer

}  // namespace

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
      peer.had_oob = true;
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
  // Who sleeps has looked at that when it came.
  const bool nonblock = !Again() && ((file.flags & kONonblock) != 0 || (flags & kMsgDontwait) != 0);
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
      if (m == kNil && (copied > 0 || (t->n == 0 && Has(Quirk::kUnixOobEmptyRead)))) break;
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

}  // namespace pollux
