// One operation of a trace: a call and its arguments.
//
// Op is plain data of fixed size, so that traces are flat arrays, cheap to copy, mutate and run. What an
// argument slot means stands in one table, Spec(call) (calls.cc): printing, parsing, encoding, mutating,
// minimizing and exporting are all driven by that table. To add an op: a Call, a row in the table, a case in
// oracle/exec, a method in Model.

#ifndef POLLUX_MODEL_OP_H_
#define POLLUX_MODEL_OP_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pollux {

// The calls of the language. Order is the binary form's: append only. Numbers before a name are slots (Op::arg).
enum class Call : uint8_t {
  kEpollCreate,     // epoll_create(0 size)
  kEpollCreate1,    // epoll_create1(0 flags)
  kEpollCtl,        // epoll_ctl(0 epfd, 1 op, 2 fd, [3 memory,] 4 events, 5 data)
  kEpollWait,       // epoll_wait(0 epfd, [1 memory,] 2 maxevents, 3 timeout_ms)
  kEpollPwait,      // epoll_pwait(0 epfd, [1 memory,] 2 maxevents, 3 timeout_ms, [4 memory] sigmask, 5 sigsetsize)
  kEpollPwait2,     // epoll_pwait2(0 epfd, [1 memory,] 2 maxevents, [3 memory] {4 sec, 5 nsec}, [6 memory] sigmask,
                    //              7 sigsetsize)
  kEpiocSparams,    // epiocsparams(0 fd, [1 memory,] 2 usecs, 3 budget, 4 prefer, 5 pad): u32, u16, u8, u8
  kEpiocGparams,    // epiocgparams(0 fd [, 1 memory]) = 0, usecs, budget, prefer
  kIoctl,           // ioctl(0 fd, 1 request): a request that takes no argument (raw number)
  kPoll,            // poll(fd MASK, ..., 0 timeout_ms) = [revents, ...]
  kFdinfo,          // fdinfo(0 epfd) = [fd MASK data, ...] sorted by (fd, data)
  kClose,           // close(0 fd)
  kCloseRange,      // close_range(0 first, 1 last, 2 flags): first and last are descriptor operands; -1 is ~0U
  kDup,             // dup(0 fd)
  kDup2,            // dup2(0 fd, 1 newfd)
  kDup3,            // dup3(0 fd, 1 newfd, 2 flags)
  kFcntl,           // fcntl(0 fd, 1 cmd, 2 arg)
  kRead,            // read(0 fd, [1 memory,] 2 n) = n [u64 value]
  kWrite,           // write(0 fd, [1 memory,] 2 n 3 payload): text writes n, or u64 PAYLOAD where payload is not 0
  kSend,            // send(0 fd, [1 memory,] 2 n 3 payload, 4 flags)
  kRecv,            // recv(0 fd, [1 memory,] 2 n, 3 flags)
  kShutdown,        // shutdown(0 fd, 1 how)
  kPipe2,           // pipe2(0 flags) = reader, writer
  kEventfd,         // eventfd(0 initial, 1 flags)
  kSocketpair,      // socketpair(0 type, 1 flags) = a, b       (AF_UNIX; the target ors type and flags)
  kTimerfdCreate,   // timerfd_create(0 clock, 1 flags)
  kTimerfdSettime,  // timerfd_settime(0 fd, 1 flags, {2 sec, 3 nsec} [, {4 interval sec, 5 interval nsec}])
  kTimerfdTicks,    // timerfd_ticks(0 fd, 1 ticks): ioctl(TFD_IOC_SET_TICKS)
  kMemfdCreate,     // memfd_create(0 flags)
  kOpen,            // open(0 which, 1 flags): which of a few files (enum Which)
  kPrlimit,         // prlimit(NOFILE, 0 n): numbers below n may be opened
  kWatches,         // watches(0 n): n more watches fit under fs.epoll.max_user_watches
  kTimerfdGettime,  // timerfd_gettime(0 fd) = 0, interval seconds, nanoseconds
  kSocket,          // socket(0 family, 1 type, 2 flags)         (the target ors type and flags)
  kBind,            // bind(0 fd): to an address that the kernel chooses
  kListen,          // listen(0 fd, 1 backlog)
  kConnect,         // connect(0 fd, 1 to): to the address of the socket `to`; -1 is AF_UNSPEC
  kAccept4,         // accept4(0 fd, 1 flags)
  kGetsockopt,      // getsockopt(0 fd, 1 option) = 0, value
  kSetsockopt,      // setsockopt(0 fd, 1 option, 2 value)
  kSendfd,          // sendfd(0 socket, 1 fd): sendmsg of one byte with a descriptor (SCM_RIGHTS)
  kRecvfd,          // recvfd(0 socket) = descriptor, bytes: recvmsg of one byte with room for one; -1 if none came
  kUserfaultfd,     // userfaultfd(0 flags)
  kUffdApi,         // uffd_api(0 fd): ioctl(UFFDIO_API), without features
  kPerfEventOpen,   // perf_event_open(0 flags): a software counter of the calling thread that counts nothing
  kReopen,          // reopen(0 fd, 1 flags): open("/proc/thread-self/fd/N", flags)
  kFifo,            // fifo(0 flags): an O_PATH descriptor of a FIFO that has no name any more
  kSelect,          // select([0 memory,] fd SETS, ..., [1 memory] {2 sec, 3 usec}) = [sets, ...]
  kPpoll,           // ppoll([0 memory,] fd MASK, ..., [1 memory] {2 sec, 3 nsec}, [4 memory] sigmask, 5 sigsetsize)
                    //       = [revents, ...]
  kReadv,           // readv(0 fd, [1 memory,] 2 n, [3 memory,] 4 n [, 5 memory] of the two segments) = n [u64 value]
  kWritev,          // writev(0 fd, [1 memory,] 2 n 3 payload, [4 memory,] 5 n 6 payload [, 7 memory] of the segments)
  kFionbio,         // fionbio(0 fd, [1 memory,] 2 on)
  kFioasync,        // fioasync(0 fd, [1 memory,] 2 on)
  kFionread,        // fionread(0 fd [, 1 memory]) = n
  kSplice,          // splice(0 in, 1 out, 2 n, 3 flags)
  kTee,             // tee(0 in, 1 out, 2 n, 3 flags)
  kVmsplice,        // vmsplice(0 fd, [1 memory,] 2 n, 3 flags)
  kSendfile,        // sendfile(0 out, 1 in, 2 n)
  kKcmpFile,        // kcmp_file(0 a, 1 b) = 0 same, 1 another
  kKcmpTfd,         // kcmp_tfd(0 fd, 1 epfd, 2 tfd, [3 memory,] 4 toff) = 0 same, 1 another
  kUringEpollCtl,   // uring_epoll_ctl: epoll_ctl by io_uring, IORING_OP_EPOLL_CTL
  kUringEpollWait,  // uring_epoll_wait(0 epfd, [1 memory,] 2 maxevents): IORING_OP_EPOLL_WAIT
  kFork,            // fork() = 2: the second process begins, with a copy of the first one's table
  kExit,            // exit(): the second process ends
  kExecve,          // execve(): it becomes another program
  kSpliceAt,        // splice_at(0 in, [1 memory,] {2 offset}, 3 out, [4 memory,] {5 offset}, 6 n, 7 flags) = n, offsets
  kSendfileAt,      // sendfile_at(0 out, 1 in, [2 memory,] {3 offset}, 4 n) = n, offset
  kMemfdSecret,     // memfd_secret(0 flags)
  kChange,          // change(0 which): what a file in /proc tells changes, the mounts or the domain name (enum Which)
  kNlRequest,       // nl_request(0 fd, 1 what): one message to rtnetlink is sent (enum Request)
  kInotifyInit1,    // inotify_init1(0 flags)
  kInotifyAdd,      // inotify_add_watch(0 fd, 1 file, 2 mask): of what the number `file` names, through /proc
  kInotifyRm,       // inotify_rm_watch(0 fd, 1 wd)
  kInotifyRead,     // inotify_read(0 fd, [1 memory,] 2 n) = [mask wd, ...]: read(2), and what the bytes say
  kFchmod,          // fchmod(0 fd, 1 mode): of a pipe, a FIFO or a memfd
  kRingSetup,       // uring_setup(0 entries, 1 flags): io_uring_setup(2)
  kRingPush,        // uring_push(0 fd, 1 n) = how many NOPs found room in the submission queue; no system call
  kRingEnter,       // uring_enter(0 fd, 1 submit, 2 flags): io_uring_enter(2), waiting for nothing
  kRingReap,        // uring_reap(0 fd, 1 n) = how many completions were taken; no system call
  kMqOpen,          // mq_open(0 flags, 1 maxmsg, 2 msgsize): a new queue, which has no name any more
  kMqSend,          // mq_send(0 fd, [1 memory,] 2 n 3 payload, 4 priority)
  kMqReceive,       // mq_receive(0 fd, [1 memory,] 2 n) = n, priority [u64 value]
  kMqGetattr,       // mq_getattr(0 fd) = flags, maxmsg, msgsize, curmsgs
  kMqSetattr,       // mq_setattr(0 fd, 1 flags)
  kSignalfd4,       // signalfd4(0 fd, [1 memory,] 2 mask, 3 flags): a new one of -1
  kSignals,         // signals(0 fd, [1 memory,] 2 n) = [signal value, ...]: read of n records of a signalfd
  kRaise,           // raise(0 signal): to the calling thread
  kKill,            // kill(0 signal): to the calling process
  kSigqueue,        // sigqueue(0 signal, 1 value): to the calling process
  kChild,           // child() = pidfd of a new child that does nothing
  kPidfdOpen,       // pidfd_open(0 fd, 1 flags): one more of the same child
  kExitChild,       // exit_child(0 fd): pidfd_send_signal(SIGKILL), and the child is dead
  kReap,            // reap(0 fd) = 0, status: waitid(P_PIDFD)
  kOpenpty,         // openpty(0 flags) = master, slave: of a new pseudoterminal in raw mode
  kPtsopen,         // ptsopen(0 master, 1 flags): its slave once more (TIOCGPTPEER)
  kJumpClock,       // jump_clock(): CLOCK_REALTIME is set a nanosecond ahead, and back
  kExpire,          // expire(0 thread): the timeout of the call that the thread sleeps in passes, and it returns
};
inline constexpr size_t kCalls = static_cast<size_t>(Call::kExpire) + 1;

