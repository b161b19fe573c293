// The other doors to what traces do anyway: select and ppoll beside poll, readv and writev beside read and write, the
// ioctls beside fcntl, splice and its kin; kcmp beside fdinfo.

#include <array>

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

constexpr uint32_t kPage = 4096;
constexpr uint16_t kSets[] = {kIn, kIn, kIn, kOut, kIn | kOut, kPri, kIn | kPri, kSelectSets, 0};
constexpr uint16_t kMasks[] = {kIn, kIn, kIn, kOut, kIn | kOut, 0, kRdnorm, kPri, kRdhup, 0xffff};

}  // namespace

// A set of some descriptors, or of one epoll: polling it is what prunes (R0.8).
void Generator::PollSet(Call call) {
  Random& r = *random_;
  const bool select = call == Call::kSelect;
  Op op = select ? ops::Select({}) : ops::Ppoll({});
  if (r.Chance(taste_.fault)) op.arg[0] = BadMemory(1).bits();
  if (r.Chance(taste_.fault / 2)) op.arg[1] = BadMemory(0).bits();
  if (r.Chance(taste_.negative)) op.arg[1] = Memory(Memory::kNull).bits();
  if (op.mem(1).readable() && r.OneIn(16)) {
    constexpr int64_t kSeconds[] = {0, 0, -1};
    constexpr int64_t kFractions[] = {0, -1, -1000000};
    op.arg[2] = static_cast<uint64_t>(r.Pick(kSeconds)), op.arg[3] = static_cast<uint64_t>(r.Pick(kFractions));
  } else if (op.mem(1).readable() && options_.sleeps && r.OneIn(64)) {
    // One that passes, seldom: a longer one that nothing ends is made immediate.
    op.arg[3] = select ? 1000 : 1000000;
    if (r.Below(8) != 0) op.arg[2] = static_cast<uint64_t>(r.OneIn(2) ? 1 : INT64_MAX);
  }
  if (!select && r.OneIn(3)) op.arg[4] = (r.OneIn(4) ? BadMemory(0) : Memory()).bits();
  if (!select && r.OneIn(24)) op.arg[5] = r.Below(17);
  const uint32_t n = r.OneIn(2) ? 1 : r.Below(static_cast<uint32_t>(MaxPolled(call)) + 1);
  for (uint32_t i = 0; i < n; ++i) {
    const int32_t number = i == 0 && r.OneIn(2) ? SomeEpoll() : AnyNumber();
    op.set_poll(op.npoll++, Mistaken(number), select ? r.Pick(kSets) : r.Pick(kMasks));
  }
  if (n == 0) op.arg[0] = 0;  // an empty set stands nowhere
  Emit(op);
}

// What read and write do in one piece, in two.
void Generator::Vector() {
  Random& r = *random_;
  const int32_t number = r.OneIn(16) ? AnyNumber() : SomeFile();
  const FileKind kind = shadow_.KindAt(number);
  const Fd fd = Mistaken(number);
  const bool counter = kind == FileKind::kEventfd || kind == FileKind::kTimerfd || kind == FileKind::kPerf;
  const auto size = [&]() -> uint32_t {
    if (r.OneIn(8)) return 0;
    if (counter) return r.OneIn(3) ? 4 : 8;
    if (IsInet(kind)) return 1 + r.Below(100);
    if (kind == FileKind::kUserfaultfd) return r.OneIn(2) ? 16 : 32;
    return IsSocket(kind) ? SocketBytes(&r) : PipeBytes(&r);
  };
  const uint32_t n = size(), more = size();
  Memory first, second;
  if (r.Chance(taste_.fault)) (r.OneIn(2) ? first : second) = BadMemory(r.OneIn(2) ? n : more);
  Op op;
  if (r.OneIn(2)) {
    op = ops::Readv(fd, n, more, first, second);
    if (r.Chance(taste_.fault / 2)) op.arg[5] = BadMemory(0).bits();
  } else {
    op = ops::Writev(fd, n, n == 8 && first.readable(8) ? Count(&r) : 0, more,
                     more == 8 && second.readable(8) ? Count(&r) : 0, first, second);
    if (r.Chance(taste_.fault / 2)) op.arg[7] = BadMemory(0).bits();
  }
  Emit(op);
}

