// Pipes: slots, merging, packets, resizing, and whom each call wakes (fs/pipe.c).

#include <algorithm>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

constexpr int64_t kPage = 4096;
constexpr uint32_t kReadKey = kIn | kRdnorm, kWriteKey = kOut | kWrnorm;

}  // namespace

void Model::Pipe2(const Op& op, Outcome* out) {
  const uint32_t flags = op.u32(0);
  if (rules_(Rule::kPipeFlags, (flags & ~(kOCloexec | kONonblock | kODirect)) != 0)) return out->Error(kEINVAL);
  const int32_t r = LowestFree(0);
  if (r < 0) return out->Error(kEMFILE);
  const Id pipe = state_.pipes.New();
  Pipe& p = state_.pipes[pipe];
  p.max_slots = facts_.pipe_slots, p.readers = p.writers = 1;
  const bool cloexec = rules_(Rule::kFdCloexec, (flags & kOCloexec) != 0);
  const Id reader = NewFile(FileType::kPipe, kORdonly | (flags & kONonblock), pipe);
  const Id writer = NewFile(FileType::kPipe, kOWronly | (flags & (kONonblock | kODirect)), pipe);
  Install(r, reader, cloexec);
  const int32_t w = LowestFree(0);
  if (w < 0) {  // one number was left: neither end stays
    state_.files[writer] = File();
    state_.files.Free(writer);
    p.writers = 0;
    Uninstall(r);
    ReleaseFiles();
    return out->Error(kEMFILE);
  }
  Install(w, writer, cloexec);
  out->Clear(), out->nvalues = 2, out->value[0] = r, out->value[1] = w;
}

void Model::PipeWait(const File& file, Queues* queues) {
  Pipe& p = state_.pipes[file.object];
  p.polled = true;
  // Until 5.5 both ends waited on one queue.
  const bool reader = rules_(Rule::kPipeReadQueue, file.readable, file.object) || Has(Quirk::kPipeOneQueue);
  (*queues)[0] = reader ? &p.readers_queue : &p.writers_queue;
}

uint32_t Model::PipeMask(const File& file) {
  Pipe& p = state_.pipes[file.object];
  p.polled = true;
  uint32_t mask = 0;
  if (file.readable) {
    if (rules_(Rule::kPipeIn, p.slots.size > 0, file.object)) mask |= kIn | kRdnorm;
    if (rules_(Rule::kPipeHup, p.writers == 0, file.object)) mask |= kHup;
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
  const bool was_empty = p.slots.size == 0;
  int64_t done = 0;
  Errno error = kOK;
  bool blocked = false;
  if (rules_(Rule::kPipeBroken, p.readers == 0, file.object)) {
    error = kEPIPE;
  } else {
    // The bytes beyond whole pages go behind the last slot's, if they fit there.
    const int64_t tail = n % kPage;
    PipeSlot& last = state_.slots[p.slots.tail];
    if (rules_(Rule::kPipeMerge, tail > 0 && !was_empty && last.mergeable && last.offset + last.bytes + tail <= kPage,
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
  if (rules_(Rule::kPipeWriteWakes, wake, file.object)) Notify(p.readers_queue, kReadKey);
  if (blocked) {
    out->Clear(), out->kind = Outcome::kBlocked;
  } else if (done > 0) {
    out->Value(done);
  } else {
    out->Error(error);
  }
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
    if (rules_(Rule::kPipeReleaseWakesReaders, true, file.object)) Notify(p.readers_queue, key);
    if (rules_(Rule::kPipeReleaseWakesWriters, true, file.object)) Notify(p.writers_queue, key);
  }
  if (p.readers > 0 || p.writers > 0) return;
  while (p.slots.size > 0) {
    const Id id = p.slots.head;
    SlotList::Remove(state_.slots, p.slots, id);
    state_.slots.Free(id);
  }
  state_.pipes[file.object] = Pipe();
  state_.pipes.Free(file.object);
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