// A descriptor operand: a literal number, or output `out` of the op at index `op` of the same trace.
class Fd {
 public:
  constexpr Fd() : bits_(0) {}
  static constexpr Fd Literal(int32_t n) { return Fd(static_cast<uint32_t>(n)); }
  static constexpr Fd Output(uint32_t op, uint32_t out) { return Fd(kTag | uint64_t{op} << 1 | (out & 1)); }
  static constexpr Fd FromBits(uint64_t bits) { return Fd(bits & kMask); }

  constexpr bool literal() const { return (bits_ & kTag) == 0; }
  constexpr int32_t number() const { return static_cast<int32_t>(static_cast<uint32_t>(bits_)); }
  constexpr uint32_t op() const { return static_cast<uint32_t>((bits_ & (kTag - 1)) >> 1); }
  constexpr uint32_t out() const { return bits_ & 1; }
  constexpr uint64_t bits() const { return bits_; }
  friend constexpr bool operator==(Fd, Fd) = default;

 private:
  static constexpr uint64_t kTag = uint64_t{1} << 40;
  static constexpr uint64_t kMask = 2 * kTag - 1;  // the low 41 bits; see Op::set_poll
  explicit constexpr Fd(uint64_t bits) : bits_(bits) {}
  uint64_t bits_;
};

