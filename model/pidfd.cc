// pidfd: the end of a child (kernel/fork.c, fs/pidfs.c). Children do nothing but wait for theirs.

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

constexpr int32_t kSigkill = 9;

}  // namespace

// One more pidfd of the child; its number, or the error.
Id Model::OpenPidfd(Id child, uint32_t flags, Outcome* out) {
  const Id file = NewFile(FileType::kPidfd, kORdwr | flags, child, NewInode(FileType::kPidfd));
  Open(file, true, out);
  return file;
}

void Model::ChildCreate(Outcome* out) {
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  if (state_.unreaped >= kMostChildren) return Unmodelled("child: as many as a trace may have", out);
  ++state_.unreaped;
  OpenPidfd(state_.children.New(), 0, out);
}

void Model::PidfdOpen(const Op& op, Outcome* out) {
  const Id id = Usable(op.num(0));
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const File& f = state_.files[id];
  if (rules_(Rule::kPidfdNot, f.type != FileType::kPidfd, id)) return out->Error(kEBADF);
  if (rules_(Rule::kPidfdReaped, state_.children[f.object].state == ChildState::kReaped, f.object)) {
    return out->Error(kESRCH);
  }
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  OpenPidfd(f.object, op.u32(1), out);
}

// pidfd_send_signal(SIGKILL), and exit_notify() of the child.
void Model::ExitChild(const Op& op, Outcome* out) {
  const Id id = Usable(op.num(0));
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const File& f = state_.files[id];
  if (rules_(Rule::kPidfdNot, f.type != FileType::kPidfd, id)) return out->Error(kEBADF);
  Child& child = state_.children[f.object];
  if (rules_(Rule::kPidfdReaped, child.state == ChildState::kReaped, f.object)) return out->Error(kESRCH);
  out->Value(0);
  if (rules_(Rule::kPidfdExitOnce, child.state == ChildState::kDead, f.object)) return;
  child.state = ChildState::kDead;
  const uint32_t key = Has(Quirk::kPidfdExitKey) ? 0 : kIn | kRdnorm;
  if (rules_(Rule::kPidfdExitWakes, true, f.object)) Notify(child.queue, key);
}

// waitid(P_PIDFD, WEXITED), and release_task().
void Model::Reap(const Op& op, Outcome* out) {
  if (rules_(Rule::kPidfdNegative, op.num(0) < 0)) return out->Error(kEINVAL);
  const Id id = Usable(op.num(0));
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const File& f = state_.files[id];
  if (rules_(Rule::kPidfdNot, f.type != FileType::kPidfd, id)) return out->Error(kEBADF);
  Child& child = state_.children[f.object];
  if (rules_(Rule::kPidfdReaped, child.state == ChildState::kReaped, f.object)) return out->Error(kECHILD);
  if (rules_(Rule::kPidfdAlive, child.state == ChildState::kAlive, f.object)) {
    return WouldSleep((f.flags & kONonblock) != 0, out);
  }
  child.state = ChildState::kReaped;
  --state_.unreaped;
  if (!Has(Quirk::kPidfdNoHup) && rules_(Rule::kPidfdReapWakes, true, f.object)) Notify(child.queue, 0);
  out->Clear(), out->nvalues = 2;
  out->value[1] = kSigkill;
}

uint32_t Model::PidfdMask(const File& file) {
  const ChildState state = state_.children[file.object].state;
  uint32_t mask = 0;
  if (rules_(Rule::kPidfdIn, state != ChildState::kAlive, file.object)) mask |= kIn | kRdnorm;
  if (rules_(Rule::kPidfdHup, state == ChildState::kReaped && !Has(Quirk::kPidfdNoHup), file.object)) mask |= kHup;
  return mask;
}

}  // namespace pollux
