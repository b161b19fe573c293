// eventpoll: instances, the ready list, notification from below to above, and an epoll that is polled itself
// (fs/eventpoll.c). ctl.cc and wait.cc have the calls.

#include <algorithm>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {

// --- Instances ---------------------------------------------------------------------------------------------------

void Model::EpollCreate(Outcome* out, bool cloexec) {
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id id = state_.instances.New();
  const Id file = NewFile(FileType::kEpoll, kORdwr, id);
  state_.instances[id].file = file;
  Open(file, cloexec, out);
}

void Model::ReleaseInstance(Id id) {
  Instance& e = state_.instances[id];
  for (uint32_t n = e.items.size; n > 0; --n) RemoveItem(e.items.head);
  e = Instance();
  state_.instances.Free(id);
}

// --- Notification ------------------------------------------------------------------------------------------------

// __wake_up_common()
void Model::Notify(List& queue, uint32_t key, Limit limit) {
  Id id = queue.head;
  for (uint32_t i = queue.size; i > 0 && id != kNil; --i) {
    const WaitEntry w = state_.entries[id];
    if (w.thread != 0) [[unlikely]] {
      if (WakeThread(queue, id, key) && w.exclusive && limit == kOneConsumes && rules_(Rule::kWakeOne, true, id))
        return;
    } else if (Callback(w.item, key) && w.exclusive && limit == kOneConsumes &&
               rules_(Rule::kExclusiveStops, true, w.item)) {
      return;
    }
    id = w.in_queue.next;
  }
}

// ep_poll_callback(): links before anybody knows whether the item is ready.
bool Model::Callback(Id id, uint32_t key) {
  Item& item = state_.items[id];
  if (rules_(Rule::kCallbackDisabled, (item.events & ~kPrivate) == 0, id)) {
    item.dropped_by = Rule::kCallbackDisabled;
    return false;
  }
  if (rules_(Rule::kCallbackFilter, key != 0 && (key & item.events) == 0, id)) {
    item.dropped_by = Rule::kCallbackFilter;
    return false;
  }
  if (rules_(Rule::kCallbackLink, !item.linked, id)) LinkItem(id, Rule::kCallbackLink);
  bool consumed = false;
  if (state_.sleepers != 0) [[unlikely]] {
    const bool nobody = state_.instances[item.instance].waiters.size == 0;
    WakeWaiter(item.instance, Rule::kWakeCallback);
    // A key of IN and OUT both, which nobody may have asked for, consumes nothing.
    const uint32_t ways = key & (kIn | kOut);
    const bool wanted = ways == 0 || (ways != (kIn | kOut) && (item.events & ways) != 0);
    if ((item.events & kExclusive) != 0 && !Has(Quirk::kNoExclusive) && !rules_(Rule::kExclusiveNobody, nobody, id)) {
      consumed = rules_(Rule::kExclusiveConsumes, wanted, id);
    }
  }
  // EPOLL_URING_WAKE of a key goes with the notification upward.
  if (rules_(Rule::kCallbackUpward, true, id)) NotifyUpward(item.instance, key & kUringWake);
  return consumed;
}

// ep_poll_safewake(): whoever watches the instance hears IN, also when the item was linked before.
void Model::NotifyUpward(Id id, uint32_t more) {
  Instance& e = state_.instances[id];
  if (e.queue.size == 0 || e.busy) return;
  e.busy = true;
  const uint32_t key = kIn | (rules_(Rule::kUpwardUring, more != 0, id) ? kUringWake : 0);
  Notify(e.queue, rules_(Rule::kUpwardKey, true, id) ? key : 0);
  e.busy = false;
}

void Model::LinkItem(Id id, Rule why) {
  Item& item = state_.items[id];
  if (item.linked || id == kNil) return;
  item.linked = true, item.queued_by = why;
  List& ready = state_.instances[item.instance].ready;
  if (rules_(Rule::kReadyTail, true, id)) {
    ReadyList::PushBack(state_.items, ready, id);
  } else {
    ReadyList::PushFront(state_.items, ready, id);
  }
}

void Model::UnlinkItem(Id id, Rule why) {
  Item& item = state_.items[id];
  if (!item.linked) return;
  item.linked = false, item.dropped_by = why;
  ReadyList::Remove(state_.items, state_.instances[item.instance].ready, id);
}

// --- Polling an instance -----------------------------------------------------------------------------------------

