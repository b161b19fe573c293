#include "oracle/kernel.h"

#include <signal.h>

#include <chrono>
#include <utility>

#include "model/abi.h"
#include "oracle/facts.h"

namespace pollux {
namespace {

// One harmless op of every call; a kernel or filter that does not know the call answers ENOSYS or EPERM.
std::vector<Op> Probes() {
  const auto op = [](Call call, std::initializer_list<uint64_t> args = {}) {
    Op o = {.call = call};
    std::copy(args.begin(), args.end(), o.arg.begin());
    return o;
  };
  const auto second = [](Op o) {
    o.process = 1;
    return o;
  };
  const uint64_t none = Fd::Literal(-1).bits(), good = Memory().bits(), null = Memory(Memory::kNull).bits();
  const uint64_t unused = Fd::Literal(1000).bits();
  return {
      op(Call::kEpollCreate, {1}),
      op(Call::kEpollCreate1),
      op(Call::kEpollCtl, {none, kCtlAdd, none, good, kIn}),
      op(Call::kEpollWait, {none, good, 1, 0}),
      op(Call::kEpollPwait, {none, good, 1, 0, null, 8}),
      op(Call::kEpollPwait2, {none, good, 1, good, 0, 0, null, 8}),
      op(Call::kPoll),
      op(Call::kFdinfo, {Fd::Literal(3).bits()}),
      op(Call::kClose, {none}),
      op(Call::kCloseRange, {unused, unused, 0}),
      op(Call::kDup, {none}),
      op(Call::kDup2, {none, unused}),
      op(Call::kDup3, {none, unused, 0}),
      op(Call::kFcntl, {none, kFGetfd}),
      op(Call::kRead, {none, good, 1}),
      op(Call::kWrite, {none, good, 1}),
      op(Call::kSend, {none, good, 1}),
      op(Call::kRecv, {none, good, 1}),
      op(Call::kShutdown, {none, kShutRd}),
      op(Call::kPipe2),
      op(Call::kEventfd),
      op(Call::kSocketpair, {kSockStream}),
      op(Call::kTimerfdCreate, {kClockMonotonic}),
      op(Call::kTimerfdSettime, {none}),
      op(Call::kMemfdCreate),
      op(Call::kMemfdSecret),
      op(Call::kNlRequest, {none, static_cast<uint64_t>(Request::kNothing)}),
      op(Call::kChange, {static_cast<uint64_t>(Which::kMounts)}),
      op(Call::kOpen, {static_cast<uint64_t>(Which::kRegular)}),
      op(Call::kOpen, {static_cast<uint64_t>(Which::kDirectory)}),
      op(Call::kOpen, {static_cast<uint64_t>(Which::kNull)}),
      op(Call::kPrlimit, {1024}),
      op(Call::kSocket, {kAfUnix, kSockStream}),
      op(Call::kBind, {none}),
      op(Call::kListen, {none, 1}),
      op(Call::kConnect, {none, none}),
      op(Call::kAccept4, {none}),
      op(Call::kGetsockopt, {none, kSoError}),
      op(Call::kSetsockopt, {none, kSoRcvlowat, 1}),
      op(Call::kSendfd, {none, none}),
      op(Call::kRecvfd, {none}),
      op(Call::kUserfaultfd, {1}),
      op(Call::kPerfEventOpen),
      op(Call::kReopen, {Fd::Literal(3).bits(), kOPath}),
      op(Call::kFifo),
      op(Call::kSelect),
      op(Call::kPpoll, {good, good, 0, 0, null, 8}),
      op(Call::kReadv, {none}),
      op(Call::kWritev, {none}),
      op(Call::kFionbio, {none}),
      op(Call::kFioasync, {none}),
      op(Call::kFionread, {none}),
      op(Call::kSplice, {none, none, 1}),
      op(Call::kTee, {none, none, 1}),
      op(Call::kVmsplice, {none, good, 1}),
      op(Call::kSendfile, {none, none, 1}),
      op(Call::kSpliceAt, {none, 0, 0, none, 0, 0, 1}),
      op(Call::kSendfileAt, {none, none, 0, 0, 1}),
      op(Call::kKcmpFile, {none, none}),
      op(Call::kKcmpTfd, {none, none, none}),
      op(Call::kUringEpollCtl, {none, kCtlAdd, none, good, kIn}),
      op(Call::kUringEpollWait, {none, good, 1}),
      op(Call::kFork),
      second(op(Call::kExecve)),
      second(op(Call::kExit)),
      op(Call::kRingSetup, {1}),
      op(Call::kInotifyInit1),
      op(Call::kInotifyAdd, {none, none, kInModify}),
      op(Call::kInotifyRm, {none, 1}),
      op(Call::kInotifyRead, {none, good, 16}),
      op(Call::kFchmod, {none, 0600}),
      op(Call::kMqOpen, {kORdwr, 1, 1}),
      op(Call::kMqSend, {none, good, 1}),
      op(Call::kMqReceive, {none, good, 1}),
      op(Call::kMqGetattr, {none}),
      op(Call::kMqSetattr, {none}),
      op(Call::kSignalfd4, {none, good, 1, 0}),
      op(Call::kRaise, {0}),
      op(Call::kKill, {0}),
      op(Call::kSigqueue, {0, 0}),
      op(Call::kChild),
      op(Call::kPidfdOpen, {none}),
      op(Call::kExitChild, {none}),
      op(Call::kReap, {none}),
      op(Call::kOpenpty),
      op(Call::kPtsopen, {none}),
      op(Call::kJumpClock),
  };
}

}  // namespace

std::unique_ptr<Kernel> Kernel::Open(const Options& options, std::string* why) {
  std::unique_ptr<Kernel> kernel(new Kernel);
  CallMark* mark = options.mark != nullptr ? options.mark : &kernel->mark_;
  if (options.mark == nullptr) {
    // Before the descriptor table becomes this thread's alone: a thread started later would share it.
    mark->Here();
    std::atomic<bool> ready{false};
    kernel->watcher_ = std::thread([k = kernel.get(), deadline = options.deadline_ms, hung = options.hung, &ready] {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, nullptr);  // signals are for others
      Watcher watcher(&k->mark_, deadline);
      watcher.Look();
      ready.store(true);
      ready.notify_one();
      while (!k->stop_.load()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(Watcher::kTickMs));
        if (watcher.Look() == Watcher::kHung && hung != nullptr) hung();
      }
    });
    ready.wait(false);
  }
  const char*& no_quota = kernel->lacks_[static_cast<size_t>(Call::kWatches)];
  kernel->quota_ = Quota::Open(options.job, options.allow_sysctl, &no_quota);
  kernel->exec_ = Exec::Open(mark, why);
  kernel->exec_mark_ = mark, kernel->job_ = options.job, kernel->deadline_ms_ = options.deadline_ms;
  if (kernel->exec_ == nullptr) return nullptr;
  if (options.allow_clock) kernel->exec_->AllowClock();
  kernel->facts_ = MeasureFacts();
  kernel->ProbeCalls();
  return kernel;
}

