#include "oracle/ptys.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "model/abi.h"

namespace pollux {
namespace {

constexpr int64_t kHeld = 4095;       // what a line discipline holds for its readers
constexpr int64_t kUnthrottle = 128;  // a read that leaves no more notifies the other side
constexpr long kPiece = 2048;         // of a write
constexpr int kLooks = 64;            // before it sleeps between two
constexpr int64_t kPatience = 1'000'000'000;

int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

bool InUserRange(Memory m) { return m.kind() != Memory::kKernel; }

// Does the call come as far as the terminal, if its descriptor does?
bool ReachesWrite(const Op& op) {
  if (op.call == Call::kWrite) return InUserRange(op.mem(1));
  return op.call == Call::kWritev && op.mem(7).readable() && InUserRange(op.mem(1)) && InUserRange(op.mem(4)) &&
         op.arg[2] + op.arg[5] > 0;
}

// The slot of what is read, or -1.
int ReadSlot(Call call) {
  switch (call) {
    case Call::kRead:
    case Call::kReadv:
    case Call::kSplice:
    case Call::kSpliceAt:
      return 0;
    case Call::kSendfile:
    case Call::kSendfileAt:
      return 1;
    default:
      return -1;
  }
}

// The slot of what is written, or -1.
int WriteSlot(Call call) {
  switch (call) {
    case Call::kWrite:
    case Call::kWritev:
      return 0;
    case Call::kSplice:
      return 1;
    case Call::kSpliceAt:
      return 3;
    default:
      return -1;
  }
}

}  // namespace

long Ptys::Open(int flags, int numbers[2], const char** why) {
  *why = nullptr;
  const int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | flags);
  if (master < 0) {
    if (errno == EMFILE) return -EMFILE;
    *why = "no pseudoterminal can be opened here";
    return -1;
  }
  const int unlocked = 0;
  ioctl(master, TIOCSPTLCK, &unlocked);
  const int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | flags);
  const int error = errno;
  termios raw;
  const bool set = slave >= 0 && tcgetattr(slave, &raw) == 0;
  if (set) {
    cfmakeraw(&raw);
    tcsetattr(slave, TCSANOW, &raw);
    numbers[0] = master, numbers[1] = slave;
    ioctl(master, TIOCGDEV, word_);
    std::erase_if(pairs_, [&](const Pair& p) { return p.device == *word_; });
    pairs_.push_back({*word_});
    numbers_.insert(numbers_.end(), {master, slave});
    return 0;
  }
  close(master);
  if (slave < 0 && error == EMFILE) return -EMFILE;
  *why = "a pseudoterminal's slave cannot be opened by its master";
  return -1;
}

void Ptys::Reset() {
  numbers_.clear(), pairs_.clear();
  deferred_ = false;
}

bool Ptys::Known(int number) const { return std::find(numbers_.begin(), numbers_.end(), number) != numbers_.end(); }

// A number once known is looked at whatever it names now.
void Ptys::Follow(const Op& op, long result) {
  if (result < 0) return;
  switch (op.call) {
    case Call::kReopen:
    case Call::kPtsopen:
      if (!Known(op.fd(0).number())) return;
      break;
    default:
      if (!CopiesDescriptor(op) || !Known(op.fd(0).number())) return;
  }
  if (!Known(static_cast<int>(result))) numbers_.push_back(static_cast<int>(result));
}

// What the number stands for; no pair if it is no terminal of the trace's, or one that is hung up.
Ptys::Place Ptys::Find(bool second, int number) {
  const long word = reinterpret_cast<long>(word_);
  if (!Known(number) || call_(second, SYS_ioctl, number, TIOCGDEV, word) != 0) return {};
  const int device = *word_;
  const auto pair = std::find_if(pairs_.begin(), pairs_.end(), [&](const Pair& p) { return p.device == device; });
  if (pair == pairs_.end()) return {};
  return {&*pair, call_(second, SYS_ioctl, number, TIOCGPTN, word) == 0 ? size_t{0} : size_t{1}};
}

int64_t Ptys::Unread(bool second, int number) {
  const long result = call_(second, SYS_ioctl, number, FIONREAD, reinterpret_cast<long>(word_));
  return result == 0 ? *word_ : -1;
}

bool Ptys::CutShort(const Op& op, long result, bool second) {
  const bool vector = op.call == Call::kWritev;
  if (op.call != Call::kWrite && !(vector && op.mem(7) == Memory())) return false;
  const uint64_t n = op.arg[2] + (vector ? op.arg[5] : 0);
  return result > 0 && result % kPiece == 0 && static_cast<uint64_t>(result) < n &&
         Find(second, op.fd(0).number()).pair != nullptr;
}

void Ptys::WriteNothing(bool second, int number) { call_(second, SYS_write, number, reinterpret_cast<long>(word_), 0); }

