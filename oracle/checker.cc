// The checker's loop: resolve, model, target, compare; and what happens when they differ.

#include "oracle/checker.h"

#include <algorithm>

#include "oracle/exec.h"
#include "oracle/timeouts.h"

namespace pollux {
namespace {

// Slots of the wait calls (Spec).
constexpr size_t kPollTimeout = 0;
constexpr size_t kWaitTimeout = 3;
constexpr size_t kTimespec = 3, kSeconds = 4, kNanoseconds = 5;
constexpr size_t kSetTime = 1, kSetSeconds = 2, kSetFraction = 3;  // of select and ppoll

bool IsWait(Call call) { return WaitsForEvents(call) || Polls(call); }

bool MaySleepOutsideWait(Call call) {
  switch (call) {
    case Call::kRead:
    case Call::kWrite:
    case Call::kSend:
    case Call::kRecv:
    case Call::kConnect:
    case Call::kAccept4:
    case Call::kSendfd:
    case Call::kRecvfd:
    case Call::kReopen:
    case Call::kReadv:
    case Call::kWritev:
    case Call::kSplice:
    case Call::kTee:
    case Call::kVmsplice:
    case Call::kSendfile:
    case Call::kSpliceAt:
    case Call::kSendfileAt:
    case Call::kNlRequest:
    case Call::kInotifyRead:
    case Call::kMqSend:
    case Call::kMqReceive:
    case Call::kSignals:
    case Call::kReap:
      return true;
    default:
      return false;
  }
}

// Does the wait store its result where it may not be able to? Then it sleeps first, and is EFAULT afterwards.
bool StoresElsewhere(const Op& op) {
  return (op.call == Call::kSelect || op.call == Call::kPpoll) && op.mem(0) != Memory();
}

// A wait without an event: would it take longer than a test can afford?
bool SleepsLong(const Op& op, const Outcome& allowed) {
  if (allowed.kind == Outcome::kBlocked) return true;
  if (allowed.kind != Outcome::kRecords && !StoresElsewhere(op)) return false;
  for (const Record& r : allowed.records) {
    if (r.events != 0) return false;
  }
  switch (op.call) {
    case Call::kPoll:
      return op.num(kPollTimeout) < 0 || op.num(kPollTimeout) > 1;
    case Call::kSelect:
      return op.mem(kSetTime).kind() == Memory::kNull || op.arg[kSetSeconds] != 0 || op.arg[kSetFraction] > 1'000;
    case Call::kPpoll:
      return op.mem(kSetTime).kind() == Memory::kNull || op.arg[kSetSeconds] != 0 || op.arg[kSetFraction] > 1'000'000;
    case Call::kEpollPwait2:
      return op.mem(kTimespec).kind() == Memory::kNull || op.arg[kSeconds] != 0 || op.arg[kNanoseconds] > 1'000'000;
    default:
      return op.num(kWaitTimeout) < 0 || op.num(kWaitTimeout) > 1;
  }
}

// The same wait with timeout 0.
void MakeImmediate(Op* op) {
  switch (op->call) {
    case Call::kPoll:
      op->arg[kPollTimeout] = 0;
      break;
    case Call::kSelect:
    case Call::kPpoll:
      op->arg[kSetTime] = Memory().bits();
      op->arg[kSetSeconds] = op->arg[kSetFraction] = 0;
      break;
    case Call::kEpollPwait2:
      op->arg[kTimespec] = Memory().bits();
      op->arg[kSeconds] = op->arg[kNanoseconds] = 0;
      break;
    default:
      op->arg[kWaitTimeout] = 0;
  }
}

// What an immediate wait returns where the model has just said that a longer one sleeps: the state is the same.
void NothingReady(const Op& op, Outcome* allowed) {
  std::vector<Completion> completions = std::move(allowed->completions);
  allowed->Clear();
  allowed->kind = Outcome::kRecords;
  allowed->completions = std::move(completions);
  if (Polls(op.call)) allowed->records.resize(op.npoll);
}

// Agrees, without a call for what most ops do: return one number.
inline bool Same(const Outcome& allowed, const Outcome& observed) {
  const bool plain = allowed.kind == Outcome::kValues && observed.kind == Outcome::kValues &&
                     (allowed.nvalues == 1) & (observed.nvalues == 1) & !allowed.has_payload & !allowed.clobbered &
                         !observed.clobbered;
  if (plain && allowed.completions.empty() && observed.completions.empty()) [[likely]]
    return allowed.value[0] == observed.value[0];
  return Agrees(allowed, observed);
}

Fd Shifted(Fd fd, size_t from, int by) {
  if (fd.literal() || fd.op() < from) return fd;
  return Fd::Output(static_cast<uint32_t>(static_cast<int64_t>(fd.op()) + by), fd.out());
}

// Takes out an op that has no outputs.
void Remove(std::vector<Op>* ops, size_t at) {
  ops->erase(ops->begin() + static_cast<std::ptrdiff_t>(at));
  for (size_t i = at; i < ops->size(); ++i) MapFds((*ops)[i], [at](Fd fd) { return Shifted(fd, at + 1, -1); });
}

void Insert(std::vector<Op>* ops, size_t at, const Op& op) {
  for (size_t i = at; i < ops->size(); ++i) MapFds((*ops)[i], [at](Fd fd) { return Shifted(fd, at, 1); });
  ops->insert(ops->begin() + static_cast<std::ptrdiff_t>(at), op);
}

// One number of every open instance, lowest first: of the first process, and those that the second one alone has.
void OpenInstances(const State& s, std::vector<std::pair<uint8_t, int32_t>>* numbers) {
  numbers->clear();
  const auto at = [&s](std::pair<uint8_t, int32_t> n) {
    return (n.first == 0 ? s.fds : s.other.fds)[static_cast<size_t>(n.second)].file;
  };
  for (uint8_t process = 0; process <= (s.second ? 1 : 0); ++process) {
    const size_t end = (process == 0 ? s.fds : s.other.fds).size();
    for (size_t n = 3; n < end; ++n) {
      const std::pair<uint8_t, int32_t> number = {process, static_cast<int32_t>(n)};
      const Id file = at(number);
      if (s.files[file].type != FileType::kEpoll) continue;
      const bool known = std::any_of(numbers->begin(), numbers->end(), [&](auto m) { return at(m) == file; });
      if (!known) numbers->push_back(number);
    }
  }
}

// How a reader would write `number`: the name it was last given, else itself.
Fd Spelled(std::span<const Op> ops, const Bindings& bindings, int32_t number) {
  for (size_t i = std::min(ops.size(), bindings.size()); i-- > 0;) {
    for (uint32_t out = 0; out < Outputs(ops[i].call); ++out) {
      const Fd fd = Fd::Output(static_cast<uint32_t>(i), out);
      if (bindings.Number(fd) == number) return fd;
    }
  }
  return Fd::Literal(number);
}

// The last rule that held, but for the one that put a wait to sleep: a wait made immediate takes every other decision.
Rule LastDecision(const Rules& rules) {
  size_t n = rules.trail_size();
  if (n > 0 && (rules.trail(n - 1) == Rule::kWaitBlocks || rules.trail(n - 1) == Rule::kPollBlocks)) --n;
  return n == 0 ? Rule::kNone : rules.trail(n - 1);
}

void Count(const char* why, Tally* tally) {
  for (auto& [reason, count] : *tally) {
    if (reason == why) {
      ++count;
      return;
    }
  }
  tally->emplace_back(why, 1);
}

}  // namespace

const char* NotBesideThreads(const Op& op) {
  switch (op.call) {
    case Call::kSocket:
      return op.num(0) == kAfInet ? "no INET sockets in a trace with threads" : nullptr;
    case Call::kUringEpollCtl:
    case Call::kUringEpollWait:
    case Call::kRingSetup:
      return "no io_uring in a trace with threads";
    case Call::kJumpClock:
      return "the clock does not jump in a trace with threads";
    case Call::kOpenpty:
      return "no pseudoterminals in a trace with threads";
    case Call::kFork:
    case Call::kChild:
      return "no second process in a trace with threads";
    case Call::kSignalfd4:
    case Call::kRaise:
    case Call::kKill:
    case Call::kSigqueue:
      return "no signals in a trace with threads";
    case Call::kCloseRange:
      return (op.u32(2) & kCloseRangeUnshare) != 0 ? "threads keep sharing their descriptor table" : nullptr;
    default:
      return nullptr;
  }
}

Checker::Checker(Target* target, Model* model) : target_(target), model_(model) {
  for (size_t call = 0; call < kCalls; ++call) lacks_[call] = target->Lacks(static_cast<Call>(call));
}

Checker::~Checker() = default;

// Answers what is allowed, and keeps what it was asked.
class Checker::Foreseer : public Target {
 public:
  explicit Foreseer(const Target& target) : target_(target) {}
  void Asks(const Checker& checker) { allowed_ = &checker.allowed_; }
  const std::vector<Op>& ops() const { return ops_; }
  const std::vector<Outcome>& outcomes() const { return outcomes_; }

