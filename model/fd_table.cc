// Descriptors: the table of a process, lowest-free allocation, and when an open file description goes.

#include <algorithm>

#include "model/model.h"

namespace pollux {

Id Model::FileAt(int32_t fd) const {
  return fd >= 0 && static_cast<size_t>(fd) < state_.fds.size() ? state_.fds[fd].file : kNil;
}

Id Model::Usable(int32_t fd) {
  const Id file = FileAt(fd);
  const bool path = state_.files[file].type == FileType::kPath;
  return rules_(Rule::kFdPath, path, file) ? kNil : file;
}

int32_t Model::LowestFree(int32_t from) {
  const auto& fds = state_.fds;
  int32_t n = from > state_.lowest_free ? from : state_.lowest_free;
  while (static_cast<size_t>(n) < fds.size() && (n < 3 || fds[n].file != kNil)) ++n;
  if (from <= state_.lowest_free) state_.lowest_free = n;
  if (!rules_(Rule::kFdLowest, true)) {  // a table that hands out numbers in ascending order
    n = static_cast<int32_t>(fds.size());
  }
  return rules_(Rule::kFdEmfile, n >= state_.nofile) ? -1 : n;
}

void Model::Install(int32_t fd, Id file, bool cloexec) {
  constexpr int32_t kMost = 1 << 20;  // fs.nr_open: no table is larger
  if (fd >= kMost) return;
  if (static_cast<size_t>(fd) >= state_.fds.size()) state_.fds.resize(fd + 1);
  state_.fds[fd] = {file, cloexec};
  ++state_.files[file].refs;
}

void Model::Uninstall(int32_t fd) {
  const Id file = state_.fds[fd].file;
  state_.fds[fd] = {};
  if (fd < state_.lowest_free) state_.lowest_free = fd;
  DropReference(file);
}

void Model::DropReference(Id file) {
  const bool last = --state_.files[file].refs <= 0;
  if (rules_(Rule::kFileLastReference, last, file)) state_.released.push_back(file);
}

// __fput() of what was let go. It runs as task work when the call returns, newest first, which is what makes
// close_range() release in descending order (R3.13). What goes meanwhile, as messages do that hold files, has its turn
// afterwards.
void Model::ReleaseFiles() {
  while (!state_.releasing.empty() || !state_.released.empty()) {
    if (state_.releasing.empty()) {
      state_.releasing.swap(state_.released);
      if (state_.releasing.size() > 1 && !rules_(Rule::kFileReleaseOrder, true)) {
        std::reverse(state_.releasing.begin(), state_.releasing.end());
      }
    }
    const Id file = state_.releasing.back();
    state_.releasing.pop_back();
    if (state_.files[file].type == FileType::kNone) continue;
    Happened(file, state_.files[file].writable ? kInCloseWrite : kInCloseNowrite);
    // eventpoll_release_file(): items of every instance go first, then the file's own release notifies.
    for (uint32_t n = state_.files[file].items.size; n > 0 && rules_(Rule::kFileReleaseItems, true, file); --n) {
      RemoveItem(state_.files[file].items.head);
    }
    if (const auto release = OpsOf(file).release; release != nullptr) (this->*release)(File(state_.files[file]));
    ReleaseInode(state_.files[file].inode);
    if (state_.files[file].items.size == 0) {
      state_.files[file] = File();
      state_.files.Free(file);
    }
  }
}

Id Model::NewInode(FileType type, Id object) {
  const Id id = state_.inodes.New();
  state_.inodes[id].type = type, state_.inodes[id].object = object;
  return id;
}

void Model::ReleaseInode(Id id) {
  if (id == kNil || --state_.inodes[id].refs > 0) return;
  if (state_.inodes[id].watches.size > 0) TellGone(id);
  if (state_.inodes[id].type == FileType::kMqueue) FreeMqueue(state_.inodes[id].object);
  state_.inodes[id] = Inode();
  state_.inodes.Free(id);
}

Id Model::NewFile(FileType type, uint32_t flags, Id object, Id inode) {
  const Id id = state_.files.New();
  File& f = state_.files[id];
  f.type = type, f.flags = flags, f.object = object, f.inode = inode;
  if (inode != kNil) ++state_.inodes[inode].refs;
  const uint32_t access = flags & 3;
  f.readable = access == kORdonly || access == kORdwr, f.writable = access == kOWronly || access == kORdwr;
  return id;
}

void Model::Open(Id file, bool cloexec, Outcome* out) {
  const int32_t fd = LowestFree(0);
  if (fd < 0) {
    state_.released.push_back(file);
    ReleaseFiles();
    return out->Error(kEMFILE);
  }
  Install(fd, file, rules_(Rule::kFdCloexec, cloexec, file));
  out->Value(fd);
}

void Model::Close(const Op& op, Outcome* out) {
  const int32_t fd = op.num(0);
  if (rules_(Rule::kFdBad, FileAt(fd) == kNil)) return out->Error(kEBADF);
  if (static_cast<size_t>(fd) < state_.fds.size() && fd >= 3) Uninstall(fd);
  ReleaseFiles();
  out->Value(0);
}

void Model::CloseRange(const Op& op, Outcome* out) {
  const uint32_t first = op.u32(0), last = op.u32(1), flags = op.u32(2);
  if (Has(Quirk::kNoCloseRange)) return out->Error(kENOSYS);
  const uint32_t known = kCloseRangeUnshare | (Has(Quirk::kNoCloexecRange) ? 0 : kCloseRangeCloexec);
  if (rules_(Rule::kCloseRangeFlags, (flags & ~known) != 0)) {
    return out->Error(kEINVAL);
  }
  if (rules_(Rule::kCloseRangeOrder, first > last)) return out->Error(kEINVAL);
  for (size_t fd = first < 3 ? 3 : first; fd < state_.fds.size() && fd <= last; ++fd) {
    if (state_.fds[fd].file == kNil) continue;
    if (rules_(Rule::kCloseRangeSetsCloexec, (flags & kCloseRangeCloexec) != 0)) {
      state_.fds[fd].cloexec = true;
    } else {
      Uninstall(static_cast<int32_t>(fd));
    }
  }
  ReleaseFiles();
  out->Value(0);
}

// Puts the file of `from` at `to`; what stood there is closed.
void Model::DupTo(int32_t from, int32_t to, bool cloexec, Outcome* out) {
  const Id file = FileAt(from);
  if (to >= 3 && FileAt(to) != kNil) {
    // The new file is installed before the old one is released.
    ++state_.files[file].refs;
    Uninstall(to);
    --state_.files[file].refs;
  }
  Install(to, file, cloexec);
  ReleaseFiles();
  out->Value(to);
}

void Model::Dup(const Op& op, Outcome* out) {
  const Id file = FileAt(op.num(0));
  if (rules_(Rule::kFdBad, file == kNil)) return out->Error(kEBADF);
  const int32_t fd = LowestFree(0);
  if (fd < 0) return out->Error(kEMFILE);
  Install(fd, file, false);
  out->Value(fd);
}

void Model::Dup2(const Op& op, Outcome* out) {
  const int32_t from = op.num(0), to = op.num(1);
  if (rules_(Rule::kDup2Same, from == to)) {
    if (rules_(Rule::kFdBad, FileAt(from) == kNil)) return out->Error(kEBADF);
    return out->Value(to);
  }
  if (rules_(Rule::kDupLimit, to < 0 || to >= state_.nofile)) return out->Error(kEBADF);
  if (rules_(Rule::kFdBad, FileAt(from) == kNil)) return out->Error(kEBADF);
  if (to < 3) return out->Value(to);
  DupTo(from, to, false, out);
}

void Model::Dup3(const Op& op, Outcome* out) {
  const int32_t from = op.num(0), to = op.num(1);
  const uint32_t flags = op.u32(2);
  if (rules_(Rule::kDup3Flags, (flags & ~kOCloexec) != 0)) return out->Error(kEINVAL);
  if (rules_(Rule::kDup3Same, from == to)) return out->Error(kEINVAL);
  if (rules_(Rule::kDupLimit, to < 0 || to >= state_.nofile)) return out->Error(kEBADF);
  if (rules_(Rule::kFdBad, FileAt(from) == kNil)) return out->Error(kEBADF);
  if (to < 3) return out->Value(to);
  DupTo(from, to, rules_(Rule::kFdCloexec, (flags & kOCloexec) != 0), out);
}

void Model::Fcntl(const Op& op, Outcome* out) {
  const int32_t fd = op.num(0), cmd = op.num(1);
  const uint64_t arg = op.arg[2];
  const Id id = FileAt(fd);
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  File& f = state_.files[id];
  const bool allowed = cmd == kFDupfd || cmd == kFDupfdCloexec || cmd == kFGetfd || cmd == kFSetfd || cmd == kFGetfl;
  if (!allowed && rules_(Rule::kFdPath, f.type == FileType::kPath, id)) return out->Error(kEBADF);
  switch (cmd) {
    case kFDupfd:
    case kFDupfdCloexec: {
      const int32_t from = static_cast<int32_t>(arg);
      if (rules_(Rule::kDupfdLimit, from < 0 || from >= state_.nofile)) return out->Error(kEINVAL);
      const int32_t to = LowestFree(from);
      if (to < 0) return out->Error(kEMFILE);
      Install(to, id, rules_(Rule::kFdCloexec, cmd == kFDupfdCloexec));
      return out->Value(to);
    }
    case kFGetfd:
      return out->Value(rules_(Rule::kFdGetCloexec, At(fd).cloexec) ? 1 : 0);
    case kFSetfd:
      At(fd).cloexec = rules_(Rule::kFdSetCloexec, (arg & 1) != 0);
      return out->Value(0);
    case kFGetfl:
      return out->Value(f.flags);
    case kFSetfl: {
      const bool pipe = f.type == FileType::kPipe;
      if ((arg & kODirect) != 0 && f.type == FileType::kMemfd && f.by_name) {
        out->Clear(), out->kind = Outcome::kSkipped, out->note = "O_DIRECT of a memfd that was opened again";
        return;
      }
      if (rules_(Rule::kSetflDirect,
                 !pipe && (arg & kODirect) != 0 && !(facts_.direct_io & 1u << static_cast<int>(f.type)))) {
        return out->Error(kEINVAL);
      }
      if ((arg & kOAsync) != 0 && OpsOf(id).no_fasync != nullptr && !HungUp(id)) {
        return Unmodelled(OpsOf(id).no_fasync, out);
      }
      const bool toggles = ((static_cast<uint32_t>(arg) ^ f.flags) & kOAsync) != 0;
      if (OpsOf(id).hung_up != nullptr && rules_(Rule::kPtyHungUpAsync, toggles && HungUp(id), id)) {
        return out->Error(kENOTTY);
      }
      if (rules_(Rule::kDeviceFuse, toggles && f.type == FileType::kConstant && WhichOf(f) == Which::kFuse, id)) {
        return out->Error(kEPERM);
      }
      // Where there is no fasync operation O_ASYNC is dropped silently.
      const bool fasync = Fasync(f);
      const uint32_t settable = kOAppend | kONonblock | kODirect | kONoatime | (fasync ? kOAsync : 0);
      if (rules_(Rule::kSetfl, true)) f.flags = (static_cast<uint32_t>(arg) & settable) | (f.flags & ~settable);
      return out->Value(0);
    }
    case kFSetpipeSz:
    case kFGetpipeSz:
      if (rules_(Rule::kPipeSizeNotPipe, f.type != FileType::kPipe, id)) return out->Error(kEBADF);
      if (cmd == kFGetpipeSz) return out->Value(state_.pipes[f.object].max_slots * 4096);
      return SetPipeSize(f, static_cast<int64_t>(static_cast<uint32_t>(arg)), out);
    default:
      return out->Error(kEINVAL);
  }
}

}  // namespace pollux
