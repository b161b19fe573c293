// Traces with inotify. What is watched is a pipe, a FIFO or a memfd.

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

uint32_t Usual(Random* random) {
  const uint32_t r = random->Below(16);
  return r < 11 ? kIn : r < 13 ? kRdnorm : r < 15 ? kPri : kIn | kOut;
}

uint32_t WatchMask(Random* random) {
  constexpr uint32_t kMasks[] = {kInAllEvents,           kInAllEvents, kInAllEvents,  kInModify,
                                 kInAccess | kInModify,  kInAttrib,    kInDeleteSelf, kInCloseWrite | kInCloseNowrite,
                                 kInAllEvents & ~kInOpen};
  constexpr uint32_t kOptions[] = {kInOneshot,    kInMaskAdd, kInMaskCreate, kInMaskAdd | kInMaskCreate,
                                   kInExclUnlink, kInOnlydir, 0x10000,       kInExclUnlink,
                                   kInOneshot};
  const uint32_t mask = random->OneIn(32) ? kInOneshot : random->Pick(kMasks);
  if (random->OneIn(48)) return 0;
  return random->OneIn(4) ? mask | random->Pick(kOptions) : mask;
}

// Something to watch: what is there, or new.
Fd Watchable(Generator& g) {
  Random& r = g.random();
  if (r.OneIn(3)) {
    const int32_t n = g.NumberOf(r.OneIn(2) ? FileKind::kPipeRead : FileKind::kPipeWrite);
    if (n >= 0) return g.Operand(n);
  }
  switch (r.Below(3)) {
    case 0:
      g.Emit(ops::Fifo(0));
      break;
    case 1:
      g.Emit(ops::Make(Call::kMemfdCreate, {0}));
      break;
    default:
      g.Emit(ops::Pipe2(kONonblock));
  }
  return Fd::Output(g.shadow().size() - 1, 0);
}

int32_t Create(Generator& g, uint32_t flags) {
  Random& r = g.random();
  const int32_t n = g.Made(ops::InotifyInit(g.OddFlag() && r.OneIn(4) ? 1 : flags));
  if (n >= 0 && r.Below(4) != 0) g.Emit(ops::InotifyAdd(g.Operand(n), Watchable(g), WatchMask(&r)));
  return n;
}

void Ready(Generator& g, const Shadow::File& file) {
  if (file.number < 0) return;
  Random& r = g.random();
  const Shadow::File watched = g.shadow().file(file.peer);
  if (watched.number < 0 || r.OneIn(8)) {
    return g.Emit(ops::InotifyAdd(g.Mistaken(file.number), Watchable(g), WatchMask(&r)));
  }
  const Fd fd = g.Operand(watched.number);
  switch (r.Below(6)) {
    case 0:
      return g.Emit(ops::Fchmod(fd, r.OneIn(2) ? 0600 : 0700));
    case 1:
      return g.Emit(ops::InotifyRm(g.Operand(file.number), 1 + static_cast<int32_t>(r.Skewed(3))));
    case 2:
      return g.Emit(ops::Reopen(fd, r.Below(3) | kONonblock));
    case 3:
      return g.Emit(r.OneIn(2) ? ops::Readv(fd, 0, 0) : ops::Read(fd, 8));
    default: {
      const int32_t writer = g.shadow().file(watched.peer).number;
      return g.Emit(ops::Write(writer >= 0 ? g.Operand(writer) : fd, 1 + r.Below(8)));
    }
  }
}

void Read(Generator& g, Fd fd) {
  Random& r = g.random();
  constexpr uint32_t kSizes[] = {4096, 4096, 4096, 16, 16, 32, 33, 15, 0};
  if (r.OneIn(12)) return g.Emit(ops::Readv(fd, 16 * r.Below(3), r.Below(40)));
  if (r.OneIn(6)) return g.Emit(ops::Read(fd, r.Pick(kSizes), r.OneIn(3) ? g.BadMemory(40) : Memory()));
  g.Emit(ops::InotifyRead(fd, r.Pick(kSizes), r.OneIn(8) ? g.BadMemory(40) : Memory()));
}

void Unready(Generator& g, const Shadow::File& file) { Read(g, g.Operand(file.number)); }

