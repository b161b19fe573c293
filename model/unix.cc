// AF_UNIX socket pairs: stream, datagram and seqpacket (net/unix/af_unix.c, net/core/sock.c).
//
// A buffer is charged to the socket that sent it until the receiver has consumed all of it. Freeing it tells the
// sender about space: that is the edge behind most of EPOLLOUT here.

#include <algorithm>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

constexpr int64_t kPage = 4096;
constexpr int64_t kFragments = 32768;  // UNIX_SKB_FRAGS_SZ: paged bytes of a stream buffer
constexpr uint32_t kArrivalKey = kIn | kPri | kRdnorm | kRdband;
constexpr uint32_t kSpaceKey = kOut | kWrnorm | kWrband;

int64_t PageAlign(int64_t n) { return (n + kPage - 1) / kPage * kPage; }

}  // namespace

void Model::SocketPair(const Op& op, Outcome* out) {
  constexpr int32_t kSockRaw = 3;
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
  if (rules_(Rule::kUnixTypeRange, type > 10)) return out->Error(kEINVAL);
  if (type == kSockRaw) type = kSockDgram;
  if (rules_(Rule::kUnixType, type != kSockStream && type != kSockDgram && type != kSockSeqpacket)) {
    return out->Error(kESOCKTNOSUPPORT);
  }
  const bool cloexec = rules_(Rule::kFdCloexec, (flags & kOCloexec) != 0);
  Id socket[2];
  for (Id& s : socket) {
    s = state_.sockets.New();
    state_.sockets[s].type = type;
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

// unix_writable(), with `more` bytes still held.
bool Model::UnixWritable(const Socket& s, int64_t more) const {
  return 4 * (1 + s.charge + more) <= facts_.unix_sndbuf;
}

const Model::SocketOps Model::kUnixOps = {&Model::UnixSend, &Model::UnixRecv, &Model::UnixShutdown};

void Model::UnixWait(const File& file, Queues* queues) { (*queues)[0] = &state_.sockets[file.object].queue; }

uint32_t Model::UnixMask(const File& file) {
  const Socket& s = state_.sockets[file.object];
  uint32_t mask = 0;
  if (rules_(Rule::kUnixErr, s.error != kOK)) mask |= kErr;
  if (rules_(Rule::kUnixHup, s.shut_rd && s.shut_wr)) mask |= kHup;
  if (rules_(Rule::kUnixRdhup, s.shut_rd)) mask |= kIn | kRdnorm | kRdhup;
  if (rules_(Rule::kUnixIn, s.messages.size > 0)) mask |= kIn | kRdnorm;
  if (rules_(Rule::kUnixOut, UnixWritable(s))) mask |= kOut | kWrnorm | kWrband;
  return mask;
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
Id Model::QueueMessage(Id from, Id to, int64_t bytes) {
  const Id id = state_.messages.New();
  Message& m = state_.messages[id];
  Socket& sender = state_.sockets[from];
  m.bytes = bytes, m.sender = from, m.charge = Charge(sender, bytes);
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
  const Id id = file.object;
  if ((flags & ~(kMsgDontwait | kMsgNosignal)) != 0) {
    out->Clear(), out->kind = Outcome::kSkipped, out->note = "send: flags beyond DONTWAIT and NOSIGNAL";
    return;
  }
  const bool nonblock = (file.flags & kONonblock) != 0 || (flags & kMsgDontwait) != 0;
  if (state_.sockets[id].type == kSockStream) {
    StreamSend(id, memory, n, nonblock, out);
  } else {
    MessageSend(id, memory, n, nonblock, out);
  }
}

// unix_stream_sendmsg(): cut into buffers, each charged, queued and announced on its own.
void Model::StreamSend(Id id, Memory memory, int64_t n, bool nonblock, Outcome* out) {
  Socket& s = state_.sockets[id];
  const int64_t room = Copyable(memory, false);
  if (rules_(Rule::kUnixSendShut, s.shut_wr, id)) return out->Error(kEPIPE);
  int64_t sent = 0;
  Errno error = kOK;
  while (sent < n) {
    int64_t bytes = std::min(n - sent, facts_.unix_sndbuf / 2 - 64);
    bytes = std::min(bytes, facts_.unix_stream_linear + kFragments);
    // sock_alloc_send_pskb()
    error = TakeError(s);
    if (error != kOK) break;
    if (rules_(Rule::kUnixSendFull, s.charge >= facts_.unix_sndbuf, id)) {
      WouldSleep(nonblock, out);
      if (out->kind == Outcome::kBlocked) return;  // also with a part of it sent
      error = kEAGAIN;
      break;
    }
    const int64_t charge = Charge(s, bytes);
    if (rules_(Rule::kMemoryFault, sent + bytes > room)) {
      s.charge += charge;
      FreeBuffer(id, charge);
      error = kEFAULT;
      break;
    }
    const Id peer = s.peer;
    if (rules_(Rule::kUnixPeerShut, state_.sockets[peer].dead || state_.sockets[peer].shut_rd, peer)) {
      s.charge += charge;
      FreeBuffer(id, charge);
      error = kEPIPE;
      break;
    }
    QueueMessage(id, peer, bytes);
    sent += bytes;
  }
  if (sent > 0 || error == kOK) return out->Value(sent);
  out->Error(error);
}

// unix_dgram_sendmsg(), unix_seqpacket_sendmsg(): one message or none.
void Model::MessageSend(Id id, Memory memory, int64_t n, bool nonblock, Outcome* out) {
  Socket& s = state_.sockets[id];
  const bool seqpacket = s.type == kSockSeqpacket;
  if (seqpacket) {
    const Errno error = TakeError(s);
    if (error != kOK) return out->Error(error);
  }
  const Id peer = s.peer;
  const bool connected = !rules_(Rule::kUnixNotConnected, peer == kNil, id);
  if (!connected && Has(Quirk::kUnixPeerFirst)) return out->Error(kENOTCONN);
  if (rules_(Rule::kUnixTooLong, n > facts_.unix_sndbuf - 32, id)) return out->Error(kEMSGSIZE);
  const Errno error = TakeError(s);
  if (error != kOK) return out->Error(error);
  if (rules_(Rule::kUnixSendShut, s.shut_wr, id)) return out->Error(kEPIPE);
  if (rules_(Rule::kUnixSendFull, s.charge >= facts_.unix_sndbuf, id)) return WouldSleep(nonblock, out);
  const int64_t charge = Charge(s, n);
  const auto fail = [&](Errno why) {
    // The buffer was allocated; freeing it is an OUT edge on the sender itself (R4.4.8, R4.4.9).
    s.charge += charge;
    FreeBuffer(id, charge);
    out->Error(why);
  };
  if (rules_(Rule::kMemoryFault, n > Copyable(memory, false))) return fail(kEFAULT);
  if (!connected) return fail(kENOTCONN);
  if (rules_(Rule::kUnixPeerDead, state_.sockets[peer].dead, peer)) {
    if (seqpacket) return fail(kEPIPE);
    s.peer = kNil, s.connected = false;
    // unix_dgram_disconnected(): what the dead peer had sent is lost.
    if (rules_(Rule::kUnixDisconnectPurges, s.messages.size > 0, id)) {
      while (s.messages.size > 0) {
        const Id m = s.messages.head;
        MessageList::Remove(state_.messages, s.messages, m);
        FreeMessage(m);
      }
    }
    Unref(peer);
    return fail(kECONNREFUSED);
  }
  if (rules_(Rule::kUnixPeerShut, state_.sockets[peer].shut_rd, peer)) return fail(kEPIPE);
  QueueMessage(id, peer, n);
  out->Value(n);
}

// --- Receiving ---------------------------------------------------------------------------------------------------

void Model::UnixRecv(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out) {
  const Id id = file.object;
  if ((flags & ~(kMsgDontwait | kMsgPeek | kMsgTrunc | kMsgNosignal)) != 0) {
    out->Clear(), out->kind = Outcome::kSkipped, out->note = "recv: flags beyond DONTWAIT, PEEK and TRUNC";
    return;
  }
  const Socket& s = state_.sockets[id];
  const bool nonblock = (file.flags & kONonblock) != 0 || (flags & kMsgDontwait) != 0;
  if (s.type == kSockStream) {
    StreamRecv(id, memory, n, (flags & kMsgPeek) != 0, nonblock, out);
  } else {
    MessageRecv(id, memory, n, flags, nonblock, out);
  }
}

// unix_stream_read_generic()
void Model::StreamRecv(Id id, Memory memory, int64_t n, bool peek, bool nonblock, Outcome* out) {
  Socket& s = state_.sockets[id];
  const int64_t room = Copyable(memory, true);
  int64_t copied = 0;
  Id m = s.messages.head;
  do {
    if (m == kNil) {
      if (copied > 0) break;
      const Errno error = TakeError(s);
      if (error != kOK) return out->Error(error);
      if (rules_(Rule::kUnixEof, s.shut_rd, id)) return out->Value(0);
      return WouldSleep(nonblock, out);
    }
    Message& message = state_.messages[m];
    const int64_t bytes = std::min(message.bytes - message.consumed, n - copied);
    if (rules_(Rule::kMemoryFault, bytes > 0 && copied + bytes > room)) {
      if (copied == 0) return out->Error(kEFAULT);
      break;
    }
    copied += bytes;
    if (rules_(Rule::kUnixPeek, peek, id)) {
      m = message.in_socket.next;
      if (m == kNil) break;
    } else {
      message.consumed += bytes;
      if (!rules_(Rule::kUnixConsumed, message.consumed == message.bytes, id)) break;
      MessageList::Remove(state_.messages, s.messages, m);
      FreeMessage(m);
      m = s.messages.head;
    }
  } while (copied < n);
  out->Value(copied);
}

// __unix_dgram_recvmsg(): whole messages; what does not fit is lost.
void Model::MessageRecv(Id id, Memory memory, int64_t n, uint32_t flags, bool nonblock, Outcome* out) {
  Socket& s = state_.sockets[id];
  const Errno error = TakeError(s);
  if (error != kOK) return out->Error(error);
  if (s.messages.size == 0) {
    if (rules_(Rule::kUnixSeqpacketEof, s.type == kSockSeqpacket && s.shut_rd, id)) return out->Value(0);
    WouldSleep(nonblock, out);
    // A datagram socket that may not receive tells end of file to a sleeper only.
    if (out->kind == Outcome::kBlocked && rules_(Rule::kUnixBlockingEof, s.shut_rd, id)) out->Value(0);
    return;
  }
  const Id m = s.messages.head;
  const int64_t length = state_.messages[m].bytes;
  const int64_t bytes = std::min(n, length);
  const bool peek = rules_(Rule::kUnixPeek, (flags & kMsgPeek) != 0, id);
  if (!peek) MessageList::Remove(state_.messages, s.messages, m);
  if (rules_(Rule::kMemoryFault, bytes > Copyable(memory, true))) {
    out->Error(kEFAULT);
  } else {
    out->Value(rules_(Rule::kUnixTrunc, (flags & kMsgTrunc) != 0) ? length : bytes);
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
void Model::UnixRelease(const File& file) {
  const Id id = file.object;
  Socket& s = state_.sockets[id];
  s.dead = true, s.shut_rd = s.shut_wr = true, s.connected = false;
  const Id peer = s.peer;
  s.peer = kNil;
  if (rules_(Rule::kUnixReleaseReachesPeer, peer != kNil && s.type != kSockDgram, id)) {
    Socket& p = state_.sockets[peer];
    p.shut_rd = p.shut_wr = true;
    // An empty message at the head is taken for the placeholder that out-of-band data leaves behind.
    const Message& first = state_.messages[s.messages.head];
    const bool placeholder = s.messages.size > 0 && first.bytes == first.consumed && facts_.unix_oob;
    const bool skipped = !Has(Quirk::kUnixEmptyCounts) && rules_(Rule::kUnixResetSkipsEmpty, placeholder, id);
    if (rules_(Rule::kUnixReset, s.messages.size > (skipped ? 1u : 0u), id)) p.error = kECONNRESET;
    if (rules_(Rule::kUnixReleaseWakesPeer, true, id)) Notify(p.queue, 0);
  }
  while (s.messages.size > 0) {
    const Id m = s.messages.head;
    MessageList::Remove(state_.messages, s.messages, m);
    FreeMessage(m);
  }
  Unref(peer);
  Unref(id);
}

}  // namespace pollux
