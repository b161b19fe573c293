// Mistakes in eventpoll itself. D.., K.. and V.. are the rows of the survey of other implementations that made them.

#include <algorithm>
#include <utility>

#include "model/memory.h"
#include "oracle/mistake.h"

namespace pollux {
namespace {

// The wait delivered events.
bool Delivered(const Scene& s, const Outcome& out) {
  return WaitsForEvents(s.op.call) && out.kind == Outcome::kRecords && !out.records.empty();
}

std::vector<Id> ItemsOf(const State& state, Id instance) {
  std::vector<Id> ids;
  Id id = state.instances[instance].items.head;
  for (uint32_t i = state.instances[instance].items.size; i > 0 && id != kNil; --i) {
    ids.push_back(id);
    id = state.items[id].in_instance.next;
  }
  return ids;
}

std::vector<Id> ReadyOf(const State& state, Id instance) {
  std::vector<Id> ids;
  Id id = state.instances[instance].ready.head;
  for (uint32_t i = state.instances[instance].ready.size; i > 0 && id != kNil; --i) {
    ids.push_back(id);
    id = state.items[id].in_ready.next;
  }
  return ids;
}

std::vector<Id> WatchersOf(const State& state, Id file) {
  std::vector<Id> ids;
  Id id = state.files[file].items.head;
  for (uint32_t i = state.files[file].items.size; i > 0 && id != kNil; --i) {
    ids.push_back(id);
    id = state.items[id].in_file.next;
  }
  return ids;
}

// What the item would report now. Changes nothing.
uint32_t Pending(Scene& s, Id id) {
  const Item& item = s.state().items[id];
  const bool epoll = s.model.InstanceOf(item.file) != kNil;
  return (epoll ? s.model.PeekMask(item.file) : s.model.PollMask(item.file)) & item.events;
}

void Reorder(State& state, Id instance, const std::vector<Id>& ids) {
  List& ready = state.instances[instance].ready;
  ready = {};
  for (const Id id : ids) ReadyList::PushBack(state.items, ready, id);
}

bool IsFull(const State& state) {
  for (int64_t n = 3; n < state.nofile; ++n) {
    if (static_cast<size_t>(n) >= state.fds.size() || state.fds[static_cast<size_t>(n)].file == kNil) return false;
  }
  return true;
}

// The longest chain of instances below and above; -1 for one that comes by `forbidden`.
int Below(const State& state, Id instance, Id forbidden, int fuel = 8) {
  if (instance == forbidden) return -1;
  int depth = 0;
  for (const Id id : ItemsOf(state, instance)) {
    const File& file = state.files[state.items[id].file];
    if (file.type != FileType::kEpoll || fuel == 0) continue;
    const int below = Below(state, file.object, forbidden, fuel - 1);
    if (below < 0) return -1;
    depth = std::max(depth, below + 1);
  }
  return depth;
}
int Above(const State& state, Id instance, int fuel = 8) {
  int depth = 0;
  for (const Id id : WatchersOf(state, state.instances[instance].file)) {
    if (fuel > 0) depth = std::max(depth, Above(state, state.items[id].instance, fuel - 1) + 1);
  }
  return depth;
}

bool Disarmed(const Item& item) { return (item.events & kOneshot) != 0 && (item.events & ~kPrivate) == 0; }

}  // namespace

const std::vector<Mistake>& EpollMistakes() {
  static const std::vector<Mistake> mistakes = {
      // --- Creating ----------------------------------------------------------------------------------------------
      {"create.zero",
       "creation",
       "epoll_create(0) is accepted, as where the size is ignored altogether",
       {Rule::kCreateSize},
       [](Scene& s) { return s.value && s.op.num(0) != 0; }},
      {"create.nonblock",
       "creation",
       "epoll_create1 accepts O_NONBLOCK, as the other creators do",
       {Rule::kCreateFlags},
       [](Scene& s) { return (s.op.u32(0) & ~(kOCloexec | kONonblock)) != 0; }},
      {"create.emfile-first",
       "creation",
       "a full table is found before a bad flag or size",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         const bool creates = s.Calls(Call::kEpollCreate) || s.Calls(Call::kEpollCreate1);
         if (creates && out->kind == Outcome::kError && IsFull(s.state())) out->Error(kEMFILE);
       }},
      {"create.cloexec",
       "creation",
       "epoll_create sets close-on-exec, as epoll_create1 can",
       {Rule::kFdCloexec},
       [](Scene& s) { return s.value || s.Calls(Call::kEpollCreate); }},
      {"create.read-only",
       "creation",
       "an epoll is opened for reading only: F_GETFL says so",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (s.Calls(Call::kFcntl) && s.op.num(1) == kFGetfl && s.instance() != kNil) out->value[0] &= ~int64_t{3};
       }},

