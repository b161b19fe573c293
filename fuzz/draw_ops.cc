// What traces do: registrations, waits, reads and writes, descriptors; and what they do wrong.

#include <algorithm>
#include <array>

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "fuzz/tame.h"
#include "model/abi.h"

namespace pollux {
namespace {

constexpr uint32_t kPage = 4096;
constexpr uint32_t kPages[] = {1, 1, 1, 2, 2, 4, 16, 3, 5, 8, 32, 0, 256};

}  // namespace

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
  if (r.OneIn(3)) events |= OddEvents();
  Emit(ops::Ctl(epfd, r.Pick(kOps), fd, events, Data(), r.OneIn(4) ? BadMemory(1) : Memory()));
  if (r.OneIn(16)) Emit(ops::Add(Operand(ep), Operand(Create(FileKind::kRefused)), kIn, Data()));
}

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

void Generator::Ready(Shadow::FileId id, uint32_t depth) {
  const Shadow::File file = shadow_.file(id);
  if (const Habits* habits = HabitsOf(file.kind)) return habits->ready(*this, file);
  if (file.kind != FileKind::kEpoll || depth >= 6) return;
  if (const Shadow::Item* item = shadow_.ItemOf(id, random_)) Ready(item->file, depth + 1);
}

void Generator::Unready(Shadow::FileId id, uint32_t depth) {
  const Shadow::File file = shadow_.file(id);
  if (file.kind == FileKind::kEpoll && depth < 6 && random_->OneIn(2)) {
    if (const Shadow::Item* item = shadow_.ItemOf(id, random_)) Unready(item->file, depth + 1);
    return;
  }
  if (file.number < 0) return;
  if (const Habits* habits = HabitsOf(file.kind)) return habits->unready(*this, file);
  if (file.kind == FileKind::kEpoll) Wait(file.number);
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
  // A kind that is there: those of the trace are soon met.
  for (uint32_t tries = 0; tries < 4; ++tries) {
    const int32_t n = AnyNumber();
    const Habits* habits = n < 0 ? nullptr : HabitsOf(shadow_.KindAt(n));
    if (habits != nullptr && habits->fill != nullptr) return habits->fill(*this, Operand(n));
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
                        : IsSocket(kind) ? SocketBytes(&r)
                                         : PipeBytes(&r);
  constexpr uint32_t kSendFlags[] = {0, kMsgDontwait, kMsgDontwait, kMsgNosignal, kMsgDontwait | kMsgNosignal};
  constexpr uint32_t kRecvFlags[] = {0, kMsgDontwait, kMsgDontwait, kMsgPeek | kMsgDontwait, kMsgTrunc | kMsgDontwait};
  switch (r.Below(4)) {
    case 0:
      return Emit(ops::Write(fd, counter ? 8 : size, counter ? Count(&r) : 0));
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
      return Emit(ops::Write(fd, n, n == 8 && memory.readable(8) ? Count(&r) : 0, memory));
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
      if (r.OneIn(3)) return Emit(ops::Make(Call::kMemfdSecret, {r.OneIn(2) ? kONonblock : 0}));
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

}  // namespace pollux
