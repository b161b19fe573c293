// Pipes: slots, merging, packets, resizing, and whom each call wakes (fs/pipe.c).

#include <algorithm>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

constexpr int64_t kPage = 4096;
constexpr uint32_t kReadKey = kIn | kRdnorm, kWriteKey = kOut | kWrnorm;

}  // namespace

Id Model::NewPipe() {
  const Id pipe = state_.pipes.New();
  state_.pipes[pipe].max_slots = facts_.pipe_slots;
  return pipe;
}

void Model::Pipe2(const Op& op, Outcome* out) {
  const uint32_t flags = op.u32(0);
  if (rules_(Rule::kPipeFlags, (flags & ~(kOCloexec | kONonblock | kODirect)) != 0)) return out->Error(kEINVAL);
  const int32_t r = LowestFree(0);
  if (r < 0) return out->Error(kEMFILE);
  const Id pipe = NewPipe(), inode = NewInode(FileType::kPipe, pipe);
  Pipe& p = state_.pipes[pipe];
  p.readers = p.writers = 1;
  const bool cloexec = rules_(Rule::kFdCloexec, (flags & kOCloexec) != 0);
  const Id reader = NewFile(FileType::kPipe, kORdonly | (flags & kONonblock), pipe, inode);
  const Id writer = NewFile(FileType::kPipe, kOWronly | (flags & (kONonblock | kODirect)), pipe, inode);
  Install(r, reader, cloexec);
  const int32_t w = LowestFree(0);
  if (w < 0) {  // one number was left: neither end stays
    state_.files[writer] = File();
    state_.files.Free(writer);
    ReleaseInode(inode);
    p.writers = 0;
    Uninstall(r);
    ReleaseFiles();
    return out->Error(kEMFILE);
  }
  Install(w, writer, cloexec);
  out->Clear(), out->nvalues = 2, out->value[0] = r, out->value[1] = w;
}

// A language op: mknod(2), open(2) with O_PATH and unlink(2), in a file system of its own. Nobody has opened it yet.
void Model::FifoCreate(const Op& op, Outcome* out) {
  const uint32_t flags = op.u32(0);
  if ((flags & ~kOCloexec) != 0) {
    out->Clear(), out->kind = Outcome::kSkipped, out->note = "fifo: a flag outside the language";
    return;
  }
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id inode = NewInode(FileType::kPipe);
  state_.inodes[inode].fifo = true;
  const Id file = NewFile(FileType::kPath, kOPath, kNil, inode);
  state_.files[file].readable = state_.files[file].writable = false;
  Open(file, (flags & kOCloexec) != 0, out);
}

// fifo_open(), for anonymous pipes too: they differ in what a missing partner means.
Id Model::PipeOpen(Id inode, uint32_t flags, Outcome* out) {
  const bool fifo = state_.inodes[inode].fifo;
  if (state_.inodes[inode].object == kNil) state_.inodes[inode].object = NewPipe();
  const Id id = state_.inodes[inode].object;
  Pipe& p = state_.pipes[id];
  const uint32_t access = flags & 3;
  const bool reads = access != kOWronly, writes = access != kORdonly, nonblock = (flags & kONonblock) != 0;
  if (rules_(Rule::kFifoNoReader, fifo && !reads && nonblock && p.readers == 0, id)) {
    FreePipe(inode);
    return out->Error(kENXIO), kNil;
  }
  const bool first = (reads && p.readers == 0) || (writes && p.writers == 0);
  p.readers += reads, p.writers += writes, p.write_opens += writes;
  // wake_up_partner(): readers alone; that there are readers again is no news to writers.
  if (rules_(Rule::kPipeOpenWakes, first, id)) Notify(p.readers_queue, 0, kAll);
  const bool alone = fifo && ((!writes && p.writers == 0) || (!reads && p.readers == 0));
  if (rules_(Rule::kFifoSleeps, alone && !nonblock, id)) {  // and was interrupted
    p.readers -= reads, p.writers -= writes;
    FreePipe(inode);
    out->Clear(), out->kind = Outcome::kBlocked;
    return kNil;
  }
  const Id file = NewFile(FileType::kPipe, flags, id, inode);
  if (rules_(Rule::kFifoQuiet, alone, id)) state_.files[file].writer_memo = p.write_opens;
  return file;
}

// put_pipe_info(): frees what nobody has open any more; the inode may be opened again.
void Model::FreePipe(Id inode) {
  const Id id = state_.inodes[inode].object;
  Pipe& p = state_.pipes[id];
  if (p.readers > 0 || p.writers > 0) return;
  while (p.slots.size > 0) {
    const Id slot = p.slots.head;
    SlotList::Remove(state_.slots, p.slots, slot);
    state_.slots.Free(slot);
  }
  p = Pipe();
  state_.pipes.Free(id);
  state_.inodes[inode].object = kNil;
}

