// Netlink sockets of NETLINK_ROUTE (net/netlink/af_netlink.c): what one sends to another, what the kernel answers.
//
// The kernel reads a request, and queues its answer, within the send. Buffers are charged to the receiver: where its
// buffer is full another socket's message finds no room, and an answer of the kernel is lost, which is an error of the
// receiver's. Without another interface than loopback a dump has two parts: one of data, and its end.

#include <algorithm>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

constexpr int64_t kHeader = 16, kRequest = 32;         // struct nlmsghdr; with a struct ifinfomsg
constexpr int64_t kAcknowledgement = 36, kError = 52;  // NLMSG_ERROR without and with the request
constexpr int64_t kEnd = 20;                           // NLMSG_DONE
constexpr int64_t kShown = 256;                        // of a part of a dump; it is longer
constexpr int64_t kSmallest = 128;                     // messages up to here are charged alike
constexpr int64_t kOverhead = 32;                      // of the send buffer

}  // namespace

const Model::SocketOps Model::kNetlinkOps = {.send = &Model::NetlinkSend,
                                             .recv = &Model::NetlinkRecv,
                                             .shutdown = &Model::NetlinkShutdown,
                                             .bind = &Model::NetlinkBind,
                                             .listen = &Model::NetlinkListen,
                                             .connect = &Model::NetlinkConnect,
                                             .accept = &Model::NetlinkAccept,
                                             .getsockopt = &Model::NetlinkGetsockopt,
                                             .setsockopt = &Model::NetlinkSetsockopt};

void Model::NetlinkCreate(int32_t type, uint32_t flags, Outcome* out) {
  if (rules_(Rule::kUnixTypeRange, type > 10)) return out->Error(kEINVAL);
  if (rules_(Rule::kNetlinkType, type != kSockRaw && type != kSockDgram)) return out->Error(kESOCKTNOSUPPORT);
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id id = state_.netlinks.New();
  Netlink& s = state_.netlinks[id];
  s.send_buffer = facts_.unix_sndbuf, s.receive_buffer = facts_.unix_rcvbuf;  // the defaults of all sockets
  Open(NewFile(FileType::kNetlink, kORdwr | (flags & kONonblock), id), (flags & kOCloexec) != 0, out);
}

// datagram_poll()
uint32_t Model::NetlinkMask(const File& file) {
  const Netlink& s = state_.netlinks[file.object];
  uint32_t mask = 0;
  if (rules_(Rule::kNetlinkErr, s.error != kOK, file.object)) mask |= kErr;
  if (rules_(Rule::kNetlinkIn, s.messages.size > 0, file.object)) mask |= kIn | kRdnorm;
  // What is sent is charged to who receives it.
  if (rules_(Rule::kNetlinkOut, true, file.object)) mask |= kOut | kWrnorm | kWrband;
  return mask;
}

// --- Addresses -----------------------------------------------------------------------------------------------------

// netlink_autobind(): the number of the process, or another one if a socket has that.
uint32_t Model::NetlinkPort() {
  for (Id other = 1; other < state_.netlinks.size(); ++other) {
    if (rules_(Rule::kNetlinkPortTaken, state_.netlinks[other].address == state_.port, other)) {
      return ++state_.netlink_addresses;
    }
  }
  return state_.port;
}

void Model::NetlinkBind(const File& file, Outcome* out) {
  Netlink& s = state_.netlinks[file.object];
  if (rules_(Rule::kNetlinkBound, s.address != 0, file.object)) return out->Error(kEINVAL);
  s.address = NetlinkPort();
  out->Value(0);
}

// Of a socket without an address that is 0, which is the kernel's.
void Model::NetlinkConnect(const File& file, int32_t to, Outcome* out) {
  Netlink& s = state_.netlinks[file.object];
  if (to == -1) {
    s.to = 0, s.connected = false;
    return out->Value(0);
  }
  const File& other = state_.files[FileAt(to)];
  if (rules_(Rule::kNetlinkAddress, other.type != FileType::kNetlink, file.object)) return out->Error(kEINVAL);
  const uint32_t address = state_.netlinks[other.object].address;
  if (s.address == 0) s.address = NetlinkPort();
  s.to = address;
  s.connected = true;
  out->Value(0);
}

