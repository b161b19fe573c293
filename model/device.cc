// Files that are opened by name and notify nobody: devices, a process's files, attributes. What is in them is not
// epoll's business; what they answer to poll, read and write is (R2.5, R2.6).

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

constexpr uint32_t kDefaultMask = kIn | kOut | kRdnorm | kWrnorm;  // DEFAULT_POLLMASK
constexpr int64_t kAttributeSize = 2;                              // a digit and a newline

}  // namespace

uint32_t Model::DeviceMask(const File& file) {
  switch (WhichOf(file)) {
    case Which::kRandom:
      return rules_(Rule::kDeviceRandom, true) ? kIn | kRdnorm : kDefaultMask;
    case Which::kFuse:
    case Which::kTun:
      return rules_(Rule::kDeviceUnattached, true) ? kErr : kDefaultMask;
    case Which::kPressure:
      return kDefaultMask | (rules_(Rule::kDevicePressure, true) ? kErr | kPri : 0);
    case Which::kAttribute:
      return kDefaultMask |
             (rules_(Rule::kDeviceUnread, !state_.plains[file.object].read, file.object) ? kErr | kPri : 0);
    default:
      return rules_(Rule::kDeviceDefault, true) ? kDefaultMask : 0;
  }
}

void Model::DeviceRead(const File& file, Memory memory, int64_t n, Outcome* out) {
  const Which which = WhichOf(file);
  if (rules_(Rule::kDeviceTun, which == Which::kTun, file.object)) return out->Error(kEBADFD);
  if (rules_(Rule::kDeviceFuse, which == Which::kFuse, file.object)) return out->Error(kEPERM);
  if (n == 0) return out->Value(0);
  const int64_t room = Copyable(memory, true);
  if (which == Which::kAttribute) {
    // What is shown is looked at as it is now, whether or not it can be copied.
    Plain& p = state_.plains[file.object];
    p.read = true;
    int64_t take = n < kAttributeSize - p.position ? n : kAttributeSize - p.position;
    if (take > room) take = room;
    if (rules_(Rule::kMemoryFault, take == 0 && p.position < kAttributeSize)) return out->Error(kEFAULT);
    p.position += take;
    return out->Value(take);
  }
  if (which != Which::kZero && which != Which::kFull) return Unmodelled("read: what a file holds", out);
  if (rules_(Rule::kMemoryFault, room == 0)) return out->Error(kEFAULT);
  if (room < n) return Unmodelled("read: zeros up to a fault", out);
  out->Value(n);
}

void Model::DeviceWrite(const File& file, Memory, int64_t n, uint64_t, Outcome* out) {
  const Which which = WhichOf(file);
  if (rules_(Rule::kDeviceTun, which == Which::kTun, file.object)) return out->Error(kEBADFD);
  if (rules_(Rule::kDeviceFuse, which == Which::kFuse, file.object)) return out->Error(kEPERM);
  if (rules_(Rule::kDeviceFull, which == Which::kFull, file.object)) return out->Error(kENOSPC);
  out->Value(n);
}

// What can send signals about itself: O_ASYNC can be switched on.
bool Model::Fasync(const File& file) const {
  const Which which = WhichOf(file);
  return Ops(file.type).fasync || which == Which::kUrandom || which == Which::kRandom || which == Which::kTun;
}

// Where there is a controlling terminal, the target does not open it.
Id Model::TerminalOpen(Id inode, uint32_t, Outcome* out) {
  if (rules_(Rule::kDeviceTerminal, true, inode)) return out->Error(kENXIO), kNil;
  return NewFile(FileType::kDevice, kORdonly, state_.plains.New(), inode);
}

// Is the op one of readv, splice and their like, about a file whose answer to them has no model?
bool Model::NoOtherDoor(const Op& op, Outcome* out) {
  switch (op.call) {
    case Call::kReadv:
    case Call::kWritev:
    case Call::kFioasync:
    case Call::kFionread:
    case Call::kSplice:
    case Call::kTee:
    case Call::kVmsplice:
    case Call::kSendfile:
    case Call::kSpliceAt:
    case Call::kSendfileAt:
      break;
    default:
      return false;
  }
  bool known = true;
  for (size_t i = 0; i < Spec(op.call).args.size(); ++i) {
    if (Spec(op.call).args[i].kind == ArgKind::kFd) known = known && OpsOf(FileAt(op.num(i))).doors;
  }
  if (known) return false;
  Unmodelled("not modelled for this type of file", out);
  return true;
}

void Model::MemfdSecret(const Op& op, Outcome* out) {
  const uint32_t flags = op.u32(0);
  if (rules_(Rule::kDeviceSecret, (flags & ~kOCloexec) != 0)) return out->Error(kEINVAL);
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  Open(NewFile(FileType::kSecret, kORdwr | kOLargefile, state_.plains.New(), NewInode(FileType::kSecret)),
       (flags & kOCloexec) != 0, out);
}

}  // namespace pollux
