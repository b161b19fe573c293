#include "oracle/second_process.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "oracle/exec.h"
#include "oracle/exec_internal.h"

// The child's code. It is position-independent: the same bytes run in this program and in the one of execve.
//   pollux_second_main: rdi = handover. Asks to die with its parent, unless that is gone already; then the loop.
//   pollux_second_program: r12 = a table (below) that ends in a handover. Makes its calls, then answers 0.
//   The loop: waits for its turn, makes the call, stores the result, gives the turn back.
#if defined(__x86_64__)
asm(R"(
  .pushsection .text
  .globl pollux_second_code, pollux_second_main, pollux_second_program, pollux_second_code_end
  .balign 16
pollux_second_code:
pollux_second_main:
  movq %rdi, %rbx
  movl $157, %eax                # prctl(PR_SET_PDEATHSIG, SIGKILL)
  movl $1, %edi
  movl $9, %esi
  syscall
  movl $110, %eax                # getppid()
  syscall
  cmpq 24(%rbx), %rax
  je 4f
  movl $231, %eax                # exit_group(0)
  xorl %edi, %edi
  syscall
pollux_second_program:           # r12: calls of seven words each, one with the number -1, the handover
  movq (%r12), %rax
  cmpq $-1, %rax
  je 1f
  movq 8(%r12), %rdi
  movq 16(%r12), %rsi
  movq 24(%r12), %rdx
  movq 32(%r12), %r10
  movq 40(%r12), %r8
  movq 48(%r12), %r9
  syscall
  addq $56, %r12
  jmp pollux_second_program
1:
  movq 56(%r12), %rbx
  movq $0, 16(%rbx)
3:                               # the turn is the parent's
  movl $0, (%rbx)
  movl $202, %eax                # futex(turn, FUTEX_WAKE, 1)
  movq %rbx, %rdi
  movl $1, %esi
  movl $1, %edx
  syscall
4:                               # until it is not
  cmpl $0, (%rbx)
  jne 5f
  movl $202, %eax                # futex(turn, FUTEX_WAIT, 0, NULL)
  movq %rbx, %rdi
  xorl %esi, %esi
  xorl %edx, %edx
  xorl %r10d, %r10d
  syscall
  jmp 4b
5:
  movq 8(%rbx), %r13
  movq (%r13), %rax
  movq 8(%r13), %rdi
  movq 16(%r13), %rsi
  movq 24(%r13), %rdx
  movq 32(%r13), %r10
  movq 40(%r13), %r8
  movq 48(%r13), %r9
  syscall
  movq %rax, 16(%rbx)
  jmp 3b
  .globl pollux_second_entry, pollux_second_restore, pollux_second_handler
pollux_second_entry:             # of the program; the table's address is patched in
  movabsq $0x1122334455667788, %r12
  jmp pollux_second_program
pollux_second_restore:
  movl $15, %eax                 # rt_sigreturn()
  syscall
pollux_second_handler:
  ret
pollux_second_code_end:
  .popsection
)");
extern "C" {
extern const char pollux_second_code[], pollux_second_code_end[], pollux_second_entry[], pollux_second_restore[],
    pollux_second_handler[];
int pollux_second_main(void* handover);
}
#endif

namespace pollux {
namespace {

enum Turn : uint32_t { kParent, kChild };

static_assert(offsetof(Handover, call) == 8 && offsetof(Handover, result) == 16 && offsetof(Handover, parent) == 24);
static_assert(offsetof(SystemCall, number) == 0 && offsetof(SystemCall, arg) == 8);

long Futex(std::atomic<uint32_t>* word, int operation, uint32_t value, const timespec* timeout = nullptr) {
  return syscall(SYS_futex, word, operation, value, timeout);
}

}  // namespace

void SecondProcess::Use(Handover* handover, char* spare, std::vector<Mapping> mappings) {
  handover_ = handover, spare_ = spare, mappings_ = std::move(mappings);
}

#if defined(__x86_64__)

const char* SecondProcess::Fork() {
  handover_->turn.store(kParent);
  handover_->parent = getpid();
  here_.Begin();
  // Nor waits for others: a hand-over is followed by sleep.
  const sched_param first = {1};
  realtime_ = realtime_ || (sched_getscheduler(0) == SCHED_OTHER && sched_setscheduler(0, SCHED_FIFO, &first) == 0);
  // Signals are for the parent; but one says that a call is blocked.
  sigset_t others, before;
  sigfillset(&others);
  sigdelset(&others, Exec::PokeSignal());
  pthread_sigmask(SIG_SETMASK, &others, &before);
  // A stack is for the empty handler alone.
  alignas(16) static char stack[1 << 14];
  pid_ = clone(&pollux_second_main, stack + sizeof stack, CLONE_VM, handover_);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid_ > 0) return nullptr;
  pid_ = 0;
  Await();
  return "no second process can be made";
}

