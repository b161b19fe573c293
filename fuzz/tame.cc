#include "fuzz/tame.h"

#include <algorithm>
#include <iterator>

#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

constexpr int32_t kMaxLimit = 1024;           // RLIMIT_NOFILE at the start of a trace
constexpr int32_t kMaxWatches = 64;           // the quota's interesting part; more only costs
constexpr uint32_t kMaxPipe = 1u << 21;       // bytes; larger rings cost memory and show nothing new
constexpr uint32_t kNotificationPipe = 0200;  // O_EXCL: needs CONFIG_WATCH_QUEUE
constexpr uint32_t kMemfdKnown = 3 | 0x3e0;   // close-on-exec, sealing, and bits that no kernel knows
constexpr int32_t kAlarmClocks[] = {8, 9};    // need a capability

void TameTimer(Op* op) {
  const int64_t sec = static_cast<int64_t>(op->arg[2]), nsec = static_cast<int64_t>(op->arg[3]);
  const bool armed = sec >= 0 && nsec >= 0 && nsec < 1000000000 && (sec > 0 || nsec > 0);
  if (!armed) return;
  if (ExpiresAtOnce(op->u32(1), sec, nsec)) {
    const int64_t every = static_cast<int64_t>(op->arg[4]);
    if (every > 0) op->arg[4] = std::max<uint64_t>(op->arg[4], kFarFuture);
    if (every == 0 && op->arg[5] > kNearNanoseconds && op->arg[5] < 1000000000) op->arg[5] = kNearNanoseconds;
    return;
  }
  const bool absolute = (op->u32(1) & kTfdTimerAbstime) != 0;
  op->arg[2] = std::max<uint64_t>(op->arg[2], absolute ? uint64_t{kFarAbsolute} : kFarFuture);
}

// A file that a far offset makes long costs nothing but the reader's patience; one that cannot be is an error, and
// stays.
uint64_t NearOffset(uint64_t offset) {
  const int64_t at = static_cast<int64_t>(offset);
  return at < 0 || at > INT64_MAX / 2 ? offset : offset & 0xfffff;
}

}  // namespace

