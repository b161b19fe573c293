// Traces with files that are opened by name: those that never change, and those that announce changes.

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

// --- Devices, a process's files, attributes ------------------------------------------------------------------------

uint32_t DeviceEvents(Random* random) {
  constexpr uint32_t kMasks[] = {kIn, kIn, kIn | kPri, kPri, kOut, 0, kIn | kOut | kPri};
  return random->Pick(kMasks);
}

Which AnyDevice(Random& r) {
  constexpr Which kPollable[] = {Which::kRandom,    Which::kStat, Which::kSysctl, Which::kPressure,
                                 Which::kAttribute, Which::kFuse, Which::kTun};
  constexpr Which kRefused[] = {Which::kZero,   Which::kFull,        Which::kUrandom, Which::kNamespace,
                                Which::kStatus, Which::kUserfaultfd, Which::kTerminal};
  return r.OneIn(4) ? r.Pick(kRefused) : r.OneIn(3) ? Which::kAttribute : r.Pick(kPollable);
}

int32_t CreateDevice(Generator& g, uint32_t flags) {
  Random& r = g.random();
  if (r.OneIn(8)) {
    const int32_t n = g.Made(ops::Make(Call::kMemfdSecret, {(flags & kOCloexec) | (r.OneIn(4) ? kONonblock : 0)}));
    if (n >= 0) g.Emit(ops::Read(g.Operand(n), r.Below(9)));
  }
  const Which which = AnyDevice(r);
  const uint32_t access = OpensForWriting(which) && r.OneIn(2) ? (r.OneIn(3) ? kOWronly : kORdwr) : 0;
  const int32_t n = g.Made(ops::Open(which, flags | access));
  if (access != 0 && n >= 0 && r.OneIn(2)) g.Emit(ops::Write(g.Operand(n), r.Below(3)));
  return n;
}

// The other doors to what a file holds, and to what it takes.
void Door(Generator& g, Fd fd) {
  Random& r = g.random();
  constexpr Call kRequests[] = {Call::kFionread, Call::kFionread, Call::kFioasync, Call::kFionbio};
  switch (r.Below(8)) {
    case 0:
      return g.Emit(ops::IoctlInt(r.Pick(kRequests), fd, 1, r.OneIn(8) ? g.BadMemory(0) : Memory()));
    case 1:
      return g.Emit(ops::Readv(fd, r.Below(3), r.Below(3)));
    case 2:
      return g.Emit(ops::Writev(fd, r.Below(3), 0, r.Below(3), 0));
    case 3:
      g.Emit(ops::Make(Call::kMemfdCreate, {0}));
      g.Emit(r.OneIn(2) ? ops::Sendfile(Fd::Output(g.shadow().size() - 1, 0), fd, r.Below(4))
                        : ops::Sendfile(fd, Fd::Output(g.shadow().size() - 1, 0), r.Below(4)));
      return;
    default:
      break;
  }
  g.Emit(ops::Pipe2(kONonblock));
  const Fd reader = Fd::Output(g.shadow().size() - 1, 0), writer = Fd::Output(g.shadow().size() - 1, 1);
  constexpr int64_t kOffsets[] = {0, 1, 2, 5, -1};
  const bool far = r.OneIn(8);
  switch (r.Below(5)) {
    case 0:
      return g.Emit(ops::Splice(fd, writer, r.Below(5)));
    case 1:
      return g.Emit(ops::SpliceAt(fd, Memory(), r.Pick(kOffsets), writer, Memory::kNull, 0, r.Below(5)));
    case 2:
      return g.Emit(r.OneIn(2)
                        ? ops::Sendfile(writer, fd, r.Below(5))
                        : ops::SendfileAt(writer, fd, Memory(), far ? kMaxNonLfs + 1 : r.Pick(kOffsets), r.Below(5)));
    default:
      if (!r.OneIn(3)) g.Emit(ops::Write(writer, 3));
      return g.Emit(r.OneIn(2) ? ops::Splice(reader, fd, r.Below(5))
                               : ops::SpliceAt(reader, Memory::kNull, 0, fd, Memory(), r.Pick(kOffsets), r.Below(5)));
  }
}

// Reads tell most of them apart; of an attribute they change the mask.
void UseDevice(Generator& g, const Shadow::File& file) {
  if (file.number < 0) return;
  Random& r = g.random();
  const Fd fd = g.Operand(file.number);
  switch (r.Below(10)) {
    case 8:
    case 9:
      return Door(g, fd);
    case 0:
      return g.Emit(ops::Write(fd, r.Below(9)));
    case 1:
      return g.Emit(ops::Make(Call::kIoctl, {fd.bits(), 0x8a00}));
    case 2:
      return g.Emit(ops::Fcntl(fd, kFSetfl, r.Pick({kOAsync, kONonblock, kOAsync | kONonblock})));
    case 3:
      return g.Emit(ops::Read(fd, r.Below(3), g.BadMemory(3)));
    default:
      return g.Emit(ops::Read(fd, r.Below(4)));
  }
}

