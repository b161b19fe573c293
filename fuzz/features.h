// What a trace uses: calls, mask bits, file types, habits, as one set of bits.
//
// A divergence that shows in every other trace would hide what lies behind it. What all its traces have in common is
// taken out of half of the traces that follow.

#ifndef POLLUX_FUZZ_FEATURES_H_
#define POLLUX_FUZZ_FEATURES_H_

#include <bitset>
#include <vector>

#include "fuzz/random.h"
#include "model/op.h"

namespace pollux {

using Features = std::bitset<192>;

Features FeaturesOf(const std::vector<Op>& ops);
// One of the set, by lot; none if it is empty.
Features OneFeature(Features features, Random* random);
// Takes a feature out: removes the ops that have it, or clears the bits that are it.
void Strip(Features one, std::vector<Op>* ops);

}  // namespace pollux

#endif  // POLLUX_FUZZ_FEATURES_H_
