// readv(2) and writev(2) of two segments (fs/read_write.c).
//
// A file that reads or writes through an iterator sees one buffer, which ends where the first segment that faults
// does. One that has only a read or a write operation is asked segment by segment.

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

// Slots of the calls: the two segments' memory, and the array's.
struct VectorSlots {
  size_t memory[2], array;
};
constexpr VectorSlots kReadSlots = {{1, 3}, 5}, kWriteSlots = {{1, 4}, 7};

// do_loop_readv_writev(): up to the first segment that fails or is cut short. It skips no empty one but the last.
template <class Call>
void BySegment(int64_t n, int64_t more, Call call, Outcome* out) {
  call(0, out);
  if (out->kind != Outcome::kValues || out->value[0] != n || more == 0) return;
  Outcome second;
  call(1, &second);
  if (n == 0 || second.kind == Outcome::kBlocked || second.kind == Outcome::kSkipped) {
    *out = second;
  } else if (second.kind == Outcome::kValues && second.value[0] > 0) {
    out->Value(n + second.value[0]);
  }
}

}  // namespace

// import_iovec(): the array is read, then each segment's range looked at, an empty one's too.
bool Model::Segments(const Op& op, bool write, Outcome* out) {
  const VectorSlots& slots = write ? kWriteSlots : kReadSlots;
  const Memory segments = op.mem(slots.array);
  if (rules_(Rule::kVectorFault, !InRange(segments) || Copyable(segments, false) < 1)) {
    out->Error(kEFAULT);
    return false;
  }
  for (const size_t slot : slots.memory) {
    if (!rules_(Rule::kMemoryRange, !InRange(op.mem(slot)))) continue;
    out->Error(kEFAULT);
    return false;
  }
  return true;
}

// The description that the segments go to or come from; kNil, and the outcome, if none.
Id Model::VectorAt(const Op& op, bool write, Outcome* out) {
  const Id id = Usable(op.num(0));
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF), kNil;
  const bool goes = Has(Quirk::kVectorSegmentsFirst) ? Segments(op, write, out) && Transfers(id, write, out)
                                                     : Transfers(id, write, out) && Segments(op, write, out);
  return goes ? id : kNil;
}

void Model::Readv(const Op& op, Outcome* out) {
  const Id id = VectorAt(op, false, out);
  if (id == kNil) return;
  const File f = state_.files[id];
  const FileOps& ops = Ops(f.type);
  const int64_t n = static_cast<int64_t>(op.arg[2]), more = static_cast<int64_t>(op.arg[4]);
  if (rules_(Rule::kVectorNothing, n + more == 0, id)) {
    out->Value(0);
  } else if (!rules_(Rule::kVectorReadBySegment, Still(ops.read_by_segment, Quirk::kVectorReadsEach), id)) {
    (this->*ops.read)(f, Joined(op.mem(1), n, op.mem(3), true), n + more, out);
  } else {
    BySegment(
        n, more,
        [&](int second, Outcome* o) {
          (this->*ops.read)(File(state_.files[id]), op.mem(second ? 3 : 1), second ? more : n, o);
        },
        out);
  }
  // vfs_readv(): here nothing read is an access, too.
  if (out->kind == Outcome::kValues) Happened(id, kInAccess);
}

void Model::Writev(const Op& op, Outcome* out) {
  const Id id = VectorAt(op, true, out);
  if (id == kNil) return;
  const File f = state_.files[id];
  const FileOps& ops = Ops(f.type);
  const int64_t n = static_cast<int64_t>(op.arg[2]), more = static_cast<int64_t>(op.arg[5]);
  if (rules_(Rule::kVectorNothing, n + more == 0, id)) return out->Value(0);
  if (!rules_(Rule::kVectorBySegment, ops.write_by_segment == kAlways, id)) {
    (this->*ops.write)(f, Joined(op.mem(1), n, op.mem(4), false), n + more, op.arg[3], out);
    return Transferred(id, *out, kInModify);
  }
  BySegment(
      n, more,
      [&](int second, Outcome* o) {
        (this->*ops.write)(f, op.mem(second ? 4 : 1), second ? more : n, op.arg[second ? 6 : 3], o);
      },
      out);
}

}  // namespace pollux
