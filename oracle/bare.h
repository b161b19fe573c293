// A trace as bare system calls: what checking is measured against.
//
// One run of the trace tells every descriptor number; after that the trace is a flat array of system call numbers
// and arguments, and its replay makes the same calls, its reset included, and stores nothing. An fdinfo becomes the
// calls that read it. Left out are ops that are no calls or were not executed (watches, skipped) and those that block.

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

 private:
  struct Flat {
    long number;
    long arg[6];
  };
  static long Make(const Flat& f) {
    return syscall(f.number, f.arg[0], f.arg[1], f.arg[2], f.arg[3], f.arg[4], f.arg[5]);
  }
  long Add(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0);
  void AddFdinfo(int fd);

  std::vector<Flat> flat_;
  std::vector<long> results_;          // of the first time
  std::deque<SystemCall> pointed_to_;  // by flat_; a deque moves nothing
  std::deque<std::string> texts_;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_BARE_H_
