#include "oracle/uring.h"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace pollux {
namespace {

constexpr uint8_t kOpEpollWait = 59;                // IORING_OP_EPOLL_WAIT, 6.15
constexpr unsigned kRegisterRing = 20;              // IORING_REGISTER_RING_FDS, 5.18
constexpr unsigned kUnregisterRing = 21;            // IORING_UNREGISTER_RING_FDS
constexpr unsigned kRegisterByIndex = 1u << 31;     // IORING_REGISTER_USE_REGISTERED_RING, 6.3
constexpr unsigned kEnterRegisteredRing = 1u << 4;  // IORING_ENTER_REGISTERED_RING
constexpr uint64_t kRequest = 1, kCancel = 2;       // user_data

long Result(long r) { return r == -1 ? -errno : r; }

}  // namespace

std::unique_ptr<Uring> Uring::Open() {
  io_uring_params p;
  std::memset(&p, 0, sizeof p);
  const int fd = static_cast<int>(syscall(SYS_io_uring_setup, 4, &p));
  if (fd < 0) return nullptr;
  std::unique_ptr<Uring> ring(new Uring);
  ring->rings_size_ = std::max<size_t>(p.cq_off.cqes + p.cq_entries * sizeof(io_uring_cqe),
                                       p.sq_off.array + p.sq_entries * sizeof(uint32_t));
  ring->entries_size_ = p.sq_entries * sizeof(io_uring_sqe);
  const auto map = [fd](size_t size, uint64_t offset) {
    void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, static_cast<off_t>(offset));
    return at == MAP_FAILED ? nullptr : static_cast<char*>(at);
  };
  if ((p.features & IORING_FEAT_SINGLE_MMAP) != 0) {
    ring->rings_ = map(ring->rings_size_, IORING_OFF_SQ_RING);
    ring->entries_ = map(ring->entries_size_, IORING_OFF_SQES);
  }
  struct {
    uint32_t offset, reserved;
    uint64_t data;
  } update = {UINT32_MAX, 0, static_cast<uint64_t>(fd)};
  // One place for a socket that is kept.
  const int empty = -1;
  syscall(SYS_io_uring_register, fd, IORING_REGISTER_FILES, &empty, 1);
  const long registered = syscall(SYS_io_uring_register, fd, kRegisterRing, &update, 1);
  close(fd);
  if (registered == 1) ring->registered_ = static_cast<int>(update.offset);
  if (ring->rings_ == nullptr || ring->entries_ == nullptr || registered != 1) return nullptr;
  ring->sq_tail_ = p.sq_off.tail, ring->sq_array_ = p.sq_off.array, ring->sq_mask_ = *ring->At(p.sq_off.ring_mask);
  ring->cq_head_ = p.cq_off.head, ring->cq_tail_ = p.cq_off.tail, ring->cq_mask_ = *ring->At(p.cq_off.ring_mask);
  ring->cqes_ = p.cq_off.cqes;
  return ring;
}

Uring::~Uring() {
  if (registered_ >= 0) {
    io_uring_rsrc_update update = {static_cast<uint32_t>(registered_), 0, 0};
    // Linux before 6.3 needs a number for it, and keeps the ring until the thread ends.
    syscall(SYS_io_uring_register, registered_, kUnregisterRing | kRegisterByIndex, &update, 1);
  }
  if (rings_ != nullptr) munmap(rings_, rings_size_);
  if (entries_ != nullptr) munmap(entries_, entries_size_);
}

long Uring::EpollCtl(int epfd, int op, int fd, const void* event) {
  return Submit(IORING_OP_EPOLL_CTL, epfd, static_cast<uint64_t>(int64_t{fd}), reinterpret_cast<uint64_t>(event),
                static_cast<uint32_t>(op), nullptr);
}

long Uring::EpollWait(int epfd, void* events, int maxevents, bool* blocked) {
  return Submit(kOpEpollWait, epfd, 0, reinterpret_cast<uint64_t>(events), static_cast<uint32_t>(maxevents), blocked);
}

