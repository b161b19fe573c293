// A trace as bare system calls: what checking is measured against.
//
// One run of the trace tells every descriptor number; after that the trace is a flat array of system call numbers
// and arguments, and its replay makes the same calls, its reset included, and stores nothing. What an op needs beside
// its call is replayed with it: the calls that read an fdinfo or make a FIFO, the getsockname(2) that tells a connect
// its address, an io_uring's entry. Children, the second process, 32-bit callers and rings are Exec's, here as there.
// What only checking needs is not replayed: waiting for what was sent, finding out what is open where. Left out are ops
// that are no calls or were not executed (watches, skipped) and those that block; waits are given no time.

#ifndef POLLUX_ORACLE_BARE_H_
#define POLLUX_ORACLE_BARE_H_

#include <unistd.h>

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "model/op.h"
#include "oracle/exec.h"

namespace pollux {

class Bare {
 public:
  // Runs the trace on `exec`, on the thread that opened it.
  Bare(Exec* exec, std::span<const Op> ops);

  // The reset and the calls.
  void Replay() const {
    for (const Flat& f : flat_) Make(f);
  }
  // Replays and compares what every call returns with the first time: how many agree from the start on.
  size_t Verify() const;

  size_t calls() const { return flat_.size(); }
  // How many ops of the trace they are.
  size_t ops() const { return ops_; }

 private:
  struct Flat {
    long number;
    long arg[6];
  };
  // Numbers of what an io_uring does, Exec (arg[0]: an Op), and a reset with processes, beside those of system calls.
  static constexpr long kRingCtl = -2, kRingWait = -3, kWhole = -4, kEnd = -5;
  long Make(const Flat& f) const {
    if (f.number < 0) [[unlikely]]
      return MakeElsewhere(f);
    return syscall(f.number, f.arg[0], f.arg[1], f.arg[2], f.arg[3], f.arg[4], f.arg[5]);
  }
  long MakeElsewhere(const Flat& f) const;
  long Add(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0);
  void AddOp(Exec* exec, const Op& op);
  void AddWhole(const Op& op);
  void AddFdinfo(int fd);
  void AddFifo(const std::string& path, long flags);
  void AddQueue(const Op& op);
  long Text(std::string s);

  Exec* exec_;
  Uring* ring_;
  size_t ops_ = 0;
  std::vector<Flat> flat_;
  std::vector<long> results_;          // of the first time
  std::deque<SystemCall> pointed_to_;  // by flat_; a deque moves nothing
  std::deque<Op> whole_;
  std::deque<std::string> texts_;
  std::deque<socklen_t> sizes_;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_BARE_H_