// Where a pointer argument stands. A record is an event of a wait, a byte of what is read, written, sent or received,
// and else the whole structure: all of select's sets, all that ppoll asks for.
class Memory {
 public:
  enum Kind : uint8_t {
    kGood,      // readable and writable, with room for everything
    kNull,      // NULL
    kKernel,    // outside the user address range
    kUnmapped,  // in range, nothing mapped
    kReadonly,  // readable, not writable
    kFault,     // good for `records` records, then unmapped
    // Good, but for where it begins and ends:
    kMisaligned,  // at an odd address
    kStraddling,  // across the boundary of two pages; bytes begin one before it
    kGone,        // in range, mapped and used a moment ago, then unmapped by another thread
  };
  static constexpr Kind kLast = kGone;
  constexpr Memory() = default;
  constexpr Memory(Kind kind, uint32_t records = 0) : kind_(kind), records_(records) {}  // NOLINT: a value
  // The kind in the low three bits, `records` above; the kinds from the last of three bits on have none there.
  static constexpr Memory FromBits(uint64_t bits) {
    const uint64_t low = bits & 7, high = bits >> 3;
    if (low < kStraddling) return Memory(static_cast<Kind>(low), static_cast<uint32_t>(high));
    return high <= kLast - kStraddling ? Memory(static_cast<Kind>(low + high)) : Memory();
  }
  // As the text can say it: only a fault stands somewhere.
  constexpr Memory canonical() const { return kind_ == kFault ? *this : Memory(kind_); }
  constexpr Kind kind() const { return kind_; }
  constexpr uint32_t records() const { return records_; }
  constexpr uint64_t bits() const {
    return kind_ < kStraddling ? uint64_t{records_} << 3 | kind_ : (uint64_t{kind_} - kStraddling) << 3 | kStraddling;
  }
  // Good whatever is read or written?
  constexpr bool good() const { return kind_ == kGood || kind_ == kMisaligned || kind_ == kStraddling; }
  // Can so many records be read there?
  constexpr bool readable(uint32_t records = 1) const {
    return good() || kind_ == kReadonly || (kind_ == kFault && records_ >= records);
  }
  friend constexpr bool operator==(Memory, Memory) = default;

