// Memory that was there a moment ago: a page that the calling thread has used and another thread has unmapped since.

#ifndef POLLUX_ORACLE_UNMAPPER_H_
#define POLLUX_ORACLE_UNMAPPER_H_

#include <cstddef>
#include <cstdint>
#include <semaphore>
#include <thread>

namespace pollux {

// The other thread is started by the first call of Gone() and has a descriptor table of its own.
class Unmapper {
 public:
  Unmapper() = default;
  ~Unmapper();
  Unmapper(const Unmapper&) = delete;
  Unmapper& operator=(const Unmapper&) = delete;

  // The page at this address, which is kept for it, as the other thread has left it. It is mapped, touched and unmapped
  // at the first call and at every 64th: that takes longer than many traces.
  char* Gone(char* page, size_t size);

 private:
  void Main();

  char* page_ = nullptr;
  size_t size_ = 0;
  uint32_t calls_ = 0;
  bool end_ = false;
  std::thread thread_;
  std::binary_semaphore asked_{0}, answered_{0};
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_UNMAPPER_H_
