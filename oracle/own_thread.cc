#include "oracle/own_thread.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "oracle/signals.h"

namespace pollux {
namespace {

enum Request : int { kNone, kReset, kRun, kThreads, kDisturbed, kDoubt, kQuit };

}  // namespace

// Shared by both sides, so that it outlives either.
struct OwnThread::Thread {
  CallMark mark;
  std::mutex mutex;
  std::condition_variable asked, answered;
  int request = kNone;
  Reason answer = Reason::kNone;
  Op op;
  Outcome outcome;
  Stepping stepping;
  absl::Status status;
  std::unique_ptr<Target> target;  // opened, used and destroyed on the thread

  void Main(const Opener& opener) {
    absl::StatusOr<std::unique_ptr<Target>> opened = opener(&mark);
    std::unique_lock lock(mutex);
    status = opened.status();
    if (opened.ok()) target = *std::move(opened);
    for (int todo = kReset;;) {
      if (todo != kReset || target != nullptr) {
        lock.unlock();
        if (todo == kReset) target->Reset();
        if (todo == kRun) target->Run(op, &outcome);
        if (todo == kThreads) stepping = target->Threads();
        const bool disturbed = todo == kDisturbed && target->Disturbed();
        const Reason doubt = todo == kDoubt ? target->Doubt() : disturbed ? Reason::kDisturbed : Reason::kNone;
        if (todo == kQuit) target.reset();
        lock.lock();
        answer = doubt;
      }
      request = kNone;
      answered.notify_one();
      if (todo == kQuit || target == nullptr) return;
      asked.wait(lock, [this] { return request != kNone; });
      todo = request;
    }
  }
};

absl::StatusOr<std::unique_ptr<Target>> OwnThread::Open(Opener opener, int deadline_ms) {
  std::unique_ptr<OwnThread> own(new OwnThread);
  own->opener_ = std::move(opener);
  own->deadline_ms_ = deadline_ms;
  if (absl::Status status = own->Start(); !status.ok()) return status;
  const Target& target = *own->thread_->target;
  own->name_ = target.name();
  own->lacks_caller32_ = target.LacksCaller32();
  own->profile_ = target.profile();
  own->facts_ = target.facts();
  own->probed_.assign(target.probed().begin(), target.probed().end());
  for (size_t c = 0; c < kCalls; ++c) own->lacks_[c] = target.Lacks(static_cast<Call>(c));
  return own;
}

absl::Status OwnThread::Start() {
  thread_ = std::make_shared<Thread>();
  thread_->request = kReset;
  BlockSignals();  // what a trace sends to the process is the other thread's
  std::thread([thread = thread_, opener = opener_] { thread->Main(opener); }).detach();
  std::unique_lock lock(thread_->mutex);
  thread_->answered.wait(lock, [this] { return thread_->request == kNone; });
  if (!thread_->status.ok()) {
    const absl::Status status = thread_->status;
    lock.unlock();
    thread_ = nullptr;
    return status;
  }
  watcher_.emplace(&thread_->mark, deadline_ms_);
  watcher_->Look();  // opens what it needs while there are numbers
  return absl::OkStatus();
}

OwnThread::~OwnThread() {
  if (thread_ != nullptr) Ask(kQuit);
}

// Has the thread do it; false if it hangs, and is then given up.
bool OwnThread::Ask(int request) {
  std::unique_lock lock(thread_->mutex);
  thread_->request = request;
  thread_->asked.notify_one();
  const auto tick = std::chrono::milliseconds(Watcher::kTickMs);
  while (!thread_->answered.wait_for(lock, tick, [this] { return thread_->request == kNone; })) {
    lock.unlock();
    const bool hung = watcher_->Look() == Watcher::kHung;
    lock.lock();
    if (hung && thread_->request != kNone) {
      lock.unlock();
      watcher_.reset();
      thread_ = nullptr;
      return false;
    }
  }
  return true;
}

void OwnThread::Reset() {
  if (thread_ == nullptr && !Start().ok()) return;
  Ask(kReset);
}

Stepping OwnThread::Threads() {
  if (thread_ != nullptr && Ask(kThreads)) return thread_->stepping;
  return {Stepping::kNot, "threads: the target hangs"};
}

bool OwnThread::Disturbed() { return thread_ != nullptr && Ask(kDisturbed) && thread_->answer != Reason::kNone; }

void OwnThread::Run(const Op& op, Outcome* out) {
  if (thread_ != nullptr) {
    thread_->op = op;
    if (Ask(kRun)) {
      std::swap(*out, thread_->outcome);
      return;
    }
  }
  out->Clear();
  out->kind = Outcome::kHung;
}

Reason OwnThread::Doubt() {
  if (thread_ == nullptr) return Reason::kNone;
  return Ask(kDoubt) ? thread_->answer : Reason::kFactChanged;
}

}  // namespace pollux
