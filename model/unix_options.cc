// Socket options of AF_UNIX sockets (net/core/sock.c).

#include <algorithm>

#include "model/model.h"

namespace pollux {

void Model::UnixGetsockopt(const File& file, int32_t option, Outcome* out) {
  Socket& s = state_.sockets[file.object];
  int64_t value = 0;
  switch (option) {
    case kSoError:
      value = TakeError(s);
      break;
    case kSoSndbuf:
      value = s.send_buffer;
      break;
    case kSoRcvbuf:
      value = s.receive_buffer;
      break;
    case kSoRcvlowat:
      value = s.receive_low;
      break;
    case kSoLinger:
      value = s.linger;
      break;
    case kTcpNodelay:
      if (rules_(Rule::kOptionLevel, true, file.object)) return out->Error(kEOPNOTSUPP);
      break;
    default:
      out->Clear(), out->kind = Outcome::kSkipped, out->note = "an option that nothing here depends on";
      return;
  }
  out->Clear(), out->nvalues = 2, out->value[1] = value;
}

void Model::UnixSetsockopt(const File& file, int32_t option, int32_t value, Outcome* out) {
  const Id id = file.object;
  Socket& s = state_.sockets[id];
  out->Value(0);
  switch (option) {
    case kSoError:
      if (rules_(Rule::kOptionReadOnly, true, id)) out->Error(kENOPROTOOPT);
      return;
    case kSoSndbuf:
      if (value < 0 || 2 * int64_t{value} > facts_.unix_sndbuf) {
        out->kind = Outcome::kSkipped, out->note = "a send buffer above the default";
        return;
      }
      // The value is doubled, for the kernel's own needs.
      s.send_buffer = std::max(2 * int64_t{value}, facts_.unix_sndbuf_min);
      if (rules_(Rule::kSndbufWakes, UnixWritable(s), id)) Notify(s.queue, kOut | kWrnorm | kWrband);
      return;
    case kSoRcvbuf:
      if (value < 0 || 2 * int64_t{value} > facts_.unix_rcvbuf) {
        out->kind = Outcome::kSkipped, out->note = "a receive buffer above the default";
        return;
      }
      s.receive_buffer = std::max(2 * int64_t{value}, facts_.unix_rcvbuf_min);
      return;
    case kSoRcvlowat:
      s.receive_low = value < 0 ? INT32_MAX : value == 0 ? 1 : value;
      return;
    case kSoLinger:
      s.linger = std::max(value, -1);
      return;
    case kTcpNodelay:
      if (rules_(Rule::kOptionLevel, true, id)) out->Error(kEOPNOTSUPP);
      return;
    default:
      out->kind = Outcome::kSkipped, out->note = "an option that nothing here depends on";
  }
}

}  // namespace pollux