 private:
  Kind kind_ = kGood;
  uint32_t records_ = 0;
};

// What a slot holds, hence how it is printed, drawn and simplified.
enum class ArgKind : uint8_t {
  kFd,       // a descriptor operand (Fd::bits)
  kInt,      // a signed 32-bit integer (sign-extended), or one of `words`
  kFlags,    // a set of `words` joined by |, remaining bits in hex
  kEvents,   // a 32-bit event mask
  kData,     // 64-bit data, in hex
  kSize,     // a byte count, at most kMaxBytes
  kBytes,    // the same, its memory in the slot before; the slot behind (kPayload) may make it "u64 V"
  kPayload,  // what 8 readable bytes hold, as a 64-bit value; else 0: only zero bytes are written
  kMemory,   // where the pointer stands (Memory::bits); omitted in text when good
  kInt64,    // a signed 64-bit integer
  kChoice,   // one of `words` and nothing else
};

struct Word {
  std::string_view name;  // the short spelling, printed
  uint64_t value;
  std::string_view prefix = {};  // prefix + name is the C spelling, also read: "EPOLL_CTL_" + "ADD"
};

struct ArgSpec {
  std::string_view name;
  ArgKind kind;
  std::span<const Word> words = {};
  // kMemory: that many following slots are what it points to. They are omitted in text, and zero, unless the
  // memory is readable; `out` memory (wait's buffer) points to none.
  uint8_t pointee = 0;
  // Trailing slots from the first optional one may be omitted in text when all of them are zero.
  bool optional = false;
  // Printed around: "{" before tv_sec and "}" after tv_nsec; a fixed argument, "NOFILE, ".
  std::string_view open = {}, close = {};
  uint64_t canonical = 0;  // what the minimizer tries first
};

