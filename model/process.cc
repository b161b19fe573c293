// The second process: fork(2), exit_group(2) and execve(2), as far as descriptor tables go.
//
// All open file descriptions and what watches them are shared; an item's key is (file, number) in whichever table the
// caller of epoll_ctl has that number. `fork() = 2` is the language's own: the process is called P2.

#include <utility>

#include "model/model.h"

namespace pollux {

// The caller's table is the one that every call looks numbers up in.
void Model::RunAsSecond(const Op& op, Outcome* out) {
  if (rules_(Rule::kProcessAbsent, !state_.second)) return out->Error(kESRCH);
  std::swap(static_cast<Process&>(state_), state_.other);
  Dispatch(op, out);
  std::swap(static_cast<Process&>(state_), state_.other);
}

// copy_files(). There are two processes at most.
void Model::Fork(Outcome* out) {
  if (rules_(Rule::kForkAgain, state_.second)) return out->Error(kEAGAIN);
  if (state_.signalfds.size() > 1 || !state_.signals.empty()) {
    return Unmodelled("fork: signals are pending for one process, and signalfds ask the other one", out);
  }
  state_.second = true;
  state_.other = state_;
  state_.other.port = ++state_.netlink_addresses;
  for (Descriptor& d : state_.other.fds) {
    if (d.file == kNil) continue;
    if (rules_(Rule::kForkCopies, true, d.file)) {
      ++state_.files[d.file].refs;
    } else {
      d = {};
    }
  }
  out->Value(2);
}

// close_files(): in ascending order; what goes with them has its turn afterwards.
void Model::Exit(const Op& op, Outcome* out) {
  if (rules_(Rule::kProcessFirst, op.process == 0)) return out->Error(kEPERM);
  for (size_t fd = 3; fd < state_.fds.size(); ++fd) {
    const Id file = state_.fds[fd].file;
    if (file != kNil && rules_(Rule::kExitCloses, true, file)) Uninstall(static_cast<int32_t>(fd));
  }
  ReleaseFiles();
  if (op.process != 0) {
    static_cast<Process&>(state_) = Process();
    state_.fds.resize(3);
    state_.second = false;
  }
  out->Value(0);
}

// do_close_on_exec()
void Model::Execve(const Op& op, Outcome* out) {
  if (rules_(Rule::kProcessFirst, op.process == 0)) return out->Error(kEPERM);
  for (size_t fd = 3; fd < state_.fds.size(); ++fd) {
    const Descriptor d = state_.fds[fd];
    if (d.file != kNil && rules_(Rule::kExecveCloses, d.cloexec, d.file)) Uninstall(static_cast<int32_t>(fd));
  }
  ReleaseFiles();
  out->Value(0);
}

}  // namespace pollux