// A watched file and its uses, each an event (R4.11.3 to R4.11.6).
void Events(Generator& g, int32_t ep) {
  Random& r = g.random();
  const uint32_t flags = r.OneIn(12) ? 0 : kONonblock;
  const int32_t n = g.Made(ops::InotifyInit(flags));
  if (n < 0) return;
  const Fd inotify = g.Operand(n);
  Fd name, end[2], other[2];  // what is watched, what it is read and written by; a pipe beside it
  g.Emit(ops::Pipe2(kONonblock));
  other[0] = Fd::Output(g.shadow().size() - 1, 0), other[1] = Fd::Output(g.shadow().size() - 1, 1);
  const uint32_t kind = r.Below(4);
  if (kind == 0) {
    g.Emit(ops::Make(Call::kMemfdCreate, {0}));
  } else if (kind == 1) {
    g.Emit(ops::Fifo(0));
  } else {
    g.Emit(ops::Pipe2(kONonblock));
  }
  name = Fd::Output(g.shadow().size() - 1, 0);
  if (g.shadow().Number(name) < 0) return;
  if (kind >= 2) {
    end[0] = name, end[1] = Fd::Output(g.shadow().size() - 1, 1);
  } else {
    g.Emit(ops::Reopen(name, kORdwr | kONonblock));
    end[0] = end[1] = Fd::Output(g.shadow().size() - 1, 0);
    if (kind == 0 && r.OneIn(3)) end[1] = name;
  }
  g.Emit(ops::InotifyAdd(inotify, name, r.OneIn(3) ? WatchMask(&r) : kInAllEvents));
  if (r.OneIn(3)) g.Emit(ops::InotifyAdd(inotify, other[r.Below(2)], kInAllEvents));
  constexpr uint32_t kMasks[] = {kIn, kIn, kIn | kEt, kIn | kEt, kPri, kRdnorm | kEt, kIn | kOneshot};
  g.Emit(ops::Add(g.Operand(ep), inotify, r.Pick(kMasks), g.Data()));
  if (kind != 0 && r.OneIn(2)) g.Emit(ops::Add(g.Operand(ep), end[r.Below(2)], kIn | kOut | kEt, g.Data()));
  for (uint32_t i = r.Between(4, 16); i > 0; --i) {
    switch (r.Below(16)) {
      case 0:
      case 1:
        g.Emit(ops::Write(end[1], 1 + r.Below(4)));
        break;
      case 2:
        g.Emit(ops::Read(end[0], r.Below(3)));
        break;
      case 3:
        g.Emit(r.OneIn(2) ? ops::Readv(end[0], r.Below(2), r.Below(2)) : ops::Writev(end[1], r.Below(2), 0, 1, 0));
        break;
      case 4:
        g.Emit(ops::Fchmod(r.OneIn(6) ? g.Mistaken(n) : end[r.Below(2)], r.OneIn(2) ? 0600 : 0700));
        break;
      case 5:
        g.Emit(ops::Reopen(name, (r.OneIn(4) ? kOPath : r.Below(3)) | kONonblock));
        if (r.Below(3) != 0) g.Emit(ops::Close(Fd::Output(g.shadow().size() - 1, 0)));
        break;
      case 6:
        g.Emit(ops::Close(r.OneIn(2) ? name : end[r.Below(2)]));
        break;
      case 7:
        g.Emit(r.OneIn(3)   ? ops::Tee(end[0], other[1], 1 + r.Below(3))
               : r.OneIn(2) ? ops::Splice(end[0], other[1], 1 + r.Below(3))
                            : ops::Splice(other[0], end[1], 1 + r.Below(3)));
        break;
      case 8:
        g.Emit(r.OneIn(2) ? ops::Vmsplice(end[r.Below(2)], 1) : ops::Sendfile(other[1], end[0], 1 + r.Below(3)));
        if (r.OneIn(2)) g.Emit(ops::Write(other[1], 2));
        break;
      case 9:
        g.Emit(ops::InotifyRm(r.OneIn(8) ? g.Mistaken(n) : inotify, 1 + static_cast<int32_t>(r.Skewed(2))));
        break;
      case 10:
        g.Emit(ops::InotifyAdd(r.OneIn(8) ? g.Mistaken(n) : inotify, r.OneIn(8) ? g.Mistaken(n) : name, WatchMask(&r)));
        break;
      case 11:
      case 12:
        Read(g, inotify);
        break;
      case 13:
        g.Emit(r.OneIn(2) ? ops::IoctlInt(Call::kFionread, inotify, 0) : ops::Poll({{inotify, kIn | kRdnorm}}));
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  g.Wait(ep, 32);
  g.Emit(ops::InotifyRead(inotify, 4096));
}

constexpr Scene kScenes[] = {{4, &Events}};

}  // namespace

// To close an inotify that watched something takes the kernel milliseconds.
constexpr Habits kInotifyHabits = {.type = "inotify",
                                   .kind = FileKind::kInotify,
                                   .lots = 2,
                                   .usual = &Usual,
                                   .create = &Create,
                                   .ready = &Ready,
                                   .unready = &Unready,
                                   .scenes = kScenes,
                                   .rarity = 240};

}  // namespace pollux
