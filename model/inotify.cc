// inotify: watches of inodes, and the events that they queue (fs/notify).
//
// Watched is what a trace owns: pipes, FIFOs and memfds, none of which has a name. One inotify watches an inode: how
// several would be ordered is up to the addresses of the kernel.

#include <algorithm>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

bool Owned(FileType type) { return type == FileType::kPipe || type == FileType::kMemfd; }

void Skipped(const char* why, Outcome* out) { out->Clear(), out->kind = Outcome::kSkipped, out->note = why; }

}  // namespace

void Model::InotifyInit(const Op& op, Outcome* out) {
  const uint32_t flags = op.u32(0);
  if (rules_(Rule::kInotifyFlags, (flags & ~(kOCloexec | kONonblock)) != 0)) return out->Error(kEINVAL);
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id id = state_.inotifies.New();
  Open(NewFile(FileType::kInotify, kORdonly | (flags & kONonblock), id), (flags & kOCloexec) != 0, out);
}

// The inotify that the number stands for; kNil, and the error, if it is none.
Id Model::InotifyAt(int32_t fd, Outcome* out) {
  const Id id = Usable(fd);
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF), kNil;
  const bool none = state_.files[id].type != FileType::kInotify;
  if (rules_(Rule::kInotifyNot, none, id)) return out->Error(kEINVAL), kNil;
  if (none) return out->Value(0), kNil;  // only where the rule is planted
  return state_.files[id].object;
}

void Model::InotifyAdd(const Op& op, Outcome* out) {
  const uint32_t mask = op.u32(2);
  if ((mask & kInDontFollow) != 0) return Skipped("it would watch a link of /proc", out);
  if (rules_(Rule::kInotifyMask, (mask & kInKnown) == 0 || (mask & ~kInKnown) != 0)) return out->Error(kEINVAL);
  if (rules_(Rule::kFdBad, Usable(op.num(0)) == kNil)) return out->Error(kEBADF);
  const bool both = (mask & kInMaskAdd) != 0 && (mask & kInMaskCreate) != 0;
  if (rules_(Rule::kInotifyAddAndCreate, both)) return out->Error(kEINVAL);
  const Id id = InotifyAt(op.num(0), out);
  if (id == kNil) return;
  const Id file = FileAt(op.num(1));
  if (rules_(Rule::kReopenAbsent, file == kNil)) return out->Error(kENOENT);
  const Id inode = state_.files[file].inode;
  const FileType type = state_.inodes[inode].type;
  if (!Owned(type)) return Skipped("a trace watches what is its own alone", out);
  if (rules_(Rule::kInotifyOnlyDirectory, (mask & kInOnlydir) != 0)) return out->Error(kENOTDIR);
  const Id first = state_.inodes[inode].watches.head;
  if (first != kNil && state_.watches[first].inotify != id)
    return Skipped("two inotifies: their order is unknown", out);
  Id watch = first;
  if (rules_(Rule::kInotifySameWatch, first != kNil, first)) {
    if (rules_(Rule::kInotifyExists, (mask & kInMaskCreate) != 0, first)) return out->Error(kEEXIST);
  } else {
    watch = state_.watches.New();
    Watch& w = state_.watches[watch];
    w.inotify = id, w.inode = inode, w.wd = state_.inotifies[id].next_wd++;
    InotifyWatches::PushBack(state_.watches, state_.inotifies[id].watches, watch);
    InodeWatches::PushBack(state_.watches, state_.inodes[inode].watches, watch);
    ++state_.watched;
  }
  Watch& w = state_.watches[watch];
  if (!rules_(Rule::kInotifyMaskAdd, (mask & kInMaskAdd) != 0, watch)) {
    w.events = 0, w.oneshot = w.exclude_unlinked = false;
  }
  w.events |= mask & kInAllEvents;
  w.oneshot |= (mask & kInOneshot) != 0;
  w.exclude_unlinked |= (mask & kInExclUnlink) != 0;
  out->Value(w.wd);
}

void Model::InotifyRm(const Op& op, Outcome* out) {
  const Id id = InotifyAt(op.num(0), out);
  if (id == kNil) return;
  Id watch = state_.inotifies[id].watches.head;
  while (watch != kNil && state_.watches[watch].wd != op.num(1)) watch = state_.watches[watch].in_inotify.next;
  if (rules_(Rule::kInotifyNoWatch, watch == kNil)) return out->Error(kEINVAL);
  if (watch != kNil) RemoveWatch(watch);
  out->Value(0);
}

// inotify_ignored_and_remove_idr()
void Model::RemoveWatch(Id id) {
  if (rules_(Rule::kInotifyIgnored, true, id)) QueueNotice(id, kInIgnored);
  const Watch w = state_.watches[id];
  InotifyWatches::Remove(state_.watches, state_.inotifies[w.inotify].watches, id);
  if (w.inode != kNil) InodeWatches::Remove(state_.watches, state_.inodes[w.inode].watches, id), --state_.watched;
  state_.watches[id] = Watch();
  state_.watches.Free(id);
}

