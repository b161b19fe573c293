// splice(2), tee(2), vmsplice(2) and sendfile(2): slots that move, are shared or are filled (fs/splice.c).
//
// What they put into a pipe and take out of one notifies with key 0, whatever was full or empty before (R4.2.10).

#include <algorithm>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

constexpr int64_t kPage = 4096;
constexpr char kToSocket[] = "splice to a socket: its charge is not modelled";
constexpr char kWhereBytesLie[] = "splice: slots depend on where the bytes lie";

int64_t Unused(const Pipe& p) { return std::max<int64_t>(p.max_slots - static_cast<int64_t>(p.slots.size), 0); }

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
  const int64_t n = static_cast<int64_t>(op.arg[2]);
  const uint32_t flags = op.u32(3);
  const bool tee = op.call == Call::kTee;
  // tee looks at its flags first, splice at its length.
  const bool nothing = rules_(Rule::kSpliceNothing, n == 0);
  if (!tee && nothing) return out->Value(0);
  if (rules_(Rule::kSpliceFlags, (flags & ~kSpliceAll) != 0)) return out->Error(kEINVAL);
  if (nothing) return out->Value(0);
  const Id in = Usable(op.num(0)), to = Usable(op.num(1));
  if (rules_(Rule::kFdBad, in == kNil || to == kNil)) return out->Error(kEBADF);
  const File from = state_.files[in], into = state_.files[to];
  if (rules_(Rule::kFileNotReadable, !from.readable, in)) return out->Error(kEBADF);
  if (rules_(Rule::kFileNotWritable, !into.writable, to)) return out->Error(kEBADF);
  const Id ipipe = PipeOf(from), opipe = PipeOf(into);
  const bool no_pipe = tee ? ipipe == kNil || opipe == kNil : ipipe == kNil && opipe == kNil;
  if (rules_(Rule::kSpliceNoPipe, no_pipe)) return out->Error(kEINVAL);
  if (rules_(Rule::kSpliceSelf, ipipe != kNil && ipipe == opipe, ipipe)) return out->Error(kEINVAL);
  const bool asked = (flags & kSpliceNonblock) != 0;
  const bool in_nonblock = (from.flags & kONonblock) != 0, out_nonblock = (into.flags & kONonblock) != 0;
  if (ipipe != kNil && opipe != kNil) {
    PipeToPipe(ipipe, opipe, n, tee, asked || in_nonblock || out_nonblock, out);
  } else if (ipipe != kNil) {
    PipeToFile(ipipe, to, n, asked || in_nonblock, out);
  } else {
    FileToPipe(in, opipe, n, asked || out_nonblock, out);
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
  SpliceWakes(into, done > 0, in, freed);
  out->Value(done);
}

// do_splice_from(): to what has a splice_write operation, as every socket has.
void Model::PipeToFile(Id in, Id file, int64_t n, bool nonblock, Outcome* out) {
  const File f = state_.files[file];
  const FileOps& ops = Ops(f.type);
  if (rules_(Rule::kSpliceAppend, (f.flags & kOAppend) != 0, file)) return out->Error(kEINVAL);
  if (ops.socket != nullptr && state_.pipes[in].slots.size > 0) return Unmodelled(kToSocket, out);
  const bool writes = ops.splice_write != nullptr || ops.socket != nullptr;
  if (rules_(Rule::kSpliceNoWrite, !writes, file)) return out->Error(kEINVAL);
  bool freed = false;
  const int64_t done = TakeFromPipe(in, n, INT64_MAX, nonblock, &freed, out);
  if (done < 0) return;
  if (ops.splice_write != nullptr) (this->*ops.splice_write)(f, done);
  SpliceWakes(kNil, false, in, freed);
  out->Value(done);
}

