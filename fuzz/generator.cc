#include "fuzz/generator.h"

#include <algorithm>

#include "fuzz/ops.h"
#include "fuzz/tame.h"
#include "model/abi.h"

namespace pollux {
namespace {

// Kinds of step and how many lots each has where a taste likes it.
// clang-format off
enum Act : uint8_t {
  kCreate, kAdd, kModify, kDelete, kReady, kUnready, kWait, kWaitAll, kPollSome, kFdinfo,
  kDup, kReplace, kCloseOne, kCloseSome, kFcntl, kPipeSize, kFill, kInOut, kShutDown, kBadCtl,
  kBadWait, kBadIo, kBadCreate, kParams, kSettime, kLimit, kQuota,
  kStale, kRotation, kFaultyCopy, kGhost, kChain, kDiamond, kLoop, kPaths, kOneshotIdiom, kShared,
  kReorder, kPipeEdges, kSocketEdges, kDgramPeer, kTableFull, kRangeOfPeers, kPackets, kCounterEnds, kTimerEdges,
  kCrowd, kCloexec, kFaultyIo, kNudged,
  kActCount,
};
constexpr uint8_t kLots[kActCount] = {
  10, 24, 12, 10, 44, 20, 28, 16, 8, 3,
  8, 5, 8, 2, 5, 3, 4, 10, 5, 4,
  4, 4, 2, 2, 3, 2, 1,
  6, 5, 4, 5, 3, 2, 2, 1, 3, 4,
  4, 4, 3, 2, 2, 2, 2, 3, 3,
  2, 1, 3, 4,
};
// clang-format on
static_assert(kActCount <= Generator::kActs);
static_assert(kLots[kActCount - 1] != 0);

constexpr FileKind kFiles[] = {FileKind::kPipeRead, FileKind::kPipeWrite, FileKind::kEventfd, FileKind::kStream,
                               FileKind::kDgram,    FileKind::kSeqpacket, FileKind::kTimerfd};
constexpr uint8_t kFileLots[] = {6, 4, 10, 5, 3, 4, 4};

// Masks. Odd bits are those that most users never write.
constexpr uint32_t kOddBits[] = {
    kPri,         kErr,       kHup,    kNval,  kRdnorm,    kRdband, kWrnorm,  kWrband,  kMsg,
    kRdhup,       0x1000,     0x4000,  0x8000, kUringWake, kWakeup, 1u << 16, 1u << 26, kRdnorm | kWrnorm,
    kIn | kRdhup, kIn | kPri, kRdnorm, kRdhup, kWrnorm,    kErr,    kHup};
// Sizes near the boundaries of pipe slots (R4.2.3) and of charges (R4.4.2).
constexpr uint32_t kPipeSizes[] = {1, 1, 1, 1, 2, 7, 100, 1000, 2048, 3000, 4095, 4096, 4097, 5000, 8192, 8193, 65536};
constexpr uint32_t kSocketSizes[] = {1,    1,    1,    1,    2,    192,  193,   704,   705,   1728,
                                     1729, 3776, 3777, 4289, 7872, 7873, 16064, 16065, 36544, 53000};
constexpr uint64_t kCounts[] = {1, 1, 1, 1, 1, 1, 2, 3, 7, 0, 0, ~0ull - 1, ~0ull - 2, ~0ull, 1ull << 63};
constexpr uint32_t kPages[] = {1, 1, 1, 2, 2, 4, 16, 3, 5, 8, 32, 0, 256};
constexpr uint32_t kPage = 4096;

uint32_t Base(FileKind kind, Random* random) {
  switch (kind) {
    case FileKind::kPipeWrite:
      return random->Chance(230) ? kOut : kIn;
    case FileKind::kEventfd:
    case FileKind::kStream:
    case FileKind::kDgram:
    case FileKind::kSeqpacket: {
      const uint32_t r = random->Below(8);
      return r < 5 ? kIn : r < 7 ? kIn | kOut : kOut;
    }
    default:
      return random->Chance(245) ? kIn : kOut;
  }
}

}  // namespace

// --- Taste -------------------------------------------------------------------------------------------------------

void Generator::NewTaste() {
  Random& r = *random_;
  uint32_t lots[kActCount], sum = 0;
  const uint32_t off = 32 + r.Below(160);  // how many kinds of step this trace does without, in 256
  // One kind of step in three traces is a hobby.
  const uint32_t hobby = r.Below(kActCount * 3);
  for (uint32_t i = 0; i < kActCount; ++i) {
    const bool essential = i == kAdd || i == kReady || i == kWait;
    lots[i] = !essential && r.Chance(off) ? 0 : (kLots[i] * (4 + r.Below(12))) / 4;
    if (i == hobby) lots[i] = i == kPaths || i == kQuota ? 12 : 60;
    sum += lots[i];
  }
  if (!options_.watches) sum -= lots[kQuota], lots[kQuota] = 0;
  uint32_t at = 0, seen = 0;
  for (uint32_t i = 0; i < kActCount; ++i) {
    seen += lots[i];
    for (const uint32_t end = seen * 256 / sum; at < end; ++at) taste_.act[at] = static_cast<uint8_t>(i);
  }

  uint32_t kinds[std::size(kFiles)], total = 0;
  for (size_t i = 0; i < std::size(kFiles); ++i) total += kinds[i] = r.OneIn(2) ? 0 : kFileLots[i];
  if (total == 0) {
    const uint32_t only = r.Below(std::size(kFiles));
    total = kinds[only] = 1;
  }
  at = seen = 0;
  for (size_t i = 0; i < std::size(kFiles); ++i) {
    seen += kinds[i];
    for (const uint32_t end = seen * 32 / total; at < end; ++at) taste_.kind[at] = static_cast<uint8_t>(kFiles[i]);
  }

  const auto taste = [&r](uint32_t usual) { return r.OneIn(3) ? 0 : r.OneIn(3) ? 4 * usual : usual; };
  taste_.et = r.OneIn(3) ? 0 : r.OneIn(3) ? 230 : 100;
  taste_.oneshot = taste(30);
  taste_.exclusive = taste(16);
  taste_.both = taste(40);
  taste_.odd = taste(24);
  taste_.few = r.OneIn(3) ? 200 : 90;
  taste_.fault = taste(10);
  taste_.negative = taste(12);
  taste_.literal = taste(6);
  taste_.stale = taste(6);
  taste_.wrong = taste(5);
  taste_.fresh_flags = taste(16);
  taste_.instances = 1 + static_cast<uint32_t>(r.Skewed(3));
  taste_.files = 1 + r.Below(6) + static_cast<uint32_t>(r.Skewed(4));
  taste_.wait_call = r.OneIn(3) ? 1 : 0;
  next_data_ = 1;
}

void Generator::Draw(Random* random, std::vector<Op>* ops) {
  ops->clear();
  shadow_.Reset();
  random_ = random, ops_ = ops, start_ = 0;
  NewTaste();
  const uint32_t length = 20 + random->Below(60) + static_cast<uint32_t>(random->Skewed(6));
  // A small world first: what follows is about it.
  for (uint32_t i = 1 + random->Below(std::min(taste_.instances, 3u)); i > 0; --i) CreateEpoll();
  for (uint32_t i = 1 + random->Below(taste_.files); i > 0; --i) {
    const int32_t n = CreateByTaste();
    if (random->Below(4) != 0) Register(SomeEpoll(), n, Events(shadow_.KindAt(n)));
  }
  while (ops->size() < length) Step();
  if (ops->size() > kMaxTrace) ops->resize(kMaxTrace);
}

void Generator::Extend(Random* random, std::vector<Op>* ops, uint32_t n) {
  shadow_.Replay(*ops);
  random_ = random, ops_ = ops, start_ = ops->size();
  NewTaste();
  next_data_ = 1 + random->Below(64);
  const size_t length = std::min(ops->size() + n, kMaxTrace);
  while (ops->size() < length) Step();
  if (ops->size() > kMaxTrace) ops->resize(kMaxTrace);
}

// --- Operands ----------------------------------------------------------------------------------------------------

void Generator::Emit(const Op& op) {
  if (ops_->size() >= kMaxTrace) return;
  ops_->push_back(op);
  shadow_.Apply(op);
}

int32_t Generator::NumberOf(FileKind kind) {
  const std::vector<int32_t>& open = shadow_.Open(kind);
  return open.empty() ? -1 : open[random_->Below(static_cast<uint32_t>(open.size()))];
}

int32_t Generator::AnyNumber() {
  uint32_t i = random_->Below(shadow_.open_count());
  for (size_t k = 0; k < kFileKinds; ++k) {
    const std::vector<int32_t>& open = shadow_.Open(static_cast<FileKind>(k));
    if (i < open.size()) return open[i];
    i -= static_cast<uint32_t>(open.size());
  }
  return -1;
}

int32_t Generator::SomeEpoll() {
  const std::vector<int32_t>& open = shadow_.Open(FileKind::kEpoll);
  if (open.empty() || (open.size() < taste_.instances && random_->OneIn(16))) {
    const int32_t n = CreateEpoll();
    if (n >= 0) return n;
  }
  // Usually the busiest: that of a random item.
  if (const Shadow::Item* item = random_->Chance(160) ? shadow_.AnyItem(random_) : nullptr) {
    return shadow_.file(item->ep).number;
  }
  return NumberOf(FileKind::kEpoll);
}

int32_t Generator::SomeFile() {
  const uint32_t files = shadow_.open_count() - static_cast<uint32_t>(shadow_.Open(FileKind::kEpoll).size());
  if (files < taste_.files ? random_->OneIn(4) : random_->OneIn(64)) {
    const int32_t n = CreateByTaste();
    if (n >= 0) return n;
  }
  for (uint32_t tries = 0; tries < 6; ++tries) {
    const int32_t n = AnyNumber();
    if (n >= 0 && shadow_.KindAt(n) != FileKind::kEpoll) return n;
  }
  return CreateByTaste();
}

int32_t Generator::SomeTarget() {
  const std::vector<int32_t>& open = shadow_.Open(FileKind::kEpoll);
  return open.size() > 1 && random_->Chance(48) ? NumberOf(FileKind::kEpoll) : SomeFile();
}

Fd Generator::Operand(int32_t number) {
  if (number < 3 || random_->Chance(taste_.literal) || shadow_.At(number) == Shadow::kNoFile) {
    return Fd::Literal(number);
  }
  return shadow_.Name(number);
}

Fd Generator::Anything() {
  switch (random_->Below(6)) {
    case 0:
      return Fd::Literal(-1);
    case 1:
      return Fd::Literal(3 + static_cast<int32_t>(random_->Skewed(6)));
    case 2:
      return Fd::Literal(static_cast<int32_t>(random_->Skewed(31)) | 1 << 20);
    case 3: {
      // The output of any earlier creator, closed or not.
      const uint32_t n = shadow_.size();
      for (uint32_t tries = 0; n > 0 && tries < 8; ++tries) {
        const uint32_t op = random_->Below(n);
        const uint32_t outputs = Outputs((*ops_)[op].call);
        if (outputs > 0) return Fd::Output(op, random_->Below(outputs));
      }
      return Fd::Literal(3);
    }
    default: {
      const int32_t n = AnyNumber();
      return n < 0 ? Fd::Literal(3) : shadow_.Name(n);
    }
  }
}

Fd Generator::Mistaken(int32_t number) {
  return random_->Chance(taste_.stale + taste_.wrong) ? Anything() : Operand(number);
}

uint32_t Generator::Events(FileKind kind) {
  Random& r = *random_;
  uint32_t events = Base(kind, random_);
  if (r.Chance(taste_.both)) events |= kIn | kOut;
  if (r.Chance(taste_.et)) events |= kEt;
  if (r.Chance(taste_.oneshot)) events |= kOneshot;
  if (r.Chance(taste_.exclusive)) events |= kExclusive;
  if (r.Chance(taste_.odd)) {
    const uint32_t how = r.Below(8);
    const uint32_t odd = r.Pick(kOddBits);
    if (how == 0) {
      events &= kPrivate;  // nothing but what cannot be refused
    } else if (how < 4) {
      events = (events & kPrivate) | odd;
    } else if (how == 7) {
      events = static_cast<uint32_t>(r.Next());
    } else {
      events |= odd;
    }
  }
  return events;
}

uint64_t Generator::Data() {
  if (random_->OneIn(64)) return random_->Next();
  if (random_->OneIn(16)) return random_->Below(4);
  return next_data_++;
}

Memory Generator::BadMemory(uint32_t records) {
  switch (random_->Below(8)) {
    case 0:
      return Memory::kNull;
    case 1:
      return Memory::kKernel;
    case 2:
      return Memory::kUnmapped;
    case 3:
      return Memory::kReadonly;
    default:
      return Memory(Memory::kFault, random_->Below(records + 1));
  }
}

// --- Creation ----------------------------------------------------------------------------------------------------

int32_t Generator::CreateEpoll() {
  const uint32_t r = random_->Below(16);
  if (r == 0) {
    Emit(ops::EpollCreate(1 + static_cast<int32_t>(random_->Skewed(20))));
  } else {
    Emit(ops::EpollCreate1(r == 1 ? kOCloexec : 0));
  }
  return shadow_.Number(Fd::Output(shadow_.size() - 1, 0));
}

int32_t Generator::Create(FileKind kind) {
  Random& r = *random_;
  uint32_t flags = kONonblock;
  if (r.Chance(taste_.fresh_flags)) flags = r.Below(4) * kONonblock & kONonblock;
  if (r.Chance(taste_.fresh_flags)) flags |= kOCloexec;
  uint32_t out = 0;
  switch (kind) {
    case FileKind::kPipeRead:
    case FileKind::kPipeWrite:
      Emit(ops::Pipe2(flags | (r.Chance(taste_.fresh_flags) ? kODirect : 0)));
      out = kind == FileKind::kPipeWrite;
      // A short pipe is soon full.
      if (r.OneIn(4)) Emit(ops::Fcntl(Fd::Output(shadow_.size() - 1, 1), kFSetpipeSz, kPage * r.Between(1, 2)));
      return shadow_.Number(Fd::Output(shadow_.size() - ((*ops_).back().call == Call::kFcntl ? 2 : 1), out));
    case FileKind::kEventfd:
      Emit(ops::Eventfd(r.OneIn(4) ? static_cast<uint32_t>(r.Skewed(32)) : 0,
                        flags | (r.Chance(40 + taste_.fresh_flags) ? kEfdSemaphore : 0)));
      break;
    case FileKind::kStream:
      Emit(ops::Socketpair(kSockStream, flags)), out = r.Below(2);
      break;
    case FileKind::kDgram:
      Emit(ops::Socketpair(kSockDgram, flags)), out = r.Below(2);
      break;
    case FileKind::kSeqpacket:
      Emit(ops::Socketpair(kSockSeqpacket, flags)), out = r.Below(2);
      break;
    case FileKind::kTimerfd: {
      constexpr int32_t kClocks[] = {kClockMonotonic, kClockMonotonic, kClockRealtime, kClockBoottime};
      Emit(ops::Make(Call::kTimerfdCreate, {ops::Int(r.Pick(kClocks)), flags}));
      break;
    }
    case FileKind::kEpoll:
      return CreateEpoll();
    case FileKind::kRefused:
    case FileKind::kNone:
      if (r.OneIn(3)) {
        Emit(ops::Make(Call::kMemfdCreate, {r.Below(4)}));
      } else {
        const uint32_t which = r.Below(3);
        const uint32_t more = r.OneIn(4) ? kOCloexec : r.OneIn(8) ? kODirectory : 0;
        Emit(ops::Make(Call::kOpen, {which, r.OneIn(3) ? kOPath | more : more}));
      }
      break;
  }
  return shadow_.Number(Fd::Output(shadow_.size() - 1, out));
}

int32_t Generator::CreateByTaste() {
  if (random_->OneIn(48)) return Create(FileKind::kRefused);
  return Create(static_cast<FileKind>(taste_.kind[random_->Below(32)]));
}

int32_t Generator::Duplicate(int32_t number) {
  if (number < 0) return -1;
  const uint32_t r = random_->Below(16);
  if (r < 13) {
    Emit(ops::Dup(Operand(number)));
  } else {
    const uint32_t at_least = r == 13 ? 0 : static_cast<uint32_t>(random_->Skewed(6));
    Emit(ops::Fcntl(Operand(number), r == 15 ? kFDupfdCloexec : kFDupfd, at_least));
  }
  return shadow_.Number(Fd::Output(shadow_.size() - 1, 0));
}

// --- epoll_ctl ---------------------------------------------------------------------------------------------------

void Generator::Register(int32_t ep, int32_t number, uint32_t events) {
  if (ep < 0 || number < 0) return;
  if (shadow_.KindAt(number) == FileKind::kEpoll && random_->Below(8) != 0) events &= ~kExclusive;
  Emit(ops::Add(Operand(ep), Operand(number), events, Data()));
}

void Generator::Add() {
  const int32_t ep = SomeEpoll();
  int32_t n = SomeTarget();
  if (n >= 0 && random_->Chance(200) && shadow_.Registered(shadow_.At(ep), n, shadow_.At(n))) n = SomeTarget();
  const FileKind kind = shadow_.KindAt(n);
  const uint32_t events = Events(kind) & ~(kind == FileKind::kEpoll && random_->Below(8) != 0 ? kExclusive : 0);
  const Memory memory = random_->Chance(taste_.fault / 4) ? BadMemory(1) : Memory();
  Emit(ops::Ctl(Mistaken(ep), kCtlAdd, Mistaken(n), events, Data(), memory));
}

void Generator::Modify() {
  const Shadow::Item* found = shadow_.AnyItem(random_);
  if (found == nullptr) return Add();
  const Shadow::Item item = *found;
  uint32_t events = Events(shadow_.file(item.file).kind);
  if (random_->Below(3) == 0) events = item.events;  // re-arms
  if (random_->Below(16) != 0) events &= ~kExclusive;
  const Memory memory = random_->Chance(taste_.fault / 4) ? BadMemory(1) : Memory();
  Emit(ops::Ctl(Mistaken(shadow_.file(item.ep).number), kCtlMod, Mistaken(item.number), events,
                random_->OneIn(2) ? item.data : Data(), memory));
}

void Generator::Delete() {
  const Shadow::Item* found = shadow_.AnyItem(random_);
  if (found == nullptr) return Add();
  const Shadow::Item item = *found;
  const Fd ep = Mistaken(shadow_.file(item.ep).number), fd = Mistaken(item.number);
  if (random_->Chance(40)) {
    Emit(ops::Ctl(ep, kCtlDel, fd, kIn, 0));
  } else {
    Emit(ops::Del(ep, fd));
  }
  if (random_->Below(3) == 0) Emit(ops::Add(ep, fd, item.events, item.data));
}

void Generator::BadCtl() {
  Random& r = *random_;
  constexpr int32_t kOps[] = {kCtlAdd, kCtlDel, kCtlMod, kCtlAdd, kCtlDel, kCtlMod, 0, 4, -1, 1 << 16, INT32_MIN};
  const int32_t ep = SomeEpoll();
  const Shadow::Item* item = shadow_.AnyItem(random_);
  const int32_t registered = item == nullptr ? AnyNumber() : item->number;
  const Fd epfd = r.OneIn(3) ? Anything() : Operand(ep);
  const Fd fd = r.OneIn(3) ? Anything() : r.OneIn(6) ? epfd : Operand(r.OneIn(2) ? registered : SomeTarget());
  uint32_t events = Events(FileKind::kEventfd);
  if (r.OneIn(3)) events |= kExclusive;
  if (r.OneIn(3)) events |= r.Pick(kOddBits);
  Emit(ops::Ctl(epfd, r.Pick(kOps), fd, events, Data(), r.OneIn(4) ? BadMemory(1) : Memory()));
  if (r.OneIn(16)) Emit(ops::Add(Operand(ep), Operand(Create(FileKind::kRefused)), kIn, Data()));
}

// --- Waits -------------------------------------------------------------------------------------------------------

void Generator::Wait(int32_t ep, int32_t max) {
  Random& r = *random_;
  const Fd fd = Mistaken(ep);
  if (max == 0) max = r.Chance(taste_.few) ? 1 + static_cast<int32_t>(r.Skewed(2)) : 32;
  const Memory memory = r.Chance(taste_.fault) ? BadMemory(r.OneIn(2) ? 1 : 4) : Memory();
  int32_t timeout = 0;
  if (r.Chance(taste_.negative)) timeout = r.OneIn(4) ? -1 - static_cast<int32_t>(r.Skewed(30)) : -1;
  if (options_.sleeps && r.OneIn(4096)) timeout = 1;
  const uint32_t call = taste_.wait_call == 0 ? 0 : r.Below(4);
  const Memory sigmask = r.OneIn(3) ? Memory(Memory::kGood) : Memory(Memory::kNull);
  if (call == 2) {
    Emit(ops::Pwait(fd, max, timeout, memory, sigmask, 8));
  } else if (call == 3) {
    Emit(ops::Pwait2(fd, max, memory, timeout < 0 ? Memory::kNull : Memory::kGood, 0, timeout > 0 ? 1000000 : 0,
                     sigmask, 8));
  } else {
    Emit(ops::Wait(fd, max, timeout, memory));
  }
}

void Generator::WaitSome() { Wait(SomeEpoll()); }

void Generator::BadWait() {
  Random& r = *random_;
  constexpr int32_t kMax[] = {0, -1, INT32_MIN, 1, 4, kMaxEvents, kMaxEvents + 1, INT32_MAX};
  constexpr int32_t kSizes[] = {8, 8, 0, 4, 16, -1};
  constexpr int64_t kSeconds[] = {0, 0, 0, -1, INT64_MAX};
  constexpr int64_t kNanoseconds[] = {0, 0, 0, -1, 999999999, 1000000000};
  const Fd fd = r.OneIn(3) ? Anything() : Operand(SomeEpoll());
  const int32_t max = r.OneIn(2) ? r.Pick(kMax) : 4;
  const Memory memory = r.OneIn(2) ? BadMemory(2) : Memory();
  const Memory sigmask = r.OneIn(3) ? BadMemory(0) : r.OneIn(2) ? Memory(Memory::kGood) : Memory(Memory::kNull);
  switch (r.Below(3)) {
    case 0:
      return Emit(ops::Wait(fd, max, 0, memory));
    case 1:
      return Emit(ops::Pwait(fd, max, 0, memory, sigmask, static_cast<uint32_t>(r.Pick(kSizes))));
    default: {
      const Memory timeout = r.OneIn(3) ? BadMemory(0) : Memory();
      const bool readable = timeout.readable();
      return Emit(ops::Pwait2(fd, max, memory, timeout, readable ? r.Pick(kSeconds) : 0,
                              readable ? r.Pick(kNanoseconds) : 0, sigmask, static_cast<uint32_t>(r.Pick(kSizes))));
    }
  }
}

void Generator::PollSome() {
  Random& r = *random_;
  constexpr uint16_t kMasks[] = {kIn, kIn, kIn, kOut, kIn | kOut, 0, kRdnorm, kWrnorm, kPri, kRdhup, 0xffff, kRdband};
  Op op = ops::Poll({});
  if (r.OneIn(2)) {
    op.set_poll(op.npoll++, Mistaken(SomeEpoll()), r.Pick(kMasks));
  } else {
    const uint32_t n = 1 + static_cast<uint32_t>(r.Skewed(3));
    for (uint32_t i = 0; i < n && op.npoll < kMaxPoll; ++i) {
      const int32_t number = AnyNumber();
      op.set_poll(op.npoll++, Mistaken(number), r.Pick(kMasks));
    }
  }
  if (r.Chance(taste_.negative)) op.arg[0] = ops::Int(-1);
  Emit(op);
}

// --- Readiness ---------------------------------------------------------------------------------------------------

void Generator::Ready(Shadow::FileId id, uint32_t depth) {
  Random& r = *random_;
  const Shadow::File& file = shadow_.file(id);
  const Shadow::File& peer = shadow_.file(file.peer);
  switch (file.kind) {
    case FileKind::kPipeRead:
      if (peer.number >= 0) {
        Emit(ops::Write(Operand(peer.number), r.OneIn(24) ? 0 : r.Chance(180) ? 1 : r.Pick(kPipeSizes)));
      }
      return;
    case FileKind::kPipeWrite:
      if (peer.number >= 0) Emit(ops::Read(Operand(peer.number), r.OneIn(2) ? 65536 : r.Pick(kPipeSizes)));
      return;
    case FileKind::kEventfd:
      if (file.number < 0) return;
      if (r.OneIn(8)) return Emit(ops::Read(Operand(file.number), 8));
      return Emit(ops::Write(Operand(file.number), 8, r.Pick(kCounts)));
    case FileKind::kStream:
    case FileKind::kDgram:
    case FileKind::kSeqpacket:
      if (r.OneIn(8) && peer.number >= 0) return Emit(ops::Recv(Operand(peer.number), 65536, kMsgDontwait));
      if (peer.number >= 0) {
        const uint32_t n = r.OneIn(24) ? 0 : r.Chance(200) ? 1 : r.Pick(kSocketSizes);
        Emit(r.OneIn(2) ? ops::Write(Operand(peer.number), n) : ops::Send(Operand(peer.number), n, kMsgDontwait));
      }
      return;
    case FileKind::kTimerfd:
      if (file.number >= 0) Emit(ops::Ticks(Operand(file.number), r.OneIn(16) ? r.Below(3) : 1 + r.Below(3)));
      return;
    case FileKind::kEpoll:
      if (depth < 6) {
        if (const Shadow::Item* item = shadow_.ItemOf(id, random_)) Ready(item->file, depth + 1);
      }
      return;
    case FileKind::kRefused:
    case FileKind::kNone:
      return;
  }
}

void Generator::Unready(Shadow::FileId id, uint32_t depth) {
  Random& r = *random_;
  const Shadow::File& file = shadow_.file(id);
  if (file.kind == FileKind::kEpoll && depth < 6 && r.OneIn(2)) {
    if (const Shadow::Item* item = shadow_.ItemOf(id, random_)) Unready(item->file, depth + 1);
    return;
  }
  if (file.number < 0) return;
  const Fd fd = Operand(file.number);
  switch (file.kind) {
    case FileKind::kPipeRead:
      return Emit(ops::Read(fd, r.Below(4) != 0 ? 65536 : r.Pick(kPipeSizes)));
    case FileKind::kPipeWrite:
      return Emit(ops::Write(fd, r.Below(4) != 0 ? 65536 : r.Pick(kPipeSizes)));
    case FileKind::kEventfd:
      return Emit(r.OneIn(16) ? ops::Write(fd, 8, ~0ull - 1) : ops::Read(fd, 8));
    case FileKind::kStream:
    case FileKind::kDgram:
    case FileKind::kSeqpacket:
      if (r.OneIn(16)) return Emit(ops::Send(fd, 53000, kMsgDontwait));
      return Emit(r.OneIn(2) ? ops::Read(fd, 65536) : ops::Recv(fd, r.Chance(200) ? 65536 : 1, kMsgDontwait));
    case FileKind::kTimerfd:
      if (r.OneIn(4)) {
        return Emit(ops::Make(Call::kTimerfdSettime, {fd.bits(), 0, r.OneIn(2) ? 0 : kFarFuture, 0, 0, 0}));
      }
      return Emit(ops::Read(fd, 8));
    case FileKind::kEpoll:
      return Wait(file.number);
    case FileKind::kRefused:
    case FileKind::kNone:
      return;
  }
}

void Generator::ReadyItem() {
  const Shadow::Item* item = shadow_.AnyItem(random_);
  if (item == nullptr || random_->OneIn(16)) return Ready(shadow_.At(SomeFile()));
  Ready(item->file);
}

void Generator::UnreadyItem() {
  const Shadow::Item* item = shadow_.AnyItem(random_);
  if (item == nullptr || random_->OneIn(16)) return Unready(shadow_.At(SomeFile()));
  Unready(item->file);
}

void Generator::Fill() {
  Random& r = *random_;
  constexpr FileKind kSinks[] = {FileKind::kPipeWrite, FileKind::kStream, FileKind::kDgram, FileKind::kSeqpacket,
                                 FileKind::kEventfd};
  const FileKind kind = r.Pick(kSinks);
  const int32_t n = NumberOf(kind);
  if (n < 0) return;
  if (kind == FileKind::kPipeWrite) {
    Emit(ops::Write(Operand(n), 65536));
    if (r.OneIn(2)) Emit(ops::Write(Operand(n), 65536));
  } else if (kind == FileKind::kEventfd) {
    Emit(ops::Write(Operand(n), 8, ~0ull - 1 - r.Below(2)));
  } else {
    for (uint32_t i = 1 + r.Below(r.OneIn(4) ? 5 : 2); i > 0; --i) Emit(ops::Send(Operand(n), 53000, kMsgDontwait));
  }
}

void Generator::InOut() {
  Random& r = *random_;
  const int32_t n = SomeFile();
  const FileKind kind = shadow_.KindAt(n);
  const Fd fd = Mistaken(n);
  const bool counter = kind == FileKind::kEventfd || kind == FileKind::kTimerfd;
  // Now and then any size: a boundary that nobody knows of stands in no list.
  const uint32_t size = r.OneIn(16)      ? 0
                        : r.OneIn(16)    ? static_cast<uint32_t>(r.Below(IsSocket(kind) ? 213100 : 70000))
                        : IsSocket(kind) ? r.Pick(kSocketSizes)
                                         : r.Pick(kPipeSizes);
  constexpr uint32_t kSendFlags[] = {0, kMsgDontwait, kMsgDontwait, kMsgNosignal, kMsgDontwait | kMsgNosignal};
  constexpr uint32_t kRecvFlags[] = {0, kMsgDontwait, kMsgDontwait, kMsgPeek | kMsgDontwait, kMsgTrunc | kMsgDontwait};
  switch (r.Below(4)) {
    case 0:
      return Emit(ops::Write(fd, counter ? 8 : size, counter ? r.Pick(kCounts) : 0));
    case 1:
      return Emit(ops::Read(fd, counter ? 8 : size));
    case 2:
      return Emit(ops::Send(fd, size, r.Pick(kSendFlags)));
    default:
      return Emit(ops::Recv(fd, size, r.Pick(kRecvFlags)));
  }
}

void Generator::BadIo() {
  Random& r = *random_;
  const Fd fd = r.OneIn(3) ? Anything() : Operand(AnyNumber());
  const FileKind kind = shadow_.KindAt(shadow_.Number(fd));
  constexpr uint32_t kSizes[] = {0, 1, 4, 7, 8, 9, 16, 100, 4096, 5000};
  const uint32_t n = kind == FileKind::kEventfd && r.OneIn(2) ? 8 : r.OneIn(32) ? 212961 : r.Pick(kSizes);
  const Memory memory = r.OneIn(2) ? BadMemory(n) : Memory();
  switch (r.Below(4)) {
    case 0:
      return Emit(ops::Write(fd, n, n == 8 && memory.readable(8) ? r.Pick(kCounts) : 0, memory));
    case 1:
      return Emit(ops::Read(fd, n, memory));
    case 2:
      return Emit(ops::Send(fd, r.OneIn(4) ? 212960 + r.Below(2) : n, kMsgDontwait, memory));
    default:
      return Emit(ops::Recv(fd, n, kMsgDontwait, memory));
  }
}

void Generator::ShutDown() {
  constexpr FileKind kSockets[] = {FileKind::kStream, FileKind::kDgram, FileKind::kSeqpacket};
  int32_t n = NumberOf(random_->Pick(kSockets));
  if (n < 0) n = random_->OneIn(4) ? AnyNumber() : Create(random_->Pick(kSockets));
  Emit(ops::Shutdown(Mistaken(n), random_->OneIn(16) ? 3 : static_cast<int32_t>(random_->Below(3))));
}

void Generator::Settime() {
  Random& r = *random_;
  int32_t n = NumberOf(FileKind::kTimerfd);
  if (n < 0) n = r.OneIn(4) ? AnyNumber() : Create(FileKind::kTimerfd);
  constexpr uint32_t kFlags[] = {0, 0, 0, kTfdTimerAbstime, kTfdTimerAbstime | kTfdTimerCancelOnSet, 4};
  // Disarmed or far off: a timer that expires by itself would depend on a clock.
  const uint64_t sec = r.OneIn(2) ? 0 : kFarFuture;
  const uint32_t flags = sec != 0 ? 0 : r.Pick(kFlags);
  const uint64_t nsec = r.OneIn(8) ? 1000000000 : 0;
  const uint64_t every = r.OneIn(4) ? kFarFuture : 0;
  if (r.OneIn(4)) return Emit(ops::Ticks(Mistaken(n), r.Below(4)));
  Emit(ops::Make(Call::kTimerfdSettime, {Mistaken(n).bits(), flags, sec, nsec, every, r.OneIn(16) ? ~0ull : 0}));
}

// --- Descriptors -------------------------------------------------------------------------------------------------

void Generator::CloseOne() {
  Random& r = *random_;
  const Shadow::Item* item = shadow_.AnyItem(random_);
  int32_t n = item != nullptr && r.OneIn(2) ? item->number : AnyNumber();
  if (n >= 0 && shadow_.KindAt(n) == FileKind::kEpoll && r.Below(3) != 0) n = SomeFile();
  // Something else keeps the file alive, half of the time.
  if (n >= 0 && r.OneIn(2)) Duplicate(n);
  Emit(ops::Close(Mistaken(n)));
}

void Generator::CloseSome() {
  Random& r = *random_;
  const int32_t a = AnyNumber();
  if (a < 0) return;
  const int32_t b = r.OneIn(4) ? a - 1 : a + static_cast<int32_t>(r.Skewed(3));
  const uint32_t flags = r.OneIn(8) ? r.OneIn(2) ? kCloseRangeCloexec : 1 : 0;
  const Fd last = r.OneIn(16) ? Fd::Literal(-1) : Fd::Literal(b);
  Emit(ops::Make(Call::kCloseRange, {Operand(a).bits(), last.bits(), flags}));
}

void Generator::Replace() {
  Random& r = *random_;
  const Shadow::Item* item = shadow_.AnyItem(random_);
  const int32_t from = r.OneIn(4) ? SomeEpoll() : AnyNumber();
  int32_t to = item != nullptr && r.OneIn(2) ? item->number : AnyNumber();
  if (r.OneIn(4)) to = 3 + static_cast<int32_t>(r.Skewed(6));
  const Fd target = shadow_.At(to) != Shadow::kNoFile ? Operand(to) : Fd::Literal(to);
  if (r.OneIn(4)) {
    Emit(ops::Dup3(Mistaken(from), r.OneIn(16) ? Anything() : target, r.OneIn(4) ? kOCloexec : r.OneIn(8) ? 1 : 0));
  } else {
    Emit(ops::Dup2(Mistaken(from), r.OneIn(16) ? Anything() : target));
  }
}

void Generator::FcntlSome() {
  Random& r = *random_;
  constexpr int32_t kCommands[] = {kFGetfd, kFSetfd, kFGetfl, kFSetfl, kFSetfl, kFDupfd, kFDupfdCloexec, kFGetpipeSz};
  constexpr uint32_t kFl[] = {0,      kONonblock, kONonblock, kONonblock | kODirect, kODirect, kOAppend | kONonblock,
                              kOAsync};
  const int32_t cmd = r.Pick(kCommands);
  const Fd fd = Mistaken(AnyNumber());
  uint64_t arg = 0;
  if (cmd == kFSetfl) arg = r.Pick(kFl);
  if (cmd == kFSetfd) arg = r.Below(2);
  if (cmd == kFDupfd || cmd == kFDupfdCloexec) arg = ops::Int(r.OneIn(8) ? -1 + 2048 * r.OneIn(2) : r.Below(40));
  Emit(ops::Fcntl(fd, cmd, arg));
  if (cmd == kFSetfd && r.OneIn(2)) Emit(ops::Fcntl(fd, kFGetfd, 0));
}

void Generator::PipeSize() {
  Random& r = *random_;
  int32_t n = NumberOf(r.OneIn(2) ? FileKind::kPipeRead : FileKind::kPipeWrite);
  if (n < 0) n = r.OneIn(2) ? AnyNumber() : Create(FileKind::kPipeWrite);
  const uint32_t size = r.Pick(kPages) * kPage + (r.OneIn(8) ? r.Below(2) * 2 - 1 : 0);
  Emit(ops::Fcntl(Mistaken(n), r.OneIn(16) ? kFGetpipeSz : kFSetpipeSz, ops::Int(static_cast<int32_t>(size))));
}

void Generator::BadCreate() {
  Random& r = *random_;
  constexpr int32_t kSizes[] = {0, -1, INT32_MIN, 1};
  constexpr uint32_t kFlags[] = {kONonblock, 1, kOCloexec | 1, kOAppend, ~0u, kOAsync, kODirect, 2};
  constexpr int32_t kTypes[] = {0, 3, 4, 6, 11, kSockStream};
  constexpr int32_t kClocks[] = {2, 4, 10, -1, kClockMonotonic};
  switch (r.Below(8)) {
    case 0:
      return Emit(ops::EpollCreate(r.Pick(kSizes)));
    case 1:
    case 2:
      return Emit(ops::EpollCreate1(r.Pick(kFlags)));
    case 3:
      return Emit(ops::Pipe2(r.OneIn(2) ? 1 : kOAppend));
    case 4:
      return Emit(ops::Eventfd(0, r.OneIn(2) ? 2 : kOAppend));
    case 5:
      return Emit(ops::Socketpair(r.Pick(kTypes), r.OneIn(2) ? kONonblock : kOAppend));
    case 6:
      return Emit(ops::Make(Call::kTimerfdCreate, {ops::Int(r.Pick(kClocks)), r.OneIn(2) ? kONonblock : 1}));
    default:
      return Emit(ops::Make(Call::kMemfdCreate, {r.OneIn(2) ? 0x100u : 0u}));
  }
}

void Generator::Params() {
  Random& r = *random_;
  constexpr uint32_t kRequests[] = {0x8a00, 0x8a80, 0x5450, 0x5451, 0x5450, 0x5451};
  const Fd fd = r.OneIn(4) ? Anything() : Operand(SomeEpoll());
  const Memory memory = r.OneIn(4) ? BadMemory(1) : Memory();
  switch (r.Below(4)) {
    case 0:
      return Emit(ops::Make(Call::kEpiocGparams, {fd.bits(), memory.bits()}));
    case 1:
      Emit(ops::Make(Call::kIoctl, {fd.bits(), r.Pick(kRequests)}));
      if (r.OneIn(2)) Emit(ops::Fcntl(fd, kFGetfd, 0));
      return;
    default: {
      if (!memory.readable()) return Emit(ops::Make(Call::kEpiocSparams, {fd.bits(), memory.bits()}));
      constexpr uint32_t kUsecs[] = {0, 1, 50, 0x7fffffff, 0x80000000};
      constexpr uint32_t kBudgets[] = {0, 8, 64, 65, 65535};
      return Emit(
          ops::Make(Call::kEpiocSparams, {fd.bits(), memory.bits(), ops::Int(static_cast<int32_t>(r.Pick(kUsecs))),
                                          r.Pick(kBudgets), r.OneIn(4) ? r.Below(3) : 0, r.OneIn(8) ? 1u : 0u}));
    }
  }
}

void Generator::Limit() {
  Random& r = *random_;
  if (shadow_.limit() < 1024 && r.Below(3) != 0) return Emit(ops::Prlimit(1024));
  Emit(ops::Prlimit(r.OneIn(4) ? 3 + r.Below(8) : 3 + shadow_.open_count() + r.Below(3)));
  for (uint32_t i = 1 + r.Below(3); i > 0; --i) r.OneIn(2) ? CreateByTaste() : Duplicate(AnyNumber());
}

void Generator::Quota() {
  Random& r = *random_;
  Emit(ops::Watches(r.Below(5)));
  for (uint32_t i = 2 + r.Below(6); i > 0; --i) r.OneIn(5) ? Delete() : Add();
  if (r.OneIn(2)) CloseOne(), Add();
}

// --- Steps -------------------------------------------------------------------------------------------------------

void Generator::Step() {
  const uint8_t act = taste_.act[random_->Below(256)];
  switch (static_cast<Act>(act)) {
    case kCreate:
      if (shadow_.Open(FileKind::kEpoll).size() < taste_.instances && random_->OneIn(3)) {
        CreateEpoll();
      } else if (shadow_.open_count() < 3 * taste_.files + 8) {
        CreateByTaste();
      }
      return;
    case kAdd:
      return Add();
    case kModify:
      return Modify();
    case kDelete:
      return Delete();
    case kReady:
      return ReadyItem();
    case kUnready:
      return UnreadyItem();
    case kWait:
      return WaitSome();
    case kWaitAll:
      return Wait(SomeEpoll(), 32);
    case kPollSome:
      return PollSome();
    case kFdinfo:
      return Emit(ops::Fdinfo(Mistaken(SomeEpoll())));
    case kDup: {
      const int32_t n = Duplicate(random_->OneIn(8) ? SomeEpoll() : SomeFile());
      if (n >= 0 && random_->OneIn(2)) Register(SomeEpoll(), n, Events(shadow_.KindAt(n)));
      return;
    }
    case kReplace:
      return Replace();
    case kCloseOne:
      return CloseOne();
    case kCloseSome:
      return CloseSome();
    case kFcntl:
      return FcntlSome();
    case kPipeSize:
      return PipeSize();
    case kFill:
      return Fill();
    case kInOut:
      return InOut();
    case kShutDown:
      return ShutDown();
    case kBadCtl:
      return BadCtl();
    case kBadWait:
      return BadWait();
    case kBadIo:
      return BadIo();
    case kBadCreate:
      return BadCreate();
    case kParams:
      return Params();
    case kSettime:
      return Settime();
    case kLimit:
      return Limit();
    case kQuota:
      return Quota();
    default:
      return Idiom(act);
  }
}

void Generator::Idiom(uint32_t which) {
  const int32_t ep = SomeEpoll();
  if (ep < 0) return;
  switch (static_cast<Act>(which)) {
    case kStale:
      return Stale(ep);
    case kRotation:
      return Rotation(ep);
    case kFaultyCopy:
      return FaultyCopy(ep);
    case kGhost:
      return Ghost(ep);
    case kChain:
      return Chain();
    case kDiamond:
      return Diamond();
    case kLoop:
      return Loop();
    case kPaths:
      return Paths();
    case kOneshotIdiom:
      return Oneshot(ep);
    case kShared:
      return Shared();
    case kReorder:
      return Reorder(ep);
    case kPipeEdges:
      return PipeEdges(ep);
    case kSocketEdges:
      return SocketEdges(ep);
    case kDgramPeer:
      return DgramPeer(ep);
    case kTableFull:
      return TableFull();
    case kRangeOfPeers:
      return RangeOfPeers(ep);
    case kPackets:
      return Packets(ep);
    case kCounterEnds:
      return CounterEnds(ep);
    case kTimerEdges:
      return TimerEdges(ep);
    case kCrowd:
      return Crowd(ep);
    case kCloexec:
      return Cloexec();
    case kFaultyIo:
      return FaultyIo(ep);
    case kNudged:
      return Nudged(ep);
    default:
      return;
  }
}

// --- Idioms ------------------------------------------------------------------------------------------------------

// Makes n items of `ep` ready, creating what is missing; their numbers, -1 behind the last.
void Generator::ManyReady(int32_t ep, uint32_t n, std::array<int32_t, 8>* numbers) {
  numbers->fill(-1);
  const Shadow::FileId instance = shadow_.At(ep);
  uint32_t found = 0;
  for (uint32_t i = 0; i < n; ++i) {
    const Shadow::Item* item = shadow_.ItemOf(instance, random_);
    int32_t number = item == nullptr ? -1 : item->number;
    const bool fresh = number < 0 || shadow_.At(number) == Shadow::kNoFile || random_->OneIn(2);
    if (fresh) {
      number = random_->OneIn(2) ? Create(FileKind::kEventfd) : CreateByTaste();
      if (number < 0) return;
      Register(ep, number, Events(shadow_.KindAt(number)));
    }
    Ready(shadow_.At(number));
    (*numbers)[found++] = number;
  }
}

// An entry that went stale keeps its place, unless a scan comes by (R4.G5, R4.G6).
void Generator::Stale(int32_t ep) {
  std::array<int32_t, 8> n;
  const uint32_t count = random_->Between(2, 4);
  ManyReady(ep, count, &n);
  const uint32_t which = random_->Below(count);
  if (n[which] < 0) return;
  const Shadow::FileId file = shadow_.At(n[which]);
  Unready(file);
  switch (random_->Below(4)) {
    case 0:
      Emit(ops::Poll({{Operand(ep), kIn}}));
      break;
    case 1:
      Wait(ep, 1);
      break;
    default:
      break;
  }
  if (random_->OneIn(2)) ReadyItem();
  Ready(file);
  Wait(ep, 32);
}

// More ready than a wait takes: leftovers stay in front (R4.G3).
void Generator::Rotation(int32_t ep) {
  std::array<int32_t, 8> n;
  ManyReady(ep, random_->Between(3, 6), &n);
  for (uint32_t i = random_->Between(2, 5); i > 0; --i) {
    Wait(ep, static_cast<int32_t>(random_->Between(1, 3)));
    if (random_->OneIn(3)) ReadyItem();
    if (random_->OneIn(6)) UnreadyItem();
  }
  Wait(ep, 32);
}

// A buffer that ends too early: what was not copied goes back in front (R4.G8).
void Generator::FaultyCopy(int32_t ep) {
  std::array<int32_t, 8> n;
  ManyReady(ep, random_->Between(1, 5), &n);
  if (random_->OneIn(3) && n[0] >= 0) Unready(shadow_.At(n[0]));
  Emit(ops::Wait(Operand(ep), 16, 0, BadMemory(4)));
  if (random_->OneIn(2)) ReadyItem();
  if (random_->OneIn(3)) Emit(ops::Wait(Operand(ep), static_cast<int32_t>(random_->Between(1, 3)), 0, BadMemory(2)));
  Wait(ep, 32);
  Wait(ep, 32);
}

// A registered number is closed while the file lives on (R3.2 to R3.4).
void Generator::Ghost(int32_t ep) {
  Random& r = *random_;
  const int32_t n = CreateByTaste();
  if (n < 0) return;
  const uint32_t events = Events(shadow_.KindAt(n)) & ~kExclusive;
  const Fd number = Fd::Literal(n);
  Register(ep, n, events);
  const int32_t other = Duplicate(n);
  if (other < 0) return;
  if (r.OneIn(3)) Register(ep, other, Events(shadow_.KindAt(other)));
  Emit(ops::Close(Operand(n)));
  if (r.OneIn(2)) Ready(shadow_.At(other));
  if (r.OneIn(2)) Wait(ep);
  constexpr int32_t kOps[] = {kCtlAdd, kCtlDel, kCtlMod};
  if (r.OneIn(2)) Emit(ops::Ctl(Operand(ep), r.Pick(kOps), number, events, Data()));
  if (r.OneIn(3)) {
    const int32_t fresh = CreateByTaste();  // takes the number
    if (fresh >= 0) Emit(ops::Ctl(Operand(ep), r.Pick(kOps), Operand(fresh), events, Data()));
    if (r.OneIn(2) && fresh >= 0) Emit(ops::Close(Operand(fresh)));
  }
  if (r.OneIn(2)) {
    Emit(r.OneIn(2) ? ops::Dup(Operand(other)) : ops::Dup2(Operand(other), number));  // the same key again
    Emit(ops::Ctl(Operand(ep), r.Pick(kOps), number, events, Data()));
  }
  if (r.OneIn(2)) Emit(ops::Fdinfo(Operand(ep)));
  Ready(shadow_.At(other));
  Wait(ep, 32);
  if (r.OneIn(2)) Emit(ops::Close(Operand(other)));
  Wait(ep, 32);
}

// Instances in a line, built from either end, with leaves (R6.2 to R6.4, R6.20 to R6.27).
void Generator::Chain() {
  Random& r = *random_;
  const uint32_t depth = r.OneIn(3) ? r.Between(5, 6) : r.Between(2, 5);
  std::array<int32_t, 6> chain;
  const bool old = r.OneIn(2);
  for (uint32_t i = 0; i < depth; ++i) {
    chain[i] = old && i == 0 ? SomeEpoll() : CreateEpoll();
    if (chain[i] < 0) return;
  }
  const auto link = [&](uint32_t i) {
    uint32_t events = r.Chance(200) ? kIn : kIn | kEt;
    if (r.OneIn(8)) events = kRdnorm;
    if (r.OneIn(8)) events = Events(FileKind::kEpoll);
    Register(chain[i + 1], chain[i], events & ~kExclusive);
  };
  const auto leaf = [&](uint32_t i) {
    const int32_t n = r.OneIn(2) ? SomeFile() : CreateByTaste();
    if (n >= 0) Register(chain[i], n, Events(shadow_.KindAt(n)));
    return n;
  };
  const bool early = r.OneIn(2);
  int32_t n = early ? leaf(0) : -1;
  const uint32_t how = r.Below(3);
  if (how == 2 && depth > 2) {
    // Two parts, then the link between them.
    const uint32_t cut = r.Below(depth - 1);
    for (uint32_t i = 0; i + 1 < depth; ++i) {
      if (i != cut) link(i);
    }
    link(cut);
  } else {
    for (uint32_t i = 0; i + 1 < depth; ++i) link(how == 0 ? i : depth - 2 - i);
  }
  if (!early) n = leaf(0);
  if (r.OneIn(3)) leaf(r.Below(depth));
  for (uint32_t round = r.Between(1, 3); round > 0; --round) {
    if (n >= 0) Ready(shadow_.At(n));
    for (uint32_t i = r.Between(1, 4); i > 0; --i) {
      const int32_t at = chain[r.OneIn(2) ? depth - 1 : r.Below(depth)];
      r.OneIn(5) ? Emit(ops::Poll({{Operand(at), kIn}})) : Wait(at);
    }
    if (n >= 0 && r.OneIn(2)) Unready(shadow_.At(n));
    if (r.OneIn(4)) Modify();
  }
}

// One leaf under two instances of one outer, or one instance twice (R6.5, R6.28).
void Generator::Diamond() {
  Random& r = *random_;
  const int32_t top = CreateEpoll(), left = CreateEpoll(), right = r.OneIn(3) ? Duplicate(left) : CreateEpoll();
  const int32_t leaf = r.OneIn(2) ? Create(FileKind::kEventfd) : SomeFile();
  if (top < 0 || left < 0 || right < 0 || leaf < 0) return;
  const uint32_t edge = r.OneIn(2) ? kEt : 0;
  Register(left, leaf, Events(shadow_.KindAt(leaf)));
  Register(right, leaf, Events(shadow_.KindAt(leaf)));
  Register(top, left, kIn | edge);
  Register(top, right, kIn | edge);
  if (r.OneIn(2)) Register(top, leaf, Events(shadow_.KindAt(leaf)));
  for (uint32_t i = r.Between(1, 3); i > 0; --i) {
    Ready(shadow_.At(leaf));
    Wait(top);
    if (r.OneIn(2)) Wait(r.OneIn(2) ? left : right);
    if (r.OneIn(2)) Wait(top, 32);
    if (r.OneIn(3)) Unready(shadow_.At(leaf));
  }
}

// What must be refused: a loop (R6.2), an instance in itself (R6.1).
void Generator::Loop() {
  Random& r = *random_;
  const uint32_t length = r.Between(1, 4);
  std::array<int32_t, 4> ring;
  for (uint32_t i = 0; i < length; ++i) {
    ring[i] = CreateEpoll();
    if (ring[i] < 0) return;
  }
  for (uint32_t i = 0; i + 1 < length; ++i) Register(ring[i], ring[i + 1], kIn);
  const int32_t last = ring[length - 1];
  Register(r.OneIn(3) ? Duplicate(last) : last, r.OneIn(3) ? Duplicate(ring[0]) : ring[0], kIn);
  if (r.OneIn(2)) {
    // It opens again, so the last link becomes legal.
    if (length > 1) Emit(ops::Del(Operand(ring[0]), Operand(ring[1])));
    Register(last, ring[0], kIn);
  }
  if (r.OneIn(4)) Emit(ops::Ctl(Operand(last), r.OneIn(2) ? kCtlMod : 7, Operand(ring[0]), kIn, Data()));
}

// Up to a reverse-path limit and over it (R6.7 to R6.11): a leaf under k instances, where each step up is taken by
// several items, so that their product is the number of paths.
void Generator::Paths() {
  Random& r = *random_;
  if (r.OneIn(8)) return ShorterPaths();
  if (r.OneIn(24)) return DirectPaths();
  constexpr uint32_t kLimit[] = {0, 0, 500, 100, 50, 10};
  const uint32_t k = r.OneIn(5) ? 2 : r.Between(3, 5);
  uint32_t ways[5], product = 1;
  for (uint32_t i = 0; i < k; ++i) ways[i] = 1;
  // All but one step are fixed; the growing one passes the limit.
  const uint32_t grows = r.Below(k);
  for (uint32_t i = 0; i < 8; ++i) {
    const uint32_t step = r.Below(k);
    const uint32_t more = k == 2 ? r.Between(15, 25) : r.Between(2, 5);
    if (step == grows || ways[step] != 1 || product * more > kLimit[k]) continue;
    ways[step] = more, product *= more;
  }
  if (kLimit[k] / product > (r.OneIn(16) ? 500u : 50u)) return;
  ways[grows] = kLimit[k] / product + r.Below(3);

  std::array<int32_t, 5> at;
  const int32_t leaf = r.OneIn(8) ? SomeFile() : Create(FileKind::kEventfd);
  for (uint32_t i = 0; i < k; ++i) at[i] = CreateEpoll();
  if (leaf < 0 || at[k - 1] < 0) return;
  // Step i: ways[i] items for `what` in at[i]; a dup each, or for the last step now and then an instance each.
  const auto climb = [&](uint32_t i) {
    const int32_t what = i == 0 ? leaf : at[i - 1];
    const bool wide = i == k - 1 && r.OneIn(2);
    for (uint32_t n = 0; n < ways[i]; ++n) {
      const int32_t outer = n > 0 && wide ? CreateEpoll() : at[i];
      const int32_t inner = n > 0 && !wide ? Duplicate(what) : what;
      if (outer < 0 || inner < 0) return;
      Emit(ops::Add(shadow_.Name(outer), shadow_.Name(inner), kIn, n));
    }
  };
  // Mostly bottom-up with the growing step last; the other orders check other leaves.
  if (r.OneIn(3)) {
    for (uint32_t i = k; i > 0; --i) climb(i - 1);
  } else {
    for (uint32_t i = 0; i < k; ++i) {
      if (i != grows) climb(i);
    }
    climb(grows);
  }
  if (r.OneIn(2)) {
    // One path fewer, one more.
    const int32_t what = grows == 0 ? leaf : at[grows - 1];
    Emit(ops::Del(shadow_.Name(at[grows]), shadow_.Name(what)));
    Emit(ops::Add(shadow_.Name(at[grows]), shadow_.Name(what), kIn, 1));
    const int32_t again = Duplicate(what);
    if (again >= 0) Emit(ops::Add(shadow_.Name(at[grows]), shadow_.Name(again), kIn, 2));
  }
  if (r.OneIn(4)) {
    const int32_t other = Create(FileKind::kEventfd);
    Register(at[0], other, kIn);
  }
  Ready(shadow_.At(leaf));
  Wait(at[k - 1]);
}

// A leaf under instances in a line; step i is taken by ways[i] items, a dup each.
bool Generator::Tower(int32_t leaf, std::initializer_list<uint32_t> ways, std::array<int32_t, 5>* at) {
  int32_t below = leaf;
  uint32_t i = 0;
  for (const uint32_t n : ways) {
    const int32_t ep = CreateEpoll();
    if (ep < 0 || below < 0) return false;
    for (uint32_t k = 0; k < n; ++k) {
      const int32_t number = k == 0 ? below : Duplicate(below);
      if (number < 0) return false;
      Emit(ops::Add(shadow_.Name(ep), shadow_.Name(number), kIn, k));
    }
    below = (*at)[i++] = ep;
  }
  return true;
}

// Paths that became shorter are too many of their class by now, which nobody notices before an ADD looks (R6.9, R6.11).
void Generator::ShorterPaths() {
  Random& r = *random_;
  const int32_t leaf = Create(FileKind::kEventfd);
  std::array<int32_t, 5> five, four;
  if (leaf < 0 || !Tower(leaf, {1, 2, 5, 1, 1}, &five) || !Tower(leaf, {1, 5, 10, 1}, &four)) return;
  Emit(ops::Del(shadow_.Name(five[4]), shadow_.Name(five[3])));
  const int32_t fresh = CreateEpoll(), again = Duplicate(leaf);
  if (fresh < 0 || again < 0) return;
  Emit(ops::Add(shadow_.Name(fresh), shadow_.Name(leaf), kIn, 1));
  if (r.OneIn(2)) Emit(ops::Add(shadow_.Name(four[0]), shadow_.Name(again), kIn, 2));
  if (r.OneIn(2)) Emit(ops::Add(shadow_.Name(four[3]), shadow_.Name(fresh), kIn, 3));
}

// More than a thousand watchers of one leaf, which is no path limit (R6.9), seen by an ADD that counts.
void Generator::DirectPaths() {
  constexpr uint32_t kSide = 34;
  std::array<int32_t, kSide> numbers;
  numbers[0] = Create(FileKind::kEventfd);
  for (uint32_t i = 1; i < kSide; ++i) numbers[i] = Duplicate(numbers[0]);
  int32_t ep = -1;
  for (uint32_t i = 0; i < kSide; ++i) {
    ep = CreateEpoll();
    if (ep < 0) return;
    for (int32_t n : numbers) {
      if (n >= 0) Emit(ops::Add(shadow_.Name(ep), shadow_.Name(n), kIn, i));
    }
  }
  const int32_t outer = CreateEpoll();
  if (outer >= 0) Emit(ops::Add(shadow_.Name(outer), shadow_.Name(ep), kIn, 1));
}

// Delivered once, then silent until MOD (R2.14 to R2.16).
void Generator::Oneshot(int32_t ep) {
  Random& r = *random_;
  const int32_t n = CreateByTaste();
  if (n < 0) return;
  const Shadow::FileId file = shadow_.At(n);
  const uint32_t events = (Events(shadow_.KindAt(n)) & ~kExclusive) | kOneshot;
  Register(ep, n, events);
  Ready(file);
  if (r.OneIn(4)) Unready(file);
  Wait(ep, 32);
  if (r.OneIn(2)) r.OneIn(2) ? Nudge(file) : Ready(file);
  if (r.OneIn(3)) ReadyItem();
  if (r.OneIn(3)) Wait(ep, 32);
  if (r.OneIn(4)) Emit(ops::Fdinfo(Operand(ep)));
  if (r.OneIn(4)) Emit(ops::Add(Operand(ep), Operand(n), events, Data()));
  Emit(ops::Mod(Operand(ep), Operand(n), r.OneIn(4) ? 0 : events, Data()));
  if (r.OneIn(2)) Ready(file);
  Wait(ep, 32);
}

// One file in several instances, exclusive and not (R0.3, R0.4, R5.41).
void Generator::Shared() {
  Random& r = *random_;
  const int32_t n = r.OneIn(2) ? SomeFile() : Create(FileKind::kEventfd);
  if (n < 0) return;
  const bool one = r.OneIn(2);  // all in one instance, under several numbers
  const int32_t home = SomeEpoll();
  std::array<int32_t, 6> eps, numbers;
  const uint32_t count = r.Between(2, 6);
  for (uint32_t i = 0; i < count; ++i) {
    eps[i] = one || i == 0 ? home : CreateEpoll();
    numbers[i] = one && i > 0 ? Duplicate(n) : n;
    if (eps[i] < 0 || numbers[i] < 0) return;
    uint32_t events = Base(shadow_.KindAt(n), random_) | (r.OneIn(2) ? kEt : 0) | (r.OneIn(2) ? kExclusive : 0);
    if (r.OneIn(8)) events |= kIn | kOut;
    Register(eps[i], numbers[i], events);
  }
  for (uint32_t round = r.Between(1, 3); round > 0; --round) {
    Ready(shadow_.At(n));
    if (one) {
      Wait(home, r.OneIn(3) ? 2 : 32);
    } else {
      for (uint32_t i = 0; i < count; ++i) {
        if (r.Below(4) != 0) Wait(eps[i], 32);
      }
    }
    if (r.OneIn(3)) {
      const uint32_t i = r.Below(count);
      Emit(ops::Del(Operand(eps[i]), Operand(numbers[i])));
      if (r.OneIn(2)) Register(eps[i], numbers[i], kIn | (r.OneIn(2) ? kExclusive : 0));
    }
  }
}

// DEL and ADD move an item to the end, MOD does not (R2.10, R2.11, I7).
void Generator::Reorder(int32_t ep) {
  Random& r = *random_;
  std::array<int32_t, 8> n;
  ManyReady(ep, r.Between(2, 4), &n);
  for (uint32_t i = r.Between(1, 3); i > 0; --i) {
    const int32_t number = n[r.Below(3)];
    if (number < 0) continue;
    const Fd fd = Operand(number);
    const uint32_t events = Events(shadow_.KindAt(number)) & ~kExclusive;
    switch (r.Below(4)) {
      case 0:
        Emit(ops::Del(Operand(ep), fd));
        Emit(ops::Add(Operand(ep), fd, events, Data()));
        break;
      case 1:
        Emit(ops::Mod(Operand(ep), fd, kPri, Data()));
        if (r.OneIn(3)) Wait(ep);
        Emit(ops::Mod(Operand(ep), fd, events, Data()));
        break;
      default:
        Emit(ops::Mod(Operand(ep), fd, events, Data()));
    }
  }
  Wait(ep);
  Wait(ep, 32);
}

// Full, not full; slots rather than bytes; failing writes (R4.2.2 to R4.2.5, R4.2.9).
void Generator::PipeEdges(int32_t ep) {
  Random& r = *random_;
  Emit(ops::Pipe2(kONonblock));
  const Fd reader = Fd::Output(shadow_.size() - 1, 0), writer = Fd::Output(shadow_.size() - 1, 1);
  if (shadow_.Number(reader) < 0) return;
  const uint32_t slots = r.OneIn(4) ? 16 : r.Between(1, 2);
  if (slots != 16) Emit(ops::Fcntl(r.OneIn(2) ? reader : writer, kFSetpipeSz, slots * kPage));
  if (r.Below(4) != 0) Emit(ops::Add(Operand(ep), writer, kOut | (r.Below(4) != 0 ? kEt : 0), Data()));
  if (r.OneIn(2)) Emit(ops::Add(Operand(ep), reader, kIn | (r.OneIn(2) ? kEt : 0), Data()));
  for (uint32_t i = r.Between(2, 7); i > 0; --i) {
    switch (r.Below(7)) {
      case 0:
      case 1:
        Emit(ops::Write(writer, r.OneIn(2) ? slots * kPage : r.Pick(kPipeSizes)));
        break;
      case 2:
        Emit(ops::Read(reader, r.OneIn(2) ? r.Pick(kPipeSizes) : kPage));
        break;
      case 3:
        Emit(ops::Read(reader, 1));
        break;
      case 4:
        if (r.OneIn(2)) Emit(ops::Fcntl(writer, kFSetpipeSz, kPage * r.Pick(kPages)));
        break;
      default:
        Wait(ep, 32);
    }
  }
  if (r.OneIn(3)) Emit(ops::Close(r.OneIn(2) ? reader : writer));
  Wait(ep, 32);
}

// Charges, lost and regained room, shutdown and close with data unread (R4.4.1 to R4.4.9, R4.5.3 to R4.5.5).
void Generator::SocketEdges(int32_t ep) {
  Random& r = *random_;
  constexpr int32_t kTypes[] = {kSockStream, kSockStream, kSockSeqpacket, kSockDgram};
  Emit(ops::Socketpair(r.Pick(kTypes), kONonblock));
  const Fd a = Fd::Output(shadow_.size() - 1, 0), b = Fd::Output(shadow_.size() - 1, 1);
  if (shadow_.Number(a) < 0) return;
  constexpr uint32_t kMasks[] = {kOut,      kOut | kEt,    kIn | kEt,  kIn | kOut | kEt, kIn | kRdhup | kEt,
                                 kWrnorm,   kWrband | kEt, kPri | kEt, kRdband | kEt,    kRdhup | kEt,
                                 kIn | kOut};
  Emit(ops::Add(Operand(ep), a, r.Pick(kMasks), Data()));
  if (r.OneIn(2)) Emit(ops::Add(Operand(ep), b, r.Pick(kMasks), Data()));
  const bool heavy = r.OneIn(3);
  for (uint32_t i = r.Between(3, 9); i > 0; --i) {
    const Fd from = r.Below(4) != 0 ? a : b, to = from == a ? b : a;
    switch (r.Below(8)) {
      case 0:
      case 1:
        Emit(ops::Send(from, heavy ? r.Between(20000, 53300) : r.Pick(kSocketSizes), kMsgDontwait));
        break;
      case 2:
        Emit(ops::Recv(to, r.OneIn(3) ? 1 : 65536, kMsgDontwait | (r.OneIn(8) ? kMsgPeek : 0)));
        break;
      case 3:
        Emit(ops::Recv(to, 100000, kMsgDontwait));
        break;
      case 4:
        if (r.OneIn(4)) Emit(ops::Shutdown(from, static_cast<int32_t>(r.Below(3))));
        break;
      case 5:
        if (r.OneIn(4)) Emit(ops::Send(from, r.OneIn(2) ? 0 : 8, kMsgDontwait, BadMemory(4)));
        break;
      default:
        Wait(ep, 32);
    }
  }
  if (r.OneIn(2)) {
    if (r.OneIn(2)) Emit(ops::Send(a, 1, kMsgDontwait));
    Emit(ops::Close(r.OneIn(2) ? a : b));
    Wait(ep, 32);
    const Fd left = r.OneIn(2) ? a : b;
    for (uint32_t i = r.Below(3); i > 0; --i) {
      Emit(r.OneIn(2) ? ops::Send(left, 1, kMsgDontwait) : ops::Recv(left, 65536, kMsgDontwait));
    }
    Wait(ep, 32);
  }
}

// A datagram socket whose peer is gone or shut: the failing send is the sender's own edge (R4.4.8, R4.6.3, R4.6.4).
void Generator::DgramPeer(int32_t ep) {
  Random& r = *random_;
  Emit(ops::Socketpair(kSockDgram, kONonblock));
  const Fd a = Fd::Output(shadow_.size() - 1, 0), b = Fd::Output(shadow_.size() - 1, 1);
  if (shadow_.Number(a) < 0) return;
  constexpr uint32_t kMasks[] = {kOut | kEt, kOut, kIn | kOut | kEt, kWrband | kEt, kIn | kEt};
  Emit(ops::Add(Operand(ep), a, r.Pick(kMasks), Data()));
  Wait(ep, 32);
  for (uint32_t i = r.Below(3); i > 0; --i) Emit(ops::Send(r.OneIn(2) ? a : b, r.Pick(kSocketSizes), kMsgDontwait));
  if (r.OneIn(2)) {
    Emit(ops::Close(b));
  } else {
    Emit(ops::Shutdown(r.OneIn(3) ? a : b, static_cast<int32_t>(r.Below(3))));
  }
  Wait(ep, 32);
  for (uint32_t i = r.Between(1, 3); i > 0; --i) {
    Emit(r.Below(4) != 0 ? ops::Send(a, 1, kMsgDontwait) : ops::Recv(a, 65536, kMsgDontwait));
    Wait(ep, 32);
  }
}

// No number is left: creators fail, everything else works (R1.4, R8.3).
void Generator::TableFull() {
  Random& r = *random_;
  Emit(ops::Prlimit(3 + shadow_.open_count() + r.Below(2)));
  for (uint32_t i = r.Between(2, 5); i > 0; --i) {
    switch (r.Below(7)) {
      case 0:
        CreateEpoll();
        break;
      case 1:
        Duplicate(AnyNumber());
        break;
      case 2:
        BadCreate();
        break;
      case 3:
        Replace();
        break;
      case 4:
        Add();
        break;
      default:
        CreateByTaste();
    }
  }
  if (r.OneIn(3)) CloseOne(), CreateByTaste();
  WaitSome();
  if (r.Below(4) != 0) Emit(ops::Prlimit(1024));
}

// close_range releases from the top down (R3.13): watchers of the peers see it.
void Generator::RangeOfPeers(int32_t ep) {
  Random& r = *random_;
  constexpr FileKind kPairs[] = {FileKind::kPipeRead, FileKind::kStream, FileKind::kSeqpacket};
  const FileKind kind = r.Pick(kPairs);
  const uint32_t count = r.Between(2, 4);
  std::array<Fd, 4> near, far;
  for (uint32_t i = 0; i < count; ++i) {
    Create(kind);
    const uint32_t at = shadow_.size() - ((*ops_).back().call == Call::kFcntl ? 2 : 1);
    near[i] = Fd::Output(at, 0), far[i] = Fd::Output(at, 1);
    if (shadow_.Number(near[i]) < 0) return;
  }
  int32_t first = -1, last = -1;
  for (uint32_t i = 0; i < count; ++i) {
    Emit(ops::Fcntl(far[i], kFDupfd, 40));
    const int32_t moved = shadow_.Number(Fd::Output(shadow_.size() - 1, 0));
    Emit(ops::Close(far[i]));
    if (i == 0) first = moved;
    last = moved;
    Emit(ops::Add(Operand(ep), near[i], kIn | (r.OneIn(2) ? kEt : 0), Data()));
  }
  if (first < 0 || last < first) return;
  Emit(ops::Make(Call::kCloseRange, {Operand(first).bits(), Operand(last).bits(), 0}));
  Wait(ep, 32);
  if (r.OneIn(2)) Wait(ep);
}

// Packet mode: every write has a slot of its own (R4.2.8).
void Generator::Packets(int32_t ep) {
  Random& r = *random_;
  Emit(ops::Pipe2(kONonblock | (r.OneIn(2) ? kODirect : 0)));
  const Fd reader = Fd::Output(shadow_.size() - 1, 0), writer = Fd::Output(shadow_.size() - 1, 1);
  if (shadow_.Number(reader) < 0) return;
  const uint32_t slots = r.Between(1, 4);
  Emit(ops::Fcntl(writer, kFSetpipeSz, slots * kPage));
  Emit(ops::Add(Operand(ep), r.OneIn(2) ? writer : reader, kIn | kOut | (r.OneIn(2) ? kEt : 0), Data()));
  for (uint32_t i = r.Between(3, 9); i > 0; --i) {
    switch (r.Below(6)) {
      case 0:
        Emit(ops::Fcntl(writer, kFSetfl, kONonblock | (r.OneIn(2) ? kODirect : 0)));
        break;
      case 1:
        Emit(ops::Read(reader, r.OneIn(2) ? 1 : r.Pick(kPipeSizes)));
        break;
      case 2:
        Wait(ep, 32);
        break;
      default:
        Emit(ops::Write(writer, r.OneIn(2) ? 1 : r.Pick(kPipeSizes)));
    }
  }
  Emit(ops::Poll({{reader, kIn}, {writer, kOut}}));
  Wait(ep, 32);
}

// The ends of an eventfd's range (R4.3.1 to R4.3.3).
void Generator::CounterEnds(int32_t ep) {
  Random& r = *random_;
  Emit(ops::Eventfd(r.OneIn(2) ? 0 : r.Below(3), kONonblock | (r.OneIn(2) ? kEfdSemaphore : 0)));
  const Fd fd = Fd::Output(shadow_.size() - 1, 0);
  if (shadow_.Number(fd) < 0) return;
  constexpr uint32_t kMasks[] = {kIn, kOut, kIn | kOut};
  Emit(ops::Add(Operand(ep), fd, r.Pick(kMasks) | (r.OneIn(2) ? kEt : 0) | (r.OneIn(8) ? kRdnorm : 0), Data()));
  for (uint32_t i = r.Between(3, 8); i > 0; --i) {
    switch (r.Below(5)) {
      case 0:
      case 1:
        Emit(ops::Write(fd, 8, r.Pick(kCounts)));
        break;
      case 2:
        Emit(ops::Read(fd, r.OneIn(8) ? 16 : 8));
        break;
      default:
        Wait(ep, 32);
    }
  }
  Wait(ep, 32);
}

// Ticks and re-arming, which takes readiness away silently (R4.9.1 to R4.9.4).
void Generator::TimerEdges(int32_t ep) {
  Random& r = *random_;
  const int32_t n = Create(FileKind::kTimerfd);
  if (n < 0) return;
  const Fd fd = Operand(n);
  if (r.OneIn(3)) {
    const uint64_t every = r.OneIn(2) ? kFarFuture : 0;
    Emit(ops::Make(Call::kTimerfdSettime, {fd.bits(), 0, kFarFuture, 0, every, 0}));
  }
  Emit(ops::Add(Operand(ep), fd, kIn | (r.OneIn(2) ? kEt : 0) | (r.OneIn(4) ? kOneshot : 0), Data()));
  for (uint32_t i = r.Between(2, 6); i > 0; --i) {
    switch (r.Below(6)) {
      case 0:
      case 1:
        Emit(ops::Ticks(fd, r.OneIn(8) ? 0 : r.Below(8) + 1));
        break;
      case 2:
        Emit(ops::Read(fd, 8));
        break;
      case 3:
        Emit(ops::Make(Call::kTimerfdSettime, {fd.bits(), 0, r.OneIn(2) ? 0 : kFarFuture, 0, 0, 0}));
        break;
      default:
        Wait(ep, 32);
    }
  }
  Wait(ep, 32);
}

// Many numbers of one file: one notification, many items.
void Generator::Crowd(int32_t ep) {
  Random& r = *random_;
  const int32_t n = r.OneIn(2) ? Create(FileKind::kEventfd) : SomeFile();
  if (n < 0) return;
  const uint32_t events = Events(shadow_.KindAt(n)) & ~kExclusive;
  const uint32_t count = 3 + static_cast<uint32_t>(r.Skewed(r.OneIn(8) ? 6 : 4));
  Register(ep, n, events);
  for (uint32_t i = 1; i < count; ++i) {
    const int32_t again = Duplicate(n);
    if (again < 0) break;
    Register(ep, again, r.OneIn(4) ? Events(shadow_.KindAt(n)) : events);
  }
  for (uint32_t i = r.Between(1, 4); i > 0; --i) {
    Ready(shadow_.At(n));
    Wait(ep, static_cast<int32_t>(1 + r.Below(count + 2)));
    if (r.OneIn(3)) Delete();
    if (r.OneIn(3)) Modify();
  }
}

// Close-on-exec comes with the descriptor, and goes with it.
void Generator::Cloexec() {
  Random& r = *random_;
  int32_t n = AnyNumber();
  switch (r.Below(6)) {
    case 0:
      Emit(ops::Fcntl(Operand(n), kFSetfd, r.Below(2)));
      break;
    case 1:
      Emit(ops::Make(Call::kIoctl, {Operand(n).bits(), r.OneIn(3) ? 0x5450u : 0x5451u}));
      if (r.OneIn(3)) Emit(ops::Make(Call::kIoctl, {Operand(n).bits(), 0x5450u}));
      break;
    case 2:
      Emit(ops::Make(Call::kCloseRange, {Operand(n).bits(), Operand(n).bits(), kCloseRangeCloexec}));
      break;
    case 3:
      Emit(ops::Dup3(Operand(n), Fd::Literal(3 + static_cast<int32_t>(r.Below(40))), r.OneIn(2) ? kOCloexec : 0));
      n = shadow_.Number(Fd::Output(shadow_.size() - 1, 0));
      break;
    case 4:
      Emit(ops::Fcntl(Operand(n), r.OneIn(2) ? kFDupfd : kFDupfdCloexec, 3));
      n = shadow_.Number(Fd::Output(shadow_.size() - 1, 0));
      break;
    default:
      n = r.OneIn(4) ? CreateEpoll() : CreateByTaste();
      break;
  }
  Emit(ops::Fcntl(Operand(n), kFGetfd, 0));
  if (r.OneIn(3)) {
    Emit(ops::Dup(Operand(n)));
    Emit(ops::Fcntl(Fd::Output(shadow_.size() - 1, 0), kFGetfd, 0));
  }
}

// Reads and writes that fault: what is lost, and whom it wakes (R4.3.4, R4.4.9).
void Generator::FaultyIo(int32_t ep) {
  Random& r = *random_;
  const int32_t n = r.OneIn(3) ? SomeFile() : CreateByTaste();
  if (n < 0) return;
  const Shadow::FileId file = shadow_.At(n);
  const FileKind kind = shadow_.KindAt(n);
  const int32_t other = shadow_.file(shadow_.file(file).peer).number;
  Register(ep, n, Events(kind) | (r.OneIn(2) ? kEt : 0));
  if (other >= 0 && r.OneIn(2)) Register(ep, other, Events(shadow_.KindAt(other)) | (r.OneIn(2) ? kEt : 0));
  Wait(ep, 32);
  for (uint32_t i = r.Between(1, 4); i > 0; --i) {
    if (r.Below(3) != 0) Ready(file);
    if (r.OneIn(3)) Wait(ep, 32);
    const Fd fd = Operand(other >= 0 && r.OneIn(2) ? other : n);
    const uint32_t size = r.OneIn(2) ? 8 : r.Pick(kPipeSizes);
    const Memory memory = BadMemory(r.OneIn(2) ? 8 : size);
    switch (r.Below(4)) {
      case 0:
        Emit(ops::Write(fd, size, size == 8 && memory.readable(8) ? 1 : 0, memory));
        break;
      case 1:
        Emit(ops::Send(fd, size, kMsgDontwait, memory));
        break;
      case 2:
        Emit(ops::Recv(fd, size, kMsgDontwait, memory));
        break;
      default:
        Emit(ops::Read(fd, size, memory));
    }
    if (r.OneIn(2)) Wait(ep, 32);
  }
  Wait(ep, 32);
}

// Notifies without saying what of (key 0): passes every filter except that of a disabled item (R4.G11).
void Generator::Nudge(Shadow::FileId id) {
  Random& r = *random_;
  const Shadow::File& file = shadow_.file(id);
  const Shadow::File& peer = shadow_.file(file.peer);
  if (IsSocket(file.kind)) {
    const int32_t n = file.number >= 0 && r.OneIn(2) ? file.number : peer.number;
    if (n >= 0) Emit(ops::Shutdown(Operand(n), static_cast<int32_t>(r.Below(3))));
  } else if (file.kind == FileKind::kPipeWrite || file.kind == FileKind::kPipeRead) {
    const int32_t n = file.number >= 0 ? file.number : peer.number;
    if (file.kind == FileKind::kPipeRead && peer.number >= 0 && r.OneIn(2)) {
      Emit(ops::Close(Operand(peer.number)));
    } else if (n >= 0) {
      Emit(ops::Fcntl(Operand(n), kFSetpipeSz, kPage * r.Pick(kPages)));
    }
  } else {
    Ready(id);
  }
}

// Items queued by notifications that tell nothing: stale entries whose place shows later (R0.6, R4.G6).
void Generator::Nudged(int32_t ep) {
  Random& r = *random_;
  constexpr FileKind kKinds[] = {FileKind::kPipeWrite, FileKind::kPipeWrite, FileKind::kStream,
                                 FileKind::kSeqpacket, FileKind::kDgram,     FileKind::kPipeRead};
  const int32_t n = Create(r.Pick(kKinds));
  if (n < 0) return;
  const Shadow::FileId file = shadow_.At(n);
  constexpr uint32_t kMasks[] = {0, kIn, kPri, kRdhup, kOut, kIn | kOut};
  uint32_t events = r.Pick(kMasks) | (r.OneIn(2) ? kEt : 0) | (r.OneIn(2) ? kOneshot : 0);
  Register(ep, n, events);
  Wait(ep, 32);
  for (uint32_t i = r.Between(1, 3); i > 0; --i) {
    Nudge(file);
    ReadyItem();
    if (r.OneIn(3)) Wait(ep);
    if (r.OneIn(2)) Emit(ops::Mod(Operand(ep), Operand(n), kIn | kOut | (events & (kEt | kOneshot)), Data()));
    if (r.OneIn(2)) Ready(file);
    Wait(ep, 32);
  }
}

}  // namespace pollux
