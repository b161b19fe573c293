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
  if (op.call == Call::kTimerfdSettime && SleepsOn(FileAt(op.num(0))) &&
      NearInterval(static_cast<int64_t>(op.arg[4]), static_cast<int64_t>(op.arg[5])))
    return "nobody sees when a timer that a thread reads has expired again";
  if (op.call == Call::kSetsockopt && op.num(1) == kSoRcvlowat && SleepsOn(FileAt(op.num(0))))
    return "what a thread waits for is what it found when it came";
  if (op.thread == 0) return Blocks(op) ? "the controller does not sleep while threads do" : nullptr;
  if (const char* why = NoThreadMakes(op)) return why;
  if (state_.threads[op.thread].state != Thread::kIdle) return "the thread is in a call";
  const File& file = state_.files[FileAt(op.num(0))];
  const Timerfd& timer = state_.timerfds[file.type == FileType::kTimerfd ? file.object : kNil];
  if (op.call == Call::kRead && NearInterval(timer.interval[0], timer.interval[1]))
    return "nobody sees when a timer that a thread reads has expired again";
  return !MaySleep(op, file) && Blocks(op) ? "no thread sleeps there yet" : nullptr;
}

// Is this sleep modelled?
bool Model::MaySleep(const Op& op, const File& file) const {
  const Call call = op.call;
  switch (file.type) {
    case FileType::kPipe:
    case FileType::kEventfd:
      return call == Call::kRead || call == Call::kWrite;
    case FileType::kTimerfd:
      return call == Call::kRead;
    case FileType::kInotify:
      return call == Call::kInotifyRead;
    case FileType::kUnix:
      // One that waits for more than a byte has taken some when it sleeps. A peek of a stream may miss its wake where
      // another reader has dropped an out-of-band byte in the meantime (R5.67).
      if (call == Call::kRecv && (op.u32(3) & kMsgPeek) != 0 && state_.sockets[file.object].type == kSockStream)
        return false;
      return (call == Call::kRead || call == Call::kRecv) && state_.sockets[file.object].receive_low <= 1;
    default:
      return false;
  }
}

// Does a thread sleep in a call on the same object?
bool Model::SleepsOn(Id id) const {
  const File& file = state_.files[id];
  return std::any_of(state_.threads.begin(), state_.threads.end(), [&](const Thread& t) {
    return t.state != Thread::kIdle && t.file != kNil && state_.files[t.file].type == file.type &&
           state_.files[t.file].object == file.object;
  });
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
  bool tail = true;
  switch (file.type) {
    case FileType::kPipe: {
      Pipe& p = state_.pipes[file.object];
      queue = t.op.call == Call::kRead || Has(Quirk::kPipeOneQueue) ? &p.readers_queue : &p.writers_queue;
      break;
    }
    case FileType::kTimerfd:
      queue = &state_.timerfds[file.object].queue;
      break;
    case FileType::kInotify:  // add_wait_queue(), woken_wake_function()
      queue = &state_.inotifies[file.object].queue;
      entry.stays = true, tail = false;
      break;
    case FileType::kUnix: {
      Socket& s = state_.sockets[file.object];
      queue = &s.queue;
      tail = s.type != kSockStream;      // unix_stream_data_wait(): prepare_to_wait()
      if (tail) entry.key = kIn | kErr;  // receiver_wake_function()
      break;
    }
    default:
      entry.stays = Has(Quirk::kEventfdSleepsFirst);
      tail = !entry.stays;
  }
  const bool message = file.type == FileType::kUnix && tail;
  entry.exclusive = rules_(Rule::kSleepExclusive, file.type == FileType::kPipe || message, t.file);
  Enqueue(thread, queue, {kNil, t.file, 0}, entry, !rules_(Rule::kSleepTail, tail, t.file));
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
  const Rule why = Polls(t.op.call) ? Rule::kPollKey : Rule::kSleepKey;
  if (w.key != 0 && rules_(why, key != 0 && (key & w.key) == 0, entry)) return false;
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
    const bool passes = f.type == FileType::kPipe      ? PipePasses(f, op.call)
                        : f.type == FileType::kEventfd ? EventfdPasses(f, op.call, op.arg[3])
                        : f.type == FileType::kTimerfd ? state_.timerfds[f.object].ticks > 0
                                                       : true;  // it looks anew
    if (rules_(Rule::kSleepCondition, !passes, t.file)) {
      out->kind = Outcome::kBlocked;
    } else if (op.call == Call::kRecv && ops.socket != nullptr) {
      (this->*ops.socket->recv)(f, op.mem(1), n, op.u32(3), out);
    } else if ((op.call == Call::kRead || op.call == Call::kInotifyRead) && ops.read != nullptr) {
      (this->*ops.read)(f, op.mem(1), n, out);
      if (op.call == Call::kInotifyRead && out->kind == Outcome::kValues) out->kind = Outcome::kRecords;
    } else if (op.call == Call::kWrite && ops.write != nullptr) {
      (this->*ops.write)(f, op.mem(1), n, op.arg[3], out);
    } else {
      out->Value(0);  // only where a rule is planted
    }
    if (op.call == Call::kRead || op.call == Call::kWrite) {
      Transferred(t.file, *out, op.call == Call::kRead ? kInAccess : kInModify);
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
