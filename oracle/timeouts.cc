#include "oracle/timeouts.h"

#include <cstring>

namespace pollux {

Op Timed(std::span<const Op> ops, size_t at, const Op& op, int slot_ms) {
  Op timed = op;
  if (op.thread == 0 || TimeoutOf(op) != Timeout::kFinite) return timed;
  int slots = 0;
  for (size_t i = at + 1; i < ops.size(); ++i) {
    if (ops[i].call != Call::kExpire) continue;
    ++slots;
    if (ops[i].arg[0] != op.thread) continue;
    SetTimeoutMs(&timed, slots * slot_ms);
    return timed;
  }
  SetTimeoutMs(&timed, kNeverMs);
  return timed;
}

bool TooLate(const Outcome& outcome) {
  return outcome.kind == Outcome::kSkipped && outcome.note != nullptr && std::strcmp(outcome.note, kTooLate) == 0;
}

}  // namespace pollux