// What a successful call's outcome carries.
enum class Yields : uint8_t {
  kValue,       // one integer
  kDescriptor,  // one new descriptor number (a name may be bound)
  kTwo,         // two new descriptor numbers
  kPayload,     // an integer and, where 8 bytes of a counter were read, its value
  kEvents,      // event records
  kRevents,     // one revents per polled descriptor
  kItems,       // fdinfo records
  kParams,      // 0, usecs, budget, prefer
  kInterval,    // 0, seconds, nanoseconds
  kOption,      // 0 and a value
  kPassed,      // a new descriptor number or -1, and a byte count
  kOffset,      // a byte count and an offset; 0 where none can be read
  kOffsets,     // a byte count and two offsets
  kMessage,     // a byte count and a priority and, where 8 bytes were read, their value
  kAttributes,  // flags, maxmsg, msgsize, curmsgs
  kSignals,     // signals, each with its value
};

inline constexpr size_t kMaxArgs = 10;
inline constexpr size_t kMaxPoll = kMaxArgs - 1;          // descriptors in one poll op
inline constexpr uint64_t kMaxBytes = uint64_t{1} << 20;  // of one read, write, send or recv

struct CallSpec {
  Call call;
  std::string_view name;
  Yields yields;
  std::span<const ArgSpec> args;  // for a call that Polls: the polled set is printed before the timeout
  // Derived, so that nothing walks `args` while fuzzing: how many descriptors the call returns, and bit i is set
  // where slot i is a kFd.
  uint8_t outputs = 0;
  uint16_t fd_slots = 0;
};

extern const std::array<CallSpec, kCalls> kCallSpecs;  // indexed by Call
inline const CallSpec& Spec(Call call) { return kCallSpecs[static_cast<size_t>(call)]; }
// The call of that name, or nullptr.
const CallSpec* FindCall(std::string_view name);
inline uint32_t Outputs(Call call) { return Spec(call).outputs; }

// The calls that are given a set of descriptors, each with a mask.
constexpr bool Polls(Call call) { return call == Call::kPoll || call == Call::kSelect || call == Call::kPpoll; }
// epoll_wait and its like.
constexpr bool WaitsForEvents(Call call) {
  return call == Call::kEpollWait || call == Call::kEpollPwait || call == Call::kEpollPwait2;
}
// How many descriptors a set may have.
inline size_t MaxPolled(Call call) { return kMaxArgs - Spec(call).args.size(); }

// Threads are T1 to T16. 0 is the controller, which has no prefix in text.
inline constexpr uint8_t kMaxThreads = 16;

// One operation. arg[i] is slot i of Spec(call).args. A call that Polls has npoll packed entries behind them.
struct Op {
  Call call = Call::kClose;
  uint8_t npoll = 0;
  uint8_t process = 0;  // who calls: 0 the first process, 1 the one that fork() made ("P2:")
  uint8_t thread = 0;   // of the first process: 0 the controller, n thread Tn
  uint8_t i386 = 0;     // 1: the controller calls as a 32-bit process does ("i386:"), by int 0x80
  std::array<uint64_t, kMaxArgs> arg = {};

  Fd fd(size_t i) const { return Fd::FromBits(arg[i]); }
  int32_t num(size_t i) const { return static_cast<int32_t>(arg[i]); }
  uint32_t u32(size_t i) const { return static_cast<uint32_t>(arg[i]); }
  Memory mem(size_t i) const { return Memory::FromBits(arg[i]); }

  // The polled descriptors: entry i's operand and requested events (16 bits).
  Fd poll_fd(size_t i) const { return Fd::FromBits(arg[polled() + i]); }
  uint16_t poll_events(size_t i) const { return static_cast<uint16_t>(arg[polled() + i] >> 48); }
  void set_poll(size_t i, Fd fd, uint16_t events) { arg[polled() + i] = fd.bits() | uint64_t{events} << 48; }
  size_t polled() const { return Spec(call).args.size(); }  // the slot of the first

