// The executing thread's life, and one op from start to end.

#include "oracle/exec.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include "model/abi.h"
#include "oracle/exec_internal.h"
#include "oracle/shared_ring.h"

namespace pollux {
namespace {

bool SetsAsync(const Op& op) {
  if (op.call == Call::kFcntl) return op.num(1) == kFSetfl && (op.u32(2) & kOAsync) != 0;
  return op.call == Call::kFioasync && op.num(2) != 0;
}

bool Sends(Call call) { return call == Call::kRaise || call == Call::kKill || call == Call::kSigqueue; }

// What is changed for the whole process, while there is an Exec: SIGPIPE, the poke signal, the signals of traces.
class ProcessSignals {
 public:
  static void Take() {
    const std::lock_guard lock(mutex_);
    if (users_++ > 0) return;
    struct sigaction ignore = {}, empty = {};
    ignore.sa_handler = SIG_IGN;
    empty.sa_handler = [](int) {};
    sigaction(SIGPIPE, &ignore, &pipe_);
    sigaction(Exec::PokeSignal(), &empty, &poke_);  // no SA_RESTART: a poked call returns
    Signals::TakeHandlers();
  }
  static void Give() {
    const std::lock_guard lock(mutex_);
    if (--users_ > 0) return;
    sigaction(SIGPIPE, &pipe_, nullptr);
    sigaction(Exec::PokeSignal(), &poke_, nullptr);
    Signals::GiveHandlers();
  }

 private:
  static inline std::mutex mutex_;
  static inline int users_ = 0;
  static inline struct sigaction pipe_, poke_;
};

// poll(2) of a single descriptor is EINVAL under RLIMIT_NOFILE 0 (R1.11b): not for the task while this lives.
class PollAllowed {
 public:
  explicit PollAllowed(pid_t task) : task_(task) {
    if (prlimit(task, RLIMIT_NOFILE, nullptr, &before_) != 0 || before_.rlim_cur > 0) return;
    const rlimit one = {1, before_.rlim_max};
    lifted_ = prlimit(task, RLIMIT_NOFILE, &one, nullptr) == 0;
  }
  ~PollAllowed() {
    if (lifted_) prlimit(task_, RLIMIT_NOFILE, &before_, nullptr);
  }
  PollAllowed(const PollAllowed&) = delete;
  PollAllowed& operator=(const PollAllowed&) = delete;

