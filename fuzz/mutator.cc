#include "fuzz/mutator.h"

#include <algorithm>
#include <bit>

#include "fuzz/tame.h"
#include "model/abi.h"

namespace pollux {
namespace {

constexpr FileKind kNoKind = FileKind::kNone;

// A block of ops: where, and how many.
struct Block {
  size_t from, to;
};
Block SomeBlock(Random* random, size_t size, size_t longest) {
  const size_t length = 1 + random->Below(static_cast<uint32_t>(std::min(longest, size)));
  const size_t from = random->Below(static_cast<uint32_t>(size - length + 1));
  return {from, from + length};
}

}  // namespace

void Mutator::FindKinds(const std::vector<Op>& ops, Kinds* kinds) {
  kinds->clear();
  for (const Op& op : ops) {
    std::array<FileKind, 2> k = {kNoKind, kNoKind};
    switch (op.call) {
      case Call::kEpollCreate:
      case Call::kEpollCreate1:
        k[0] = FileKind::kEpoll;
        break;
      case Call::kPipe2:
        k = {FileKind::kPipeRead, FileKind::kPipeWrite};
        break;
      case Call::kEventfd:
        k[0] = FileKind::kEventfd;
        break;
      case Call::kOpenpty:
        k = {FileKind::kPtm, FileKind::kPts};
        break;
      case Call::kPtsopen:
        k[0] = FileKind::kPts;
        break;
      case Call::kSocketpair:
        k[0] = op.num(0) == kSockStream  ? FileKind::kStream
               : op.num(0) == kSockDgram ? FileKind::kDgram
                                         : FileKind::kSeqpacket;
        k[1] = k[0];
        break;
      case Call::kSocket:
        k[0] = op.num(0) == kAfNetlink    ? FileKind::kNetlink
               : op.num(0) == kAfInet     ? op.num(1) == kSockStream ? FileKind::kTcp : FileKind::kUdp
               : op.num(1) == kSockStream ? FileKind::kStream
               : op.num(1) == kSockDgram  ? FileKind::kDgram
                                          : FileKind::kSeqpacket;
        break;
      case Call::kAccept4:
        k[0] = FileKind::kStream;
        break;
      case Call::kTimerfdCreate:
        k[0] = FileKind::kTimerfd;
        break;
      case Call::kRingSetup:
        k[0] = FileKind::kRing;
        break;
      case Call::kInotifyInit1:
        k[0] = FileKind::kInotify;
        break;
      case Call::kMemfdCreate:
      case Call::kMemfdSecret:
        k[0] = FileKind::kRefused;
        break;
      case Call::kOpen:
        k[0] = Opened(op);
        break;
      case Call::kFifo:
        k[0] = FileKind::kFifo;
        break;
      case Call::kReopen: {
        const Fd fd = op.fd(0);
        if (fd.literal() || fd.op() >= kinds->size()) break;
        k[0] = (*kinds)[fd.op()][fd.out()];
        const bool pipe = k[0] == FileKind::kPipeRead || k[0] == FileKind::kPipeWrite || k[0] == FileKind::kFifo;
        if (!pipe) break;
        k[0] = (op.u32(1) & kOPath) != 0     ? FileKind::kFifo
               : (op.u32(1) & 3) == kOWronly ? FileKind::kPipeWrite
                                             : FileKind::kPipeRead;
        break;
      }
      case Call::kDup:
      case Call::kDup2:
      case Call::kDup3:
      case Call::kFcntl: {
        const Fd fd = op.fd(0);
        if (CopiesDescriptor(op) && !fd.literal() && fd.op() < kinds->size()) k[0] = (*kinds)[fd.op()][fd.out()];
        break;
      }
      default:
        break;
    }
    kinds->push_back(k);
  }
}

void Mutator::Rebuild(const std::vector<Op>* other, std::vector<Op>* ops) {
  if (plan_.size() > kMaxTrace) plan_.resize(kMaxTrace);
  FindKinds(*ops, &kinds_);
  placed_.assign(ops->size(), 0);
  if (other != nullptr) {
    FindKinds(*other, &other_kinds_);
    other_placed_.assign(other->size(), 0);
  }
  result_.clear();
  // The newest output of each kind so far.
  std::array<Fd, kFileKinds + 1> newest;
  newest.fill(Fd::Literal(3));
  for (const Source& source : plan_) {
    const std::vector<Op>& from = source.other ? *other : *ops;
    const Kinds& kinds = source.other ? other_kinds_ : kinds_;
    std::vector<uint32_t>& placed = source.other ? other_placed_ : placed_;
    Op op = from[source.index];
    MapFds(op, [&](Fd fd) {
      if (fd.literal() || fd.op() >= from.size()) return fd;
      if (placed[fd.op()] != 0) return Fd::Output(placed[fd.op()] - 1, fd.out());
      return newest[static_cast<size_t>(kinds[fd.op()][fd.out()])];
    });
    const uint32_t at = static_cast<uint32_t>(result_.size());
    placed[source.index] = at + 1;
    for (uint32_t out = 0; out < Outputs(op.call); ++out) {
      newest[static_cast<size_t>(kinds[source.index][out])] = Fd::Output(at, out);
    }
    result_.push_back(op);
  }
  ops->swap(result_);
}

void Mutator::Mutate(Random* random, std::vector<Op>* ops) {
  // Arguments are where most bugs hide; new ops come by a taste of their own.
  constexpr Change kLots[] = {kArgument,  kArgument, kArgument, kArgument, kRetarget, kRetarget, kDelete, kDelete,
                              kDuplicate, kMove,     kSwap,     kSwap,     kRepeat,   kInsert,   kInsert, kAppend};
  for (uint32_t i = 1 + static_cast<uint32_t>(random->Skewed(2)); i > 0; --i) Apply(random->Pick(kLots), random, ops);
}

void Mutator::Apply(Change change, Random* random, std::vector<Op>* ops) {
  const size_t size = ops->size();
  if (size == 0 || (change == kInsert && size >= kMaxTrace)) change = kAppend;
  plan_.clear();
  switch (change) {
    case kArgument:
      return ChangeArgument(random, ops);
    case kRetarget:
      return Retarget(random, ops);
    case kDelete: {
      const Block b = SomeBlock(random, size, random->OneIn(4) ? size : 6);
      PlanAll(0, b.from), PlanAll(b.to, size);
      return Rebuild(nullptr, ops);
    }
    case kDuplicate: {
      const Block b = SomeBlock(random, size, 12);
      const size_t to = b.to + random->Below(static_cast<uint32_t>(size - b.to + 1));
      PlanAll(0, to), PlanAll(b.from, b.to), PlanAll(to, size);
      return Rebuild(nullptr, ops);
    }
    case kMove: {
      const Block b = SomeBlock(random, size, 8);
      const size_t to = random->Below(static_cast<uint32_t>(size + 1));
      if (to <= b.from) {
        PlanAll(0, to), PlanAll(b.from, b.to), PlanAll(to, b.from), PlanAll(b.to, size);
      } else if (to >= b.to) {
        PlanAll(0, b.from), PlanAll(b.to, to), PlanAll(b.from, b.to), PlanAll(to, size);
      } else {
        return;
      }
      return Rebuild(nullptr, ops);
    }
    case kSwap: {
      PlanAll(0, size);
      const uint32_t a = random->Below(static_cast<uint32_t>(size));
      const uint32_t b = random->OneIn(2) ? random->Below(static_cast<uint32_t>(size))
                                          : std::min(a + 1, static_cast<uint32_t>(size - 1));
      std::swap(plan_[a], plan_[b]);
      return Rebuild(nullptr, ops);
    }
    case kRepeat: {
      const Block b = SomeBlock(random, size, 6);
      PlanAll(0, b.to);
      for (uint32_t n = 1 + static_cast<uint32_t>(random->Skewed(4)); n > 0; --n) PlanAll(b.from, b.to);
      PlanAll(b.to, size);
      return Rebuild(nullptr, ops);
    }
    case kInsert: {
      const size_t at = random->Below(static_cast<uint32_t>(size + 1));
      tail_.assign(ops->begin(), ops->end());  // the whole, so that links stay indices
      ops->resize(at);
      generator_->Extend(random, ops, 1 + static_cast<uint32_t>(random->Skewed(4)));
      const uint32_t added = static_cast<uint32_t>(ops->size() - at);
      for (size_t i = at; i < tail_.size() && ops->size() < kMaxTrace; ++i) {
        Op op = tail_[i];
        MapFds(op, [&](Fd fd) { return fd.literal() || fd.op() < at ? fd : Fd::Output(fd.op() + added, fd.out()); });
        ops->push_back(op);
      }
      return;
    }
    case kAppend: {
      const uint32_t off = random->OneIn(2) ? 0 : random->Below(static_cast<uint32_t>(size + 1));
      ops->resize(size - off);
      return generator_->Extend(random, ops, 1 + static_cast<uint32_t>(random->Skewed(6)));
    }
    case kChanges:
      return;
  }
}

void Mutator::Cross(Random* random, const std::vector<Op>& other, std::vector<Op>* ops) {
  if (other.empty()) return;
  plan_.clear();
  const size_t at = random->Below(static_cast<uint32_t>(ops->size() + 1));
  const Block b = SomeBlock(random, other.size(), random->OneIn(2) ? 20 : other.size());
  const auto theirs = [this](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) plan_.push_back({static_cast<uint32_t>(i), true});
  };
  switch (random->Below(3)) {
    case 0:  // one after the other
      PlanAll(0, at), theirs(b.from, other.size());
      break;
    case 1:  // a block in the middle
      PlanAll(0, at), theirs(b.from, b.to), PlanAll(at, ops->size());
      break;
    default: {  // woven: both worlds, alternately
      size_t mine = 0, its = 0;
      while (mine < ops->size() || its < b.to) {
        const size_t n = 1 + random->Below(8);
        if (random->OneIn(2)) {
          PlanAll(mine, std::min(mine + n, ops->size()));
          mine = std::min(mine + n, ops->size());
        } else {
          theirs(its, std::min(its + n, b.to));
          its = std::min(its + n, b.to);
        }
      }
    }
  }
  Rebuild(&other, ops);
}

