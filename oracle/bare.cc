#include "oracle/bare.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "model/abi.h"
#include "model/trace.h"

namespace pollux {
namespace {

// A copy of an Exec's output area: replays must not touch the paint that checked runs look at. It has the same
// distance to an inaccessible page.
char* OutputArea(size_t size) {
  static char* const area = [size] {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    void* p = mmap(reinterpret_cast<void*>(uintptr_t{1} << 45), size + page, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    mprotect(p, size, PROT_READ | PROT_WRITE);
    return static_cast<char*>(p);
  }();
  return area;
}

// The op with its readable structs in good memory: those of faulting and read-only memory share one place.
Op Readable(Op op) {
  const std::span<const ArgSpec> args = Spec(op.call).args;
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i].kind != ArgKind::kMemory) continue;
    const bool bytes = i + 1 < args.size() && args[i + 1].kind == ArgKind::kBytes;
    const bool output = args[i].name == "buffer" && !bytes;
    const uint32_t records = bytes ? static_cast<uint32_t>(op.arg[i + 1]) : 1;
    if (!output && op.call != Call::kEpiocGparams && op.mem(i).readable(records)) op.arg[i] = Memory().bits();
  }
  return op;
}

// The wait with timeout 0: it had something to tell, or was given no time. In a replay a timer may expire a little
// later, and nobody would end the wait.
Op Prompt(Op op) {
  constexpr size_t kPollTimeout = 0, kWaitTimeout = 3;
  const auto no_time = [&op](size_t memory, size_t seconds, size_t fraction) {
    op.arg[memory] = Memory().bits();
    op.arg[seconds] = op.arg[fraction] = 0;
  };
  switch (op.call) {
    case Call::kPoll:
      op.arg[kPollTimeout] = 0;
      break;
    case Call::kEpollWait:
    case Call::kEpollPwait:
      op.arg[kWaitTimeout] = 0;
      break;
    case Call::kEpollPwait2:
      no_time(3, 4, 5);
      break;
    case Call::kSelect:
    case Call::kPpoll:
      no_time(1, 2, 3);
      break;
    default:
      break;
  }
  return op;
}

// The op as it is in a trace with pseudoterminals, where no descriptor sleeps: nobody waits for their workers here, so
// that a write finds no room where it found some.
Op Sleepless(Op op) {
  switch (op.call) {
    case Call::kOpenpty:
      op.arg[0] |= kONonblock;
      break;
    case Call::kPtsopen:
    case Call::kReopen:
      op.arg[1] |= kONonblock;
      break;
    case Call::kFcntl:
      if (op.num(1) == kFSetfl) op.arg[2] |= kONonblock;
      break;
    case Call::kFionbio:
      op.arg[2] = 1;
      break;
    default:
      break;
  }
  return op;
}

}  // namespace

Bare::Bare(Exec* exec, std::span<const Op> ops) : exec_(exec), ring_(exec->ring()) {
  // What the ops did, hence the numbers that names stand for and the ops that are no calls.
  exec->Reset();
  Bindings bindings;
  Outcome outcome;
  std::vector<Op> called;
  bool limited = false, signals = false, processes = false, terminals = false;
  for (const Op& op : ops) {
    const Op resolved = bindings.Resolve(op);
    exec->Run(resolved, &outcome);
    bindings.Bind(op, outcome);
    if (outcome.kind == Outcome::kSkipped || outcome.kind == Outcome::kBlocked) continue;
    // Sets that cannot be written would stand in memory that can, and the call would end in another way.
    const bool sets = (op.call == Call::kPpoll || op.call == Call::kSelect) && op.mem(0) != Memory();
    if (sets && outcome.kind == Outcome::kError && outcome.error == kEFAULT) continue;
    const bool waited = outcome.kind == Outcome::kRecords ||
                        (outcome.kind == Outcome::kError && (outcome.error == kEFAULT || outcome.error == kEINTR));
    called.push_back(waited ? Prompt(resolved) : resolved);
    limited |= op.call == Call::kPrlimit;
    terminals |= op.call == Call::kOpenpty;
    processes |= op.call == Call::kFork || op.call == Call::kChild;
    signals |= op.call == Call::kRaise || op.call == Call::kKill || op.call == Call::kSigqueue;
  }
  const std::vector<int> streams(exec->streams().begin(), exec->streams().end());
  exec->Reset();
  if (processes) Add(kEnd);
  // The same once more, call by call.
  Add(SYS_close_range, 3, static_cast<long>(~0u), 0);
  for (const Op& op : called) AddOp(exec, terminals ? Sleepless(op) : op);
  ops_ = called.size();
  // And what a reset does beside closing all.
  if (signals) {
    static const uint64_t kSet = Sigset(SignalBits());
    static const timespec kAtOnce = {};
    const long set = reinterpret_cast<long>(&kSet), at_once = reinterpret_cast<long>(&kAtOnce);
    while (Add(SYS_rt_sigtimedwait, set, 0, at_once, sizeof kSet) > 0) {
    }
  }
  pointed_to_.emplace_back();
  pointed_to_.back().option = {{1, 0}, sizeof(linger)};
  const long now = reinterpret_cast<long>(pointed_to_.back().option.value);
  for (const int number : streams) Add(SYS_setsockopt, number, SOL_SOCKET, SO_LINGER, now, sizeof(linger));
  Op limit = {.call = Call::kPrlimit};
  limit.arg[0] = Exec::kTraceLimit;
  if (limited) AddOp(exec, limit);
  exec->Reset();
}

