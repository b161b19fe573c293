// Tells a call that sleeps for ever from one that is late, and brings it home.
//
// A Watcher looks at a CallMark from outside: another thread, or another process that shares the mark's memory.
// Time is counted in its own looks, so that a stopped machine or process makes nothing late. A call that has lasted
// past the deadline and is asleep on two looks gets the poke signal, whose empty handler makes it return; Exec then
// reports it as blocked. One that does not return is hung.

#ifndef POLLUX_ORACLE_WATCHER_H_
#define POLLUX_ORACLE_WATCHER_H_

#include <cstdint>

#include "oracle/exec.h"

namespace pollux {

class Watcher {
 public:
  static constexpr int kTickMs = 20;  // how often to look

  enum State : uint8_t { kMoving, kPoked, kHung };

  // The mark is not owned.
  Watcher(CallMark* mark, int deadline_ms) : mark_(mark), deadline_(deadline_ms / kTickMs) {}
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // Call it every kTickMs. kHung: 20 pokes did not help, or it neither sleeps nor returns for 30 deadlines.
  State Look();

 private:
  bool Asleep();

  CallMark* mark_;
  int deadline_;
  uint64_t sequence_ = 0;
  int looks_ = 0, asleep_ = 0, pokes_ = 0;
  int stat_ = -1, stat_tid_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_WATCHER_H_