void Model::PipeWait(const File& file, Queues* queues) {
  Pipe& p = state_.pipes[file.object];
  p.polled = true;
  // Until 5.5 both ends waited on one queue.
  const bool one = Has(Quirk::kPipeOneQueue);
  if (rules_(Rule::kPipeReadQueue, file.readable, file.object) || one) (*queues)[0] = &p.readers_queue;
  if (rules_(Rule::kPipeWriteQueue, file.writable, file.object) && !one) (*queues)[1] = &p.writers_queue;
}

uint32_t Model::PipeMask(const File& file) {
  Pipe& p = state_.pipes[file.object];
  p.polled = true;
  uint32_t mask = 0;
  if (file.readable) {
    if (rules_(Rule::kPipeIn, p.slots.size > 0, file.object)) mask |= kIn | kRdnorm;
    const bool left = p.writers == 0 && file.writer_memo != p.write_opens;
    if (rules_(Rule::kPipeHup, left, file.object)) mask |= kHup;
  }
  if (file.writable) {
    if (rules_(Rule::kPipeOut, !PipeFull(p), file.object)) mask |= kOut | kWrnorm;
    if (rules_(Rule::kPipeErr, p.readers == 0, file.object)) mask |= kErr;
  }
  return mask;
}

// anon_pipe_read()
void Model::PipeRead(const File& file, Memory memory, int64_t n, Outcome* out) {
  Pipe& p = state_.pipes[file.object];
  if (rules_(Rule::kPipeNothing, n == 0)) return out->Value(0);
  const int64_t room = Copyable(memory, true);
  const bool began_full = PipeFull(p);
  bool wake = false, freed = false, faulted = false, ended = false;
  int64_t done = 0;
  while (p.slots.size > 0) {
    const Id id = p.slots.head;
    PipeSlot& slot = state_.slots[id];
    const int64_t bytes = std::min(slot.bytes, n - done);
    if (rules_(Rule::kPipeReadFault, bytes > 0 && done + bytes > room)) {
      faulted = true;
      break;
    }
    done += bytes, slot.offset += bytes, slot.bytes -= bytes;
    const bool packet = rules_(Rule::kPipePacketRead, slot.packet, id);
    if (packet) slot.bytes = 0;  // what a short read leaves of a packet is lost
    if (!rules_(Rule::kPipeSlotFreed, slot.bytes == 0, id)) break;
    wake |= PipeFull(p);
    freed = true;
    SlotList::Remove(state_.slots, p.slots, id);
    state_.slots.Free(id);
    // A packet ends the read, an empty one too (a write that faulted may have left it): then nothing was read.
    ended = packet || done == n;
    if (ended) break;
  }
  if (Has(Quirk::kPipeReadWakesIfBeganFull)) wake = began_full;
  if (Has(Quirk::kPipeEveryReadWakes)) wake = freed;
  if (rules_(Rule::kPipeReadWakes, wake, file.object)) Notify(p.writers_queue, kWriteKey);
  if (Again() && rules_(Rule::kSleepNextReader, p.slots.size > 0, file.object)) Notify(p.readers_queue, kReadKey);
  if (done > 0 || ended) return out->Value(done);
  if (faulted) return out->Error(kEFAULT);
  if (rules_(Rule::kPipeEof, p.writers == 0, file.object)) return out->Value(0);
  return WouldSleep((file.flags & kONonblock) != 0, out);
}

