// AF_INET sockets: what TCP and UDP share (net/ipv4/af_inet.c, net/core/sock.c).
//
// Everything stays on the loopback interface and is delivered, acknowledged and answered before the next op: the target
// sees to that (oracle/loopback.h). What a clock decides (retransmission, linger, zero windows) or the system's
// configuration (buffer sizes) is skipped.

#include "model/memory.h"
#include "model/model.h"

namespace pollux {

void Model::Unmodelled(const char* why, Outcome* out) { out->Clear(), out->kind = Outcome::kSkipped, out->note = why; }

void Model::InetCreate(int32_t type, uint32_t flags, Outcome* out) {
  if (type != kSockStream && type != kSockDgram) {
    return Unmodelled("socket: an INET type other than STREAM and DGRAM", out);
  }
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id id = state_.inets.New();
  state_.inets[id].stream = type == kSockStream;
  const FileType file = type == kSockStream ? FileType::kTcp : FileType::kUdp;
  Open(NewFile(file, kORdwr | (flags & kONonblock), id), (flags & kOCloexec) != 0, out);
}

Id Model::InetAt(int32_t fd) const {
  const File& f = state_.files[FileAt(fd)];
  return f.type == FileType::kTcp || f.type == FileType::kUdp ? f.object : kNil;
}

void Model::InetWait(const File& file, Queues* queues) { (*queues)[0] = &state_.inets[file.object].queue; }

// sock_error(): reading the error clears it.
Errno Model::TakeInetError(Inet& s) {
  const Errno error = s.error;
  if (rules_(Rule::kInetErrorTaken, error != kOK)) s.error = kOK;
  return error;
}

// __inet_bind()
void Model::InetBind(const File& file, Outcome* out) {
  Inet& s = state_.inets[file.object];
  const bool bound = s.address != 0 || s.state != TcpState::kClosed || s.peer_address != 0;
  if (rules_(Rule::kInetBound, bound, file.object)) return out->Error(kEINVAL);
  s.address = ++state_.inet_addresses;
  out->Value(0);
}

void Model::InetGetsockopt(const File& file, int32_t option, Outcome* out) {
  Inet& s = state_.inets[file.object];
  int64_t value = 0;
  switch (option) {
    case kSoError:
      value = TakeInetError(s);
      break;
    case kSoLinger:
      value = s.linger;
      break;
    case kSoRcvlowat:
      value = s.lowat;
      break;
    case kTcpNodelay:
      if (rules_(Rule::kTcpOption, !s.stream)) return out->Error(kEOPNOTSUPP);
      value = s.nodelay;
      break;
    case kSoSndbuf:
    case kSoRcvbuf:
      // A datagram socket's are the defaults of all sockets; a connection's grow by themselves.
      if (s.stream) return Unmodelled("getsockopt: the buffers of TCP sockets are sized by the system", out);
      value = option == kSoSndbuf ? facts_.unix_sndbuf : facts_.unix_rcvbuf;
      break;
    default:
      return Unmodelled("getsockopt: the buffers of INET sockets are sized by the system", out);
  }
  out->Value(0);
  out->nvalues = 2, out->value[1] = value;
}

void Model::InetSetsockopt(const File& file, int32_t option, int32_t value, Outcome* out) {
  constexpr int32_t kMostLowat = 4096;
  Inet& s = state_.inets[file.object];
  switch (option) {
    case kSoLinger:
      if (value > 0) return Unmodelled("setsockopt: a close that lingers for seconds", out);
      s.linger = value < 0 ? -1 : value;
      break;
    case kSoRcvlowat:
      if (value < 0 || value > kMostLowat) return Unmodelled("setsockopt: a low-water mark above 4096", out);
      s.lowat = value == 0 ? 1 : value;
      // tcp_set_rcvlowat()
      if (s.stream && rules_(Rule::kTcpLowatWakes, TcpReadable(s, s.lowat) || s.done, file.object)) {
        Notify(s.queue, kArrivalKey);
      }
      break;
    case kTcpNodelay:
      if (rules_(Rule::kTcpOption, !s.stream)) return out->Error(kENOPROTOOPT);
      s.nodelay = value != 0;
      break;
    case kSoError:
      return out->Error(kENOPROTOOPT);
    default:
      return Unmodelled("setsockopt: the buffers of INET sockets are sized by the system", out);
  }
  out->Value(0);
}

}  // namespace pollux
