// timerfd: expirations pending, through the operations that no clock decides (fs/timerfd.c).

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

// A timer further away than this does not expire while a trace runs, in seconds.
constexpr int64_t kFar = 1000;

}  // namespace

void Model::TimerfdCreate(const Op& op, Outcome* out) {
  const int32_t clock = op.num(0);
  const uint32_t flags = op.u32(1);
  const bool known = clock == kClockMonotonic || clock == kClockRealtime || clock == kClockBoottime;
  if (clock == 8 || clock == 9) {
    out->Clear(), out->kind = Outcome::kSkipped, out->note = "timerfd_create: alarm clocks need a capability";
    return;
  }
  if (rules_(Rule::kTimerfdCreate, !known || (flags & ~(kOCloexec | kONonblock)) != 0)) return out->Error(kEINVAL);
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id id = state_.timerfds.New();
  Open(NewFile(FileType::kTimerfd, kORdwr | (flags & kONonblock), id), (flags & kOCloexec) != 0, out);
}

void Model::TimerfdSettime(const Op& op, Outcome* out) {
  const uint32_t flags = op.u32(1);
  int64_t t[4];  // value and interval: seconds, nanoseconds
  for (int i = 0; i < 4; ++i) t[i] = static_cast<int64_t>(op.arg[2 + i]);
  const auto valid = [](int64_t sec, int64_t nsec) { return sec >= 0 && nsec >= 0 && nsec < 1000000000; };
  const bool sane = (flags & ~(kTfdTimerAbstime | kTfdTimerCancelOnSet)) == 0 && valid(t[0], t[1]) && valid(t[2], t[3]);
  if (rules_(Rule::kTimerfdSettimeInvalid, !sane)) return out->Error(kEINVAL);
  const Id id = Usable(op.num(0));
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const File& f = state_.files[id];
  if (rules_(Rule::kTimerfdNot, f.type != FileType::kTimerfd, id)) return out->Error(kEINVAL);
  const bool disarms = t[0] == 0 && t[1] == 0;
  if (!disarms && (flags != 0 || t[0] < kFar)) {
    out->Clear(), out->kind = Outcome::kSkipped, out->note = "timerfd_settime: a timer that may expire";
    return;
  }
  if (rules_(Rule::kTimerfdSettimeClears, true, f.object)) state_.timerfds[f.object].ticks = 0;
  out->Value(0);
}

void Model::TimerfdTicks(const Op& op, Outcome* out) {
  const Id id = Usable(op.num(0));
  const uint64_t ticks = op.arg[1];
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const File& f = state_.files[id];
  if (rules_(Rule::kTimerfdTicksNot, f.type != FileType::kTimerfd, id)) {
    return out->Error(f.type == FileType::kEpoll && !Has(Quirk::kNoParams) ? kEINVAL : kENOTTY);
  }
  if (rules_(Rule::kTimerfdTicksZero, ticks == 0)) return out->Error(kEINVAL);
  Timerfd& t = state_.timerfds[f.object];
  t.ticks = ticks;
  if (rules_(Rule::kTimerfdTicksWake, true, f.object)) Notify(t.queue, kIn);
  out->Value(0);
}

void Model::TimerfdWait(const File& file, Queues* queues) { (*queues)[0] = &state_.timerfds[file.object].queue; }

uint32_t Model::TimerfdMask(const File& file) {
  return rules_(Rule::kTimerfdIn, state_.timerfds[file.object].ticks > 0, file.object) ? kIn : 0;
}

void Model::TimerfdRead(const File& file, Memory memory, int64_t n, Outcome* out) {
  Timerfd& t = state_.timerfds[file.object];
  if (rules_(Rule::kTimerfdReadShort, n < 8)) return out->Error(kEINVAL);
  if (rules_(Rule::kTimerfdEmpty, t.ticks == 0, file.object)) {
    return WouldSleep((file.flags & kONonblock) != 0, out);
  }
  const uint64_t ticks = t.ticks;
  t.ticks = 0;
  const int64_t room = Copyable(memory, true);
  if (Has(Quirk::kTimerfdReadFaults) && room < 8) return out->Error(kEFAULT);
  if (rules_(Rule::kMemoryFault, room == 0)) return out->Error(kEFAULT);
  // copy_to_iter(): what could be copied is the result.
  if (rules_(Rule::kTimerfdReadPartial, room < 8)) return out->Value(room);
  out->Value(8);
  out->has_payload = true, out->payload = ticks;
}

}  // namespace pollux
