#include "oracle/quota.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <vector>

#include "oracle/guardian.h"

namespace pollux {
namespace {

constexpr uint32_t kFirstUid = 64000;  // of job 0; below the uids that systems give to nobody
constexpr uint32_t kJobs = 256;
constexpr uint32_t kUidRanges = 6;

// The real uid of the calling thread alone; libc's function would change every thread's.
bool SetRealUid(uint32_t uid) { return syscall(SYS_setresuid, uid, -1, -1) == 0; }

// Two campaigns must not share a uid: who has bound its name has it.
bool Claim(uint32_t uid) {
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const int length = std::snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "pollux-uid-%u", uid);
  const socklen_t size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + static_cast<size_t>(length));
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0) return true;
  close(fd);
  return false;
}

// RLIMIT_NOFILE is the process's, and a trace may have set it low.
class LiftedLimit {
 public:
  LiftedLimit() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit lifted = {before_.rlim_max, before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &lifted);
  }
  ~LiftedLimit() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

}  // namespace

// The helper thread's descriptors and the watches between them: item k is descriptor k % dups of instance k / dups.
struct Quota::Ballast {
  LoweredWatches lowered;
  std::vector<int> instances, dups;
  int64_t held = 0;

  // Room for so many watches.
  const char* Build(int64_t watches) {
    const LiftedLimit lifted;
    int64_t width = 1;
    while (width * width < watches) width *= 2;
    const int64_t height = watches / width + 2;
    for (int64_t i = static_cast<int64_t>(dups.size()); i < width; ++i) {
      dups.push_back(dups.empty() ? eventfd(0, EFD_CLOEXEC) : fcntl(dups[0], F_DUPFD_CLOEXEC, 0));
      if (dups.back() < 0) return dups.pop_back(), "RLIMIT_NOFILE is too low to fill the quota";
    }
    for (int64_t i = static_cast<int64_t>(instances.size()); i < height; ++i) {
      instances.push_back(epoll_create1(EPOLL_CLOEXEC));
      if (instances.back() < 0) return instances.pop_back(), "RLIMIT_NOFILE is too low to fill the quota";
    }
    return nullptr;
  }

  int Control(int op, int64_t item) {
    epoll_event event = {};
    const size_t k = static_cast<size_t>(item);
    if (epoll_ctl(instances[k / dups.size()], op, dups[k % dups.size()], &event) != 0) return errno;
    return 0;
  }
  const char* Fill() {
    const int64_t capacity = static_cast<int64_t>(instances.size() * dups.size());
    while (held < capacity) {
      const int error = Control(EPOLL_CTL_ADD, held);
      if (error == ENOSPC) return nullptr;
      if (error != 0) return "ballast cannot be added";
      ++held;
    }
    return "fs.epoll.max_user_watches has grown";
  }
  void Remove(int64_t n) {
    for (; n > 0 && held > 0; --n) Control(EPOLL_CTL_DEL, --held);
  }
  const char* Leave(int64_t n, bool allow_sysctl) {
    if (instances.empty()) {
      // A limit that is low because another campaign has lowered it must be held too, or it would come back too soon.
      const LiftedLimit lifted;
      std::string why;
      if (!lowered.Join() && MaxUserWatches() > kAffordableWatches && !(allow_sysctl && lowered.Acquire(&why))) {
        return "fs.epoll.max_user_watches cannot be lowered";
      }
      if (const char* failed = Build(MaxUserWatches())) return failed;
    }
    // What cannot be done leaves everything as it was.
    const int64_t before = held;
    const char* why = Fill();
    if (why == nullptr && n > held) why = "more watches than fs.epoll.max_user_watches allows";
    Remove(why == nullptr ? n : held - before);
    return why;
  }
};