// An attribute, read to and fro through two descriptions and a dup, with its watchers asked in between.
void Attribute(Generator& g, int32_t ep) {
  Random& r = g.random();
  const int32_t one = g.Made(ops::Open(Which::kAttribute)), two = g.Made(ops::Open(Which::kAttribute));
  if (one < 0 || two < 0) return;
  const int32_t numbers[] = {one, two, g.Duplicate(one)};
  for (const int32_t n : numbers) {
    if (n >= 0) g.Emit(ops::Add(g.Operand(ep), g.Operand(n), DeviceEvents(&r) | (r.OneIn(3) ? kEt : 0), g.Data()));
  }
  for (uint32_t i = r.Between(2, 6); i > 0; --i) {
    const Fd fd = g.Operand(r.Pick(numbers));
    switch (r.Below(6)) {
      case 5:
        Door(g, fd);
        break;
      case 0:
        g.Emit(ops::Poll({{fd, kIn | kPri | kOut}}));
        break;
      case 1:
        g.Emit(ops::Read(fd, r.Below(4)));
        break;
      case 2:
        g.Emit(ops::Mod(g.Operand(ep), fd, DeviceEvents(&r), g.Data()));
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  g.Wait(ep, 32);
}

constexpr Scene kDeviceScenes[] = {{2, &Attribute}};

// --- Files that announce -------------------------------------------------------------------------------------------

Which AnyAnnouncer(Random& r) {
  constexpr Which kAll[] = {Which::kMounts, Which::kMounts, Which::kMountinfo, Which::kDomainName};
  return r.Pick(kAll);
}

int32_t CreateAnnouncer(Generator& g, uint32_t flags) { return g.Made(ops::Open(AnyAnnouncer(g.random()), flags)); }

void ChangeSomething(Generator& g, const Shadow::File&) {
  g.Emit(ops::Change(g.random().OneIn(3) ? Which::kDomainName : Which::kMounts));
}

// A poll takes what it finds.
void Take(Generator& g, const Shadow::File& file) {
  if (file.number >= 0 && g.random().OneIn(6)) return Door(g, g.Operand(file.number));
  if (file.number >= 0)
    g.Emit(ops::Poll({{g.Operand(file.number), static_cast<uint16_t>(g.random().OneIn(2) ? kIn : 0)}}));
}

// Several descriptions of one namespace, changes between their polls by every way there is to poll.
void Changes(Generator& g, int32_t ep) {
  Random& r = g.random();
  const Which which = AnyAnnouncer(r);
  int32_t numbers[3];
  for (int32_t& n : numbers) n = g.Made(ops::Open(which == Which::kMounts && r.OneIn(3) ? Which::kMountinfo : which));
  if (numbers[2] < 0) return;
  const int32_t outer = r.OneIn(3) ? g.Create(FileKind::kEpoll) : -1;
  if (outer >= 0) g.Emit(ops::Add(g.Operand(outer), g.Operand(ep), kIn | (r.OneIn(2) ? kEt : 0), g.Data()));
  for (const int32_t n : numbers) {
    g.Emit(ops::Add(g.Operand(ep), g.Operand(n), DeviceEvents(&r) | (r.OneIn(2) ? kEt : 0), g.Data()));
  }
  g.Wait(ep, 32);
  for (uint32_t i = r.Between(3, 9); i > 0; --i) {
    const Fd fd = g.Operand(r.Pick(numbers));
    switch (r.Below(8)) {
      case 0:
      case 1:
      case 2:
        g.Emit(ops::Change(which == Which::kDomainName ? which : Which::kMounts));
        break;
      case 3:
        g.Emit(ops::Poll({{fd, kIn | kPri | kOut}}));
        break;
      case 4:
        g.Emit(ops::Mod(g.Operand(ep), fd, DeviceEvents(&r), g.Data()));
        break;
      case 5:
        if (outer >= 0) g.Wait(outer, 4);
        break;
      default:
        g.Wait(ep, r.OneIn(3) ? 1 : 32);
    }
  }
  g.Wait(ep, 32);
}

constexpr Scene kAnnouncerScenes[] = {{3, &Changes}};

}  // namespace

constexpr Habits kDeviceHabits = {.type = "device",
                                  .kind = FileKind::kDevice,
                                  .lots = 2,
                                  .usual = &DeviceEvents,
                                  .create = &CreateDevice,
                                  .ready = &UseDevice,
                                  .unready = &UseDevice,
                                  .scenes = kDeviceScenes,
                                  .rarity = 4};

constexpr Habits kAnnouncerHabits = {.type = "proc",
                                     .kind = FileKind::kAnnouncer,
                                     .lots = 2,
                                     .usual = &DeviceEvents,
                                     .create = &CreateAnnouncer,
                                     .ready = &ChangeSomething,
                                     .unready = &Take,
                                     .scenes = kAnnouncerScenes,
                                     .rarity = 12};

}  // namespace pollux