void Generator::IoctlSome() {
  Random& r = *random_;
  constexpr Call kRequests[] = {Call::kFionbio, Call::kFioasync, Call::kFionread};
  const Fd fd = Mistaken(AnyNumber());
  const Memory memory = r.Chance(taste_.fault) ? BadMemory(0) : Memory();
  // A file that blocks is rarely wanted.
  Emit(ops::IoctlInt(r.Pick(kRequests), fd, r.OneIn(4) ? 0 : 1, memory));
  if (r.OneIn(4)) Emit(ops::Fcntl(fd, kFGetfl, 0));
}

// The same with offsets, mostly where there may be some: from or to the file that is no pipe.
Op Generator::AtOffsets(Fd reader, Fd writer, Fd file) {
  Random& r = *random_;
  constexpr int64_t kOffsets[] = {0, 0, 1, 5, 4095, 4096, 5000, -1, INT64_MAX};
  const auto memory = [&] { return r.Chance(taste_.fault) ? BadMemory(0) : Memory(); };
  const Memory none = Memory::kNull;
  const uint64_t n = r.OneIn(12) ? 0 : PipeBytes(&r);
  switch (r.Below(6)) {
    case 0:
    case 1:
      return ops::SendfileAt(r.OneIn(4) ? file : writer, r.OneIn(6) ? reader : file, memory(),
                             r.OneIn(8) ? kMaxNonLfs + r.Below(2) : r.Pick(kOffsets), n);
    case 2:
      return ops::SpliceAt(reader, r.OneIn(3) ? memory() : none, r.Pick(kOffsets), writer, r.OneIn(2) ? memory() : none,
                           0, n);
    case 3:
    case 4:
      return ops::SpliceAt(file, r.OneIn(6) ? none : memory(), r.Pick(kOffsets), writer, r.OneIn(8) ? memory() : none,
                           0, n);
    default:
      return ops::SpliceAt(reader, r.OneIn(8) ? memory() : none, 0, file, r.OneIn(6) ? none : memory(),
                           r.Pick(kOffsets), n);
  }
}

// Bytes that go from pipe to pipe, or come from and go to what is no pipe (R4.2.10 to R4.2.13).
void Generator::Spliced() {
  Random& r = *random_;
  const int32_t ep = SomeEpoll();
  Fd end[4];  // reader and writer of one pipe, and of another
  for (int i = 0; i < 4; i += 2) {
    const uint32_t direct = r.OneIn(6) ? kODirect : 0;
    Emit(ops::Pipe2(r.OneIn(12) ? direct : direct | kONonblock));
    end[i] = Fd::Output(shadow_.size() - 1, 0), end[i + 1] = Fd::Output(shadow_.size() - 1, 1);
    if (shadow_.Number(end[i]) < 0) return;
    if (r.Below(3) != 0) Emit(ops::Fcntl(end[i], kFSetpipeSz, kPage * r.Between(1, 3)));
  }
  int32_t file = -1;
  if (r.OneIn(2)) {
    file = r.OneIn(3)   ? Made(ops::Make(Call::kMemfdCreate, {0}))
           : r.OneIn(2) ? Made(ops::Make(Call::kOpen, {static_cast<uint64_t>(Which::kNull), kORdwr}))
           : r.OneIn(2) ? SomeFile()
                        : Create(r.OneIn(4)   ? r.Pick({FileKind::kDevice, FileKind::kAnnouncer, FileKind::kNetlink})
                                 : r.OneIn(2) ? FileKind::kDgram
                                 : r.OneIn(2) ? FileKind::kSeqpacket
                                              : FileKind::kEventfd);
  }
  const Fd other = file < 0 ? end[r.Below(4)] : Operand(file);
  for (int i = 0; i < 4; ++i) {
    constexpr uint32_t kOddMasks[] = {kIn, kOut, kIn | kOut, kPri};
    const uint32_t usual = i % 2 == 0 ? kIn : kOut;
    if (r.Below(3) != 0) {
      Emit(ops::Add(Operand(ep), end[i], (r.OneIn(6) ? r.Pick(kOddMasks) : usual) | (r.Below(3) != 0 ? kEt : 0),
                    Data()));
    }
  }
  constexpr uint32_t kFlags[] = {kSpliceNonblock, kSpliceNonblock, kSpliceNonblock, kSpliceMove, 0, kSpliceMore, 16};
  const auto size = [&r]() -> uint32_t { return r.OneIn(24) ? 0 : r.OneIn(2) ? 65536 : PipeBytes(&r); };
  for (uint32_t i = r.Between(4, 12); i > 0; --i) {
    switch (r.Below(13)) {
      case 0:
      case 1:
      case 2:
        Emit(ops::Write(end[r.OneIn(4) ? 3 : 1], r.OneIn(2) ? 1 + r.Below(4) : PipeBytes(&r)));
        break;
      case 3:
      case 4:
        Emit(ops::Splice(end[0], end[3], size(), r.Pick(kFlags)));
        break;
      case 5:
        Emit(ops::Tee(end[0], end[3], size(), r.Pick(kFlags)));
        break;
      case 6:
        if (r.OneIn(6)) Emit(r.OneIn(2) ? ops::Splice(other, other, size(), 0) : ops::Tee(end[0], other, size(), 0));
        Emit(r.OneIn(2) ? ops::Splice(end[r.Below(4)], other, size(), r.Pick(kFlags))
                        : ops::Splice(other, end[r.OneIn(8) ? r.Below(4) : 3], size(), r.Pick(kFlags)));
        break;
      case 7:
        Emit(ops::Vmsplice(r.OneIn(6) ? other : end[r.Below(4)], size(), r.Pick(kFlags),
                           r.OneIn(4) ? BadMemory(5000) : Memory()));
        break;
      case 8:
        Emit(ops::Sendfile(r.OneIn(2) ? end[3] : other, other, size()));
        if (file >= 0 && r.OneIn(2)) Emit(ops::Write(other, 8, 1 + r.Below(3)));
        if (file >= 0 && r.OneIn(6)) Emit(ops::Fcntl(other, kFSetfl, kONonblock | kOAppend));
        if (r.OneIn(6)) Emit(ops::Close(end[r.Below(4)]));
        break;
      case 9:
        for (int n = 0; n < 2; ++n) Emit(AtOffsets(end[0], end[3], other));
        break;
      case 10:
        Emit(ops::Read(end[r.OneIn(3) ? 0 : 2], r.OneIn(2) ? 65536 : PipeBytes(&r)));
        break;
      default:
        Wait(ep, 32);
    }
  }
  if (r.OneIn(2)) Emit(ops::IoctlInt(Call::kFionread, end[2], 0));
  Emit(ops::Poll({{end[1], kOut}, {end[2], kIn}, {end[3], kOut}}));
  Wait(ep, 32);
}

