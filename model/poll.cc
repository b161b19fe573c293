// poll(2), ppoll(2) and select(2) (fs/select.c): what they ask each descriptor, and what they make of its mask.

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

// What puts a descriptor into each of select's three sets.
constexpr uint32_t kReadSet = kRdnorm | kRdband | kIn | kHup | kErr | kNval;
constexpr uint32_t kWriteSet = kWrband | kWrnorm | kOut | kErr | kNval;
constexpr uint32_t kExceptSet = kPri | kNval;

// The three sets of a select, as bits by number.
struct Asked {
  uint64_t set[3] = {};  // IN, PRI, OUT: by the bit that stands for the set
  uint64_t all = 0;
  bool any = false;

  explicit Asked(const Op& op) {
    for (size_t i = 0; i < op.npoll; ++i) {
      const int32_t fd = op.poll_fd(i).number();
      if (fd < 0 || fd >= 64) continue;  // stands in no set
      any = true;
      if (op.mem(0).kind() == Memory::kNull) continue;
      for (int s = 0; s < 3; ++s) set[s] |= uint64_t{(op.poll_events(i) >> s & 1u) != 0} << fd;
    }
    all = set[0] | set[1] | set[2];
  }
  uint32_t Sets(int32_t fd) const {
    return static_cast<uint32_t>((set[0] >> fd & 1) | (set[1] >> fd & 1) << 1 | (set[2] >> fd & 1) << 2);
  }
};

}  // namespace

// The mask of an open number; NVAL if no file can be polled there.
uint32_t Model::PollNumber(int32_t fd, uint32_t requested) {
  const Id file = Usable(fd);
  return rules_(Rule::kPollNval, file == kNil) ? kNval : PollMask(file, requested);
}

// The way back of a call that has polled a set: it sleeps, or stores what it found.
void Model::SetReturned(Memory set, bool ready, bool sleeps, bool interrupted, Outcome* out) {
  if (!ready && !interrupted && rules_(Rule::kPollBlocks, sleeps)) {
    out->Clear(), out->kind = Outcome::kBlocked;
  } else if (rules_(Rule::kPollStoreFault, set.kind() == Memory::kReadonly && !out->records.empty())) {
    out->Error(kEFAULT);
  } else if (interrupted) {
    Interrupted(out);
  }
}

// do_sys_poll()
void Model::Poll(const Op& op, Outcome* out) {
  Memory set;
  bool for_ever = false;
  if (op.call == Call::kPpoll) {
    set = op.mem(0);
    if (!TimeGiven(op, 1, &for_ever, out) || !SigmaskGiven(op, 4, out)) return;
  } else {
    for_ever = op.num(0) < 0;
  }
  if (rules_(Rule::kPollTooMany, op.npoll > state_.nofile)) return out->Error(kEINVAL);
  if (rules_(Rule::kPollFault, !InRange(set) || Copyable(set, false) < 1)) return out->Error(kEFAULT);
  PollSet(op, set, for_ever || Lasts(op), out);
}

// do_poll(): one round over the set, which names numbers anew each time.
void Model::PollSet(const Op& op, Memory set, bool sleeps, Outcome* out) {
  out->Clear();
  out->kind = Outcome::kRecords;
  bool ready = false;
  for (size_t i = 0; i < op.npoll; ++i) {
    const int32_t fd = op.poll_fd(i).number();
    uint32_t revents = 0;
    if (!rules_(Rule::kPollNegative, fd < 0)) {
      uint32_t want = op.poll_events(i) | kNval;
      if (rules_(Rule::kPollErrHup, true)) want |= kErr | kHup;
      revents = PollNumber(fd, want) & want;
    }
    out->records.push_back({revents & 0xffff});
    ready |= revents != 0;
  }
  // do_poll(): signals are looked at before the time is, so that a mere look is interrupted, too.
  const bool signal = op.call == Call::kPpoll && LetsThrough(op, 4);
  SetReturned(set, ready, sleeps, rules_(Rule::kPollInterrupted, signal && !ready), out);
}

// core_sys_select() and do_select(): numbers are asked in ascending order, each once.
void Model::Select(const Op& op, Outcome* out) {
  const Memory set = op.mem(0), time = op.mem(1);
  const bool for_ever = time.kind() == Memory::kNull;
  if (!for_ever) {
    if (rules_(Rule::kSelectTimeFault, !InRange(time) || Copyable(time, false) < 1)) return out->Error(kEFAULT);
    // Microseconds need not be below a million, but what is left of them must not be negative.
    const int64_t usec = static_cast<int64_t>(op.arg[3]);
    const int64_t sec = static_cast<int64_t>(op.arg[2] + static_cast<uint64_t>(usec / 1000000));
    if (rules_(Rule::kSelectTimeInvalid, sec < 0 || usec % 1000000 < 0)) return out->Error(kEINVAL);
  }
  const Asked asked(op);
  const bool any = asked.any, null = set.kind() == Memory::kNull;
  if (rules_(Rule::kPollFault, any && !null && (!InRange(set) || Copyable(set, false) < 1))) return out->Error(kEFAULT);
  for (int32_t fd = 0; fd < 64; ++fd) {
    if ((asked.all >> fd & 1) != 0 && rules_(Rule::kSelectBad, FileAt(fd) == kNil, static_cast<uint32_t>(fd)))
      return out->Error(kEBADF);
  }
  SelectSets(op, for_ever || Lasts(op), out);
}

// What a select that asks of these sets listens to, wait_key_set().
uint32_t Model::SelectKey(uint32_t sets) {
  uint32_t key = kExceptSet;
  if ((sets & kIn) != 0) key |= kReadSet;
  if ((sets & kOut) != 0) key |= kWriteSet;
  return key;
}

// do_select(): one round over the sets.
void Model::SelectSets(const Op& op, bool sleeps, Outcome* out) {
  const Asked asked(op);
  uint32_t found[64] = {};
  bool ready = false;
  for (int32_t fd = 0; fd < 64; ++fd) {
    if ((asked.all >> fd & 1) == 0) continue;
    const uint32_t mask = PollNumber(fd, SelectKey(asked.Sets(fd)));
    uint32_t sets = 0;
    if (rules_(Rule::kSelectRead, (mask & kReadSet) != 0, mask)) sets |= kIn;
    if (rules_(Rule::kSelectWrite, (mask & kWriteSet) != 0, mask)) sets |= kOut;
    if (rules_(Rule::kSelectExcept, (mask & kExceptSet) != 0, mask)) sets |= kPri;
    found[fd] = sets & asked.Sets(fd);
    ready |= found[fd] != 0;
  }
  out->Clear();
  out->kind = Outcome::kRecords;
  for (size_t i = 0; i < op.npoll; ++i) {
    const int32_t fd = op.poll_fd(i).number();
    out->records.push_back({fd < 0 || fd >= 64 ? 0 : found[fd] & op.poll_events(i)});
  }
  SetReturned(asked.any ? op.mem(0) : Memory(), ready, sleeps, false, out);
}

}  // namespace pollux