// fsnotify_insert_event(): an event that the last one in the queue already tells of is not queued again.
void Model::QueueNotice(Id watch, uint32_t mask) {
  const Watch w = state_.watches[watch];
  Inotify& inotify = state_.inotifies[w.inotify];
  const Id last = inotify.notices.tail;
  const bool same = last != kNil && state_.notices[last].mask == mask && state_.notices[last].wd == w.wd;
  if (rules_(Rule::kInotifyMerged, same, last)) return;
  const Id notice = state_.notices.New();
  state_.notices[notice].mask = mask, state_.notices[notice].wd = w.wd;
  NoticeList::PushBack(state_.notices, inotify.notices, notice);
  if (rules_(Rule::kInotifyWakes, true, w.inotify)) Notify(inotify.queue, 0);
}

// fsnotify(), inotify_handle_inode_event(). Has what happened a path: reads, writes, opens and closes do.
void Model::Tell(Id inode, uint32_t event, bool by_path) {
  const Id id = state_.inodes[inode].watches.head;
  if (id == kNil) return;
  const Watch w = state_.watches[id];
  if (!rules_(Rule::kInotifyAsked, (w.events & event) != 0, id)) return;
  const bool excluded = w.exclude_unlinked && by_path && state_.inodes[inode].fifo;
  if (rules_(Rule::kInotifyExcludesUnlinked, excluded, id)) return;
  QueueNotice(id, event);
  if (rules_(Rule::kInotifyOneshot, w.oneshot, id)) RemoveWatch(id);
}

void Model::Watched(Id file, uint32_t event) {
  const File& f = state_.files[file];
  if (f.type == FileType::kPath) return;
  const bool watched = state_.inodes[f.inode].watches.size > 0;
  if (rules_(Rule::kInotifyQuietFile, watched && f.quiet, file)) return;
  if (watched) Tell(f.inode, event, true);
}

// dentry_unlink_inode(): a FIFO and a memfd have lost their last name before, and go with the last file. A pipe counts
// as named: its watch stays, and keeps it.
void Model::TellGone(Id inode) {
  const bool nameless = state_.inodes[inode].fifo || state_.inodes[inode].type == FileType::kMemfd;
  const Id id = state_.inodes[inode].watches.head;
  if (rules_(Rule::kInotifyDeleteSelf, nameless, inode)) {
    Tell(inode, kInDeleteSelf, false);
    if (state_.inodes[inode].watches.head == id) RemoveWatch(id);
    return;
  }
  state_.inodes[inode].watches = {};
  state_.watches[id].inode = kNil;
  --state_.watched;
}

void Model::Fchmod(const Op& op, Outcome* out) {
  const Id id = Usable(op.num(0));
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const Id inode = state_.files[id].inode;
  if (!Owned(state_.inodes[inode].type)) return Skipped("a trace changes what is its own alone", out);
  out->Value(0);
  if (state_.inodes[inode].watches.size > 0) Tell(inode, kInAttrib, false);
}

// --- The file --------------------------------------------------------------------------------------------------

void Model::InotifyWait(const File& file, Queues* queues) { (*queues)[0] = &state_.inotifies[file.object].queue; }

uint32_t Model::InotifyMask(const File& file) {
  const bool any = state_.inotifies[file.object].notices.size > 0;
  return rules_(Rule::kInotifyIn, any, file.object) ? kIn | kRdnorm : 0;
}

// inotify_read(): an event is taken off the queue before it is copied.
void Model::InotifyRead(const File& file, Memory memory, int64_t n, Outcome* out) {
  Inotify& inotify = state_.inotifies[file.object];
  if (rules_(Rule::kInotifyEmpty, inotify.notices.size == 0, file.object)) {
    return WouldSleep((file.flags & kONonblock) != 0, out);
  }
  if (rules_(Rule::kInotifyReadShort, n < kInEventSize, file.object)) return out->Error(kEINVAL);
  const int64_t room = Copyable(memory, true);
  int64_t done = 0;
  out->Clear();
  while (inotify.notices.size > 0 && !rules_(Rule::kInotifyReadEnds, n - done < kInEventSize, file.object)) {
    const Id id = inotify.notices.head;
    const Notice notice = state_.notices[id];
    NoticeList::Remove(state_.notices, inotify.notices, id);
    state_.notices.Free(id);
    if (rules_(Rule::kInotifyReadFault, room - done < kInEventSize, file.object)) return out->Error(kEFAULT);
    done += kInEventSize;
    out->records.push_back({notice.mask, 0, static_cast<uint64_t>(int64_t{notice.wd})});
  }
  out->value[0] = done;
}

void Model::InotifyReadEvents(const Op& op, Outcome* out) {
  const Id id = FileAt(op.num(0));
  if (id != kNil && state_.files[id].type != FileType::kInotify) return Skipped("written as read", out);
  Read(op, out);
  if (out->kind == Outcome::kValues) out->kind = Outcome::kRecords;
}

void Model::InotifyRelease(const File& file) {
  Inotify& inotify = state_.inotifies[file.object];
  for (uint32_t n = inotify.watches.size; n > 0; --n) {
    const Id id = inotify.watches.head;
    const Watch w = state_.watches[id];
    InotifyWatches::Remove(state_.watches, inotify.watches, id);
    if (w.inode != kNil) InodeWatches::Remove(state_.watches, state_.inodes[w.inode].watches, id), --state_.watched;
    state_.watches[id] = Watch();
    state_.watches.Free(id);
  }
  for (uint32_t n = inotify.notices.size; n > 0; --n) {
    const Id id = inotify.notices.head;
    NoticeList::Remove(state_.notices, inotify.notices, id);
    state_.notices.Free(id);
  }
  inotify = Inotify();
  state_.inotifies.Free(file.object);
}

}  // namespace pollux
