// Pseudoterminals on which what was written has arrived when the next op begins, and in a known order.
//
// What is written to one side reaches the other through a worker of the kernel, which runs when it is scheduled, maybe
// beside the call. So, while a trace has a pseudoterminal:
//  - Before a write comes one of nothing. It notifies the writing side, as the write does at its end, so that this
//    comes first and the worker's notification second, whenever the worker runs. Likewise the other side of a read
//    that lets the worker go on and notifies both, if the worker is not too fast.
//  - After a write FIONREAD on the other side is asked until it shows what must be there by then: everything that was
//    written and not read, up to what the line discipline holds. poll(2) would wait only where there is nothing yet.
//  - What the worker does after all that shows (it looks once more for room, and frees a buffer) cannot be waited for:
//    where it would matter the model has no outcome.
//
// FIONREAD excludes the worker (termios_rwsem): what it shows has been notified. Before the first pseudoterminal all of
// this costs nothing. Needs devpts. Not thread-safe: belongs to the executing thread.

#ifndef POLLUX_ORACLE_PTYS_H_
#define POLLUX_ORACLE_PTYS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "model/op.h"

namespace pollux {

class Ptys {
 public:
  // Makes a system call, in the second process if `second`; its result, or -errno.
  using Caller = std::function<long(bool second, long number, long a, long b, long c)>;
  // `word` is memory that both processes have.
  void Use(int* word, Caller call) { word_ = word, call_ = std::move(call); }

  // A new pseudoterminal in raw mode: 0 and the numbers of both sides, or -errno. nullptr in *why, or why there is
  // none.
  long Open(int flags, int numbers[2], const char** why);
  // Has the trace had one?
  bool active() const { return !numbers_.empty(); }
  // Is the number, of the first process, one's? Not of one that is hung up.
  bool Terminal(int number) { return Find(false, number).pair != nullptr; }

  // May a write to a terminal have ended early because of a signal from outside? It is cut into pieces, and such a
  // signal ends it between two. What makes the rest of the same write changes nothing if it was not so.
  bool CutShort(const Op& op, long result, bool second);
  // Around every op while active.
  void Before(const Op& op, bool second);
  void After(const Op& op, long result, bool second);

  // The end of a trace.
  void Reset();
  // Was something not known to have arrived since? Then it may have come later.
  bool Deferred() const { return deferred_; }

 private:
  struct Pair {
    int device;
    std::array<int64_t, 2> sent = {};  // to the master and to the slave, and not read
  };
  struct Place {
    Pair* pair = nullptr;
    size_t side = 0;  // 1: the slave
  };
  struct Seat {
    bool second = false;
    int number = -1;
  };
  bool Known(int number) const;
  void Follow(const Op& op, long result);
  Place Find(bool second, int number);
  int64_t Unread(bool second, int number);
  void WriteNothing(bool second, int number);
  void WakeOther(const Place& place);
  Seat Open(const Place& place);
  bool SplicesTo(const Op& op, bool second);
  void Settle(const Place& place);

  int* word_ = nullptr;
  Caller call_;
  std::vector<int> numbers_;  // that have been one's, in either process
  std::vector<Pair> pairs_;
  bool deferred_ = false;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_PTYS_H_
