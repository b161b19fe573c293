// Traces with pipes.

#include "fuzz/generator.h"
#include "fuzz/habits.h"
#include "fuzz/ops.h"
#include "model/abi.h"

namespace pollux {
namespace {

constexpr uint32_t kPage = 4096;
constexpr uint32_t kPages[] = {1, 1, 1, 2, 2, 4, 16, 3, 5, 8, 32, 0, 256};

uint32_t UsualWriter(Random* random) { return random->Chance(230) ? kOut : kIn; }

int32_t Create(Generator& g, uint32_t flags, uint32_t end) {
  Random& r = g.random();
  g.Emit(ops::Pipe2(flags | (g.OddFlag() ? kODirect : 0)));
  const uint32_t at = g.shadow().size() - 1;
  // A short pipe is soon full.
  if (r.OneIn(4)) g.Emit(ops::Fcntl(Fd::Output(at, 1), kFSetpipeSz, kPage * r.Between(1, 2)));
  return g.shadow().Number(Fd::Output(at, end));
}

void WriteSome(Generator& g, int32_t writer) {
  Random& r = g.random();
  if (writer < 0) return;
  g.Emit(ops::Write(g.Operand(writer), r.OneIn(24) ? 0 : r.Chance(180) ? 1 : PipeBytes(&r)));
}

void ReadSome(Generator& g, int32_t reader) {
  Random& r = g.random();
  if (reader >= 0) g.Emit(ops::Read(g.Operand(reader), r.OneIn(2) ? 65536 : PipeBytes(&r)));
}

void Drain(Generator& g, const Shadow::File& file) {
  Random& r = g.random();
  g.Emit(ops::Read(g.Operand(file.number), r.Below(4) != 0 ? 65536 : PipeBytes(&r)));
}

void FillUp(Generator& g, const Shadow::File& file) {
  Random& r = g.random();
  g.Emit(ops::Write(g.Operand(file.number), r.Below(4) != 0 ? 65536 : PipeBytes(&r)));
}

void Fill(Generator& g, Fd fd) {
  g.Emit(ops::Write(fd, 65536));
  if (g.random().OneIn(2)) g.Emit(ops::Write(fd, 65536));
}

// Resizing notifies with key 0 (R4.2.4); so does the other end's close.
void Nudge(Generator& g, const Shadow::File& file) {
  Random& r = g.random();
  const int32_t other = g.shadow().file(file.peer).number;
  const int32_t n = file.number >= 0 ? file.number : other;
  if (file.kind == FileKind::kPipeRead && other >= 0 && r.OneIn(2)) {
    g.Emit(ops::Close(g.Operand(other)));
  } else if (n >= 0) {
    g.Emit(ops::Fcntl(g.Operand(n), kFSetpipeSz, kPage * r.Pick(kPages)));
  }
}

// Full, not full; slots rather than bytes; failing writes (R4.2.2 to R4.2.5, R4.2.9).
void Edges(Generator& g, int32_t ep) {
  Random& r = g.random();
  g.Emit(ops::Pipe2(kONonblock));
  const Fd reader = Fd::Output(g.shadow().size() - 1, 0), writer = Fd::Output(g.shadow().size() - 1, 1);
  if (g.shadow().Number(reader) < 0) return;
  const uint32_t slots = r.OneIn(4) ? 16 : r.Between(1, 2);
  if (slots != 16) g.Emit(ops::Fcntl(r.OneIn(2) ? reader : writer, kFSetpipeSz, slots * kPage));
  if (r.Below(4) != 0) g.Emit(ops::Add(g.Operand(ep), writer, kOut | (r.Below(4) != 0 ? kEt : 0), g.Data()));
  if (r.OneIn(2)) g.Emit(ops::Add(g.Operand(ep), reader, kIn | (r.OneIn(2) ? kEt : 0), g.Data()));
  for (uint32_t i = r.Between(2, 7); i > 0; --i) {
    switch (r.Below(7)) {
      case 0:
      case 1:
        g.Emit(ops::Write(writer, r.OneIn(2) ? slots * kPage : PipeBytes(&r)));
        break;
      case 2:
        g.Emit(ops::Read(reader, r.OneIn(2) ? PipeBytes(&r) : kPage));
        break;
      case 3:
        g.Emit(ops::Read(reader, 1));
        break;
      case 4:
        if (r.OneIn(2)) g.Emit(ops::Fcntl(writer, kFSetpipeSz, kPage * r.Pick(kPages)));
        break;
      default:
        g.Wait(ep, 32);
    }
  }
  if (r.OneIn(3)) g.Emit(ops::Close(r.OneIn(2) ? reader : writer));
  g.Wait(ep, 32);
}

// Packet mode: every write has a slot of its own (R4.2.8).
void Packets(Generator& g, int32_t ep) {
  Random& r = g.random();
  g.Emit(ops::Pipe2(kONonblock | (r.OneIn(2) ? kODirect : 0)));
  const Fd reader = Fd::Output(g.shadow().size() - 1, 0), writer = Fd::Output(g.shadow().size() - 1, 1);
  if (g.shadow().Number(reader) < 0) return;
  const uint32_t slots = r.Between(1, 4);
  g.Emit(ops::Fcntl(writer, kFSetpipeSz, slots * kPage));
  g.Emit(ops::Add(g.Operand(ep), r.OneIn(2) ? writer : reader, kIn | kOut | (r.OneIn(2) ? kEt : 0), g.Data()));
  for (uint32_t i = r.Between(3, 9); i > 0; --i) {
    switch (r.Below(6)) {
      case 0:
        g.Emit(ops::Fcntl(writer, kFSetfl, kONonblock | (r.OneIn(2) ? kODirect : 0)));
        break;
      case 1:
        g.Emit(ops::Read(reader, r.OneIn(2) ? 1 : PipeBytes(&r)));
        break;
      case 2:
        g.Wait(ep, 32);
        break;
      default:
        g.Emit(ops::Write(writer, r.OneIn(2) ? 1 : PipeBytes(&r)));
    }
  }
  g.Emit(ops::Poll({{reader, kIn}, {writer, kOut}}));
  g.Wait(ep, 32);
}

constexpr Scene kScenes[] = {{4, &Edges}, {2, &Packets}};

}  // namespace

constexpr Habits kPipeReadHabits = {
    .type = "pipe",
    .kind = FileKind::kPipeRead,
    .lots = 6,
    .usual = &MostlyIn,
    .create = [](Generator& g, uint32_t flags) { return Create(g, flags, 0); },
    .ready = [](Generator& g, const Shadow::File& file) { WriteSome(g, g.shadow().file(file.peer).number); },
    .unready = &Drain,
    .nudge = &Nudge,
    .scenes = kScenes};

constexpr Habits kPipeWriteHabits = {
    .type = "pipe",
    .kind = FileKind::kPipeWrite,
    .lots = 4,
    .usual = &UsualWriter,
    .create = [](Generator& g, uint32_t flags) { return Create(g, flags, 1); },
    .ready = [](Generator& g, const Shadow::File& file) { ReadSome(g, g.shadow().file(file.peer).number); },
    .unready = &FillUp,
    .nudge = &Nudge,
    .fill = &Fill};

}  // namespace pollux