  std::string name() const override { return target_.name(); }
  const Profile& profile() const override { return target_.profile(); }
  const Facts& facts() const override { return target_.facts(); }
  const char* Lacks(Call call) const override { return target_.Lacks(call); }
  void Reset() override { ops_.clear(), outcomes_.clear(); }
  void Run(const Op& op, Outcome* out) override {
    *out = *allowed_;
    ops_.push_back(op);
    outcomes_.push_back(*out);
  }

 private:
  const Target& target_;
  const Outcome* allowed_ = nullptr;
  std::vector<Op> ops_;
  std::vector<Outcome> outcomes_;
};

uint32_t Checker::Foresee(std::vector<Op>* ops, const CheckOptions& options) {
  if (foreseer_ == nullptr) {
    foreseer_ = std::make_unique<Foreseer>(*target_);
    ahead_ = std::make_unique<Checker>(foreseer_.get(), model_);
    foreseer_->Asks(*ahead_);
  }
  CheckOptions without = options;
  without.progress = nullptr;
  foreseer_->Reset();
  ahead_->Pass(ops, without, options.observe_fdinfo ? Observe::kAtEnd : Observe::kNever, nullptr);
  return target_->Foresee(foreseer_->ops(), foreseer_->outcomes());
}

Verdict Checker::Run(std::vector<Op>* ops, const CheckOptions& options, std::vector<Outcome>* outcomes) {
  CheckOptions here = options;
  if (here.foreseen == 0 && target_->far()) here.foreseen = Foresee(ops, options);
  target_->ResetTo(here.foreseen);
  Verdict verdict = Passes(ops, options, options.observe_fdinfo ? Observe::kAtEnd : Observe::kNever, outcomes);
  if (verdict.value == Verdict::kDiverges && options.observe_fdinfo && (*ops)[verdict.op].call == Call::kFdinfo) {
    // The interest lists differ: where did they part?
    std::vector<Op> located(ops->begin(), ops->begin() + static_cast<std::ptrdiff_t>(verdict.op));
    std::vector<Outcome> until;
    target_->Reset();
    Verdict first = Passes(&located, options, Observe::kAlways, &until);
    if (first.value == Verdict::kDiverges) {
      located.resize(first.op + 1);
      *ops = std::move(located);
      if (outcomes != nullptr) *outcomes = std::move(until);
      verdict = std::move(first);
    }
  }
  if (verdict.value == Verdict::kDiverges && options.verify_facts) {
    verdict.reason = target_->Doubt();
    if (verdict.reason != Reason::kNone) verdict.value = Verdict::kInconclusive;
  }
  return verdict;
}

Verdict Checker::Passes(std::vector<Op>* ops, const CheckOptions& options, Observe observe,
                        std::vector<Outcome>* outcomes) {
  Verdict verdict;
  for (const int slot_ms : kSlotsMs) {
    slot_ms_ = slot_ms;
    if (slot_ms != kSlotsMs[0]) target_->Reset();
    verdict = Pass(ops, options, observe, outcomes);
    if (verdict.value != Verdict::kInconclusive || verdict.reason != Reason::kDisturbed) break;
  }
  return verdict;
}

Verdict Checker::Pass(std::vector<Op>* ops, const CheckOptions& options, Observe observe,
                      std::vector<Outcome>* outcomes) {
  Verdict verdict;
  model_->Reset();
  bindings_.Clear();
  unexpected_.clear();
  previous_ = Rule::kNone;
  slot_ = 0;
  if (outcomes != nullptr) outcomes->clear();
  threads_ = std::any_of(ops->begin(), ops->end(), [](const Op& op) { return op.thread != 0; });
  if (threads_ && !stepping_known_) stepping_ = target_->Threads().level, stepping_known_ = true;

  uint32_t removed = 0;
  for (size_t i = 0; i < ops->size(); ++i) {
    Op op = bindings_.Resolve((*ops)[i]);
    if (options.progress != nullptr) *options.progress = static_cast<uint32_t>(i) + removed;
    const char* why = LeftOut(op);
    if (why == nullptr) [[likely]] {
      const bool sleeps = (op.call == Call::kReopen && options.sleeping_opens) || op.thread != 0;
      if (options.never_block && MaySleepOutsideWait(op.call) && !sleeps && model_->Blocks(op)) [[unlikely]] {
        Remove(ops, i--);
        ++removed;
        continue;
      }
      if (threads_ && stepping_ == Stepping::kAnyOrder && model_->OrderMatters(op)) [[unlikely]] {
        why = "the order of threads is not known without real-time priority";
        unexpected_.push_back(i);
      } else {
        model_->Run(op, &allowed_);
        if (allowed_.kind == Outcome::kSkipped) [[unlikely]]
          why = allowed_.note;
      }
    }
    if (why == nullptr) [[likely]] {
      if (options.never_block && op.thread == 0 && IsWait(op.call) && SleepsLong(op, allowed_)) [[unlikely]] {
        MakeImmediate(&(*ops)[i]);
        MakeImmediate(&op);
        if (model_->state().signal_queue.size > 0) {
          // Who is woken by a signal leaves another state behind than who does not sleep.
          Rewind(*ops, i);
          model_->Run(op, &allowed_);
        } else if (StoresElsewhere(op)) {
          model_->Run(op, &allowed_);  // polling twice is polling once
        } else {
          NothingReady(op, &allowed_);
        }
      }
      if (op.thread != 0) [[unlikely]]
        op = Timed(*ops, i, op, slot_, slot_ms_);
      target_->Run(op, &observed_);
      ++ops_run_;
      if (op.call == Call::kExpire && observed_.kind == Outcome::kValues) [[unlikely]]
        slot_ = SlotOf(*ops, i);
      if (!Same(allowed_, observed_)) [[unlikely]] {
        if (TooLate(observed_) || (threads_ && target_->Disturbed())) {
          verdict.value = Verdict::kInconclusive, verdict.op = i, verdict.reason = Reason::kDisturbed;
          return verdict;
        }
        if (observed_.kind != Outcome::kSkipped) {
          Diverged(*ops, i, op, &verdict, outcomes);
          return verdict;
        }
        --ops_run_;
        unexpected_.push_back(i);
        Rewind(*ops, i);
        why = observed_.note == nullptr ? "the target cannot do this op" : observed_.note;
      } else if (allowed_.among != nullptr) [[unlikely]] {
        FromSet(allowed_.among);
      }
    }
    if (why != nullptr) [[unlikely]]
      Skip(why);
    bindings_.Bind((*ops)[i], observed_);
    if (outcomes != nullptr) outcomes->push_back(observed_);
    if (op.call != Call::kFdinfo) previous_ = LastDecision(model_->rules());
    if (observe == Observe::kAlways && Observed(ops, i + 1, &verdict, outcomes)) return verdict;
  }
  if (observe == Observe::kAtEnd) Observed(ops, ops->size(), &verdict, outcomes);
  return verdict;
}

bool Checker::Observed(std::vector<Op>* ops, size_t after, Verdict* verdict, std::vector<Outcome>* outcomes) {
  if (lacks_[static_cast<size_t>(Call::kFdinfo)] != nullptr) return false;
  OpenInstances(model_->state(), &instances_);
  for (const auto& [process, number] : instances_) {
    Op op = {.call = Call::kFdinfo, .process = process};
    op.arg[0] = Fd::Literal(number).bits();
    model_->Run(op, &allowed_);
    target_->Run(op, &observed_);
    if (observed_.kind == Outcome::kSkipped) continue;
    ++ops_run_;
    if (Agrees(allowed_, observed_)) {
      if (allowed_.among != nullptr) FromSet(allowed_.among);
      continue;
    }
    if (threads_ && target_->Disturbed()) {
      verdict->value = Verdict::kInconclusive, verdict->op = after, verdict->reason = Reason::kDisturbed;
      return true;
    }
    const Op resolved = op;
    op.arg[0] = Spelled(std::span(*ops).first(after), bindings_, number).bits();
    Insert(ops, after, op);
    Diverged(*ops, after, resolved, verdict, outcomes);
    return true;
  }
  return false;
}

const char* Checker::LeftOut(const Op& op) const {
  const char* why = lacks_[static_cast<size_t>(op.call)];
  if (why == nullptr) why = Refused(op);
  if (why == nullptr && threads_) [[unlikely]]
    why = NotBesideThreads(op);
  return why;
}

void Checker::Skip(const char* why) {
  observed_.Clear();
  observed_.kind = Outcome::kSkipped;
  observed_.note = why;
  ++skipped_;
  Count(why, &skips_);
}

void Checker::FromSet(const char* why) {
  ++by_set_;
  Count(why, &sets_);
}

void Checker::Diverged(std::span<const Op> ops, size_t at, const Op& op, Verdict* verdict,
                       std::vector<Outcome>* outcomes) {
  ++diverged_;
  verdict->value = Verdict::kDiverges;
  verdict->op = at;
  verdict->observed = observed_;
  Rewind(ops, at);
  const State before = model_->state();
  model_->Run(op, &verdict->allowed);
  verdict->kind = Classify(op, verdict->allowed, verdict->observed, before, *model_, previous_);
  if (outcomes != nullptr) outcomes->push_back(observed_);
}

void Checker::Rewind(std::span<const Op> ops, size_t upto) {
  Bindings now;
  model_->Reset();
  Outcome outcome;
  for (size_t i = 0; i < upto; ++i) {
    const Op op = now.Resolve(ops[i]);
    const bool left_out =
        LeftOut(op) != nullptr || std::find(unexpected_.begin(), unexpected_.end(), i) != unexpected_.end();
    if (left_out) {
      outcome.Clear();
      outcome.kind = Outcome::kSkipped;
    } else {
      model_->Run(op, &outcome);
    }
    now.Bind(ops[i], outcome);
  }
}

}  // namespace pollux
