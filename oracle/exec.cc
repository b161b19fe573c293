#include "oracle/exec.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/kcmp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <thread>

#include "model/abi.h"
#include "oracle/bounds.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

namespace pollux {
namespace {

constexpr size_t kRecord = sizeof(epoll_event);
constexpr unsigned char kPaint = 0xa5;
constexpr size_t kLookBehind = 4096;  // bytes looked at behind what a call returned
constexpr uint32_t kEpollIoctlType = 0x8a;
constexpr long kNoCall = -1;  // a call that this architecture has under no number

// The paint to compare with.
constexpr std::array<unsigned char, kLookBehind> kPainted = [] {
  std::array<unsigned char, kLookBehind> pattern = {};
  for (unsigned char& byte : pattern) byte = kPaint;
  return pattern;
}();

// The language's flags are x86-64's; two of them have other values on some architectures.
constexpr uint32_t NativeFlags(uint32_t flags) {
  if constexpr (O_DIRECT == kODirect && O_DIRECTORY == kODirectory) return flags;
  return (flags & ~(kODirect | kODirectory)) | ((flags & kODirect) != 0 ? O_DIRECT : 0) |
         ((flags & kODirectory) != 0 ? O_DIRECTORY : 0);
}
constexpr long LanguageFlags(long flags) {
  if constexpr (O_DIRECT == kODirect && O_DIRECTORY == kODirectory) return flags;
  return (flags & ~(O_DIRECT | O_DIRECTORY)) | ((flags & O_DIRECT) != 0 ? kODirect : 0) |
         ((flags & O_DIRECTORY) != 0 ? kODirectory : 0);
}
static_assert(O_CLOEXEC == kOCloexec && O_NONBLOCK == kONonblock && O_APPEND == kOAppend && O_PATH == kOPath);

const char* PathOf(uint64_t which) {
  switch (static_cast<Which>(which)) {
    case Which::kRegular:
      return "/proc/self/exe";
    case Which::kDirectory:
      return "/";
    case Which::kNull:
      break;
  }
  return "/dev/null";
}

void AppendNumber(char** p, unsigned n) {
  char digits[12];
  size_t count = 0;
  do {
    digits[count++] = static_cast<char>('0' + n % 10);
  } while ((n /= 10) != 0);
  while (count > 0) *(*p)++ = digits[--count];
}

// "/proc/thread-self/DIRECTORY/FD"
void ThreadPath(char* out, const char* directory, int fd) {
  const size_t length = std::strlen(directory);
  std::memcpy(out, directory, length);
  out += length;
  AppendNumber(&out, static_cast<unsigned>(fd));
  *out = '\0';
}

// What is changed for the whole process, while there is an Exec: SIGPIPE and the poke signal.
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
  }
  static void Give() {
    const std::lock_guard lock(mutex_);
    if (--users_ > 0) return;
    sigaction(SIGPIPE, &pipe_, nullptr);
    sigaction(Exec::PokeSignal(), &poke_, nullptr);
  }

 private:
  static inline std::mutex mutex_;
  static inline int users_ = 0;
  static inline struct sigaction pipe_, poke_;
};

void CloseFrom3() {
  if (syscall(SYS_close_range, 3, ~0u, 0) == 0) return;
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

const char* Refused(const Op& op) {
  if (const char* why = OutOfBounds(op)) return why;
  switch (op.call) {
    case Call::kFcntl:
      switch (op.num(1)) {
        case kFDupfd:
        case kFGetfd:
        case kFSetfd:
        case kFGetfl:
        case kFDupfdCloexec:
        case kFGetpipeSz:
          return nullptr;
        case kFSetfl:
          return (op.u32(2) & O_NOATIME) != 0 ? "O_NOATIME depends on the file's owner" : nullptr;
        case kFSetpipeSz:
          return op.u32(2) > 1u << 24 && op.u32(2) <= 1u << 31 ? "a pipe of more than 16 MiB" : nullptr;
        default:
          return "a fcntl command outside the language";
      }
    case Call::kIoctl: {
      // Generic ones that take no argument, and numbers that no file of the language knows.
      const uint32_t request = op.u32(1), type = request >> 8 & 0xff;
      if (request == FIOCLEX || request == FIONCLEX || request == TCGETS) return nullptr;
      if (request == kEpiocsparams || request == kEpiocgparams) return "written as epiocsparams or epiocgparams";
      if ((type == 0 && request != FIBMAP && request != FIGETBSZ) || type == kEpollIoctlType) return nullptr;
      return "an ioctl not known to be harmless";
    }
    case Call::kFifo:
      return (op.u32(0) & ~kOCloexec) != 0 ? "a fifo flag outside the language" : nullptr;
    case Call::kReopen:
    case Call::kSelect:
      for (size_t i = 0; i < op.npoll; ++i) {
        // Above its size, which has grown with the numbers before, the descriptor table hides closed ones.
        if (op.poll_fd(i).number() >= 64) return "select beyond number 63 depends on the descriptor table's size";
      }
      return nullptr;
    case Call::kReadv:
      return op.arg[2] + op.arg[4] > kMaxBytes / 2 ? "segments longer than half a megabyte" : nullptr;
    case Call::kVmsplice:
      return (op.u32(3) & kSpliceGift) != 0 ? "gives away pages of the harness" : nullptr;
    case Call::kOpen: {
      const uint32_t flags = op.u32(1);
      if ((flags & ~(3 | kOAppend | kONonblock | kODirectory | kOCloexec | kOPath | kOLargefile)) != 0 ||
          (flags & 3) == 3) {
        return "an open flag outside the language";
      }
      if (op.call == Call::kReopen) return nullptr;  // a running program's file cannot be opened for writing
      return (flags & 3) != kORdonly && op.arg[0] != static_cast<uint64_t>(Which::kNull)
                 ? "a real file is not opened for writing"
                 : nullptr;
    }
    case Call::kUserfaultfd:
      return (op.u32(0) & ~(kOCloexec | kONonblock | 1u)) == 0 && (op.u32(0) & 1) == 0
                 ? "faults of the kernel depend on a capability"
                 : nullptr;
    case Call::kMemfdCreate:
      return (op.u32(0) & 0x1c) != 0 ? "huge pages and execution flags depend on the machine" : nullptr;
    case Call::kPrlimit:
    case Call::kWatches:
      return op.num(0) < 0 ? "fewer than none" : nullptr;
    default:
      return nullptr;
  }
}

long Invoke(const SystemCall& c) {
  const long result = syscall(c.number, c.arg[0], c.arg[1], c.arg[2], c.arg[3], c.arg[4], c.arg[5]);
  return result == -1 ? -errno : result;
}

// --- Life ------------------------------------------------------------------------------------------------------------

std::unique_ptr<Exec> Exec::Open(CallMark* mark, std::string* why) {
  std::unique_ptr<Exec> exec(new Exec);
  exec->mark_ = mark != nullptr ? mark : &exec->own_mark_;
  exec->mark_->Here();
  if (!exec->Map()) {
    *why = "cannot map buffers";
    return nullptr;
  }
  if (const char* reason = exec->TakeTable()) {
    *why = reason;
    return nullptr;
  }
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
  limit_ = original_limit_.rlim_cur;
  uring_ = Uring::Open();
  if (!SetLimit(kTraceLimit)) return "cannot set RLIMIT_NOFILE to 1024";
  limit_taken_ = true;
  ProcessSignals::Take();
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, &original_mask_);
  signals_taken_ = true;
  return nullptr;
}

