// Measures the Facts of the running kernel.
//
// Opens and closes a few descriptors of the calling thread's table; takes about a millisecond. What cannot be
// measured keeps its default.

#ifndef POLLUX_ORACLE_FACTS_H_
#define POLLUX_ORACLE_FACTS_H_

#include "model/profile.h"

namespace pollux {

Facts MeasureFacts();

}  // namespace pollux

#endif  // POLLUX_ORACLE_FACTS_H_
