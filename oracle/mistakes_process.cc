// Mistakes about a second process: whose an interest list is, and what fork, exit and execve do to a table; and about
// 32-bit callers.

#include "oracle/mistake.h"

namespace pollux {
namespace {

bool IsEpoll(const Scene& s) { return s.state().files[s.id].type == FileType::kEpoll; }

// The item of the file at the number that the second process closes.
void RemoveItemOfOther(Scene& s) {
  const auto& fds = s.state().other.fds;
  const size_t number = static_cast<size_t>(s.op.num(0));
  if (s.op.process == 0 || !s.Calls(Call::kClose) || s.op.num(0) < 0 || number >= fds.size()) return;
  Id id = s.state().files[fds[number].file].items.head;
  while (id != kNil) {
    const Id next = s.state().items[id].in_file.next;
    if (s.state().items[id].fd == s.op.num(0)) s.model.RemoveItem(id);
    id = next;
  }
}

}  // namespace

const std::vector<Mistake>& ProcessMistakes() {
  static const std::vector<Mistake> mistakes = {
      {"process.close-removes",
       "process",
       "closing a number in one process takes its item out, though the other still has the file",
       {},
       nullptr,
       &RemoveItemOfOther},
      {"process.kqueue",
       "process",
       "an epoll is not inherited by fork, as a kqueue is not",
       {Rule::kForkCopies},
       [](Scene& s) { return s.value && !IsEpoll(s); }},
      {"process.cloexec-fork",
       "process",
       "fork leaves out what is close-on-exec",
       {Rule::kForkCopies},
       [](Scene& s) {
         for (const Descriptor& d : s.state().fds) {
           if (d.file == s.id && d.cloexec) return false;
         }
         return s.value;
       }},
      {"process.cloexec-lost",
       "process",
       "a forked process has forgotten what is close-on-exec",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome*) {
         if (!s.Calls(Call::kFork)) return;
         for (Descriptor& d : s.state().other.fds) d.cloexec = false;
       }},
      {"process.execve-epoll",
       "process",
       "execve keeps epolls, close-on-exec or not",
       {Rule::kExecveCloses},
       [](Scene& s) { return s.value && !IsEpoll(s); }},
      {"i386.event-padded",
       "i386",
       "the struct epoll_event of a 32-bit caller is read with its data eight bytes in, as if it were not packed",
       {},
       nullptr,
       [](Scene& s) {
         if (s.op.i386 != 0 && s.Calls(Call::kEpollCtl)) s.op.arg[5] >>= 32;
       }},
      {"i386.sigset-half",
       "i386",
       "a signal set of a 32-bit caller has four bytes",
       {Rule::kPwaitMaskSize},
       [](Scene& s) {
         const size_t slot = s.Calls(Call::kEpollPwait2) ? 7 : 5;
         return s.op.i386 != 0 ? s.op.arg[slot] != 4 : s.value;
       }},
      {"i386.segments-wide",
       "i386",
       "the segments of a 32-bit caller are read as those of 64 bits, whose addresses lie nowhere",
       {},
       nullptr,
       [](Scene& s) {
         const size_t array = s.Calls(Call::kReadv) ? 5 : 7;
         if (s.op.i386 == 0 || (array == 7 && !s.Calls(Call::kWritev))) return;
         s.op.arg[array] = Memory(Memory::kUnmapped).bits();
       }},
  };
  return mistakes;
}

}  // namespace pollux