// --- Arguments -----------------------------------------------------------------------------------------------------

uint64_t Mutator::NewValue(Random* random, const Op& op, size_t slot) {
  Random& r = *random;
  const ArgSpec& spec = SlotSpec(op, slot);
  const uint64_t old = op.arg[slot];
  const auto word = [&]() -> uint64_t { return spec.words[r.Below(static_cast<uint32_t>(spec.words.size()))].value; };
  constexpr int32_t kInts[] = {0,  0,  1,  1, 2,   3,         4,         8,          16,
                               64, -1, -1, 5, 100, INT32_MAX, INT32_MIN, kMaxEvents, kMaxEvents + 1};
  constexpr uint32_t kSizes[] = {0,    1,    1,     2,     4,     7,     8,     8,      9,     100,  192,
                                 193,  704,  705,   1728,  1729,  3776,  3777,  4095,   4096,  4097, 7872,
                                 7873, 8192, 16064, 16065, 36544, 53000, 65536, 212960, 212961};
  constexpr uint64_t kWide[] = {0, 1, 1, 2, 3, ~0ull, ~0ull - 1, ~0ull - 2, 1ull << 63, 999999999, 1000000000};
  // A wait that sleeps costs more than a thousand that do not: for ever where something is ready, else at once.
  constexpr int32_t kTimeouts[] = {0, 0, -1, -1, INT32_MIN};
  constexpr int64_t kNanoseconds[] = {0, 0, -1, 999999999, 1000000000};
  if (spec.name == "timeout" && spec.kind == ArgKind::kInt) {
    return static_cast<uint64_t>(int64_t{r.Pick(kTimeouts)});
  }
  if (spec.name == "tv_nsec") return static_cast<uint64_t>(r.Pick(kNanoseconds));
  switch (spec.kind) {
    case ArgKind::kInt: {
      if (!spec.words.empty() && r.Below(8) != 0) return word();
      const bool small = r.OneIn(3);
      const int32_t v =
          small ? static_cast<int32_t>(op.u32(slot) + (r.OneIn(2) ? 1 : ~0u) * (1 + r.Below(2))) : r.Pick(kInts);
      return static_cast<uint64_t>(int64_t{v});
    }
    case ArgKind::kFlags:
      if (!spec.words.empty() && r.Below(16) != 0) return r.OneIn(4) ? 0 : old ^ word();
      return old ^ (uint64_t{1} << r.Below(32));
    case ArgKind::kEvents: {
      const std::span<const Word> words = EventWords();
      if (r.OneIn(16)) return r.Next();
      if (r.OneIn(16)) return old ^ (uint64_t{1} << r.Below(32));
      // IN, OUT and epoll's own bits as often as all others together.
      constexpr uint32_t kUsual[] = {kIn, kOut, kEt, kOneshot, kExclusive, kIn, kOut, kEt};
      const uint64_t bit = r.OneIn(2) ? r.Pick(kUsual) : words[r.Below(static_cast<uint32_t>(words.size()))].value;
      return r.OneIn(4) ? (old & kPrivate) | bit : old ^ bit;
    }
    case ArgKind::kData:
      return r.OneIn(4) ? r.Next() : r.Below(16);
    case ArgKind::kSize:
    case ArgKind::kBytes:
      return old > 0 && r.OneIn(3) ? old + r.Below(3) - 1 : r.Pick(kSizes);
    case ArgKind::kPayload:
      return r.OneIn(2) ? r.Pick(kWide) : r.Below(8);
    case ArgKind::kMemory: {
      if (Memory::FromBits(old) != Memory() && r.OneIn(2)) return Memory().bits();
      constexpr Memory::Kind kKinds[] = {Memory::kGood,     Memory::kNull,       Memory::kKernel,     Memory::kUnmapped,
                                         Memory::kReadonly, Memory::kFault,      Memory::kFault,      Memory::kFault,
                                         Memory::kFault,    Memory::kMisaligned, Memory::kStraddling, Memory::kGone};
      const Memory::Kind kind = r.Pick(kKinds);
      return Memory(kind, kind == Memory::kFault ? r.Below(5) : 0).bits();
    }
    case ArgKind::kChoice:
      return word();
    case ArgKind::kInt64:
      return r.Pick(kWide);
    case ArgKind::kFd:
      return old;
  }
  return old;
}