void Uring::Push(const io_uring_sqe& entry) {
  const uint32_t tail = *At(sq_tail_), slot = tail & sq_mask_;
  std::memcpy(entries_ + slot * sizeof entry, &entry, sizeof entry);
  At(sq_array_)[slot] = slot;
  __atomic_store_n(At(sq_tail_), tail + 1, __ATOMIC_RELEASE);
}

void Uring::Push(uint8_t opcode, int fd, uint64_t offset, uint64_t address, uint32_t length, uint64_t user_data) {
  io_uring_sqe sqe;
  std::memset(&sqe, 0, sizeof sqe);
  sqe.opcode = opcode, sqe.fd = fd, sqe.off = offset, sqe.addr = address, sqe.len = length, sqe.user_data = user_data;
  Push(sqe);
}

// An operation on the kept socket, which never waits.
void Uring::PushKept(uint8_t opcode) {
  io_uring_sqe sqe;
  std::memset(&sqe, 0, sizeof sqe);
  sqe.opcode = opcode, sqe.flags = IOSQE_FIXED_FILE, sqe.fd = 0;
  sqe.addr = reinterpret_cast<uint64_t>(&byte_), sqe.len = 1, sqe.msg_flags = MSG_DONTWAIT;
  Push(sqe);
}

long Uring::Enter(unsigned submit, unsigned wait) {
  return Result(syscall(SYS_io_uring_enter, registered_, submit, wait, kEnterRegisteredRing | IORING_ENTER_GETEVENTS,
                        nullptr, 0));
}

bool Uring::Pop(uint64_t* user_data, long* result) {
  const uint32_t head = *At(cq_head_);
  if (head == __atomic_load_n(At(cq_tail_), __ATOMIC_ACQUIRE)) return false;
  io_uring_cqe cqe;
  std::memcpy(&cqe, rings_ + cqes_ + (head & cq_mask_) * sizeof cqe, sizeof cqe);
  *user_data = cqe.user_data, *result = cqe.res;
  __atomic_store_n(At(cq_head_), head + 1, __ATOMIC_RELEASE);
  return true;
}

bool Uring::Keep(int fd) {
  const int32_t number = fd;
  Push(IORING_OP_FILES_UPDATE, -1, 0, reinterpret_cast<uint64_t>(&number), 1, kRequest);
  long entered;
  do entered = Enter(1, 0);
  while (entered == -EINTR);
  if (entered != 1) return false;
  uint64_t user_data = 0;
  long result = 0;
  while (!Pop(&user_data, &result)) Enter(0, 1);
  return result == 1;
}

bool Uring::RoundTrip() {
  PushKept(IORING_OP_SEND);
  PushKept(IORING_OP_RECV);
  if (Enter(2, 2) != 2) return false;  // neither waits: both are complete
  uint64_t user_data = 0;
  long first = 0, second = 0;
  Pop(&user_data, &first), Pop(&user_data, &second);
  return first == 1 && second == 1;
}

void Uring::Drain() {
  uint64_t user_data = 0;
  for (long received = 1; received == 1;) {
    PushKept(IORING_OP_RECV);
    if (Enter(1, 1) != 1 || !Pop(&user_data, &received)) return;
  }
}

long Uring::Submit(uint8_t opcode, int fd, uint64_t offset, uint64_t address, uint32_t length, bool* blocked) {
  Push(opcode, fd, offset, address, length, kRequest);
  long entered;
  do entered = Enter(1, 0);
  while (entered == -EINTR);
  if (entered < 0) return entered;
  uint64_t user_data = 0;
  long result = 0;
  if (Pop(&user_data, &result)) return result;
  // Where a lock is taken, one of the whole machine among them, epoll_ctl goes on in a thread of the kernel.
  while (blocked == nullptr) {
    elsewhere_ = true;
    Enter(0, 1);
    if (Pop(&user_data, &result)) return result;
  }
  // Nobody else is there to complete it: it sleeps.
  *blocked = true;
  Push(IORING_OP_ASYNC_CANCEL, -1, 0, kRequest, 0, kCancel);
  entered = Enter(1, 2);
  for (int left = 2; left > 0;) {
    if (Pop(&user_data, &result)) {
      if (user_data == kRequest && result != -ECANCELED) *blocked = false;
      --left;
    } else {
      Enter(0, 1);
    }
  }
  return -ECANCELED;
}

}  // namespace pollux
