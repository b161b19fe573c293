// splice(2), tee(2) and vmsplice(2): slots that move, are shared or are filled (fs/splice.c).
//
// What they put into a pipe and take out of one notifies with key 0, whatever was full or empty before (R4.2.10).

#include <algorithm>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

constexpr int64_t kPage = 4096;

}  // namespace

// The pipe behind the file, or kNil.
Id Model::PipeOf(const File& file) const { return file.type == FileType::kPipe ? file.object : kNil; }

void Model::PushSlot(Id pipe, PipeSlot slot) {
  const Id id = state_.slots.New();
  slot.in_pipe = {};
  state_.slots[id] = slot;
  SlotList::PushBack(state_.slots, state_.pipes[pipe].slots, id);
}

void Model::PopSlot(Id pipe) {
  Pipe& p = state_.pipes[pipe];
  const Id id = p.slots.head;
  SlotList::Remove(state_.slots, p.slots, id);
  state_.slots.Free(id);
}

// wakeup_pipe_readers(), wakeup_pipe_writers()
void Model::SpliceWakes(Id into, bool filled, Id out_of, bool freed) {
  if (into != kNil && rules_(Rule::kSpliceWakesReaders, filled, into)) Notify(state_.pipes[into].readers_queue, 0);
  if (out_of != kNil && rules_(Rule::kSpliceWakesWriters, freed, out_of)) Notify(state_.pipes[out_of].writers_queue, 0);
}

// wait_for_space(): false, and the outcome, if there is none.
bool Model::SpaceInPipe(Id pipe, bool nonblock, Outcome* out) {
  const Pipe& p = state_.pipes[pipe];
  if (rules_(Rule::kSpliceBroken, p.readers == 0, pipe)) return out->Error(kEPIPE), false;
  if (!rules_(Rule::kSpliceFull, PipeFull(p), pipe)) return true;
  return WouldSleep(nonblock, out), false;
}

void Model::Splice(const Op& op, Outcome* out) {
  const bool tee = op.call == Call::kTee, at = op.call == Call::kSpliceAt;
  const int64_t n = static_cast<int64_t>(op.arg[at ? 6 : 2]);
  const uint32_t flags = op.u32(at ? 7 : 3);
  Offset off_in, off_out;
  if (at) off_in = OffsetAt(op, 1), off_out = OffsetAt(op, 4);
  SpliceFiles(op.num(0), &off_in, op.num(at ? 3 : 1), &off_out, n, flags, tee, out);
  if (at) StoreOffsets({off_in, off_out}, out);
}

void Model::SpliceFiles(int32_t from_fd, Offset* off_in, int32_t into_fd, Offset* off_out, int64_t n, uint32_t flags,
                        bool tee, Outcome* out) {
  // tee looks at its flags first, splice at its length.
  const bool nothing = rules_(Rule::kSpliceNothing, n == 0);
  if (!tee && nothing) return off_in->stored = off_out->stored = false, out->Value(0);
  if (rules_(Rule::kSpliceFlags, (flags & ~kSpliceAll) != 0)) return out->Error(kEINVAL);
  if (nothing) return out->Value(0);
  const Id in = Usable(from_fd), to = Usable(into_fd);
  if (rules_(Rule::kFdBad, in == kNil || to == kNil)) return out->Error(kEBADF);
  const File from = state_.files[in], into = state_.files[to];
  const Id ipipe = PipeOf(from), opipe = PipeOf(into);
  const bool pipes = (off_in->given() && ipipe != kNil) || (off_out->given() && opipe != kNil);
  if (rules_(Rule::kSpliceOffsetPipe, pipes, in)) return out->Error(kESPIPE);
  const bool unread =
      (off_in->given() && !off_in->memory.readable()) || (off_out->given() && !off_out->memory.readable());
  if (rules_(Rule::kSpliceOffsetFault, unread, in)) return out->Error(kEFAULT);
  if (rules_(Rule::kFileNotReadable, !from.readable, in)) return out->Error(kEBADF);
  if (rules_(Rule::kFileNotWritable, !into.writable, to)) return out->Error(kEBADF);
  const bool no_pipe = tee ? ipipe == kNil || opipe == kNil : ipipe == kNil && opipe == kNil;
  if (rules_(Rule::kSpliceNoPipe, no_pipe)) return out->Error(kEINVAL);
  if (rules_(Rule::kSpliceSelf, ipipe != kNil && ipipe == opipe, ipipe)) return out->Error(kEINVAL);
  const bool asked = (flags & kSpliceNonblock) != 0;
  const bool in_nonblock = (from.flags & kONonblock) != 0, out_nonblock = (into.flags & kONonblock) != 0;
  if (ipipe != kNil && opipe != kNil) {
    PipeToPipe(ipipe, opipe, n, tee, asked || in_nonblock || out_nonblock, out);
  } else if (ipipe != kNil) {
    PipeToFile(ipipe, to, off_out, n, asked || in_nonblock, out);
  } else if (Has(Quirk::kSpliceSpaceFirst) ? OffsetTaken(in, *off_in, kEINVAL, out)
                                           : OffsetGoes(in, *off_in, n, kEINVAL, out)) {
    FileToPipe(in, off_in, opipe, n, asked || out_nonblock, out);
  }
  // do_splice() tells of the modification first, do_tee() of the access.
  if (Has(Quirk::kSpliceUnnoticed)) return;
  if (!rules_(Rule::kInotifySpliceOrder, tee))
    return Transferred(to, *out, kInModify), Transferred(in, *out, kInAccess);
  Transferred(in, *out, kInAccess), Transferred(to, *out, kInModify);
}