void Mutator::ChangeArgument(Random* random, std::vector<Op>* ops) {
  const uint32_t size = static_cast<uint32_t>(ops->size());
  for (uint32_t tries = 0; tries < 8; ++tries) {
    Op& op = (*ops)[random->Below(size)];
    if (Spec(op.call).args.empty()) continue;
    if (random->OneIn(op.process != 0 ? 8 : 128)) {
      op.process ^= 1, op.thread = op.i386 = 0;
    } else if (op.i386 != 0 && random->OneIn(8)) {
      op.i386 = 0;
    } else if (op.thread != 0 && random->OneIn(4)) {
      op.thread = static_cast<uint8_t>(random->Below(generator_->most_threads() + 1));
    } else if (Polls(op.call)) {
      const uint32_t slots = static_cast<uint32_t>(Spec(op.call).args.size());
      const uint32_t i = random->Below(op.npoll + slots);
      if (i >= op.npoll) {
        op.arg[i - op.npoll] = NewValue(random, op, i - op.npoll);
      } else {
        const uint16_t events = op.poll_events(i) ^ static_cast<uint16_t>(1u << random->Below(16));
        op.set_poll(i, op.poll_fd(i), random->OneIn(4) ? kIn : events);
      }
    } else {
      const uint32_t slots = static_cast<uint32_t>(Spec(op.call).args.size());
      if (slots == 0) continue;
      const uint32_t slot = random->Below(slots);
      if (SlotSpec(op, slot).kind == ArgKind::kFd) continue;
      op.arg[slot] = NewValue(random, op, slot);
    }
    Tame(&op);
    Canonicalize(&op);
    return;
  }
}

