// Ops written as calls: Ctl(ep, kCtlAdd, fd, kIn | kEt, 7). The order of arguments is model/op.h's.

#ifndef POLLUX_FUZZ_OPS_H_
#define POLLUX_FUZZ_OPS_H_

#include <cstdint>
#include <initializer_list>

#include "model/abi.h"
#include "model/op.h"

namespace pollux::ops {

inline Op Make(Call call, std::initializer_list<uint64_t> args) {
  Op op;
  op.call = call;
  size_t i = 0;
  for (uint64_t a : args) op.arg[i++] = a;
  return op;
}
// Integers are kept sign-extended.
inline uint64_t Int(int32_t n) { return static_cast<uint64_t>(int64_t{n}); }

inline Op EpollCreate(int32_t size) { return Make(Call::kEpollCreate, {Int(size)}); }
inline Op EpollCreate1(uint32_t flags = 0) { return Make(Call::kEpollCreate1, {flags}); }
inline Op Ctl(Fd ep, int32_t op, Fd fd, uint32_t events, uint64_t data, Memory memory = {}) {
  // What unreadable memory holds is nothing.
  const bool readable = memory.good() || memory.kind() == Memory::kReadonly;
  return Make(Call::kEpollCtl,
              {ep.bits(), Int(op), fd.bits(), memory.bits(), readable ? events : 0, readable ? data : 0});
}
inline Op Add(Fd ep, Fd fd, uint32_t events, uint64_t data) { return Ctl(ep, kCtlAdd, fd, events, data); }
inline Op Mod(Fd ep, Fd fd, uint32_t events, uint64_t data) { return Ctl(ep, kCtlMod, fd, events, data); }
inline Op Del(Fd ep, Fd fd) { return Ctl(ep, kCtlDel, fd, 0, 0, Memory::kNull); }
inline Op Wait(Fd ep, int32_t max, int32_t timeout_ms = 0, Memory memory = {}) {
  return Make(Call::kEpollWait, {ep.bits(), memory.bits(), Int(max), Int(timeout_ms)});
}
inline Op Pwait(Fd ep, int32_t max, int32_t timeout_ms, Memory memory, Memory sigmask, uint32_t sigsetsize) {
  return Make(Call::kEpollPwait, {ep.bits(), memory.bits(), Int(max), Int(timeout_ms), sigmask.bits(),
                                  Int(static_cast<int32_t>(sigsetsize))});
}
inline Op Pwait2(Fd ep, int32_t max, Memory memory, Memory timeout, int64_t sec, int64_t nsec, Memory sigmask,
                 uint32_t sigsetsize) {
  return Make(Call::kEpollPwait2, {ep.bits(), memory.bits(), Int(max), timeout.bits(), static_cast<uint64_t>(sec),
                                   static_cast<uint64_t>(nsec), sigmask.bits(), Int(static_cast<int32_t>(sigsetsize))});
}
inline Op Poll(std::initializer_list<std::pair<Fd, uint16_t>> set, int32_t timeout_ms = 0) {
  Op op = Make(Call::kPoll, {Int(timeout_ms)});
  for (const auto& [fd, events] : set) op.set_poll(op.npoll++, fd, events);
  return op;
}
inline Op Select(std::initializer_list<std::pair<Fd, uint16_t>> set, Memory memory = {}, Memory time = {},
                 int32_t sec = 0) {
  Op op = Make(Call::kSelect, {memory.bits(), time.bits(), Int(sec)});
  for (const auto& [fd, sets] : set) op.set_poll(op.npoll++, fd, sets);
  return op;
}
inline Op Ppoll(std::initializer_list<std::pair<Fd, uint16_t>> set, Memory memory = {}, Memory time = {},
                int32_t sec = 0) {
  Op op = Make(Call::kPpoll, {memory.bits(), time.bits(), Int(sec), 0, Memory(Memory::kNull).bits(), 8});
  for (const auto& [fd, events] : set) op.set_poll(op.npoll++, fd, events);
  return op;
}
inline Op Readv(Fd fd, uint64_t n, uint64_t more, Memory first = {}, Memory second = {}) {
  return Make(Call::kReadv, {fd.bits(), first.bits(), n, second.bits(), more, Memory().bits()});
}
inline Op Writev(Fd fd, uint64_t n, uint64_t value, uint64_t more, uint64_t another, Memory first = {},
                 Memory second = {}) {
  return Make(Call::kWritev, {fd.bits(), first.bits(), n, value, second.bits(), more, another, Memory().bits()});
}
inline Op IoctlInt(Call call, Fd fd, int32_t on, Memory memory = {}) {
  if (call == Call::kFionread) return Make(call, {fd.bits(), memory.bits()});
  return Make(call, {fd.bits(), memory.bits(), memory.readable() ? Int(on) : 0});
}
inline Op Splice(Fd in, Fd out, uint64_t n, uint32_t flags = kSpliceNonblock) {
  return Make(Call::kSplice, {in.bits(), out.bits(), n, flags});
}
inline Op Tee(Fd in, Fd out, uint64_t n, uint32_t flags = kSpliceNonblock) {
  return Make(Call::kTee, {in.bits(), out.bits(), n, flags});
}
inline Op Vmsplice(Fd fd, uint64_t n, uint32_t flags = kSpliceNonblock, Memory memory = {}) {
  return Make(Call::kVmsplice, {fd.bits(), memory.bits(), n, flags});
}
inline Op Sendfile(Fd out, Fd in, uint64_t n) { return Make(Call::kSendfile, {out.bits(), in.bits(), n}); }
inline Op SpliceAt(Fd in, Memory off_in, int64_t from, Fd out, Memory off_out, int64_t to, uint64_t n,
                   uint32_t flags = kSpliceNonblock) {
  return Make(Call::kSpliceAt,
              {in.bits(), off_in.bits(), off_in.readable() ? static_cast<uint64_t>(from) : 0, out.bits(),
               off_out.bits(), off_out.readable() ? static_cast<uint64_t>(to) : 0, n, flags});
}
inline Op SendfileAt(Fd out, Fd in, Memory offset, int64_t from, uint64_t n) {
  return Make(Call::kSendfileAt,
              {out.bits(), in.bits(), offset.bits(), offset.readable() ? static_cast<uint64_t>(from) : 0, n});
}
inline Op KcmpFile(Fd a, Fd b) { return Make(Call::kKcmpFile, {a.bits(), b.bits()}); }
inline Op KcmpTfd(Fd fd, Fd ep, Fd tfd, uint32_t toff = 0, Memory memory = {}) {
  return Make(Call::kKcmpTfd, {fd.bits(), ep.bits(), tfd.bits(), memory.bits(), Int(static_cast<int32_t>(toff))});
}
inline Op UringCtl(const Op& ctl) {
  Op op = ctl;
  op.call = Call::kUringEpollCtl;
  return op;
}
inline Op UringWait(Fd ep, int32_t max, Memory memory = {}) {
  return Make(Call::kUringEpollWait, {ep.bits(), memory.bits(), Int(max)});
}
inline Op Open(Which which, uint32_t flags = 0) { return Make(Call::kOpen, {static_cast<uint64_t>(which), flags}); }
inline Op JumpClock() { return Make(Call::kJumpClock, {}); }
inline Op Change(Which which) { return Make(Call::kChange, {static_cast<uint64_t>(which)}); }
inline Op NlRequest(Fd fd, Request what) { return Make(Call::kNlRequest, {fd.bits(), static_cast<uint64_t>(what)}); }
inline Op Fdinfo(Fd ep) { return Make(Call::kFdinfo, {ep.bits()}); }
inline Op Close(Fd fd) { return Make(Call::kClose, {fd.bits()}); }
inline Op Dup(Fd fd) { return Make(Call::kDup, {fd.bits()}); }
inline Op Dup2(Fd fd, Fd to) { return Make(Call::kDup2, {fd.bits(), to.bits()}); }
inline Op Dup3(Fd fd, Fd to, uint32_t flags) { return Make(Call::kDup3, {fd.bits(), to.bits(), flags}); }
inline Op Fcntl(Fd fd, int32_t cmd, uint64_t arg) { return Make(Call::kFcntl, {fd.bits(), Int(cmd), arg}); }
inline Op Read(Fd fd, uint64_t n, Memory memory = {}) { return Make(Call::kRead, {fd.bits(), memory.bits(), n}); }
inline Op Recv(Fd fd, uint64_t n, uint32_t flags, Memory memory = {}) {
  return Make(Call::kRecv, {fd.bits(), memory.bits(), n, flags});
}
inline Op Write(Fd fd, uint64_t bytes, uint64_t payload = 0, Memory memory = {}) {
  return Make(Call::kWrite, {fd.bits(), memory.bits(), bytes, payload});
}
inline Op Send(Fd fd, uint64_t bytes, uint32_t flags, Memory memory = {}) {
  return Make(Call::kSend, {fd.bits(), memory.bits(), bytes, 0, flags});
}
inline Op Shutdown(Fd fd, int32_t how) { return Make(Call::kShutdown, {fd.bits(), Int(how)}); }
inline Op Pipe2(uint32_t flags) { return Make(Call::kPipe2, {flags}); }
inline Op Eventfd(uint32_t initial, uint32_t flags) {
  return Make(Call::kEventfd, {Int(static_cast<int32_t>(initial)), flags});
}
inline Op Socketpair(int32_t type, uint32_t flags) { return Make(Call::kSocketpair, {Int(type), flags}); }
inline Op Socket(int32_t type, uint32_t flags) { return Make(Call::kSocket, {kAfUnix, Int(type), flags}); }
inline Op Bind(Fd fd) { return Make(Call::kBind, {fd.bits()}); }
inline Op Listen(Fd fd, int32_t backlog) { return Make(Call::kListen, {fd.bits(), Int(backlog)}); }
inline Op Connect(Fd fd, Fd to) { return Make(Call::kConnect, {fd.bits(), to.bits()}); }
inline Op Accept4(Fd fd, uint32_t flags) { return Make(Call::kAccept4, {fd.bits(), flags}); }
inline Op Getsockopt(Fd fd, int32_t option) { return Make(Call::kGetsockopt, {fd.bits(), Int(option)}); }
inline Op Setsockopt(Fd fd, int32_t option, int32_t value) {
  return Make(Call::kSetsockopt, {fd.bits(), Int(option), Int(value)});
}
inline Op Sendfd(Fd socket, Fd fd) { return Make(Call::kSendfd, {socket.bits(), fd.bits()}); }
inline Op Recvfd(Fd socket) { return Make(Call::kRecvfd, {socket.bits()}); }
inline Op Reopen(Fd fd, uint32_t flags) { return Make(Call::kReopen, {fd.bits(), flags}); }
inline Op Fifo(uint32_t flags) { return Make(Call::kFifo, {flags}); }
inline Op InotifyInit(uint32_t flags) { return Make(Call::kInotifyInit1, {flags}); }
inline Op InotifyAdd(Fd fd, Fd file, uint32_t mask) { return Make(Call::kInotifyAdd, {fd.bits(), file.bits(), mask}); }
inline Op InotifyRm(Fd fd, int32_t wd) { return Make(Call::kInotifyRm, {fd.bits(), Int(wd)}); }
inline Op InotifyRead(Fd fd, uint64_t n, Memory memory = {}) {
  return Make(Call::kInotifyRead, {fd.bits(), memory.bits(), n});
}
inline Op Fchmod(Fd fd, uint32_t mode) { return Make(Call::kFchmod, {fd.bits(), mode}); }
inline Op RingSetup(uint32_t entries, uint32_t flags) {
  return Make(Call::kRingSetup, {Int(static_cast<int32_t>(entries)), flags});
}
inline Op RingPush(Fd fd, uint32_t n) { return Make(Call::kRingPush, {fd.bits(), Int(static_cast<int32_t>(n))}); }
inline Op RingReap(Fd fd, uint32_t n) { return Make(Call::kRingReap, {fd.bits(), Int(static_cast<int32_t>(n))}); }
inline Op RingEnter(Fd fd, uint32_t submit, uint32_t flags) {
  return Make(Call::kRingEnter, {fd.bits(), Int(static_cast<int32_t>(submit)), flags});
}
inline Op MqSend(Fd fd, uint64_t bytes, uint64_t payload, uint32_t priority, Memory memory = {}) {
  return Make(Call::kMqSend, {fd.bits(), memory.bits(), bytes, payload, Int(static_cast<int32_t>(priority))});
}
inline Op MqReceive(Fd fd, uint64_t n, Memory memory = {}) {
  return Make(Call::kMqReceive, {fd.bits(), memory.bits(), n});
}
inline Op Ticks(Fd fd, uint64_t ticks) { return Make(Call::kTimerfdTicks, {fd.bits(), ticks}); }
inline Op Prlimit(uint64_t n) { return Make(Call::kPrlimit, {n}); }
inline Op Expire(uint32_t thread) { return Make(Call::kExpire, {thread}); }
inline Op Watches(uint64_t n) { return Make(Call::kWatches, {n}); }

}  // namespace pollux::ops

#endif  // POLLUX_FUZZ_OPS_H_
