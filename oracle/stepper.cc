#include "oracle/stepper.h"

#include <fcntl.h>
#include <linux/futex.h>
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

#include "oracle/timeouts.h"

namespace pollux {
namespace {

// Of the controller in a call and between two, and of the threads.
constexpr int kCallPriority = 3, kRestPriority = 1, kWorkerPriority = 2;
constexpr int kPokes = 200;  // signals before a call counts as lost, a millisecond apart but for the first ones
constexpr int kQuickPokes = 8;
constexpr int kTrials = 50;  // of the self-test

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));

void Wait(std::atomic<uint32_t>* word, uint32_t value) {
  while (word->load(std::memory_order_acquire) == value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
  }
}
void Wake(std::atomic<uint32_t>* word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0); }

bool SetPolicy(int policy, int priority) {
  sched_param param = {};
  param.sched_priority = priority;
  return sched_setscheduler(0, policy, &param) == 0;
}

int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void Pause() {
  const timespec millisecond = {0, 1'000'000};
  nanosleep(&millisecond, nullptr);
}

// A number of this table for a moment; where a trace has used them up the soft limit is lifted meanwhile.
int OpenAnyway(const char* path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0 || errno != EMFILE) return fd;
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
  const rlimit lifted = {limit.rlim_max, limit.rlim_max};
  setrlimit(RLIMIT_NOFILE, &lifted);
  fd = open(path, O_RDONLY | O_CLOEXEC);
  setrlimit(RLIMIT_NOFILE, &limit);
  return fd;
}

}  // namespace

struct Stepper::Worker {
  enum Task : uint8_t { kNothing, kRun, kQuit };

  std::atomic<uint32_t> asked{0}, done{0};
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
    if (!SetPolicy(SCHED_FIFO, kWorkerPriority)) why = "a thread cannot be real-time";
    std::unique_ptr<Exec> exec = Exec::OpenBeside(&mark, &error);
    if (exec == nullptr) why = "a thread cannot map its buffers";
    for (uint32_t seen = 0;;) {
      Wait(&asked, seen);
      seen = asked.load(std::memory_order_acquire);
      const Task now = task;
      if (now == kRun && exec != nullptr) exec->Run(op, &outcome);
      if (now == kQuit) exec.reset();
      done.store(seen, std::memory_order_release);
      Wake(&done);
      if (now == kQuit) return;
    }
  }

  void Ask(Task what) {
    task = what;
    asked.store(asked.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    Wake(&asked);
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

// Does a thread do what it is asked before the controller goes on, always?
const char* Stepper::SelfTest() {
  Begin();
  const char* why = real_time_ ? nullptr : "threads: no real-time priority (CAP_SYS_NICE)";
  for (int trial = 0; trial < kTrials && why == nullptr; ++trial) {
    Worker* worker = Get(static_cast<uint8_t>(1 + trial % 2));
    if (worker->why != nullptr) {
      why = worker->why;
      continue;
    }
    worker->Ask(Worker::kNothing);
    if (worker->returned()) why = "threads: real-time priorities are not kept";
    LetRun();
    if (!worker->returned()) why = "threads: real-time priorities are not kept";
  }
  Home();
  return why;
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
  if (real_time_) return;
  // An affinity that cannot be set is that of a machine with one CPU (User Mode Linux).
  sched_setaffinity(0, sizeof one_, &one_);
  real_time_ = SetPolicy(SCHED_FIFO, kCallPriority);
}

// Whoever can run does so before this returns.
void Stepper::LetRun() {
  SetPolicy(SCHED_FIFO, kRestPriority);
  SetPolicy(SCHED_FIFO, kCallPriority);
}

Stepper::Worker* Stepper::Get(uint8_t thread) {
  std::unique_ptr<Worker>& worker = workers_[thread];
  if (worker == nullptr) {
    worker = std::make_unique<Worker>();
    worker->asked.store(1);  // the first answer: it has begun
    worker->thread = std::thread([w = worker.get()] { w->Main(); });
    Wait(&worker->done, 0);
  }
  return worker.get();
}

// After a hand-over: false if the thread neither returns nor sleeps.
bool Stepper::Settle(Worker& worker) {
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
  LetRun();
  const bool settled = Settle(worker);
  mark_->Leave();
  if (!settled) {
    lost_ = "a thread is lost";
    out->kind = Outcome::kHung;
    return;
  }
  if (worker.returned()) {
    std::swap(*out, worker.outcome);
    if (Passed()) return Gather(out);
    worker.timeout = 0;
  } else {
    worker.sleeps = true, ++asleep_;
    out->kind = Outcome::kBlocked;
  }
  Gather(out);
}

void Stepper::Collect(Outcome* out) {
  if (asleep_ == 0) return;
  LetRun();
  Gather(out);
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
  LetRun();
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
    out->completions.push_back({thread, worker->op.call, std::move(worker->outcome)});
    worker->outcome = Outcome();
  }
}

void Stepper::Home() {
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
  }
  if (any) mark_->Leave();
  if (!real_time_) return;
  SetPolicy(SCHED_OTHER, 0);
  sched_setaffinity(0, sizeof original_, &original_);
  real_time_ = false;
}

}  // namespace pollux