long SecondProcess::Call(const SystemCall& call, const CallMark* mark, bool* died) {
  handover_->call = &call;
  handover_->turn.store(kChild, std::memory_order_release);
  Futex(&handover_->turn, FUTEX_WAKE, 1);
  const timespec tick = {0, 200'000'000};
  *died = false;
  while (handover_->turn.load(std::memory_order_acquire) == kChild) {
    if (Futex(&handover_->turn, FUTEX_WAIT, kChild, &tick) == 0) continue;
    const int error = errno;
    if (error == EINTR && mark != nullptr && mark->Poked()) kill(pid_, Exec::PokeSignal());
    if (error != ETIMEDOUT) continue;
    siginfo_t info = {};
    if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 && info.si_pid != 0) {
      *died = true;
      Kill();
      return -ESRCH;
    }
  }
  return handover_->result;
}

long SecondProcess::Make(long number, long a, long b, long c, long d, long e) {
  SystemCall& call = *new (spare_) SystemCall;
  call.number = number;
  const long args[6] = {a, b, c, d, e, 0};
  std::memcpy(call.arg, args, sizeof args);
  bool died;
  long result;
  do result = Call(call, nullptr, &died);
  while (result == -EINTR);
  return result;
}

void SecondProcess::Exit() {
  SystemCall& call = *new (spare_) SystemCall;
  call.number = SYS_exit_group;
  handover_->call = &call;
  handover_->turn.store(kChild, std::memory_order_release);
  Futex(&handover_->turn, FUTEX_WAKE, 1);
  Await();
}

void SecondProcess::Kill() {
  if (!alive()) return;
  kill(pid_, SIGKILL);
  Await();
}

