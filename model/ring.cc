// An io_uring as a file: its queues, whom its completions notify, and what a poll sees (io_uring/io_uring.c).
//
// A ring lies in memory that the kernel and the process share: to fill the submission queue and to take completions is
// no system call, and notifies nobody. Requests are NOPs, which complete while they are submitted.

#include <algorithm>

#include "model/model.h"

namespace pollux {
namespace {

constexpr uint32_t kMostEntries = 32768;                        // IORING_MAX_ENTRIES
constexpr uint32_t kOnePage = 64;                               // entries, so that either queue is a page
constexpr uint32_t kUnknownFlags = 0xff000000;                  // that no release knows
constexpr uint32_t kGetevents = 1, kUnknownEnter = 0xffff0000;  // IORING_ENTER_GETEVENTS
constexpr uint32_t kCompletionKey = kIn | kUringWake;

void Skipped(const char* why, Outcome* out) { out->Clear(), out->kind = Outcome::kSkipped, out->note = why; }

}  // namespace

void Model::RingSetup(const Op& op, Outcome* out) {
  const uint32_t entries = op.u32(0), flags = op.u32(1);
  if (flags != 0 && (flags & kUnknownFlags) == 0) return Skipped("a ring of another kind", out);
  if (rules_(Rule::kRingFlags, flags != 0)) return out->Error(kEINVAL);
  if (rules_(Rule::kRingEntries, entries == 0 || entries > kMostEntries)) return out->Error(kEINVAL);
  if (entries > kOnePage) return Skipped("a ring of more than a page", out);
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id id = state_.rings.New();
  Ring& r = state_.rings[id];
  r.sq_entries = 1;
  while (rules_(Rule::kRingRounded, r.sq_entries < entries, id) && r.sq_entries < kOnePage) r.sq_entries *= 2;
  r.cq_entries = 2 * r.sq_entries;
  Open(NewFile(FileType::kRing, kORdwr, id), rules_(Rule::kRingCloexec, true, id), out);
}

void Model::RingWait(const File& file, Queues* queues) { (*queues)[0] = &state_.rings[file.object].queue; }

uint32_t Model::RingMask(const File& file) {
  const Ring& r = state_.rings[file.object];
  uint32_t mask = 0;
  if (rules_(Rule::kRingOut, r.submissions < r.sq_entries, file.object)) mask |= kOut | kWrnorm;
  const bool any = rules_(Rule::kRingIn, r.completions > 0, file.object);
  if (rules_(Rule::kRingOverflowIn, any || r.overflow > 0, file.object)) mask |= kIn | kRdnorm;
  return mask;
}

// The ring that the number stands for; kNil where there is none, and then the outcome.
Id Model::RingAt(int32_t fd, Errno otherwise, Outcome* out) {
  const Id id = Usable(fd);
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF), kNil;
  const bool none = state_.files[id].type != FileType::kRing;
  if (otherwise == kOK && none) return Skipped("not a ring", out), kNil;
  if (rules_(Rule::kRingNot, none, id)) return out->Error(otherwise), kNil;
  if (none) return out->Value(0), kNil;  // only where the rule is planted
  return state_.files[id].object;
}

// Language ops: up to n NOPs more in the submission queue, up to n completions taken off the other.
void Model::RingPush(const Op& op, Outcome* out) {
  const Id id = RingAt(op.num(0), kOK, out);
  if (id == kNil) return;
  Ring& r = state_.rings[id];
  const int64_t n = std::min<int64_t>(op.u32(1), r.sq_entries - r.submissions);
  r.submissions += n;
  out->Value(n);
}

void Model::RingReap(const Op& op, Outcome* out) {
  const Id id = RingAt(op.num(0), kOK, out);
  if (id == kNil) return;
  Ring& r = state_.rings[id];
  const int64_t n = std::min<int64_t>(op.u32(1), r.completions);
  r.completions -= n;
  out->Value(n);
}

// io_uring_enter(2) that waits for nothing.
void Model::RingEnter(const Op& op, Outcome* out) {
  const uint32_t submit = op.u32(1), flags = op.u32(2);
  if ((flags & ~kGetevents) != 0 && (flags & kUnknownEnter) == 0) return Skipped("entering in another way", out);
  if (rules_(Rule::kRingEnterFlags, (flags & ~kGetevents) != 0)) return out->Error(kEINVAL);
  const Id id = RingAt(op.num(0), kEOPNOTSUPP, out);
  if (id == kNil) return;
  Ring& r = state_.rings[id];
  const int64_t n = std::min<int64_t>(submit, r.submissions);
  for (int64_t i = 0; i < n; ++i) Complete(id);
  r.submissions -= n;
  // io_cq_unlock_post(), once for all that completed.
  if (rules_(Rule::kRingWakes, n > 0, id)) Notify(r.queue, kCompletionKey);
  out->Value(n);
  if (rules_(Rule::kRingSubmittedLess, n < submit, id)) return;
  if ((flags & kGetevents) != 0) FlushOverflow(id);
}

// io_cqe_cache_refill(): behind one that found no room there is none for others, until that one was moved.
void Model::Complete(Id id) {
  Ring& r = state_.rings[id];
  const bool full = r.completions >= r.cq_entries;
  if (rules_(Rule::kRingOverflows, full || rules_(Rule::kRingOverflowOrder, r.overflow > 0, id), id)) {
    ++r.overflow;
  } else {
    ++r.completions;
  }
}

// __io_cqring_overflow_flush()
void Model::FlushOverflow(Id id) {
  Ring& r = state_.rings[id];
  const int64_t n = std::min(r.overflow, r.cq_entries - r.completions);
  if (!rules_(Rule::kRingFlushes, n > 0, id)) return;
  r.overflow -= n, r.completions += n;
  if (rules_(Rule::kRingFlushWakes, true, id)) Notify(r.queue, kCompletionKey);
}

}  // namespace pollux
