#include "oracle/shared_ring.h"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace pollux {
namespace {

// Both queues of 64 entries and their counters fit.
constexpr size_t kPage = 4096;

// Where the counters stand: the same in every ring of a kernel.
struct Layout {
  uint32_t sq_head, sq_tail, sq_mask, sq_entries, cq_head, cq_tail, cq_entries, cqes;
};

thread_local Layout layout;  // of the last ring that was set up

class Mapped {
 public:
  Mapped(int fd, uint64_t offset)
      : at_(static_cast<char*>(
            mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, static_cast<off_t>(offset)))) {}
  ~Mapped() {
    if (ok()) munmap(at_, kPage);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  bool ok() const { return at_ != MAP_FAILED; }
  char* at() const { return at_; }
  uint32_t& Word(uint32_t offset) const { return *reinterpret_cast<uint32_t*>(at_ + offset); }
  uint32_t Load(uint32_t offset) const { return __atomic_load_n(&Word(offset), __ATOMIC_ACQUIRE); }
  void Store(uint32_t offset, uint32_t value) const { __atomic_store_n(&Word(offset), value, __ATOMIC_RELEASE); }

 private:
  char* at_;
};

}  // namespace

long SetUpRing(uint32_t entries, uint32_t flags) {
  io_uring_params p;
  std::memset(&p, 0, sizeof p);
  p.flags = flags;
  const long fd = syscall(SYS_io_uring_setup, entries, &p);
  if (fd < 0) return -errno;
  layout = {p.sq_off.head, p.sq_off.tail, p.sq_off.ring_mask,    p.sq_off.ring_entries,
            p.cq_off.head, p.cq_off.tail, p.cq_off.ring_entries, p.cq_off.cqes};
  return fd;
}

long PushNops(int fd, uint32_t n) {
  const Layout& l = layout;
  const Mapped ring(fd, IORING_OFF_SQ_RING), entries(fd, IORING_OFF_SQES);
  if (!ring.ok() || !entries.ok()) return -errno;
  // The array of indices lies behind the completions, on a cache line of its own.
  const uint32_t array =
      (l.cqes + ring.Load(l.cq_entries) * static_cast<uint32_t>(sizeof(io_uring_cqe)) + 63) / 64 * 64;
  uint32_t tail = ring.Load(l.sq_tail);
  const uint32_t room = ring.Load(l.sq_entries) - (tail - ring.Load(l.sq_head)), pushed = std::min(n, room);
  for (uint32_t i = 0; i < pushed; ++i, ++tail) {
    const uint32_t slot = tail & ring.Load(l.sq_mask);
    io_uring_sqe nop;
    std::memset(&nop, 0, sizeof nop);
    nop.opcode = IORING_OP_NOP;
    std::memcpy(entries.at() + slot * sizeof nop, &nop, sizeof nop);
    ring.Word(array + slot * 4) = slot;
  }
  ring.Store(l.sq_tail, tail);
  return pushed;
}

long ReapCompletions(int fd, uint32_t n) {
  const Layout& l = layout;
  const Mapped ring(fd, IORING_OFF_SQ_RING);
  if (!ring.ok()) return -errno;
  const uint32_t head = ring.Load(l.cq_head), taken = std::min(n, ring.Load(l.cq_tail) - head);
  ring.Store(l.cq_head, head + taken);
  return taken;
}

}  // namespace pollux
