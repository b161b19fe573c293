// Tells when threads have come to rest, without privilege: each has returned from its call, or sleeps in it.
//
// A thread with a descriptor table of its own, for numbers in the trace's are the trace's. It looks at each thread that
// has not returned: is it in its call, in state S, and how often has it been given the CPU? Equal counts in two looks:
// the thread did not run in between, so it slept from the first look until the second. All of them slept, then, at the
// moment at which the second look began, and what was to wake them was over by then (THREADS). Not thread-safe.

#ifndef POLLUX_ORACLE_VIEWER_H_
#define POLLUX_ORACLE_VIEWER_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "model/op.h"
#include "oracle/exec.h"

namespace pollux {

// A number of this table for a moment; where a trace has used them up the soft limit is lifted meanwhile. -1 if there
// is no such file.
int OpenAnyway(const char* path);

class Viewer {
 public:
  // Whom it looks at.
  struct Subject {
    std::atomic<uint32_t>* asked = nullptr;  // steps; null: nobody
    std::atomic<uint32_t>* done = nullptr;
    const CallMark* mark = nullptr;
    bool pending() const { return asked != nullptr && done->load(std::memory_order_acquire) != asked->load(); }

   private:
    friend class Viewer;
    int tid = 0, stat = -1, schedstat = -1;
    uint32_t step = 0;  // in which it was last seen asleep; 0: in none
    uint64_t runs = 0;
  };
  using Subjects = std::array<Subject, kMaxThreads + 1>;

  // nullptr if it cannot see what it needs. Inherits the CPU and the scheduling of the calling thread.
  static std::unique_ptr<Viewer> Open();
  ~Viewer();
  Viewer(const Viewer&) = delete;
  Viewer& operator=(const Viewer&) = delete;

  enum View { kRest, kMoved, kHung };
  // kMoved: all have come to rest, and somebody who slept before has run; kHung: they have not within the time.
  View Settle(Subjects* subjects, int deadline_ms);

 private:
  Viewer() = default;
  void Main();
  View Look();
  bool Asleep(Subject* subject, bool* ran);

  std::atomic<uint32_t> asked_{0}, answered_{0};
  bool end_ = false;
  Subjects* subjects_ = nullptr;
  int deadline_ms_ = 0;
  View view_ = kRest;
  std::thread thread_;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_VIEWER_H_