Kernel::~Kernel() {
  stop_.store(true);
  if (watcher_.joinable()) watcher_.join();
}

void Kernel::ProbeCalls() {
  exec_->Reset();
  Outcome out;
  for (const Op& op : Probes()) {
    exec_->Run(op, &out);
    const char*& why = lacks_[static_cast<size_t>(op.call)];
    if (out.kind == Outcome::kSkipped) why = out.note;
    if (out.kind == Outcome::kError && (out.error == kENOSYS || out.error == kEPERM || out.error == kEACCES))
      why = "refused by this kernel";
    if (op.call == Call::kUringEpollWait && out.error == kEINVAL) why = "io_uring without EPOLL_WAIT";
    if (op.call == Call::kOpen && out.kind == Outcome::kError) why = "a file is missing";
    if (op.call == Call::kReopen && out.kind == Outcome::kError) why = "no /proc/thread-self/fd";
    if (op.call == Call::kFifo && out.kind == Outcome::kError) why = "no tmpfs of its own: needs CAP_SYS_ADMIN";
    if (op.call == Call::kFdinfo && out.kind != Outcome::kRecords) why = "no /proc/thread-self/fdinfo";
  }
  exec_->Reset();
  const auto number = [](int32_t n) { return Fd::Literal(n).bits(); };
  exec_->Run({.call = Call::kEpollCreate1}, &out);
  exec_->Run({.call = Call::kEventfd}, &out);
  exec_->Run({.call = Call::kEpollCtl, .arg = {number(3), kCtlAdd, number(4), Memory().bits(), kIn, 1}}, &out);
  exec_->Run({.call = Call::kFdinfo, .arg = {number(3)}}, &out);
  if (out.records.size() != 1) {
    const char*& why = lacks_[static_cast<size_t>(Call::kFdinfo)];
    if (why == nullptr) why = "fdinfo tells of no items";
  }
  if (!facts_.busy_poll) {
    lacks_[static_cast<size_t>(Call::kEpiocSparams)] = "no CONFIG_NET_RX_BUSY_POLL";
    lacks_[static_cast<size_t>(Call::kEpiocGparams)] = "no CONFIG_NET_RX_BUSY_POLL";
  }
  if (!facts_.timerfd_ticks) lacks_[static_cast<size_t>(Call::kTimerfdTicks)] = "no CONFIG_CHECKPOINT_RESTORE";
  exec_->Reset();
}