// ep_item_poll(): what is true now, of what was asked for (R4.G1).
uint32_t Model::PollItem(Id id) {
  const Item& item = state_.items[id];
  const uint32_t events = item.events;
  const uint32_t mask = PollMask(item.file, events);
  return rules_(Rule::kItemInterest, true, id) ? mask & events : mask;
}

// __ep_eventpoll_poll(): ready if any item is; the items before the first ready one are dropped (R0.8).
uint32_t Model::PollInstance(Id id) {
  if (state_.instances[id].busy) return 0;  // only a loop that should have been refused gets here
  state_.instances[id].busy = true;
  uint32_t mask = 0;
  List scan = state_.instances[id].ready;
  state_.instances[id].ready = {};
  Id item = scan.head;
  for (uint32_t i = scan.size; i > 0 && item != kNil; --i) {
    const Id next = state_.items[item].in_ready.next;
    if (rules_(Rule::kNestedReady, PollItem(item) != 0, item)) {
      mask = kIn | kRdnorm;
      break;
    }
    if (rules_(Rule::kNestedPrune, true, item)) {
      ReadyList::Remove(state_.items, scan, item);
      state_.items[item].linked = false, state_.items[item].dropped_by = Rule::kNestedPrune;
    }
    item = next;
  }
  Instance& e = state_.instances[id];
  ReadyList::SpliceFront(state_.items, e.ready, scan);
  e.busy = false;
  if (e.ready.size > 0 && e.waiters.size > 0) WakeWaiter(id, Rule::kWakeScan);
  return mask;
}

// --- ioctl and fdinfo --------------------------------------------------------------------------------------------

void Model::Params(const Op& op, Outcome* out) {
  const Id file = Usable(op.num(0));
  if (rules_(Rule::kFdBad, file == kNil)) return out->Error(kEBADF);
  const Id id = InstanceOf(file);
  const bool given = op.mem(1).kind() != Memory::kNull;
  if (rules_(Rule::kParamsNotEpoll, id == kNil, file) || Has(Quirk::kNoParams)) return out->Error(NoIoctl(file, given));
  if (!facts_.busy_poll) return out->Error(kEOPNOTSUPP);
  Instance& e = state_.instances[id];
  const Memory memory = op.mem(1);
  const bool set = op.call == Call::kEpiocSparams;
  if (rules_(Rule::kParamsFault, !InRange(memory) || Copyable(memory, !set) < 1)) return out->Error(kEFAULT);
  if (!set) {
    out->Clear(), out->nvalues = 4;
    out->value[1] = e.usecs, out->value[2] = e.budget, out->value[3] = e.prefer;
    return;
  }
  const uint32_t usecs = op.u32(2);
  const uint16_t budget = static_cast<uint16_t>(op.arg[3]);
  const uint8_t prefer = static_cast<uint8_t>(op.arg[4]), pad = static_cast<uint8_t>(op.arg[5]);
  if (rules_(Rule::kParamsPad, pad != 0)) return out->Error(kEINVAL);
  if (rules_(Rule::kParamsUsecs, usecs > INT32_MAX)) return out->Error(kEINVAL);
  if (rules_(Rule::kParamsPrefer, prefer > 1)) return out->Error(kEINVAL);
  if (rules_(Rule::kParamsBudget, budget > 64 && !facts_.net_admin)) return out->Error(kEPERM);
  if (rules_(Rule::kParamsKept, true, id)) e.usecs = usecs, e.budget = budget, e.prefer = prefer;
  out->Value(0);
}

// What /proc/thread-self/fdinfo says of the interest list, sorted by number and data (R1.8, R1.9).
void Model::Fdinfo(const Op& op, Outcome* out) {
  const Id file = FileAt(op.num(0));
  if (rules_(Rule::kFdBad, file == kNil)) return out->Error(kEBADF);
  const Id id = InstanceOf(file);
  if (rules_(Rule::kFdinfoNotEpoll, id == kNil, file)) return out->Error(kEINVAL);
  out->Clear(), out->kind = Outcome::kRecords;
  const Instance& e = state_.instances[id];
  Id item = e.items.head;
  for (uint32_t i = e.items.size; i > 0 && item != kNil; --i) {
    const Item& it = state_.items[item];
    out->records.push_back({it.events, it.fd, it.data});
    item = it.in_instance.next;
  }
  std::sort(out->records.begin(), out->records.end(), [](const Record& a, const Record& b) {
    return a.fd != b.fd ? a.fd < b.fd : a.data != b.data ? a.data < b.data : a.events < b.events;
  });
}

}  // namespace pollux
