// The body of an exported program: C statements that make one op's call and compare what it does.

#ifndef POLLUX_ORACLE_EXPORT_BODY_H_
#define POLLUX_ORACLE_EXPORT_BODY_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "model/op.h"
#include "model/trace.h"

namespace pollux {

// For an op whose operands are literal, the outcome that is wanted, and the op's place in the trace. Functions that the
// statements mention are Fragments. Of a thread's op the outcome is that of its return, blocked if it never does.
std::string Statements(const Op& op, const Outcome& want, size_t index);

std::string Number(int64_t n);

}  // namespace pollux

#endif  // POLLUX_ORACLE_EXPORT_BODY_H_
