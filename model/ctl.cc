// epoll_ctl: the order of its checks, and what ADD, MOD and DEL do to the interest list (fs/eventpoll.c).

#include "model/memory.h"
#include "model/model.h"

namespace pollux {

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
  if (rules_(Rule::kCtlNoPoll, OpsOf(target).poll == nullptr, target)) return out->Error(kEPERM);
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

  // ep_ptable_queue_proc()
  const bool nowhere = OpsOf(target).hung_up != nullptr && rules_(Rule::kPtyHungUpWait, HungUp(target), target);
  const Queues queues = nowhere ? Queues{} : QueuesOf(target);
  for (size_t i = 0; i < queues.size(); ++i) {
    List* queue = queues[i];
    if (queue == nullptr) continue;
    const Id entry = state_.entries.New();
    WaitEntry& w = state_.entries[entry];
    w.item = id;
    w.exclusive = rules_(Rule::kAddExclusiveTail, (events & kExclusive) != 0 && !Has(Quirk::kNoExclusive), id);
    state_.items[id].entries[i] = entry;
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
    WakeWaiter(instance, Rule::kWakeAdd);
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
    WakeWaiter(item.instance, Rule::kWakeMod);
    if (rules_(Rule::kModUpward, true, id)) NotifyUpward(item.instance);
  }
  return kOK;
}

// ep_remove()
void Model::RemoveItem(Id id) {
  const Item item = state_.items[id];
  if (id == kNil || item.instance == kNil) return;
  const Queues queues = QueuesOf(item.file);
  for (size_t i = 0; i < queues.size(); ++i) {
    const Id entry = item.entries[i];
    if (entry == kNil) continue;
    if (queues[i] != nullptr) QueueList::Remove(state_.entries, *queues[i], entry);
    state_.entries[entry] = WaitEntry();
    state_.entries.Free(entry);
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

}  // namespace pollux