 private:
  pid_t task_;
  rlimit before_ = {};
  bool lifted_ = false;
};

// Closes what /proc lists; false where it does not. For kernels without close_range.
bool CloseListed() {
  struct Entry {  // linux_dirent64
    uint64_t inode, next;
    uint16_t size;
    uint8_t type;
    char name[];
  };
  const int list = open("/proc/thread-self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (list < 0) return false;
  std::vector<int> numbers;
  alignas(Entry) char buffer[4096];
  long n;
  while ((n = syscall(SYS_getdents64, list, buffer, sizeof buffer)) > 0) {
    for (long at = 0; at < n;) {
      const Entry* entry = reinterpret_cast<const Entry*>(buffer + at);
      const int fd = std::atoi(entry->name);
      if (fd >= 3) numbers.push_back(fd);
      at += entry->size;
    }
  }
  for (const int fd : numbers) close(fd);
  return n == 0;
}

void CloseFrom3() {
  if (syscall(SYS_close_range, 3, ~0u, 0) == 0 || CloseListed()) return;
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  for (rlim_t fd = 3; fd < std::max<rlim_t>(limit.rlim_cur, 4096); ++fd) close(static_cast<int>(fd));
}

}  // namespace

void CallMark::Here() {
  pid.store(getpid());
  tid.store(static_cast<int32_t>(syscall(SYS_gettid)));
}

int Exec::PokeSignal() { return SIGRTMIN + 16; }

long Invoke(const SystemCall& c) {
  const long result = syscall(c.number, c.arg[0], c.arg[1], c.arg[2], c.arg[3], c.arg[4], c.arg[5]);
  return result == -1 ? -errno : result;
}

// --- Life ------------------------------------------------------------------------------------------------------------

std::unique_ptr<Exec> Exec::Open(CallMark* mark, std::string* why) {
  std::unique_ptr<Exec> exec(new Exec);
  exec->mark_ = mark != nullptr ? mark : &exec->own_mark_;
  exec->mark_->Here();
  if (const char* reason = exec->TakeTable()) {
    *why = reason;
    return nullptr;
  }
  if (!exec->Map(false)) {
    *why = "cannot map buffers";
    return nullptr;
  }
  return exec;
}

std::unique_ptr<Exec> Exec::OpenBeside(CallMark* mark, std::string* why) {
  std::unique_ptr<Exec> exec(new Exec);
  exec->mark_ = mark;
  mark->Here();
  if (!exec->Map(true)) {
    *why = "cannot map buffers";
    return nullptr;
  }
  sigset_t others;  // a trace's signals are its controller's
  sigfillset(&others);
  sigdelset(&others, PokeSignal());
  pthread_sigmask(SIG_SETMASK, &others, nullptr);
  return exec;
}

const char* Exec::TakeTable() {
  if (getrlimit(RLIMIT_NOFILE, &original_limit_) != 0) return "cannot read RLIMIT_NOFILE";
  if (original_limit_.rlim_max < kTraceLimit) return "the hard limit of RLIMIT_NOFILE is below 1024";
  // Container filters refuse unshare as a whole, but know close_range.
  if (syscall(SYS_unshare, CLONE_FILES) != 0 && syscall(SYS_close_range, 3, ~0u, kCloseRangeUnshare) != 0) {
    return "unshare(CLONE_FILES) is refused";
  }
  // 0, 1 and 2 must be taken, or a trace's numbers would not begin at 3.
  for (;;) {
    const int fd = open("/dev/null", O_RDWR);
    if (fd < 0) return "cannot open /dev/null";
    if (fd <= 2) continue;
    close(fd);
    break;
  }
  CloseFrom3();
  named_.Probe();
  signals_.Open();
  limit_ = original_limit_.rlim_cur;
  uring_ = Uring::Open();
  if (!SetLimit(kTraceLimit)) return "cannot set RLIMIT_NOFILE to 1024";
  limit_taken_ = true;
  ProcessSignals::Take();
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, &original_mask_);
  BlockSignals();
  signals_taken_ = true;
  loopback_.Enter(uring_.get());
  return nullptr;
}

Exec::~Exec() {
  second_.Kill();
  if (limit_taken_) {
    CloseFrom3();
    setrlimit(RLIMIT_NOFILE, &original_limit_);
  }
  if (signals_taken_) {
    signals_.Drain();
    pthread_sigmask(SIG_SETMASK, &original_mask_, nullptr);
    ProcessSignals::Give();
  }
  if (map_ != nullptr) munmap(map_, map_size_);
}

void Exec::Reset() {
  signals_.Drain();
  EndProcesses();
  if (uring_ != nullptr) uring_->Reset();
  if (!restart_expires_.empty()) timers_.Clear(), restart_expires_.clear(), lost_timers_ = false;
  const bool inet = loopback_.busy();
  if (inet) [[unlikely]]
    loopback_.Reset();
  ptys_.Reset();
  announcer_.Reset();
  // It was the first to keep this thread where it is, if it did.
  if (!loopback_.busy()) second_.Unpin();
  CloseFrom3();
  if (limit_ != kTraceLimit) [[unlikely]] {
    SetLimit(kTraceLimit);
    if (highest_limit_ > 4096) Compact();
    highest_limit_ = 0;
  }
  if (inet) [[unlikely]]
    loopback_.Renew();
}

void Exec::EndProcesses() {
  children_.Reset();
  second_.Kill();
}

bool Exec::SetLimit(rlim_t soft) {
  const rlimit limit = {soft, original_limit_.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  limit_ = soft;
  highest_limit_ = std::max(highest_limit_, soft);
  return true;
}

// A descriptor table never shrinks, and closing all of a large one is slow on many kernels. A copy is small again:
// CLOSE_RANGE_UNSHARE copies what stays, if somebody else holds the table too.
void Exec::Compact() {
  std::atomic<bool> done{false};
  std::thread holder([&done] { done.wait(false); });
  syscall(SYS_close_range, 3, ~0u, kCloseRangeUnshare);
  done.store(true);
  done.notify_one();
  holder.join();
}

// --- Running ---------------------------------------------------------------------------------------------------------

void Exec::Run(const Op& op, Outcome* out) {
  if (const char* why = Refused(op)) [[unlikely]]
    return Skip(why, out);
  if (op.call == Call::kOpen) [[unlikely]] {
    if (const char* why = BeforeOpen(op)) return Skip(why, out);
  }
  by_second_ = op.process != 0, by_32_ = op.i386 != 0;
  if (by_second_ && !second_.alive()) [[unlikely]]
    return out->Error(kESRCH);
  if (!Prepare(op, call_)) [[unlikely]] {
    if (op.call == Call::kFdinfo) return Fdinfo(op.fd(0).number(), out);
    if (op.call == Call::kFork || op.call == Call::kExit || op.call == Call::kExecve) return RunProcess(op, out);
    if (op.call == Call::kRingSetup || op.call == Call::kRingPush || op.call == Call::kRingReap) {
      return RunRing(op, out);
    }
    if (op.call == Call::kOpenpty) return RunOpenpty(op, out);
    if (op.call == Call::kUringEpollCtl || op.call == Call::kUringEpollWait) return RunUring(op, out);
    if (op.call == Call::kChange) {
      const char* why = announcer_.Change(static_cast<Which>(op.arg[0]));
      return why != nullptr ? Skip(why, out) : out->Value(0);
    }
    if (op.call == Call::kJumpClock) {
      const char* why = announcer_.JumpClock();
      return why != nullptr ? Skip(why, out) : out->Value(0);
    }
    if (op.call == Call::kWatches) return Skip("no quota here", out);
    if (op.call == Call::kExpire) return Skip("no threads here", out);
    return RunSpecial(op, out);
  }
  if (by_32_) [[unlikely]] {
    if (const char* why = LacksCaller32()) return Skip(why, out);
    ForCaller32(op, call_);
  }
  if (op.call == Call::kTimerfdSettime && (op.u32(1) & kTfdTimerCancelOnSet) != 0) [[unlikely]] {
    if (const char* why = announcer_.WatchClock()) return Skip(why, out);
  }
  if (call_->number == kNoCall) return Skip("this architecture has no such call", out);
  if (op.call == Call::kPrlimit && call_->limit.rlim_cur > call_->limit.rlim_max) {
    return Skip("above the hard limit of RLIMIT_NOFILE", out);
  }
  const bool inet = op.call == Call::kSocket && op.num(0) == AF_INET;
  const bool netlink = op.call == Call::kSocket && op.num(0) == AF_NETLINK;
  if ((inet || netlink) && loopback_.Lacks() != nullptr) return Skip(loopback_.Lacks(), out);
  if (op.call == Call::kInotifyAdd || op.call == Call::kFchmod) [[unlikely]] {
    if (const char* why = NotOwned(op.fd(op.call == Call::kInotifyAdd ? 1 : 0).number())) return Skip(why, out);
  }
  bool blocked = false, died = false;
  if (Sends(op.call)) [[unlikely]] {
    if (const char* why = signals_.Lacks(op.call)) return Skip(why, out);
    signals_.Sends();
  }
  const bool ptys = ptys_.active();
  if (ptys) [[unlikely]] {
    if (SetsAsync(op) && ptys_.Terminal(op.fd(0).number())) return Skip("O_ASYNC of a terminal sends SIGIO", out);
    ptys_.Before(op, by_second_);
  }
  long result = InvokeMarked(*call_, LetsThrough(op), &blocked, &died);
  if (ptys && !blocked && !died && ptys_.CutShort(op, result, by_second_)) [[unlikely]]
    result += WriteRest(op, result, &blocked, &died);
  if (result == -EACCES && op.call == Call::kReopen && geteuid() != 0) [[unlikely]]
    return Skip("files without a name are root's to open anew", out);
  if (op.call == Call::kInotifyAdd || op.call == Call::kInotifyInit1) [[unlikely]] {
    if (const char* why = InotifyLimit(op, result)) return Skip(why, out);
  }
  if (loopback_.active() || inet) [[unlikely]] {
    if (const char* why = OnLoopback(op, result)) return Skip(why, out);
  }
  out->Clear();
  Collect(op, *call_, result, out);
  // A number that came with a message is not what the call returned.
  const bool came = op.call == Call::kRecvfd && out->kind == Outcome::kValues;
  if (ptys && !died) [[unlikely]]
    ptys_.After(op, came ? out->value[0] : result, by_second_);
  if (op.call == Call::kTimerfdCreate || !restart_expires_.empty()) FollowTimers(op, result);
  if (blocked || died) [[unlikely]] {
    out->Clear();
    out->kind = died ? Outcome::kDied : Outcome::kBlocked;
  }
}

// The rest of a write(2) or writev(2) that has written so much: as if it had gone on.
long Exec::WriteRest(const Op& op, long done, bool* blocked, bool* died) {
  SystemCall& c = *call_;
  const long address = c.arg[1], third = c.arg[2];
  iovec rest[2] = {c.segments[0], c.segments[1]};
  size_t left = static_cast<size_t>(done);
  if (op.call == Call::kWrite) {
    c.arg[1] += done, c.arg[2] -= done;
  } else {
    for (iovec& segment : c.segments) {
      const size_t skipped = std::min(left, segment.iov_len);
      segment.iov_base = static_cast<char*>(segment.iov_base) + skipped, segment.iov_len -= skipped;
      left -= skipped;
    }
  }
  const long more = InvokeMarked(c, false, blocked, died);
  c.arg[1] = address, c.arg[2] = third;
  std::copy(std::begin(rest), std::end(rest), c.segments);
  return std::max(more, 0l);
}

void Exec::RunRing(const Op& op, Outcome* out) {
  const long result = op.call == Call::kRingSetup  ? SetUpRing(op.u32(0), op.u32(1))
                      : op.call == Call::kRingPush ? PushNops(op.fd(0).number(), op.u32(1))
                                                   : ReapCompletions(op.fd(0).number(), op.u32(1));
  if (result == -ENOMEM) return Skip("no memory for a ring", out);
  result < 0 ? out->Error(static_cast<Errno>(-result)) : out->Value(result);
}

void Exec::RunOpenpty(const Op& op, Outcome* out) {
  const char* why;
  int numbers[2];
  const long result = ptys_.Open(static_cast<int>(op.u32(0)), numbers, &why);
  if (why != nullptr) return Skip(why, out);
  if (result < 0) return out->Error(static_cast<Errno>(-result));
  out->Clear(), out->nvalues = 2;
  out->value[0] = numbers[0], out->value[1] = numbers[1];
}

void Exec::RunProcess(const Op& op, Outcome* out) {
  if (op.call == Call::kFork) {
    if (second_.alive()) return out->Error(kEAGAIN);
    if (const char* why = second_.Fork()) return Skip(why, out);
    return out->Value(2);
  }
  if (op.process == 0) return out->Error(kEPERM);
  if (op.call == Call::kExit) {
    second_.Exit();
  } else if (const char* why = second_.Execve()) {
    return Skip(why, out);
  }
  if (loopback_.active()) SettleLoopback();
  out->Value(0);
}

// Can this file be opened, and does it stand where it must?
const char* Exec::BeforeOpen(const Op& op) {
  const Which which = static_cast<Which>(op.arg[0]);
  if (const char* why = named_.Lacks(op.arg[0])) return why;
  return which >= Which::kMounts ? announcer_.Prepare(which) : nullptr;
}

// Ops that are more than a call.
void Exec::RunSpecial(const Op& op, Outcome* out) {
  const char* why = nullptr;
  long result = -ENOSYS;
  switch (op.call) {
    case Call::kFifo:
      result = fifos_.Open(static_cast<int>(op.u32(0)));
      break;
    case Call::kMqOpen:
      result = queues_.Open(op.u32(0), op.num(1), op.num(2), &why);
      break;
    case Call::kChild:
      result = children_.New(&why);
      break;
    case Call::kExitChild: {
      const PollAllowed allowed(0);
      result = Children::Exit(op.fd(0).number());
      break;
    }
    case Call::kPidfdOpen:
      result = PidOf(op.fd(0).number());
      if (result != -EBADF) result = Children::OpenAgain(static_cast<pid_t>(result), op.u32(1));
      break;
    default:
      break;
  }
  if (why != nullptr) return Skip(why, out);
  result < 0 ? out->Error(static_cast<Errno>(-result)) : out->Value(result);
}

// Does the call have a temporary mask under which a signal of the trace is delivered?
bool Exec::LetsThrough(const Op& op) const {
  if (!signals_.sent()) return false;
  const size_t slot = op.call == Call::kEpollPwait2 ? 6 : 4;
  const bool has = slot == 6 || op.call == Call::kEpollPwait || op.call == Call::kPpoll;
  return has && op.mem(slot).readable() && signals_.Pending();
}

void Exec::RunUring(const Op& op, Outcome* out) {
  if (uring_ == nullptr) return Skip("no io_uring here", out);
  out->Clear();
  bool blocked = false;
  const int epfd = op.fd(0).number();
  mark_->Enter();
  if (op.call == Call::kUringEpollCtl) {
    const long result =
        uring_->EpollCtl(epfd, op.num(1), op.fd(2).number(), reinterpret_cast<const void*>(call_->arg[3]));
    if (result < 0) out->Error(static_cast<Errno>(-result));
  } else {
    CollectEvents(*call_, uring_->EpollWait(epfd, call_->buffer, op.num(2), &blocked), out);
  }
  mark_->Leave();
  if (blocked) out->Clear(), out->kind = Outcome::kBlocked;
}

// What INET sockets need beside the call that has just returned; or why its outcome tells nothing.
const char* Exec::OnLoopback(const Op& op, long result) {
  if (op.call == Call::kSocket && result == -EAFNOSUPPORT) return "the kernel has no such sockets";
  if (result == -EADDRINUSE || result == -EADDRNOTAVAIL) return "no port is free";
  // The second process's numbers are not followed.
  if (by_second_ ? Loopback::Sends(op.call) : !loopback_.Done(op, result)) [[unlikely]]
    SettleLoopback();
  return nullptr;
}

void Exec::SettleLoopback() {  // a helper's descriptor counts as well
  const rlim_t limit = limit_, highest = highest_limit_;
  if (limit < kTraceLimit) SetLimit(kTraceLimit);
  loopback_.Settle();
  if (limit < kTraceLimit) SetLimit(limit);
  highest_limit_ = highest;
}

long Exec::InvokeMarked(const SystemCall& call, bool interruptible, bool* blocked, bool* died) {
  mark_->Enter();
  long result;
  do {
    if (by_second_ | by_32_) [[unlikely]] {
      result = by_second_ ? second_.Call(call, mark_, died) : InvokeFrom32(call);
    } else {
      result = Invoke(call);
    }
    *blocked = mark_->Poked();
  } while (result == -EINTR && !*blocked && !interruptible);
  mark_->Leave();
  return result;
}

// --- Timers ----------------------------------------------------------------------------------------------------------

// The expiration of a timer that was set to the past, or restarted with an interval that has passed, is part of the op:
// it comes by interrupt a moment later. poll(2) on the timer waits for it and changes nothing.
void Exec::FollowTimers(const Op& op, long result) {
  const int fd = op.fd(0).number();
  if (!by_second_) timers_.Follow(op, result);
  const uint16_t known = by_second_ ? 0 : timers_.At(fd);
  const bool lost = by_second_ || lost_timers_;
  bool expires = false;
  switch (op.call) {
    case Call::kTimerfdCreate:
      if (result < 0) return;
      restart_expires_.push_back(false);
      if (by_second_) return;
      return timers_.Put(static_cast<int>(result), static_cast<uint16_t>(restart_expires_.size()));
    case Call::kRecvfd:
      // What is done to a description under another number is done to one that is known.
      timers_.Clear();
      lost_timers_ = true;
      return;
    case Call::kTimerfdSettime: {
      if (result < 0 && result != -ECANCELED) return;
      const timespec &value = call_->timer.it_value, &interval = call_->timer.it_interval;
      expires = ExpiresAtOnce(op.u32(1), value.tv_sec, value.tv_nsec);
      if (by_second_) timers_.Clear(), lost_timers_ = true;  // it may be one of the first process, too
      if (known != 0) restart_expires_[known - 1] = expires && NearInterval(interval.tv_sec, interval.tv_nsec);
      break;
    }
    case Call::kRead:
    case Call::kReadv:
      expires = result != -EAGAIN && (known != 0 ? restart_expires_[known - 1] : lost && RestartExpires(fd));
      break;
    default:
      break;
  }
  if (!expires) return;
  const PollAllowed allowed(by_second_ ? second_.pid() : 0);
  constexpr int kLongest = 1000;  // ms; a kernel that loses the expiration shows it in what follows
  SystemCall& wait = *call_;
  wait.poll[0] = {fd, POLLIN, 0};
  wait.time = {kLongest / 1000, 0};
  const long arg[6] = {reinterpret_cast<long>(wait.poll), 1, reinterpret_cast<long>(&wait.time), 0, 8, 0};
  wait.number = SYS_ppoll;
  std::copy(std::begin(arg), std::end(arg), wait.arg);
  bool died;
  if (by_second_) {
    second_.Call(wait, nullptr, &died);
    return;
  }
  // It is near: falling asleep and waking up takes longer.
  constexpr int kLooks = 64;
  for (int i = 0; i < kLooks; ++i) {
    pollfd now = {fd, POLLIN, 0};
    if (poll(&now, 1, 0) != 0) return;
  }
  // What is known of a number is not always so (numbers.h).
  if (op.call != Call::kTimerfdSettime && !RestartExpires(fd)) return;
  Invoke(wait);
}

}  // namespace pollux
