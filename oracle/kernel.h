// The kernel that this process runs on, as traces see it: calls, threads, the quota of watches, and what was measured.
//
// Sees the standard library, model/lang and the rest of oracle/exec alone: the native target is made of it, and so is
// the agent. It executes on the thread that opens it, whose descriptor table becomes its own and empty from 3 up, for
// good (Exec::Open says what else changes, and what the destructor puts back).
//
// One at a time per process: RLIMIT_NOFILE is the process's.

#ifndef POLLUX_ORACLE_KERNEL_H_
#define POLLUX_ORACLE_KERNEL_H_

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "model/profile.h"
#include "oracle/doubt.h"
#include "oracle/exec.h"
#include "oracle/quota.h"
#include "oracle/stepper.h"
#include "oracle/watcher.h"

namespace pollux {

class Kernel {
 public:
  struct Options {
    bool allow_sysctl = false;  // may lower fs.epoll.max_user_watches
    bool allow_clock = false;   // may set CLOCK_REALTIME a nanosecond ahead, and back
    int job = 0;                // which of several jobs on this machine: selects the quota uid and the CPU of threads
    int deadline_ms = 1000;     // a call that sleeps longer is blocked
    // Where calls are noted, if somebody else looks after them. Not owned. Without one a watching thread does, and
    // calls `hung` where one cannot be brought home; that thread has the descriptors that there were before.
    CallMark* mark = nullptr;
    std::function<void()> hung = nullptr;
  };
  // nullptr where traces cannot be executed, and *why says why.
  static std::unique_ptr<Kernel> Open(const Options& options, std::string* why);
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  const Facts& facts() const { return facts_; }
  // Which calls cannot be made, and why; nullptr if they can.
  const char* Lacks(Call call) const { return lacks_[static_cast<size_t>(call)]; }
  const char* LacksCaller32() const { return exec_->LacksCaller32(); }

  // As of Target.
  void Reset();
  void Run(const Op& op, Outcome* out);
  Stepping Threads();
  bool Disturbed() const { return stepper_ != nullptr && stepper_->disturbed(); }
  Reason Doubt();

  Exec& exec() { return *exec_; }

 private:
  Kernel() = default;
  void ProbeCalls();
  void Watches(const Op& op, Outcome* out);
  void RunThreads(const Op& op, Outcome* out);
  const char* OpenStepper();
  void RunHere(const Op& op, Outcome* out);
  void PartTable(const Op& op);

  Facts facts_;
  std::array<const char*, kCalls> lacks_ = {};
  CallMark mark_;
  std::unique_ptr<Quota> quota_;  // null where watches(n) is lacking
  std::unique_ptr<Exec> exec_;    // gone early: the watches of the last trace with it
  int job_ = 0, deadline_ms_ = 0;
  CallMark* exec_mark_ = nullptr;     // where exec_ notes its calls
  std::unique_ptr<Stepper> stepper_;  // null until a trace has threads; gone first
  const char* no_stepper_ = nullptr;  // why there is none, if it was tried
  bool part_ = false;                 // the table will be copied: its threads would keep the old one
  std::atomic<bool> stop_{false};
  std::thread watcher_;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_KERNEL_H_