      // --- epoll_ctl: arguments and their order -------------------------------------------------------------------
      {"ctl.fault-late",
       "ctl",
       "the event is copied after the descriptors were looked up: EBADF comes before EFAULT",
       {Rule::kCtlEventFault},
       [](Scene& s) { return s.value && s.file(0) != kNil && s.file(2) != kNil; }},
      {"ctl.op-first",
       "ctl",
       "D34 elfuse, and FreeBSD: an unknown op is EINVAL before everything else",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (s.Calls(Call::kEpollCtl) && (s.op.num(1) < kCtlAdd || s.op.num(1) > kCtlMod)) out->Error(kEINVAL);
       }},
      {"ctl.epfd-first",
       "ctl",
       "V6, D34: an epfd that is no epoll is found before a target that cannot be polled",
       {Rule::kCtlNoPoll},
       [](Scene& s) { return s.value && s.instance(0) != kNil; }},
      {"ctl.absent-first",
       "ctl",
       "D34: DEL and MOD of a file that cannot be polled are ENOENT, not EPERM",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         const bool looks_up = s.Ctl(kCtlDel) || s.Ctl(kCtlMod);
         if (looks_up && out->kind == Outcome::kError && out->error == kEPERM) out->Error(kENOENT);
       }},
      {"ctl.exists-first",
       "ctl",
       "FreeBSD: the companions of EXCLUSIVE are checked after EEXIST",
       {Rule::kCtlExclusiveBits},
       [](Scene& s) { return s.value && s.model.FindItem(s.instance(0), s.file(2), s.op.num(2)) == kNil; }},
      {"ctl.exclusive-mod-absent",
       "ctl",
       "MOD with EXCLUSIVE of an absent item is ENOENT",
       {Rule::kCtlExclusiveMod},
       [](Scene& s) { return s.value && s.model.FindItem(s.instance(0), s.file(2), s.op.num(2)) != kNil; }},
      {"ctl.self-number",
       "ctl",
       "an epoll is recognized as its own target by number only; a dup gets in",
       {Rule::kCtlSelf},
       [](Scene& s) { return s.value && s.op.num(0) == s.op.num(2); }},
      {"ctl.exists-updates",
       "ctl",
       "an ADD that is EEXIST has replaced the data already",
       {Rule::kCtlAddExists},
       [](Scene& s) {
         if (s.value) s.item().data = s.op.arg[5];
         return s.value;
       }},
      {"ctl.refused-mod-stores",
       "ctl",
       "a MOD that is refused because the item is exclusive has stored the data",
       {Rule::kCtlModExclusive},
       [](Scene& s) {
         if (s.value) s.item().data = s.op.arg[5];
         return s.value;
       }},
      {"ctl.data-32",
       "ctl",
       "K29: only 32 bits of the data are kept, as if it were a descriptor",
       {Rule::kAddReady},
       [](Scene& s) {
         s.item().data &= 0xffffffff;
         return s.value;
       }},
      {"ctl.clears-nonblock",
       "ctl",
       "D31 epoll-shim: ADD clears O_NONBLOCK of the target",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (s.Ctl(kCtlAdd) && out->kind == Outcome::kValues) s.description(2).flags &= ~kONonblock;
       }},

      // --- Masks ---------------------------------------------------------------------------------------------------
      {"mask.known-bits",
       "masks",
       "bits without a meaning are dropped from the mask",
       {Rule::kAddReady, Rule::kModReady},
       [](Scene& s) {
         s.item().events &= 0x27ff | kUringWake | kPrivate;
         return s.value;
       }},
      {"mask.zero",
       "masks",
       "D65, D54: an ADD of no events reports nothing, not even HUP and ERR",
       {Rule::kCtlForceErrHup},
       [](Scene& s) { return (s.op.u32(4) & ~kPrivate) != 0; }},
      {"mask.zero-mod",
       "masks",
       "a MOD to no events silences HUP and ERR, too",
       {Rule::kCtlModForceErrHup},
       [](Scene& s) { return (s.op.u32(4) & ~kPrivate) != 0; }},
      {"mask.rdnorm",
       "masks",
       "interest in IN is interest in RDNORM as well",
       {Rule::kAddReady, Rule::kModReady},
       [](Scene& s) {
         if ((s.item().events & kIn) != 0) s.item().events |= kRdnorm;
         return s.value;
       }},
      {"mask.rdhup-with-hup",
       "masks",
       "D43 Gramine: RDHUP never comes without HUP",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!Delivered(s, *out)) return;
         for (Record& r : out->records) r.events |= (r.events & kRdhup) != 0 ? kHup : 0;
       }},
      {"mask.exclusive-wakeup",
       "masks",
       "V5 StarryOS: EXCLUSIVE with WAKEUP is refused",
       {Rule::kCtlExclusiveBits},
       [](Scene& s) { return s.value || (s.op.u32(4) & kWakeup) != 0; }},
      {"mask.exclusive-rdhup",
       "masks",
       "D38 StarryOS: EXCLUSIVE with RDHUP is accepted",
       {Rule::kCtlExclusiveBits},
       [](Scene& s) { return (s.op.u32(4) & ~(kExclusiveOk | kRdhup)) != 0; }},
      {"mask.exclusive-oneshot",
       "masks",
       "D38: EXCLUSIVE with ONESHOT is accepted",
       {Rule::kCtlExclusiveBits},
       [](Scene& s) { return (s.op.u32(4) & ~(kExclusiveOk | kOneshot)) != 0; }},

      // --- Identity and lifetime -----------------------------------------------------------------------------------
      {"key.number",
       "identity",
       "D30, D70: items are keyed by number; a number that names another file is EEXIST",
       {Rule::kCtlAddExists},
       [](Scene& s) {
         const std::vector<Id> items = ItemsOf(s.state(), s.instance(0));
         return std::any_of(items.begin(), items.end(), [&](Id i) { return s.state().items[i].fd == s.op.num(2); });
       }},
      {"key.file",
       "identity",
       "items are keyed by description: a dup of what is registered is EEXIST",
       {Rule::kCtlAddExists},
       [](Scene& s) {
         const std::vector<Id> items = ItemsOf(s.state(), s.instance(0));
         return std::any_of(items.begin(), items.end(), [&](Id i) { return s.state().items[i].file == s.file(2); });
       }},
      {"key.del-all",
       "identity",
       "D69 DragonOS: DEL of one of a file's numbers removes the others, too",
       {Rule::kCtlDelAbsent},
       [](Scene& s) {
         if (s.value) return true;
         for (const Id id : ItemsOf(s.state(), s.instance(0))) {
           const Item& item = s.state().items[id];
           if (item.file == s.file(2) && item.fd != s.op.num(2)) s.model.RemoveItem(id);
         }
         return false;
       }},
      {"key.del-any",
       "identity",
       "DEL by a number that is not registered removes the file's other registration",
       {Rule::kCtlDelAbsent},
       [](Scene& s) {
         if (!s.value) return false;
         for (const Id id : ItemsOf(s.state(), s.instance(0))) {
           if (s.state().items[id].file != s.file(2)) continue;
           s.model.RemoveItem(id);
           return false;
         }
         return true;
       }},
      {"life.number-gone",
       "identity",
       "D55 FreeBSD, illumos: closing the number removes the item though a dup lives",
       {Rule::kFileLastReference},
       [](Scene& s) {
         if (s.value || !s.Calls(Call::kClose)) return s.value;
         for (const Id id : WatchersOf(s.state(), s.id)) {
           if (s.state().items[id].fd == s.op.num(0)) s.model.RemoveItem(id);
         }
         return false;
       }},
      {"life.ghost-silent",
       "identity",
       "D55: an item whose number was closed hears nothing more",
       {Rule::kCallbackFilter},
       [](Scene& s) { return s.value || s.model.FileAt(s.item().fd) != s.item().file; }},
      {"life.epfd-dup",
       "identity",
       "D27 Miri: closing one of two numbers of an epoll empties its interest list",
       {Rule::kFileLastReference},
       [](Scene& s) {
         if (s.value || !s.Calls(Call::kClose)) return s.value;
         for (const Id id : ItemsOf(s.state(), s.model.InstanceOf(s.id))) s.model.RemoveItem(id);
         return false;
       }},
      {"life.queued-stays",
       "identity",
       "D09 Shadow, D30: an item that is queued outlives its file",
       {Rule::kFileReleaseItems},
       [](Scene& s) { return s.value && !s.state().items[s.state().files[s.id].items.head].linked; }},
      {"life.dup2-keeps",
       "identity",
       "D66: dup2 over a registered number keeps the item of the file that stood there",
       {Rule::kFileReleaseItems},
       [](Scene& s) { return s.value && !s.Calls(Call::kDup2) && !s.Calls(Call::kDup3); }},
      {"life.inner-stays",
       "identity",
       "a closed inner epoll stays in the interest list of the outer one",
       {Rule::kFileReleaseItems},
       [](Scene& s) { return s.value && s.state().files[s.id].type != FileType::kEpoll; }},

      // --- Order of the ready list -----------------------------------------------------------------------------------
      {"order.mod-moves",
       "order",
       "MOD moves an item that is queued to the tail",
       {Rule::kModReady},
       [](Scene& s) {
         if (!s.item().linked || Pending(s, s.id) == 0) return s.value;
         s.model.UnlinkItem(s.id, Rule::kModReady);
         return true;
       }},
      {"order.notify-moves",
       "order",
       "a notification moves an item that is queued to the tail",
       {Rule::kCallbackLink},
       [](Scene& s) {
         s.model.UnlinkItem(s.id, Rule::kCallbackLink);
         return true;
       }},
      {"order.drained-leaves",
       "order",
       "a read that drains a file takes its items off the ready list",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         const bool reads = s.Calls(Call::kRead) || s.Calls(Call::kRecv);
         if (!reads || out->kind != Outcome::kValues) return;
         for (const Id id : WatchersOf(s.state(), s.file())) {
           if (s.state().items[id].linked && Pending(s, id) == 0) s.model.UnlinkItem(id, Rule::kHarvestStale);
         }
       }},
      {"order.by-number",
       "order",
       "K23 Mystikos: events come by number, as a wait made of poll(2) finds them",
       {},
       nullptr,
       [](Scene& s) {
         if (!WaitsForEvents(s.op.call)) return;
         std::vector<Id> ids = ReadyOf(s.state(), s.instance());
         const Table<Item>& items = s.state().items;
         std::stable_sort(ids.begin(), ids.end(), [&](Id a, Id b) { return items[a].fd < items[b].fd; });
         Reorder(s.state(), s.instance(), ids);
       }},
      {"order.no-rotation",
       "order",
       "D68: every wait begins with the item that was added first: no rotation",
       {},
       nullptr,
       [](Scene& s) {
         if (!WaitsForEvents(s.op.call)) return;
         std::vector<Id> ids;
         for (const Id id : ItemsOf(s.state(), s.instance())) {
           if (s.state().items[id].linked) ids.push_back(id);
         }
         Reorder(s.state(), s.instance(), ids);
       }},

      // --- Level-triggered -------------------------------------------------------------------------------------------
      {"lt.out-once",
       "LT",
       "D48 mTCP: an item for OUT alone is reported once",
       {Rule::kHarvestRequeue},
       [](Scene& s) { return s.value && (s.item().events & (kIn | kOut)) != kOut; }},
      {"lt.hup-once",
       "LT",
       "an item that hung up is not queued again",
       {Rule::kHarvestRequeue},
       [](Scene& s) { return s.value && (Pending(s, s.id) & kHup) == 0; }},
      {"lt.polls-all",
       "LT",
       "every wait looks at all level-triggered items, queued or not",
       {},
       nullptr,
       [](Scene& s) {
         if (!WaitsForEvents(s.op.call)) return;
         for (const Id id : ItemsOf(s.state(), s.instance())) {
           if ((s.state().items[id].events & kEt) == 0 && Pending(s, id) != 0)
             s.model.LinkItem(id, Rule::kCallbackLink);
         }
       }},
      {"lt.from-et",
       "LT",
       "D90: a MOD from ET to level-triggered does not report what is ready already",
       {Rule::kModEvents, Rule::kModReady},
       [](Scene& s) {
         if (s.rule == Rule::kModEvents) s.memo = (s.item().events & kEt) != 0 && (s.op.u32(4) & kEt) == 0;
         return s.value && (s.rule == Rule::kModEvents || s.memo == 0);
       }},

      // --- Edge-triggered --------------------------------------------------------------------------------------------
      {"et.no-initial",
       "ET",
       "ADD with ET reports the next edge, not what is ready already",
       {Rule::kAddReady},
       [](Scene& s) { return s.value && (s.item().events & kEt) == 0; }},
      {"et.mod-silent",
       "ET",
       "D07 Shadow, D46 Unikraft: MOD of an ET item does not report what is ready",
       {Rule::kModReady},
       [](Scene& s) { return s.value && (s.item().events & kEt) == 0; }},
      {"et.same-mod-silent",
       "ET",
       "a MOD that changes no bit does not report what is ready",
       {Rule::kModEvents, Rule::kModReady},
       [](Scene& s) {
         if (s.rule == Rule::kModEvents) s.memo = s.item().events == (s.op.u32(4) | kErr | kHup);
         return s.value && (s.rule == Rule::kModEvents || s.memo == 0);
       }},
      {"et.leftover-lost",
       "ET",
       "D45 Unikraft: an ET event beyond maxevents is lost",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!Delivered(s, *out) || static_cast<int64_t>(out->records.size()) < s.op.num(2)) return;
         for (const Id id : ReadyOf(s.state(), s.instance())) {
           if ((s.state().items[id].events & kEt) != 0) s.model.UnlinkItem(id, Rule::kHarvestMax);
         }
       }},
      {"et.nested-level",
       "ET",
       "D95: a nested epoll is level-triggered, whatever its mask says",
       {Rule::kHarvestRequeue},
       [](Scene& s) { return s.value || s.model.InstanceOf(s.item().file) != kNil; }},
      {"et.hup-repeats",
       "ET",
       "D80: HUP is reported on every wait, ET or not",
       {Rule::kHarvestRequeue},
       [](Scene& s) { return s.value || (Pending(s, s.id) & kHup) != 0; }},

      // --- ONESHOT ---------------------------------------------------------------------------------------------------
      {"oneshot.stale-disarms",
       "ONESHOT",
       "a ONESHOT item that is found not ready is disarmed all the same",
       {Rule::kHarvestStale},
       [](Scene& s) {
         if (s.value && (s.item().events & kOneshot) != 0) s.item().events &= kPrivate;
         return s.value;
       }},
      {"oneshot.keeps-hup",
       "ONESHOT",
       "a disarmed item still listens for ERR and HUP",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!Delivered(s, *out)) return;
         for (const Id id : ItemsOf(s.state(), s.instance())) {
           Item& item = s.state().items[id];
           if (Disarmed(item)) item.events |= kErr | kHup;
         }
       }},
      {"oneshot.forgotten",
       "ONESHOT",
       "D47 NuttX, D15: delivery removes the item: MOD is ENOENT",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!Delivered(s, *out)) return;
         for (const Id id : ItemsOf(s.state(), s.instance())) {
           if (Disarmed(s.state().items[id])) s.model.RemoveItem(id);
         }
       }},
      {"oneshot.per-bit",
       "ONESHOT",
       "D32 elfuse: only the bits that were delivered are disarmed",
       {Rule::kHarvestOneshot, Rule::kHarvestRequeue},
       [](Scene& s) {
         if (s.rule == Rule::kHarvestRequeue) return s.value && s.memo != static_cast<int64_t>(s.id);
         if (!s.value) return false;
         s.item().events &= ~Pending(s, s.id);
         s.memo = s.id;
         return false;
       }},
      {"oneshot.no-rearm",
       "ONESHOT",
       "D06 Shadow: MOD does not re-arm a spent item",
       {Rule::kModEvents},
       [](Scene& s) { return s.value && !Disarmed(s.item()); }},
      {"oneshot.fault-disarms",
       "ONESHOT",
       "D73, StarryOS: an event that could not be copied has disarmed its item",
       {Rule::kHarvestFault},
       [](Scene& s) {
         if (s.value && (s.item().events & kOneshot) != 0) s.item().events &= kPrivate;
         return s.value;
       }},
      {"oneshot.not-with-et",
       "ONESHOT",
       "ONESHOT is ignored where ET is set",
       {Rule::kHarvestOneshot},
       [](Scene& s) { return s.value && (s.item().events & kEt) == 0; }},
      {"oneshot.everywhere",
       "ONESHOT",
       "K09 gVisor: delivery disarms the file's ONESHOT items of other epolls, too",
       {Rule::kHarvestOneshot},
       [](Scene& s) {
         if (!s.value) return false;
         for (const Id id : WatchersOf(s.state(), s.item().file)) {
           Item& item = s.state().items[id];
           if (id != s.id && (item.events & kOneshot) != 0) item.events &= kPrivate;
         }
         return true;
       }},

      // --- Nesting ---------------------------------------------------------------------------------------------------
      {"nest.two-levels",
       "nesting",
       "D11 gVisor: a nested epoll is ready by its own files only, not by nested ones",
       {Rule::kNestedReady},
       [](Scene& s) { return s.value && s.model.InstanceOf(s.item().file) == kNil; }},
      {"nest.one-hop",
       "nesting",
       "a notification climbs one level only",
       {Rule::kCallbackUpward},
       [](Scene& s) { return s.value && s.model.InstanceOf(s.item().file) == kNil; }},
      {"nest.queued-silent",
       "nesting",
       "K22 Occlum, D39: a notification of an item that is queued already does not climb",
       {Rule::kCallbackLink, Rule::kCallbackUpward},
       [](Scene& s) {
         if (s.rule == Rule::kCallbackLink) s.memo = s.value;
         return s.value && (s.rule == Rule::kCallbackLink || s.memo != 0);
       }},
      {"nest.del-climbs",
       "nesting",
       "DEL notifies the watchers of the instance",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (s.Ctl(kCtlDel) && out->kind == Outcome::kValues)
           s.model.Notify(s.state().instances[s.instance()].queue, kIn);
       }},
      {"nest.mod-climbs",
       "nesting",
       "MOD of an item that is queued already notifies the watchers of the instance",
       {Rule::kModReady},
       [](Scene& s) {
         if (s.item().linked) s.model.Notify(s.state().instances[s.item().instance].queue, kIn);
         return s.value;
       }},
      {"nest.wait-climbs",
       "nesting",
       "a wait that leaves events behind notifies the watchers of the instance",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         Instance& e = s.state().instances[s.instance()];
         if (WaitsForEvents(s.op.call) && out->kind == Outcome::kRecords && e.ready.size > 0)
           s.model.Notify(e.queue, kIn);
       }},
      {"nest.five-edges",
       "nesting",
       "D63: chains of five edges are admitted",
       {Rule::kNestLoop},
       [](Scene& s) {
         if (!s.value) return false;
         const int below = Below(s.state(), s.instance(2), s.id);
         return below < 0 || below + 1 + Above(s.state(), s.id) > 5;
       }},
      {"nest.dup-loops",
       "nesting",
       "a loop is noticed by number: an epoll that is registered under another one gets in",
       {Rule::kNestSelf},
       [](Scene& s) {
         const std::vector<Id> items = ItemsOf(s.state(), s.instance(2));
         const Id file = s.state().instances[s.id].file;
         const auto known = [&](Id i) {
           return s.state().items[i].file == file && s.state().items[i].fd == s.op.num(0);
         };
         return s.value && std::any_of(items.begin(), items.end(), known);
       }},
      {"nest.einval",
       "nesting",
       "V2, D57 NetBSD: what is too deep, or a loop, is EINVAL",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (s.Ctl(kCtlAdd) && out->kind == Outcome::kError && out->error == kELOOP) out->Error(kEINVAL);
       }},
      {"nest.mod-checked",
       "nesting",
       "a MOD of an absent epoll that would close a loop is ELOOP, not ENOENT",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         const Id inner = s.instance(2);
         if (!s.Ctl(kCtlMod) || out->kind != Outcome::kError || out->error != kENOENT || inner == kNil) return;
         if (Below(s.state(), inner, s.instance(0)) < 0) out->Error(kELOOP);
       }},
      {"path.leaf-unchecked",
       "nesting",
       "paths are counted where an epoll is added, not where a leaf is",
       {Rule::kPathChecked},
       [](Scene& s) { return s.value && s.instance(2) != kNil; }},
      {"path.nested-unchecked",
       "nesting",
       "paths are counted where a leaf is added, not where an epoll is",
       {Rule::kPathChecked},
       [](Scene& s) { return s.value && s.instance(2) == kNil; }},
      {"path.dup-free",
       "nesting",
       "another number of a file in the same instance is not another path",
       {Rule::kPathLimit},
       [](Scene& s) {
         int same = 0;
         for (const Id id : WatchersOf(s.state(), s.file(2))) same += s.state().items[id].instance == s.instance(0);
         return s.value && same < 2;
       }},
      {"path.eloop",
       "nesting",
       "too many paths are ELOOP",
       {Rule::kPathLimit},
       [](Scene& s) {
         s.memo = s.value;
         return s.value;
       },
       nullptr,
       [](Scene& s, Outcome* out) {
         if (s.memo != 0) out->Error(kELOOP);
       }},

      // --- Quota -----------------------------------------------------------------------------------------------------
      {"quota.exists-costs",
       "quota",
       "an ADD that is EEXIST keeps the watch it was charged",
       {Rule::kCtlAddExists},
       [](Scene& s) {
         s.state().watches_left -= s.value;
         return s.value;
       }},
      {"quota.before-exists",
       "quota",
       "at the limit an ADD of a present item is ENOSPC",
       {Rule::kCtlAddExists},
       [](Scene& s) { return s.value && s.state().watches_left > 0; }},
      {"quota.close-leaks",
       "quota",
       "only DEL returns a watch; closing the file does not",
       {Rule::kQuotaReturned},
       [](Scene& s) { return s.value && s.Calls(Call::kEpollCtl); }},
      {"quota.one-more",
       "quota",
       "one watch more than the limit is admitted",
       {Rule::kQuotaFull},
       [](Scene& s) { return s.value && s.state().watches_left < 0; }},
      {"quota.mod-refused",
       "quota",
       "at the limit MOD is ENOSPC, too",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (s.Ctl(kCtlMod) && out->kind == Outcome::kValues && s.state().watches_left <= 0) out->Error(kENOSPC);
       }},
      {"quota.dup-free",
       "quota",
       "a further number of a file in the same epoll costs nothing",
       {Rule::kQuotaCharged},
       [](Scene& s) {
         int same = 0;
         for (const Id id : WatchersOf(s.state(), s.file(2))) same += s.state().items[id].instance == s.id;
         return s.value && same < 2;
       }},

      // --- Faults ----------------------------------------------------------------------------------------------------
      {"fault.null",
       "fault",
       "V4 StarryOS, D72: a NULL buffer is EFAULT even if nothing is ready",
       {Rule::kWaitRange},
       [](Scene& s) { return s.value || s.op.mem(1).kind() == Memory::kNull; }},
      {"fault.aligned",
       "fault",
       "an event at an odd address is EFAULT",
       {Rule::kCtlEventFault},
       [](Scene& s) { return s.value || s.op.mem(3).kind() == Memory::kMisaligned; }},
      {"fault.straddling",
       "fault",
       "a record across the boundary of two pages cannot be copied",
       {Rule::kHarvestFault},
       [](Scene& s) { return s.value || s.op.mem(1).kind() == Memory::kStraddling; }},
      {"fault.gone",
       "fault",
       "an event that another thread has unmapped is read all the same",
       {Rule::kCtlEventFault},
       [](Scene& s) { return s.value && s.op.mem(3).kind() != Memory::kGone; }},
      {"fault.partial",
       "fault",
       "a fault after some records is EFAULT, not their number",
       {Rule::kHarvestFaultFront},
       [](Scene& s) {
         s.memo = 1;
         return s.value;
       },
       nullptr,
       [](Scene& s, Outcome* out) {
         if (s.memo != 0) out->Error(kEFAULT);
       }},
      {"fault.loses",
       "fault",
       "D73 Starnix, OSv: an event that could not be copied is lost",
       {Rule::kHarvestFaultFront},
       [](Scene& s) {
         s.memo = s.id;
         return s.value;
       },
       nullptr,
       [](Scene& s, Outcome*) {
         if (s.memo != 0) s.model.UnlinkItem(static_cast<Id>(s.memo), Rule::kHarvestFault);
       }},
      {"fault.type-first",
       "fault",
       "a wait on a file that is no epoll is EINVAL before its buffer is EFAULT",
       {Rule::kWaitRange},
       [](Scene& s) { return s.value && s.instance(0) != kNil; }},
      {"fault.layout",
       "fault",
       "K29: records of 16 bytes are written, beyond the end of the 12-byte ones",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (Delivered(s, *out)) out->clobbered = true;
       }},

      // --- fdinfo ----------------------------------------------------------------------------------------------------
      {"fdinfo.no-ghosts",
       "fdinfo",
       "fdinfo leaves out an item whose number names another file or none",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!s.Calls(Call::kFdinfo) || out->kind != Outcome::kRecords) return;
         const Id instance = s.instance();
         std::erase_if(out->records, [&](const Record& r) {
           const std::vector<Id> items = ItemsOf(s.state(), instance);
           return std::none_of(items.begin(), items.end(), [&](Id i) {
             const Item& item = s.state().items[i];
             return item.fd == r.fd && item.data == r.data && s.model.FileAt(item.fd) == item.file;
           });
         });
       }},
      {"fdinfo.data-32",
       "fdinfo",
       "fdinfo prints 32 bits of the data",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!s.Calls(Call::kFdinfo)) return;
         for (Record& r : out->records) r.data &= 0xffffffff;
       }},
      {"fdinfo.disarmed",
       "fdinfo",
       "fdinfo shows ERR and HUP of a disarmed item",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!s.Calls(Call::kFdinfo)) return;
         for (Record& r : out->records) r.events |= (r.events & ~kPrivate) == 0 ? kErr | kHup : 0;
       }},

      // --- poll(2) on an epoll
      // -----------------------------------------------------------------------------------------
      {"poll.out",
       "poll",
       "D08, D42: an epoll is writable",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!s.Calls(Call::kPoll) || out->kind != Outcome::kRecords) return;
         for (size_t i = 0; i < s.op.npoll; ++i) {
           if (s.model.InstanceOf(s.model.FileAt(s.op.poll_fd(i).number())) == kNil) continue;
           out->records[i].events |= s.op.poll_events(i) & kOut;
         }
       }},
      {"poll.in-alone",
       "poll",
       "poll(2) on an epoll reports IN, never RDNORM",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!s.Calls(Call::kPoll) || out->kind != Outcome::kRecords) return;
         for (size_t i = 0; i < s.op.npoll; ++i) {
           if (s.model.InstanceOf(s.model.FileAt(s.op.poll_fd(i).number())) != kNil) out->records[i].events &= ~kRdnorm;
         }
       }},
      {"poll.consumes",
       "poll",
       "D86: poll(2) on an epoll takes an ET event",
       {Rule::kNestedReady},
       [](Scene& s) {
         if (s.value && s.Calls(Call::kPoll) && (s.item().events & kEt) != 0) s.memo = s.id;
         return s.value;
       },
       nullptr,
       [](Scene& s, Outcome*) {
         if (s.memo != 0) s.model.UnlinkItem(static_cast<Id>(s.memo), Rule::kNestedReady);
       }},
      {"poll.no-events",
       "poll",
       "poll(2) on an epoll without IN asked for does not look at its ready list",
       {Rule::kNestedPrune},
       [](Scene& s) {
         uint32_t asked = s.Calls(Call::kPoll) ? 0u : kIn;
         for (size_t i = 0; i < s.op.npoll; ++i) asked |= s.op.poll_events(i);
         return s.value && (asked & (kIn | kRdnorm)) != 0;
       }},
      {"poll.prunes-all",
       "poll",
       "poll(2) on an epoll drops stale entries behind the first ready one, too",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome*) {
         if (!s.Calls(Call::kPoll)) return;
         for (size_t i = 0; i < s.op.npoll; ++i) {
           for (const Id id : ReadyOf(s.state(), s.model.InstanceOf(s.model.FileAt(s.op.poll_fd(i).number())))) {
             if (Pending(s, id) == 0) s.model.UnlinkItem(id, Rule::kNestedPrune);
           }
         }
       }},
  };
  return mistakes;
}

}  // namespace pollux
