// readv(2) and writev(2) of two segments (fs/read_write.c).
//
// A file that reads or writes through an iterator sees one buffer, which ends where the first segment that faults
// does. One that has only a write operation is written segment by segment.

#include <algorithm>

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

// The two segments as one piece of memory.
Memory Joined(Memory first, int64_t n, Memory second, bool to_user) {
  const int64_t room = Copyable(first, to_user);
  if (room < n) return Memory(Memory::kFault, static_cast<uint32_t>(room));
  const int64_t more = Copyable(second, to_user);
  if (more > static_cast<int64_t>(2 * kMaxBytes)) return Memory();
  return Memory(Memory::kFault, static_cast<uint32_t>(n + more));
}

}  // namespace

// import_iovec(): the array is read, then each segment's range looked at, an empty one's too.
bool Model::Segments(const Op& op, size_t array, const size_t (&memory)[2], Outcome* out) {
  const Memory segments = op.mem(array);
  if (rules_(Rule::kVectorFault, !InRange(segments) || Copyable(segments, false) < 1)) {
    out->Error(kEFAULT);
    return false;
  }
  for (const size_t slot : memory) {
    if (!rules_(Rule::kMemoryRange, !InRange(op.mem(slot)))) continue;
    out->Error(kEFAULT);
    return false;
  }
  return true;
}

void Model::Readv(const Op& op, Outcome* out) {
  const Id id = Usable(op.num(0));
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const File f = state_.files[id];
  const auto read = Ops(f.type).read;
  if (rules_(Rule::kFileNotReadable, !f.readable, id)) return out->Error(kEBADF);
  if (rules_(Rule::kFileNoRead, read == nullptr, id)) return out->Error(kEINVAL);
  if (read == nullptr) return out->Value(0);  // only where the rule is planted
  if (NoOtherDoors(f, out) || !Segments(op, 5, {1, 3}, out)) return;
  const int64_t n = static_cast<int64_t>(op.arg[2]), more = static_cast<int64_t>(op.arg[4]);
  if (rules_(Rule::kVectorNothing, n + more == 0, id)) return out->Value(0);
  (this->*read)(f, Joined(op.mem(1), n, op.mem(3), true), n + more, out);
}

void Model::Writev(const Op& op, Outcome* out) {
  const Id id = Usable(op.num(0));
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  const File f = state_.files[id];
  const auto write = Ops(f.type).write;
  if (rules_(Rule::kFileNotWritable, !f.writable, id)) return out->Error(kEBADF);
  if (rules_(Rule::kFileNoWrite, write == nullptr, id)) return out->Error(kEINVAL);
  if (write == nullptr) return out->Value(0);
  if (NoOtherDoors(f, out) || !Segments(op, 7, {1, 4}, out)) return;
  const int64_t n = static_cast<int64_t>(op.arg[2]), more = static_cast<int64_t>(op.arg[5]);
  if (rules_(Rule::kVectorNothing, n + more == 0, id)) return out->Value(0);
  if (!rules_(Rule::kVectorBySegment, Ops(f.type).by_segment, id)) {
    return (this->*write)(f, Joined(op.mem(1), n, op.mem(4), false), n + more, op.arg[3], out);
  }
  // do_loop_readv_writev(): up to the first that fails or is cut short. It skips no empty segment.
  (this->*write)(f, op.mem(1), n, op.arg[3], out);
  if (out->kind != Outcome::kValues || out->value[0] != n) return;
  Outcome second;
  (this->*write)(f, op.mem(4), more, op.arg[6], &second);
  if (second.kind == Outcome::kValues) return out->Value(n + second.value[0]);
  if (n == 0 || second.kind == Outcome::kBlocked) *out = second;
}

}  // namespace pollux
