#include "oracle/stepper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include "oracle/futex.h"
#include "oracle/timeouts.h"

namespace pollux {
namespace {

// Of the controller in a call and between two, and of the threads.
constexpr int kCallPriority = 3, kRestPriority = 1, kWorkerPriority = 2;
constexpr int kPokes = 200;  // signals before a call counts as lost, a millisecond apart but for the first ones
constexpr int kQuickPokes = 8;
constexpr int kTrials = 50;  // of the self-test

bool SetPolicy(int policy, int priority) {
  sched_param param = {};
  param.sched_priority = priority;
  return sched_setscheduler(0, policy, &param) == 0;
}

// How often the calling thread had to give up its CPU.
long Preemptions() {
  rusage usage;
  return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : 0;
}

void Pause() {
  const timespec millisecond = {0, 1'000'000};
  nanosleep(&millisecond, nullptr);
}

}  // namespace

struct Stepper::Worker {
  enum Task : uint8_t { kNothing, kRun, kSleep, kQuit };

  bool real_time;
  explicit Worker(bool real_time) : real_time(real_time) {}

  std::atomic<uint32_t> asked{0}, done{0};
  std::atomic<uint32_t> bed{0};  // kSleep sleeps until it is 1
  Task task = kNothing;
  bool sleeps = false;  // it has an op that has not returned
  int64_t timeout = 0;  // when its op's passes, at the earliest; 0: never
  Op op;
  Outcome outcome;
  CallMark mark;
  const char* why = nullptr;  // it cannot work
  std::thread thread;

  bool returned() const { return done.load(std::memory_order_acquire) == asked.load(std::memory_order_relaxed); }

  void Main() {
    std::string error;
    if (real_time && !SetPolicy(SCHED_FIFO, kWorkerPriority)) why = "a thread cannot be real-time";
    if (!real_time && !SetPolicy(SCHED_BATCH, 0)) why = "a thread cannot be a batch one";
    std::unique_ptr<Exec> exec = Exec::OpenBeside(&mark, &error);
    if (exec == nullptr) why = "a thread cannot map its buffers";
    for (uint32_t seen = 0;;) {
      FutexWait(&asked, seen);
      seen = asked.load(std::memory_order_acquire);
      const Task now = task;
      if (now == kRun && exec != nullptr) exec->Run(op, &outcome);
      if (now == kSleep) {
        mark.Enter();
        FutexWait(&bed, 0);
        mark.Leave();
      }
      if (now == kQuit) exec.reset();
      done.store(seen, std::memory_order_release);
      FutexWake(&done);
      if (now == kQuit) return;
    }
  }

