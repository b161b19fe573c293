// A loopback interface of one's own, on which what is sent has arrived when the next op begins.
//
// Linux delivers over loopback within the sending call, as a rule: the softirq that receives may be left to ksoftirqd,
// and an acknowledgement may be delayed by 40 ms, with which a FIN_WAIT2 or a held back segment comes late. So:
//  - The executing thread lives in a network namespace of its own, whose local routes say quickack: every segment is
//    acknowledged at once. It also keeps other traffic, filters and used up ports away. Abstract names of AF_UNIX are
//    the namespace's, too; a socket belongs to it for life.
//  - The thread stays on one CPU while traces have INET sockets, and after an op that may have sent something a
//    datagram to itself follows through that CPU's one queue. If it comes back without a wait the queue was worked
//    off, answers and answers to answers included: the softirq does not end before (process_backlog(); with PREEMPT_RT
//    it may, and three have to come back). Where a byte sent over TCP is acknowledged, that says the same.
//  - What a trace leaves open is reset, so that no TIME_WAIT stays.
//
// The datagram's socket has no number that a trace could see, if there is an io_uring that keeps it. Without
// CAP_SYS_ADMIN there is no namespace and no INET socket. Not thread-safe: belongs to the executing thread.

#ifndef POLLUX_ORACLE_LOOPBACK_H_
#define POLLUX_ORACLE_LOOPBACK_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "model/op.h"
#include "oracle/cpus.h"
#include "oracle/numbers.h"
#include "oracle/uring.h"

namespace pollux {

class Loopback {
 public:
  Loopback();
  ~Loopback();  // the thread is back where it was

  // Moves the calling thread. The ring is not owned and may be null.
  void Enter(Uring* ring);
  // Why there are no INET sockets, or nullptr.
  const char* Lacks() const;

  // Has the trace had an INET socket?
  bool active() const { return active_; }
  // Is it one that can send something, on a suitable descriptor?
  static bool Sends(Call call);
  // The op has returned that. True if everything has arrived that it sent; else Settle must be called.
  bool Done(const Op& op, long result);
  // Waits until everything has arrived that was sent. Takes a number for a moment.
  void Settle();
  // Before the end of a trace, while its descriptors are open; needed if busy.
  void Reset();
  bool busy() const { return active_ || here_.begun(); }
  // After it, when they are closed: a used up namespace is replaced. Takes a number for a moment.
  void Renew();

  // The numbers that the trace's TCP sockets had at first.
  const std::vector<int>& streams() const { return streams_; }

  // Was something delivered by somebody else than the sender since Reset? Then the order of two notifications may have
  // been another one.
  bool Deferred() const { return deferred_; }

 private:
  struct Keeper;
  enum Protocol : uint16_t { kOther, kUdp, kTcp };
  // What an op may have sent.
  enum class Sent : uint8_t { kNothing, kSegments, kAnything };  // segments: all of them on the socket of operand 0
  void Furnish();
  Sent SentBy(const Op& op, long result) const;
  void Follow(const Op& op, long result);
  void Opened(int number, Protocol protocol);
  bool CameBack();

  std::unique_ptr<Keeper> keeper_;  // null: the thread is where it was
  Uring* ring_ = nullptr;
  bool there_ = false;  // the interface is up
  bool kept_ = false;   // the ring keeps a socket
  int rounds_ = 1;
  Numbers numbers_;  // Protocol; what is closed may be taken for a socket, never the other way round
  std::vector<int> streams_;
  bool travels_ = false;  // one went away with a message, and may be anywhere
  StayHere here_;
  bool active_ = false, deferred_ = false;
  unsigned made_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_LOOPBACK_H_
