// Where pointer arguments stand: the executing thread's buffers between inaccessible pages.

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "oracle/exec.h"
#include "oracle/exec_internal.h"

namespace pollux {
namespace {

constexpr size_t kHandover = 64;  // more than it takes
static_assert(sizeof(Handover) <= kHandover && kHandover + sizeof(SystemCall) + SecondProcess::kSpare <= 4096);

char* const kKernelAddress = reinterpret_cast<char*>(0xffff800000000000);

}  // namespace

// The mapping, each piece between inaccessible pages (g):
//   g | paint: output buffers, from its start (good) or up to its end (fault@N) | g | zeros, never written | g
//     | structs 0 | g | structs 1 | g | structs 2 | g        two pages each, and one shared page that is mapped twice,
//     writable and read-only, | g | one for what is gone | g | and one with the calls that are under way.
// All of it is a file without a name, descriptor 0 of the executing thread, so that the second process has it where
// this one has it, whatever program it runs. A thread beside that one has a mapping without a file, elsewhere.
bool Exec::Map(bool beside) {
  const size_t page = page_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t area = (kMaxBytes + page - 1) / page * page + 4 * page;
  map_size_ = (3 + 3 * kStructs) * page + 2 * area + 7 * page;
  // Low, so that maxevents records from here stay in the user range whatever maxevents is.
  void* map = MAP_FAILED;
  if (!beside) {
    const int file = static_cast<int>(syscall(SYS_memfd_create, "pollux", 0));
    if (file < 0 || ftruncate(file, static_cast<off_t>(map_size_)) != 0) return false;
    if (file != 0) dup2(file, 0), close(file);
    map = mmap(reinterpret_cast<void*>(uintptr_t{1} << 29), map_size_, PROT_NONE, MAP_SHARED | MAP_NORESERVE, 0, 0);
  } else {
    static std::atomic<uintptr_t> count{0};
    const uintptr_t low = (uintptr_t{1} << 44) + (count.fetch_add(1) % 256 << 32);
    map = mmap(reinterpret_cast<void*>(low), map_size_, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }
  if (map == MAP_FAILED) return false;
  map_ = static_cast<char*>(map);
  std::vector<Mapping> mappings = {{false, map_, map_size_, PROT_NONE, 0}};
  const auto protect = [&mappings](char* p, size_t size, int protection) {
    mappings.push_back({true, p, size, protection, 0});
    return mprotect(p, size, protection) == 0;
  };
  char* at = map_ + page;
  const auto piece = [&](size_t size, int protection) {
    char* p = at;
    at += size + page;
    return protect(p, size, protection) ? p : nullptr;
  };
  paint_ = piece(area, PROT_READ | PROT_WRITE);
  zeros_ = piece(area, PROT_READ);
  char* structs[kStructs];
  for (char*& p : structs) p = piece(2 * page, PROT_READ | PROT_WRITE);
  shared_ = at;
  shared_readonly_ = at + 2 * page;
  gone_ = at + 4 * page;
  if (paint_ == nullptr || zeros_ == nullptr || std::count(structs, structs + kStructs, nullptr) > 0) return false;
  paint_end_ = paint_ + area;
  zeros_end_ = zeros_ + area;
  for (size_t i = 0; i < kStructs; ++i) struct_end_[i] = structs[i] + 2 * page;
  if (!protect(shared_, page, PROT_READ | PROT_WRITE)) return false;
  const off_t offset = shared_ - map_;
  if (!beside) {
    if (mmap(shared_readonly_, page, PROT_READ, MAP_SHARED | MAP_FIXED, 0, offset) == MAP_FAILED) return false;
  } else {
    // An old size of 0 maps a shared mapping a second time.
    if (mremap(shared_, 0, page, MREMAP_MAYMOVE | MREMAP_FIXED, shared_readonly_) == MAP_FAILED) return false;
    if (mprotect(shared_readonly_, page, PROT_READ) != 0) return false;
  }
  mappings.push_back({false, shared_readonly_, page, PROT_READ, offset});
  char* const calls = at + 6 * page;
  if (!protect(calls, page, PROT_READ | PROT_WRITE)) return false;
  call_ = new (calls + kHandover) SystemCall;
  second_.Use(new (calls) Handover, calls + page - SecondProcess::kSpare, std::move(mappings));
  std::memset(paint_, kPaint, area);
  for (char* p : structs) std::memset(p, 0, 2 * page);
  std::memset(shared_, 0, page);
  text_.resize(4096);
  ptys_.Use(reinterpret_cast<int*>(shared_ + page / 2), [this](bool second, long number, long a, long b, long c) {
    if (second) return second_.alive() ? second_.Make(number, a, b, c) : -ESRCH;
    const long result = syscall(number, a, b, c);
    return result == -1 ? -static_cast<long>(errno) : result;
  });
  return true;
}

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
    case Memory::kMisaligned:
      return static_cast<char*>(std::memcpy(struct_end_[which] - 2 * page_ + 1, good, size));
    case Memory::kStraddling:
      return static_cast<char*>(std::memcpy(struct_end_[which] - page_ - size / 2, good, size));
    case Memory::kGone:
      return Gone();
  }
  return static_cast<char*>(good);
}

// Where an output buffer of so many records stands.
void Exec::OutputAt(Memory memory, size_t record, size_t records, SystemCall* call) {
  const size_t area = static_cast<size_t>(paint_end_ - paint_);
  // Two records more than it was told it has: a kernel that writes one too many is caught.
  const auto from = [&](size_t offset) {
    call->buffer = paint_ + offset;
    call->room = std::min(area - offset, (std::min(records, area / record) + 2) * record);
  };
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
      return from(0);
    case Memory::kMisaligned:
      return from(1);
    case Memory::kStraddling:
      return from(page_ - std::max<size_t>(record / 2, 1));
    case Memory::kGone:
      call->buffer = Gone();
  }
}

// Where the n bytes that are written stand; 8 of them, in *word if nothing else is asked for.
char* Exec::SourceAt(Memory memory, size_t n, uint64_t payload, uint64_t* word, size_t which) {
  if (n == 8 && memory.readable(8)) {
    *word = payload;
    if (memory.kind() == Memory::kFault && memory.records() > 8) return reinterpret_cast<char*>(word);
    return StructAt(memory, word, 8, which);
  }
  return ZerosAt(memory);
}

char* Exec::ZerosAt(Memory memory) {
  switch (memory.kind()) {
    case Memory::kNull:
      return nullptr;
    case Memory::kKernel:
      return kKernelAddress;
    case Memory::kUnmapped:
      return map_;
    case Memory::kFault:
      return zeros_end_ - std::min<size_t>(memory.records(), static_cast<size_t>(zeros_end_ - zeros_));
    case Memory::kMisaligned:
      return zeros_ + 1;
    case Memory::kStraddling:
      return zeros_ + page_ - 1;
    case Memory::kGone:
      return Gone();
    default:
      return zeros_;
  }
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
      const Memory whole = memory.kind() == Memory::kFault ? Memory() : memory;
      OutputAt(whole, 1, n, c);
      at = c->buffer;
      if (whole.good() && i == 1) at += kMaxBytes / 2 + 2 * page_;
    }
    c->segments[i] = {at, n};
  }
  c->buffer = paint_;
  c->room = 0;
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

}  // namespace pollux