  void Ask(Task what) {
    task = what;
    asked.store(asked.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    FutexWake(&asked);
  }

  // State S: the third field, behind the name, which may contain anything. A woken thread reads R.
  bool Asleep() const {
    char text[256];
    std::snprintf(text, sizeof text, "/proc/%d/task/%d/stat", mark.pid.load(), mark.tid.load());
    const int fd = OpenAnyway(text);
    if (fd < 0) return true;  // without /proc the priorities alone say so
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return true;
    text[n] = '\0';
    const char* name_end = std::strrchr(text, ')');
    return name_end != nullptr && name_end[1] == ' ' && name_end[2] == 'S';
  }
};

Stepper::Stepper(CallMark* mark, int deadline_ms) : mark_(mark), deadline_ms_(deadline_ms) {}

std::unique_ptr<Stepper> Stepper::Open(CallMark* mark, int job, int deadline_ms, const char** why) {
  std::unique_ptr<Stepper> stepper(new Stepper(mark, deadline_ms));
  if (sched_getaffinity(0, sizeof stepper->original_, &stepper->original_) != 0) {
    *why = "threads: the CPUs are not known";
    return nullptr;
  }
  NthCpu(stepper->original_, job % std::max(CPU_COUNT(&stepper->original_), 1), &stepper->one_);
  *why = stepper->SelfTest();
  if (*why != nullptr) return nullptr;
  return stepper;
}

Stepping Stepper::stepping() const {
  if (viewer_ == nullptr) return {Stepping::kInOrder, "by real-time priorities"};
  return {Stepping::kAnyOrder, "by their states in /proc, for want of real-time priority"};
}

const char* Stepper::SelfTest() {
  Begin();
  const char* why = nullptr;
  if (begun_) {
    why = TestOrder();
  } else {
    cpu_set_t now;
    const bool one = sched_getaffinity(0, sizeof now, &now) == 0 && CPU_COUNT(&now) == 1;
    viewer_ = one ? Viewer::Open() : nullptr;
    Begin();
    why = one ? TestViews() : "threads: neither real-time priority (CAP_SYS_NICE) nor one CPU to be on";
  }
  Home();
  return why;
}

// Does a thread do what it is asked before the controller goes on, always?
const char* Stepper::TestOrder() {
  for (int trial = 0; trial < kTrials; ++trial) {
    Worker* worker = Get(static_cast<uint8_t>(1 + trial % 2));
    if (worker->why != nullptr) return worker->why;
    worker->Ask(Worker::kNothing);
    if (worker->returned()) return "threads: real-time priorities are not kept";
    LetRun();
    if (!worker->returned()) return "threads: real-time priorities are not kept";
  }
  return nullptr;
}

// Is a thread seen that sleeps, that wakes for nothing, and that returns?
const char* Stepper::TestViews() {
  const char* const unseen = "threads: no real-time priority (CAP_SYS_NICE), and their states cannot be seen";
  for (int trial = 0; trial < kTrials; ++trial) {
    Worker* worker = Get(static_cast<uint8_t>(1 + trial % 2));
    if (worker->why != nullptr) return worker->why;
    const auto settle = [&] { return viewer_->Settle(&views_, deadline_ms_); };
    worker->bed.store(0);
    worker->Ask(Worker::kSleep);
    const bool slept = settle() == Viewer::kRest && !worker->returned() && settle() == Viewer::kRest;
    FutexWake(&worker->bed);
    const bool stirred = settle() == Viewer::kMoved && !worker->returned();
    worker->bed.store(1);
    FutexWake(&worker->bed);
    const bool returned = settle() == Viewer::kMoved && worker->returned();
    FutexWait(&worker->done, worker->asked.load() - 1);
    if (!slept || !stirred || !returned) return unseen;
  }
  return nullptr;
}

Stepper::~Stepper() {
  Home();
  for (auto& worker : workers_) {
    if (worker == nullptr) continue;
    if (!worker->returned()) {  // lost: it may still touch what it was given
      worker->thread.detach();
      static_cast<void>(worker.release());
      continue;
    }
    worker->Ask(Worker::kQuit);
    worker->thread.join();
  }
}

void Stepper::Begin() {
  if (begun_) return;
  // An affinity that cannot be set is that of a machine with one CPU (User Mode Linux).
  sched_setaffinity(0, sizeof one_, &one_);
  begun_ = viewer_ != nullptr || SetPolicy(SCHED_FIFO, kCallPriority);
}

// Whoever can run does so before this returns. False if somebody does not come to rest.
bool Stepper::LetRun() {
  if (viewer_ != nullptr) {
    const Viewer::View view = viewer_->Settle(&views_, deadline_ms_);
    moved_ = view == Viewer::kMoved;
    return view != Viewer::kHung;
  }
  SetPolicy(SCHED_FIFO, kRestPriority);
  SetPolicy(SCHED_FIFO, kCallPriority);
  if (waiting_ == 0) [[likely]]
    return true;
  // The release of an inotify takes a worker of the kernel's, and is done by who held it last.
  for (const auto& worker : workers_) {
    if (worker == nullptr || !worker->sleeps || worker->op.call != Call::kInotifyRead) continue;
    if (!Wait(*worker)) return false;
  }
  return true;
}

Stepper::Worker* Stepper::Get(uint8_t thread) {
  std::unique_ptr<Worker>& worker = workers_[thread];
  if (worker == nullptr) {
    worker = std::make_unique<Worker>(viewer_ == nullptr);
    worker->asked.store(1);  // the first answer: it has begun
    worker->thread = std::thread([w = worker.get()] { w->Main(); });
    FutexWait(&worker->done, 0);
    Viewer::Subject& view = views_[thread];
    view.asked = &worker->asked, view.done = &worker->done, view.mark = &worker->mark;
  }
  return worker.get();
}

// After a hand-over: false if the thread neither returns nor sleeps.
bool Stepper::Settle(Worker& worker) {
  if (!LetRun()) return false;
  return viewer_ != nullptr || Wait(worker);
}

bool Stepper::Wait(const Worker& worker) const {
  for (int ms = 0; !worker.returned() && !worker.Asleep(); ++ms) {
    if (ms > deadline_ms_) return false;
    Pause();  // it waits for a page or for a lock
  }
  return true;
}

void Stepper::Run(const Op& op, Outcome* out) {
  out->Clear();
  const auto skip = [out](const char* why) { out->kind = Outcome::kSkipped, out->note = why; };
  if (lost_ != nullptr) return skip(lost_);
  Begin();
  Worker& worker = *Get(op.thread);
  if (worker.why != nullptr) return skip(worker.why);
  if (worker.sleeps) return skip("the thread is in a call");
  worker.op = op;
  worker.timeout = TimeoutOf(op) == Timeout::kFinite ? Now() + TimeoutMs(op) * 1'000'000 : 0;
  mark_->Enter();
  worker.Ask(Worker::kRun);
  const bool settled = Settle(worker);
  mark_->Leave();
  if (!settled) return Lost(out);
  if (worker.returned()) {
    std::swap(*out, worker.outcome);
    if (Passed()) return Gather(out);
    worker.timeout = 0;
  } else {
    worker.sleeps = true, ++asleep_;
    waiting_ += op.call == Call::kInotifyRead;
    out->kind = Outcome::kBlocked;
  }
  Gather(out);
}

void Stepper::Expect() {
  if (viewer_ != nullptr && asleep_ > 0) preempted_ = Preemptions();
}

void Stepper::Collect(Outcome* out) {
  if (asleep_ == 0) return;
  const bool preempted = viewer_ != nullptr && Preemptions() != preempted_;
  if (!LetRun()) return Lost(out);
  disturbed_ |= preempted && moved_;
  Gather(out);
}

void Stepper::Lost(Outcome* out) {
  lost_ = "a thread is lost";
  out->Clear();
  out->kind = Outcome::kHung;
}

void Stepper::Expire(const Op& op, Outcome* out) {
  out->Clear();
  const auto skip = [out](const char* why) { out->kind = Outcome::kSkipped, out->note = why; };
  Worker* worker = op.arg[0] <= kMaxThreads ? workers_[op.arg[0]].get() : nullptr;
  if (lost_ != nullptr) return skip(lost_);
  if (worker == nullptr || !worker->sleeps || worker->timeout == 0) {
    return skip("the thread sleeps in no call with a timeout");
  }
  const int64_t deadline = worker->timeout + int64_t{deadline_ms_} * 1'000'000;
  for (int64_t left = 0; !worker->returned() && (left = deadline - Now()) > 0;) {
    const timespec most = {left / 1'000'000'000, left % 1'000'000'000};
    const uint32_t before = worker->asked.load(std::memory_order_relaxed) - 1;
    syscall(SYS_futex, &worker->done, FUTEX_WAIT_PRIVATE, before, &most, nullptr, 0);
  }
  if (!worker->returned()) {
    out->kind = Outcome::kHung;
    return;
  }
  worker->timeout = 0;
  if (!LetRun()) return Lost(out);
  Gather(out);
}

// May a timeout have passed of a call that somebody is in, or was until now?
bool Stepper::Passed() const {
  int64_t first = 0;
  for (const auto& worker : workers_) {
    if (worker == nullptr || worker->timeout == 0) continue;
    if (first == 0 || worker->timeout < first) first = worker->timeout;
  }
  return first != 0 && Now() >= first;
}

void Stepper::Gather(Outcome* out) {
  if (Passed()) {
    out->Clear();
    out->kind = Outcome::kSkipped, out->note = kTooLate;
    return;
  }
  for (uint8_t thread = 1; thread <= kMaxThreads; ++thread) {
    Worker* worker = workers_[thread].get();
    if (worker == nullptr || !worker->sleeps || !worker->returned()) continue;
    worker->sleeps = false, worker->timeout = 0, --asleep_;
    waiting_ -= worker->op.call == Call::kInotifyRead;
    out->completions.push_back({thread, worker->op.call, std::move(worker->outcome)});
    worker->outcome = Outcome();
  }
}

void Stepper::Home() {
  disturbed_ = false;
  const bool any = asleep_ > 0;
  if (any) mark_->Enter();
  for (auto& worker : workers_) {
    if (worker != nullptr) worker->timeout = 0;
    if (worker == nullptr || !worker->sleeps) continue;
    for (int poke = 0; poke < kPokes && !worker->returned(); ++poke) {
      // Only who sleeps is interrupted: before its call the signal would be lost.
      if (poke >= kQuickPokes) Pause();
      if (!worker->Asleep()) continue;
      worker->mark.poked.store(worker->mark.sequence.load());
      syscall(SYS_tgkill, worker->mark.pid.load(), worker->mark.tid.load(), Exec::PokeSignal());
      LetRun();
    }
    if (!worker->returned()) {
      lost_ = "a thread is lost";
      continue;
    }
    worker->sleeps = false, --asleep_;
    waiting_ -= worker->op.call == Call::kInotifyRead;
  }
  if (any) mark_->Leave();
  if (!begun_) return;
  if (viewer_ == nullptr) SetPolicy(SCHED_OTHER, 0);
  sched_setaffinity(0, sizeof original_, &original_);
  begun_ = false;
}

}  // namespace pollux
