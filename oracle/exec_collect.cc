// What a call has left behind, as an outcome.

#include <fcntl.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "model/abi.h"
#include "oracle/exec.h"
#include "oracle/exec_internal.h"

namespace pollux {
namespace {

constexpr long LanguageFlags(long flags) {
  if constexpr (O_DIRECT == kODirect && O_DIRECTORY == kODirectory) return flags;
  return (flags & ~(O_DIRECT | O_DIRECTORY)) | ((flags & O_DIRECT) != 0 ? kODirect : 0) |
         ((flags & O_DIRECTORY) != 0 ? kODirectory : 0);
}

}  // namespace

void Exec::Collect(const Op& op, const SystemCall& c, long result, Outcome* out) {
  switch (op.call) {
    case Call::kEpollWait:
    case Call::kEpollPwait:
    case Call::kEpollPwait2:
      return CollectEvents(c, result, out);
    case Call::kRead:
    case Call::kRecv:
      return CollectBytes(op, c, result, out);
    case Call::kInotifyRead:
      return CollectNotices(op, c, result, out);
    case Call::kSignals:
      return CollectSignals(op, c, result, out);
    case Call::kMqReceive:
      CollectBytes(op, c, result, out);
      if (result >= 0) out->nvalues = 2, out->value[1] = c.queue.priority;
      return;
    case Call::kReadv:
      return CollectSegments(op, c, result, out);
    case Call::kVmsplice:
      if (c.room > 0) return CollectBytes(op, c, result, out);
      break;
    default:
      break;
  }
  if (result < 0) {
    out->Error(static_cast<Errno>(-result));
    return;
  }
  out->value[0] = result;
  switch (op.call) {
    case Call::kPipe2:
    case Call::kSocketpair:
      out->value[0] = c.pair[0];
      out->value[1] = c.pair[1];
      out->nvalues = 2;
      break;
    case Call::kEpiocGparams: {
      SystemCall::Params params;
      std::memcpy(&params, reinterpret_cast<const void*>(c.arg[2]), sizeof params);
      out->nvalues = 4;
      out->value[1] = params.usecs, out->value[2] = params.budget, out->value[3] = params.prefer;
      out->clobbered = params.pad != 0;
      break;
    }
    case Call::kReap:
      out->nvalues = 2;
      out->value[1] = c.info.si_status;
      break;
    case Call::kMqGetattr: {
      const mq_attr& a = c.queue.attributes;
      out->nvalues = 4;
      out->value[0] = a.mq_flags, out->value[1] = a.mq_maxmsg, out->value[2] = a.mq_msgsize;
      out->value[3] = a.mq_curmsgs;
      break;
    }
    case Call::kTimerfdGettime:
      out->nvalues = 3;
      out->value[1] = c.timer.it_interval.tv_sec, out->value[2] = c.timer.it_interval.tv_nsec;
      break;
    case Call::kPoll:
    case Call::kPpoll:
      return CollectPolled(op, c, result, out);
    case Call::kSelect:
      return CollectSets(op, c, result, out);
    case Call::kKcmpFile:
    case Call::kKcmpTfd:
      out->value[0] = result != 0;  // their order is of no meaning
      break;
    case Call::kSpliceAt:
    case Call::kSendfileAt: {
      const auto offset = [&](size_t memory, size_t arg) {
        int64_t value = 0;
        if (op.mem(memory).readable()) std::memcpy(&value, reinterpret_cast<const void*>(c.arg[arg]), sizeof value);
        return value;
      };
      const bool splice = op.call == Call::kSpliceAt;
      out->nvalues = splice ? 3 : 2;
      out->value[1] = splice ? offset(1, 1) : offset(2, 2);
      if (splice) out->value[2] = offset(4, 3);
      break;
    }
    case Call::kFionread: {
      int32_t bytes;
      std::memcpy(&bytes, reinterpret_cast<const void*>(c.arg[2]), sizeof bytes);
      out->value[0] = bytes;
      break;
    }
    case Call::kGetsockopt:
      out->nvalues = 2;
      out->value[1] = op.num(1) == kSoLinger && c.option.value[0] != 0 ? c.option.value[1]
                      : op.num(1) == kSoLinger                         ? -1
                                                                       : c.option.value[0];
      break;
    case Call::kRecvfd: {
      out->nvalues = 2;
      out->value[0] = -1, out->value[1] = result;
      msghdr header = c.message.header;
      if (const cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr && control->cmsg_type == SCM_RIGHTS) {
        int passed;
        std::memcpy(&passed, CMSG_DATA(control), sizeof passed);
        out->value[0] = passed;
      }
      break;
    }
    case Call::kFcntl:
      if (op.num(1) == kFGetfl) out->value[0] = LanguageFlags(result);
      break;
    case Call::kPrlimit:
      limit_ = c.limit.rlim_cur;
      highest_limit_ = std::max(highest_limit_, limit_);
      break;
    default:
      break;
  }
}

void Exec::CollectEvents(const SystemCall& c, long result, Outcome* out) {
  if (result < 0) {
    out->Error(static_cast<Errno>(-result));
    return CheckPaint(c, 0, out);
  }
  out->kind = Outcome::kRecords;
  const size_t n = static_cast<size_t>(result);
  const size_t stored = std::min(n, c.room / kRecord);
  out->records.resize(n);
  const epoll_event* events = reinterpret_cast<const epoll_event*>(c.buffer);
  for (size_t i = 0; i < stored; ++i) {
    epoll_event e;
    std::memcpy(&e, events + i, sizeof e);
    out->records[i] = {e.events, 0, e.data.u64};
  }
  for (size_t i = stored; i < n; ++i) out->records[i] = {};  // it says that it stored what there was no room for
  out->clobbered = stored < n;
  CheckPaint(c, stored * kRecord, out);
}

void Exec::CollectBytes(const Op& op, const SystemCall& c, long result, Outcome* out) {
  // MSG_TRUNC returns the length of what may be longer than the buffer; on a stream nothing is copied at all.
  const size_t asked = std::min<size_t>(op.arg[2], c.room);
  size_t used = result < 0 ? 0 : std::min(static_cast<size_t>(result), asked);
  // Where the memory ends too early the bytes before its end may have been written, and more than was returned.
  if (op.mem(1).kind() == Memory::kFault && op.mem(1).records() < op.arg[2]) used = c.room;
  if (result < 0) {
    out->Error(static_cast<Errno>(-result));
  } else {
    out->value[0] = result;
    if (result == 8 && c.room >= 8 && op.call != Call::kVmsplice) {
      std::memcpy(&out->payload, c.buffer, 8);
      const bool truncated_stream =
          op.call == Call::kRecv && (op.u32(3) & kMsgTrunc) != 0 && std::memcmp(c.buffer, kPainted.data(), 8) == 0;
      if (truncated_stream) out->payload = 0;
      out->has_payload = out->payload != 0;
    }
  }
  CheckPaint(c, used, out);
}

// --- Sets and segments -----------------------------------------------------------------------------------------------

void Exec::CollectSegments(const Op& op, const SystemCall& c, long result, Outcome* out) {
  if (result < 0) {
    out->Error(static_cast<Errno>(-result));
  } else {
    out->value[0] = result;
  }
  // Where a segment ends too early the bytes before its end may have been written.
  const bool faults = op.mem(1) != Memory() || op.mem(3) != Memory();
  size_t left = result < 0 ? 0 : static_cast<size_t>(result);
  char bytes[8];
  size_t seen = 0;
  for (size_t i = 0; i < 2; ++i) {
    const iovec& segment = c.segments[i];
    char* const at = static_cast<char*>(segment.iov_base);
    const size_t used = std::min(left, segment.iov_len);
    left -= used;
    if (at < paint_ || at >= paint_end_) continue;
    const size_t room = std::min<size_t>(segment.iov_len + 2, static_cast<size_t>(paint_end_ - at));
    const size_t head = std::min({used, sizeof bytes - seen, room});
    std::memcpy(bytes + seen, at, head);
    seen += head;
    SystemCall part;
    part.buffer = at, part.room = room;
    CheckPaint(part, faults ? room : std::min(used, room), out);
  }
  if (result == 8 && seen == 8) {
    std::memcpy(&out->payload, bytes, 8);
    out->has_payload = out->payload != 0;
  }
}

void Exec::CollectSignals(const Op& op, const SystemCall& c, long result, Outcome* out) {
  constexpr size_t kSize = sizeof(signalfd_siginfo);
  size_t used = result < 0 ? 0 : std::min(static_cast<size_t>(result), c.room);
  if (result < 0) {
    out->Error(static_cast<Errno>(-result));
  } else {
    out->kind = Outcome::kRecords;
    for (size_t i = 0; i < used / kSize; ++i) {
      signalfd_siginfo s;
      std::memcpy(&s, c.buffer + i * kSize, kSize);
      out->records.push_back({s.ssi_signo, 0, static_cast<uint32_t>(s.ssi_int)});
    }
    out->clobbered = result % static_cast<long>(kSize) != 0;
  }
  // The bytes before the end of a buffer that ends too early may have been written.
  if (op.mem(1).kind() == Memory::kFault && op.mem(1).records() < op.arg[2]) used = c.room;
  CheckPaint(c, used, out);
}

void Exec::CollectPolled(const Op& op, const SystemCall& c, long result, Outcome* out) {
  out->kind = Outcome::kRecords;
  out->records.resize(op.npoll);
  long ready = 0;
  const char* at = reinterpret_cast<const char*>(c.arg[0]);
  for (size_t i = 0; i < op.npoll; ++i, at += sizeof(pollfd)) {
    pollfd p;
    std::memcpy(&p, at, sizeof p);
    out->records[i].events = static_cast<uint16_t>(p.revents);
    ready += p.revents != 0;
    out->clobbered |= p.fd != op.poll_fd(i).number() || static_cast<uint16_t>(p.events) != op.poll_events(i);
  }
  out->clobbered |= ready != result;  // it returns how many it filled
}

// A bit that nobody asked for, or another number of bits than was returned, is written where nothing belongs.
void Exec::CollectSets(const Op& op, const SystemCall& c, long result, Outcome* out) {
  out->kind = Outcome::kRecords;
  out->records.resize(op.npoll);
  uint64_t sets[3] = {};  // by bit, as the masks; the call's order is read, write, except
  if (c.arg[1] != 0 && c.arg[0] > 0 && op.mem(0).kind() != Memory::kKernel) {
    for (size_t s = 0; s < 3; ++s) std::memcpy(&sets[s], reinterpret_cast<const char*>(c.arg[1]) + 8 * s, 8);
  }
  uint64_t asked[3] = {};
  for (size_t i = 0; i < op.npoll; ++i) {
    const int number = op.poll_fd(i).number();
    if (number < 0) continue;
    for (unsigned s = 0; s < 3; ++s) {
      if ((op.poll_events(i) >> s & 1) == 0) continue;
      asked[s] |= uint64_t{1} << number;
      out->records[i].events |= static_cast<uint32_t>(sets[s] >> number & 1) << s;
    }
  }
  for (size_t s = 0; s < 3; ++s) {
    out->clobbered |= (sets[s] & ~asked[s]) != 0;
    result -= std::popcount(sets[s]);
  }
  out->clobbered |= result != 0;
}

}  // namespace pollux