// splice_pipe_to_pipe() and link_pipe().
void Model::PipeToPipe(Id in, Id into, int64_t n, bool tee, bool nonblock, Outcome* out) {
  Pipe &from = state_.pipes[in], &to = state_.pipes[into];
  if (from.slots.size == 0 && !rules_(Rule::kPipeEof, from.writers == 0, in)) return WouldSleep(nonblock, out);
  if (PipeFull(to) && !SpaceInPipe(into, nonblock, out)) return;
  int64_t done = 0;
  bool freed = false;
  if (rules_(Rule::kSpliceBroken, to.readers == 0, into)) return out->Error(kEPIPE);
  Id at = from.slots.head;
  for (uint32_t left = from.slots.size; left > 0 && done < n; --left) {
    if (rules_(Rule::kSpliceFull, PipeFull(to), into)) break;
    PipeSlot& slot = state_.slots[at];
    const Id next = slot.in_pipe.next;
    const int64_t bytes = std::min(slot.bytes, n - done);
    // A slot that goes as a whole goes as it is; a page that two pipes hold is written to by neither.
    const bool whole = rules_(Rule::kSpliceMovesWhole, !tee && bytes == slot.bytes, at);
    PipeSlot moved = slot;
    moved.bytes = bytes;
    if (!whole) moved.mergeable = false;
    if (!tee) {
      slot.offset += bytes, slot.bytes -= bytes;
      if (slot.bytes == 0) PopSlot(in), freed = true;
    }
    PushSlot(into, moved);
    done += bytes, at = next;
  }
  // Nothing but empty slots: they are in the other pipe now, and still there is something to wait for.
  if (done == 0 && !tee && (from.slots.size > 0 || from.writers > 0)) {
    if (nonblock) SpliceWakes(kNil, false, in, freed);
    return WouldSleep(nonblock, out);
  }
  SpliceWakes(into, done > 0, in, freed);
  out->Value(done);
}

// splice_from_pipe_feed(): takes up to so many bytes from the pipe, where they go to has room for so
// many. -1, and the outcome, if there are none.
int64_t Model::TakeFromPipe(Id pipe, int64_t n, int64_t room, bool nonblock, bool* freed, Outcome* out) {
  Pipe& p = state_.pipes[pipe];
  int64_t done = 0;
  while (p.slots.size > 0 && done < n) {
    PipeSlot& slot = state_.slots[p.slots.head];
    const int64_t bytes = std::min(slot.bytes, n - done);
    if (rules_(Rule::kPipeReadFault, bytes > 0 && done + bytes > room, pipe)) {
      if (done > 0) return done;
      return out->Error(kEFAULT), -1;
    }
    // An empty slot is dropped, and nobody hears of it.
    *freed |= slot.bytes > 0 && bytes == slot.bytes;
    done += bytes, slot.offset += bytes, slot.bytes -= bytes;
    if (slot.bytes == 0) PopSlot(pipe);
  }
  if (done == 0 && !rules_(Rule::kPipeEof, p.writers == 0, pipe)) return WouldSleep(nonblock, out), -1;
  return done;
}

// vmsplice(2) of one segment: into a pipe by reference, page by page, or out of it by copying. O_NONBLOCK does not
// count.
void Model::Vmsplice(const Op& op, Outcome* out) {
  const Id id = Usable(op.num(0));
  const Memory memory = op.mem(1);
  const int64_t n = static_cast<int64_t>(op.arg[2]);
  const uint32_t flags = op.u32(3);
  if (rules_(Rule::kSpliceFlags, (flags & ~kSpliceAll) != 0)) return out->Error(kEINVAL);
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const File f = state_.files[id];
  if (rules_(Rule::kMemoryRange, !InRange(memory))) return out->Error(kEFAULT);
  if (rules_(Rule::kSpliceNothing, n == 0)) return out->Value(0);
  const Id pipe = PipeOf(f);
  if (rules_(Rule::kVmspliceNotPipe, pipe == kNil, id)) return out->Error(kEBADF);
  if (pipe == kNil) return out->Value(0);
  const bool nonblock = (flags & kSpliceNonblock) != 0;
  const bool out_of = !f.writable;
  const int64_t room = Copyable(memory, out_of);
  if (out_of) {
    // pipe_to_user(): up to the slot that cannot be copied in full.
    bool freed = false;
    const int64_t done = TakeFromPipe(pipe, n, room, nonblock, &freed, out);
    if (done < 0) return;
    SpliceWakes(kNil, false, pipe, freed);
    out->Value(done);
    return Has(Quirk::kSpliceUnnoticed) ? void() : Transferred(id, *out, kInAccess);
  }
  if (!SpaceInPipe(pipe, nonblock, out)) return;
  // iter_to_pipe(): the pages end where the memory does; what faults ends at a page's end.
  int64_t done = 0, offset = 0;
  if (memory.kind() == Memory::kFault) offset = (kPage - room % kPage) % kPage;
  if (memory.kind() == Memory::kMisaligned) offset = 1;
  if (memory.kind() == Memory::kStraddling) offset = kPage - 1;
  const int64_t all = std::min(n, room);
  while (done < all && !rules_(Rule::kSpliceFull, PipeFull(state_.pipes[pipe]), pipe)) {
    PipeSlot slot;
    slot.offset = offset, slot.bytes = std::min(all - done, kPage - offset), slot.mergeable = false;
    PushSlot(pipe, slot);
    done += slot.bytes, offset = 0;
  }
  if (rules_(Rule::kMemoryFault, done == 0)) return out->Error(kEFAULT);
  SpliceWakes(pipe, true, kNil, false);
  out->Value(done);
  if (!Has(Quirk::kSpliceUnnoticed)) Transferred(id, *out, kInModify);
}

}  // namespace pollux
