// TCP over the loopback interface: readiness, data and urgent data (tcp_poll(), tcp_sendmsg(), tcp_recvmsg(),
// tcp_urg()).
//
// Data are counted, not kept: `received` and `copied` are sequence numbers. Buffers are sized by the system, so that no
// more is sent than always fits: a connected socket is writable.

#include <algorithm>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {

// tcp_epollin_ready()
bool Model::TcpReadable(const Inet& s, int64_t target) {
  const int64_t unread = s.received - s.copied;
  return unread > 0 && unread >= target;
}

uint32_t Model::TcpMask(const File& file) {
  const Id id = file.object;
  const Inet& s = state_.inets[id];
  if (rules_(Rule::kTcpListening, s.state == TcpState::kListening, id)) {
    return rules_(Rule::kTcpPending, s.pending.size > 0, id) ? kIn | kRdnorm : 0;
  }
  uint32_t mask = 0;
  if (rules_(Rule::kTcpErr, s.error != kOK, id)) mask |= kErr;
  if (rules_(Rule::kTcpRdhup, s.shut_rd, id)) mask |= kIn | kRdnorm | kRdhup;
  if (rules_(Rule::kTcpHup, (s.shut_rd && s.shut_wr) || s.state == TcpState::kClosed, id)) mask |= kHup;
  // An urgent byte that is next does not count.
  const bool urgent = s.urgent != Urgent::kNone && s.urgent_at == s.copied;
  const int64_t target = s.lowat + (rules_(Rule::kTcpUrgentNotIn, urgent, id) ? 1 : 0);
  if (rules_(Rule::kTcpIn, TcpReadable(s, target), id)) mask |= kIn | kRdnorm;
  if (rules_(Rule::kTcpOut, true, id)) mask |= kOut | kWrnorm;
  if (rules_(Rule::kTcpPri, s.urgent == Urgent::kValid, id)) mask |= kPri;
  return mask;
}

// tcp_inq(): up to an urgent byte, read or not.
int64_t Model::TcpUnread(const File& file, Outcome*) {
  const Inet& s = state_.inets[file.object];
  if (s.state == TcpState::kListening) return -1;
  const bool stops = s.urgent != Urgent::kNone && s.urgent_at >= s.copied && s.urgent_at < s.received;
  return (rules_(Rule::kTcpUnreadUrgent, stops, file.object) ? s.urgent_at : s.received) - s.copied;
}

// --- Sending -----------------------------------------------------------------------------------------------------

void Model::TcpWrite(const File& file, Memory memory, int64_t n, uint64_t, Outcome* out) {
  TcpSend(file, memory, n, 0, out);
}

// tcp_sendmsg_locked()
void Model::TcpSend(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out) {
  constexpr int64_t kMostBytes = 4096;
  if ((flags & ~(kMsgDontwait | kMsgNosignal | kMsgOob)) != 0) return Unmodelled("send: flags of other protocols", out);
  const Id id = file.object;
  Inet& s = state_.inets[id];
  const Inet& p = state_.inets[s.peer];
  if (n + p.received - p.copied > kMostBytes) return Unmodelled("send: more than 4096 bytes in flight", out);
  const int64_t room = Copyable(memory, false);
  if (room > 0 && room < n) return Unmodelled("send: where a copy is cut depends on the allocator", out);
  const bool open = s.state == TcpState::kEstablished || s.state == TcpState::kCloseWait;
  if (rules_(Rule::kTcpSendBroken, !open, id)) {
    // sk_stream_wait_connect(), sk_stream_error()
    const Errno error = TakeInetError(s);
    return out->Error(error != kOK ? error : kEPIPE);
  }
  if (rules_(Rule::kMemoryFault, n > room)) return out->Error(kEFAULT);
  out->Value(n);
  if (n > 0) TcpArrive(id, s.peer, n, (flags & kMsgOob) != 0);
}

// What a segment does where it arrives: tcp_urg(), tcp_data_queue(); nobody may be there to take it.
void Model::TcpArrive(Id from, Id to, int64_t n, bool urgent) {
  if (to == kNil) return;  // only where a rule is planted
  Inet& p = state_.inets[to];
  if (rules_(Rule::kTcpOob, urgent, from)) {
    // tcp_check_urg(): an urgent byte that was next, and is not the last, is never read.
    const bool lost = p.urgent != Urgent::kNone && p.urgent_at == p.copied && p.copied != p.received;
    if (rules_(Rule::kTcpUrgentLost, lost, to)) ++p.copied;
    p.urgent = Urgent::kValid, p.urgent_at = p.received + n - 1;
  }
  // Urgent data are announced before they are queued, whatever the low-water mark.
  if (rules_(Rule::kTcpUrgentWakes, urgent, to)) Notify(p.queue, kArrivalKey);
  // Whoever was closed has shut both directions.
  if (rules_(Rule::kTcpDataAfterShut, p.state == TcpState::kFinWait && p.shut_rd, to)) {
    TcpReset(to);
    return TcpReset(from);
  }
  p.received += n;
  if (rules_(Rule::kTcpArrivalWakes, TcpReadable(p, p.lowat), to)) Notify(p.queue, kArrivalKey);
}

