// Calls as 32-bit processes make them: int 0x80, with i386's numbers and structures, from a process of 64 bits.
//
// Registers are passed in full, so that it is the kernel that looks at their lower halves. What pointers point to lies
// below 4 GiB, as the mapping of an Exec does.

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "oracle/bounds.h"
#include "oracle/exec.h"
#include "oracle/exec_internal.h"

// pollux_int80: rdi = the number and six arguments, a word each.
#if defined(__x86_64__)
asm(R"(
  .pushsection .text
  .globl pollux_int80
  .type pollux_int80, @function
pollux_int80:
  pushq %rbx
  pushq %rbp
  movq (%rdi), %rax
  movq 8(%rdi), %rbx
  movq 16(%rdi), %rcx
  movq 24(%rdi), %rdx
  movq 32(%rdi), %rsi
  movq 48(%rdi), %rbp
  movq 40(%rdi), %rdi
  int $0x80
  popq %rbp
  popq %rbx
  ret
  .size pollux_int80, .-pollux_int80
  .popsection
)");
extern "C" long pollux_int80(const long* number);
#endif

namespace pollux {
namespace {

#if defined(__x86_64__)

constexpr long kGetpid = 20;

// Does the kernel know int 0x80? Where it does not, and under filters that know no such calls, it kills.
bool Answers() {
  static const bool answers = [] {
    const pid_t child = static_cast<pid_t>(syscall(SYS_clone, 0, 0, 0, 0, 0));  // nobody hears when it ends
    if (child == 0) {
      prctl(PR_SET_DUMPABLE, 0);
      struct sigaction fault = {};
      fault.sa_handler = SIG_DFL;
      sigaction(SIGSEGV, &fault, nullptr);
      sigaction(SIGSYS, &fault, nullptr);
      const long call[7] = {kGetpid};
      _exit(pollux_int80(call) == syscall(SYS_getpid) ? 0 : 1);
    }
    int status = 1;
    while (child > 0 && waitpid(child, &status, __WALL) < 0 && errno == EINTR) {
    }
    return child > 0 && status == 0;
  }();
  return answers;
}

#endif

}  // namespace

// arch/x86/entry/syscalls/syscall_32.tbl
long Caller32Number(Call call) {
  switch (call) {
    case Call::kEpollCreate:
      return 254;
    case Call::kEpollCreate1:
      return 329;
    case Call::kEpollCtl:
      return 255;
    case Call::kEpollWait:
      return 256;
    case Call::kEpollPwait:
      return 319;
    case Call::kEpollPwait2:
      return 441;
    case Call::kEpiocSparams:
    case Call::kEpiocGparams:
    case Call::kIoctl:
    case Call::kFionbio:
    case Call::kFioasync:
    case Call::kFionread:
      return 54;
    case Call::kPoll:
      return 168;
    case Call::kPpoll:
      return 414;  // ppoll_time64
    case Call::kSelect:
      return 142;  // _newselect
    case Call::kReadv:
      return 145;
    case Call::kWritev:
      return 146;
    case Call::kClose:
      return 6;
    case Call::kDup:
      return 41;
    case Call::kDup2:
      return 63;
    case Call::kDup3:
      return 330;
    case Call::kFcntl:
      return 221;  // fcntl64
    case Call::kRead:
      return 3;
    case Call::kWrite:
      return 4;
    case Call::kPipe2:
      return 331;
    case Call::kEventfd:
      return 328;  // eventfd2
    case Call::kSocketpair:
      return 360;
    default:
      return kNoCall;
  }
}

const char* Exec::LacksCaller32() const {
#if defined(__x86_64__)
  if (reinterpret_cast<uintptr_t>(map_) + map_size_ > uintptr_t{1} << 32) return "no memory below 4 GiB";
  return Answers() ? nullptr : "the kernel takes no calls of 32-bit processes";
#else
  return "this architecture has no 32-bit callers";
#endif
}

#if defined(__x86_64__)

long InvokeFrom32(const SystemCall& c) {
  static_assert(offsetof(SystemCall, arg) == offsetof(SystemCall, number) + sizeof(long));
  return static_cast<int32_t>(pollux_int80(&c.number));
}

// What Prepare has made of the op, for a 32-bit caller.
void Exec::ForCaller32(const Op& op, SystemCall* c) {
  c->number = Caller32Number(op.call);
  const auto half = [](const auto value) { return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(value)); };
  switch (op.call) {
    case Call::kSelect:
      c->narrow[0] = static_cast<uint32_t>(op.arg[2]), c->narrow[1] = static_cast<uint32_t>(op.arg[3]);
      c->arg[4] = reinterpret_cast<long>(StructAt(op.mem(1), c->narrow, 8, 1));
      break;
    case Call::kReadv:
    case Call::kWritev:
      for (size_t i = 0; i < 2; ++i) {
        c->narrow[2 * i] = half(c->segments[i].iov_base);
        c->narrow[2 * i + 1] = static_cast<uint32_t>(c->segments[i].iov_len);
      }
      c->arg[1] = reinterpret_cast<long>(StructAt(op.mem(op.call == Call::kReadv ? 5 : 7), c->narrow, 16, 2));
      break;
    default:
      break;
  }
}

#else

long InvokeFrom32(const SystemCall&) { return -ENOSYS; }
void Exec::ForCaller32(const Op&, SystemCall* c) { c->number = kNoCall; }

#endif

}  // namespace pollux
