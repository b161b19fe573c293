// eventpoll: interest list, ready list, ctl, wait, and notification from below to above (fs/eventpoll.c).

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
  while (e.items.size > 0) RemoveItem(e.items.head);
  e = Instance();
  state_.instances.Free(id);
}

// --- Notification ------------------------------------------------------------------------------------------------

void Model::Notify(List& queue, uint32_t key) {
  Id id = queue.head;
  for (uint32_t i = queue.size; i > 0 && id != kNil; --i) {
    const WaitEntry w = state_.entries[id];
    Callback(w.item, key);
    id = w.in_queue.next;
  }
}

// ep_poll_callback(): links before anybody knows whether the item is ready.
void Model::Callback(Id id, uint32_t key) {
  Item& item = state_.items[id];
  if (rules_(Rule::kCallbackDisabled, (item.events & ~kPrivate) == 0, id)) {
    item.dropped_by = Rule::kCallbackDisabled;
    return;
  }
  if (rules_(Rule::kCallbackFilter, key != 0 && (key & item.events) == 0, id)) {
    item.dropped_by = Rule::kCallbackFilter;
    return;
  }
  if (rules_(Rule::kCallbackLink, !item.linked, id)) LinkItem(id, Rule::kCallbackLink);
  if (rules_(Rule::kCallbackUpward, true, id)) NotifyUpward(item.instance);
}

// ep_poll_safewake(): whoever watches the instance hears IN, also when the item was linked before.
void Model::NotifyUpward(Id id) {
  Instance& e = state_.instances[id];
  if (e.queue.size == 0 || e.busy) return;
  e.busy = true;
  Notify(e.queue, rules_(Rule::kUpwardKey, true, id) ? kIn : 0);
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
  const uint32_t mask = PollMask(item.file);
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
  return mask;
}

// --- epoll_ctl ---------------------------------------------------------------------------------------------------

Id Model::FindItem(Id instance, Id file, int32_t fd) const {
  const auto it = state_.index.find(ItemKey{instance, file, fd});
  return it == state_.index.end() ? kNil : it->second;
}

// do_epoll_ctl(): the order of the checks is R2.1's.
void Model::EpollCtl(const Op& op, Outcome* out) {
  const int32_t what = op.num(1), fd = op.num(2);
  const Memory memory = op.mem(3);
  uint32_t events = op.u32(4);
  const bool has_event = rules_(Rule::kCtlHasEvent, what != kCtlDel);
  if (has_event && rules_(Rule::kCtlEventFault, !InRange(memory) || Copyable(memory, false) < 1)) {
    return out->Error(kEFAULT);
  }
  const Id file = Usable(op.num(0));
  if (rules_(Rule::kCtlBadEpfd, file == kNil)) return out->Error(kEBADF);
  const Id target = Usable(fd);
  if (rules_(Rule::kCtlBadFd, target == kNil)) return out->Error(kEBADF);
  if (rules_(Rule::kCtlNoPoll, !CanPoll(target), target)) return out->Error(kEPERM);
  if (has_event && !Has(Quirk::kNoWakeup) && rules_(Rule::kCtlWakeupStripped, !facts_.pm_sleep)) events &= ~kWakeup;
  if (rules_(Rule::kCtlSelf, file == target, file)) return out->Error(kEINVAL);
  const Id instance = InstanceOf(file);
  if (rules_(Rule::kCtlNotEpoll, instance == kNil, file)) return out->Error(kEINVAL);
  const Id inner = InstanceOf(target);
  if (has_event && (events & kExclusive) != 0 && !Has(Quirk::kNoExclusive)) {
    if (rules_(Rule::kCtlExclusiveMod, what == kCtlMod)) return out->Error(kEINVAL);
    if (what == kCtlAdd) {
      if (rules_(Rule::kCtlExclusiveNested, inner != kNil, target)) return out->Error(kEINVAL);
      if (rules_(Rule::kCtlExclusiveBits, (events & ~kExclusiveOk) != 0)) return out->Error(kEINVAL);
    }
  }
  if (what == kCtlAdd && inner != kNil && rules_(Rule::kNestLoop, WouldLoop(instance, inner), instance)) {
    return out->Error(kELOOP);
  }
  const Id item = FindItem(instance, target, fd);
  Errno error = kEINVAL;
  switch (what) {
    case kCtlAdd:
      if (rules_(Rule::kCtlAddExists, item != kNil, item)) return out->Error(kEEXIST);
      if (rules_(Rule::kCtlForceErrHup, true)) events |= kErr | kHup;
      error = CtlAdd(instance, target, fd, events, op.arg[5]);
      break;
    case kCtlDel:
      if (rules_(Rule::kCtlDelAbsent, item == kNil)) return out->Error(kENOENT);
      RemoveItem(item);
      error = kOK;
      break;
    case kCtlMod:
      if (rules_(Rule::kCtlModAbsent, item == kNil)) return out->Error(kENOENT);
      if (rules_(Rule::kCtlModExclusive, (state_.items[item].events & kExclusive) != 0 && !Has(Quirk::kNoExclusive),
                 item)) {
        return out->Error(kEINVAL);
      }
      if (rules_(Rule::kCtlModForceErrHup, true)) events |= kErr | kHup;
      error = CtlMod(item, events, op.arg[5]);
      break;
    default:
      if (!rules_(Rule::kCtlBadOp, true)) error = kOK;
  }
  if (error != kOK) return out->Error(error);
  out->Value(0);
}

