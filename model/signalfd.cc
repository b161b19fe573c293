// Signals that nobody handles, and signalfd, which reads them (fs/signalfd.c, kernel/signal.c).
//
// All of a trace's signals are blocked (abi.h). Where a signalfd waits is the process's queue of all signalfds; whether
// it is readable depends on who asks, which is always the same thread here.

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

constexpr int64_t kRecord = 128;     // sizeof(struct signalfd_siginfo)
constexpr size_t kMostSignals = 64;  // pending at a time; users have a limit

constexpr char kOneProcess[] = "signals beside a second process";

}  // namespace

// do_signalfd4()
void Model::Signalfd4(const Op& op, Outcome* out) {
  if (state_.second) return Unmodelled(kOneProcess, out);
  const Memory memory = op.mem(1);
  const uint32_t mask = op.u32(2), flags = op.u32(3);
  if (rules_(Rule::kMemoryFault, !InRange(memory) || Copyable(memory, false) < 1)) return out->Error(kEFAULT);
  if (rules_(Rule::kSignalfdFlags, (flags & ~(kOCloexec | kONonblock)) != 0)) return out->Error(kEINVAL);
  if (op.num(0) == -1) {
    if (LowestFree(0) < 0) return out->Error(kEMFILE);
    const Id id = state_.signalfds.New();
    state_.signalfds[id].mask = mask;
    return Open(NewFile(FileType::kSignalfd, kORdwr | (flags & kONonblock), id), (flags & kOCloexec) != 0, out);
  }
  const Id id = Usable(op.num(0));
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const File& f = state_.files[id];
  if (rules_(Rule::kSignalfdNot, f.type != FileType::kSignalfd, id)) return out->Error(kEINVAL);
  state_.signalfds[f.object].mask = mask;
  if (rules_(Rule::kSignalfdMaskWakes, true, f.object)) Notify(state_.signal_queue, 0);
  out->Value(op.num(0));
}

uint32_t Model::SignalfdMask(const File& file) {
  const uint32_t mask = state_.signalfds[file.object].mask;
  bool pending = false;
  for (const PendingSignal& s : state_.signals) pending |= (SignalBit(s.signal) & mask) != 0;
  return rules_(Rule::kSignalfdIn, pending, file.object) ? kIn : 0;
}

// __send_signal_locked(): of standard signals one at a time is pending, for the thread and for the process.
void Model::SendSignal(const Op& op, Outcome* out) {
  const int32_t signal = op.num(0);
  const bool shared = op.call != Call::kRaise;
  if (state_.second) return Unmodelled(kOneProcess, out);
  if (rules_(Rule::kSignalRange, signal < 0 || signal > kLastSignal)) return out->Error(kEINVAL);
  out->Value(0);
  if (signal == 0) return;
  bool merged = false;
  for (const PendingSignal& s : state_.signals) merged |= s.signal == signal && s.shared == shared;
  if (rules_(Rule::kSignalMerged, merged && signal < kFirstRealtime)) return;
  if (state_.signals.size() >= kMostSignals) return Unmodelled("more signals are pending than everybody may have", out);
  if (rules_(Rule::kSignalWakes, true)) Notify(state_.signal_queue, 0);
  state_.signals.push_back({signal, op.call == Call::kSigqueue ? op.num(1) : 0, shared});
}

// dequeue_signal(): false if none of the mask is pending.
bool Model::DequeueSignal(uint32_t mask, PendingSignal* signal) {
  size_t best = state_.signals.size();
  for (size_t i = 0; i < state_.signals.size(); ++i) {
    const PendingSignal& s = state_.signals[i];
    if ((SignalBit(s.signal) & mask) == 0) continue;
    if (best == state_.signals.size()) {
      best = i;
      continue;
    }
    const PendingSignal& b = state_.signals[best];
    const bool own = !s.shared && b.shared, others = s.shared && !b.shared;
    if (rules_(Rule::kSignalOwnFirst, own)) {
      best = i;
    } else if (!others && rules_(Rule::kSignalLowest, s.shared == b.shared && s.signal < b.signal)) {
      best = i;
    }
  }
  if (best == state_.signals.size()) return false;
  *signal = state_.signals[best];
  state_.signals.erase(state_.signals.begin() + static_cast<ptrdiff_t>(best));
  return true;
}

