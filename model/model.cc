// Which method runs which op.

#include "model/model.h"

namespace pollux {

Model::Model(const Profile& profile, const Facts& facts) : profile_(profile), facts_(facts) { Reset(); }

Model::Model(const Model& other)
    : profile_(other.profile_), facts_(other.facts_), state_(other.state_), rules_(other.rules_) {
  rules_.Rebind(this);
}

void Model::Reset() { state_.Reset(); }

void Model::Run(const Op& op, Outcome* out) {
  rules_.StartOp();
  if ((op.thread | state_.sleepers) != 0) [[unlikely]]
    return RunThreads(op, out);
  if (op.process == 0) [[likely]] {
    Dispatch(op, out);
  } else {
    RunAsSecond(op, out);
  }
  if (out->kind == Outcome::kBlocked && state_.signal_queue.size > 0) [[unlikely]]
    BroughtHome(op);
  // What messages held goes when the call returns.
  ReleaseFiles();
}

void Model::Dispatch(const Op& op, Outcome* out) {
  if (op.i386 != 0) [[unlikely]]
    return Dispatch(FromCaller32(op), out);
  switch (op.call) {
    case Call::kEpollCreate:
      if (rules_(Rule::kCreateSize, op.num(0) <= 0)) return out->Error(kEINVAL);
      return EpollCreate(out, false);
    case Call::kEpollCreate1:
      if (rules_(Rule::kCreateFlags, (op.u32(0) & ~kOCloexec) != 0)) return out->Error(kEINVAL);
      return EpollCreate(out, rules_(Rule::kCreateCloexec, (op.u32(0) & kOCloexec) != 0));
    case Call::kEpollCtl:
    case Call::kUringEpollCtl:
      return EpollCtl(op, out);
    case Call::kUringEpollWait:
      // Since 6.15. A completion comes when there are records: that none is ready now is to sleep.
      if (Has(Quirk::kWaitArgumentsFirst)) return out->Error(kEINVAL);
      return Wait(op.num(0), op.mem(1), op.num(2), {.for_ever = true}, out);
    case Call::kEpollWait:
    case Call::kEpollPwait:
    case Call::kEpollPwait2:
      return EpollWaits(op, out);
    case Call::kEpiocSparams:
    case Call::kEpiocGparams:
      return Params(op, out);
    case Call::kIoctl:
      return Ioctl(op, out);
    case Call::kPoll:
    case Call::kPpoll:
      return Poll(op, out);
    case Call::kSelect:
      return Select(op, out);
    case Call::kFdinfo:
      return Fdinfo(op, out);
    case Call::kClose:
      return Close(op, out);
    case Call::kCloseRange:
      return CloseRange(op, out);
    case Call::kDup:
      return Dup(op, out);
    case Call::kDup2:
      return Dup2(op, out);
    case Call::kDup3:
      return Dup3(op, out);
    case Call::kFcntl:
      return Fcntl(op, out);
    case Call::kRead:
      return Read(op, out);
    case Call::kWrite:
      return Write(op, out);
    case Call::kSend:
      return Send(op, out);
    case Call::kRecv:
      return Recv(op, out);
    case Call::kShutdown:
      return Shutdown(op, out);
    case Call::kPipe2:
      return Pipe2(op, out);
    case Call::kEventfd:
      return EventfdCreate(op, out);
    case Call::kSocketpair:
      return SocketPair(op, out);
    case Call::kTimerfdCreate:
      return TimerfdCreate(op, out);
    case Call::kTimerfdSettime:
      return TimerfdSettime(op, out);
    case Call::kUserfaultfd:
      return UserfaultfdCreate(op, out);
    case Call::kUffdApi:
      return UserfaultfdApi(op, out);
    case Call::kPerfEventOpen:
      return PerfEventOpen(op, out);
    case Call::kTimerfdGettime:
      return TimerfdGettime(op, out);
    case Call::kTimerfdTicks:
      return TimerfdTicks(op, out);
    case Call::kMemfdCreate:
      return MemfdCreate(op, out);
    case Call::kOpen:
      return OpenFile(op, out);
    case Call::kPrlimit:
      return Prlimit(op, out);
    case Call::kWatches:
      return Watches(op, out);
    case Call::kSocket:
    case Call::kBind:
    case Call::kListen:
    case Call::kConnect:
    case Call::kAccept4:
    case Call::kGetsockopt:
    case Call::kSetsockopt:
    case Call::kSendfd:
    case Call::kRecvfd:
      return SocketOp(op, out);
    case Call::kReopen:
      return Reopen(op, out);
    case Call::kFifo:
      return FifoCreate(op, out);
    case Call::kSignalfd4:
      return Signalfd4(op, out);
    case Call::kSignals:
      return Signals(op, out);
    case Call::kRaise:
    case Call::kKill:
    case Call::kSigqueue:
      return SendSignal(op, out);
    case Call::kChild:
      return ChildCreate(out);
    case Call::kPidfdOpen:
      return PidfdOpen(op, out);
    case Call::kExitChild:
      return ExitChild(op, out);
    case Call::kReap:
      return Reap(op, out);
    case Call::kMqOpen:
      return MqOpen(op, out);
    case Call::kOpenpty:
      return Openpty(op, out);
    case Call::kPtsopen:
      return Ptsopen(op, out);
    case Call::kExpire:
      return Expire(op, out);
    case Call::kMqSend:
    case Call::kMqReceive:
    case Call::kMqGetattr:
    case Call::kMqSetattr:
      return MqOp(op, out);
    case Call::kReadv:
      return Readv(op, out);
    case Call::kWritev:
      return Writev(op, out);
    case Call::kFionbio:
    case Call::kFioasync:
    case Call::kFionread:
      return IoctlInt(op, out);
    case Call::kSplice:
    case Call::kTee:
    case Call::kSpliceAt:
      return Splice(op, out);
    case Call::kVmsplice:
      return Vmsplice(op, out);
    case Call::kSendfile:
      return Sendfile(op, out);
    case Call::kSendfileAt:
      return SendfileAt(op, out);
    case Call::kRingSetup:
      return RingSetup(op, out);
    case Call::kRingPush:
      return RingPush(op, out);
    case Call::kRingEnter:
      return RingEnter(op, out);
    case Call::kRingReap:
      return RingReap(op, out);
    case Call::kInotifyInit1:
      return InotifyInit(op, out);
    case Call::kInotifyAdd:
      return InotifyAdd(op, out);
    case Call::kInotifyRm:
      return InotifyRm(op, out);
    case Call::kInotifyRead:
      return InotifyReadEvents(op, out);
    case Call::kFchmod:
      return Fchmod(op, out);
    case Call::kKcmpFile:
      return KcmpFile(op, out);
    case Call::kKcmpTfd:
      return KcmpTfd(op, out);
    case Call::kFork:
      return Fork(out);
    case Call::kExit:
      return Exit(op, out);
    case Call::kExecve:
      return Execve(op, out);
    case Call::kMemfdSecret:
      return MemfdSecret(op, out);
    case Call::kJumpClock:
      return JumpClock(out);
    case Call::kChange:
      return Change(op, out);
    case Call::kNlRequest:
      return NetlinkRequest(op, out);
  }
}

void Model::Prlimit(const Op& op, Outcome* out) {
  state_.nofile = op.num(0);
  out->Value(0);
}

// A language op, not a system call: from here on n more watches fit under fs.epoll.max_user_watches.
void Model::Watches(const Op& op, Outcome* out) {
  state_.watches_left = op.num(0);
  out->Value(0);
}

// Mirrors the blocking decisions of Run() without touching anything; the checker asks it before a target would hang.
bool Model::Blocks(const Op& op) const {
  const bool splices = op.call == Call::kSplice || op.call == Call::kTee || op.call == Call::kVmsplice ||
                       op.call == Call::kSendfile || op.call == Call::kSpliceAt || op.call == Call::kSendfileAt;
  const Id id = FileAt(op.num(0));
  const File& f = state_.files[id];
  if (splices || op.process != 0) return Sleeps(op);
  if (op.call == Call::kReopen) {
    if (!state_.inodes[f.inode].fifo || (op.u32(1) & (kONonblock | kOPath)) != 0) return false;
  } else if (id == kNil || f.type == FileType::kPath || (f.flags & kONonblock) != 0) {
    return false;
  }
  switch (op.call) {
    case Call::kReopen:
      break;
    case Call::kWrite:
    case Call::kSend:
    case Call::kNlRequest:
    case Call::kWritev:
    case Call::kMqSend:
      if (!f.writable) return false;
      break;
    case Call::kRead:
    case Call::kRecv:
    case Call::kReadv:
    case Call::kInotifyRead:
    case Call::kMqReceive:
      if (!f.readable) return false;
      break;
    case Call::kConnect:
    case Call::kAccept4:
    case Call::kSendfd:
    case Call::kRecvfd:
    case Call::kSignals:
    case Call::kReap:
      break;
    default:
      return false;
  }
  return Sleeps(op);
}

// A copy answers exactly; what may block is rare in what asks this.
bool Model::Sleeps(const Op& op) const {
  if (probe_ == nullptr) {
    probe_ = std::make_unique<Model>(*this);
  } else {
    probe_->state_ = state_, probe_->rules_ = rules_;
    probe_->rules_.Rebind(probe_.get());
  }
  Outcome outcome;
  if (op.process == 0) {
    probe_->Dispatch(op, &outcome);
  } else {
    probe_->RunAsSecond(op, &outcome);
  }
  return outcome.kind == Outcome::kBlocked;
}

uint32_t Model::PeekMask(Id file) const {
  Model probe(*this);
  return probe.PollMask(file);
}

}  // namespace pollux
