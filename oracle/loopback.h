// A loopback interface of one's own, on which what is sent has arrived when the next op begins.
//
// Linux delivers over loopback within the sending call, as a rule: the softirq that receives may be left to ksoftirqd,
// and an acknowledgement may be delayed by 40 ms, with which a FIN_WAIT2 or a held back segment comes late. So:
//  - INET sockets are made in a network namespace of their own, whose local routes say quickack: every segment is
//    acknowledged at once. It also keeps other traffic, filters and used up ports away.
//  - The executing thread stays on one CPU while a trace has INET sockets, and after every op that may send, datagrams
//    to itself follow what was sent through that CPU's one queue until they come back without a wait.
//  - What a trace leaves open is reset, so that no TIME_WAIT stays.
//
// The namespace belongs to a thread that does nothing else: nothing is left when the process is gone. It is made with
// the first INET socket; before, all of this costs nothing. Needs CAP_SYS_ADMIN. Not thread-safe.

#ifndef POLLUX_ORACLE_LOOPBACK_H_
#define POLLUX_ORACLE_LOOPBACK_H_

#include <sched.h>

#include <memory>
#include <vector>

#include "model/op.h"

namespace pollux {

class Loopback {
 public:
  Loopback();
  ~Loopback();

  // Replaces the socket at `number`, just made, by one of the same type and flags in the namespace. Takes some numbers
  // for a moment. nullptr, or why there is none.
  const char* Move(int number, int type, bool cloexec);
  // A socket that an op has returned.
  void Opened(int number) { numbers_.push_back(number); }
  // May the op have sent something?
  bool active() const { return !numbers_.empty(); }
  static bool Sends(Call call);
  // Waits until everything has arrived that was sent.
  void Settle();
  // Before the end of a trace, while its descriptors are open.
  void Reset();
  // Was something delivered by somebody else than the sender since Reset? Then the order of two notifications may have
  // been another one.
  bool Deferred() const { return deferred_; }

 private:
  struct Holder;
  void Pin();
  void Unpin();

  std::unique_ptr<Holder> holder_;
  std::vector<int> numbers_;
  cpu_set_t before_;
  bool pinned_ = false, deferred_ = false;
  unsigned made_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_LOOPBACK_H_