// signalfd_read_iter(): only the first signal is waited for.
void Model::TakeSignals(const File& file, int64_t most, int64_t room, Outcome* out) {
  const uint32_t mask = state_.signalfds[file.object].mask;
  out->Clear(), out->kind = Outcome::kRecords;
  PendingSignal signal;
  if (rules_(Rule::kSignalfdReadShort, most <= 0)) return out->Error(kEINVAL);
  while (static_cast<int64_t>(out->records.size()) < most) {
    if (!out->records.empty() && !rules_(Rule::kSignalfdReadMore, true, file.object)) return;
    if (!DequeueSignal(mask, &signal)) {
      if (rules_(Rule::kSignalfdEmpty, out->records.empty(), file.object)) {
        WouldSleep((file.flags & kONonblock) != 0, out);
      }
      return;
    }
    if (rules_(Rule::kSignalfdFault, static_cast<int64_t>(out->records.size()) >= room)) {
      if (out->records.empty()) out->Error(kEFAULT);
      return;
    }
    out->records.push_back({static_cast<uint32_t>(signal.signal), 0, static_cast<uint32_t>(signal.value)});
  }
}

void Model::Signals(const Op& op, Outcome* out) {
  const Id id = Usable(op.num(0));
  const Memory memory = op.mem(1);
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const File f = state_.files[id];
  if (f.type != FileType::kSignalfd) return Unmodelled("signals: records are read from signalfds alone", out);
  if (rules_(Rule::kMemoryRange, !InRange(memory))) return out->Error(kEFAULT);
  TakeSignals(f, static_cast<int64_t>(op.arg[2]), Copyable(memory, true), out);
}

void Model::SignalfdRead(const File& file, Memory memory, int64_t n, Outcome* out) {
  TakeSignals(file, n / kRecord, Copyable(memory, true) / kRecord, out);
  if (out->kind == Outcome::kRecords) out->Value(static_cast<int64_t>(out->records.size()) * kRecord);
}

// --- Signals and calls that sleep ----------------------------------------------------------------------------------

// Does the temporary mask, whose memory is in `slot`, let a pending signal through? It is empty.
bool Model::LetsThrough(const Op& op, size_t slot) {
  return op.mem(slot).kind() != Memory::kNull && !state_.signals.empty();
}

// One signal is delivered, to a handler that lets no other in; when it returns all are blocked again.
void Model::Interrupted(Outcome* out) {
  PendingSignal signal;
  DequeueSignal(~0u, &signal);
  out->Error(kEINTR);
}

// A call that would sleep for ever is interrupted with a signal of the harness, which notifies as every signal does. A
// wait looks once more before it returns.
void Model::BroughtHome(const Op& op) {
  if (op.call == Call::kUringEpollWait) return;  // it is cancelled
  const bool waits = WaitsForEvents(op.call);
  bool woken = !waits;
  const Id asleep = waits ? InstanceOf(FileAt(op.num(0))) : kNil;
  // As Notify(); the first item that wakes the sleeper consumes the notification if it is exclusive.
  Id id = state_.signal_queue.head;
  for (uint32_t i = state_.signal_queue.size; i > 0 && id != kNil; --i) {
    const WaitEntry w = state_.entries[id];
    Callback(w.item, 0);
    const Item& item = state_.items[w.item];
    if (!woken && item.instance == asleep && (item.events & ~kPrivate) != 0) {
      if (w.exclusive) break;
      woken = true;
    }
    id = w.in_queue.next;
  }
  switch (op.call) {
    case Call::kEpollWait:
    case Call::kEpollPwait:
    case Call::kEpollPwait2: {
      Outcome nothing;
      Harvest(state_.instances[InstanceOf(FileAt(op.num(0)))], op.mem(1), op.num(2), &nothing);
      return;
    }
    case Call::kPoll:
    case Call::kPpoll:
    case Call::kSelect:
      for (size_t i = 0; i < op.npoll; ++i) {
        const Id file = FileAt(op.poll_fd(i).number());
        if (InstanceOf(file) != kNil) PollMask(file);
      }
      return;
    default:
      return;
  }
}

}  // namespace pollux
