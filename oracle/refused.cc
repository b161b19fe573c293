// What no target that is this machine's kernel is asked to do.

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <iterator>

#include "model/abi.h"
#include "oracle/bounds.h"
#include "oracle/exec.h"

namespace pollux {

namespace {

constexpr uint32_t kEpollIoctlType = 0x8a;

}  // namespace

const char* Refused(const Op& op) {
  if (const char* why = OutOfBounds(op)) return why;
  switch (op.call) {
    case Call::kFcntl:
      switch (op.num(1)) {
        case kFDupfd:
        case kFGetfd:
        case kFSetfd:
        case kFGetfl:
        case kFDupfdCloexec:
        case kFGetpipeSz:
          return nullptr;
        case kFSetfl:
          return (op.u32(2) & O_NOATIME) != 0 ? "O_NOATIME depends on the file's owner" : nullptr;
        case kFSetpipeSz:
          return op.u32(2) > 1u << 24 && op.u32(2) <= 1u << 31 ? "a pipe of more than 16 MiB" : nullptr;
        default:
          return "a fcntl command outside the language";
      }
    case Call::kIoctl: {
      // Generic ones that take no argument, and numbers that no file of the language knows.
      const uint32_t request = op.u32(1), type = request >> 8 & 0xff;
      if (request == FIOCLEX || request == FIONCLEX || request == TCGETS) return nullptr;
      if (request == kEpiocsparams || request == kEpiocgparams) return "written as epiocsparams or epiocgparams";
      if ((type == 0 && request != FIBMAP && request != FIGETBSZ) || type == kEpollIoctlType) return nullptr;
      return "an ioctl not known to be harmless";
    }
    case Call::kRingSetup:
      return op.u32(0) > 64 && op.u32(0) <= 32768              ? "a ring of more than a page"
             : op.u32(1) != 0 && (op.u32(1) & 0xff000000) == 0 ? "a ring of another kind"
                                                               : nullptr;
    case Call::kRingEnter:
      return (op.u32(2) & ~1u) != 0 && (op.u32(2) & 0xffff0000) == 0 ? "entering in another way" : nullptr;
    case Call::kInotifyAdd:
      return (op.u32(2) & kInDontFollow) != 0 ? "it would watch a link of /proc" : nullptr;
    case Call::kFchmod:
      return (op.u32(1) & 0600) != 0600 || op.u32(1) > 0777 ? "a mode that keeps out its owner" : nullptr;
    case Call::kFifo:
      return (op.u32(0) & ~kOCloexec) != 0 ? "a fifo flag outside the language" : nullptr;
    case Call::kSelect:
      for (size_t i = 0; i < op.npoll; ++i) {
        // Above its size, which has grown with the numbers before, the descriptor table hides closed ones.
        if (op.poll_fd(i).number() >= 64) return "select beyond number 63 depends on the descriptor table's size";
      }
      return nullptr;
    case Call::kReadv:
      return op.arg[2] + op.arg[4] > kMaxBytes / 2 ? "segments longer than half a megabyte" : nullptr;
    case Call::kVmsplice:
      return (op.u32(3) & kSpliceGift) != 0 ? "gives away pages of the harness" : nullptr;
    case Call::kReopen:
    case Call::kOpen: {
      const uint32_t flags = op.u32(1);
      if ((flags & ~(3 | kOAppend | kONonblock | kODirectory | kOCloexec | kOPath | kOLargefile)) != 0 ||
          (flags & 3) == 3) {
        return "an open flag outside the language";
      }
      if (op.call == Call::kReopen) return nullptr;  // a running program's file cannot be opened for writing
      return (flags & 3) != kORdonly && !OpensForWriting(static_cast<Which>(op.arg[0]))
                 ? "a real file is not opened for writing"
                 : nullptr;
    }
    case Call::kUserfaultfd:
      return (op.u32(0) & ~(kOCloexec | kONonblock | 1u)) == 0 && (op.u32(0) & 1) == 0
                 ? "faults of the kernel depend on a capability"
                 : nullptr;
    case Call::kSignals:
      return op.arg[2] > kMaxBytes / 128 ? "more than a megabyte of signals" : nullptr;
    case Call::kRaise:
    case Call::kKill:
    case Call::kSigqueue: {
      const int32_t signal = op.num(0);
      const bool known =
          std::find(std::begin(kTraceSignals), std::end(kTraceSignals), signal) != std::end(kTraceSignals);
      return known || signal <= 0 || signal > kLastSignal ? nullptr : "a signal outside the language";
    }
    case Call::kPidfdOpen:
      return (op.u32(1) & ~kONonblock) != 0 ? "a pidfd flag outside the language" : nullptr;
    case Call::kOpenpty:
      return (op.u32(0) & ~(kONonblock | kOCloexec)) != 0 ? "an openpty flag outside the language" : nullptr;
    case Call::kPtsopen:
      return (op.u32(1) & ~(3 | kONonblock | kOCloexec)) != 0 || (op.u32(1) & 3) == 3
                 ? "a ptsopen flag outside the language"
                 : nullptr;
    case Call::kMqOpen:
      if ((op.u32(0) & ~(3 | kONonblock | kOCloexec)) != 0 || (op.u32(0) & 3) == 3) {
        return "an mq_open flag outside the language";
      }
      return op.num(1) > kMqMostMessages || op.num(2) > kMqLongestMessage ? "a queue that depends on limits" : nullptr;
    case Call::kMemfdCreate:
      return (op.u32(0) & 0x1c) != 0 ? "huge pages and execution flags depend on the machine" : nullptr;
    case Call::kPrlimit:
    case Call::kWatches:
      return op.num(0) < 0 ? "fewer than none" : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace pollux
