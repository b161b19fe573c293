#include "oracle/announcer.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <utility>

#include "model/abi.h"
#include "oracle/named_files.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

namespace pollux {
namespace {

constexpr int kOnlyMine = 2;  // CLOSE_RANGE_UNSHARE
constexpr const char* kNone = "needs namespaces of its own: CAP_SYS_ADMIN";
constexpr const char* kMountPoint = "/proc/fs";  // every Linux has it
constexpr const char* kClockFile = "/proc/uptime";
constexpr int kTries = 2000;  // milliseconds, for the domain name or the clock

}  // namespace

// The thread that the namespaces belong to.
struct Announcer::Holder {
  enum Order : int { kNothing, kEnd, kMount, kTake, kGive, kName, kLook, kTakeClock, kGiveClock, kJump, kLookClock };
  std::atomic<int> order{kNothing};
  std::atomic<int> answer{-1};  // -1: none yet, 0: no, 1: yes
  int tid = 0;
  int name = -1;               // the domain name's file
  int clock = -1, jumps = -1;  // the file whose lock stands for the clock, and a timer that is told of its jumps
  bool read_only = false, disturbed = false, jumping = false, clock_disturbed = false;
  std::thread thread;

  Holder() : thread([this] { Main(); }) { answer.wait(-1); }
  ~Holder() {
    if (!thread.joinable()) return;
    Tell(kEnd);
    thread.join();
  }
  void Tell(Order what) {
    order.store(what);
    order.notify_one();
  }
  bool Ask(Order what) {
    answer.store(-1);
    Tell(what);
    answer.wait(-1);
    return answer.load() == 1;
  }
  void Answer(bool yes) {
    order.store(kNothing);
    answer.store(yes ? 1 : 0);
    answer.notify_one();
  }

  bool Unshare() {
    // Leaves the table that it was born with without ever holding what is open there.
    if (syscall(SYS_close_range, 3, ~0u, kOnlyMine) != 0) return false;
    name = open(NamedFiles::PathOf(static_cast<uint64_t>(Which::kDomainName)), O_RDONLY | O_CLOEXEC);
    clock = open(kClockFile, O_RDONLY | O_CLOEXEC);
    jumps = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    const itimerspec far = {{}, {kFarAbsolute, 0}};
    timerfd_settime(jumps, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, nullptr);
    return unshare(CLONE_NEWNS | CLONE_NEWUTS) == 0 &&
           mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           mount("pollux", kMountPoint, "tmpfs", 0, nullptr) == 0;
  }
  bool Mount() {
    read_only = !read_only;
    return mount(nullptr, kMountPoint, nullptr, MS_REMOUNT | MS_BIND | (read_only ? +MS_RDONLY : 0), nullptr) == 0;
  }
  // Has the name changed since the last look?
  bool Changed() {
    fd_set exceptional;  // poll(2) would heed RLIMIT_NOFILE
    FD_ZERO(&exceptional);
    FD_SET(name, &exceptional);
    timeval at_once = {};
    return select(name + 1, nullptr, nullptr, &exceptional, &at_once) == 1;
  }
  static bool Lock(int file, int how) {
    int tries = kTries;
    while (file >= 0 && flock(file, how | LOCK_NB) != 0 && --tries > 0) usleep(1000);
    return file >= 0 && tries > 0;
  }
  bool Take() {
    if (!Lock(name, LOCK_EX)) return false;
    Changed();
    disturbed = false;
    return true;
  }
  bool Name() {
    disturbed |= Changed();
    const bool set = syscall(SYS_setdomainname, "pollux", 6) == 0;
    Changed();
    return set;
  }
  // Has the clock jumped since the last look?
  bool Jumped() {
    uint64_t ticks;
    return read(jumps, &ticks, sizeof ticks) < 0 && errno == ECANCELED;
  }
  bool TakeClock() {
    if (!Lock(clock, jumping ? LOCK_EX : LOCK_SH)) return false;
    Jumped();
    clock_disturbed = false;
    return true;
  }
  bool Jump() {
    clock_disturbed |= Jumped();
    timex ahead = {}, back = {};
    ahead.modes = back.modes = ADJ_SETOFFSET | ADJ_NANO;
    ahead.time.tv_usec = 1;
    back.time.tv_sec = -1, back.time.tv_usec = 999999999;
    const bool set = adjtimex(&ahead) >= 0 && adjtimex(&back) >= 0;
    Jumped();
    return set;
  }
  void Main() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    tid = static_cast<int>(syscall(SYS_gettid));
    Answer(Unshare());
    for (;;) {
      order.wait(kNothing);
      switch (order.load()) {
        case kMount:
          Answer(Mount());
          break;
        case kTake:
          Answer(Take());
          break;
        case kGive:
          Answer(flock(name, LOCK_UN) == 0);
          break;
        case kName:
          Answer(Name());
          break;
        case kLook:
          disturbed |= Changed();
          Answer(disturbed);
          break;
        case kTakeClock:
          Answer(TakeClock());
          break;
        case kGiveClock:
          Answer(flock(clock, LOCK_UN) == 0);
          break;
        case kJump:
          Answer(Jump());
          break;
        case kLookClock:
          clock_disturbed |= Jumped();
          Answer(clock_disturbed);
          break;
        case kEnd:
          for (const int file : {name, clock, jumps}) close(file);
          return;
        default:
          break;
      }
    }
  }
};

