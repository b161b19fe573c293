// eventfd: a counter (fs/eventfd.c).

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

constexpr uint64_t kMax = UINT64_MAX;

}  // namespace

void Model::EventfdCreate(const Op& op, Outcome* out) {
  const uint32_t initial = op.u32(0), flags = op.u32(1);
  if (rules_(Rule::kEventfdFlags, (flags & ~(kEfdSemaphore | kOCloexec | kONonblock)) != 0)) return out->Error(kEINVAL);
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id id = state_.eventfds.New();
  Eventfd& e = state_.eventfds[id];
  e.count = initial;
  e.semaphore = rules_(Rule::kEventfdSemaphore, (flags & kEfdSemaphore) != 0, id);
  Open(NewFile(FileType::kEventfd, kORdwr | (flags & kONonblock), id), (flags & kOCloexec) != 0, out);
}

void Model::EventfdWait(const File& file, Queues* queues) { (*queues)[0] = &state_.eventfds[file.object].queue; }

uint32_t Model::EventfdMask(const File& file) {
  const Eventfd& e = state_.eventfds[file.object];
  uint32_t mask = 0;
  if (rules_(Rule::kEventfdIn, e.count > 0)) mask |= kIn;
  if (rules_(Rule::kEventfdOut, e.count < kMax - 1)) mask |= kOut;
  return mask;
}

void Model::EventfdRead(const File& file, Memory memory, int64_t n, Outcome* out) {
  Eventfd& e = state_.eventfds[file.object];
  if (rules_(Rule::kEventfdReadShort, n < 8)) return out->Error(kEINVAL);
  if (rules_(Rule::kEventfdEmpty, e.count == 0, file.object)) {
    return WouldSleep((file.flags & kONonblock) != 0, out);
  }
  const uint64_t value = rules_(Rule::kEventfdReadOne, e.semaphore, file.object) ? 1 : e.count;
  e.count -= value;
  if (rules_(Rule::kEventfdReadWakes, true, file.object)) Notify(e.queue, kOut);
  // The counter is taken before it is copied out (R4.3.4).
  if (rules_(Rule::kMemoryFault, Copyable(memory, true) < 8)) return out->Error(kEFAULT);
  out->Value(8);
  out->has_payload = true, out->payload = value;
}

void Model::EventfdWrite(const File& file, Memory memory, int64_t n, uint64_t value, Outcome* out) {
  Eventfd& e = state_.eventfds[file.object];
  const bool wrong = Has(Quirk::kEventfdWriteLong) ? n < 8 : n != 8;
  if (rules_(Rule::kEventfdWriteSize, wrong)) return out->Error(kEINVAL);
  if (rules_(Rule::kMemoryFault, Copyable(memory, false) < 8)) return out->Error(kEFAULT);
  if (rules_(Rule::kEventfdWriteMax, value == kMax)) return out->Error(kEINVAL);
  if (rules_(Rule::kEventfdFull, kMax - e.count <= value, file.object)) {
    return WouldSleep((file.flags & kONonblock) != 0, out);
  }
  e.count += value;
  if (rules_(Rule::kEventfdWriteWakes, true, file.object)) Notify(e.queue, kIn);
  out->Value(8);
}

// What a read or write waits for.
bool Model::EventfdPasses(const File& file, Call call, uint64_t value) const {
  const Eventfd& e = state_.eventfds[file.object];
  return call == Call::kRead ? e.count > 0 : kMax - e.count > value;
}

}  // namespace pollux
