// TCP over the loopback interface: connections (net/ipv4/tcp.c, tcp_input.c, af_inet.c, inet_connection_sock.c).
//
// Every segment is acknowledged before the next op, so of the states between two ops only these are left: closed,
// listening, established, and one of the two directions ended (CLOSE_WAIT, FIN_WAIT2). tcp_data.cc has what is sent and
// received.

#include <algorithm>

#include "model/model.h"

namespace pollux {

const Model::SocketOps Model::kTcpOps = {.send = &Model::TcpSend,
                                         .recv = &Model::TcpRecv,
                                         .shutdown = &Model::TcpShutdown,
                                         .bind = &Model::InetBind,
                                         .listen = &Model::TcpListen,
                                         .connect = &Model::TcpConnect,
                                         .accept = &Model::TcpAccept,
                                         .getsockopt = &Model::InetGetsockopt,
                                         .setsockopt = &Model::InetSetsockopt};

// tcp_set_state(TCP_CLOSE): a port that the kernel chose is given back.
void Model::TcpClosed(Inet& s) { s.state = TcpState::kClosed, s.address = 0; }

// tcp_done(), and what it means to the other side of the connection: there is none any more.
void Model::TcpDone(Id id) {
  Inet& s = state_.inets[id];
  TcpClosed(s);
  s.shut_rd = s.shut_wr = true, s.peer = kNil;
  if (s.dead) TcpFree(id);
}

void Model::TcpFree(Id id) {
  state_.inets[id] = Inet();
  state_.inets.Free(id);
}

// --- Listening ---------------------------------------------------------------------------------------------------

// inet_listen()
void Model::TcpListen(const File& file, int32_t backlog, Outcome* out) {
  constexpr uint32_t kSomaxconn = 4096;
  Inet& s = state_.inets[file.object];
  const bool state = s.state == TcpState::kClosed || s.state == TcpState::kListening;
  if (rules_(Rule::kTcpListenState, s.phase != TcpPhase::kUnconnected || !state, file.object)) {
    return out->Error(kEINVAL);
  }
  if (s.shut_rd || s.shut_wr) return Unmodelled("listen: a socket that was shut down before", out);
  if (s.address == 0) s.address = ++state_.inet_addresses;
  s.state = TcpState::kListening;
  s.backlog = std::min(static_cast<uint32_t>(backlog), kSomaxconn);
  out->Value(0);
}

// inet_csk_accept()
void Model::TcpAccept(const File& file, uint32_t flags, Outcome* out) {
  Inet& s = state_.inets[file.object];
  if (rules_(Rule::kTcpNotListening, s.state != TcpState::kListening, file.object)) return out->Error(kEINVAL);
  if (rules_(Rule::kTcpNonePending, s.pending.size == 0, file.object)) {
    return WouldSleep((file.flags & kONonblock) != 0, out);
  }
  const Id id = s.pending.head;
  InetList::Remove(state_.inets, s.pending, id);
  state_.inets[id].queued = false;
  state_.inets[id].phase = TcpPhase::kConnected;
  Open(NewFile(FileType::kTcp, kORdwr | (flags & kONonblock), id), (flags & kOCloexec) != 0, out);
}

// inet_csk_listen_stop(): who was not accepted is reset, in order.
void Model::TcpStopListening(Id id) {
  while (state_.inets[id].pending.size > 0) {
    const Id child = state_.inets[id].pending.head;
    InetList::Remove(state_.inets, state_.inets[id].pending, child);
    const Id peer = state_.inets[child].peer;
    if (rules_(Rule::kTcpStopResets, peer != kNil, child)) TcpReset(peer);
    TcpFree(child);
  }
}

// --- Connecting --------------------------------------------------------------------------------------------------

// __inet_stream_connect()
void Model::TcpConnect(const File& file, int32_t to, Outcome* out) {
  const Id id = file.object;
  Inet& s = state_.inets[id];
  if (to == -1) {
    if (!rules_(Rule::kTcpUnspec, true, id)) return out->Error(kEAFNOSUPPORT);
    TcpDisconnect(id);
    state_.inets[id].phase = TcpPhase::kUnconnected;
    return out->Value(0);
  }
  if (rules_(Rule::kInetNoAddress, OpsOf(FileAt(to)).socket == nullptr, id)) return out->Error(kEINVAL);
  const bool nonblock = (file.flags & kONonblock) != 0;
  const bool again = s.phase == TcpPhase::kConnecting;
  if (!again) {
    if (rules_(Rule::kTcpDisconnecting, s.phase == TcpPhase::kDisconnecting, id)) return out->Error(kEINVAL);
    const bool connected = s.phase != TcpPhase::kUnconnected || s.state != TcpState::kClosed;
    if (rules_(Rule::kTcpIsConnected, connected, id)) return out->Error(kEISCONN);
    if (const char* why = TcpUnreachable(id, to)) return Unmodelled(why, out);
    if (s.address == 0) s.address = ++state_.inet_addresses;
    TcpHandshake(id, InetAt(to));
    state_.inets[id].phase = TcpPhase::kConnecting;
    // The handshake is over when the call returns, but the socket was locked while it went on.
    if (rules_(Rule::kTcpInProgress, nonblock, id)) return out->Error(kEINPROGRESS);
  }
  Inet& now = state_.inets[id];
  if (rules_(Rule::kTcpConnectFailed, now.state == TcpState::kClosed, id)) {
    Errno error = TakeInetError(now);
    if (rules_(Rule::kTcpConnectAborted, error == kOK, id)) error = kECONNABORTED;
    TcpDisconnect(id);
    state_.inets[id].phase = TcpPhase::kUnconnected;
    return out->Error(error);
  }
  now.phase = TcpPhase::kConnected;
  out->Value(0);
}

// Why what a connect would do is not known, or not before a timer runs out; nullptr if it is.
const char* Model::TcpUnreachable(Id id, int32_t to) const {
  const Id other = InetAt(to);
  const Inet &s = state_.inets[id], &o = state_.inets[other];
  if (other == id) return "connect: to itself";
  if (o.address == 0) return "connect: to what has no INET address";
  if (o.stream && o.state != TcpState::kClosed && o.state != TcpState::kListening) {
    return "connect: to the address of a connection";
  }
  if (s.shut_rd || s.shut_wr) return "connect: a socket that was shut down before";
  if (o.state == TcpState::kListening && o.pending.size > o.backlog) return "connect: beyond the backlog";
  return nullptr;
}

// tcp_v4_connect() and what it sets off: refused, or the client learns of it first, then the listener.
void Model::TcpHandshake(Id id, Id to) {
  Inet& s = state_.inets[id];
  s.error = kOK, s.done = false;  // tcp_connect_init()
  s.received = s.copied = 0;
  if (rules_(Rule::kTcpRefused, state_.inets[to].state != TcpState::kListening, id)) {
    s.error = kECONNREFUSED;
    TcpDone(id);
    if (rules_(Rule::kTcpRefusedWakes, true, id)) {
      Notify(state_.inets[id].queue, 0, kAll);
      Notify(state_.inets[id].queue, kErr);
    }
    return;
  }
  const Id child = state_.inets.New();
  Inet& c = state_.inets[child];
  const Inet& listener = state_.inets[to];
  c.stream = true, c.state = TcpState::kEstablished, c.queued = true, c.peer = id;
  c.address = ++state_.inet_addresses;
  // sk_clone_lock(): options are inherited.
  if (rules_(Rule::kTcpInherits, true, to))
    c.lowat = listener.lowat, c.linger = listener.linger, c.nodelay = listener.nodelay;
  state_.inets[id].state = TcpState::kEstablished, state_.inets[id].peer = child;
  if (rules_(Rule::kTcpConnectWakes, true, id)) Notify(state_.inets[id].queue, 0, kAll);
  InetList::PushBack(state_.inets, state_.inets[to].pending, child);
  if (rules_(Rule::kTcpPendingWakes, true, to)) Notify(state_.inets[to].queue, kArrivalKey);
}

// --- Ending ------------------------------------------------------------------------------------------------------

// tcp_fin() on the other side, which has a notification for it. True if that side had ended before: then the connection
// is over for both (FIN_WAIT2 and LAST_ACK pass in no time).
bool Model::TcpFin(Id peer) {
  if (peer == kNil) return false;  // only where a rule is planted
  Inet& p = state_.inets[peer];
  const bool over = p.state == TcpState::kFinWait;
  const bool dead = p.dead;
  p.shut_rd = true, p.done = true;
  if (over) {
    TcpDone(peer);
  } else {
    p.state = TcpState::kCloseWait;
  }
  if (!dead && rules_(Rule::kTcpFinWakes, true, peer)) Notify(state_.inets[peer].queue, 0, kAll);
  return over;
}

// tcp_reset(): the state says with which error; then tcp_done_with_error().
void Model::TcpReset(Id id) {
  if (id == kNil) return;
  Inet& s = state_.inets[id];
  const bool dead = s.dead;
  s.error = rules_(Rule::kTcpResetPipe, s.state == TcpState::kCloseWait, id) ? kEPIPE : kECONNRESET;
  TcpDone(id);
  if (dead || !rules_(Rule::kTcpResetWakes, true, id)) return;
  Notify(state_.inets[id].queue, 0, kAll);
  Notify(state_.inets[id].queue, kErr);
}

// tcp_disconnect(): what connect(AF_UNSPEC) does, and shutdown of a listening socket.
void Model::TcpDisconnect(Id id) {
  Inet& s = state_.inets[id];
  const TcpState state = s.state;
  const Id peer = s.peer;
  if (state != TcpState::kClosed) TcpClosed(s);
  s.peer = kNil;
  if (state == TcpState::kListening) {
    TcpStopListening(id);
  } else if (rules_(Rule::kTcpDisconnectResets, state != TcpState::kClosed, id)) {
    TcpReset(peer);
    state_.inets[id].error = kECONNRESET;
  }
  Inet& now = state_.inets[id];
  now.received = now.copied = 0, now.urgent = Urgent::kNone;
  now.shut_rd = now.shut_wr = now.done = false;
  if (rules_(Rule::kTcpDisconnectWakes, true, id)) Notify(now.queue, kErr);
}

// inet_shutdown()
void Model::TcpShutdown(const File& file, int32_t how, Outcome* out) {
  const Id id = file.object;
  Inet& s = state_.inets[id];
  const bool rd = how != kShutWr, wr = how != kShutRd;
  out->Value(0);
  if (s.phase == TcpPhase::kConnecting) {
    s.phase = s.state == TcpState::kClosed ? TcpPhase::kDisconnecting : TcpPhase::kConnected;
  }
  if (s.state == TcpState::kListening) {
    if (rules_(Rule::kTcpShutListener, rd, id)) {
      TcpDisconnect(id);
      state_.inets[id].phase = TcpPhase::kUnconnected;
    }
  } else {
    if (rules_(Rule::kTcpShutUnconnected, s.state == TcpState::kClosed, id)) out->Error(kENOTCONN);
    if (rules_(Rule::kTcpShutRd, rd, id)) s.shut_rd = true;
    if (rules_(Rule::kTcpShutWr, wr, id)) {
      s.shut_wr = true;
      TcpEnd(id);
    }
  }
  // Also when nothing has changed; and a second time once the other side has acknowledged, which adds nothing.
  if (rules_(Rule::kTcpShutWakes, true, id)) Notify(state_.inets[id].queue, 0, kAll);
}

// tcp_close_state() and tcp_send_fin(): this side ends, if it has not yet.
void Model::TcpEnd(Id id) {
  Inet& s = state_.inets[id];
  const bool last = s.state == TcpState::kCloseWait;
  if (s.state != TcpState::kEstablished && !last) return;
  const Id peer = s.peer;
  if (!last) s.state = TcpState::kFinWait;
  const bool over = TcpFin(peer);
  if (rules_(Rule::kTcpOver, over, id)) TcpDone(id);
}

// __tcp_close()
void Model::TcpRelease(const File& file) {
  const Id id = file.object;
  Inet& s = state_.inets[id];
  s.shut_rd = s.shut_wr = true;
  if (s.state == TcpState::kListening) TcpStopListening(id);
  if (state_.inets[id].peer == kNil) return TcpFree(id);
  const Id peer = s.peer;
  if (rules_(Rule::kTcpCloseUnread, s.received > s.copied, id) || rules_(Rule::kTcpCloseLinger, s.linger == 0, id)) {
    TcpFree(id);
    return TcpReset(peer);
  }
  s.dead = true;  // the connection lives on without it
  TcpEnd(id);
}

}  // namespace pollux
