// How AF_UNIX sockets are bound and connected: listeners and those who wait to be accepted, datagram sockets and those
// who wait for room at their peer (net/unix/af_unix.c).

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {}  // namespace

void Model::UnixCreate(int32_t type, uint32_t flags, Outcome* out) {
  if (!UnixType(&type, out)) return;
  const Id id = NewSocket(type);
  Open(NewFile(FileType::kUnix, kORdwr | (flags & kONonblock), id), (flags & kOCloexec) != 0, out);
}

// unix_autobind()
void Model::UnixBind(const File& file, Outcome* out) {
  Socket& s = state_.sockets[file.object];
  out->Value(0);
  if (rules_(Rule::kUnixBound, s.address != 0, file.object)) return;
  s.address = ++state_.addresses;
  s.named = true;
}

void Model::UnixListen(const File& file, int32_t backlog, Outcome* out) {
  const Id id = file.object;
  Socket& s = state_.sockets[id];
  if (rules_(Rule::kListenType, s.type == kSockDgram, id)) return out->Error(kEOPNOTSUPP);
  if (rules_(Rule::kListenUnbound, s.address == 0, id)) return out->Error(kEINVAL);
  if (rules_(Rule::kListenConnected, s.state == SocketState::kConnected, id)) return out->Error(kEINVAL);
  // __sys_listen(): compared as unsigned.
  s.backlog = backlog < 0 || backlog > facts_.somaxconn ? facts_.somaxconn : backlog;
  s.state = SocketState::kListening;
  out->Value(0);
}

// The address of the socket that a number names; 0 if it has none.
uint32_t Model::UnixAddress(int32_t fd) const {
  const File& f = state_.files[FileAt(fd)];
  return f.type == FileType::kUnix ? state_.sockets[f.object].address : 0;
}

// unix_find_abstract(): names of different types are different names.
Id Model::FindNamed(uint32_t address, int32_t type) const {
  for (Id id = 1; id < state_.sockets.size(); ++id) {
    const Socket& s = state_.sockets[id];
    if (s.named && !s.dead && s.address == address && s.type == type) return id;
  }
  return kNil;
}

void Model::UnixConnect(const File& file, int32_t to, Outcome* out) {
  const Id id = file.object;
  const int32_t type = state_.sockets[id].type;
  constexpr int32_t kUnspecified = -1;
  if (type == kSockDgram && rules_(Rule::kUnixDissolve, to == kUnspecified, id)) {
    SetPeer(id, kNil);
    return out->Value(0);
  }
  const uint32_t address = UnixAddress(to);
  if (rules_(Rule::kConnectAddress, address == 0, id)) return out->Error(kEINVAL);
  const Id other = FindNamed(address, type);
  if (rules_(Rule::kConnectNobody, other == kNil, id)) return out->Error(kECONNREFUSED);
  if (other == kNil) return out->Value(0);  // only where the rule is planted
  type == kSockDgram ? DgramConnect(id, other, out) : StreamConnect(file, other, out);
}

// --- Streams and seqpackets ----------------------------------------------------------------------------------------

// unix_stream_connect(): makes the other end, which the listener's queue holds until it is accepted. The listener alone
// is notified (R4.5.6).
void Model::StreamConnect(const File& file, Id to, Outcome* out) {
  const Id id = file.object;
  const bool listening = state_.sockets[to].state == SocketState::kListening;
  if (rules_(Rule::kConnectNotListening, !listening, to)) return out->Error(kECONNREFUSED);
  if (rules_(Rule::kConnectShut, state_.sockets[to].shut_rd, to)) return out->Error(kECONNREFUSED);
  if (rules_(Rule::kConnectFull, UnixFull(to), to)) return WouldSleep((file.flags & kONonblock) != 0, out);
  const SocketState state = state_.sockets[id].state;
  if (rules_(Rule::kConnectTwice, state != SocketState::kUnconnected, id)) {
    return out->Error(state == SocketState::kConnected ? kEISCONN : kEINVAL);
  }
  out->Value(0);
  if (!listening || state != SocketState::kUnconnected) return;  // only where a rule is planted
  const Id embryo = NewSocket(state_.sockets[id].type), connection = state_.messages.New();
  Socket &s = state_.sockets[id], &e = state_.sockets[embryo], &l = state_.sockets[to];
  e.state = s.state = SocketState::kConnected;
  e.peer = id, ++s.refs;
  s.peer = embryo, ++e.refs;
  e.address = l.address, e.listener = to;
  Message& m = state_.messages[connection];
  m.sender = embryo, ++e.refs;
  MessageList::PushBack(state_.messages, l.messages, connection);
  if (rules_(Rule::kConnectWakesListener, true, to)) Notify(l.queue, kArrivalKey);
}

