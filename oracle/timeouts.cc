#include "oracle/timeouts.h"

#include <algorithm>
#include <cstring>

namespace pollux {

int SlotOf(std::span<const Op> ops, size_t at) {
  const auto expires = [](const Op& op) { return op.call == Call::kExpire; };
  return static_cast<int>(std::count_if(ops.begin(), ops.begin() + static_cast<std::ptrdiff_t>(at) + 1, expires));
}

Op Timed(std::span<const Op> ops, size_t at, const Op& op, int now, int slot_ms) {
  Op timed = op;
  if (op.thread == 0 || TimeoutOf(op) != Timeout::kFinite) return timed;
  size_t i = at + 1;
  while (i < ops.size() && !(ops[i].call == Call::kExpire && ops[i].arg[0] == op.thread)) ++i;
  SetTimeoutMs(&timed, i < ops.size() ? (SlotOf(ops, i) - now) * slot_ms : kNeverMs);
  return timed;
}

bool TooLate(const Outcome& outcome) {
  return outcome.kind == Outcome::kSkipped && outcome.note != nullptr && std::strcmp(outcome.note, kTooLate) == 0;
}

}  // namespace pollux
