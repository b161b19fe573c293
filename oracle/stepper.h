// Steps threads: hands each op to the thread that is to make it, and says which threads came back.
//
// Everything runs on one CPU, so that nothing runs in the middle of a call.
//
// With real-time priorities: while a trace has threads, they are SCHED_FIFO 2; its controller (the calling thread) is
// SCHED_FIFO 3 while it makes a call, so that nobody runs in the middle of it, however the kernel is preempted, and 1
// for a moment behind it: then whatever the op woke runs, in the order of the wakes, and when the controller executes
// its next instruction each thread has returned or sleeps. Nothing is polled, and no time is in a verdict; a step costs
// about 5 us. Needs CAP_SYS_NICE or a limit of real-time priority.
//
// Without: threads are SCHED_BATCH, which does not preempt when it is woken, and a Viewer (viewer.h) looks at them
// until each has returned or sleeps. In which order the woken ran is not known. Where the controller was preempted in a
// call that woke somebody they may have run in the middle of it (disturbed()). About 25 us.
//
// Timeouts pass by the clock. An op by whose end one may have passed that has no expire() yet has no outcome but
// kTooLate (timeouts.h).
//
// Threads share the controller's descriptor table. They are made when a trace first needs them and stay, asleep, until
// the stepper goes. Not thread-safe: belongs to the thread that opened it.

#ifndef POLLUX_ORACLE_STEPPER_H_
#define POLLUX_ORACLE_STEPPER_H_

#include <array>
#include <memory>

#include "model/op.h"
#include "model/trace.h"
#include "oracle/cpus.h"
#include "oracle/doubt.h"
#include "oracle/exec.h"
#include "oracle/viewer.h"

namespace pollux {

class Stepper {
 public:
  // On the thread that executes traces, after Exec::Open; `mark` is that one's, and not owned. `job` chooses the CPU.
  // nullptr where threads cannot be stepped, and *why says why.
  static std::unique_ptr<Stepper> Open(CallMark* mark, int job, int deadline_ms, const char** why);
  ~Stepper();
  Stepper(const Stepper&) = delete;
  Stepper& operator=(const Stepper&) = delete;

  Stepping stepping() const;

  // Has thread op.thread execute the op, whose operands are literal: kBlocked if it sleeps in it, kHung if it neither
  // sleeps nor returns. Skipped if the thread is in a call.
  void Run(const Op& op, Outcome* out);
  // Before an op of the controller.
  void Expect();
  // After it: lets those run whom it woke, and adds who came back.
  void Collect(Outcome* out);
  // Waits until the timeout has passed of the call that the thread sleeps in; the thread comes back.
  void Expire(const Op& op, Outcome* out);
  bool sleepers() const { return asleep_ > 0; }
  // Was the controller preempted, since Home(), in the middle or at the end of a call that woke somebody?
  bool disturbed() const { return disturbed_; }

  // The end of a trace: interrupts every call that sleeps, and gives the controller its scheduling back.
  void Home();

 private:
  struct Worker;
  Stepper(CallMark* mark, int deadline_ms);
  Worker* Get(uint8_t thread);
  const char* SelfTest();
  const char* TestOrder();
  const char* TestViews();
  void Begin();
  bool LetRun();
  void Gather(Outcome* out);
  bool Passed() const;
  bool Settle(Worker& worker);
  bool Wait(const Worker& worker) const;
  void Lost(Outcome* out);

  CallMark* mark_;
  int deadline_ms_;
  cpu_set_t original_ = {}, one_ = {};
  bool begun_ = false;
  std::unique_ptr<Viewer> viewer_;  // null: with real-time priorities
  Viewer::Subjects views_;          // of the workers
  bool disturbed_ = false;
  bool moved_ = false;          // who slept ran, when the viewer looked last
  long preempted_ = 0;          // how often the controller had been, before the op
  const char* lost_ = nullptr;  // a thread did not come home: no more steps
  int asleep_ = 0;
  int waiting_ = 0;  // of those, in what may go on for a moment after it was woken
  std::array<std::unique_ptr<Worker>, kMaxThreads + 1> workers_;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_STEPPER_H_
