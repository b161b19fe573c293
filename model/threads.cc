// Threads that are stepped: who sleeps where, who is woken, and in what order the woken ones run.
//
// The schedule is that of one CPU where who makes a call is not preempted by whom it wakes, whatever the kernel's
// preemption: a call runs to its end, then the threads that it woke run in the order in which they were woken, each
// until it returns or sleeps again. What they wake on their way stands behind them. An op is over when nothing moves.

#include <algorithm>
#include <utility>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

// No true model needs as many; one that is wrong on purpose may wake for ever.
constexpr int kMostSteps = 1000;

}  // namespace

void Model::RunThreads(const Op& op, Outcome* out) {
  if (state_.threads.empty()) state_.threads.resize(kMaxThreads + 1);
  if (const char* why = NotInThreads(op)) return Unmodelled(why, out);
  running_ = op.thread;
  state_.threads[op.thread].again = false;
  Dispatch(op, out);
  if (op.thread != 0 && out->kind == Outcome::kBlocked) FallAsleep(op.thread, op);
  ReleaseFiles();
  std::vector<Completion> came_back;
  for (int step = 0; !state_.woken.empty() && step < kMostSteps; ++step) {
    Completion done;
    done.thread = running_ = TakeWoken();
    done.call = state_.threads[done.thread].op.call;
    Resume(done.thread, &done.outcome);
    ReleaseFiles();  // as task work of the thread that returns
    if (done.outcome.kind == Outcome::kBlocked) continue;
    if (done.thread == op.thread) {  // it slept for a moment only: who was woken made room for it
      *out = std::move(done.outcome);
    } else {
      came_back.push_back(std::move(done));
    }
  }
  running_ = 0;
  std::sort(came_back.begin(), came_back.end(),
            [](const Completion& a, const Completion& b) { return a.thread < b.thread; });
  out->completions = std::move(came_back);
}

// Who runs next: the one who was woken first, unless orders are tried (orders.cc).
uint8_t Model::TakeWoken() {
  size_t at = 0;
  if (order_ != nullptr) at = Chosen(state_.woken.size());
  const uint8_t thread = state_.woken[at];
  state_.woken.erase(state_.woken.begin() + static_cast<std::ptrdiff_t>(at));
  return thread;
}

// The timer of a call that sleeps fires.
void Model::Expire(const Op& op, Outcome* out) {
  const uint8_t thread = static_cast<uint8_t>(op.arg[0]);
  if (thread >= state_.threads.size() || state_.threads[thread].state != Thread::kAsleep ||
      TimeoutOf(state_.threads[thread].op) != Timeout::kFinite)
    return Unmodelled("the thread sleeps in no call with a timeout", out);
  Thread& t = state_.threads[thread];
  t.state = Thread::kWoken, t.expired = true;
  state_.woken.push_back(thread);
  out->Value(0);
}

// Why the op cannot be a step: it would sleep where no sleep is modelled.
const char* Model::NotInThreads(const Op& op) const {
  if (op.process != 0) return "no second process beside threads";
  if (op.thread == 0) return Blocks(op) ? "the controller does not sleep while threads do" : nullptr;
  if (const char* why = NoThreadMakes(op)) return why;
  if (state_.threads[op.thread].state != Thread::kIdle) return "the thread is in a call";
  const Id file = FileAt(op.num(0));
  if (op.call == Call::kRead && state_.files[file].type == FileType::kTimerfd) return "no thread reads timers";
  const bool known = (op.call == Call::kRead || op.call == Call::kWrite) && file != kNil &&
                     (state_.files[file].type == FileType::kPipe || state_.files[file].type == FileType::kEventfd);
  return !known && Blocks(op) ? "no thread sleeps there yet" : nullptr;
}

// --- Going to sleep --------------------------------------------------------------------------------------------------

// Its call holds the files that it works on: closing their numbers does not release them (R3.10).
void Model::Hold(uint8_t thread, Id file) {
  if (!rules_(Rule::kSleepHolds, true, file)) return;
  ++state_.files[file].refs;
  state_.threads[thread].held.push_back(file);
}

void Model::FallAsleep(uint8_t thread, const Op& op) {
  Thread& t = state_.threads[thread];
  t.state = Thread::kAsleep, t.op = op;
  t.file = kNil;
  ++state_.sleepers;
  if (Polls(op.call)) return SleepInPolled(thread);
  t.file = Usable(op.num(0));
  Hold(thread, t.file);
  SleepIn(thread);
}

void Model::Enqueue(uint8_t thread, List* queue, Thread::Place place, const WaitEntry& entry, bool front) {
  place.entry = state_.entries.New();
  WaitEntry& w = state_.entries[place.entry];
  w = entry;
  w.thread = thread;
  if (front) {
    QueueList::PushFront(state_.entries, *queue, place.entry);
  } else {
    QueueList::PushBack(state_.entries, *queue, place.entry);
  }
  state_.threads[thread].places.push_back(place);
}

// In a wait, a read or a write; a wake takes it out of the queue, so that it comes here each time.
void Model::SleepIn(uint8_t thread) {
  const Thread& t = state_.threads[thread];
  const File& file = state_.files[t.file];
  WaitEntry entry;
  if (WaitsForEvents(t.op.call)) {
    // __add_wait_queue_exclusive(): the newest first.
    entry.exclusive = true;
    const bool front = rules_(Rule::kSleepNewest, true, file.object);
    return Enqueue(thread, &state_.instances[file.object].waiters, {kNil, t.file, 0}, entry, front);
  }
  List* queue = &state_.eventfds[file.object].queue;
  if (file.type == FileType::kPipe) {
    Pipe& p = state_.pipes[file.object];
    queue = t.op.call == Call::kRead || Has(Quirk::kPipeOneQueue) ? &p.readers_queue : &p.writers_queue;
  }
  entry.exclusive = rules_(Rule::kSleepExclusive, file.type == FileType::kPipe, t.file);
  entry.stays = file.type == FileType::kEventfd && Has(Quirk::kEventfdSleepsFirst);
  Enqueue(thread, queue, {kNil, t.file, 0}, entry, !rules_(Rule::kSleepTail, !entry.stays, t.file));
}

