// Children of a trace: processes that do nothing but wait for their end, and never outlive who executes it.
//
// A child shares the memory, which makes it cheap, and has an empty descriptor table, so that it keeps no file open.
// It tells nobody of its end but its pidfds: it has no exit signal. When the executing thread dies, of SIGKILL even,
// the kernel kills it (PR_SET_PDEATHSIG). Needs pidfds (5.4). Not thread-safe.

#ifndef POLLUX_ORACLE_CHILDREN_H_
#define POLLUX_ORACLE_CHILDREN_H_

#include <sys/types.h>

#include <array>

#include "model/abi.h"

namespace pollux {

class Children {
 public:
  Children() = default;
  ~Children();
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  // A new child: its pidfd at the lowest free number, or -errno; nullptr in *why, or why there is none.
  long New(const char** why);
  // Kills the child of the pidfd; it is dead, and everybody has been told, when this returns. 0 or -errno.
  static long Exit(int pidfd);
  // One more pidfd of the same child, whose id fdinfo tells: -1 if it was reaped.
  static long OpenAgain(pid_t child, unsigned flags);
  // Kills and reaps those that are left.
  void Reset();

 private:
  bool Map();

  std::array<pid_t, kMostChildren> pids_ = {};  // 0: no child has this stack
  char* stacks_ = nullptr;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_CHILDREN_H_
