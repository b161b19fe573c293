// What no target may be asked to do: ops on descriptors 0, 1 and 2, which belong to the harness.
//
// One predicate for every target and for the checker, so that both sides of a comparison leave the same ops out.
// Sees model/lang alone.

#ifndef POLLUX_ORACLE_BOUNDS_H_
#define POLLUX_ORACLE_BOUNDS_H_

#include <bit>
#include <cstdint>

#include "model/op.h"

namespace pollux {

// May the second process run it? It has no memory of its own, no limits that count, and nobody who asks it for
// addresses.
constexpr bool SecondMay(Call call) {
  switch (call) {
    case Call::kVmsplice:
    case Call::kMemfdCreate:
    case Call::kOpen:
    case Call::kPrlimit:
    case Call::kWatches:
    case Call::kExpire:
    case Call::kSocket:
    case Call::kBind:
    case Call::kConnect:
    case Call::kAccept4:
    case Call::kUserfaultfd:
    case Call::kUffdApi:
    case Call::kPerfEventOpen:
    case Call::kFifo:
    case Call::kUringEpollCtl:
    case Call::kUringEpollWait:
    case Call::kInotifyInit1:
    case Call::kInotifyAdd:
    case Call::kFchmod:
    case Call::kRingSetup:
    case Call::kRingPush:
    case Call::kRingReap:
    case Call::kMqOpen:
    case Call::kOpenpty:
    case Call::kSignalfd4:
    case Call::kSignals:
    case Call::kRaise:
    case Call::kKill:
    case Call::kSigqueue:
    case Call::kChild:
    case Call::kPidfdOpen:
    case Call::kExitChild:
    case Call::kReap:
      return false;
    default:
      return true;
  }
}

// May a 32-bit caller make it? What epoll is about, and what makes it ready.
constexpr bool Caller32May(Call call) {
  switch (call) {
    case Call::kEpollCreate:
    case Call::kEpollCreate1:
    case Call::kEpollCtl:
    case Call::kEpollWait:
    case Call::kEpollPwait:
    case Call::kEpollPwait2:
    case Call::kEpiocSparams:
    case Call::kEpiocGparams:
    case Call::kIoctl:
    case Call::kPoll:
    case Call::kPpoll:
    case Call::kSelect:
    case Call::kReadv:
    case Call::kWritev:
    case Call::kFionbio:
    case Call::kFioasync:
    case Call::kFionread:
    case Call::kClose:
    case Call::kDup:
    case Call::kDup2:
    case Call::kDup3:
    case Call::kFcntl:
    case Call::kRead:
    case Call::kWrite:
    case Call::kPipe2:
    case Call::kEventfd:
    case Call::kSocketpair:
      return true;
    default:
      return false;
  }
}

// Why the op (whose operands are literal) is out of bounds, or nullptr if it is not.
inline const char* OutOfBounds(const Op& op) {
  constexpr const char* kReason = "descriptors 0 to 2 belong to the harness";
  for (unsigned slots = Spec(op.call).fd_slots; slots != 0; slots &= slots - 1) {
    if (static_cast<uint32_t>(op.fd(static_cast<size_t>(std::countr_zero(slots))).number()) <= 2) return kReason;
  }
  if (Polls(op.call)) {
    for (size_t i = 0; i < op.npoll; ++i) {
      if (static_cast<uint32_t>(op.poll_fd(i).number()) <= 2) return kReason;
    }
  }
  if ((op.process | op.i386) == 0) [[likely]]
    return nullptr;
  if (op.i386 != 0) return Caller32May(op.call) ? nullptr : "not for 32-bit callers";
  return SecondMay(op.call) ? nullptr : "for the first process alone";
}

}  // namespace pollux

#endif  // POLLUX_ORACLE_BOUNDS_H_
