// A second process, for the ops of P2: a real one, with a descriptor table, pid and signals of its own, that makes the
// system calls it is handed and nothing else.
//
// fork: a child that shares this process's memory (CLONE_VM), so that beginning and ending cost what vfork(2) costs and
// a SystemCall is handed over by its address. Both stay on one CPU meanwhile, before others
// (SCHED_FIFO, where that is allowed), so that a hand-over is two context switches. execve: the child becomes a program
// of a few hundred bytes, in a memfd, which maps the memory of descriptor 0 where it stood (Exec::Map) and goes on as
// before.
//
// The child runs a loop of machine code without a stack, libc or thread-local storage; only on x86-64. It dies with the
// thread that made it, however that dies (PR_SET_PDEATHSIG), and is waited for by Exit() and Kill(). Not thread-safe.

#ifndef POLLUX_ORACLE_SECOND_PROCESS_H_
#define POLLUX_ORACLE_SECOND_PROCESS_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "oracle/cpus.h"

namespace pollux {

struct CallMark;
struct SystemCall;

// In memory that both have at the same address, also after execve. What the machine code knows of it is its layout.
struct Handover {
  std::atomic<uint32_t> turn;  // whose it is
  uint32_t unused;
  const SystemCall* call;  // its number and arguments come first
  long result;
  long parent;  // pid
};

// A piece of memory as the program that execve starts maps it: an mmap or mprotect with these arguments.
struct Mapping {
  bool protect;
  char* at;
  size_t size;
  long protection;
  long offset;  // of what is mapped, in descriptor 0
};

class SecondProcess {
 public:
  // `spare` is memory like the handover's for what execve needs, of at least kSpare bytes. Owns neither.
  static constexpr size_t kSpare = 2560;
  void Use(Handover* handover, char* spare, std::vector<Mapping> mappings);
  ~SecondProcess() { Kill(); }

  bool alive() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }

  // Begins. nullptr, or why it did not.
  const char* Fork();
  // Makes the call there: its result, or -errno; -ESRCH with *died if the process went. A call during which the mark
  // is poked (null: it is not) is interrupted there.
  long Call(const SystemCall& call, const CallMark* mark, bool* died);
  // Makes a call of the harness's own there. What its arguments point to is memory that both have.
  long Make(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0);
  // It becomes another program. nullptr, or why it did not.
  const char* Execve();
  // Ends it: returns when it is gone and so is what only its table held.
  void Exit();
  void Kill();
  // This thread may go to any CPU again.
  void Unpin() { here_.End(); }

 private:
  size_t Program(char* to) const;
  void Await();

  Handover* handover_ = nullptr;
  char* spare_ = nullptr;
  std::vector<Mapping> mappings_;
  pid_t pid_ = 0;
  StayHere here_;
  bool realtime_ = false;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_SECOND_PROCESS_H_
