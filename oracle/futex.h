// Words that threads of one process hand over.

#ifndef POLLUX_ORACLE_FUTEX_H_
#define POLLUX_ORACLE_FUTEX_H_

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace pollux {

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));

// Until the word has another value.
inline void FutexWait(std::atomic<uint32_t>* word, uint32_t value) {
  while (word->load(std::memory_order_acquire) == value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
  }
}
inline void FutexWake(std::atomic<uint32_t>* word) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

// CLOCK_MONOTONIC, in nanoseconds.
inline int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace pollux

#endif  // POLLUX_ORACLE_FUTEX_H_