// ep_insert()
Errno Model::CtlAdd(Id instance, Id target, int32_t fd, uint32_t events, uint64_t data) {
  if (rules_(Rule::kQuotaFull, state_.watches_left <= 0, instance)) return kENOSPC;
  const Id id = state_.items.New();
  Item& item = state_.items[id];
  item.instance = instance, item.file = target, item.fd = fd, item.events = events, item.data = data;
  FileItems::PushBack(state_.items, state_.files[target].items, id);
  InstanceItems::PushBack(state_.items, state_.instances[instance].items, id);
  state_.index[ItemKey{instance, target, fd}] = id;
  if (rules_(Rule::kQuotaCharged, true, instance)) --state_.watches_left;

  const Id inner = InstanceOf(target);
  const bool watched = state_.files[state_.instances[instance].file].items.size > 0;
  if (rules_(Rule::kPathChecked, inner != kNil || watched, instance) &&
      rules_(Rule::kPathLimit, PathsExceeded(instance, inner, target), target)) {
    RemoveItem(id);
    return kEINVAL;
  }

  if (List* queue = QueueOf(target)) {
    const Id entry = state_.entries.New();
    WaitEntry& w = state_.entries[entry];
    w.item = id;
    w.exclusive = rules_(Rule::kAddExclusiveTail, (events & kExclusive) != 0 && !Has(Quirk::kNoExclusive), id);
    state_.items[id].entry = entry;
    if (w.exclusive) {
      QueueList::PushBack(state_.entries, *queue, entry);
    } else if (rules_(Rule::kAddHead, true, id)) {
      QueueList::PushFront(state_.entries, *queue, entry);
    } else {
      QueueList::PushBack(state_.entries, *queue, entry);
    }
  }
  const uint32_t revents = PollItem(id);
  if (rules_(Rule::kAddReady, revents != 0 && !state_.items[id].linked, id)) {
    LinkItem(id, Rule::kAddReady);
    if (rules_(Rule::kAddUpward, true, id)) NotifyUpward(instance);
  }
  return kOK;
}

// ep_modify()
Errno Model::CtlMod(Id id, uint32_t events, uint64_t data) {
  Item& item = state_.items[id];
  if (rules_(Rule::kModEvents, true, id)) item.events = events;
  if (rules_(Rule::kModData, true, id)) item.data = data;
  const uint32_t revents = PollItem(id);
  if (rules_(Rule::kModReady, revents != 0 && !state_.items[id].linked, id)) {
    LinkItem(id, Rule::kModReady);
    if (rules_(Rule::kModUpward, true, id)) NotifyUpward(item.instance);
  }
  return kOK;
}

