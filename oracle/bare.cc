#include "oracle/bare.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

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

}  // namespace

Bare::Bare(Exec* exec, std::span<const Op> ops) {
  // What the ops did, hence the numbers that names stand for and the ops that are no calls.
  exec->Reset();
  Bindings bindings;
  Outcome outcome;
  std::vector<Op> called;
  bool limited = false;
  for (const Op& op : ops) {
    const Op resolved = bindings.Resolve(op);
    exec->Run(resolved, &outcome);
    bindings.Bind(op, outcome);
    if (outcome.kind == Outcome::kSkipped || outcome.kind == Outcome::kBlocked) continue;
    // An address of one run is nobody's in the next; a message that was received into has no room any more.
    if (op.call == Call::kConnect || op.call == Call::kRecvfd) continue;
    called.push_back(resolved);
    limited |= op.call == Call::kPrlimit;
  }
  if (limited) {
    called.push_back({.call = Call::kPrlimit});
    called.back().arg[0] = Exec::kTraceLimit;
  }
  exec->Reset();
  // The same once more, call by call.
  Add(SYS_close_range, 3, static_cast<long>(~0u), 0);
  for (const Op& op : called) {
    pointed_to_.emplace_back();
    SystemCall& call = pointed_to_.back();
    if (!exec->Prepare(Readable(op), &call)) {
      if (op.call == Call::kFdinfo) AddFdinfo(op.fd(0).number());
      continue;
    }
    if (call.buffer >= exec->output() && call.buffer <= exec->output() + exec->output_size()) {
      call.arg[1] += OutputArea(exec->output_size()) - exec->output();  // every buffer is argument 1
    }
    Add(call.number, call.arg[0], call.arg[1], call.arg[2], call.arg[3], call.arg[4], call.arg[5]);
  }
  exec->Reset();
}

long Bare::Add(long number, long a, long b, long c, long d, long e, long f) {
  flat_.push_back({number, {a, b, c, d, e, f}});
  const long result = Make(flat_.back());
  results_.push_back(result == -1 ? -errno : result);
  return results_.back();
}

// As Exec reads it, from a table with a free number.
void Bare::AddFdinfo(int fd) {
  const auto text = [this](std::string s) {
    texts_.push_back(std::move(s));
    return reinterpret_cast<long>(texts_.back().data());
  };
  const std::string path = "/proc/thread-self/fdinfo/" + std::to_string(fd);
  const long info = Add(SYS_openat, AT_FDCWD, text(path), O_RDONLY | O_CLOEXEC);
  if (info < 0) return;
  const long buffer = text(std::string(1 << 16, 0));
  while (Add(SYS_read, info, buffer, 1 << 16) > 0) {
  }
  Add(SYS_close, info);
}

size_t Bare::Verify() const {
  for (size_t i = 0; i < flat_.size(); ++i) {
    const long result = Make(flat_[i]);
    if ((result == -1 ? -errno : result) != results_[i]) return i;
  }
  return flat_.size();
}

}  // namespace pollux
