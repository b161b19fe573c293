// Files that are opened by name and notify nobody: devices, a process's files, attributes. What is in them is not
// epoll's business; what they answer to poll, read and write is (R2.5, R2.6).

#include <algorithm>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

constexpr uint32_t kDefaultMask = kIn | kOut | kRdnorm | kWrnorm;  // DEFAULT_POLLMASK
constexpr int64_t kAttributeSize = 2;                              // a digit and a newline

// A regular file, as that of a file system is that holds no data.
bool OfProc(Which which) {
  switch (which) {
    case Which::kStatus:
    case Which::kStat:
    case Which::kSysctl:
    case Which::kPressure:
    case Which::kAttribute:
    case Which::kMounts:
    case Which::kMountinfo:
    case Which::kDomainName:
      return true;
    default:
      return false;
  }
}

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

// How many of n bytes from a position there are; false if nobody knows. Zeros are where one is.
bool Model::DeviceHolds(const File& file, int64_t position, int64_t n, int64_t* bytes) {
  const Which which = WhichOf(file);
  *bytes = n;
  if (which == Which::kZero || which == Which::kFull) return true;
  if (which != Which::kAttribute) return false;
  state_.plains[file.object].read = true;
  *bytes = std::clamp<int64_t>(kAttributeSize - position, 0, n);
  return true;
}

// copy_splice_read() of what is read into a pipe; a fuse device's own.
void Model::DeviceSpliceRead(const File& file, int64_t* position, Id into, int64_t n, Outcome* out) {
  if (rules_(Rule::kDeviceFuse, WhichOf(file) == Which::kFuse, file.object)) return out->Error(kEPERM);
  int64_t bytes = 0;
  if (!DeviceHolds(file, *position, n, &bytes)) return Unmodelled("splice: what a file holds", out);
  if (WhichOf(file) == Which::kAttribute) *position += bytes;
  PushPages(into, 0, bytes);
  out->Value(bytes);
}

// Of regular files, as those of /proc and /sys are, what FIONREAD counts is their inode's: a page of an attribute, else
// nothing. Where one has read more is behind the end.
int64_t Model::DeviceUnread(const File& file, Outcome*) {
  constexpr int64_t kShownSize = 4096;
  switch (WhichOf(file)) {
    case Which::kZero:
    case Which::kFull:
    case Which::kUrandom:
    case Which::kRandom:
    case Which::kFuse:
    case Which::kTun:
    case Which::kUserfaultfd:
      return -1;
    case Which::kAttribute:
      return rules_(Rule::kDeviceCounts, true) ? kShownSize - state_.plains[file.object].position : 0;
    default:
      return 0;
  }
}

int64_t Model::SecretUnread(const File&, Outcome*) { return Has(Quirk::kSecretCounts) ? 0 : -1; }

// What can send signals about itself: O_ASYNC can be switched on.
bool Model::Fasync(const File& file) const {
  const Which which = WhichOf(file);
  return Ops(file.type).fasync || which == Which::kUrandom || which == Which::kRandom || which == Which::kTun;
}

bool Model::Seeks(const File& file) const {
  const Which which = WhichOf(file);
  if (which == Which::kFuse || which == Which::kTun || which == Which::kNamespace) return false;
  if (!Has(Quirk::kSpliceRegular)) return Ops(file.type).seeks;
  const FileType type = file.type;
  return type == FileType::kRegular || type == FileType::kMemfd || type == FileType::kMqueue || OfProc(which);
}

// s_maxbytes of the file's superblock: what sets none keeps MAX_NON_LFS.
int64_t Model::MaxBytes(const File& file) const {
  const FileType type = file.type;
  const bool none_set = OfProc(WhichOf(file)) || type == FileType::kMqueue || type == FileType::kPts;
  return none_set ? kMaxNonLfs : INT64_MAX;
}

bool Model::UpToFileSystem(const File& file) const {
  const FileType type = file.type;
  return type == FileType::kRegular || type == FileType::kDirectory || state_.inodes[file.inode].fifo;
}

bool Model::SplicesFrom(const File& file) const {
  if (Ops(file.type).splice_read == nullptr) return false;
  switch (WhichOf(file)) {
    case Which::kStatus:
    case Which::kPressure:
    case Which::kTun:
      return false;
    case Which::kZero:
    case Which::kFull:
      return !Has(Quirk::kZeroUnspliced);
    default:
      return true;
  }
}

// Of what can be opened for writing.
bool Model::SplicesTo(const File& file) const {
  if (Ops(file.type).splice_write == nullptr) return false;
  const Which which = WhichOf(file);
  if (which == Which::kZero) return !Has(Quirk::kZeroUnspliced);
  return which != Which::kFull && which != Which::kTun;
}

// Where there is a controlling terminal, the target does not open it.
Id Model::TerminalOpen(Id inode, uint32_t, Outcome* out) {
  if (rules_(Rule::kDeviceTerminal, true, inode)) return out->Error(kENXIO), kNil;
  return NewFile(FileType::kDevice, kORdonly, state_.plains.New(), inode);
}

void Model::MemfdSecret(const Op& op, Outcome* out) {
  const uint32_t flags = op.u32(0);
  if (rules_(Rule::kDeviceSecret, (flags & ~kOCloexec) != 0)) return out->Error(kEINVAL);
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  Open(NewFile(FileType::kSecret, kORdwr | kOLargefile, state_.plains.New(), NewInode(FileType::kSecret)),
       (flags & kOCloexec) != 0, out);
}

}  // namespace pollux
