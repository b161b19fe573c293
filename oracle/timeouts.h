// Timeouts of threads' calls: how a trace says when they pass, and how that is made so.
//
// In the language a finite timeout of a thread's call passes at expire() of that thread, and at no other time, however
// long it is. What is executed: a timeout that no expire() follows is an hour; else the n-th expire() of a trace has
// slot n, whether it will be left out or not, and the timeout lasts from the slot that has come to that one. The target
// looks at the clock when an op is over, outcomes and all; where a timeout may have passed before its expire(), it says
// so in place of the outcome (kTooLate), and the trace is run anew with longer slots. So a clock decides what a run is
// worth, never what a call should have done.

#ifndef POLLUX_ORACLE_TIMEOUTS_H_
#define POLLUX_ORACLE_TIMEOUTS_H_

#include <cstddef>
#include <span>

#include "model/trace.h"

namespace pollux {

inline constexpr int kSlotsMs[] = {1, 8, 64, 128, 128, 128};  // one after the other
inline constexpr int kExportSlotMs = 100;                     // of a program that runs once
inline constexpr int kNeverMs = 3'600'000;

// Which expire() of the trace ops[at] is, from 1.
int SlotOf(std::span<const Op> ops, size_t at);
// `op` is ops[at], with literal operands: what is to be executed in its place. `now`: the slot of the last expire()
// that was executed, 0 before the first one.
Op Timed(std::span<const Op> ops, size_t at, const Op& op, int now, int slot_ms);

// The note of an outcome (kSkipped) that says nothing about the op, but that the trace has to run anew.
inline constexpr char kTooLate[] = "a timeout passed before its time";
bool TooLate(const Outcome& outcome);

}  // namespace pollux

#endif  // POLLUX_ORACLE_TIMEOUTS_H_