void Model::NetlinkShutdown(const File& file, int32_t, Outcome* out) {
  out->Error(rules_(Rule::kNetlinkNoConnection, true, file.object) ? kEOPNOTSUPP : kENOTCONN);
}
void Model::NetlinkListen(const File& file, int32_t, Outcome* out) {
  out->Error(rules_(Rule::kNetlinkNoConnection, true, file.object) ? kEOPNOTSUPP : kEINVAL);
}
void Model::NetlinkAccept(const File& file, uint32_t, Outcome* out) {
  out->Error(rules_(Rule::kNetlinkNoConnection, true, file.object) ? kEOPNOTSUPP : kEINVAL);
}

// --- Sending -------------------------------------------------------------------------------------------------------

// netlink_attachskb(): what is charged may lift the charge above the buffer only where there was none.
bool Model::NetlinkFull(const Netlink& s) const {
  if (s.congested) return true;
  if (Has(Quirk::kNetlinkFullLate)) return s.used > s.receive_buffer;
  return s.used > 0 && s.used + facts_.netlink_charge > s.receive_buffer;
}

// __netlink_sendskb()
void Model::NetlinkQueue(Id id, NetlinkMessage message) {
  const Id m = state_.netlink_messages.New();
  state_.netlink_messages[m] = message;
  Netlink& s = state_.netlinks[id];
  s.used += message.charge;
  s.parts += message.charge == 0;
  NetlinkList::PushBack(state_.netlink_messages, s.messages, m);
  if (rules_(Rule::kNetlinkArrivalWakes, true, id)) Notify(s.queue, kArrivalKey);
}

// An answer of the kernel's, which does not wait for room.
void Model::NetlinkAnswer(Id id, int64_t bytes) {
  Netlink& s = state_.netlinks[id];
  if (!rules_(Rule::kNetlinkOverrun, NetlinkFull(s), id)) {
    return NetlinkQueue(id, {.bytes = bytes, .charge = facts_.netlink_charge});
  }
  // netlink_overrun()
  if (rules_(Rule::kNetlinkOverrunOnce, s.congested, id)) return;
  s.congested = true, s.error = kENOBUFS;
  if (rules_(Rule::kNetlinkOverrunWakes, true, id)) Notify(s.queue, kErr);
}

// netlink_sendmsg(). True if the message has gone to the kernel.
bool Model::NetlinkSendTo(const File& file, Memory memory, int64_t n, uint32_t flags, bool zeros, Outcome* out) {
  const Id id = file.object;
  Netlink& s = state_.netlinks[id];
  if ((flags & ~(kMsgDontwait | kMsgNosignal | kMsgOob)) != 0) {
    return Unmodelled("send: flags of other protocols", out), false;
  }
  if (s.to != 0 && n > kSmallest && n <= s.send_buffer - kOverhead) {
    return Unmodelled("send: a netlink message of more than 128 bytes", out), false;
  }
  Id to = kNil;
  for (Id other = 1; s.to != 0 && to == kNil && other < state_.netlinks.size(); ++other) {
    if (state_.netlinks[other].address == s.to) to = other;
  }
  if (state_.netlinks[to].parts > 0) return Unmodelled("send: to who has a dump to read", out), false;
  if (rules_(Rule::kNetlinkOob, (flags & kMsgOob) != 0)) return out->Error(kEOPNOTSUPP), false;
  if (rules_(Rule::kNetlinkEmpty, n == 0)) return out->Error(kENODATA), false;
  if (s.address == 0) s.address = NetlinkPort();
  if (rules_(Rule::kNetlinkTooLong, n > s.send_buffer - kOverhead, id)) return out->Error(kEMSGSIZE), false;
  if (rules_(Rule::kMemoryFault, n > Copyable(memory, false))) return out->Error(kEFAULT), false;
  if (rules_(Rule::kNetlinkToKernel, s.to == 0, id)) return out->Value(n), true;
  if (rules_(Rule::kNetlinkRefused, to == kNil, id)) return out->Error(kECONNREFUSED), false;
  const Netlink& other = state_.netlinks[to];
  if (rules_(Rule::kNetlinkFiltered, other.connected && other.to != s.address, to)) {
    return out->Error(kECONNREFUSED), false;
  }
  if (rules_(Rule::kNetlinkFull, NetlinkFull(other), to)) {
    return WouldSleep((file.flags & kONonblock) != 0 || (flags & kMsgDontwait) != 0, out), false;
  }
  out->Value(n);
  NetlinkQueue(to, {.bytes = n, .charge = facts_.netlink_charge, .zeros = zeros});
  return false;
}