std::unique_ptr<Quota> Quota::Open(int job, bool allow_sysctl, const char** why) {
  const int64_t limit = MaxUserWatches();
  *why = geteuid() != 0                                ? "the quota needs root"
         : limit < 0                                   ? "no fs.epoll.max_user_watches"
         : limit > kAffordableWatches && !allow_sysctl ? "fs.epoll.max_user_watches is above 500000: --allow-sysctl"
         : limit < 1024                                ? "fs.epoll.max_user_watches is too low"
                                                       : nullptr;
  if (*why == nullptr && limit > kAffordableWatches && access("/proc/sys/fs/epoll/max_user_watches", W_OK) != 0) {
    *why = "fs.epoll.max_user_watches cannot be written";
  }
  if (*why != nullptr) return nullptr;
  std::unique_ptr<Quota> quota(new Quota);
  quota->helper_ = std::thread([q = quota.get(), job, allow_sysctl] { q->Main(job, allow_sysctl); });
  std::unique_lock lock(quota->mutex_);
  quota->changed_.wait(lock, [&] { return !quota->asked_; });
  *why = quota->answer_;
  lock.unlock();
  uint32_t effective, saved;
  syscall(SYS_getresuid, &quota->real_uid_, &effective, &saved);
  if (*why == nullptr && !SetRealUid(quota->uid_)) *why = "the real uid cannot be changed";
  if (*why != nullptr) return nullptr;
  return quota;
}

Quota::~Quota() {
  if (uid_ != 0) SetRealUid(real_uid_);
  {
    const std::lock_guard lock(mutex_);
    asked_ = quit_ = true;
    changed_.notify_all();
  }
  helper_.join();
}

// The helper thread: answers one request after the other.
void Quota::Main(int job, bool allow_sysctl) {
  const char* why = nullptr;
  uint32_t uid = 0;
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);  // signals are for others
  constexpr unsigned kUnshare = 2;              // CLOSE_RANGE_UNSHARE, for where a filter refuses unshare
  if (unshare(CLONE_FILES) != 0 && syscall(SYS_close_range, 3, ~0u, kUnshare) != 0) {
    why = "unshare(CLONE_FILES) is refused";
  }
  if (why == nullptr) {
    if (syscall(SYS_close_range, 3, ~0u, 0) != 0) {
      for (int fd = 3; fd < 65536; ++fd) close(fd);
    }
    for (uint32_t range = 0; range < kUidRanges && uid == 0; ++range) {
      const uint32_t candidate = kFirstUid + static_cast<uint32_t>(job) % kJobs + range * kJobs;
      if (Claim(candidate)) uid = candidate;
    }
    if (uid == 0) {
      why = "every quota uid is in use";
    } else if (!SetRealUid(uid)) {
      why = "the real uid cannot be changed", uid = 0;
    }
  }
  Ballast ballast;
  std::unique_lock lock(mutex_);
  uid_ = uid;
  for (;;) {
    answer_ = why;
    asked_ = false;
    changed_.notify_all();
    changed_.wait(lock, [this] { return asked_; });
    if (quit_) break;
    why = nullptr;
    if (leave_ >= 0) why = ballast.Leave(leave_, allow_sysctl);
    ballast.Remove(remove_);
  }
  lock.unlock();
  // The table goes with the thread; the instances first, while the limit is still lowered.
  for (const int fd : ballast.instances) close(fd);
  for (const int fd : ballast.dups) close(fd);
}

const char* Quota::Ask(int64_t leave, int64_t remove) {
  std::unique_lock lock(mutex_);
  leave_ = leave, remove_ = remove;
  asked_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return !asked_; });
  return answer_;
}

const char* Quota::Leave(int64_t n) {
  if (const char* why = Ask(n, 0)) return why;
  limit_ = MaxUserWatches();
  room_ = kUnlimited;  // what the trace feels from here on it has asked for
  left_ = n;
  return nullptr;
}

void Quota::Reset() {
  added_ = 0;
  if (left_ < 0) return;
  room_ = left_;  // at least: the trace's own watches are gone
  left_ = -1;
}

void Quota::MakeRoom() {
  const int64_t more = std::max(room_, kLeastRoom);
  Ask(-1, more);
  room_ += more;
}

bool Quota::Holds() const { return limit_ < 0 || limit_ == MaxUserWatches(); }

}  // namespace pollux