void Bare::AddOp(Exec* exec, const Op& op) {
  if ((op.process | op.i386) != 0) return AddWhole(op);
  pointed_to_.emplace_back();
  SystemCall& call = pointed_to_.back();
  const bool one = exec->Prepare(Readable(op), &call);
  if (call.buffer >= exec->output() && call.buffer <= exec->output() + exec->output_size()) {
    call.arg[1] += OutputArea(exec->output_size()) - exec->output();  // every buffer is argument 1
  }
  if (op.call == Call::kConnect && call.arg[2] != 0 && op.fd(1).number() >= 0) {
    sizes_.push_back(sizeof call.address);
    Add(SYS_getsockname, op.fd(1).number(), call.arg[1], reinterpret_cast<long>(&sizes_.back()));
  }
  long number = call.number;
  if (!one) {
    switch (op.call) {
      case Call::kFdinfo:
        return AddFdinfo(op.fd(0).number());
      case Call::kFifo:
        return AddFifo(exec->NewFifo(), op.u32(0));
      case Call::kMqOpen:
        return AddQueue(op);
      case Call::kUringEpollCtl:
        number = kRingCtl;
        break;
      case Call::kUringEpollWait:
        number = kRingWait;
        break;
      default:
        return AddWhole(op);
    }
  }
  Add(number, call.arg[0], call.arg[1], call.arg[2], call.arg[3], call.arg[4], call.arg[5]);
}

// By Exec, as it is executed when it is checked.
void Bare::AddWhole(const Op& op) {
  whole_.push_back(op);
  Add(kWhole, reinterpret_cast<long>(&whole_.back()));
}

long Bare::Add(long number, long a, long b, long c, long d, long e, long f) {
  flat_.push_back({number, {a, b, c, d, e, f}});
  const long result = Make(flat_.back());
  results_.push_back(result == -1 ? -errno : result);
  return results_.back();
}

// The ring's answers are -errno; here as a system call's.
long Bare::MakeElsewhere(const Flat& f) const {
  if (f.number == kEnd) return exec_->EndProcesses(), 0;
  if (f.number == kWhole) {
    static Outcome outcome;
    exec_->Run(*reinterpret_cast<const Op*>(f.arg[0]), &outcome);
    if (outcome.kind != Outcome::kError) return outcome.value[0];
    errno = static_cast<int>(outcome.error);
    return -1;
  }
  bool blocked = false;
  const int epfd = static_cast<int>(f.arg[0]);
  const long result =
      f.number == kRingCtl
          ? ring_->EpollCtl(epfd, static_cast<int>(f.arg[1]), static_cast<int>(f.arg[2]),
                            reinterpret_cast<const void*>(f.arg[3]))
          : ring_->EpollWait(epfd, reinterpret_cast<void*>(f.arg[1]), static_cast<int>(f.arg[2]), &blocked);
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
}

long Bare::Text(std::string s) {
  texts_.push_back(std::move(s));
  return reinterpret_cast<long>(texts_.back().data());
}

// As Exec reads it, from a table with a free number.
void Bare::AddFdinfo(int fd) {
  const long info =
      Add(SYS_openat, AT_FDCWD, Text("/proc/thread-self/fdinfo/" + std::to_string(fd)), O_RDONLY | O_CLOEXEC);
  if (info < 0) return;
  const long buffer = Text(std::string(1 << 16, 0));
  while (Add(SYS_read, info, buffer, 1 << 16) > 0) {
  }
  Add(SYS_close, info);
}

// As FifoRoom makes it.
void Bare::AddFifo(const std::string& path, long flags) {
  const long fifo = Text(path);
  Add(SYS_mknodat, AT_FDCWD, fifo, S_IFIFO | 0600, 0);
  Add(SYS_openat, AT_FDCWD, fifo, O_PATH | flags);
  Add(SYS_unlinkat, AT_FDCWD, fifo, 0);
}

// As MessageQueues makes it.
void Bare::AddQueue(const Op& op) {
  const long name = Text("queue");
  pointed_to_.emplace_back();
  mq_attr& attributes = pointed_to_.back().queue.attributes;
  attributes = {};
  attributes.mq_maxmsg = op.num(1), attributes.mq_msgsize = op.num(2);
  const long flags = O_CREAT | O_EXCL | op.u32(0);
  if (Add(SYS_mq_open, name, flags, 0600, reinterpret_cast<long>(&attributes)) >= 0) Add(SYS_mq_unlink, name);
}

size_t Bare::Verify() const {
  for (size_t i = 0; i < flat_.size(); ++i) {
    const long result = Make(flat_[i]);
    if ((result == -1 ? -errno : result) != results_[i]) return i;
  }
  return flat_.size();
}

}  // namespace pollux
