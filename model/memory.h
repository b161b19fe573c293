// How far a pointer argument carries: shared by every call that copies from or to user memory.

#ifndef POLLUX_MODEL_MEMORY_H_
#define POLLUX_MODEL_MEMORY_H_

#include <cstdint>

#include "model/op.h"

namespace pollux {

// access_ok(): the address range is user space. NULL and unmapped pass.
inline bool InRange(Memory m) { return m.kind() != Memory::kKernel; }

// Units (records or bytes) that can be copied before the fault.
inline int64_t Copyable(Memory m, bool to_user) {
  switch (m.kind()) {
    case Memory::kGood:
    case Memory::kMisaligned:
    case Memory::kStraddling:
      return INT64_MAX;
    case Memory::kReadonly:
      return to_user ? 0 : INT64_MAX;
    case Memory::kFault:
      return m.records();
    default:
      return 0;
  }
}

}  // namespace pollux

#endif  // POLLUX_MODEL_MEMORY_H_
