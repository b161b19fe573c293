// Lowers fs.epoll.max_user_watches for as long as somebody needs it, and puts it back whatever happens.
//
// The limit is the machine's, so one guardian process serves every campaign on it. The first to need it starts it: a
// session of its own, deaf to signals, last in the OOM killer's list, holding a listening socket (an abstract name,
// which nobody has to clean up). Everyone who needs the limit holds a connection; when the last one is gone, closed or
// killed, the guardian writes the old value back and leaves. Before it gives up the name it has written it back: so a
// successor never takes a lowered value for the original. A value that somebody else has written meanwhile stays.

#ifndef POLLUX_ORACLE_GUARDIAN_H_
#define POLLUX_ORACLE_GUARDIAN_H_

#include <cstdint>
#include <string>

namespace pollux {

inline constexpr int64_t kLowestWatches = 200'000;      // never below this
inline constexpr int64_t kAffordableWatches = 500'000;  // a limit that is simply filled

// fs.epoll.max_user_watches, or -1.
int64_t MaxUserWatches();

// The lowered limit while it is held. Not for sharing between threads.
class LoweredWatches {
 public:
  LoweredWatches() = default;
  ~LoweredWatches() { Release(); }
  LoweredWatches(const LoweredWatches&) = delete;
  LoweredWatches& operator=(const LoweredWatches&) = delete;

  // Holds the limit that somebody has lowered already; false if nobody has.
  bool Join();
  // Joins, or else lowers the limit to kLowestWatches, or to twice what is in use as far as it can be told, if that is
  // more. Needs root. The connection is a descriptor of the calling thread's table. False, and why, if it cannot be
  // done.
  bool Acquire(std::string* why);
  // Returns when the old value is back, if this was the last holder.
  void Release();

 private:
  int connection_ = -1;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_GUARDIAN_H_