void Model::PlainSpliceWrite(const File& file, int64_t n) {
  Plain& p = state_.plains[file.object];
  int64_t& size = state_.inodes[file.inode].size;
  p.position += n, size = std::max(size, p.position);
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

// splice_file_to_pipe(): from what has a splice_read operation.
void Model::FileToPipe(Id file, Id into, int64_t n, bool nonblock, Outcome* out) {
  const auto splice_read = OpsOf(file).splice_read;
  if (!SpaceInPipe(into, nonblock, out)) return;
  if (n == 0 && !Has(Quirk::kSpliceNothingAsks)) return out->Value(0);
  if (rules_(Rule::kSpliceNoRead, splice_read == nullptr, file)) return out->Error(kEINVAL);
  if (splice_read == nullptr || n == 0) return out->Value(0);
  (this->*splice_read)(File(state_.files[file]), into, std::min(n, Unused(state_.pipes[into]) * kPage), out);
  if (out->kind == Outcome::kValues) SpliceWakes(into, out->value[0] > 0, kNil, false);
}

// So many bytes, page by page; those of the first begin at `offset`.
void Model::PushPages(Id pipe, int64_t offset, int64_t n) {
  for (; n > 0; offset = 0) {
    PipeSlot slot;
    slot.offset = offset, slot.bytes = std::min(n, kPage - offset), slot.mergeable = false;
    PushSlot(pipe, slot);
    n -= slot.bytes;
  }
}

// shmem_file_splice_read(): each page at its place in the slot.
void Model::PlainSpliceRead(const File& file, Id into, int64_t n, Outcome* out) {
  if (file.type == FileType::kRegular) return Unmodelled(kWhereBytesLie, out);
  Plain& p = state_.plains[file.object];
  const int64_t offset = p.position % kPage;
  n = std::min(n, std::max<int64_t>(state_.inodes[file.inode].size - p.position, 0));
  n = std::min(n, Unused(state_.pipes[into]) * kPage - offset);
  p.position += n;
  PushPages(into, offset, n);
  out->Value(n);
}

// copy_splice_read(): a message is received into fresh pages.
void Model::MessageSpliceRead(const File& file, Id into, int64_t n, Outcome* out) {
  (this->*Ops(file.type).read)(file, Memory(), n, out);
  if (out->kind == Outcome::kValues) PushPages(into, 0, out->value[0]);
}

void Model::UnixSpliceRead(const File& file, Id into, int64_t n, Outcome* out) {
  if (state_.sockets[file.object].type == kSockStream) return Unmodelled(kWhereBytesLie, out);
  MessageSpliceRead(file, into, n, out);
}

// tcp_splice_read() of no data is as tcp_recvmsg() of none.
void Model::TcpSpliceRead(const File& file, Id, int64_t n, Outcome* out) {
  const Inet& s = state_.inets[file.object];
  if (s.received != s.copied || s.urgent != Urgent::kNone) return Unmodelled(kWhereBytesLie, out);
  TcpRead(file, Memory(), n, out);
}

// do_sendfile(): no bytes are sent to a file but through a pipe of the process's own, which only a file that can be
// sought fills.
void Model::Sendfile(const Op& op, Outcome* out) {
  const int64_t n = static_cast<int64_t>(op.arg[2]);
  const Id in = Usable(op.num(1));
  if (rules_(Rule::kFdBad, in == kNil)) return out->Error(kEBADF);
  const File from = state_.files[in];
  if (rules_(Rule::kFileNotReadable, !from.readable, in)) return out->Error(kEBADF);
  const Id to = Usable(op.num(0));
  if (rules_(Rule::kFdBad, to == kNil)) return out->Error(kEBADF);
  const File into = state_.files[to];
  if (rules_(Rule::kFileNotWritable, !into.writable, to)) return out->Error(kEBADF);
  if (const Id pipe = PipeOf(into); pipe != kNil) {
    FileToPipe(in, pipe, n, (into.flags & kONonblock) != 0, out);
    return Transferred(in, *out, kInAccess), Transferred(to, *out, kInModify);
  }
  FileToFile(in, to, n, out);
}

// do_splice_direct(), splice_direct_to_actor()
void Model::FileToFile(Id in, Id to, int64_t n, Outcome* out) {
  const File from = state_.files[in], into = state_.files[to];
  const FileOps &reads = Ops(from.type), &writes = Ops(into.type);
  if (rules_(Rule::kSpliceAppend, (into.flags & kOAppend) != 0, to)) return out->Error(kEINVAL);
  if (rules_(Rule::kSpliceNotSeekable, !Still(reads.seeks, Quirk::kPerfSeeks), in)) return out->Error(kEINVAL);
  if (n == 0) return out->Value(0);
  if (rules_(Rule::kSpliceNoRead, reads.splice_read == nullptr, in)) return out->Error(kEINVAL);
  if (from.type != FileType::kMemfd) return Unmodelled("sendfile: up to the file system", out);
  Plain& p = state_.plains[from.object];
  const int64_t bytes = std::min(n, std::max<int64_t>(state_.inodes[from.inode].size - p.position, 0));
  if (bytes > 0 && writes.socket != nullptr) return Unmodelled(kToSocket, out);
  if (bytes > 0 && from.inode == into.inode) return Unmodelled("sendfile: what is read is what was written", out);
  if (rules_(Rule::kSpliceNoWrite, bytes > 0 && writes.splice_write == nullptr, to)) return out->Error(kEINVAL);
  p.position += bytes;
  if (writes.splice_write != nullptr) (this->*writes.splice_write)(into, bytes);
  out->Value(bytes);
  Transferred(in, *out, kInAccess), Transferred(to, *out, kInModify);
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
  int64_t done = 0, offset = memory.kind() == Memory::kFault ? (kPage - room % kPage) % kPage : 0;
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
