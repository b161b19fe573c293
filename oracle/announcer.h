// What can change while a trace runs: in namespaces of one's own what files in /proc announce, mounts and the domain
// name; and the clock.
//
// They belong to a thread that waits for orders; the executing thread stays where it is, and opens the mounts of that
// thread. Nothing is left when the process is gone. Mounts are the namespace's alone. What a change of the domain name
// tells, Linux tells in every UTS namespace: so the name is taken for the length of a trace (a lock on its file), and
// a change by somebody else is noticed. Needs CAP_SYS_ADMIN; costs nothing before it is used. Not thread-safe.

#ifndef POLLUX_ORACLE_ANNOUNCER_H_
#define POLLUX_ORACLE_ANNOUNCER_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "model/op.h"

namespace pollux {

class Announcer {
 public:
  Announcer();
  ~Announcer();
  Announcer(const Announcer&) = delete;
  Announcer& operator=(const Announcer&) = delete;

  // Before a file is opened. nullptr, or why it cannot be.
  const char* Prepare(Which which);
  // Where it stands then.
  const char* PathOf(Which which) const;
  // Makes the change; or why there is none.
  const char* Change(Which which);
  // CLOCK_REALTIME a nanosecond ahead, and back. It is the machine's: only where that was allowed. From the first timer
  // on that is told of jumps, no other process makes it jump while a trace runs. nullptr, or why not.
  void AllowClock() { clock_allowed_ = true; }
  const char* WatchClock();
  const char* JumpClock();
  // At the end of a trace.
  void Reset();
  // Has somebody else changed the domain name, or set the clock, while this trace had it?
  bool Disturbed();

 private:
  struct Holder;
  const char* Start();
  const char* TakeName();

  std::unique_ptr<Holder> holder_;
  pid_t process_ = 0;  // whose holder this is: threads do not survive fork(2)
  std::string mounts_, mountinfo_;
  bool name_taken_ = false, clock_allowed_ = false, clock_taken_ = false;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_ANNOUNCER_H_
