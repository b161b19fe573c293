// A perf event without a buffer: a counter that nothing counts (kernel/events/core.c).

#include "model/memory.h"
#include "model/model.h"

namespace pollux {

void Model::PerfEventOpen(const Op& op, Outcome* out) {
  constexpr uint32_t kKnown = 0xf, kPidCgroup = 4, kCloexec = 8;  // PERF_FLAG_*
  const uint32_t flags = op.u32(0);
  if (rules_(Rule::kPerfFlags, (flags & ~kKnown) != 0 || (flags & kPidCgroup) != 0)) return out->Error(kEINVAL);
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  const Id id = state_.perfs.New();
  Open(NewFile(FileType::kPerf, kORdwr, id), (flags & kCloexec) != 0, out);
}

void Model::PerfWait(const File& file, Queues* queues) { (*queues)[0] = &state_.perfs[file.object].queue; }

// perf_poll(): without a buffer there is nobody to wait for.
uint32_t Model::PerfMask(const File& file) { return rules_(Rule::kPerfHup, true, file.object) ? kHup : 0; }

void Model::PerfRead(const File&, Memory memory, int64_t n, Outcome* out) {
  if (rules_(Rule::kPerfReadShort, n < 8)) return out->Error(kENOSPC);
  if (rules_(Rule::kMemoryFault, Copyable(memory, true) < 8)) return out->Error(kEFAULT);
  out->Value(8);
}

}  // namespace pollux
