// An io_uring of one thread, through raw system calls: the same operations by another way into the kernel.
//
// The ring takes no descriptor number that a trace could see: it is registered with the thread and then closed. One
// request at a time, submitted without IOSQE_ASYNC; what does not complete at once would sleep, and is cancelled. Not
// thread-safe: a Uring belongs to the thread that opened it.

#ifndef POLLUX_ORACLE_URING_H_
#define POLLUX_ORACLE_URING_H_

#include <cstddef>
#include <cstdint>
#include <memory>

struct io_uring_sqe;

namespace pollux {

class Uring {
 public:
  // nullptr where io_uring is missing, disabled (kernel.io_uring_disabled), filtered, or older than 5.18.
  static std::unique_ptr<Uring> Open();
  ~Uring();
  Uring(const Uring&) = delete;
  Uring& operator=(const Uring&) = delete;

  // IORING_OP_EPOLL_CTL and IORING_OP_EPOLL_WAIT: the result of the completion, or -errno.
  long EpollCtl(int epfd, int op, int fd, const void* event);
  long EpollWait(int epfd, void* events, int maxevents, bool* blocked);

  // Keeps a connected datagram socket without a number, instead of the one kept before; -1: none. False where it
  // cannot.
  bool Keep(int fd);
  // Has the kept socket send a byte and then receive one, without a wait, in one system call: did a byte come?
  bool RoundTrip();
  // Receives what has come since.
  void Drain();

  // Has a thread of the kernel done something since Reset?
  bool elsewhere() const { return elsewhere_; }
  void Reset() { elsewhere_ = false; }

 private:
  Uring() = default;
  long Submit(uint8_t opcode, int fd, uint64_t offset, uint64_t address, uint32_t length, bool* blocked);
  void Push(const io_uring_sqe& entry);
  void Push(uint8_t opcode, int fd, uint64_t offset, uint64_t address, uint32_t length, uint64_t user_data);
  void PushKept(uint8_t opcode);
  long Enter(unsigned submit, unsigned wait);
  bool Pop(uint64_t* user_data, long* result);
  uint32_t* At(uint32_t offset) { return reinterpret_cast<uint32_t*>(rings_ + offset); }

  bool elsewhere_ = false;
  int registered_ = -1;  // its index with the thread
  char *rings_ = nullptr, *entries_ = nullptr;
  char byte_ = 0;  // sent and received
  size_t rings_size_ = 0, entries_size_ = 0;
  uint32_t sq_tail_ = 0, sq_mask_ = 0, sq_array_ = 0, cq_head_ = 0, cq_tail_ = 0, cq_mask_ = 0, cqes_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_URING_H_
