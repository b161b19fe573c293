#include "fuzz/generator.h"

#include <algorithm>
#include <vector>

#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "fuzz/tame.h"
#include "model/abi.h"
#include "oracle/bounds.h"

namespace pollux {
namespace {

// Kinds of step and how many lots each has where a taste likes it; the scenes of the file types follow.
// clang-format off
enum Act : uint8_t {
  kCreate, kAdd, kModify, kDelete, kReady, kUnready, kWait, kWaitAll, kPollSome, kFdinfo,
  kDup, kReplace, kCloseOne, kCloseSome, kFcntl, kPipeSize, kFill, kInOut, kShutDown, kBadCtl,
  kBadWait, kBadIo, kBadCreate, kParams, kLimit, kQuota, kDoors,
  kStale, kRotation, kFaultyCopy, kGhost, kChain, kDiamond, kLoop, kPaths, kOneshotIdiom, kShared,
  kReorder, kTableFull, kRangeOfPeers, kCrowd, kCloexec, kFaultyIo, kNudged,
  kActCount,
};
constexpr uint8_t kLots[kActCount] = {
  10, 24, 12, 10, 44, 20, 28, 16, 8, 3,
  8, 5, 8, 2, 5, 3, 4, 10, 5, 4,
  4, 4, 2, 4, 2, 1, 24,
  6, 5, 4, 5, 3, 2, 2, 1, 3, 4,
  4, 2, 2, 2, 1, 3, 4,
};
// clang-format on
static_assert(kLots[kActCount - 1] != 0);

constexpr uint32_t kRarityOnModels = 4;

// The scenes of all types, by kind.
struct TypeScene {
  const Scene* scene;
  FileKind kind;
};
const std::vector<TypeScene>& TypeScenes() {
  static const std::vector<TypeScene> all = [] {
    std::vector<TypeScene> scenes;
    for (const Habits* habits : AllHabits()) {
      for (const Scene& scene : habits->scenes) scenes.push_back({&scene, habits->kind});
    }
    return scenes;
  }();
  return all;
}

// Masks. Odd bits are those that most users never write.
constexpr uint32_t kOddBits[] = {
    kPri,         kErr,       kHup,    kNval,  kRdnorm,    kRdband, kWrnorm,  kWrband,  kMsg,
    kRdhup,       0x1000,     0x4000,  0x8000, kUringWake, kWakeup, 1u << 16, 1u << 26, kRdnorm | kWrnorm,
    kIn | kRdhup, kIn | kPri, kRdnorm, kRdhup, kWrnorm,    kErr,    kHup};

}  // namespace

// --- Taste -------------------------------------------------------------------------------------------------------

void Generator::NewTaste(bool threads) {
  Random& r = *random_;
  const auto bit = [](FileKind kind) { return uint64_t{1} << static_cast<int>(kind); };
  kinds_ = options_.only;
  for (const Habits* habits : AllHabits()) {
    const uint32_t rarity = options_.model ? std::min<uint32_t>(habits->rarity, kRarityOnModels) : habits->rarity;
    if (options_.only == 0 && (rarity == 1 || r.OneIn(rarity))) kinds_ |= bit(habits->kind);
  }
  if (threads) kinds_ |= bit(FileKind::kThreads);
  if (options_.threads == 0 || shadow_.second()) kinds_ &= ~bit(FileKind::kThreads);
  // What is not possible beside threads (NotBesideThreads in oracle/checker.cc).
  if (Allowed(FileKind::kThreads)) {
    kinds_ &= ~(bit(FileKind::kTcp) | bit(FileKind::kUdp) | bit(FileKind::kProcess) | bit(FileKind::kPidfd) |
                bit(FileKind::kSignalfd) | bit(FileKind::kRing) | bit(FileKind::kPtm) | bit(FileKind::kPts));
  }
  const std::vector<TypeScene>& scenes = TypeScenes();
  const uint32_t acts = kActCount + static_cast<uint32_t>(scenes.size());
  uint32_t lots[256], sum = 0;
  const uint32_t off = 32 + r.Below(160);  // how many kinds of step this trace does without, in 256
  // One kind of step in three traces is a hobby.
  const uint32_t hobby = r.Below(acts * 3);
  for (uint32_t i = 0; i < acts; ++i) {
    const bool essential = i == kAdd || i == kReady || i == kWait;
    const uint32_t usual = i < kActCount ? kLots[i] : scenes[i - kActCount].scene->lots;
    lots[i] = !essential && r.Chance(off) ? 0 : (usual * (4 + r.Below(12))) / 4;
    if (i == hobby) lots[i] = i == kPaths || i == kQuota ? 12 : 60;
    if (i >= kActCount && !Allowed(scenes[i - kActCount].kind)) lots[i] = 0;
    sum += lots[i];
  }
  if (!options_.watches) sum -= lots[kQuota], lots[kQuota] = 0;
  uint32_t at = 0, seen = 0;
  for (uint32_t i = 0; i < acts; ++i) {
    seen += lots[i];
    for (const uint32_t end = seen * 256 / sum; at < end; ++at) taste_.act[at] = static_cast<uint8_t>(i);
  }

  std::array<uint32_t, kFileKinds> kinds = {};
  uint32_t total = 0;
  for (const Habits* habits : AllHabits()) {
    if (Allowed(habits->kind) && r.OneIn(2)) total += kinds[static_cast<size_t>(habits->kind)] = habits->lots;
  }
  while (total == 0) {
    const FileKind only = AllHabits()[r.Below(static_cast<uint32_t>(AllHabits().size()))]->kind;
    if (Allowed(only)) total = kinds[static_cast<size_t>(only)] = 1;
  }
  at = seen = 0;
  for (size_t i = 0; i < kFileKinds; ++i) {
    seen += kinds[i];
    for (const uint32_t end = seen * taste_.kind.size() / total; at < end; ++at)
      taste_.kind[at] = static_cast<uint8_t>(i);
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
  taste_.threads = Allowed(FileKind::kThreads) ? 1 + r.Below(options_.threads) : 0;
  next_data_ = 1;
}

void Generator::Draw(Random* random, std::vector<Op>* ops) {
  ops->clear();
  shadow_.Reset();
  random_ = random, ops_ = ops, start_ = 0;
  NewTaste(false);
  asleep_ = timed_ = 0;
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
  NewTaste(std::any_of(ops->begin(), ops->end(), [](const Op& op) { return op.thread != 0; }));
  asleep_ = timed_ = 0;
  next_data_ = 1 + random->Below(64);
  const size_t length = std::min(ops->size() + n, kMaxTrace);
  while (ops->size() < length) Step();
  if (ops->size() > kMaxTrace) ops->resize(kMaxTrace);
}

// --- Operands ----------------------------------------------------------------------------------------------------

void Generator::Emit(const Op& op) {
  if (ops_->size() >= kMaxTrace) return;
  ops_->push_back(op);
  Op& last = ops_->back();
  if (taste_.threads > 0 && random_->Chance(70)) GiveToThread(&last);
  if (last.thread == 0 && shadow_.second() && Outputs(op.call) == 0 && SecondMay(op.call) && op.call < Call::kFork &&
      random_->OneIn(3)) {
    last.process = 1, last.i386 = 0;
  } else if (Allowed(FileKind::kCaller32) && (last.process | last.thread) == 0 && Caller32May(op.call) &&
             random_->OneIn(3)) {
    last.i386 = 1;
  }
  if (!options_.callers32 || last.thread != 0) last.i386 = 0;
  shadow_.Apply(last);
}

// A thread makes the call, if one may: of a wait that would not sleep, one that may.
void Generator::GiveToThread(Op* op) {
  if (NoThreadMakes(*op) != nullptr) return;
  const bool wait = op->call == Call::kEpollWait || op->call == Call::kEpollPwait;
  const uint32_t thread = 1 + random_->Below(taste_.threads);
  if ((asleep_ >> thread & 1) != 0) return;
  op->thread = static_cast<uint8_t>(thread);
  if (!wait || random_->OneIn(2)) return;
  op->arg[3] = ops::Int(random_->OneIn(4) ? kFarMs : -1);
  MaySleep(*op);
}

void Generator::MaySleep(const Op& op) {
  asleep_ |= 1u << op.thread;
  if (TimeoutOf(op) == Timeout::kFinite) timed_ |= 1u << op.thread;
}

void Generator::Expire() {
  // It costs a native target a millisecond or more, which are some hundred ops.
  if (timed_ == 0 || (!options_.model && !random_->OneIn(2))) return;
  uint32_t thread = 1;
  while ((timed_ >> thread & 1) == 0 || (random_->OneIn(2) && timed_ >> (thread + 1) != 0)) ++thread;
  timed_ &= ~(1u << thread), asleep_ &= ~(1u << thread);
  Emit(ops::Expire(thread));
}

void Generator::ByThread(Op op) {
  if (taste_.threads == 0) return;
  uint32_t thread = 1 + random_->Below(taste_.threads);
  for (uint32_t i = 0; i < taste_.threads && (asleep_ >> thread & 1) != 0; ++i) thread = thread % taste_.threads + 1;
  op.thread = static_cast<uint8_t>(thread);
  MaySleep(op);
  if (ops_->size() >= kMaxTrace) return;
  ops_->push_back(op);
  shadow_.Apply(op);
}

void Generator::Stir(int32_t ep) {
  const Shadow::Item* item = shadow_.ItemOf(shadow_.At(ep), random_);
  if (item != nullptr) {
    Ready(item->file);
  } else {
    ReadyItem();
  }
  // Who knows whom that has woken.
  if (random_->OneIn(2)) asleep_ = timed_ = 0;
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

uint32_t Generator::Usual(FileKind kind) {
  const Habits* habits = HabitsOf(kind);
  return habits != nullptr ? habits->usual(random_) : MostlyIn(random_);
}

uint32_t Generator::OddEvents() { return random_->Pick(kOddBits); }

uint32_t Generator::Events(FileKind kind) {
  Random& r = *random_;
  uint32_t events = Usual(kind);
  if (r.Chance(taste_.both)) events |= kIn | kOut;
  if (r.Chance(taste_.et)) events |= kEt;
  if (r.Chance(taste_.oneshot)) events |= kOneshot;
  if (r.Chance(taste_.exclusive)) events |= kExclusive;
  if (r.Chance(taste_.odd)) {
    const uint32_t how = r.Below(8);
    const uint32_t odd = OddEvents();
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
  // Memory that another thread has to unmap costs ten calls.
  if (random_->OneIn(12)) return Memory::kGone;
  switch (random_->Below(10)) {
    case 0:
      return Memory::kNull;
    case 1:
      return Memory::kKernel;
    case 2:
      return Memory::kUnmapped;
    case 3:
      return Memory::kReadonly;
    case 4:
      return Memory::kMisaligned;
    case 5:
      return Memory::kStraddling;
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

int32_t Generator::Made(const Op& op) {
  Emit(op);
  return shadow_.Number(Fd::Output(shadow_.size() - 1, 0));
}

int32_t Generator::Create(FileKind kind) {
  Random& r = *random_;
  if (kind == FileKind::kEpoll) return CreateEpoll();
  if (const Habits* habits = HabitsOf(kind)) {
    uint32_t flags = kONonblock;
    if (OddFlag()) flags = r.Below(4) * kONonblock & kONonblock;
    if (OddFlag()) flags |= kOCloexec;
    return habits->create(*this, flags);
  }
  if (r.OneIn(4)) return Made(ops::Make(Call::kMemfdCreate, {r.Below(4)}));
  if (r.OneIn(4)) return Made(ops::Make(Call::kMemfdSecret, {r.OneIn(4) ? kOCloexec : 0}));
  const uint32_t which = r.Below(3);
  const uint32_t more = r.OneIn(4) ? kOCloexec : r.OneIn(8) ? kODirectory : 0;
  return Made(ops::Make(Call::kOpen, {which, r.OneIn(3) ? kOPath | more : more}));
}

int32_t Generator::CreateByTaste() {
  if (random_->OneIn(48)) return Create(FileKind::kRefused);
  return Create(static_cast<FileKind>(taste_.kind[random_->Below(static_cast<uint32_t>(taste_.kind.size()))]));
}

int32_t Generator::Duplicate(int32_t number) {
  if (number < 0) return -1;
  if (random_->OneIn(24)) return Made(ops::Reopen(Operand(number), random_->Below(3) | kONonblock));
  const uint32_t r = random_->Below(16);
  if (r < 13) {
    Emit(ops::Dup(Operand(number)));
  } else {
    const uint32_t at_least = r == 13 ? 0 : static_cast<uint32_t>(random_->Skewed(6));
    Emit(ops::Fcntl(Operand(number), r == 15 ? kFDupfdCloexec : kFDupfd, at_least));
  }
  return shadow_.Number(Fd::Output(shadow_.size() - 1, 0));
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
    case kLimit:
      return Limit();
    case kQuota:
      return Quota();
    case kDoors:
      return Doors();
    default:
      break;
  }
  if (act < kActCount) return Idiom(act);
  const int32_t ep = SomeEpoll();
  if (ep >= 0) TypeScenes()[act - kActCount].scene->play(*this, ep);
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
    case kTableFull:
      return TableFull();
    case kRangeOfPeers:
      return RangeOfPeers(ep);
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

}  // namespace pollux