// anon_pipe_write(): every way out wakes readers, failures too (R4.2.4).
void Model::PipeWrite(const File& file, Memory memory, int64_t n, uint64_t, Outcome* out) {
  Pipe& p = state_.pipes[file.object];
  if (rules_(Rule::kPipeNothing, n == 0)) return out->Value(0);
  const int64_t room = Copyable(memory, false);
  const bool was_empty = p.slots.size == 0, again = Again();
  int64_t done = again ? state_.threads[running_].done : 0;
  Errno error = kOK;
  bool blocked = false;
  if (rules_(Rule::kPipeBroken, p.readers == 0, file.object)) {
    error = kEPIPE;
  } else {
    // The bytes beyond whole pages go behind the last slot's, if they fit there.
    const int64_t tail = n % kPage;
    PipeSlot& last = state_.slots[p.slots.tail];
    if (rules_(Rule::kPipeMerge,
               tail > 0 && !was_empty && last.mergeable && last.offset + last.bytes + tail <= kPage && !again,
               file.object)) {
      if (rules_(Rule::kPipeWriteFault, tail > room)) {
        error = kEFAULT;
      } else {
        last.bytes += tail, done = tail;
      }
    }
    while (error == kOK && done < n) {
      if (rules_(Rule::kPipeWriteFull, PipeFull(p), file.object)) {
        error = kEAGAIN;
        blocked = !rules_(Rule::kNonblock, (file.flags & kONonblock) != 0);
        break;
      }
      const int64_t bytes = std::min(kPage, n - done);
      const bool fault = rules_(Rule::kPipeWriteFault, done + bytes > room);
      if (!fault || Has(Quirk::kPipeFaultLeavesSlot)) {
        const Id id = state_.slots.New();
        PipeSlot& slot = state_.slots[id];
        slot.bytes = fault ? 0 : bytes;
        slot.packet = rules_(Rule::kPipePacket, (file.flags & kODirect) != 0, file.object);
        slot.mergeable = !slot.packet;
        SlotList::PushBack(state_.slots, p.slots, id);
      }
      if (fault) {
        error = kEFAULT;
        break;
      }
      done += bytes;
    }
  }
  bool wake = was_empty || p.polled;
  if (Has(Quirk::kPipeOnlyFirstWriteWakes)) wake = was_empty;
  if (Has(Quirk::kPipeEveryReadWakes)) wake = done > 0;
  if (blocked && running_ != 0) {  // it goes to sleep: what has been polled hears of it at the end
    wake = was_empty;
    state_.threads[running_].done = done;
  }
  if (rules_(Rule::kPipeWriteWakes, wake, file.object)) Notify(p.readers_queue, kReadKey);
  if (again && !blocked && rules_(Rule::kSleepNextWriter, !PipeFull(p), file.object))
    Notify(p.writers_queue, kWriteKey);
  if (blocked) {
    out->Clear(), out->kind = Outcome::kBlocked;
  } else if (done > 0) {
    out->Value(done);
  } else {
    out->Error(error);
  }
}

// What a read or write waits for: pipe_readable(), pipe_writable().
bool Model::PipePasses(const File& file, Call call) const {
  const Pipe& p = state_.pipes[file.object];
  return call == Call::kRead ? p.slots.size > 0 || p.writers == 0 : !PipeFull(p) || p.readers == 0;
}

int64_t Model::BytesInPipe(Id pipe) const {
  const List& slots = state_.pipes[pipe].slots;
  int64_t bytes = 0;
  Id id = slots.head;
  for (uint32_t i = slots.size; i > 0 && id != kNil; --i, id = state_.slots[id].in_pipe.next) {
    bytes += state_.slots[id].bytes;
  }
  return bytes;
}

// pipe_release(): both queues hear of it if exactly one side is left.
void Model::PipeRelease(const File& file) {
  Pipe& p = state_.pipes[file.object];
  p.readers -= file.readable, p.writers -= file.writable;
  bool one_side = (p.readers == 0) != (p.writers == 0);
  uint32_t key = 0;
  if (Has(Quirk::kPipeOneQueue)) {
    one_side = p.readers > 0 || p.writers > 0;
    key = kIn | kOut | kErr | kHup | kRdnorm | kWrnorm;
  }
  if (rules_(Rule::kPipeReleaseWakes, one_side, file.object)) {
    if (rules_(Rule::kPipeReleaseWakesReaders, true, file.object)) Notify(p.readers_queue, key, kAll);
    if (rules_(Rule::kPipeReleaseWakesWriters, true, file.object)) Notify(p.writers_queue, key, kAll);
  }
  FreePipe(file.inode);
}

// pipe_set_size(): whole pages, a power of two; never below what is in use.
void Model::SetPipeSize(const File& file, int64_t bytes, Outcome* out) {
  Pipe& p = state_.pipes[file.object];
  int64_t slots = 1;
  while (slots * kPage < bytes) slots *= 2;
  if (rules_(Rule::kPipeSizeTooLarge, bytes > int64_t{1} << 31)) return out->Error(kEINVAL);
  if (rules_(Rule::kPipeSizeLimit, slots > p.max_slots && slots > facts_.pipe_max_slots && !facts_.pipe_unlimited,
             file.object)) {
    return out->Error(kEPERM);
  }
  if (rules_(Rule::kPipeSizeBusy, slots < static_cast<int64_t>(p.slots.size), file.object)) return out->Error(kEBUSY);
  p.max_slots = slots;
  if (rules_(Rule::kPipeSizeWakes, true, file.object)) Notify(p.writers_queue, 0);
  out->Value(slots * kPage);
}

}  // namespace pollux
