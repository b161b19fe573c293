// One-step reductions of a trace: what a minimal trace has none of.
//
// Pure functions on ops. A reduction takes one op out, in every way that keeps its users meaningful, or makes one
// argument simpler. "Simpler" is a strict order (nearer to the slot's canonical value, fewer bits, smaller numbers),
// so reducing ends.

#ifndef POLLUX_FUZZ_REDUCE_H_
#define POLLUX_FUZZ_REDUCE_H_

#include <cstddef>
#include <vector>

#include "model/op.h"
#include "model/trace.h"

namespace pollux {

// The op with one argument simpler, or said by a simpler call; the most daring first.
std::vector<Op> Simpler(const Op& op);

// The trace without op `at`: with its users gone too, its users given another descriptor of that kind, another name
// of the same number, or the number itself. `numbers` binds the ops as they ran.
std::vector<std::vector<Op>> Without(const std::vector<Op>& ops, const Bindings& numbers, size_t at);

// Also marks every op that uses an output of a marked op, and so on.
void MarkUsers(const std::vector<Op>& ops, std::vector<bool>* drop);
// Marks op `at` and every op whose outputs it uses, and so on.
void MarkNeeded(const std::vector<Op>& ops, size_t at, std::vector<bool>* needed);

// The trace with one thread less, or with one of a smaller number: what it did is done by the controller, or by
// another.
std::vector<std::vector<Op>> FewerThreads(const std::vector<Op>& ops);

// Every one-step reduction of a trace whose last op is the one that matters. A trace is 1-minimal if none of them
// keeps the kind.
std::vector<std::vector<Op>> Reductions(const std::vector<Op>& ops, const Bindings& numbers);

}  // namespace pollux

#endif  // POLLUX_FUZZ_REDUCE_H_
