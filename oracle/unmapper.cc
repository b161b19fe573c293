#include "oracle/unmapper.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "model/abi.h"
#include "oracle/exec_internal.h"

namespace pollux {

Unmapper::~Unmapper() {
  if (!thread_.joinable()) return;
  end_ = true;
  asked_.release();
  thread_.join();
}

char* Unmapper::Gone(char* page, size_t size) {
  constexpr uint32_t kAnew = 64;
  if (calls_++ % kAnew != 0) return page;
  page_ = page, size_ = size;
  if (!thread_.joinable()) {
    sigset_t all, before;  // signals are for others
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { Main(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    answered_.acquire();
  }
  mmap(page, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  *static_cast<volatile char*>(page) = 0;
  asked_.release();
  answered_.acquire();
  return page;
}

void Unmapper::Main() {
  // Nothing of the trace is held by its table.
  if (syscall(SYS_close_range, 3, ~0u, kCloseRangeUnshare) != 0 && syscall(SYS_unshare, CLONE_FILES) == 0) {
    for (int fd = 3; fd < 1024; ++fd) close(fd);
  }
  for (;;) {
    answered_.release();
    asked_.acquire();
    if (end_) return;
    // What is mapped instead keeps the address from others.
    mmap(page_, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  }
}

}  // namespace pollux