Announcer::Announcer() = default;

Announcer::~Announcer() {
  if (holder_ != nullptr && process_ != getpid()) holder_->thread.detach();  // the parent's
}

const char* Announcer::Start() {
  if (process_ != getpid()) {
    if (holder_ != nullptr) holder_->thread.detach();  // the parent's
    process_ = getpid();
    holder_ = std::make_unique<Holder>();
    if (holder_->answer.load() != 1) holder_ = nullptr;
    if (holder_ == nullptr) return kNone;
    // By number: a second process may open it.
    const std::string thread = "/proc/" + std::to_string(process_) + "/task/" + std::to_string(holder_->tid);
    mounts_ = thread + "/mounts", mountinfo_ = thread + "/mountinfo";
  }
  return holder_ == nullptr ? kNone : nullptr;
}

const char* Announcer::TakeName() {
  if (name_taken_) return nullptr;
  name_taken_ = holder_->Ask(Holder::kTake);
  return name_taken_ ? nullptr : "somebody else has the domain name";
}

const char* Announcer::Prepare(Which which) {
  const char* why = Start();
  return why == nullptr && which == Which::kDomainName ? TakeName() : why;
}

const char* Announcer::PathOf(Which which) const {
  if (which == Which::kMounts && holder_ != nullptr) return mounts_.c_str();
  if (which == Which::kMountinfo && holder_ != nullptr) return mountinfo_.c_str();
  return NamedFiles::PathOf(static_cast<uint64_t>(which));
}

const char* Announcer::Change(Which which) {
  if (const char* why = Start()) return why;
  if (which != Which::kDomainName) return holder_->Ask(Holder::kMount) ? nullptr : kNone;
  if (const char* why = TakeName()) return why;
  return holder_->Ask(Holder::kName) ? nullptr : kNone;
}

const char* Announcer::WatchClock() {
  if (clock_taken_ || Start() != nullptr) return nullptr;
  holder_->jumping = clock_allowed_;
  clock_taken_ = holder_->Ask(Holder::kTakeClock);
  return clock_taken_ ? nullptr : "somebody else has the clock";
}

const char* Announcer::JumpClock() {
  if (!clock_allowed_) return "the clock is the machine's: --allow-clock";
  if (const char* why = WatchClock()) return why;
  if (!clock_taken_) return kNone;
  return holder_->Ask(Holder::kJump) ? nullptr : "the clock cannot be set: needs CAP_SYS_TIME";
}

void Announcer::Reset() {
  const bool mine = process_ == getpid();
  if (std::exchange(name_taken_, false) && mine) holder_->Ask(Holder::kGive);
  if (std::exchange(clock_taken_, false) && mine) holder_->Ask(Holder::kGiveClock);
}

bool Announcer::Disturbed() {
  return (name_taken_ && holder_->Ask(Holder::kLook)) || (clock_taken_ && holder_->Ask(Holder::kLookClock));
}

}  // namespace pollux