// Zeros are no message to the kernel: it ignores them.
void Model::NetlinkSend(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out) {
  NetlinkSendTo(file, memory, n, flags, true, out);
}
void Model::NetlinkWrite(const File& file, Memory memory, int64_t n, uint64_t value, Outcome* out) {
  if (value != 0) return Unmodelled("write: a netlink header of a counter's value", out);
  NetlinkSendTo(file, memory, n, 0, true, out);
}

// rtnetlink_rcv_msg(), within the send
void Model::NetlinkRequest(const Op& op, Outcome* out) {
  const Id file = SocketAt(op.num(0), out);
  if (file == kNil) return;
  const File f = state_.files[file];
  if (f.type != FileType::kNetlink) return Unmodelled("nl_request: through another socket", out);
  const Request what = static_cast<Request>(op.arg[1]);
  const Id id = f.object;
  const Netlink& s = state_.netlinks[id];
  const bool whole = s.receive_buffer == facts_.unix_rcvbuf && s.used <= s.receive_buffer / 8 && !s.congested;
  if (s.to == 0 && !whole && (what == Request::kDump || s.parts > 0)) {
    return Unmodelled("nl_request: a dump into a buffer that may not hold it", out);
  }
  const bool bare = what == Request::kNothing || what == Request::kAcknowledge;
  if (!NetlinkSendTo(f, Memory(), bare ? kHeader : kRequest, 0, false, out)) return;
  if (rules_(Rule::kNetlinkAcknowledged, what == Request::kAcknowledge, id)) NetlinkAnswer(id, kAcknowledgement);
  if (rules_(Rule::kNetlinkUnknown, what == Request::kUnknown, id)) NetlinkAnswer(id, kError);
  if (what != Request::kDump) return;
  // __netlink_dump_start()
  if (rules_(Rule::kNetlinkDumpBusy, s.dumping, id)) return NetlinkAnswer(id, kError);
  state_.netlinks[id].dumping = true;
  NetlinkQueue(id, {.bytes = -1});
}

// --- Receiving -----------------------------------------------------------------------------------------------------

Errno Model::TakeNetlinkError(Netlink& s) {
  const Errno error = s.error;
  if (rules_(Rule::kNetlinkErrorTaken, error != kOK)) s.error = kOK;
  return error;
}

void Model::NetlinkDrop(Netlink& s) {
  const Id m = s.messages.head;
  NetlinkList::Remove(state_.netlink_messages, s.messages, m);
  s.used -= state_.netlink_messages[m].charge;
  s.parts -= state_.netlink_messages[m].charge == 0;
  state_.netlink_messages[m] = NetlinkMessage();
  state_.netlink_messages.Free(m);
}

void Model::NetlinkRead(const File& file, Memory memory, int64_t n, Outcome* out) {
  if (rules_(Rule::kInetReadNothing, n == 0)) return out->Value(0);
  NetlinkRecv(file, memory, n, 0, out);
}

