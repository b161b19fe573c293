// epoll_wait, epoll_pwait, epoll_pwait2: their checks, and the scan that harvests the ready list (ep_send_events).

#include "model/memory.h"
#include "model/model.h"

namespace pollux {

void Model::EpollWaits(const Op& op, Outcome* out) {
  const int32_t epfd = op.num(0);
  const Memory memory = op.mem(1);
  const int32_t max = op.num(2);
  const bool lasts = Lasts(op);
  if (op.call == Call::kEpollWait) return Wait(epfd, memory, max, {.for_ever = op.num(3) < 0 || lasts}, out);

  const bool two = op.call == Call::kEpollPwait2;
  Patience patience = {.for_ever = !two && op.num(3) < 0, .sleeps = !two && op.num(3) != 0};
  size_t mask_slot = 4;
  if (two) {
    if (Has(Quirk::kNoPwait2)) return out->Error(kENOSYS);
    mask_slot = 6;
    if (!TimeGiven(op, 3, &patience.for_ever, out)) return;
    patience.sleeps = patience.for_ever || op.arg[4] != 0 || op.arg[5] != 0;
  }
  if (!SigmaskGiven(op, mask_slot, out)) return;
  patience.for_ever |= lasts;
  patience.interruptible = LetsThrough(op, mask_slot);
  Wait(epfd, memory, max, patience, out);
}

// The timespec of epoll_pwait2 and ppoll, whose memory is in `slot`. False, and the error, if it is none.
bool Model::TimeGiven(const Op& op, size_t slot, bool* for_ever, Outcome* out) {
  const Memory time = op.mem(slot);
  *for_ever = time.kind() == Memory::kNull;
  if (*for_ever) return true;
  if (rules_(Rule::kPwait2TimeFault, !InRange(time) || Copyable(time, false) < 1)) return out->Error(kEFAULT), false;
  const int64_t sec = static_cast<int64_t>(op.arg[slot + 1]), nsec = static_cast<int64_t>(op.arg[slot + 2]);
  if (rules_(Rule::kPwait2TimeInvalid, sec < 0 || nsec < 0 || nsec > 999999999)) return out->Error(kEINVAL), false;
  return true;
}

// Their signal mask, set_user_sigmask().
bool Model::SigmaskGiven(const Op& op, size_t slot, Outcome* out) {
  const Memory mask = op.mem(slot);
  if (rules_(Rule::kPwaitMaskNull, mask.kind() == Memory::kNull)) return true;
  if (rules_(Rule::kPwaitMaskSize, op.arg[slot + 1] != 8)) return out->Error(kEINVAL), false;
  if (rules_(Rule::kPwaitMaskFault, !InRange(mask) || Copyable(mask, false) < 1)) return out->Error(kEFAULT), false;
  return true;
}

void Model::Wait(int32_t epfd, Memory memory, int32_t max, Patience patience, Outcome* out) {
  const Id file = Usable(epfd);
  const bool closed = file == kNil;
  // Since 6.15 the descriptor is looked up before the arguments are checked.
  if (!Has(Quirk::kWaitArgumentsFirst) && rules_(Rule::kWaitBadEpfd, closed)) return out->Error(kEBADF);
  if (rules_(Rule::kWaitMaxEvents, max <= 0 || max > kMaxEvents)) return out->Error(kEINVAL);
  if (rules_(Rule::kWaitRange, !InRange(memory))) return out->Error(kEFAULT);
  if (Has(Quirk::kWaitArgumentsFirst) && rules_(Rule::kWaitBadEpfd, closed)) return out->Error(kEBADF);
  const Id instance = InstanceOf(file);
  if (rules_(Rule::kWaitNotEpoll, instance == kNil, file)) return out->Error(kEINVAL);
  Harvest(state_.instances[instance], memory, max, out);
  if (out->kind != Outcome::kRecords || !out->records.empty()) return;
  // A signal interrupts a sleep, not a look.
  if (patience.interruptible && rules_(Rule::kWaitInterrupted, patience.sleeps, instance)) return Interrupted(out);
  if (rules_(Rule::kWaitBlocks, patience.for_ever, instance)) out->Clear(), out->kind = Outcome::kBlocked;
}

// ep_send_events()
void Model::Harvest(Instance& e, Memory memory, int32_t max, Outcome* out) {
  out->Clear(), out->kind = Outcome::kRecords;
  const int64_t room = Copyable(memory, true);
  bool faulted = false;
  if (e.busy) return;
  e.busy = true;
  List scan = e.ready;
  e.ready = {};
  while (scan.size > 0) {
    if (rules_(Rule::kHarvestMax, static_cast<int64_t>(out->records.size()) >= max)) break;
    const Id id = scan.head;
    ReadyList::Remove(state_.items, scan, id);
    Item& item = state_.items[id];
    item.linked = false;
    const uint32_t revents = PollItem(id);
    if (rules_(Rule::kHarvestStale, revents == 0, id)) {
      item.dropped_by = Rule::kHarvestStale;
      continue;
    }
    if (rules_(Rule::kHarvestFault, static_cast<int64_t>(out->records.size()) >= room, id)) {
      item.linked = true;
      if (rules_(Rule::kHarvestFaultFront, true, id)) {
        ReadyList::PushFront(state_.items, scan, id);
      } else {
        ReadyList::PushBack(state_.items, scan, id);
      }
      faulted = true;
      break;
    }
    out->records.push_back({revents, 0, item.data});
    if (rules_(Rule::kHarvestOneshot, (item.events & kOneshot) != 0, id)) {
      item.events &= kPrivate;
      item.dropped_by = Rule::kHarvestOneshot;
    } else if (rules_(Rule::kHarvestRequeue, (item.events & kEt) == 0, id)) {
      item.linked = true, item.queued_by = Rule::kHarvestRequeue;
      ReadyList::PushBack(state_.items, e.ready, id);
    } else {
      item.dropped_by = Rule::kHarvestRequeue;
    }
  }
  // ep_done_scan(): what is left goes in front of what was re-queued.
  if (rules_(Rule::kHarvestLeftoverFront, scan.size > 0)) {
    ReadyList::SpliceFront(state_.items, e.ready, scan);
  } else {
    ReadyList::SpliceFront(state_.items, scan, e.ready);
    e.ready = scan;
  }
  e.busy = false;
  if (e.ready.size > 0 && e.waiters.size > 0) WakeWaiter(state_.files[e.file].object, Rule::kWakeScan);
  // Until 5.4 a scan that left something behind told the watchers above.
  if (Has(Quirk::kScanNotifiesUpward) && e.ready.size > 0) Notify(e.queue, kIn);
  if (out->records.empty() && rules_(Rule::kHarvestEfault, faulted)) out->Error(kEFAULT);
}

}  // namespace pollux
