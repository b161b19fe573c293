// The code that makes the calls: executes ops on the kernel this process runs on.
//
// Sees the standard library and model/lang alone, so that an agent can be a single small static binary. Calls go
// through syscall(2), so that libc hides no argument. Buffers are mapped and touched beforehand; an op costs its
// system call and some tens of nanoseconds. Not thread-safe: an Exec belongs to the thread that opened it.
//
// Memory: every output buffer is painted before a call and looked at behind what the call returned; a kernel that
// writes there is caught (Outcome::clobbered). Records of a fault@N buffer end exactly at an inaccessible page.
// A struct of fault@0 straddles into one: its first bytes are readable, 4 or half of it. Straddling memory has the
// boundary of two pages in the middle of its first record, of bytes behind the first one; misaligned memory begins at
// an odd address.
//
// EINTR is an outcome where a temporary mask lets a pending signal of the trace through. Else an interrupted call was
// interrupted from outside (the harness, a debugger, SIGSTOP and SIGCONT, a freezer) and is made again, unless a
// Watcher did it on purpose: then the call is blocked.

#ifndef POLLUX_ORACLE_EXEC_H_
#define POLLUX_ORACLE_EXEC_H_

#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/rtnetlink.h>
#include <linux/userfaultfd.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/op.h"
#include "model/trace.h"
#include "oracle/announcer.h"
#include "oracle/children.h"
#include "oracle/fifo_room.h"
#include "oracle/loopback.h"
#include "oracle/message_queues.h"
#include "oracle/named_files.h"
#include "oracle/numbers.h"
#include "oracle/ptys.h"
#include "oracle/second_process.h"
#include "oracle/signals.h"
#include "oracle/unmapper.h"
#include "oracle/uring.h"

namespace pollux {

// Where the executing thread notes its calls, for a Watcher in another thread or, in shared memory, another process.
struct CallMark {
  std::atomic<uint64_t> sequence{0};  // odd while a call is under way
  std::atomic<uint64_t> poked{0};     // the call that a Watcher has interrupted, as `sequence` was then
  std::atomic<int32_t> pid{0}, tid{0};