Exec::~Exec() {
  if (limit_taken_) {
    CloseFrom3();
    setrlimit(RLIMIT_NOFILE, &original_limit_);
  }
  if (signals_taken_) {
    pthread_sigmask(SIG_SETMASK, &original_mask_, nullptr);
    ProcessSignals::Give();
  }
  if (map_ != nullptr) munmap(map_, map_size_);
}

void Exec::Reset() {
  near_timers_ = false;
  if (loopback_.active()) [[unlikely]]
    loopback_.Reset();
  syscall(SYS_close_range, 3, ~0u, 0) == 0 ? void() : CloseFrom3();
  if (limit_ != kTraceLimit) [[unlikely]] {
    SetLimit(kTraceLimit);
    if (highest_limit_ > 4096) Compact();
    highest_limit_ = 0;
  }
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

// The mapping, each piece between inaccessible pages (g):
//   g | paint: output buffers, from its start (good) or up to its end (fault@N) | g | zeros, never written | g
//     | structs 0 | g | structs 1 | g | structs 2 | g        and one shared page that is mapped twice, writable and
//     read-only.
bool Exec::Map() {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t area = (kMaxBytes + page - 1) / page * page;
  map_size_ = (3 + 2 * kStructs) * page + 2 * area + 3 * page;
  // Low, so that maxevents records from here stay in the user range whatever maxevents is.
  void* map = mmap(reinterpret_cast<void*>(uintptr_t{1} << 44), map_size_, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) return false;
  map_ = static_cast<char*>(map);
  char* at = map_ + page;
  const auto piece = [&at, page](size_t size, int protection) {
    char* p = at;
    at += size + page;
    return mprotect(p, size, protection) == 0 ? p : nullptr;
  };
  paint_ = piece(area, PROT_READ | PROT_WRITE);
  zeros_ = piece(area, PROT_READ);
  char* structs[kStructs];
  for (char*& p : structs) p = piece(page, PROT_READ | PROT_WRITE);
  shared_ = at;
  shared_readonly_ = at + 2 * page;
  if (paint_ == nullptr || zeros_ == nullptr || std::count(structs, structs + kStructs, nullptr) > 0) return false;
  paint_end_ = paint_ + area;
  zeros_end_ = zeros_ + area;
  for (size_t i = 0; i < kStructs; ++i) struct_end_[i] = structs[i] + page;
  if (mmap(shared_, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
    return false;
  }
  // An old size of 0 maps a shared mapping a second time.
  if (mremap(shared_, 0, page, MREMAP_MAYMOVE | MREMAP_FIXED, shared_readonly_) == MAP_FAILED) return false;
  if (mprotect(shared_readonly_, page, PROT_READ) != 0) return false;
  std::memset(paint_, kPaint, area);
  for (char* p : structs) std::memset(p, 0, page);
  std::memset(shared_, 0, page);
  text_.resize(4096);
  return true;
}

// --- Operands --------------------------------------------------------------------------------------------------------

namespace {

char* const kKernelAddress = reinterpret_cast<char*>(0xffff800000000000);

}  // namespace

// Where a struct stands whose bytes, if they can be read, are at `good`. `which` tells the structs of a call apart.
char* Exec::StructAt(Memory memory, void* good, size_t size, size_t which) {
  switch (memory.kind()) {
    case Memory::kGood:
      break;
    case Memory::kNull:
      return nullptr;
    case Memory::kKernel:
      return kKernelAddress;
    case Memory::kUnmapped:
      return map_;
    case Memory::kReadonly:
      std::memcpy(shared_ + 64 * which, good, size);
      return shared_readonly_ + 64 * which;
    case Memory::kFault: {
      if (memory.records() == 0) return struct_end_[which] - std::min<size_t>(4, size / 2);
      char* p = struct_end_[which] - size;
      std::memcpy(p, good, size);
      return p;
    }
  }
  return static_cast<char*>(good);
}

// Where an output buffer of so many records stands.
void Exec::OutputAt(Memory memory, size_t record, size_t records, SystemCall* call) {
  const size_t area = static_cast<size_t>(paint_end_ - paint_);
  call->room = 0;
  switch (memory.kind()) {
    case Memory::kNull:
      call->buffer = nullptr;
      return;
    case Memory::kKernel:
      call->buffer = kKernelAddress;
      return;
    case Memory::kUnmapped:
      call->buffer = map_;
      return;
    case Memory::kReadonly:
      call->buffer = shared_readonly_;
      return;
    case Memory::kFault:
      if (memory.records() < area / record) {
        call->room = memory.records() * record;
        call->buffer = paint_end_ - call->room;
        return;
      }
      [[fallthrough]];
    case Memory::kGood:
      call->buffer = paint_;
      // Two records more than it was told it has: a kernel that writes one too many is caught.
      call->room = std::min(area, (std::min(records, area / record) + 2) * record);
  }
}

// Where the n bytes that are written stand; 8 of them, in *word if nothing else is asked for.
char* Exec::SourceAt(Memory memory, size_t n, uint64_t payload, uint64_t* word, size_t which) {
  if (n == 8 && memory.readable(8)) {
    *word = payload;
    if (memory.kind() == Memory::kFault && memory.records() > 8) return reinterpret_cast<char*>(word);
    return StructAt(memory, word, 8, which);
  }
  switch (memory.kind()) {
    case Memory::kNull:
      return nullptr;
    case Memory::kKernel:
      return kKernelAddress;
    case Memory::kUnmapped:
      return map_;
    case Memory::kFault:
      return zeros_end_ - std::min<size_t>(memory.records(), static_cast<size_t>(zeros_end_ - zeros_));
    default:
      return zeros_;
  }
}

// An address at which the kernel chooses the rest: an abstract name (autobind), a port of the loopback interface.
socklen_t Exec::AnyAddress(int fd, SystemCall* call) {
  int family = AF_UNIX;
  socklen_t size = sizeof family;
  getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
  std::memset(&call->address, 0, sizeof call->address);
  call->address.ss_family = static_cast<sa_family_t>(family);
  if (family != AF_INET) return sizeof call->address.ss_family;
  sockaddr_in loopback = {};
  loopback.sin_family = AF_INET;
  // One of its own each time, so that a port that is given back is nobody else's soon.
  static thread_local uint32_t used = 0;
  loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 0x10000 + ++used % 0xfffff * 2);
  std::memcpy(&call->address, &loopback, sizeof loopback);
  return sizeof loopback;
}

// The address of a socket, AF_UNSPEC of -1, none at all of what is no socket. Not part of the judged call.
socklen_t Exec::AddressOf(int to, SystemCall* call) {
  std::memset(&call->address, 0, sizeof call->address);
  if (to == -1) return sizeof call->address.ss_family;
  socklen_t size = sizeof call->address;
  return getsockname(to, reinterpret_cast<sockaddr*>(&call->address), &size) == 0 ? size : 0;
}

// A message of one byte, with room for one descriptor.
void Exec::MessageWithRoom(SystemCall* call) {
  auto& m = call->message;
  m = {};
  m.bytes = {&m.byte, 1};
  m.header.msg_iov = &m.bytes, m.header.msg_iovlen = 1;
  m.header.msg_control = m.control, m.header.msg_controllen = sizeof m.control;
}

// The two segments of readv and writev. Those that are read into stand in the two halves of the output area.
void Exec::SegmentsAt(const Op& op, SystemCall* c) {
  const bool read = op.call == Call::kReadv;
  for (size_t i = 0; i < 2; ++i) {
    const size_t slot = read ? 1 + 2 * i : 1 + 3 * i;
    const Memory memory = op.mem(slot);
    const size_t n = op.arg[slot + 1];
    char* at;
    if (!read) {
      at = SourceAt(memory, n, op.arg[slot + 2], &c->words[i], i);
    } else if (memory.kind() == Memory::kFault && memory.records() < n) {
      // Only one of them is reached.
      at = paint_end_ - memory.records();
    } else {
      OutputAt(memory.kind() == Memory::kFault ? Memory() : memory, 1, n, c);
      at = c->buffer;
      if (at == paint_ && i == 1) at += kMaxBytes / 2;
    }
    c->segments[i] = {at, n};
  }
  c->buffer = paint_;
  c->room = 0;
}

bool Exec::Prepare(const Op& op, SystemCall* c) {
  const auto set = [c](long number, long a = 0, long b = 0, long d = 0, long e = 0, long f = 0, long g = 0) {
    c->number = number;
    c->arg[0] = a, c->arg[1] = b, c->arg[2] = d, c->arg[3] = e, c->arg[4] = f, c->arg[5] = g;
    return true;
  };
  const auto address = [](const void* p) { return reinterpret_cast<long>(p); };
  const long fd = op.fd(0).number();
  c->buffer = nullptr;
  c->room = 0;
  switch (op.call) {
    case Call::kEpollCreate:
#ifdef SYS_epoll_create
      return set(SYS_epoll_create, op.num(0));
#else
      return set(kNoCall);
#endif
    case Call::kEpollCreate1:
      return set(SYS_epoll_create1, op.u32(0));
    case Call::kEpollCtl:
      c->event.events = op.u32(4);
      c->event.data.u64 = op.arg[5];
      return set(SYS_epoll_ctl, fd, op.num(1), op.fd(2).number(),
                 address(StructAt(op.mem(3), &c->event, sizeof c->event, 0)));
    case Call::kEpollWait:
      OutputAt(op.mem(1), kRecord, static_cast<size_t>(std::max(op.num(2), 0)), c);
#ifdef SYS_epoll_wait
      return set(SYS_epoll_wait, fd, address(c->buffer), op.num(2), op.num(3));
#else
      return set(SYS_epoll_pwait, fd, address(c->buffer), op.num(2), op.num(3), 0, 8);
#endif
    case Call::kEpollPwait:
      OutputAt(op.mem(1), kRecord, static_cast<size_t>(std::max(op.num(2), 0)), c);
      c->sigmask = 0;
      return set(SYS_epoll_pwait, fd, address(c->buffer), op.num(2), op.num(3),
                 address(StructAt(op.mem(4), &c->sigmask, sizeof c->sigmask, 1)), op.num(5));
    case Call::kEpollPwait2:
      OutputAt(op.mem(1), kRecord, static_cast<size_t>(std::max(op.num(2), 0)), c);
      c->time = {static_cast<time_t>(op.arg[4]), static_cast<long>(op.arg[5])};
      c->sigmask = 0;
      return set(SYS_epoll_pwait2, fd, address(c->buffer), op.num(2),
                 address(StructAt(op.mem(3), &c->time, sizeof c->time, 0)),
                 address(StructAt(op.mem(6), &c->sigmask, sizeof c->sigmask, 1)), op.num(7));
    case Call::kEpiocSparams:
      c->params = {op.u32(2), static_cast<uint16_t>(op.arg[3]), static_cast<uint8_t>(op.arg[4]),
                   static_cast<uint8_t>(op.arg[5])};
      return set(SYS_ioctl, fd, kEpiocsparams, address(StructAt(op.mem(1), &c->params, sizeof c->params, 0)));
    case Call::kEpiocGparams:
      std::memset(&c->params, kPaint, sizeof c->params);
      return set(SYS_ioctl, fd, kEpiocgparams, address(StructAt(op.mem(1), &c->params, sizeof c->params, 0)));
    case Call::kIoctl:
      return set(SYS_ioctl, fd, op.u32(1), 0);
    case Call::kPoll:
      for (size_t i = 0; i < op.npoll; ++i) {
        c->poll[i] = {op.poll_fd(i).number(), static_cast<short>(op.poll_events(i)), 0};
      }
#ifdef SYS_poll
      return set(SYS_poll, address(c->poll), op.npoll, op.num(0));
#else
      return set(kNoCall);
#endif
    case Call::kPpoll:
      for (size_t i = 0; i < op.npoll; ++i) {
        c->poll[i] = {op.poll_fd(i).number(), static_cast<short>(op.poll_events(i)), 0};
      }
      c->time = {static_cast<time_t>(op.arg[2]), static_cast<long>(op.arg[3])};
      c->sigmask = 0;
      return set(SYS_ppoll, address(StructAt(op.mem(0), c->poll, op.npoll * sizeof c->poll[0], 0)), op.npoll,
                 address(StructAt(op.mem(1), &c->time, sizeof c->time, 1)),
                 address(StructAt(op.mem(4), &c->sigmask, sizeof c->sigmask, 2)), op.num(5));
    case Call::kSelect: {
      int highest = -1;
      std::fill(std::begin(c->sets), std::end(c->sets), 0);
      for (size_t i = 0; i < op.npoll; ++i) {
        const int number = op.poll_fd(i).number();
        if (number < 0) continue;  // stands in no set
        highest = std::max(highest, number);
        for (unsigned s = 0; s < 3; ++s) c->sets[s] |= uint64_t{(op.poll_events(i) >> s & 1u) != 0} << number;
      }
      c->time = {static_cast<time_t>(op.arg[2]), static_cast<long>(op.arg[3])};
      const char* sets = StructAt(op.mem(0), c->sets, sizeof c->sets, 0);
      const auto of = [&](size_t s) { return sets == nullptr ? 0 : address(sets + 8 * s); };
      static_assert(kIn == 1 && kPri == 2 && kOut == 4);
#ifdef SYS_select
      return set(SYS_select, highest + 1, of(0), of(2), of(1),
                 address(StructAt(op.mem(1), &c->time, sizeof c->time, 1)));
#else
      return set(kNoCall);
#endif
    }
    case Call::kReadv:
    case Call::kWritev: {
      SegmentsAt(op, c);
      const size_t array = op.call == Call::kReadv ? 5 : 7;
      return set(op.call == Call::kReadv ? SYS_readv : SYS_writev, fd,
                 address(StructAt(op.mem(array), c->segments, sizeof c->segments, 2)), 2);
    }
    case Call::kFionbio:
    case Call::kFioasync:
      c->integer = op.num(2);
      return set(SYS_ioctl, fd, op.call == Call::kFionbio ? FIONBIO : FIOASYNC,
                 address(StructAt(op.mem(1), &c->integer, sizeof c->integer, 0)));
    case Call::kFionread:
      c->integer = 0;
      return set(SYS_ioctl, fd, FIONREAD, address(StructAt(op.mem(1), &c->integer, sizeof c->integer, 0)));
    case Call::kSplice:
      return set(SYS_splice, fd, 0, op.fd(1).number(), 0, static_cast<long>(op.arg[2]), op.u32(3));
    case Call::kTee:
      return set(SYS_tee, fd, op.fd(1).number(), static_cast<long>(op.arg[2]), op.u32(3));
    case Call::kVmsplice: {
      // A pipe that is filled so keeps the pages: those that nobody writes to.
      const int mode = fcntl(static_cast<int>(fd), F_GETFL);
      char* at = zeros_;
      if (mode >= 0 && (mode & O_ACCMODE) == O_RDONLY) {
        OutputAt(op.mem(1), 1, op.arg[2], c);
        at = c->buffer;
      } else if (op.mem(1).kind() != Memory::kGood && op.mem(1).kind() != Memory::kReadonly) {
        at = op.mem(1).kind() == Memory::kFault
                 ? zeros_end_ - std::min<size_t>(op.mem(1).records(), static_cast<size_t>(zeros_end_ - zeros_))
                 : StructAt(op.mem(1), nullptr, 0, 0);
      }
      c->segments[0] = {at, op.arg[2]};
      return set(SYS_vmsplice, fd, address(c->segments), 1, op.u32(3));
    }
    case Call::kSendfile:
      return set(SYS_sendfile, fd, op.fd(1).number(), 0, static_cast<long>(op.arg[2]));
    case Call::kKcmpFile: {
      const long task = mark_->tid.load(std::memory_order_relaxed);
      return set(SYS_kcmp, task, task, KCMP_FILE, fd, op.fd(1).number());
    }
    case Call::kKcmpTfd: {
      const long task = mark_->tid.load(std::memory_order_relaxed);
      c->slot[0] = static_cast<uint32_t>(op.fd(1).number());
      c->slot[1] = static_cast<uint32_t>(op.fd(2).number());
      c->slot[2] = op.u32(4);
      return set(SYS_kcmp, task, task, KCMP_EPOLL_TFD, fd, address(StructAt(op.mem(3), c->slot, sizeof c->slot, 0)));
    }
    case Call::kClose:
      return set(SYS_close, fd);
    case Call::kCloseRange:
      return set(SYS_close_range, op.u32(0), op.u32(1), op.u32(2));
    case Call::kDup:
      return set(SYS_dup, fd);
    case Call::kDup2:
#ifdef SYS_dup2
      return set(SYS_dup2, fd, op.fd(1).number());
#else
      return fd == op.fd(1).number() ? set(kNoCall) : set(SYS_dup3, fd, op.fd(1).number(), 0);
#endif
    case Call::kDup3:
      return set(SYS_dup3, fd, op.fd(1).number(), op.u32(2));
    case Call::kFcntl:
      return set(SYS_fcntl, fd, op.num(1), op.num(1) == kFSetfl ? NativeFlags(op.u32(2)) : op.u32(2));
    case Call::kRead:
      OutputAt(op.mem(1), 1, op.arg[2], c);
      return set(SYS_read, fd, address(c->buffer), static_cast<long>(op.arg[2]));
    case Call::kRecv:
      OutputAt(op.mem(1), 1, op.arg[2], c);
      return set(SYS_recvfrom, fd, address(c->buffer), static_cast<long>(op.arg[2]), op.u32(3));
    case Call::kWrite:
      return set(SYS_write, fd, address(SourceAt(op.mem(1), op.arg[2], op.arg[3], &c->word)),
                 static_cast<long>(op.arg[2]));
    case Call::kSend:
      return set(SYS_sendto, fd, address(SourceAt(op.mem(1), op.arg[2], op.arg[3], &c->word)),
                 static_cast<long>(op.arg[2]), op.u32(4));
    case Call::kShutdown:
      return set(SYS_shutdown, fd, op.num(1));
    case Call::kPipe2:
      c->pair[0] = c->pair[1] = -1;
      return set(SYS_pipe2, address(c->pair), NativeFlags(op.u32(0)));
    case Call::kEventfd:
      return set(SYS_eventfd2, op.u32(0), op.u32(1));
    case Call::kSocketpair:
      c->pair[0] = c->pair[1] = -1;
      return set(SYS_socketpair, AF_UNIX, static_cast<long>(op.u32(0) | op.u32(1)), 0, address(c->pair));
    case Call::kTimerfdCreate:
      return set(SYS_timerfd_create, op.num(0), op.u32(1));
    case Call::kTimerfdSettime:
      c->timer.it_value = {static_cast<time_t>(op.arg[2]), static_cast<long>(op.arg[3])};
      c->timer.it_interval = {static_cast<time_t>(op.arg[4]), static_cast<long>(op.arg[5])};
      return set(SYS_timerfd_settime, fd, op.u32(1), address(&c->timer), 0);
    case Call::kUserfaultfd:
      return set(SYS_userfaultfd, op.u32(0));
    case Call::kUffdApi:
      c->uffdio = {};
      c->uffdio.api = UFFD_API;
      return set(SYS_ioctl, fd, UFFDIO_API, address(&c->uffdio));
    case Call::kPerfEventOpen:
      c->perf = {};
      c->perf.type = PERF_TYPE_SOFTWARE;
      c->perf.size = sizeof c->perf;
      c->perf.config = PERF_COUNT_SW_DUMMY;
      c->perf.disabled = 1;
      return set(SYS_perf_event_open, address(&c->perf), 0, -1, -1, op.u32(0));
    case Call::kTimerfdGettime:
      return set(SYS_timerfd_gettime, fd, address(&c->timer));
    case Call::kTimerfdTicks:
      c->word = op.arg[1];
      return set(SYS_ioctl, fd, kTfdIocSetTicks, address(&c->word));
    case Call::kMemfdCreate:
      return set(SYS_memfd_create, address("pollux"), op.u32(0));
    case Call::kOpen:
      return set(SYS_openat, AT_FDCWD, address(PathOf(op.arg[0])), NativeFlags(op.u32(1)));
    case Call::kPrlimit:
      c->limit = {static_cast<rlim_t>(op.num(0)), original_limit_.rlim_max};
      return set(SYS_prlimit64, 0, RLIMIT_NOFILE, address(&c->limit), 0);
    case Call::kSocket:
      return set(SYS_socket, op.num(0), static_cast<long>(op.u32(1) | op.u32(2)), 0);
    case Call::kBind: {
      const socklen_t size = AnyAddress(static_cast<int>(fd), c);
      return set(SYS_bind, fd, address(&c->address), size);
    }
    case Call::kListen:
      return set(SYS_listen, fd, op.num(1));
    case Call::kConnect: {
      const socklen_t size = AddressOf(op.fd(1).number(), c);
      return set(SYS_connect, fd, address(&c->address), size);
    }
    case Call::kAccept4:
      return set(SYS_accept4, fd, 0, 0, op.u32(1));
    case Call::kGetsockopt:
      c->option = {{-1, -1}, sizeof(linger)};
      return set(SYS_getsockopt, fd, op.num(1) >> 16, op.num(1) & 0xffff, address(c->option.value),
                 address(&c->option.size));
    case Call::kSetsockopt: {
      const int value = op.num(2);
      const bool lingers = op.num(1) == kSoLinger;
      c->option = {{value, 0}, sizeof value};
      if (lingers) c->option = {{value >= 0, value >= 0 ? value : 0}, sizeof(linger)};
      return set(SYS_setsockopt, fd, op.num(1) >> 16, op.num(1) & 0xffff, address(c->option.value), c->option.size);
    }
    case Call::kSendfd: {
      MessageWithRoom(c);
      cmsghdr* control = CMSG_FIRSTHDR(&c->message.header);
      const int passed = op.fd(1).number();
      control->cmsg_level = SOL_SOCKET, control->cmsg_type = SCM_RIGHTS;
      control->cmsg_len = CMSG_LEN(sizeof passed);
      std::memcpy(CMSG_DATA(control), &passed, sizeof passed);
      return set(SYS_sendmsg, fd, address(&c->message.header), 0);
    }
    case Call::kRecvfd:
      MessageWithRoom(c);
      return set(SYS_recvmsg, fd, address(&c->message.header), 0);
    case Call::kReopen:
      ThreadPath(c->path, "/proc/thread-self/fd/", static_cast<int>(fd));
      return set(SYS_openat, AT_FDCWD, address(c->path), NativeFlags(op.u32(1)));
    case Call::kFdinfo:
    case Call::kWatches:
    case Call::kFifo:
    case Call::kUringEpollCtl:
    case Call::kUringEpollWait:
      return false;
  }
  return false;
}

// --- Running ---------------------------------------------------------------------------------------------------------

namespace {

void Skip(const char* why, Outcome* out) {
  out->Clear();
  out->kind = Outcome::kSkipped;
  out->note = why;
}

}  // namespace

void Exec::Run(const Op& op, Outcome* out) {
  if (const char* why = Refused(op)) [[unlikely]]
    return Skip(why, out);
  if (!Prepare(op, &call_)) [[unlikely]] {
    if (op.call == Call::kFdinfo) return Fdinfo(op.fd(0).number(), out);
    if (op.call == Call::kFifo) {
      const long result = fifos_.Open(static_cast<int>(op.u32(0)));
      return result < 0 ? out->Error(static_cast<Errno>(-result)) : out->Value(result);
    }
    if (op.call == Call::kUringEpollCtl || op.call == Call::kUringEpollWait) return RunUring(op, out);
    return Skip("no quota here", out);
  }
  if (call_.number == kNoCall) return Skip("this architecture has no such call", out);
  if (op.call == Call::kPrlimit && call_.limit.rlim_cur > call_.limit.rlim_max) {
    return Skip("above the hard limit of RLIMIT_NOFILE", out);
  }
  bool blocked = false;
  const long result = InvokeMarked(call_, &blocked);
  if (loopback_.active() || op.call == Call::kSocket) [[unlikely]] {
    if (const char* why = OnLoopback(op, result)) return Skip(why, out);
  }
  out->Clear();
  Collect(op, call_, result, out);
  AwaitExpiry(op, result);
  if (blocked) [[unlikely]] {
    out->Clear();
    out->kind = Outcome::kBlocked;
  }
}

void Exec::RunUring(const Op& op, Outcome* out) {
  if (uring_ == nullptr) return Skip("no io_uring here", out);
  out->Clear();
  bool blocked = false;
  const int epfd = op.fd(0).number();
  mark_->Enter();
  if (op.call == Call::kUringEpollCtl) {
    call_.event.events = op.u32(4);
    call_.event.data.u64 = op.arg[5];
    const void* event = StructAt(op.mem(3), &call_.event, sizeof call_.event, 0);
    const long result = uring_->EpollCtl(epfd, op.num(1), op.fd(2).number(), event);
    if (result < 0) out->Error(static_cast<Errno>(-result));
  } else {
    OutputAt(op.mem(1), kRecord, static_cast<size_t>(std::max(op.num(2), 0)), &call_);
    const long result = uring_->EpollWait(epfd, call_.buffer, op.num(2), &blocked);
    CollectEvents(call_, result, out);
  }
  mark_->Leave();
  if (blocked) out->Clear(), out->kind = Outcome::kBlocked;
}

// What INET sockets need beside the call that has just returned; or why its outcome tells nothing.
const char* Exec::OnLoopback(const Op& op, long result) {
  const auto unlimited = [this](auto act) {  // helpers' descriptors count as well
    const rlim_t limit = limit_, highest = highest_limit_;
    if (limit < kTraceLimit) SetLimit(kTraceLimit);
    auto answer = act();
    if (limit < kTraceLimit) SetLimit(limit);
    highest_limit_ = highest;
    return answer;
  };
  if (op.call == Call::kSocket) {
    if (op.num(0) != AF_INET) return nullptr;
    if (result == -EAFNOSUPPORT) return "no INET sockets";
    if (result < 0) return nullptr;
    const int number = static_cast<int>(result);
    const uint32_t type = op.u32(1) | op.u32(2);
    const char* why =
        unlimited([&] { return loopback_.Move(number, static_cast<int>(type), (type & kOCloexec) != 0); });
    if (why != nullptr) close(number);
    return why;
  }
  if (op.call == Call::kAccept4 && result >= 0) loopback_.Opened(static_cast<int>(result));
  if (result == -EADDRINUSE || result == -EADDRNOTAVAIL) return "no port is free";
  if (Loopback::Sends(op.call)) unlimited([&] { return loopback_.Settle(), 0; });
  return nullptr;
}

long Exec::InvokeMarked(const SystemCall& call, bool* blocked) {
  mark_->Enter();
  long result;
  do {
    result = Invoke(call);
    *blocked = mark_->Poked();
  } while (result == -EINTR && !*blocked);
  mark_->Leave();
  return result;
}

void Exec::Collect(const Op& op, const SystemCall& c, long result, Outcome* out) {
  switch (op.call) {
    case Call::kEpollWait:
    case Call::kEpollPwait:
    case Call::kEpollPwait2:
      return CollectEvents(c, result, out);
    case Call::kRead:
    case Call::kRecv:
      return CollectBytes(op, c, result, out);
    case Call::kReadv:
      return CollectSegments(op, c, result, out);
    case Call::kVmsplice:
      if (c.room > 0) return CollectBytes(op, c, result, out);
      break;
    default:
      break;
  }
  if (result < 0) {
    out->Error(static_cast<Errno>(-result));
    return;
  }
  out->value[0] = result;
  switch (op.call) {
    case Call::kPipe2:
    case Call::kSocketpair:
      out->value[0] = c.pair[0];
      out->value[1] = c.pair[1];
      out->nvalues = 2;
      break;
    case Call::kEpiocGparams: {
      SystemCall::Params params;
      std::memcpy(&params, reinterpret_cast<const void*>(c.arg[2]), sizeof params);
      out->nvalues = 4;
      out->value[1] = params.usecs, out->value[2] = params.budget, out->value[3] = params.prefer;
      out->clobbered = params.pad != 0;
      break;
    }
    case Call::kTimerfdGettime:
      out->nvalues = 3;
      out->value[1] = c.timer.it_interval.tv_sec, out->value[2] = c.timer.it_interval.tv_nsec;
      break;
    case Call::kPoll:
    case Call::kPpoll:
      return CollectPolled(op, c, result, out);
    case Call::kSelect:
      return CollectSets(op, c, result, out);
    case Call::kKcmpFile:
    case Call::kKcmpTfd:
      out->value[0] = result != 0;  // their order is of no meaning
      break;
    case Call::kFionread: {
      int32_t bytes;
      std::memcpy(&bytes, reinterpret_cast<const void*>(c.arg[2]), sizeof bytes);
      out->value[0] = bytes;
      break;
    }
    case Call::kGetsockopt:
      out->nvalues = 2;
      out->value[1] = op.num(1) == kSoLinger && c.option.value[0] != 0 ? c.option.value[1]
                      : op.num(1) == kSoLinger                         ? -1
                                                                       : c.option.value[0];
      break;
    case Call::kRecvfd: {
      out->nvalues = 2;
      out->value[0] = -1, out->value[1] = result;
      msghdr header = c.message.header;
      if (const cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr && control->cmsg_type == SCM_RIGHTS) {
        int passed;
        std::memcpy(&passed, CMSG_DATA(control), sizeof passed);
        out->value[0] = passed;
      }
      break;
    }
    case Call::kFcntl:
      if (op.num(1) == kFGetfl) out->value[0] = LanguageFlags(result);
      break;
    case Call::kPrlimit:
      limit_ = c.limit.rlim_cur;
      highest_limit_ = std::max(highest_limit_, limit_);
      break;
    default:
      break;
  }
}

// Looks at the bytes behind the `used` first ones, and paints those again.
void Exec::CheckPaint(const SystemCall& c, size_t used, Outcome* out) {
  if (used > 0) std::memset(c.buffer, kPaint, used);
  const size_t look = std::min(c.room - used, kLookBehind);
  if (look > 0 && std::memcmp(c.buffer + used, kPainted.data(), look) != 0) [[unlikely]] {
    out->clobbered = true;
    std::memset(paint_, kPaint, static_cast<size_t>(paint_end_ - paint_));
  }
}

void Exec::CollectEvents(const SystemCall& c, long result, Outcome* out) {
  if (result < 0) {
    out->Error(static_cast<Errno>(-result));
    return CheckPaint(c, 0, out);
  }
  out->kind = Outcome::kRecords;
  const size_t n = static_cast<size_t>(result);
  const size_t stored = std::min(n, c.room / kRecord);
  out->records.resize(n);
  const epoll_event* events = reinterpret_cast<const epoll_event*>(c.buffer);
  for (size_t i = 0; i < stored; ++i) {
    epoll_event e;
    std::memcpy(&e, events + i, sizeof e);
    out->records[i] = {e.events, 0, e.data.u64};
  }
  for (size_t i = stored; i < n; ++i) out->records[i] = {};  // it says that it stored what there was no room for
  out->clobbered = stored < n;
  CheckPaint(c, stored * kRecord, out);
}

void Exec::CollectBytes(const Op& op, const SystemCall& c, long result, Outcome* out) {
  // MSG_TRUNC returns the length of what may be longer than the buffer; on a stream nothing is copied at all.
  const size_t asked = std::min<size_t>(op.arg[2], c.room);
  size_t used = result < 0 ? 0 : std::min(static_cast<size_t>(result), asked);
  // Where the memory ends too early the bytes before its end may have been written, and more than was returned.
  if (op.mem(1).kind() == Memory::kFault && op.mem(1).records() < op.arg[2]) used = c.room;
  if (result < 0) {
    out->Error(static_cast<Errno>(-result));
  } else {
    out->value[0] = result;
    if (result == 8 && c.room >= 8 && op.call != Call::kVmsplice) {
      std::memcpy(&out->payload, c.buffer, 8);
      const bool truncated_stream =
          op.call == Call::kRecv && (op.u32(3) & kMsgTrunc) != 0 && std::memcmp(c.buffer, kPainted.data(), 8) == 0;
      if (truncated_stream) out->payload = 0;
      out->has_payload = out->payload != 0;
    }
  }
  CheckPaint(c, used, out);
}

// --- Timers ----------------------------------------------------------------------------------------------------------

// The expiration of a timer that was set to the past, or restarted with an interval that has passed, is part of the op:
// it comes by interrupt a moment later. poll(2) on the timer waits for it and changes nothing.
void Exec::AwaitExpiry(const Op& op, long result) {
  const int fd = op.fd(0).number();
  if (op.call == Call::kTimerfdSettime) {
    if (result != 0 || !ExpiresAtOnce(op.u32(1), call_.timer.it_value.tv_sec, call_.timer.it_value.tv_nsec)) return;
    near_timers_ |= NearInterval(call_.timer.it_interval.tv_sec, call_.timer.it_interval.tv_nsec);
  } else if (!near_timers_ || (op.call != Call::kRead && op.call != Call::kReadv) || result == -EAGAIN ||
             !NearPeriodic(fd)) {
    return;
  }
  constexpr int kLongest = 1000;  // ms; a kernel that loses the expiration shows it in what follows
  pollfd timer = {fd, POLLIN, 0};
  const timespec longest = {kLongest / 1000, 0};
  syscall(SYS_ppoll, &timer, 1, &longest, nullptr, 8);
}

// --- Sets and segments -----------------------------------------------------------------------------------------------

void Exec::CollectSegments(const Op& op, const SystemCall& c, long result, Outcome* out) {
  if (result < 0) {
    out->Error(static_cast<Errno>(-result));
  } else {
    out->value[0] = result;
  }
  // Where a segment ends too early the bytes before its end may have been written.
  const bool faults = op.mem(1) != Memory() || op.mem(3) != Memory();
  size_t left = result < 0 ? 0 : static_cast<size_t>(result);
  char bytes[8];
  size_t seen = 0;
  for (size_t i = 0; i < 2; ++i) {
    const iovec& segment = c.segments[i];
    char* const at = static_cast<char*>(segment.iov_base);
    const size_t used = std::min(left, segment.iov_len);
    left -= used;
    if (at < paint_ || at >= paint_end_) continue;
    const size_t room = std::min<size_t>(segment.iov_len + 2, static_cast<size_t>(paint_end_ - at));
    const size_t head = std::min({used, sizeof bytes - seen, room});
    std::memcpy(bytes + seen, at, head);
    seen += head;
    SystemCall part;
    part.buffer = at, part.room = room;
    CheckPaint(part, faults ? room : std::min(used, room), out);
  }
  if (result == 8 && seen == 8) {
    std::memcpy(&out->payload, bytes, 8);
    out->has_payload = out->payload != 0;
  }
}

void Exec::CollectPolled(const Op& op, const SystemCall& c, long result, Outcome* out) {
  out->kind = Outcome::kRecords;
  out->records.resize(op.npoll);
  long ready = 0;
  const char* at = reinterpret_cast<const char*>(c.arg[0]);
  for (size_t i = 0; i < op.npoll; ++i, at += sizeof(pollfd)) {
    pollfd p;
    std::memcpy(&p, at, sizeof p);
    out->records[i].events = static_cast<uint16_t>(p.revents);
    ready += p.revents != 0;
    out->clobbered |= p.fd != op.poll_fd(i).number() || static_cast<uint16_t>(p.events) != op.poll_events(i);
  }
  out->clobbered |= ready != result;  // it returns how many it filled
}

// A bit that nobody asked for, or another number of bits than was returned, is written where nothing belongs.
void Exec::CollectSets(const Op& op, const SystemCall& c, long result, Outcome* out) {
  out->kind = Outcome::kRecords;
  out->records.resize(op.npoll);
  uint64_t sets[3] = {};  // by bit, as the masks; the call's order is read, write, except
  if (c.arg[1] != 0 && c.arg[0] > 0) {
    for (size_t s = 0; s < 3; ++s) std::memcpy(&sets[s], reinterpret_cast<const char*>(c.arg[1]) + 8 * s, 8);
  }
  uint64_t asked[3] = {};
  for (size_t i = 0; i < op.npoll; ++i) {
    const int number = op.poll_fd(i).number();
    if (number < 0) continue;
    for (unsigned s = 0; s < 3; ++s) {
      if ((op.poll_events(i) >> s & 1) == 0) continue;
      asked[s] |= uint64_t{1} << number;
      out->records[i].events |= static_cast<uint32_t>(sets[s] >> number & 1) << s;
    }
  }
  for (size_t s = 0; s < 3; ++s) {
    out->clobbered |= (sets[s] & ~asked[s]) != 0;
    result -= std::popcount(sets[s]);
  }
  out->clobbered |= result != 0;
}

// --- fdinfo ----------------------------------------------------------------------------------------------------------

namespace {

uint64_t Parse(const char** p, const char* end, unsigned base) {
  while (*p < end && **p == ' ') ++*p;
  uint64_t value = 0;
  for (; *p < end; ++*p) {
    const char c = **p;
    const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a' + 10)
                                                  : 16;
    if (digit >= base) break;
    value = value * base + digit;
  }
  return value;
}

// Moves *p behind `word`, which must be next apart from spaces.
bool Expect(const char** p, const char* end, std::string_view word) {
  while (*p < end && **p == ' ') ++*p;
  if (static_cast<size_t>(end - *p) < word.size() || std::memcmp(*p, word.data(), word.size()) != 0) return false;
  *p += word.size();
  return true;
}

bool IsEpoll(int fd) {
  char path[48], target[64];
  ThreadPath(path, "/proc/thread-self/fd/", fd);
  const ssize_t n = readlink(path, target, sizeof target);
  return std::string_view(target, static_cast<size_t>(std::max<ssize_t>(n, 0))) == "anon_inode:[eventpoll]";
}

}  // namespace

// Descriptor order of errors, here and in the model: EBADF if the number is not open, EINVAL if it is no epoll.
void Exec::Fdinfo(int fd, Outcome* out) {
  out->Clear();
  if (fd < 0) return out->Error(kEBADF);
  mark_->Enter();
  const long info = OpenFdinfo(fd);
  const long size = info < 0 ? info : ReadFdinfo(static_cast<int>(info));
  mark_->Leave();
  if (info >= 0) close(static_cast<int>(info));
  if (size == -ENOENT) return out->Error(kEBADF);
  if (size < 0) return Skip("fdinfo cannot be read now", out);

  out->kind = Outcome::kRecords;
  bool path = false;  // opened with O_PATH: a name of the epoll, and no epoll
  const char *p = text_.data(), *end = p + size;
  while (p < end) {
    if (Expect(&p, end, "flags:\t")) {
      path = (Parse(&p, end, 8) & kOPath) != 0;
    } else if (Expect(&p, end, "tfd:")) {
      Record r;
      r.fd = static_cast<int32_t>(Parse(&p, end, 10));
      if (Expect(&p, end, "events:")) r.events = static_cast<uint32_t>(Parse(&p, end, 16));
      if (Expect(&p, end, "data:")) r.data = Parse(&p, end, 16);
      out->records.push_back(r);
    }
    const void* newline = std::memchr(p, '\n', static_cast<size_t>(end - p));
    p = newline == nullptr ? end : static_cast<const char*>(newline) + 1;
  }
  if (out->records.empty() && (path || !IsEpoll(fd))) return out->Error(kEINVAL);
  std::sort(out->records.begin(), out->records.end(), [](const Record& a, const Record& b) {
    return a.fd != b.fd ? a.fd < b.fd : a.data != b.data ? a.data < b.data : a.events < b.events;
  });
}

// Is it a timer with a near interval? Its fdinfo tells without restarting it.
bool Exec::NearPeriodic(int fd) {
  const long info = OpenFdinfo(fd);
  if (info < 0) return false;
  const long size = ReadFdinfo(static_cast<int>(info));
  close(static_cast<int>(info));
  const std::string_view text(text_.data(), static_cast<size_t>(std::max(size, 0L)));
  constexpr std::string_view kLabel = "it_interval: (";
  const size_t at = text.find(kLabel);
  if (at == std::string_view::npos) return false;
  const char *p = text.data() + at + kLabel.size(), *end = text.data() + text.size();
  const uint64_t sec = Parse(&p, end, 10);
  if (!Expect(&p, end, ",")) return false;
  return NearInterval(static_cast<int64_t>(sec), static_cast<int64_t>(Parse(&p, end, 10)));
}

// The open fdinfo file, or -errno. It takes a number for a moment; where there is none left the soft limit is lifted.
long Exec::OpenFdinfo(int fd) {
  char path[48];
  ThreadPath(path, "/proc/thread-self/fdinfo/", fd);
  int info = open(path, O_RDONLY | O_CLOEXEC);
  if (info < 0 && errno == EMFILE) {
    const rlim_t limit = limit_, highest = highest_limit_;
    SetLimit(original_limit_.rlim_max);
    info = open(path, O_RDONLY | O_CLOEXEC);
    const int error = errno;
    SetLimit(limit);
    highest_limit_ = highest;
    errno = error;
  }
  return info < 0 ? -errno : info;
}

// Reads all of it into text_: its size, or -errno.
long Exec::ReadFdinfo(int fd) {
  size_t size = 0;
  for (;;) {
    if (size == text_.size()) text_.resize(2 * size);
    const ssize_t n = read(fd, text_.data() + size, text_.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -errno;
    if (n == 0) return static_cast<long>(size);
    size += static_cast<size_t>(n);
  }
}

}  // namespace pollux
