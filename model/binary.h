// The compact binary form of traces: the fuzzer's.
//
// Every byte string decodes to ops; a prefix of the bytes to a prefix of the ops (an op cut off at the end is
// dropped); every op decoded is one that the text can say, and every trace that the text can say can be encoded:
// Decode(Encode(ops)) == ops. Names, comments, directives and outcomes are not carried.
//
// An op is its call's byte (modulo their number), ff before it where the second process calls, e0 + n - 1 where thread
// Tn does, for a poll the number of descriptors, and the slots in order:
//   descriptor      1 byte: 00-3f how many outputs ago it was returned (modulo those there are); 40 a varint follows:
//                   ops back * 2 + output; 41-7f as 01-3f; 80-fe the literal -1 to 125; ff a literal as a varint
//   signed          varint, zigzag
//   mask of events  varint, the mask rotated left by 5, so that epoll's own bits are the low ones
//   others          varint
// A varint is base 128, the low part first. What an unreadable pointer points to has no bytes, and a payload has
// them only where the op writes 8 readable bytes.

#ifndef POLLUX_MODEL_BINARY_H_
#define POLLUX_MODEL_BINARY_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/op.h"

namespace pollux {

// Replaces *ops. Costs some 20 ns an op, and allocates only where the capacity of *ops does not suffice.
void Decode(const uint8_t* data, size_t size, std::vector<Op>* ops);

// Replaces *data by the canonical encoding of the ops, after Canonicalize (trace.h).
void Encode(std::span<const Op> ops, std::string* data);

}  // namespace pollux

#endif  // POLLUX_MODEL_BINARY_H_