void Generator::Compare() {
  Random& r = *random_;
  const Shadow::Item* item = shadow_.AnyItem(random_);
  const int32_t any = AnyNumber();
  if (item == nullptr || r.OneIn(2)) {
    return Emit(ops::KcmpFile(Mistaken(any), Mistaken(r.OneIn(3) ? any : AnyNumber())));
  }
  const int32_t ep = shadow_.file(item->ep).number, number = item->number, file = shadow_.file(item->file).number;
  Emit(ops::KcmpTfd(r.OneIn(4) ? Mistaken(any) : Mistaken(file), Mistaken(ep), Mistaken(number),
                    r.OneIn(8) ? r.Below(3) : 0, r.Chance(taste_.fault) ? BadMemory(1) : Memory()));
}

// epoll by io_uring: the last op again, or a step of its own.
void Generator::ByRing() {
  Random& r = *random_;
  const int32_t ep = SomeEpoll();
  if (r.OneIn(2)) {
    constexpr int32_t kMax[] = {0, -1, kMaxEvents, kMaxEvents + 1, INT32_MIN};
    const int32_t max = r.OneIn(12) ? r.Pick(kMax) : r.Chance(taste_.few) ? 1 : 32;
    return Emit(ops::UringWait(Mistaken(ep), max, r.Chance(taste_.fault) ? BadMemory(2) : Memory()));
  }
  constexpr int32_t kOps[] = {kCtlAdd, kCtlAdd, kCtlAdd, kCtlMod, kCtlDel, 0};
  const Shadow::Item* item = shadow_.AnyItem(random_);
  const int32_t n = item != nullptr && r.OneIn(2) ? item->number : SomeTarget();
  Emit(ops::UringCtl(ops::Ctl(Mistaken(ep), r.Pick(kOps), Mistaken(n), Events(shadow_.KindAt(n)), Data(),
                              r.Chance(taste_.fault) ? BadMemory(1) : Memory())));
}

void Generator::Doors() {
  switch (random_->Below(16)) {
    case 0:
    case 1:
      return PollSet(Call::kSelect);
    case 2:
    case 3:
      return PollSet(Call::kPpoll);
    case 4:
    case 5:
    case 6:
      return Vector();
    case 7:
    case 8:
    case 9:
      return IoctlSome();
    case 10:
    case 11:
      return Spliced();
    case 12:
    case 13:
      return Compare();
    default:
      return threads() ? Compare() : ByRing();  // no io_uring beside threads
  }
}

}  // namespace pollux
