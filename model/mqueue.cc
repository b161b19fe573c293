// POSIX message queues: messages with priorities, a number of which fits (ipc/mqueue.c).

#include "model/memory.h"
#include "model/model.h"

namespace pollux {
namespace {

// What read(2) gives, in characters: "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n".
constexpr int64_t kStatusLine = 60;
constexpr int64_t kInodeSize = 80;   // FILENT_SIZE
constexpr size_t kMostQueues = 256;  // mqueue/queues_max

}  // namespace

void Model::MqOpen(const Op& op, Outcome* out) {
  const uint32_t flags = op.u32(0);
  const int32_t most = op.num(1), longest = op.num(2);
  if (LowestFree(0) < 0) return out->Error(kEMFILE);
  if (state_.mqueues.size() > kMostQueues) return Unmodelled("mq_open: more queues than everybody may have", out);
  if (rules_(Rule::kMqAttributes, most <= 0 || longest <= 0)) return out->Error(kEINVAL);
  const Id id = state_.mqueues.New();
  state_.mqueues[id].most = most, state_.mqueues[id].longest = longest;
  const Id inode = NewInode(FileType::kMqueue, id);
  state_.inodes[inode].size = kStatusLine;
  Open(NewFile(FileType::kMqueue, flags, state_.plains.New(), inode), true, out);
}

// The queue and its messages go with the inode, not with a file.
void Model::FreeMqueue(Id id) {
  Mqueue& q = state_.mqueues[id];
  for (uint32_t n = q.messages.size; n > 0; --n) {
    const Id message = q.messages.head;
    MqMessageList::Remove(state_.mq_messages, q.messages, message);
    state_.mq_messages.Free(message);
  }
  state_.mqueues.Free(id);
}

void Model::MqueueWait(const File& file, Queues* queues) {
  (*queues)[0] = &state_.mqueues[state_.inodes[file.inode].object].queue;
}

uint32_t Model::MqueueMask(const File& file) {
  const Id id = state_.inodes[file.inode].object;
  const Mqueue& q = state_.mqueues[id];
  uint32_t mask = 0;
  if (rules_(Rule::kMqIn, q.messages.size > 0, id)) mask |= kIn | kRdnorm;
  if (rules_(Rule::kMqOut, q.messages.size < q.most, id)) mask |= kOut | kWrnorm;
  return mask;
}

// Of a regular file, which its inode is for FIONREAD: less the position.
int64_t Model::MqueueUnread(const File& file, Outcome*) { return kInodeSize - state_.plains[file.object].position; }

void Model::MqOp(const Op& op, Outcome* out) {
  if (op.call == Call::kMqSend && rules_(Rule::kMqPriority, op.u32(4) >= kMqPrioMax)) return out->Error(kEINVAL);
  if (op.call == Call::kMqSetattr && rules_(Rule::kMqSetattrFlags, (op.u32(1) & ~kONonblock) != 0)) {
    return out->Error(kEINVAL);
  }
  const Id id = Usable(op.num(0));
  if (rules_(Rule::kFdBad, id == kNil)) return out->Error(kEBADF);
  File& f = state_.files[id];
  if (rules_(Rule::kMqNot, f.type != FileType::kMqueue, id)) return out->Error(kEBADF);
  Mqueue& q = state_.mqueues[state_.inodes[f.inode].object];
  switch (op.call) {
    case Call::kMqSend:
      return MqSend(op, f, q, out);
    case Call::kMqReceive:
      return MqReceive(op, f, q, out);
    case Call::kMqSetattr:
      if (rules_(Rule::kMqNonblock, (op.u32(1) & kONonblock) != 0, id)) {
        f.flags |= kONonblock;
      } else {
        f.flags &= ~kONonblock;
      }
      return out->Value(0);
    default:
      out->Clear(), out->nvalues = 4;
      out->value[0] = f.flags & kONonblock;
      out->value[1] = q.most, out->value[2] = q.longest, out->value[3] = q.messages.size;
  }
}

// do_mq_timedsend()
void Model::MqSend(const Op& op, const File& file, Mqueue& q, Outcome* out) {
  const Id id = state_.inodes[file.inode].object;
  const int64_t n = static_cast<int64_t>(op.arg[2]);
  if (rules_(Rule::kFileNotWritable, !file.writable, id)) return out->Error(kEBADF);
  if (rules_(Rule::kMqSendLong, n > q.longest, id)) return out->Error(kEMSGSIZE);
  if (rules_(Rule::kMemoryFault, Copyable(op.mem(1), false) < n)) return out->Error(kEFAULT);
  if (rules_(Rule::kMqFull, q.messages.size >= q.most, id)) return WouldSleep((file.flags & kONonblock) != 0, out);
  const Id message = state_.mq_messages.New();
  state_.mq_messages[message] = {.bytes = n, .priority = op.u32(4), .value = n == 8 ? op.arg[3] : 0};
  MqMessageList::PushBack(state_.mq_messages, q.messages, message);
  if (rules_(Rule::kMqSendWakes, true, id)) Notify(q.queue, 0);
  out->Value(0);
}

// do_mq_timedreceive()
void Model::MqReceive(const Op& op, const File& file, Mqueue& q, Outcome* out) {
  const Id id = state_.inodes[file.inode].object;
  const int64_t n = static_cast<int64_t>(op.arg[2]);
  if (rules_(Rule::kFileNotReadable, !file.readable, id)) return out->Error(kEBADF);
  if (rules_(Rule::kMqReceiveShort, n < q.longest, id)) return out->Error(kEMSGSIZE);
  if (rules_(Rule::kMqEmpty, q.messages.size == 0, id)) return WouldSleep((file.flags & kONonblock) != 0, out);
  Id taken = q.messages.head, best = taken;
  for (Id m = taken; m != kNil; m = state_.mq_messages[m].in_queue.next) {
    if (state_.mq_messages[m].priority > state_.mq_messages[best].priority) best = m;
  }
  if (rules_(Rule::kMqHighest, best != taken, id)) taken = best;
  const MqMessage message = state_.mq_messages[taken];
  MqMessageList::Remove(state_.mq_messages, q.messages, taken);
  state_.mq_messages.Free(taken);
  if (rules_(Rule::kMqReceiveWakes, true, id)) Notify(q.queue, 0);
  if (rules_(Rule::kMemoryFault, Copyable(op.mem(1), true) < message.bytes)) return out->Error(kEFAULT);
  out->Clear(), out->nvalues = 2;
  out->value[0] = message.bytes, out->value[1] = message.priority;
  out->has_payload = message.value != 0, out->payload = message.value;
}

}  // namespace pollux