void Ptys::Before(const Op& op, bool second) {
  const int number = op.fd(0).number();
  if (ReachesWrite(op)) {
    const Place place = Find(second, number);
    if (place.pair == nullptr) return;
    return WriteNothing(second, number);
  }
  if (SplicesTo(op, second)) {
    return WriteNothing(second, op.fd(op.call == Call::kSplice ? 1 : 3).number());
  }
  if (op.call != Call::kRead && op.call != Call::kReadv) return;
  // Refused before anything is read.
  const bool vector = op.call == Call::kReadv;
  if (!InUserRange(op.mem(1)) || (vector && (!InUserRange(op.mem(3)) || !op.mem(5).readable()))) return;
  const Place place = Find(second, number);
  if (place.pair == nullptr || place.pair->sent[place.side] <= kHeld) return;
  // Something waits in the buffers, and goes on while the read ends.
  const int64_t n = static_cast<int64_t>(op.arg[2] + (vector ? op.arg[4] : 0));
  const bool reads = (call_(second, SYS_fcntl, number, F_GETFL, 0) & O_ACCMODE) != O_WRONLY;
  if (reads && kHeld - n <= kUnthrottle) WakeOther(place);
}

// Does the splice write to a terminal?
bool Ptys::SplicesTo(const Op& op, bool second) {
  const bool at = op.call == Call::kSpliceAt;
  if (op.call != Call::kSplice && !at) return false;
  const int from = op.fd(0).number(), to = op.fd(at ? 3 : 1).number();
  if (op.arg[at ? 6 : 2] == 0 || (op.u32(at ? 7 : 3) & ~kSpliceAll) != 0 || Find(second, to).pair == nullptr)
    return false;
  if (at && (op.mem(1).kind() != Memory::kNull || op.mem(4).kind() != Memory::kNull)) return false;
  const long flags = call_(second, SYS_fcntl, to, F_GETFL, 0);
  const long source = call_(second, SYS_fcntl, from, F_GETFL, 0);
  if ((flags & O_APPEND) != 0 || (flags & O_ACCMODE) == O_RDONLY || (source & O_ACCMODE) == O_WRONLY) return false;
  return call_(second, SYS_fcntl, from, F_GETPIPE_SZ, 0) > 0 && Unread(second, from) > 0;
}

void Ptys::WakeOther(const Place& place) {
  for (const bool second : {false, true}) {
    for (const int number : numbers_) {
      const Place other = Find(second, number);
      if (other.pair != place.pair || other.side == place.side) continue;
      if ((call_(second, SYS_fcntl, number, F_GETFL, 0) & O_ACCMODE) == O_RDONLY) continue;
      return WriteNothing(second, number);
    }
  }
}

void Ptys::After(const Op& op, long result, bool second) {
  Follow(op, result);
  const int to = WriteSlot(op.call);
  Place place;
  if (to >= 0 && result > 0) place = Find(second, op.fd(static_cast<size_t>(to)).number());
  if (place.pair != nullptr) {
    place.side ^= 1;
    int64_t& sent = place.pair->sent[place.side];
    const bool full = sent >= kHeld;
    sent += result;
    return full ? void() : Settle(place);
  }
  if ((op.call == Call::kPtsopen || op.call == Call::kReopen) && result >= 0) {
    place = Find(second, static_cast<int>(result));
    return place.pair != nullptr ? Settle(place) : void();
  }
  const int slot = ReadSlot(op.call);
  if (slot < 0) return;
  const int number = op.fd(static_cast<size_t>(slot)).number();
  place = Find(second, number);
  if (place.pair == nullptr) return;
  int64_t& sent = place.pair->sent[place.side];
  if (sent > kHeld) {
    sent -= std::max(result, 0l);
    Settle(place);
  } else if (const int64_t unread = Unread(second, number); unread >= 0) {
    sent = unread;  // a read that faults takes more than it returns
  }
}

// Where the side is open; number -1: nowhere.
Ptys::Seat Ptys::Open(const Place& place) {
  for (const bool second : {false, true}) {
    for (const int number : numbers_) {
      const Place at = Find(second, number);
      if (at.pair == place.pair && at.side == place.side) return {second, number};
    }
  }
  return {};
}

// Until the worker has moved what it can.
void Ptys::Settle(const Place& place) {
  const int64_t want = std::min(kHeld, place.pair->sent[place.side]);
  const Seat seat = Open(place);
  int64_t until = 0;
  for (int i = 0; seat.number >= 0 && Unread(seat.second, seat.number) != want; ++i) {
    if (i < kLooks) {
      sched_yield();
      continue;
    }
    if (until == 0) until = Now() + kPatience;
    if (Now() > until) {
      deferred_ = true;
      return;
    }
    usleep(20);
  }
}

}  // namespace pollux