// In poll(2) or select(2): in every queue of every file, in the order in which they were asked, until it returns.
void Model::SleepInPolled(uint8_t thread) {
  const Op op = state_.threads[thread].op;
  const auto stand = [&](int32_t fd, uint32_t key) {
    const Id file = Usable(fd);
    if (file == kNil) return;
    const Queues queues = QueuesOf(file);
    for (size_t i = 0; i < queues.size(); ++i) {
      if (queues[i] == nullptr) continue;
      WaitEntry entry;
      entry.stays = true, entry.key = key;
      Enqueue(thread, queues[i], {kNil, file, i}, entry, rules_(Rule::kPollHead, true, file));
      Hold(thread, file);
    }
  };
  if (op.call != Call::kSelect) {
    for (size_t i = 0; i < op.npoll; ++i) stand(op.poll_fd(i).number(), op.poll_events(i) | kErr | kHup);
    return;
  }
  for (int32_t fd = 0; fd < 64; ++fd) {
    uint32_t sets = 0;
    for (size_t i = 0; i < op.npoll && op.mem(0).kind() != Memory::kNull; ++i) {
      if (op.poll_fd(i).number() == fd) sets |= op.poll_events(i);
    }
    if (sets != 0) stand(fd, SelectKey(sets));
  }
}

// --- Being woken -----------------------------------------------------------------------------------------------------

// wake_up() of those who sleep in waits.
void Model::WakeWaiter(Id id, Rule why) {
  List& waiters = state_.instances[id].waiters;
  if (waiters.size > 0 && rules_(why, true, id)) Notify(waiters, 0);
}

// A sleeper's turn: does it wake? (pollwake(), autoremove_wake_function())
bool Model::WakeThread(List& queue, Id entry, uint32_t key) {
  const WaitEntry w = state_.entries[entry];
  Thread& t = state_.threads[w.thread];
  if (w.key != 0 && rules_(Rule::kPollKey, key != 0 && (key & w.key) == 0, entry)) return false;
  if (t.state != Thread::kAsleep) return false;
  t.state = Thread::kWoken, t.woken_by = rules_.last();
  state_.woken.push_back(w.thread);
  if (w.stays) return true;
  QueueList::Remove(state_.entries, queue, entry);
  state_.entries[entry] = WaitEntry();
  state_.entries.Free(entry);
  t.places.clear();
  return true;
}

// A woken thread goes on with its call.
void Model::Resume(uint8_t thread, Outcome* out) {
  Thread& t = state_.threads[thread];
  const Op op = t.op;
  t.again = true;
  if (WaitsForEvents(op.call) && rules_(Rule::kWaitTimeout, t.expired && !t.places.empty(), t.file)) {
    out->Clear(), out->kind = Outcome::kRecords;
  } else if (WaitsForEvents(op.call)) {
    Harvest(state_.instances[state_.files[t.file].object], op.mem(1), op.num(2), out);
    const bool nothing = out->kind == Outcome::kRecords && out->records.empty();
    if (nothing && rules_(Rule::kWaitAgain, true, t.file)) out->Clear(), out->kind = Outcome::kBlocked;
  } else if (Polls(op.call)) {
    const bool sleeps = !rules_(Rule::kPollTimeout, t.expired);
    if (op.call == Call::kSelect) {
      SelectSets(op, sleeps, out);
    } else {
      PollSet(op, op.call == Call::kPpoll ? op.mem(0) : Memory(), sleeps, out);
    }
  } else {
    const File f = state_.files[t.file];
    const int64_t n = static_cast<int64_t>(op.arg[2]);
    const FileOps& ops = Ops(f.type);
    // wait_event(): a wake alone ends no sleep, nor is anything else looked at.
    const bool passes = f.type == FileType::kPipe ? PipePasses(f, op.call) : EventfdPasses(f, op.call, op.arg[3]);
    if (rules_(Rule::kSleepCondition, !passes, t.file)) {
      out->kind = Outcome::kBlocked;
    } else if (op.call == Call::kRead && ops.read != nullptr) {
      (this->*ops.read)(f, op.mem(1), n, out);
    } else if (op.call == Call::kWrite && ops.write != nullptr) {
      (this->*ops.write)(f, op.mem(1), n, op.arg[3], out);
    } else {
      out->Value(0);  // only where a rule is planted
    }
  }
  if (out->kind != Outcome::kBlocked) return Finish(thread);
  t.state = Thread::kAsleep;
  if (!Polls(op.call) && t.places.empty()) SleepIn(thread);
}

// poll_freewait(), and what the call held.
void Model::Finish(uint8_t thread) {
  Thread& t = state_.threads[thread];
  for (const Thread::Place& place : t.places) {
    List* queue = WaitsForEvents(t.op.call) ? &state_.instances[state_.files[place.file].object].waiters
                                            : QueuesOf(place.file)[place.queue];
    if (queue != nullptr) QueueList::Remove(state_.entries, *queue, place.entry);
    state_.entries[place.entry] = WaitEntry();
    state_.entries.Free(place.entry);
  }
  for (const Id file : t.held) DropReference(file);
  t = Thread();
  --state_.sleepers;
}

}  // namespace pollux