void Tame(Op* op) {
  switch (op->call) {
    case Call::kTimerfdSettime:
      return TameTimer(op);
    case Call::kTimerfdCreate:
      if (op->num(0) == kAlarmClocks[0] || op->num(0) == kAlarmClocks[1]) op->arg[0] = kClockMonotonic;
      return;
    case Call::kUserfaultfd:
      op->arg[0] |= 1;  // UFFD_USER_MODE_ONLY: everybody may
      return;
    case Call::kPipe2:
      op->arg[0] &= ~uint64_t{kNotificationPipe};
      return;
    case Call::kSetsockopt:
      if (op->num(1) == kSoSndbuf || op->num(1) == kSoRcvbuf) op->arg[2] &= 0xffff;  // below the default
      return;
    case Call::kSend:
      op->arg[4] &= kMsgDontwait | kMsgNosignal | kMsgOob;
      return;
    case Call::kRecv:
      op->arg[3] &= kMsgDontwait | kMsgNosignal | kMsgPeek | kMsgTrunc | kMsgOob;
      return;
    case Call::kSpliceAt:
      op->arg[2] = NearOffset(op->arg[2]), op->arg[5] = NearOffset(op->arg[5]);
      return;
    case Call::kVmsplice:
      op->arg[3] &= ~uint64_t{kSpliceGift};
      return;
    case Call::kOpen:
      op->arg[1] &= kOPath | kOCloexec | kONonblock | kODirectory |
                    (OpensForWriting(static_cast<Which>(op->arg[0])) ? kOWronly | kORdwr : 0);
      if ((op->arg[1] & 3) == 3) op->arg[1] &= ~uint64_t{kOWronly};
      return;
    case Call::kReopen:
      op->arg[1] &= 3 | kOAppend | kOPath | kOCloexec | kONonblock | kODirectory;
      if ((op->arg[1] & 3) == 3) op->arg[1] &= ~uint64_t{1};
      return;
    case Call::kRingSetup:
      if (op->u32(0) > 64) op->arg[0] = op->arg[0] % 65;
      op->arg[1] &= 1u << 30;
      return;
    case Call::kRingEnter:
      op->arg[2] &= 1u | 1u << 20;
      return;
    case Call::kFchmod:
      op->arg[1] = 0600 | (op->arg[1] & 0777);
      return;
    case Call::kInotifyAdd:
      op->arg[2] &= ~uint64_t{kInDontFollow};
      return;
    case Call::kFifo:
      op->arg[0] &= kOCloexec;
      return;
    case Call::kSignals:
      op->arg[2] = std::min<uint64_t>(op->arg[2], 64);
      return;
    case Call::kRaise:
    case Call::kKill:
    case Call::kSigqueue: {
      // One of the language's, or none that exists.
      const int32_t signal = op->num(0);
      const bool own = std::find(std::begin(kTraceSignals), std::end(kTraceSignals), signal) != std::end(kTraceSignals);
      if (!own && signal > 0 && signal <= kLastSignal) op->arg[0] = static_cast<uint64_t>(kTraceSignals[signal % 5]);
      return;
    }
    case Call::kPidfdOpen:
      op->arg[1] &= kONonblock;
      return;
    case Call::kOpenpty:
      op->arg[0] &= kONonblock | kOCloexec;
      return;
    case Call::kPtsopen:
      op->arg[1] &= 3 | kONonblock | kOCloexec;
      if ((op->arg[1] & 3) == 3) op->arg[1] &= ~uint64_t{1};
      return;
    case Call::kMqOpen:
      op->arg[0] &= 3 | kOCloexec | kONonblock;
      if ((op->arg[0] & 3) == 3) op->arg[0] &= ~uint64_t{1};
      op->arg[1] = ops::Int(std::min(op->num(1), kMqMostMessages));
      op->arg[2] = ops::Int(std::min(op->num(2), kMqLongestMessage));
      return;
    case Call::kMemfdCreate:
      op->arg[0] &= kMemfdKnown;
      return;
    case Call::kIoctl: {
      // FIONCLEX and FIOCLEX, which every file knows, TCGETS, or a request that none does.
      const uint32_t request = op->u32(1);
      if (request != 0x5450 && request != 0x5451 && request != 0x5401) op->arg[1] = 0x8a00 | (request & 0x80);
      return;
    }
    case Call::kFcntl:
      switch (op->num(1)) {
        case kFDupfd:
        case kFDupfdCloexec:
        case kFGetfd:
        case kFSetfd:
        case kFGetfl:
        case kFGetpipeSz:
          return;
        case kFSetfl:
          op->arg[2] &= kONonblock | kOAppend | kODirect | kOAsync | kOCloexec;
          return;
        case kFSetpipeSz:
          // An oversized one is an error, and stays.
          if (op->u32(2) > kMaxPipe && op->u32(2) <= 1u << 31) op->arg[2] = kMaxPipe;
          return;
        default:
          op->arg[1] = kFGetfl, op->arg[2] = 0;
          return;
      }
    case Call::kPrlimit:
      op->arg[0] = static_cast<uint64_t>(std::clamp(op->num(0), 0, kMaxLimit));
      return;
    case Call::kWatches:
      op->arg[0] = static_cast<uint64_t>(std::clamp(op->num(0), 0, kMaxWatches));
      return;
    case Call::kSocket: {
      const int32_t type = op->num(1);
      if (type != kSockStream && type != kSockDgram && op->arg[0] == kAfInet) op->arg[1] = kSockStream;
      return;
    }
    case Call::kCloseRange:
      op->arg[2] &= ~uint64_t{kCloseRangeUnshare};
      return;
    default:
      return;
  }
}

}  // namespace pollux