  friend bool operator==(const Op&, const Op&) = default;
};

// The words of event masks, in the order in which they are printed.
std::span<const Word> EventWords();
// The signals of the language.
std::span<const Word> SignalWords();
// Those of the masks in the set of a call that Polls: select's are R, W and X, with the values of IN, OUT and PRI. And
// those of the records that inotify_read returns.
std::span<const Word> PolledWords(Call call);
inline constexpr uint16_t kSelectSets = 7;

// The slot as it reads in this op: fcntl's arg is a set of flags after F_SETFL and F_SETFD.
const ArgSpec& SlotSpec(const Op& op, size_t slot);

// Does the op return one more number of the description that its first operand names?
bool CopiesDescriptor(const Op& op);

// Why no thread makes this op; nullptr if one may. Threads make calls that sleep, and calls that wake others at once.
const char* NoThreadMakes(const Op& op);

// How long a wait, or a call that Polls, sleeps at most: not at all, a time, or for ever. A timeout that is refused is
// kNone, as that of any other call.
enum class Timeout : uint8_t { kNone, kFinite, kForEver };
Timeout TimeoutOf(const Op& op);
// The milliseconds of a finite one, rounded up; and another number of them (at most INT32_MAX) in its place.
int64_t TimeoutMs(const Op& op);
void SetTimeoutMs(Op* op, int32_t ms);

// Makes the op one that the text can say: slots in the range of their kind, unused ones zero, and zero what an
// unreadable pointer points to. (Links between ops: Canonicalize of trace.h.)
void Canonicalize(Op* op);

// Calls f(Fd) -> Fd on every descriptor operand of the op and stores what it returns.
template <class F>
void MapFds(Op& op, F f) {
  if (Polls(op.call)) {
    for (size_t i = 0; i < op.npoll; ++i) op.set_poll(i, f(op.poll_fd(i)), op.poll_events(i));
    return;
  }
  for (unsigned slots = Spec(op.call).fd_slots; slots != 0; slots &= slots - 1) {
    const size_t i = static_cast<size_t>(std::countr_zero(slots));
    op.arg[i] = f(op.fd(i)).bits();
  }
}

// How many processes there may be.
inline constexpr uint8_t kProcesses = 2;

// What can be asked of rtnetlink.
enum class Request : uint8_t {
  kNothing,      // NLMSG_NOOP
  kAcknowledge,  // NLMSG_NOOP with NLM_F_ACK
  kUnknown,      // a type that there is none of
  kDump,         // RTM_GETLINK with NLM_F_DUMP: the loopback interface, and an end
};

// The files that open() can name. Order is the binary form's: append only.
enum class Which : uint8_t {
  kRegular,
  kDirectory,
  kNull,
  // Those before exist on every Linux; where one of these does not, the target says so.
  kZero,
  kFull,
  kUrandom,
  kRandom,
  kNamespace,    // /proc/thread-self/ns/net
  kStatus,       // /proc/thread-self/status
  kUserfaultfd,  // the device, not what userfaultfd(2) returns
  kStat,         // /proc/stat
  kSysctl,       // /proc/sys/kernel/ostype
  kPressure,     // /proc/pressure/cpu
  kAttribute,    // /sys/kernel/fscaps: a digit and a newline
  kFuse,         // attached to nothing
  kTun,          // attached to nothing
  kTerminal,     // /dev/tty, where there is none
  kMounts,       // /proc/self/mounts of a mount namespace of one's own
  kMountinfo,    // the same in other words
  kDomainName,   // /proc/sys/kernel/domainname
};
inline constexpr size_t kWhich = static_cast<size_t>(Which::kDomainName) + 1;
// May it be opened for writing?
constexpr bool OpensForWriting(Which which) {
  return which == Which::kNull || which == Which::kZero || which == Which::kFull || which == Which::kFuse ||
         which == Which::kTun;
}

}  // namespace pollux

#endif  // POLLUX_MODEL_OP_H_
