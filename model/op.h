// One operation of a trace: a call and its arguments.
//
// Op is plain data of fixed size, so that traces are flat arrays, cheap to copy, mutate and run. What an
// argument slot means stands in one table, Spec(call) (calls.cc): printing, parsing, encoding, mutating,
// minimizing and exporting are all driven by that table. To add an op: a Call, a row in the table, a case in
// oracle/exec, a method in Model.

#ifndef POLLUX_MODEL_OP_H_
#define POLLUX_MODEL_OP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pollux {

// The calls of the language. Order is the binary form's: append only.
enum class Call : uint8_t {
  kEpollCreate,     // epoll_create(size)
  kEpollCreate1,    // epoll_create1(flags)
  kEpollCtl,        // epoll_ctl(epfd, op, fd, [memory,] events, data)
  kEpollWait,       // epoll_wait(epfd, [memory,] maxevents, timeout_ms)
  kEpollPwait,      // epoll_pwait(epfd, [memory,] maxevents, timeout_ms, [memory] sigmask, sigsetsize)
  kEpollPwait2,     // epoll_pwait2(epfd, [memory,] maxevents, [memory] {sec, nsec}, [memory] sigmask, sigsetsize)
  kEpiocSparams,    // epiocsparams(fd, [memory,] usecs, budget, prefer, pad)
  kEpiocGparams,    // epiocgparams(fd [, memory]) = 0, usecs, budget, prefer
  kIoctl,           // ioctl(fd, request): a request that takes no argument (raw number)
  kPoll,            // poll(fd MASK, ..., timeout_ms) = [revents, ...]
  kFdinfo,          // fdinfo(epfd) = [fd MASK data, ...] sorted by (fd, data)
  kClose,           // close(fd)
  kCloseRange,      // close_range(first, last, flags)
  kDup,             // dup(fd)
  kDup2,            // dup2(fd, newfd)
  kDup3,            // dup3(fd, newfd, flags)
  kFcntl,           // fcntl(fd, cmd, arg)
  kRead,            // read(fd, [memory,] n) = n [u64 value]
  kWrite,           // write(fd, [memory,] bytes)
  kSend,            // send(fd, [memory,] bytes, flags)
  kRecv,            // recv(fd, [memory,] n, flags)
  kShutdown,        // shutdown(fd, how)
  kPipe2,           // pipe2(flags) = reader, writer
  kEventfd,         // eventfd(initial, flags)
  kSocketpair,      // socketpair(type, flags) = a, b       (AF_UNIX)
  kTimerfdCreate,   // timerfd_create(clock, flags)
  kTimerfdSettime,  // timerfd_settime(fd, flags, {sec, nsec}, {interval sec, interval nsec})
  kTimerfdTicks,    // timerfd_ticks(fd, ticks): ioctl(TFD_IOC_SET_TICKS)
  kMemfdCreate,     // memfd_create(flags)
  kOpen,            // open(which, flags): which of a few files that exist on every Linux
  kPrlimit,         // prlimit(NOFILE, n): numbers below n may be opened
  kWatches,         // watches(n): n more watches fit under fs.epoll.max_user_watches
};
inline constexpr size_t kCalls = static_cast<size_t>(Call::kWatches) + 1;

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

// Where a pointer argument stands.
class Memory {
 public:
  enum Kind : uint8_t {
    kGood,      // readable and writable, with room for everything
    kNull,      // NULL
    kKernel,    // outside the user address range
    kUnmapped,  // in range, nothing mapped
    kReadonly,  // readable, not writable
    kFault,     // good for `records` records, then unmapped
  };
  constexpr Memory() = default;
  constexpr Memory(Kind kind, uint32_t records = 0) : kind_(kind), records_(records) {}  // NOLINT: a value
  static constexpr Memory FromBits(uint64_t bits) {
    return Memory(static_cast<Kind>(bits & 7), static_cast<uint32_t>(bits >> 3));
  }
  constexpr Kind kind() const { return kind_; }
  constexpr uint32_t records() const { return records_; }
  constexpr uint64_t bits() const { return uint64_t{records_} << 3 | kind_; }
  friend constexpr bool operator==(Memory, Memory) = default;

 private:
  Kind kind_ = kGood;
  uint32_t records_ = 0;
};

// What a slot holds, hence how it is printed, drawn and simplified.
enum class ArgKind : uint8_t {
  kFd,       // a descriptor operand (Fd::bits)
  kInt,      // a signed 32-bit integer, or one of `words`
  kFlags,    // a set of `words` joined by |, remaining bits in hex
  kEvents,   // a 32-bit event mask
  kData,     // 64-bit data, in hex
  kSize,     // a non-negative byte count
  kBytes,    // a byte count; the next slot (kPayload) may make it "u64 V"
  kPayload,  // the 64-bit value of an 8-byte write
  kMemory,   // where the pointer stands (Memory::bits); omitted in text when good
  kInt64,    // a signed 64-bit integer
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
  std::string_view open = {}, close = {};  // braces printed around, "{" before tv_sec and "}" after tv_nsec
  uint64_t canonical = 0;                  // what the minimizer tries first
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
};

struct CallSpec {
  Call call;
  std::string_view name;
  Yields yields;
  std::span<const ArgSpec> args;  // for kPoll: the timeout; the polled set is printed before it
};

const CallSpec& Spec(Call call);
// The call of that name, or nullptr.
const CallSpec* FindCall(std::string_view name);
inline uint32_t Outputs(Call call) {
  const Yields y = Spec(call).yields;
  return y == Yields::kTwo ? 2 : y == Yields::kDescriptor ? 1 : 0;
}

inline constexpr size_t kMaxArgs = 10;
inline constexpr size_t kMaxPoll = kMaxArgs - 1;  // descriptors in one poll op

// One operation. arg[i] is slot i of Spec(call).args. A poll has arg[0] = timeout and npoll packed entries
// from arg[1] on.
struct Op {
  Call call = Call::kClose;
  uint8_t npoll = 0;
  std::array<uint64_t, kMaxArgs> arg = {};

  Fd fd(size_t i) const { return Fd::FromBits(arg[i]); }
  int32_t num(size_t i) const { return static_cast<int32_t>(arg[i]); }
  uint32_t u32(size_t i) const { return static_cast<uint32_t>(arg[i]); }
  Memory mem(size_t i) const { return Memory::FromBits(arg[i]); }

  // The polled descriptors: entry i's operand and requested events (16 bits).
  Fd poll_fd(size_t i) const { return Fd::FromBits(arg[1 + i]); }
  uint16_t poll_events(size_t i) const { return static_cast<uint16_t>(arg[1 + i] >> 48); }
  void set_poll(size_t i, Fd fd, uint16_t events) { arg[1 + i] = fd.bits() | uint64_t{events} << 48; }

  friend bool operator==(const Op&, const Op&) = default;
};

// Calls f(Fd) -> Fd on every descriptor operand of the op and stores what it returns.
template <class F>
void MapFds(Op& op, F f) {
  if (op.call == Call::kPoll) {
    for (size_t i = 0; i < op.npoll; ++i) op.set_poll(i, f(op.poll_fd(i)), op.poll_events(i));
    return;
  }
  const std::span<const ArgSpec> args = Spec(op.call).args;
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i].kind == ArgKind::kFd) op.arg[i] = f(op.fd(i)).bits();
  }
}

// The files that open() can name.
enum class Which : uint8_t { kRegular, kDirectory, kNull };

}  // namespace pollux

#endif  // POLLUX_MODEL_OP_H_
