// What a search may ask: ops whose outcome no clock, configuration or other process decides, and that do no harm.
//
// Byte strings and mutations can say anything; Tame brings an op back to the nearest one inside. What it gives is still
// an op that the text can say. Idempotent.

#ifndef POLLUX_FUZZ_TAME_H_
#define POLLUX_FUZZ_TAME_H_

#include "model/op.h"

namespace pollux {

// A timer set to this many seconds does not expire while a trace runs.
inline constexpr uint64_t kFarFuture = 1000000000;

void Tame(Op* op);

}  // namespace pollux

#endif  // POLLUX_FUZZ_TAME_H_
