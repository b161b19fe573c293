// The files that open() can name: their paths, and which of them answer here as everywhere.
//
// A device may be missing, or refused in a container; /dev/random may not be seeded yet; a process may have a
// controlling terminal. Each is tried once. Needs no privilege. Not thread-safe.

#ifndef POLLUX_ORACLE_NAMED_FILES_H_
#define POLLUX_ORACLE_NAMED_FILES_H_

#include <array>
#include <cstdint>

#include "model/op.h"

namespace pollux {

class NamedFiles {
 public:
  // Of the calling thread; mounts are those of its own namespace.
  static const char* PathOf(uint64_t which);

  // Opens and closes each of them.
  void Probe();
  // Why the file cannot be opened as everywhere; nullptr if it can.
  const char* Lacks(uint64_t which) const { return which < kWhich ? lacks_[which] : nullptr; }

 private:
  std::array<const char*, kWhich> lacks_ = {};
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_NAMED_FILES_H_
