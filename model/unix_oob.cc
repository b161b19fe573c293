// Out-of-band bytes of AF_UNIX streams (net/unix/af_unix.c, since 5.15; this form since 6.12).
//
// The last byte of a send with MSG_OOB is a buffer of its own, and the newest such buffer is the mark. A read stops in
// front of the mark; a read that begins there throws it away. Who takes the byte with MSG_OOB leaves its buffer in the
// queue, empty: a placeholder that keeps IN set until a read comes by.

#include "model/memory.h"
#include "model/model.h"

namespace pollux {

bool Model::HasOob() const { return facts_.unix_oob && !Has(Quirk::kUnixNoOob); }

int64_t Model::Length(Id message) const {
  const Message& m = state_.messages[message];
  return m.bytes - m.consumed;
}

// manage_oob(): what a read finds at `message`, or kNil where it has to stop.
Id Model::AtOob(Id id, Id message, bool peek, bool copied) {
  Socket& s = state_.sockets[id];
  const auto take = [&](Id m) { MessageList::Remove(state_.messages, s.messages, m); };
  Id m = message, passed = kNil, skipped = kNil;
  if (Length(m) > 0 && m != s.oob) return m;
  if (Length(m) == 0 && Has(Quirk::kUnixOobReadEnds)) {
    if (peek) return m;
    take(m), FreeMessage(m);
    return kNil;
  }
  if (rules_(Rule::kUnixOobPlaceholder, Length(m) == 0, id)) {
    const Id next = state_.messages[m].in_socket.next;
    if (copied && s.oob == kNil) {
      m = kNil;
    } else if (peek) {
      m = next;
    } else {
      passed = m, m = next;
      take(passed);
    }
  }
  if (m != kNil && m == s.oob) {
    if (rules_(Rule::kUnixOobStops, copied, id)) {
      m = kNil;
    } else if (peek) {
      m = state_.messages[m].in_socket.next;
    } else if (rules_(Rule::kUnixOobSkipped, true, id)) {
      skipped = m, s.oob = kNil;
      take(skipped);
      m = s.messages.head;
    }
  }
  if (passed != kNil) FreeMessage(passed);
  if (skipped != kNil) FreeMessage(skipped);
  return m;
}

// unix_stream_recv_urg()
void Model::StreamRecvOob(Id id, const Transfer& t, Outcome* out) {
  Socket& s = state_.sockets[id];
  const bool peek = (t.flags & kMsgPeek) != 0;
  if (!HasOob()) return out->Error(kEOPNOTSUPP);
  if (rules_(Rule::kUnixOobNone, s.oob == kNil, id)) return out->Error(kEINVAL);
  const Id m = s.oob, before = state_.messages[m].in_socket.prev;
  const bool fault = rules_(Rule::kMemoryFault, t.n > 0 && Copyable(t.memory, true) < 1);
  if (!peek) {
    // Two placeholders in a row are one.
    const bool double_placeholder = before != kNil && Length(before) == 0;
    s.oob = kNil;
    state_.messages[m].consumed += 1;
    if (rules_(Rule::kUnixOobMerges, double_placeholder, id) && before != kNil) {
      MessageList::Remove(state_.messages, s.messages, before);
      FreeMessage(before);
    }
  }
  if (fault) return out->Error(kEFAULT);
  out->Value(1);
}

}  // namespace pollux
