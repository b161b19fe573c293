// A trace as a program for those who do not have Pollux: C, or a GoogleTest body.
//
// The program makes the trace's calls and compares with what the model says; it needs libc alone. It makes the
// numbers exact itself: 3 is the first descriptor. The C program exits 0 if it behaves as Linux and 1 at the first op
// that does not, which it names. Pure.

#ifndef POLLUX_ORACLE_EXPORT_H_
#define POLLUX_ORACLE_EXPORT_H_

#include <string>
#include <string_view>

#include "model/model.h"
#include "model/trace.h"

namespace pollux {

enum class ExportAs { kC, kGtest };

// `name` becomes the test's name. A program that sets the quota of watches says that it needs root, and exits 2 (no
// verdict) where it cannot.
std::string Export(Model* model, const Trace& trace, ExportAs as, std::string_view name);

}  // namespace pollux

#endif  // POLLUX_ORACLE_EXPORT_H_
