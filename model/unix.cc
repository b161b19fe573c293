// AF_UNIX sockets: stream, datagram and seqpacket (net/unix/af_unix.c, net/core/sock.c). Here: what they are, and their
// buffers. What they send and receive is in unix_io.cc, how they are connected in unix_connect.cc, out-of-band bytes in
// unix_oob.cc, descriptors that are passed in unix_rights.cc.
//
// A buffer is charged to the socket that sent it until the receiver has consumed all of it. Freeing it tells the
// sender about space: that is the edge behind most of EPOLLOUT here.

#include <algorithm>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

constexpr int64_t kPage = 4096;

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
  s.receive_buffer = facts_.unix_rcvbuf;
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

// unix_inq_len()
int64_t Model::UnixUnread(const File& file, Outcome* out) {
  const Socket& s = state_.sockets[file.object];
  if (s.had_oob) {
    out->Clear(), out->kind = Outcome::kSkipped, out->note = "FIONREAD: after an out-of-band byte";
    return 0;
  }
  if (s.state == SocketState::kListening) return -1;
  int64_t bytes = 0;
  Id id = s.messages.head;
  for (uint32_t i = s.messages.size; i > 0 && id != kNil; --i, id = state_.messages[id].in_socket.next) {
    bytes += state_.messages[id].bytes - state_.messages[id].consumed;
    if (rules_(Rule::kUnixUnreadFirst, s.type == kSockDgram, file.object)) break;
  }
  return bytes;
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

// --- Shutting down -----------------------------------------------------------------------------------------------

// unix_shutdown(): self first, then the peer; always, also when nothing changes (R4.5.3, R4.6.3).
void Model::UnixShutdown(const File& file, int32_t how, Outcome* out) {
  const Id id = file.object;
  out->Value(0);
  Socket& s = state_.sockets[id];
  const bool rd = how != kShutWr, wr = how != kShutRd;
  s.shut_rd |= rules_(Rule::kUnixShutRd, rd, id);
  s.shut_wr |= rules_(Rule::kUnixShutWr, wr, id);
  if (rules_(Rule::kUnixShutWakesSelf, true, id)) Notify(s.queue, 0, kAll);
  if (!rules_(Rule::kUnixShutReachesPeer, s.peer != kNil && s.type != kSockDgram, id)) return;
  Socket& peer = state_.sockets[s.peer];
  peer.shut_wr |= rd, peer.shut_rd |= wr;
  if (rules_(Rule::kUnixShutWakesPeer, true, id)) Notify(peer.queue, 0, kAll);
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
    if (rules_(Rule::kUnixReleaseWakesPeer, true, id)) Notify(p.queue, 0, kAll);
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