void Model::UnixAccept(const File& file, uint32_t flags, Outcome* out) {
  const Id id = file.object;
  const Socket& s = state_.sockets[id];
  if (rules_(Rule::kAcceptType, s.type == kSockDgram, id)) return out->Error(kEOPNOTSUPP);
  const bool listening = s.state == SocketState::kListening;
  if (rules_(Rule::kAcceptNotListening, !listening, id)) return out->Error(kEINVAL);
  if (!listening) return out->Value(0);  // only where a rule is planted
  if (s.messages.size == 0) {
    WouldSleep((file.flags & kONonblock) != 0, out);  // the flags are the new description's alone
    // A listener that may not receive refuses a sleeper only.
    if (out->kind == Outcome::kBlocked && rules_(Rule::kAcceptShut, s.shut_rd, id)) out->Error(kEINVAL);
    return;
  }
  const Id connection = s.messages.head, accepted = state_.messages[connection].sender;
  MessageList::Remove(state_.messages, state_.sockets[id].messages, connection);
  FreeMessage(connection);
  state_.sockets[accepted].listener = kNil;
  Open(NewFile(FileType::kUnix, kORdwr | (flags & kONonblock), accepted), (flags & kOCloexec) != 0, out);
}

// --- Datagrams -----------------------------------------------------------------------------------------------------

// unix_may_send(): one that is connected hears its peer alone.
bool Model::MaySend(Id from, Id to) const {
  const Id peer = state_.sockets[to].peer;
  return peer == kNil || peer == from;
}

void Model::DgramConnect(Id id, Id to, Outcome* out) {
  if (rules_(Rule::kUnixMaySend, !MaySend(id, to), id)) return out->Error(kEPERM);
  state_.sockets[id].state = state_.sockets[to].state = SocketState::kConnected;
  SetPeer(id, to);
  out->Value(0);
}

// The end of unix_dgram_connect(): a socket that had a peer hears that it can write (R4.6.5).
void Model::SetPeer(Id id, Id peer) {
  Socket& s = state_.sockets[id];
  const Id old = s.peer;
  if (peer != kNil) ++state_.sockets[peer].refs;
  s.peer = peer;
  if (old == kNil) return;
  StopWaiting(id, old);
  if (rules_(Rule::kUnixReconnectWakes, true, id)) Notify(s.queue, kSpaceKey);
  if (peer != old) Disconnected(id, old);
  Unref(old);
}

// The peer of a datagram socket is closed: unix_dgram_sendmsg() finds out.
void Model::DropPeer(Id id) { SetPeer(id, kNil); }

// unix_dgram_disconnected(): what was not read is lost, and who sent it in a mutual connection is told.
void Model::Disconnected(Id id, Id from) {
  Socket &s = state_.sockets[id], &other = state_.sockets[from];
  if (!rules_(Rule::kUnixDisconnectPurges, s.messages.size > 0, id)) return;
  while (s.messages.size > 0) {
    const Id m = s.messages.head;
    MessageList::Remove(state_.messages, s.messages, m);
    FreeMessage(m);
  }
  if (s.waiting.size > 0 && rules_(Rule::kUnixPurgeRelays, true, id)) WakeWaiting(id, 0);
  if (rules_(Rule::kUnixPurgeResets, !other.dead && other.peer == id, from)) {
    other.error = kECONNRESET;
    Notify(other.queue, kErr);
  }
}

// unix_dgram_peer_wake_me(): from now on the peer tells when it has read. False if there is room by now.
bool Model::WaitForPeer(Id id) {
  Socket& s = state_.sockets[id];
  Socket& peer = state_.sockets[s.peer];
  if (!UnixFull(s.peer) || peer.dead) return false;
  if (s.waits_for == kNil) {
    s.waits_for = s.peer;
    WaitingList::PushFront(state_.sockets, peer.waiting, id);
  }
  return true;
}

void Model::StopWaiting(Id id, Id peer) {
  Socket& s = state_.sockets[id];
  if (peer == kNil || s.waits_for != peer) return;
  WaitingList::Remove(state_.sockets, state_.sockets[peer].waiting, id);
  s.waits_for = kNil;
}

// unix_dgram_peer_wake_relay(): whoever waits is told once, and must ask again.
void Model::WakeWaiting(Id id, uint32_t key) {
  List& waiting = state_.sockets[id].waiting;
  while (waiting.size > 0) {
    const Id sender = waiting.head;
    WaitingList::Remove(state_.sockets, waiting, sender);
    state_.sockets[sender].waits_for = kNil;
    Notify(state_.sockets[sender].queue, key);
  }
}

}  // namespace pollux