// --- Receiving ---------------------------------------------------------------------------------------------------

void Model::TcpRead(const File& file, Memory memory, int64_t n, Outcome* out) {
  if (rules_(Rule::kInetReadNothing, n == 0)) return out->Value(0);
  TcpRecv(file, memory, n, 0, out);
}

// tcp_recv_urg()
void Model::TcpRecvUrgent(Inet& s, Memory memory, int64_t n, uint32_t flags, Outcome* out) {
  if (rules_(Rule::kTcpNoUrgent, s.urgent != Urgent::kValid)) return out->Error(kEINVAL);
  if (rules_(Rule::kTcpNotConnected, s.state == TcpState::kClosed && !s.done)) return out->Error(kENOTCONN);
  if (rules_(Rule::kTcpUrgentTaken, (flags & kMsgPeek) == 0)) s.urgent = Urgent::kRead;
  const bool copies = n > 0 && (flags & kMsgTrunc) == 0;
  if (rules_(Rule::kMemoryFault, copies && Copyable(memory, true) < 1)) return out->Error(kEFAULT);
  out->Value(n > 0 ? 1 : 0);
}

// tcp_recvmsg_locked()
void Model::TcpRecv(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out) {
  if ((flags & ~(kMsgDontwait | kMsgNosignal | kMsgPeek | kMsgTrunc | kMsgOob)) != 0) {
    return Unmodelled("recv: flags of other protocols", out);
  }
  const Id id = file.object;
  Inet& s = state_.inets[id];
  const bool peek = (flags & kMsgPeek) != 0, truncate = (flags & kMsgTrunc) != 0;
  const int64_t room = truncate ? INT64_MAX : Copyable(memory, true);
  if (room > 0 && room < std::min(n, s.received - s.copied)) {
    return Unmodelled("recv: where a copy is cut depends on the allocator", out);
  }
  if (rules_(Rule::kTcpRecvListening, s.state == TcpState::kListening, id)) return out->Error(kENOTCONN);
  if (rules_(Rule::kTcpRecvOob, (flags & kMsgOob) != 0, id)) return TcpRecvUrgent(s, memory, n, flags, out);
  const bool nonblock = (file.flags & kONonblock) != 0 || (flags & kMsgDontwait) != 0;
  int64_t copied = 0, at = s.copied;
  do {
    const bool urgent = s.urgent != Urgent::kNone;
    if (rules_(Rule::kTcpUrgentStops, urgent && s.urgent_at == at && copied > 0, id)) break;
    int64_t bytes = std::min(n - copied, s.received - at);
    if (s.received == at) {
      const bool enough = copied >= std::max<int64_t>(std::min<int64_t>(s.lowat, n), 1);
      if (copied > 0) {
        if (enough || nonblock || s.shut_rd || s.state == TcpState::kClosed) break;
      } else {
        if (rules_(Rule::kTcpEof, s.done, id)) break;
        const Errno error = TakeInetError(s);
        if (error != kOK) return out->Error(error);
        if (rules_(Rule::kTcpShutEof, s.shut_rd, id)) break;
        if (rules_(Rule::kTcpNotConnected, s.state == TcpState::kClosed, id)) return out->Error(kENOTCONN);
      }
      return WouldSleep(nonblock, out);
    }
    const bool next = urgent && s.urgent_at == at && bytes > 0;
    if (rules_(Rule::kTcpUrgentSkipped, next, id)) {
      ++at, --bytes;
    } else if (urgent && s.urgent_at > at) {
      bytes = std::min(bytes, s.urgent_at - at);
    }
    if (rules_(Rule::kMemoryFault, bytes > 0 && room == 0)) {
      if (!peek) s.copied = at;
      return out->Error(kEFAULT);
    }
    at += bytes, copied += bytes;
    if (!peek) s.copied = at;
    if (urgent && s.copied > s.urgent_at) s.urgent = Urgent::kNone;
  } while (copied < n);
  out->Value(copied);
}

}  // namespace pollux
