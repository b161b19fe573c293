// 32-bit callers: what the kernel makes of the arguments of a system call that was made by int 0x80.
//
// Structures that look alike in both worlds are read alike: struct epoll_event is packed, signal sets have 8 bytes, and
// descriptors, masks and sizes fit. What is left are pointers, and times.

#include "model/model.h"

namespace pollux {

// The call as a 64-bit process would have to make it.
Op Model::FromCaller32(Op op) {
  op.i386 = 0;
  const std::span<const ArgSpec> args = Spec(op.call).args;
  for (size_t i = 0; i < args.size(); ++i) {
    // The lower half of the address that the language knows outside the user range is 0.
    if (args[i].kind != ArgKind::kMemory) continue;
    if (rules_(Rule::kCaller32Pointer, op.mem(i).kind() == Memory::kKernel)) op.arg[i] = Memory(Memory::kNull).bits();
  }
  // get_timespec64(): in a struct timespec of 64 bits the upper half of the nanoseconds is padding.
  if (op.call == Call::kEpollPwait2 || op.call == Call::kPpoll) {
    uint64_t& nsec = op.arg[op.call == Call::kPpoll ? 3 : 5];
    if (rules_(Rule::kCaller32Nanoseconds, nsec > UINT32_MAX)) nsec = static_cast<uint32_t>(nsec);
  }
  // struct old_timeval32
  if (op.call == Call::kSelect) {
    for (const size_t slot : {2, 3}) {
      const uint64_t half = static_cast<uint64_t>(int64_t{op.num(slot)});
      if (rules_(Rule::kCaller32Timeval, op.arg[slot] != half)) op.arg[slot] = half;
    }
  }
  return op;
}

}  // namespace pollux
