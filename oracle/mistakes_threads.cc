// Mistakes in who is woken: sleeping waits, polls, reads and writes. D.. and bz are rows of the survey of other
// implementations that made them.

#include <algorithm>
#include <vector>

#include "oracle/mistake.h"

namespace pollux {
namespace {

// The call that asks the rule has slept.
bool Slept(const Scene& s) { return s.model.running() != 0 && s.state().threads[s.model.running()].again; }
// That call.
const Op& Asking(const Scene& s) { return Slept(s) ? s.state().threads[s.model.running()].op : s.op; }

const Thread& LastWoken(const Scene& s) { return s.state().threads[s.state().woken.back()]; }

Instance& AskedInstance(const Scene& s) { return s.state().instances[s.id]; }

// The item that ADD or MOD is about.
const Item& CtlItem(const Scene& s) { return s.state().items[s.model.FindItem(s.instance(0), s.file(2), s.op.num(2))]; }

// The threads that sleep in a wait on the instance, the next one to wake first.
std::vector<uint8_t> Waiting(const State& state, Id instance) {
  std::vector<uint8_t> threads;
  const List& waiters = state.instances[instance].waiters;
  Id id = waiters.head;
  for (uint32_t i = waiters.size; i > 0 && id != kNil; --i) {
    threads.push_back(state.entries[id].thread);
    id = state.entries[id].in_queue.next;
  }
  return threads;
}

void WakeAll(const Scene& s, Id instance) {
  List& waiters = s.state().instances[instance].waiters;
  if (waiters.size > 0) s.model.Notify(waiters, 0, Model::kAll);
}

// Does a number mean the file, not only calls that sleep?
bool Named(const State& state, Id file) {
  return std::any_of(state.fds.begin(), state.fds.end(), [&](const Descriptor& d) { return d.file == file; });
}

// The call is made, and closes the last number of a file.
bool ClosesLast(const Scene& s) {
  if (!s.Calls(Call::kClose) || s.file() == kNil) return false;
  const std::vector<Descriptor>& fds = s.state().fds;
  return std::count_if(fds.begin(), fds.end(), [&](const Descriptor& d) { return d.file == s.file(); }) == 1;
}

// A step that is made: its thread is in no call.
bool Made(const Scene& s) {
  return s.state().sleepers > 0 && s.op.process == 0 &&
         (s.op.thread == 0 || s.state().threads[s.op.thread].state == Thread::kIdle);
}

// Waits on the instances that watch the file.
void WakeWatchers(const Scene& s, Id file) {
  const List& items = s.state().files[file].items;
  Id id = items.head;
  for (uint32_t i = items.size; i > 0 && id != kNil; --i) {
    WakeAll(s, s.state().items[id].instance);
    id = s.state().items[id].in_file.next;
  }
}

// What a wait that a mistake has woken returns: nothing, in place of sleeping on.
bool EndsIfMemo(Scene& s) { return s.value && s.memo == 0; }

// Asked about an item: where it is so, a wait on its instance is woken, and ends.
bool EndsWait(Scene& s, bool so, Rule why) {
  if (s.rule == Rule::kWaitAgain) return EndsIfMemo(s);
  if (so && s.state().sleepers > 0) {
    s.memo = 1;
    s.model.WakeWaiter(s.item().instance, why);
  }
  return s.value;
}

// What is so when the first rule is asked keeps the others from holding.
bool UnlessNoted(Scene& s, Rule first, bool (*so)(Scene& s)) {
  if (s.rule == first) s.memo = so(s);
  return s.value && (s.rule == first || s.memo == 0);
}

// The one queue of a file that has a simple one.
List* QueueOf(State& state, Id file) {
  const File& f = state.files[file];
  if (f.type == FileType::kEventfd) return &state.eventfds[f.object].queue;
  if (f.type != FileType::kPipe || f.readable == f.writable) return nullptr;
  return f.readable ? &state.pipes[f.object].readers_queue : &state.pipes[f.object].writers_queue;
}

Id EntryIn(const State& state, const List& queue, Id item) {
  Id id = queue.head;
  for (uint32_t i = queue.size; i > 0 && id != kNil && state.entries[id].item != item; --i) {
    id = state.entries[id].in_queue.next;
  }
  return id;
}

FileType TypeOf(const Scene& s) { return s.state().files[s.id].type; }

bool Waits(const Scene& s, FileType type, Call call) {
  return s.state().files[s.id].type == type && Asking(s).call == call;
}

// A read of such a file that is woken too late is EAGAIN.
bool LateIsEagain(Scene& s, FileType type) {
  if (s.rule == Rule::kNonblock) return s.value || (s.memo != 0 && Slept(s));
  s.memo = s.value && Waits(s, type, Call::kRead);
  return s.value && s.memo == 0;
}

}  // namespace

const std::vector<Mistake>& ThreadMistakes() {
  static const std::vector<Mistake> mistakes = {
      // --- ADD and MOD under a sleeping wait ------------------------------------------------------------------------
      {"thread.add-et-silent",
       "threads",
       "ADD of a ready file with ET wakes nobody, as if that were no edge",
       {Rule::kWakeAdd},
       [](Scene& s) { return s.value && (CtlItem(s).events & kEt) == 0; }},
      {"thread.add-inner-silent",
       "threads",
       "ADD of an epoll that is ready wakes nobody",
       {Rule::kWakeAdd},
       [](Scene& s) { return s.value && s.instance(2) == kNil; }},
      {"thread.add-ends",
       "threads",
       "D14 the other way: ADD ends a wait, also if the file is not ready",
       {Rule::kAddReady, Rule::kWaitAgain},
       [](Scene& s) { return EndsWait(s, !s.value, Rule::kWakeAdd); }},
      {"thread.mod-rearm-silent",
       "threads",
       "netdata's: MOD that re-arms a ONESHOT item wakes nobody",
       {Rule::kWakeMod},
       [](Scene& s) { return s.value && (CtlItem(s).events & kOneshot) == 0; }},
      {"thread.mod-same-silent",
       "threads",
       "bz205933: MOD to the mask that is there wakes nobody",
       {Rule::kModEvents, Rule::kWakeMod},
       [](Scene& s) {
         return UnlessNoted(s, Rule::kModEvents,
                            [](Scene& s) { return s.item().events == (s.op.u32(4) | kErr | kHup); });
       }},
      {"thread.mod-wakes-all",
       "threads",
       "MOD wakes every wait; who finds nothing goes to sleep again, in another order",
       {Rule::kWakeMod},
       [](Scene& s) {
         WakeAll(s, s.id);
         return false;
       }},

      // --- Notifications --------------------------------------------------------------------------------------------
      {"thread.hup-silent",
       "threads",
       "the close of a pipe's other end queues items and wakes nobody",
       {Rule::kWakeCallback},
       [](Scene& s) { return s.value && !s.Calls(Call::kClose); }},
      {"thread.out-silent",
       "threads",
       "a read that makes room queues items and wakes nobody",
       {Rule::kWakeCallback},
       [](Scene& s) { return s.value && !s.Calls(Call::kRead); }},
      {"thread.ghost-silent",
       "threads",
       "an item whose number was closed wakes nobody, though its description lives",
       {Rule::kCallbackLink, Rule::kWakeCallback},
       [](Scene& s) {
         return UnlessNoted(s, Rule::kCallbackLink,
                            [](Scene& s) { return s.model.FileAt(s.item().fd) != s.item().file; });
       }},
      {"thread.epfd-closed-silent",
       "threads",
       "once the epoll's last number is closed its waits hear nothing more",
       {Rule::kWakeCallback},
       [](Scene& s) { return s.value && Named(s.state(), AskedInstance(s).file); }},
      {"thread.filtered-ends",
       "threads",
       "a notification that the mask filters out ends a wait",
       {Rule::kCallbackFilter, Rule::kWaitAgain},
       [](Scene& s) { return EndsWait(s, s.value, Rule::kWakeCallback); }},
      {"thread.disarmed-ends",
       "threads",
       "a notification of a ONESHOT item that is disarmed ends a wait",
       {Rule::kCallbackDisabled, Rule::kWaitAgain},
       [](Scene& s) { return EndsWait(s, s.value, Rule::kWakeCallback); }},

      // --- Who is woken, and in what order --------------------------------------------------------------------------
      {"thread.requeue-tail",
       "threads",
       "a wait that was woken for nothing goes to the tail of those who sleep",
       {Rule::kSleepNewest},
       [](Scene& s) { return s.value && !Slept(s); }},
      {"thread.pwait-tail",
       "threads",
       "pwait and pwait2 queue up behind those who sleep, wait before them",
       {Rule::kSleepNewest},
       [](Scene& s) { return s.value && Asking(s).call == Call::kEpollWait; }},
      {"thread.oneshot-oldest",
       "threads",
       "a ONESHOT event goes to the wait that has slept longest",
       {Rule::kCallbackLink, Rule::kWakeCallback},
       [](Scene& s) {
         if (s.rule == Rule::kCallbackLink) {
           s.memo = (s.item().events & kOneshot) != 0;
         } else if (s.memo != 0) {
           List& waiters = AskedInstance(s).waiters;
           const Id oldest = waiters.tail;
           QueueList::Remove(s.state().entries, waiters, oldest);
           QueueList::PushFront(s.state().entries, waiters, oldest);
         }
         return s.value;
       }},
      {"thread.last-woken-first",
       "threads",
       "of those who are woken the last one runs first",
       {Rule::kWakeOne},
       [](Scene& s) {
         std::vector<uint8_t>& woken = s.state().woken;
         std::rotate(woken.begin(), woken.end() - 1, woken.end());
         return s.value;
       }},
      {"thread.herd-waits",
       "threads",
       "a wake takes every wait that sleeps, and one read or write",
       {Rule::kWakeOne},
       [](Scene& s) { return s.value && !WaitsForEvents(LastWoken(s).op.call); }},
      {"thread.herd-losers-return",
       "threads",
       "a wake takes every wait that sleeps; those who find nothing return",
       {Rule::kWakeOne, Rule::kWaitAgain},
       [](Scene& s) {
         if (s.rule == Rule::kWaitAgain) return EndsIfMemo(s);
         s.memo = 1;
         return s.value && !WaitsForEvents(LastWoken(s).op.call);
       }},
      {"thread.pwait-returns-empty",
       "threads",
       "only epoll_wait sleeps on when it was woken for nothing",
       {Rule::kWaitAgain},
       [](Scene& s) { return s.value && Asking(s).call == Call::kEpollWait; }},
      {"thread.outer-returns-empty",
       "threads",
       "a wait returns when an inner epoll that woke it is found empty",
       {Rule::kWaitAgain},
       [](Scene& s) {
         const State& state = s.state();
         Id id = state.instances[s.model.InstanceOf(s.id)].items.head;
         for (; id != kNil; id = state.items[id].in_instance.next) {
           if (s.model.InstanceOf(state.items[id].file) != kNil) return false;
         }
         return s.value;
       }},
      {"thread.dup-own-waiters",
       "threads",
       "waits on two numbers of one epoll are woken apart: one of each",
       {Rule::kWakeOne},
       [](Scene& s) {
         const Thread& last = LastWoken(s);
         if (!s.value || !WaitsForEvents(last.op.call)) return s.value;
         const std::vector<uint8_t> rest = Waiting(s.state(), s.model.InstanceOf(last.file));
         return std::all_of(rest.begin(), rest.end(),
                            [&](uint8_t t) { return s.state().threads[t].op.num(0) == last.op.num(0); });
       }},

      // --- From one wait to the next --------------------------------------------------------------------------------
      {"thread.chain-level-lost",
       "threads",
       "D60, bz208943: a level-triggered item that a wait queues again wakes nobody else",
       {Rule::kHarvestLeftoverFront, Rule::kWakeScan},
       [](Scene& s) {
         if (s.rule == Rule::kHarvestLeftoverFront) s.memo = s.value;
         return s.value && (s.rule == Rule::kHarvestLeftoverFront || s.memo != 0);
       }},
      {"thread.chain-leftover-lost",
       "threads",
       "what maxevents or a fault leaves over wakes nobody else; only what is queued again does",
       {Rule::kHarvestLeftoverFront, Rule::kWakeScan},
       [](Scene& s) { return UnlessNoted(s, Rule::kHarvestLeftoverFront, [](Scene& s) { return s.value; }); }},
      {"thread.chain-fault-lost",
       "threads",
       "a wait that faults wakes nobody who could take the event",
       {Rule::kHarvestFault, Rule::kWakeScan},
       [](Scene& s) { return UnlessNoted(s, Rule::kHarvestFault, [](Scene& s) { return s.value; }); }},
      {"thread.chain-max1-lost",
       "threads",
       "a wait with maxevents 1 goes before it looks who else could be woken",
       {Rule::kWakeScan},
       [](Scene& s) { return s.value && !(WaitsForEvents(Asking(s).call) && Asking(s).num(2) == 1); }},
      {"thread.chain-pwait-lost",
       "threads",
       "pwait and pwait2 wake nobody for what they leave",
       {Rule::kWakeScan},
       [](Scene& s) { return s.value && Asking(s).call == Call::kEpollWait; }},
      {"thread.chain-once",
       "threads",
       "who was woken by a wait wakes nobody else",
       {Rule::kWakeScan},
       [](Scene& s) { return s.value && s.memo++ == 0; }},
      {"thread.chain-too-far",
       "threads",
       "a wait wakes the next one though it leaves nothing, and that returns",
       {Rule::kHarvestLeftoverFront, Rule::kWaitAgain},
       [](Scene& s) {
         if (s.rule == Rule::kWaitAgain) return EndsIfMemo(s);
         if (s.value || !Slept(s) || !WaitsForEvents(Asking(s).call)) return s.value;
         const Id instance = s.model.InstanceOf(s.state().threads[s.model.running()].file);
         if (s.state().instances[instance].ready.size > 0 || s.memo != 0) return s.value;
         s.memo = 1;
         s.model.WakeWaiter(instance, Rule::kWakeScan);
         return s.value;
       }},

      // --- Reads of sockets, timers, inotify ------------------------------------------------------------------------
      {"thread.stream-oldest",
       "threads",
       "reads of a stream are served in the order in which they came",
       {Rule::kSleepTail},
       [](Scene& s) { return s.value || TypeOf(s) == FileType::kUnix; }},
      {"thread.datagram-herd",
       "threads",
       "a datagram wakes all who wait for one; who comes too late stands at the tail again",
       {Rule::kSleepExclusive},
       [](Scene& s) { return s.value && TypeOf(s) != FileType::kUnix; }},
      {"thread.timer-one",
       "threads",
       "a timer that expires tells one read and nobody behind it",
       {Rule::kSleepExclusive},
       [](Scene& s) { return s.value || TypeOf(s) == FileType::kTimerfd; }},
      {"thread.inotify-one",
       "threads",
       "an event of inotify tells one read and nobody behind it",
       {Rule::kSleepExclusive},
       [](Scene& s) { return s.value || TypeOf(s) == FileType::kInotify; }},

      // --- Timeouts -------------------------------------------------------------------------------------------------
      {"thread.timeout-woken-ends",
       "threads",
       "a wait with a timeout ends when it was woken for nothing, as if the timeout had passed",
       {Rule::kWaitAgain},
       [](Scene& s) { return s.value && TimeoutOf(Asking(s)) != Timeout::kFinite; }},
      {"thread.timeout-forgotten",
       "threads",
       "a wait that was woken for nothing goes on without its timeout",
       {Rule::kWaitTimeout},
       [](Scene& s) { return s.value && s.state().threads[s.model.running()].woken_by == Rule::kNone; }},
      {"thread.timeout-pwait2-none",
       "threads",
       "the timeout of epoll_pwait2 does not end a sleep",
       {Rule::kWaitTimeout},
       [](Scene& s) { return s.value && Asking(s).call != Call::kEpollPwait2; }},
      {"thread.timeout-epfd-closed",
       "threads",
       "once the epoll's last number is closed its waits have no timeout",
       {Rule::kWaitTimeout},
       [](Scene& s) { return s.value && Named(s.state(), s.id); }},
      {"thread.timeout-ends-all",
       "threads",
       "the first timeout ends all waits on the epoll",
       {Rule::kWaitTimeout, Rule::kWaitAgain},
       [](Scene& s) {
         if (s.rule == Rule::kWaitAgain) return EndsIfMemo(s);
         if (s.value) s.memo = 1, WakeAll(s, s.model.InstanceOf(s.id));
         return s.value;
       }},
      {"thread.timeout-interrupts",
       "threads",
       "a wait whose timeout passes is EINTR",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!s.Calls(Call::kExpire)) return;
         for (Completion& done : out->completions) {
           if (WaitsForEvents(done.call)) done.outcome.Error(kEINTR);
         }
       }},
      {"thread.timeout-poll-blind",
       "threads",
       "a poll or select whose timeout passes returns without another look",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!s.Calls(Call::kExpire)) return;
         for (Completion& done : out->completions) {
           if (!Polls(done.call)) continue;
           for (Record& r : done.outcome.records) r = Record();
         }
       }},

      // --- EXCLUSIVE ------------------------------------------------------------------------------------------------
      {"thread.exclusive-level-all",
       "threads",
       "gVisor's, of level-triggered ones: EXCLUSIVE wakes every instance, as if the bit were unknown",
       {Rule::kExclusiveStops},
       [](Scene& s) { return s.value && (s.item().events & kEt) != 0; }},
      {"thread.exclusive-newest",
       "threads",
       "the exclusive item that was added last is asked first",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!s.Ctl(kCtlAdd) || out->kind != Outcome::kValues || (CtlItem(s).events & kExclusive) == 0) return;
         List* queue = QueueOf(s.state(), s.file(2));
         if (queue == nullptr) return;
         Table<WaitEntry>& entries = s.state().entries;
         std::vector<Id> order, exclusive;
         for (Id id = queue->head; id != kNil; id = entries[id].in_queue.next) {
           (entries[id].exclusive && entries[id].thread == 0 ? exclusive : order).push_back(id);
         }
         if (exclusive.empty()) return;  // a kernel that does not know EXCLUSIVE
         std::rotate(exclusive.begin(), exclusive.end() - 1, exclusive.end());
         order.insert(order.end(), exclusive.begin(), exclusive.end());
         *queue = {};
         for (const Id id : order) QueueList::PushBack(entries, *queue, id);
       }},
      {"thread.exclusive-rotates",
       "threads",
       "the instance that was woken stands last next time",
       {Rule::kExclusiveStops},
       [](Scene& s) {
         List* queue = s.value ? QueueOf(s.state(), s.item().file) : nullptr;
         const Id entry = queue == nullptr ? kNil : EntryIn(s.state(), *queue, s.id);
         if (entry == kNil) return s.value;
         QueueList::Remove(s.state().entries, *queue, entry);
         QueueList::PushBack(s.state().entries, *queue, entry);
         return true;  // nobody looks at the queue any more
       }},
      {"thread.exclusive-silent",
       "threads",
       "an exclusive item is queued, and its instance's waits sleep on",
       {Rule::kCallbackLink, Rule::kWakeCallback},
       [](Scene& s) {
         return UnlessNoted(s, Rule::kCallbackLink, [](Scene& s) { return (s.item().events & kExclusive) != 0; });
       }},
      {"thread.exclusive-first-consumes",
       "threads",
       "an exclusive item that is queued now consumes, whether or not anybody sleeps there",
       {Rule::kCallbackLink, Rule::kExclusiveNobody},
       [](Scene& s) { return UnlessNoted(s, Rule::kCallbackLink, [](Scene& s) { return s.value; }); }},
      {"thread.exclusive-watched-consumes",
       "threads",
       "an exclusive item consumes where an outer epoll watches its instance, though nobody sleeps there",
       {Rule::kExclusiveNobody},
       [](Scene& s) { return s.value && s.state().instances[s.item().instance].queue.size == 0; }},

      // --- Nesting --------------------------------------------------------------------------------------------------
      {"thread.inner-only",
       "threads",
       "a notification that wakes a wait on the inner epoll does not reach the outer one",
       {Rule::kCallbackLink, Rule::kCallbackUpward},
       [](Scene& s) {
         return UnlessNoted(s, Rule::kCallbackLink,
                            [](Scene& s) { return s.state().instances[s.item().instance].waiters.size > 0; });
       }},
      {"thread.outer-only",
       "threads",
       "an epoll that is watched wakes no wait of its own",
       {Rule::kWakeCallback, Rule::kWakeAdd, Rule::kWakeMod},
       [](Scene& s) { return s.value && AskedInstance(s).queue.size == 0; }},
      {"thread.add-inner-only",
       "threads",
       "ADD that wakes a wait on the inner epoll does not reach the outer one",
       {Rule::kWakeAdd, Rule::kAddUpward},
       [](Scene& s) { return UnlessNoted(s, Rule::kWakeAdd, [](Scene&) { return true; }); }},
      {"thread.mod-inner-only",
       "threads",
       "MOD that wakes a wait on the inner epoll does not reach the outer one",
       {Rule::kWakeMod, Rule::kModUpward},
       [](Scene& s) { return UnlessNoted(s, Rule::kWakeMod, [](Scene&) { return true; }); }},

      // --- What goes under a sleeper --------------------------------------------------------------------------------
      {"thread.epfd-closed-ends",
       "threads",
       "close of an epoll's last number ends its waits with EBADF",
       {Rule::kWaitAgain},
       EndsIfMemo,
       [](Scene& s) {
         if (!Made(s) || !ClosesLast(s) || s.instance() == kNil) return;
         s.memo = 1;
         WakeAll(s, s.instance());
       },
       [](Scene& s, Outcome* out) {
         for (Completion& done : out->completions) {
           if (s.memo != 0 && WaitsForEvents(done.call) && done.outcome.records.empty()) done.outcome.Error(kEBADF);
         }
       }},
      {"thread.file-closed-ends",
       "threads",
       "close of a file's last number ends the waits that watched it",
       {Rule::kWaitAgain},
       EndsIfMemo,
       [](Scene& s) {
         if (!Made(s) || !ClosesLast(s)) return;
         s.memo = 1;
         WakeWatchers(s, s.file());
       }},
      {"thread.del-ends",
       "threads",
       "DEL ends the waits on the epoll",
       {Rule::kWaitAgain},
       EndsIfMemo,
       [](Scene& s) {
         if (!Made(s) || !s.Ctl(kCtlDel) || s.model.FindItem(s.instance(0), s.file(2), s.op.num(2)) == kNil) return;
         s.memo = 1;
         WakeAll(s, s.instance(0));
       }},
      {"thread.poll-holds-nothing",
       "threads",
       "a poll or select that sleeps holds no file: the last close releases it",
       {Rule::kSleepHolds},
       [](Scene& s) { return s.value && !Polls(Asking(s).call); }},
      {"thread.read-holds-nothing",
       "threads",
       "a read or write that sleeps does not hold its file",
       {Rule::kSleepHolds},
       [](Scene& s) { return s.value && Asking(s).call != Call::kRead && Asking(s).call != Call::kWrite; }},

      // --- poll(2) and select(2) ------------------------------------------------------------------------------------
      {"thread.poll-foreign-key",
       "threads",
       "a poll returns when it is notified of what it did not ask for",
       {Rule::kPollKey, Rule::kPollBlocks},
       [](Scene& s) {
         if (s.rule == Rule::kPollBlocks) return s.value && !(Slept(s) && s.memo != 0);
         s.memo |= s.value;
         return false;
       }},
      {"thread.poll-returns-nothing",
       "threads",
       "a poll that is woken for nothing returns 0",
       {Rule::kPollBlocks},
       [](Scene& s) { return s.value && !(Slept(s) && Asking(s).call != Call::kSelect); }},
      {"thread.select-returns-nothing",
       "threads",
       "a select that is woken for nothing returns 0",
       {Rule::kPollBlocks},
       [](Scene& s) { return s.value && !(Slept(s) && Asking(s).call == Call::kSelect); }},
      {"thread.poll-believes-wake",
       "threads",
       "a poll that is woken says that its first file is readable, without asking again",
       {Rule::kPollBlocks},
       [](Scene& s) { return s.value && !Slept(s); },
       nullptr,
       [](Scene&, Outcome* out) {
         for (Completion& done : out->completions) {
           std::vector<Record>& records = done.outcome.records;
           const bool none = std::all_of(records.begin(), records.end(), [](const Record& r) { return r.events == 0; });
           if (Polls(done.call) && none && !records.empty()) records[0].events = kIn;
         }
       }},
      {"thread.poll-one-answer",
       "threads",
       "a poll that has slept answers for one file only",
       {},
       nullptr,
       nullptr,
       [](Scene&, Outcome* out) {
         for (Completion& done : out->completions) {
           bool answered = !Polls(done.call);
           for (Record& r : done.outcome.records) {
             if (answered && Polls(done.call)) r.events = 0;
             answered |= r.events != 0;
           }
         }
       }},
      {"thread.poll-not-by-inner",
       "threads",
       "D39: a poll that sleeps on an epoll is not woken by what happens below",
       {Rule::kPollKey},
       [](Scene& s) {
         for (const Thread::Place& place : s.state().threads[s.state().entries[s.id].thread].places) {
           if (place.entry == s.id && s.model.InstanceOf(place.file) != kNil) return true;
         }
         return s.value;
       }},
      {"thread.poll-exclusive",
       "threads",
       "polls sleep as reads do: one is woken, and nobody behind it",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome*) {
         for (const Thread& t : s.state().threads) {
           if (t.state != Thread::kAsleep || !Polls(t.op.call)) continue;
           for (const Thread::Place& place : t.places) s.state().entries[place.entry].exclusive = true;
         }
       }},
      {"thread.poll-deaf",
       "threads",
       "a poll that was woken for nothing does not stand in the queues any more",
       {Rule::kPollBlocks, Rule::kPollKey},
       [](Scene& s) {
         if (s.rule == Rule::kPollKey) return s.value || s.state().threads[s.state().entries[s.id].thread].done != 0;
         if (s.value && Slept(s)) s.state().threads[s.model.running()].done = 1;
         return s.value;
       }},
      {"thread.poll-closed-ebadf",
       "threads",
       "a poll that finds a number closed when it is woken is EBADF",
       {},
       nullptr,
       nullptr,
       [](Scene&, Outcome* out) {
         for (Completion& done : out->completions) {
           const std::vector<Record>& records = done.outcome.records;
           const bool closed =
               std::any_of(records.begin(), records.end(), [](const Record& r) { return (r.events & kNval) != 0; });
           if (done.call != Call::kSelect && Polls(done.call) && closed) done.outcome.Error(kEBADF);
         }
       }},
      {"thread.select-closed-ebadf",
       "threads",
       "a select that finds a number closed when it is woken is EBADF, as when it begins",
       {Rule::kPollNval},
       [](Scene& s) {
         if (s.value && Slept(s) && Asking(s).call == Call::kSelect) s.memo |= int64_t{1} << s.model.running();
         return s.value;
       },
       nullptr,
       [](Scene& s, Outcome* out) {
         for (Completion& done : out->completions) {
           if ((s.memo >> done.thread & 1) != 0) done.outcome.Error(kEBADF);
         }
       }},

      // --- Reads and writes -----------------------------------------------------------------------------------------
      {"thread.semaphore-wakes-one",
       "threads",
       "a write to a semaphore wakes one read, whatever it adds",
       {Rule::kSleepExclusive},
       [](Scene& s) {
         const File& file = s.state().files[s.id];
         return s.value || (file.type == FileType::kEventfd && s.state().eventfds[file.object].semaphore);
       }},
      {"thread.writer-wakes-one",
       "threads",
       "a read of an eventfd wakes one write, though there is room for all",
       {Rule::kSleepExclusive},
       [](Scene& s) { return s.value || Waits(s, FileType::kEventfd, Call::kWrite); }},
      {"thread.herd-pipe-readers",
       "threads",
       "a write to a pipe wakes every read, and who comes too late is EAGAIN",
       {Rule::kSleepExclusive, Rule::kSleepCondition, Rule::kNonblock},
       [](Scene& s) {
         if (s.rule == Rule::kSleepExclusive) return s.value && !Waits(s, FileType::kPipe, Call::kRead);
         return LateIsEagain(s, FileType::kPipe);
       }},
      {"thread.herd-pipe-writers",
       "threads",
       "a read of a pipe wakes every write",
       {Rule::kSleepExclusive},
       [](Scene& s) { return s.value && !Waits(s, FileType::kPipe, Call::kWrite); }},
      {"thread.eventfd-newest",
       "threads",
       "of the reads of an eventfd the newest runs first, as waits do",
       {Rule::kSleepTail},
       [](Scene& s) { return s.value && !Waits(s, FileType::kEventfd, Call::kRead); }},
      {"thread.pipe-newest",
       "threads",
       "of the reads of a pipe the newest runs first, as waits do",
       {Rule::kSleepTail},
       [](Scene& s) { return s.value && !Waits(s, FileType::kPipe, Call::kRead); }},
      {"thread.requeue-head",
       "threads",
       "a read or write that was woken for nothing stands first",
       {Rule::kSleepTail},
       [](Scene& s) { return s.value && !Slept(s); }},
      {"thread.next-reader-slot",
       "threads",
       "a read that leaves less than a slot's worth wakes no other read",
       {Rule::kSleepNextReader},
       [](Scene& s) { return s.value && s.state().pipes[s.id].slots.size > 1; }},
      {"thread.next-writer-slot",
       "threads",
       "a write that leaves one slot wakes no other write",
       {Rule::kSleepNextWriter},
       [](Scene& s) {
         const Pipe& p = s.state().pipes[s.id];
         return s.value && p.max_slots - static_cast<int64_t>(p.slots.size) > 1;
       }},
      {"thread.nonblock-rechecked",
       "threads",
       "a read that is woken for nothing is EAGAIN if O_NONBLOCK was set meanwhile",
       {Rule::kSleepCondition},
       [](Scene& s) { return s.value && (s.state().files[s.id].flags & kONonblock) == 0; }},
      {"thread.eventfd-loser-eagain",
       "threads",
       "a read of an eventfd that comes too late is EAGAIN",
       {Rule::kSleepCondition, Rule::kNonblock},
       [](Scene& s) { return LateIsEagain(s, FileType::kEventfd); }},
      {"thread.writer-short",
       "threads",
       "a write to a pipe that has slept once returns what there was room for",
       {Rule::kNonblock},
       [](Scene& s) {
         return s.value || (Slept(s) && Asking(s).call == Call::kWrite &&
                            s.state().files[s.state().threads[s.model.running()].file].type == FileType::kPipe);
       }},
      {"thread.eof-sleeps-on",
       "threads",
       "a read of a pipe sleeps on after the last writer has gone",
       {Rule::kSleepCondition},
       [](Scene& s) {
         const File& file = s.state().files[s.id];
         return s.value || (Waits(s, FileType::kPipe, Call::kRead) && s.state().pipes[file.object].writers == 0);
       }},
      {"thread.epipe-sleeps-on",
       "threads",
       "a write to a pipe sleeps on after the last reader has gone",
       {Rule::kSleepCondition},
       [](Scene& s) {
         const File& file = s.state().files[s.id];
         return s.value || (Waits(s, FileType::kPipe, Call::kWrite) && s.state().pipes[file.object].readers == 0);
       }},
  };
  return mistakes;
}

}  // namespace pollux
