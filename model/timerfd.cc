// timerfd: expirations pending (fs/timerfd.c), of timers whose time has come or is far away: no clock decides.

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

void Skip(const char* why, Outcome* out) { out->Clear(), out->kind = Outcome::kSkipped, out->note = why; }

// An interval that no clock which counts from the start of the machine has reached, in seconds.
constexpr int64_t kFarDays = 1000000000;

bool Periodic(const Timerfd& t) { return t.interval[0] != 0 || t.interval[1] != 0; }

}  // namespace

void Model::TimerfdCreate(const Op& op, Outcome* out) {
  const int32_t clock = op.num(0);
  const uint32_t flags = op.u32(1);
  const bool known = clock == kClockMonotonic || clock == kClockRealtime || clock == kClockBoottime;
  if (clock == 8 || clock == 9) return Skip("timerfd_create: alarm clocks need a capability", out);
  if (rules_(Rule::kTimerfdCreate, !known || (flags & ~(kOCloexec | kONonblock)) != 0)) return out->Error(kEINVAL);
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id id = state_.timerfds.New();
  state_.timerfds[id].clock = clock;
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
  Timerfd& timer = state_.timerfds[f.object];
  const bool armed = t[0] != 0 || t[1] != 0, periodic = t[2] != 0 || t[3] != 0;
  const bool at_once = ExpiresAtOnce(flags, t[0], t[1]);
  if (armed && !at_once && t[0] < ((flags & kTfdTimerAbstime) != 0 ? kFarAbsolute : kFarSeconds)) {
    return Skip("timerfd_settime: a timer that may expire", out);
  }
  // How often it has expired since then: since the epoch, that is what day it is.
  const bool dated = timer.clock == kClockRealtime && (flags & kTfdTimerAbstime) != 0;
  if (at_once && periodic && !NearInterval(t[2], t[3]) && (dated || t[2] < kFarDays)) {
    return Skip("timerfd_settime: an interval that may have passed", out);
  }
  if (rules_(Rule::kTimerfdSettimeClears, true, f.object)) timer.ticks = 0;
  timer.expired = false;
  timer.interval[0] = t[2], timer.interval[1] = t[3];
  SetCancel(f.object, dated && (flags & kTfdTimerCancelOnSet) != 0);
  // It is set all the same.
  const bool canceled = armed && Canceled(f.object);
  canceled ? out->Error(kECANCELED) : out->Value(0);
  if (rules_(Rule::kTimerfdExpires, at_once, f.object)) TimerExpires(f.object);
}

// timerfd_setup_cancel()
void Model::SetCancel(Id timer, bool cancel) {
  Timerfd& t = state_.timerfds[timer];
  if (cancel == t.might_cancel) return;
  t.might_cancel = cancel;
  cancel ? CancelList::PushFront(state_.timerfds, state_.cancel, timer)
         : CancelList::Remove(state_.timerfds, state_.cancel, timer);
}

// timerfd_canceled()
bool Model::Canceled(Id timer) {
  Timerfd& t = state_.timerfds[timer];
  if (!rules_(Rule::kTimerfdCanceled, t.might_cancel && t.jumped, timer)) return false;
  t.jumped = false;
  return true;
}

// timerfd_clock_was_set(), twice: the clock goes ahead, and back.
void Model::JumpClock(Outcome* out) {
  for (int jump = 0; jump < 2; ++jump) {
    Id id = state_.cancel.head;
    for (uint32_t i = state_.cancel.size; i > 0 && id != kNil; --i) {
      Timerfd& t = state_.timerfds[id];
      const Id next = t.in_cancel.next;
      if (rules_(Rule::kTimerfdJump, true, id)) {
        t.jumped = true, ++t.ticks;
        Notify(t.queue, kIn);
      }
      id = next;
    }
  }
  out->Value(0);
}

void Model::TimerfdRelease(const File& file) {
  SetCancel(file.object, false);
  state_.timerfds.Free(file.object);
}

// timerfd_triggered(). A periodic timer stands still from here on until somebody restarts it (R4.9.2).
void Model::TimerExpires(Id id) {
  Timerfd& t = state_.timerfds[id];
  ++t.ticks, t.expired = true;
  if (rules_(Rule::kTimerfdExpiryWakes, true, id)) Notify(t.queue, kIn);
}

// do_timerfd_gettime(): it restarts an expired periodic timer, as a read does. Where the interval is long nobody can
// tell.
void Model::TimerfdGettime(const Op& op, Outcome* out) {
  const Id id = Usable(op.num(0));
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const File& f = state_.files[id];
  if (rules_(Rule::kTimerfdNot, f.type != FileType::kTimerfd, id)) return out->Error(kEINVAL);
  Timerfd& t = state_.timerfds[f.object];
  const bool restarts = t.expired && Periodic(t);
  if (restarts && NearInterval(t.interval[0], t.interval[1])) {
    return Skip("timerfd_gettime: nobody sees when the timer has expired again", out);
  }
  if (restarts) t.expired = false;
  out->Clear(), out->nvalues = 3;
  out->value[1] = t.interval[0], out->value[2] = t.interval[1];
}

void Model::TimerfdTicks(const Op& op, Outcome* out) {
  const Id id = Usable(op.num(0));
  const uint64_t ticks = op.arg[1];
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const File& f = state_.files[id];
  if (rules_(Rule::kTimerfdTicksNot, f.type != FileType::kTimerfd, id)) {
    return out->Error(NoIoctl(id));
  }
  if (rules_(Rule::kTimerfdTicksZero, ticks == 0)) return out->Error(kEINVAL);
  Timerfd& t = state_.timerfds[f.object];
  if (Canceled(f.object)) return out->Error(kECANCELED);
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
  const bool waits = t.ticks == 0 && (file.flags & kONonblock) == 0;
  if (!waits && Canceled(file.object)) {
    t.ticks = 0, t.expired = false;
    return out->Error(kECANCELED);
  }
  if (rules_(Rule::kTimerfdEmpty, t.ticks == 0, file.object)) {
    return WouldSleep((file.flags & kONonblock) != 0, out);
  }
  const uint64_t ticks = t.ticks;
  t.ticks = 0;
  const bool restarts = rules_(Rule::kTimerfdReadRestarts, t.expired && Periodic(t), file.object);
  const bool expires = restarts && NearInterval(t.interval[0], t.interval[1]);
  t.expired = false;
  // The interval has passed when the call returns; nobody knows how often before.
  if (expires) TimerExpires(file.object);
  const int64_t room = Copyable(memory, true);
  if (Has(Quirk::kTimerfdReadFaults) && room < 8) return out->Error(kEFAULT);
  if (rules_(Rule::kMemoryFault, room == 0)) return out->Error(kEFAULT);
  // copy_to_iter(): what could be copied is the result.
  if (rules_(Rule::kTimerfdReadPartial, room < 8)) return out->Value(room);
  out->Value(8);
  if (expires) {
    out->among = "timerfd: how often a periodic timer has expired";
  } else {
    out->has_payload = true, out->payload = ticks;
  }
}

}  // namespace pollux