// netlink_recvmsg()
void Model::NetlinkRecv(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out) {
  if ((flags & ~(kMsgDontwait | kMsgNosignal | kMsgPeek | kMsgTrunc | kMsgOob)) != 0) {
    return Unmodelled("recv: flags of other protocols", out);
  }
  const Id id = file.object;
  Netlink& s = state_.netlinks[id];
  const NetlinkMessage m = state_.netlink_messages[s.messages.head];
  const bool part = s.messages.size > 0 && m.bytes < 0, whole = (flags & kMsgTrunc) != 0;
  if (part && (n > kShown || whole)) return Unmodelled("recv: how long a part of a dump is", out);
  if (s.messages.size > 0 && !m.zeros && n == 8 && !whole) return Unmodelled("recv: what a header says", out);
  if (rules_(Rule::kNetlinkOob, (flags & kMsgOob) != 0)) return out->Error(kEOPNOTSUPP);
  const bool nonblock = (file.flags & kONonblock) != 0 || (flags & kMsgDontwait) != 0;
  const Errno error = TakeNetlinkError(s);
  if (error != kOK) {
    out->Error(error);
  } else if (s.messages.size == 0) {
    WouldSleep(nonblock, out);
  } else {
    const int64_t bytes = part ? n : std::min(n, m.bytes);
    const bool peek = rules_(Rule::kNetlinkPeek, (flags & kMsgPeek) != 0, id);
    if (rules_(Rule::kMemoryFault, bytes > Copyable(memory, true))) {
      out->Error(kEFAULT);
    } else {
      out->Value(rules_(Rule::kNetlinkTrunc, whole, id) ? m.bytes : bytes);
    }
    if (!peek) NetlinkDrop(s);
    // A dump goes on where somebody reads, whatever that reads.
    if (rules_(Rule::kNetlinkDumpGoesOn, s.dumping, id)) {
      s.dumping = false;
      NetlinkQueue(id, {.bytes = kEnd});
    }
  }
  // netlink_rcv_wake()
  if (rules_(Rule::kNetlinkRelieved, s.congested && s.messages.size == 0, id)) s.congested = false;
}

// --- Options, release ------------------------------------------------------------------------------------------------

void Model::NetlinkGetsockopt(const File& file, int32_t option, Outcome* out) {
  Netlink& s = state_.netlinks[file.object];
  int64_t value = 0;
  switch (option) {
    case kSoError:
      value = TakeNetlinkError(s);
      break;
    case kSoSndbuf:
      value = s.send_buffer;
      break;
    case kSoRcvbuf:
      value = s.receive_buffer;
      break;
    case kSoRcvlowat:
      value = s.lowat;
      break;
    case kSoLinger:
      value = s.linger;
      break;
    default:
      if (rules_(Rule::kNetlinkOption, true, file.object)) return out->Error(kENOPROTOOPT);
  }
  out->Value(0);
  out->nvalues = 2, out->value[1] = value;
}

void Model::NetlinkSetsockopt(const File& file, int32_t option, int32_t value, Outcome* out) {
  const Id id = file.object;
  Netlink& s = state_.netlinks[id];
  const int64_t twice = 2 * int64_t{value};
  switch (option) {
    case kSoError:
      if (rules_(Rule::kOptionReadOnly, true, id)) return out->Error(kENOPROTOOPT);
      break;
    case kSoSndbuf:
      if (value < 0 || twice > facts_.unix_sndbuf) return Unmodelled("a send buffer above the default", out);
      s.send_buffer = std::max(twice, facts_.unix_sndbuf_min);
      if (rules_(Rule::kSndbufWakes, true, id)) Notify(s.queue, kSpaceKey);
      break;
    case kSoRcvbuf:
      if (value < 0 || twice > facts_.unix_rcvbuf) return Unmodelled("a receive buffer above the default", out);
      if (s.parts > 0 || s.dumping) return Unmodelled("setsockopt: a dump in a buffer that may not hold it", out);
      s.receive_buffer = std::max(twice, facts_.unix_rcvbuf_min);
      break;
    case kSoRcvlowat:
      s.lowat = value < 0 ? INT32_MAX : value == 0 ? 1 : value;
      break;
    case kSoLinger:
      s.linger = std::max(value, -1);
      break;
    default:
      if (rules_(Rule::kNetlinkOption, true, id)) return out->Error(kENOPROTOOPT);
  }
  out->Value(0);
}

void Model::NetlinkRelease(const File& file) {
  Netlink& s = state_.netlinks[file.object];
  while (s.messages.size > 0) NetlinkDrop(s);
  s = Netlink();
  state_.netlinks.Free(file.object);
}

}  // namespace pollux
