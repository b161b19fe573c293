#include "oracle/fifo_room.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#ifndef SYS_fsopen
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

namespace pollux {
namespace {

constexpr int kOnlyMine = 2;     // CLOSE_RANGE_UNSHARE
constexpr int kCreate = 6;       // FSCONFIG_CMD_CREATE
constexpr int kCloseOnExec = 1;  // FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC

// A mount of a new tmpfs, or -errno.
int Mount() {
  const long fs = syscall(SYS_fsopen, "tmpfs", kCloseOnExec);
  if (fs < 0) return -errno;
  long mount = syscall(SYS_fsconfig, fs, kCreate, nullptr, nullptr, 0);
  if (mount == 0) mount = syscall(SYS_fsmount, fs, kCloseOnExec, 0);
  const int error = errno;
  close(static_cast<int>(fs));
  return mount < 0 ? -error : static_cast<int>(mount);
}

}  // namespace

FifoRoom::~FifoRoom() {
  if (!keeper_.joinable()) return;
  if (process_ != getpid()) {
    keeper_.detach();
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  keeper_.join();
}

void FifoRoom::Main() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  // Leaves the table that it was born with without ever holding what is open there.
  const bool alone = syscall(SYS_close_range, 3, ~0u, kOnlyMine) == 0;
  const int mount = alone ? Mount() : -errno;
  std::unique_lock lock(mutex_);
  mount_ = mount;
  tid_ = static_cast<pid_t>(syscall(SYS_gettid));
  changed_.notify_one();
  changed_.wait(lock, [this] { return stop_; });
  if (mount >= 0) close(mount);
}

void FifoRoom::Start() {
  if (keeper_.joinable()) keeper_.detach();  // the parent's
  process_ = getpid();
  tid_ = 0;
  keeper_ = std::thread([this] { Main(); });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return tid_ != 0; });
}

long FifoRoom::Open(int flags) {
  if (process_ != getpid()) Start();
  if (mount_ < 0) return mount_;
  const std::string path = Path();
  if (mknod(path.c_str(), S_IFIFO | 0600, 0) != 0) return -errno;
  const int fifo = open(path.c_str(), O_PATH | flags);
  const int error = errno;
  unlink(path.c_str());
  return fifo < 0 ? -error : fifo;
}

std::string FifoRoom::Path() const {
  return "/proc/self/task/" + std::to_string(tid_) + "/fd/" + std::to_string(mount_) + "/fifo";
}

}  // namespace pollux