// Sleeps until it is gone; from then on this thread waits for others as before.
void SecondProcess::Await() {
  while (pid_ > 0 && waitpid(pid_, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  const sched_param none = {0};
  if (realtime_) sched_setscheduler(0, SCHED_OTHER, &none);
  realtime_ = false;
}

const char* SecondProcess::Execve() {
  char* const text = spare_ + sizeof(SystemCall);
  static_assert(sizeof(SystemCall) + 1536 <= kSpare);
  // There are numbers for a moment, whatever the trace's limit is.
  rlimit before, lifted;
  if (prlimit(pid_, RLIMIT_NOFILE, nullptr, &before) != 0) return "no limits of another process";
  lifted = {before.rlim_max, before.rlim_max};
  prlimit(pid_, RLIMIT_NOFILE, &lifted, nullptr);
  std::strcpy(text, "pollux");
  constexpr unsigned kExecutable = 0x10;  // MFD_EXEC
  long file = Make(SYS_memfd_create, reinterpret_cast<long>(text), MFD_CLOEXEC | kExecutable);
  if (file == -EINVAL) file = Make(SYS_memfd_create, reinterpret_cast<long>(text), MFD_CLOEXEC);
  long result = file;
  if (file >= 0) {
    const size_t size = Program(text);
    result = Make(SYS_write, file, reinterpret_cast<long>(text), static_cast<long>(size));
    // What is open for writing cannot be executed.
    ThreadPath(text, "/proc/thread-self/fd/", static_cast<int>(file));
    const long program = Make(SYS_openat, AT_FDCWD, reinterpret_cast<long>(text), O_RDONLY | O_CLOEXEC);
    Make(SYS_close, file);
    result = program;
    if (program >= 0) {
      char** const arguments = reinterpret_cast<char**>(text + 64);
      text[0] = '\0';
      arguments[0] = text, arguments[1] = nullptr;
      result = Make(SYS_execveat, program, reinterpret_cast<long>(text), reinterpret_cast<long>(arguments),
                    reinterpret_cast<long>(arguments + 1), AT_EMPTY_PATH);
      if (result != 0) Make(SYS_close, program);
    }
  }
  if (alive()) prlimit(pid_, RLIMIT_NOFILE, &before, nullptr);
  return result == 0 ? nullptr : "another program cannot be executed";
}

// An executable: header, table of calls, code; its size.
size_t SecondProcess::Program(char* to) const {
  constexpr uint64_t kBase = 0x10000000;
  struct Header {
    Elf64_Ehdr elf;
    Elf64_Phdr segment;
    struct {
      uint64_t handler, flags, restorer, mask;
    } poke;
  };
  const size_t code_size = static_cast<size_t>(pollux_second_code_end - pollux_second_code);
  const size_t code_at = (sizeof(Header) + 15) / 16 * 16;
  const size_t table_at = (code_at + code_size + 15) / 16 * 16;
  const auto at = [&](const char* place) {
    return kBase + code_at + static_cast<uint64_t>(place - pollux_second_code);
  };

  std::vector<uint64_t> table;
  const auto call = [&table](std::initializer_list<long> words) {
    for (const long w : words) table.push_back(static_cast<uint64_t>(w));
    table.resize(table.size() + 7 - words.size());
  };
  for (const Mapping& m : mappings_) {
    const long address = reinterpret_cast<long>(m.at), size = static_cast<long>(m.size);
    if (m.protect) {
      call({SYS_mprotect, address, size, m.protection});
    } else {
      call({SYS_mmap, address, size, m.protection, MAP_SHARED | MAP_FIXED, 0, m.offset});
    }
  }
  call({SYS_rt_sigaction, Exec::PokeSignal(), static_cast<long>(kBase + offsetof(Header, poke)), 0, 8});
  call({SYS_prctl, PR_SET_PDEATHSIG, SIGKILL});
  call({-1});
  table.push_back(reinterpret_cast<uint64_t>(handover_));
  const size_t size = table_at + table.size() * sizeof table[0];

  Header h = {};
  std::memcpy(h.elf.e_ident, ELFMAG, SELFMAG);
  h.elf.e_ident[EI_CLASS] = ELFCLASS64, h.elf.e_ident[EI_DATA] = ELFDATA2LSB, h.elf.e_ident[EI_VERSION] = EV_CURRENT;
  h.elf.e_type = ET_EXEC, h.elf.e_machine = EM_X86_64, h.elf.e_version = EV_CURRENT;
  h.elf.e_entry = at(pollux_second_entry);
  h.elf.e_phoff = offsetof(Header, segment), h.elf.e_ehsize = sizeof h.elf;
  h.elf.e_phentsize = sizeof h.segment, h.elf.e_phnum = 1;
  h.segment.p_type = PT_LOAD, h.segment.p_flags = PF_R | PF_X;
  h.segment.p_vaddr = h.segment.p_paddr = kBase, h.segment.p_filesz = h.segment.p_memsz = size;
  h.segment.p_align = 4096;
  constexpr uint64_t kRestorer = 0x04000000;  // SA_RESTORER
  h.poke = {at(pollux_second_handler), kRestorer, at(pollux_second_restore), 0};
  std::memcpy(to, &h, sizeof h);
  std::memcpy(to + code_at, pollux_second_code, code_size);
  const uint64_t table_address = kBase + table_at;
  std::memcpy(to + code_at + (pollux_second_entry - pollux_second_code) + 2, &table_address, sizeof table_address);
  std::memcpy(to + table_at, table.data(), table.size() * sizeof table[0]);
  return size;
}

#else

const char* SecondProcess::Fork() { return "no second process on this architecture"; }
long SecondProcess::Call(const SystemCall&, const CallMark*, bool*) { return -ESRCH; }
long SecondProcess::Make(long, long, long, long, long, long) { return -ESRCH; }
const char* SecondProcess::Execve() { return "no second process on this architecture"; }
void SecondProcess::Exit() {}
void SecondProcess::Kill() {}

#endif

}  // namespace pollux
