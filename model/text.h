// The text form of traces, DESIGN 1: what people write, read and mail.
//
//     ep = epoll_create1(0) = 3
//     r, w = pipe2(O_NONBLOCK) = 4, 5
//     epoll_ctl(ep, ADD, r, IN|ET, 0x1) = 0
//
// Parse(Print(t)) == t for every t that Parse gave, and printing is idempotent; comments and empty lines stay where
// they are. Of a trace made elsewhere the ops survive: outputs without a usable name get one by their kind (ep, ep2,
// r and w, e, ...). Functions here are pure, and linear in their input.

#ifndef POLLUX_MODEL_TEXT_H_
#define POLLUX_MODEL_TEXT_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/trace.h"

namespace pollux {

struct ParseError {
  std::string file;
  int line = 0, column = 0;   // from 1, in bytes
  std::string expected, got;  // "a descriptor", "`x`"
  // "file:3:14: expected a descriptor, got `x`"
  std::string message() const;
};

// Reads a trace; `file` is what errors call it. On success notes[i] belongs to ops[i]. On failure *trace is as
// before.
bool Parse(std::string_view text, std::string_view file, Trace* trace, ParseError* error);

// The trace with what is written in its notes.
std::string Print(const Trace& trace);
// The annotated trace: outcomes[i] is what ops[i] did, in place of what was written. Ops beyond have no outcome.
std::string Print(const Trace& trace, std::span<const Outcome> outcomes);
// The ops alone, one string each, with the names that Print would use: "ep = epoll_create1(0)".
std::vector<std::string> PrintOps(const Trace& trace);

// One op; `name` writes its operands. Without it they are numbers, or "#2" and "#2.1" for outputs 0 and 1 of op 2.
std::string PrintOp(const Op& op);
std::string PrintOp(const Op& op, const std::function<std::string(Fd)>& name);
// What the op did, and behind it what came back, in one line; the op says what the records are.
std::string PrintOutcome(const Op& op, const Outcome& outcome);
std::string PrintExpectation(const Op& op, const Expectation& expectation);
// "IN|ET", "0", "IN|0x800".
std::string PrintMask(uint32_t events);
// "EAGAIN"; "E4000" for a number that Linux does not use.
std::string ErrnoName(int error);

}  // namespace pollux

#endif  // POLLUX_MODEL_TEXT_H_