void Kernel::Reset() {
  if (stepper_ != nullptr) [[unlikely]] {
    stepper_->Home();
    if (std::exchange(part_, false)) stepper_.reset();
  }
  exec_->Reset();
  if (quota_ != nullptr) quota_->Reset();
}

void Kernel::Run(const Op& op, Outcome* out) {
  if (op.thread != 0 || stepper_ != nullptr || op.call == Call::kExpire) [[unlikely]]
    return RunThreads(op, out);
  RunHere(op, out);
}

// Why there is none, or nullptr.
const char* Kernel::OpenStepper() {
  if (stepper_ == nullptr && no_stepper_ == nullptr) {
    stepper_ = Stepper::Open(exec_mark_, job_, deadline_ms_, &no_stepper_);
  }
  return no_stepper_;
}

Stepping Kernel::Threads() {
  if (const char* why = OpenStepper()) return {Stepping::kNot, why};
  return stepper_->stepping();
}

// Threads share the descriptor table as long as nobody makes a copy of it.
void Kernel::PartTable(const Op& op) {
  constexpr int kLargeTable = 4096;  // one that Exec::Reset copies to make it small again
  if (op.call == Call::kPrlimit && op.num(0) > kLargeTable) part_ = true;
  if (op.call == Call::kCloseRange && (op.u32(2) & kCloseRangeUnshare) != 0) stepper_.reset();
}

void Kernel::RunThreads(const Op& op, Outcome* out) {
  const char* why = op.thread == 0 ? nullptr : NoThreadMakes(op);
  if (why == nullptr) why = op.thread == 0 ? nullptr : Refused(op);
  if (op.thread == 0 && op.call == Call::kExpire && stepper_ != nullptr) return stepper_->Expire(op, out);
  if (op.thread == 0) {
    PartTable(op);
    if (stepper_ != nullptr) stepper_->Expect();
    RunHere(op, out);
    if (stepper_ != nullptr) stepper_->Collect(out);
    return;
  }
  if (why == nullptr) why = OpenStepper();
  if (why != nullptr) {
    out->Clear(), out->kind = Outcome::kSkipped, out->note = why;
    return;
  }
  if (quota_ != nullptr && op.call == Call::kEpollCtl && op.num(1) == kCtlAdd) quota_->Adding();
  stepper_->Run(op, out);
}

void Kernel::RunHere(const Op& op, Outcome* out) {
  if (quota_ != nullptr) {
    const bool ctl = op.call == Call::kEpollCtl || op.call == Call::kUringEpollCtl;
    if (ctl && op.num(1) == kCtlAdd) quota_->Adding();
    if (op.call == Call::kWatches) [[unlikely]]
      return Watches(op, out);
  }
  exec_->Run(op, out);
}

void Kernel::Watches(const Op& op, Outcome* out) {
  const char* why = Refused(op);
  if (why == nullptr) why = quota_->Leave(op.num(0));
  out->Clear();
  if (why == nullptr) return;
  out->kind = Outcome::kSkipped;
  out->note = why;
}

Reason Kernel::Doubt() {
  const bool out_of_turn = exec_->Deferred();
  Reset();
  if (out_of_turn) return Reason::kOutOfTurn;
  const bool hold = MeasureFacts() == facts_ && (quota_ == nullptr || quota_->Holds());
  return hold ? Reason::kNone : Reason::kFactChanged;
}

}  // namespace pollux