  // The calling thread is the one.
  void Here();
  void Enter() { sequence.store(sequence.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  void Leave() { Enter(); }
  bool Poked() const { return poked.load(std::memory_order_acquire) == sequence.load(std::memory_order_relaxed); }
};

// Why no target that is this machine's kernel executes the op, whose operands are literal; nullptr if it may be
// executed. Such ops would touch the harness's descriptors or the machine, or have no deterministic outcome:
//  - descriptors 0 to 2;
//  - fcntl commands and ioctl requests outside short lists (FIFREEZE, for one, takes no argument either);
//  - F_SETPIPE_SZ above 16 MiB that is not an error; F_SETFL of O_NOATIME;
//  - open and reopen: other flags than O_APPEND, O_NONBLOCK, O_DIRECTORY, O_CLOEXEC, O_PATH, or writing to what can be
//  written
//    to elsewhere: only null is opened with O_WRONLY or O_RDWR;
//  - memfd_create with huge pages or execution flags;
//  - message queues larger than everybody may have;
//  - negative limits;
//  - by the second process: what uses this one's memory, limits or addresses (SecondMay, bounds.h).
const char* Refused(const Op& op);

// A system call with everything that it points to.
struct SystemCall {
  // The uapi struct epoll_params.
  struct Params {
    uint32_t usecs;
    uint16_t budget;
    uint8_t prefer, pad;
  };
  long number = 0;
  long arg[6] = {};
  char* buffer = nullptr;  // output buffer of bytes or event records
  size_t room = 0;         // its painted bytes: what may be looked at
  union {
    epoll_event event;
    itimerspec timer;
    pollfd poll[kMaxPoll];
    uint64_t sets[3];  // select's
    uint64_t words[2];
    int32_t integer;
    uint32_t slot[3];  // struct kcmp_epoll_slot
    uint64_t word;
    Params params;
    int pair[2];
    rlimit limit;
    sockaddr_storage address;
    struct {
      int value[2];  // of SO_LINGER two
      socklen_t size;
    } option;
    struct {
      msghdr header;
      iovec bytes;
      char byte;
      alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    } message;
    uffdio_api uffdio;
    struct {
      nlmsghdr header;
      ifinfomsg interface;
    } request;
    perf_event_attr perf;
    char path[48];
    struct {
      unsigned priority;
      mq_attr attributes;
    } queue;
    siginfo_t info;
  };
  timespec time = {};  // a timeval, too
  iovec segments[2] = {};
  uint32_t narrow[4] = {};  // a timeval, or two segments, of a 32-bit caller
  uint64_t sigmask = 0;

  SystemCall() : words{} {}
};

// Makes the call: its result, or -errno.
long Invoke(const SystemCall& call);
// The same by int 0x80, with the number of a 32-bit call.
long InvokeFrom32(const SystemCall& call);
// That number, i386's; -1 where 32-bit callers do not make the call (bounds.h).
long Caller32Number(Call call);

class Exec {
 public:
  static constexpr rlim_t kTraceLimit = 1024;  // RLIMIT_NOFILE at the start of a trace

  // Turns the calling thread into one that executes traces: its descriptor table becomes its own (unshare), with 0,
  // 1, 2 and nothing else, 0 being its buffers; the signals of traces are blocked
  // (signals.h), and no others; for the process, RLIMIT_NOFILE becomes 1024,
  // SIGPIPE is ignored and kPokeSignal has an empty handler. The destructor puts back all but the closed descriptors.
  // The mark is not owned and may be null. On failure nullptr, and *why says why.
  static std::unique_ptr<Exec> Open(CallMark* mark, std::string* why);
  // On another thread that shares the table of one that is open: buffers of its own, no signal but the poke signal let
  // in, and nothing to put back.
  static std::unique_ptr<Exec> OpenBeside(CallMark* mark, std::string* why);
  ~Exec();
  Exec(const Exec&) = delete;
  Exec& operator=(const Exec&) = delete;

  // Back to the start of a trace: no descriptor from 3 up, RLIMIT_NOFILE 1024.
  void Reset();

  // Why no 32-bit caller's calls can be made; nullptr if they can. Asked for the first time it makes a child that
  // tries.
  const char* LacksCaller32() const;

  // jump_clock() may be executed: CLOCK_REALTIME is the machine's.
  void AllowClock() { announcer_.AllowClock(); }

  // Executes one op whose operands are literal. kWatches and kExpire are skipped: they are more than a call.
  void Run(const Op& op, Outcome* out);

  // The op as a system call; false if it is not exactly one (fdinfo, watches, fifo, change, fork; io_uring's, with the
  // arguments of the call that it stands for). Pointers go into *call, which must stay where it is, and into this
  // Exec's buffers; structs that stand in faulting or read-only memory share one place.
  bool Prepare(const Op& op, SystemCall* call);

  // Where output buffers stand; an inaccessible page follows.
  char* output() const { return paint_; }
  size_t output_size() const { return static_cast<size_t>(paint_end_ - paint_); }

  // For a bare replay: null if there is none; the numbers of the trace's TCP sockets; where fifo(2) makes one.
  Uring* ring() const { return uring_.get(); }
  const std::vector<int>& streams() const { return loopback_.streams(); }
  std::string NewFifo() const { return fifos_.Path(); }
  void EndProcesses();

  // Was something that this trace has sent delivered out of turn (Loopback::Deferred, Ptys::Deferred), did somebody
  // else change what it watches (Announcer::Disturbed), or was a signalfd asked by another task, to which the signals
  // of this thread are invisible (R4.10.4)?
  bool Deferred() {
    return loopback_.Deferred() || ptys_.Deferred() || announcer_.Disturbed() ||
           (signals_.sent() && uring_ != nullptr && uring_->elsewhere());
  }

  // The signal with which a Watcher interrupts a call.
  static int PokeSignal();

 private:
  Exec() = default;
  bool Map(bool beside);
  const char* TakeTable();
  char* StructAt(Memory memory, void* good, size_t size, size_t which);
  void OutputAt(Memory memory, size_t record, size_t records, SystemCall* call);
  static socklen_t AnyAddress(int fd, SystemCall* call);
  static socklen_t AddressOf(int to, SystemCall* call);
  static void MessageWithRoom(SystemCall* call);
  char* SourceAt(Memory memory, size_t n, uint64_t payload, uint64_t* word, size_t which = 0);
  char* ZerosAt(Memory memory);
  char* Gone() { return unmapper_.Gone(gone_, page_); }
  void SegmentsAt(const Op& op, SystemCall* call);
  void ForCaller32(const Op& op, SystemCall* call);
  long InvokeMarked(const SystemCall& call, bool interruptible, bool* blocked, bool* died);
  void RunProcess(const Op& op, Outcome* out);
  void RunRing(const Op& op, Outcome* out);
  long WriteRest(const Op& op, long done, bool* blocked, bool* died);
  void RunOpenpty(const Op& op, Outcome* out);
  void RunSpecial(const Op& op, Outcome* out);
  bool LetsThrough(const Op& op) const;
  long PidOf(int pidfd);
  void RunUring(const Op& op, Outcome* out);
  void Collect(const Op& op, const SystemCall& call, long result, Outcome* out);
  void CollectEvents(const SystemCall& call, long result, Outcome* out);
  void CollectBytes(const Op& op, const SystemCall& call, long result, Outcome* out);
  void CollectNotices(const Op& op, const SystemCall& call, long result, Outcome* out);
  void CollectSegments(const Op& op, const SystemCall& call, long result, Outcome* out);
  void CollectSignals(const Op& op, const SystemCall& call, long result, Outcome* out);
  void CollectPolled(const Op& op, const SystemCall& call, long result, Outcome* out);
  void CollectSets(const Op& op, const SystemCall& call, long result, Outcome* out);
  void CheckPaint(const SystemCall& call, size_t used, Outcome* out);
  const char* OnLoopback(const Op& op, long result);
  void SettleLoopback();
  const char* BeforeOpen(const Op& op);
  void Fdinfo(int fd, Outcome* out);
  void CallersPath(char* out, const char* directory, int fd) const;
  long OpenFdinfo(int fd);
  long ReadFdinfo(int fd);
  void FollowTimers(const Op& op, long result);
  bool RestartExpires(int fd);
  bool SetLimit(rlim_t soft);
  void Compact();

  CallMark own_mark_;
  CallMark* mark_ = nullptr;
  SystemCall* call_ = nullptr;  // where the second process sees it, too
  SecondProcess second_;
  bool by_second_ = false;  // the op under way is its
  bool by_32_ = false;      // it is a 32-bit caller's
  bool signals_taken_ = false, limit_taken_ = false;

  // The mapping: see Map().
  char* map_ = nullptr;
  size_t map_size_ = 0, page_ = 0;
  char *paint_ = nullptr, *paint_end_ = nullptr;
  char *zeros_ = nullptr, *zeros_end_ = nullptr;
  static constexpr size_t kStructs = 3;
  char* struct_end_[kStructs] = {};
  char *shared_ = nullptr, *shared_readonly_ = nullptr, *gone_ = nullptr;
  Unmapper unmapper_;  // of gone_

  std::unique_ptr<Uring> uring_;  // null: there is none here

  rlimit original_limit_ = {};
  sigset_t original_mask_ = {};
  rlim_t limit_ = 0, highest_limit_ = 0;
  std::vector<char> text_;             // of fdinfo
  Numbers timers_;                     // one more than its place in restart_expires_
  std::vector<bool> restart_expires_;  // a timer that was set to expire at once, with a near interval
  bool lost_timers_ = false;           // one may have come with a message: under an unknown number
  FifoRoom fifos_;
  MessageQueues queues_;
  Ptys ptys_;
  Signals signals_;
  Children children_;
  Loopback loopback_;
  NamedFiles named_;
  Announcer announcer_;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_EXEC_H_
