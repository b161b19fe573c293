#include "fuzz/features.h"

#include "model/abi.h"
#include "model/trace.h"

namespace pollux {
namespace {

// Bits 0 to 111: the calls. Creating an instance and epoll_ctl itself are no features: without them nothing is left.
constexpr size_t kHabits = 112;
static_assert(kCalls <= kHabits);
Features Bit(size_t bit) { return Features(1) << bit; }
Features Of(Call call) {
  return call == Call::kEpollCreate1 || call == Call::kEpollCtl ? Features() : Bit(static_cast<size_t>(call));
}

enum Habit : size_t {
  kMask0 = kHabits,  // one for each entry of kMaskBits
  kModify = kMask0 + 12,
  kDelete,
  kOddOp,
  kBadEvent,
  kBadBuffer,
  kFew,
  kNested,
  kStream,
  kDgram,
  kSeqpacket,
  kSemaphore,
  kPackets,
  kLiterals,
  kWritten0,
  kBlockingFile,
  kDatagramFault,
  kEnd,
};
static_assert(kEnd <= Features().size());
Features Of(Habit habit) { return Bit(habit); }

constexpr uint32_t kMaskBits[] = {kEt,    kOneshot, kExclusive, kOut,    kIn,     kPri | kRdband | kMsg,
                                  kRdhup, kRdnorm,  kWrnorm,    kWrband, kWakeup, kErr | kHup};
static_assert(kMask0 + std::size(kMaskBits) <= kModify);

Features FeaturesOf(const Op& op, const std::vector<Op>& ops) {
  Features f = Of(op.call);
  switch (op.call) {
    case Call::kEpollCtl:
      for (size_t i = 0; i < std::size(kMaskBits); ++i) {
        if ((op.u32(4) & kMaskBits[i]) != 0) f |= Bit(kMask0 + i);
      }
      f |= op.num(1) == kCtlMod   ? Of(kModify)
           : op.num(1) == kCtlDel ? Of(kDelete)
           : op.num(1) != kCtlAdd ? Of(kOddOp)
                                  : Features();
      if (op.num(1) != kCtlDel && !op.mem(3).good()) f |= Of(kBadEvent);
      if (!op.fd(2).literal()) {
        const Call creator = ops[op.fd(2).op()].call;
        if (creator == Call::kEpollCreate || creator == Call::kEpollCreate1) f |= Of(kNested);
      }
      break;
    case Call::kEpollWait:
    case Call::kEpollPwait:
    case Call::kEpollPwait2:
      if (!op.mem(1).good()) f |= Of(kBadBuffer);
      if (op.num(2) < 8) f |= Of(kFew);
      break;
    case Call::kWrite:
      if (op.arg[2] == 8 && op.arg[3] == 0) f |= Of(kWritten0);
      [[fallthrough]];
    case Call::kRead:
    case Call::kSend:
    case Call::kRecv:
      if (!op.mem(1).good()) f |= Of(kDatagramFault);
      break;
    case Call::kSocketpair:
      f |= op.num(0) == kSockStream ? Of(kStream) : op.num(0) == kSockDgram ? Of(kDgram) : Of(kSeqpacket);
      if ((op.u32(1) & kONonblock) == 0) f |= Of(kBlockingFile);
      break;
    case Call::kEventfd:
      if ((op.u32(1) & kEfdSemaphore) != 0) f |= Of(kSemaphore);
      if ((op.u32(1) & kONonblock) == 0) f |= Of(kBlockingFile);
      break;
    case Call::kOpenpty:
      if ((op.u32(0) & kONonblock) == 0) f |= Of(kBlockingFile);
      break;
    case Call::kPipe2:
      if ((op.u32(0) & kODirect) != 0) f |= Of(kPackets);
      if ((op.u32(0) & kONonblock) == 0) f |= Of(kBlockingFile);
      break;
    default:
      break;
  }
  Op operands = op;
  MapFds(operands, [&f](Fd fd) {
    if (fd.literal()) f |= Of(kLiterals);
    return fd;
  });
  return f;
}

}  // namespace

Features FeaturesOf(const std::vector<Op>& ops) {
  Features f;
  for (const Op& op : ops) f |= FeaturesOf(op, ops);
  return f;
}

Features OneFeature(Features features, Random* random) {
  if (features.none()) return {};
  uint32_t left = random->Below(static_cast<uint32_t>(features.count()));
  for (size_t bit = 0;; ++bit) {
    if (features[bit] && left-- == 0) return Bit(bit);
  }
}

void Strip(Features one, std::vector<Op>* ops) {
  size_t bit = 0;
  while (bit < one.size() && !one[bit]) ++bit;
  if (bit >= kMask0 && bit < kMask0 + std::size(kMaskBits)) {
    for (Op& op : *ops) {
      if (op.call == Call::kEpollCtl) op.arg[4] &= ~uint64_t{kMaskBits[bit - kMask0]};
    }
    return;
  }
  // Operands whose creator goes become literals, which is a feature too: again until nothing is left.
  for (bool any = true; any;) {
    any = false;
    std::vector<bool> drop(ops->size());
    for (size_t i = 0; i < ops->size(); ++i) {
      drop[i] = (FeaturesOf((*ops)[i], *ops) & one).any();
      any |= drop[i];
    }
    if (any) *ops = WithoutOps(*ops, drop);
  }
}

}  // namespace pollux