void Mutator::Retarget(Random* random, std::vector<Op>* ops) {
  Random& r = *random;
  FindKinds(*ops, &kinds_);
  const uint32_t size = static_cast<uint32_t>(ops->size());
  for (uint32_t tries = 0; tries < 8; ++tries) {
    const uint32_t at = r.Below(size);
    Op& op = (*ops)[at];
    const uint32_t operands = Polls(op.call) ? op.npoll : static_cast<uint32_t>(std::popcount(Spec(op.call).fd_slots));
    if (operands == 0) continue;
    const uint32_t which = r.Below(operands);
    uint32_t i = 0;
    MapFds(op, [&](Fd old) {
      if (i++ != which) return old;
      if (r.OneIn(12)) return Fd::Literal(r.OneIn(4) ? -1 : 3 + static_cast<int32_t>(r.Skewed(5)));
      const FileKind wanted = old.literal() || old.op() >= at ? FileKind::kNone : kinds_[old.op()][old.out()];
      // Mostly another of the same kind.
      for (uint32_t n = 0; n < 12; ++n) {
        if (at == 0) break;
        const uint32_t creator = r.Below(at);
        const uint32_t outputs = Outputs((*ops)[creator].call);
        if (outputs == 0) continue;
        const Fd fd = Fd::Output(creator, r.Below(outputs));
        const bool alike = wanted == FileKind::kNone || kinds_[creator][fd.out()] == wanted;
        if (fd != old && (alike || n >= 9 || r.OneIn(4))) return fd;
      }
      return old;
    });
    return;
  }
}

}  // namespace pollux
