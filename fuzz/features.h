// What a trace uses: calls, mask bits, file types, habits, as one set of 64 bits.
//
// A divergence that shows in every other trace would hide what lies behind it. What all its traces have in common is
// taken out of half of the traces that follow.

#ifndef POLLUX_FUZZ_FEATURES_H_
#define POLLUX_FUZZ_FEATURES_H_

#include <cstdint>
#include <vector>

#include "fuzz/random.h"
#include "model/op.h"

namespace pollux {

using Features = uint64_t;

Features FeaturesOf(const std::vector<Op>& ops);
// One of the set, by lot; 0 if it is empty.
Features OneFeature(Features features, Random* random);
// Takes a feature out: removes the ops that have it, or clears the bits that are it.
void Strip(Features one, std::vector<Op>* ops);

}  // namespace pollux

#endif  // POLLUX_FUZZ_FEATURES_H_