// ep_remove()
void Model::RemoveItem(Id id) {
  const Item item = state_.items[id];
  if (id == kNil || item.instance == kNil) return;
  if (item.entry != kNil) {
    if (List* queue = QueueOf(item.file)) QueueList::Remove(state_.entries, *queue, item.entry);
    state_.entries[item.entry] = WaitEntry();
    state_.entries.Free(item.entry);
  }
  if (rules_(Rule::kRemoveUnlinks, item.linked, id)) {
    ReadyList::Remove(state_.items, state_.instances[item.instance].ready, id);
  }
  FileItems::Remove(state_.items, state_.files[item.file].items, id);
  InstanceItems::Remove(state_.items, state_.instances[item.instance].items, id);
  const auto it = state_.index.find(ItemKey{item.instance, item.file, item.fd});
  if (it != state_.index.end() && it->second == id) state_.index.erase(it);
  if (rules_(Rule::kQuotaReturned, true, item.instance)) ++state_.watches_left;
  state_.items[id] = Item();
  state_.items.Free(id);
}

// --- The wait calls ----------------------------------------------------------------------------------------------

void Model::EpollWaits(const Op& op, Outcome* out) {
  const int32_t epfd = op.num(0);
  const Memory memory = op.mem(1);
  const int32_t max = op.num(2);
  if (op.call == Call::kEpollWait) return Wait(epfd, memory, max, op.num(3) < 0, out);

  const bool two = op.call == Call::kEpollPwait2;
  bool for_ever = two ? false : op.num(3) < 0;
  size_t mask_slot = 4;
  if (two) {
    if (Has(Quirk::kNoPwait2)) return out->Error(kENOSYS);
    const Memory time = op.mem(3);
    mask_slot = 6;
    for_ever = time.kind() == Memory::kNull;
    if (!for_ever) {
      if (rules_(Rule::kPwait2TimeFault, !InRange(time) || Copyable(time, false) < 1)) return out->Error(kEFAULT);
      const int64_t sec = static_cast<int64_t>(op.arg[4]), nsec = static_cast<int64_t>(op.arg[5]);
      if (rules_(Rule::kPwait2TimeInvalid, sec < 0 || nsec < 0 || nsec > 999999999)) return out->Error(kEINVAL);
    }
  }
  const Memory mask = op.mem(mask_slot);
  const uint64_t size = op.arg[mask_slot + 1];
  if (!rules_(Rule::kPwaitMaskNull, mask.kind() == Memory::kNull)) {
    if (rules_(Rule::kPwaitMaskSize, size != 8)) return out->Error(kEINVAL);
    if (rules_(Rule::kPwaitMaskFault, !InRange(mask) || Copyable(mask, false) < 1)) return out->Error(kEFAULT);
  }
  Wait(epfd, memory, max, for_ever, out);
}

void Model::Wait(int32_t epfd, Memory memory, int32_t max, bool for_ever, Outcome* out) {
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
  if (out->kind == Outcome::kRecords && out->records.empty() && rules_(Rule::kWaitBlocks, for_ever, instance)) {
    out->Clear(), out->kind = Outcome::kBlocked;
  }
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
  // Until 5.4 a scan that left something behind told the watchers above.
  if (Has(Quirk::kScanNotifiesUpward) && e.ready.size > 0) Notify(e.queue, kIn);
  if (out->records.empty() && rules_(Rule::kHarvestEfault, faulted)) out->Error(kEFAULT);
}

// --- ioctl and fdinfo --------------------------------------------------------------------------------------------

void Model::Params(const Op& op, Outcome* out) {
  const Id file = Usable(op.num(0));
  if (rules_(Rule::kFdBad, file == kNil)) return out->Error(kEBADF);
  const Id id = InstanceOf(file);
  if (rules_(Rule::kParamsNotEpoll, id == kNil, file) || Has(Quirk::kNoParams)) return out->Error(kENOTTY);
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
