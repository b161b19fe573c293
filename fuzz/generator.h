// The generator: draws traces that epoll users, or their enemies, might run.
//
// Every trace draws its own taste first (swarm testing: Groce et al., ISSTA 2012): which calls, file types, mask bits
// and habits occur at all, and how often, so that what is rare in the average trace is common in some. Steps are single
// ops or idioms, sequences in which something interesting can happen ("make ready, drain, make ready again, wait").
// Operands are mostly sensible, sometimes closed, stale, of the wrong kind, or plain numbers.
//
// Deterministic: the same Random gives the same trace. What it draws never blocks for long under
// CheckOptions::never_block, and never depends on a clock. A few microseconds a trace. Not thread-safe.

#ifndef POLLUX_FUZZ_GENERATOR_H_
#define POLLUX_FUZZ_GENERATOR_H_

#include <array>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "fuzz/random.h"
#include "fuzz/shadow.h"
#include "model/op.h"

namespace pollux {

struct GeneratorOptions {
  bool sleeps = true;     // rarely, waits of 1 ms that may expire
  bool watches = true;    // the quota op
  bool clock = false;     // jumps of the clock
  bool callers32 = true;  // calls as 32-bit processes make them
  uint32_t threads = 6;   // the most threads that a trace has; 0: none has any
  bool model = false;     // a model executes: no type of file costs more time than others
  uint64_t only = 0;      // bit k: files of kind k are created (FileKind); 0: all kinds
};

// A timeout that passes only where it is said to.
inline constexpr int32_t kFarMs = 3'600'000;
// Longest trace that generator and mutator make.
inline constexpr size_t kMaxTrace = 2000;

class Generator {
 public:
  explicit Generator(const GeneratorOptions& options = {}) : options_(options) {}

  // A new trace.
  void Draw(Random* random, std::vector<Op>* ops);
  // At least n more ops at the end, by a new taste.
  void Extend(Random* random, std::vector<Op>* ops, uint32_t n);

  // What the habits of the file types (habits.h) are written with.

  Random& random() { return *random_; }
  Shadow& shadow() { return shadow_; }
  void Emit(const Op& op);
  // Emits what sleeps, by a thread that should be free.
  void ByThread(Op op);
  // Lets a timeout pass, if a thread may sleep with one.
  void Expire();
  // Emits a creator: the new number, or -1.
  int32_t Made(const Op& op);
  int32_t Create(FileKind kind);
  int32_t Duplicate(int32_t number);
  void Register(int32_t ep, int32_t number, uint32_t events);
  void Wait(int32_t ep, int32_t max = 0);
  // Makes something ready that the instance watches.
  void Stir(int32_t ep);
  // By taste: does this creator have a flag that most have not?
  bool OddFlag() { return random_->Chance(taste_.fresh_flags); }
  bool clock() const { return options_.clock; }
  // Does a model execute, on which nothing costs much?
  bool model() const { return options_.model; }
  bool threads() const { return taste_.threads > 0; }
  uint32_t most_threads() const { return options_.threads; }

  int32_t AnyNumber();  // of any open descriptor, -1 if none
  int32_t NumberOf(FileKind kind);
  int32_t SomeFile();           // something pollable that is no epoll; creates one if there is none
  Fd Operand(int32_t number);   // by name, seldom by number
  Fd Mistaken(int32_t number);  // Operand, or by taste something wrong
  Fd Anything();
  uint32_t Events(FileKind kind);
  uint64_t Data();
  Memory BadMemory(uint32_t records);

 private:
  struct Taste {
    std::array<uint8_t, 256> act;   // 256 lots over the kinds of step
    std::array<uint8_t, 128> kind;  // 128 lots over the file kinds to create
    // Chances in 256.
    uint32_t et, oneshot, exclusive, both, odd, few, fault, negative, literal, stale, wrong, fresh_flags;
    uint32_t instances;  // about how many epolls the trace keeps
    uint32_t files;      // about how many other files
    uint32_t wait_call;  // 0 epoll_wait alone, else a mix
    uint32_t threads;    // how many the trace has
  };

  void NewTaste(bool threads);
  // Does this trace use the kind?
  bool Allowed(FileKind kind) const { return (kinds_ >> static_cast<int>(kind) & 1) != 0; }
  void Step();
  void GiveToThread(Op* op);
  void MaySleep(const Op& op);
  void Idiom(uint32_t which);
  uint32_t Usual(FileKind kind);
  uint32_t OddEvents();
  int32_t SomeEpoll();   // prefers one with items; creates one if there is none
  int32_t SomeTarget();  // what an ADD is about: a file, now and then an epoll
  int32_t CreateEpoll();
  int32_t CreateByTaste();

  // draw_ops.cc
  void Add();
  void Modify();
  void Delete();
  void Ready(Shadow::FileId file, uint32_t depth = 0);    // makes it notify, mostly with something to report
  void Unready(Shadow::FileId file, uint32_t depth = 0);  // takes readiness away
  void ReadyItem();
  void UnreadyItem();
  void WaitSome();
  void PollSome();
  void CloseOne();
  void CloseSome();
  void Replace();
  void FcntlSome();
  void PipeSize();
  void Fill();
  void InOut();
  void ShutDown();
  void BadCtl();
  void BadWait();
  void BadIo();
  void BadCreate();
  void Params();
  void Limit();
  void Quota();

  // draw_doors.cc
  void Doors();
  void PollSet(Call call);
  void Vector();
  void IoctlSome();
  void Spliced();
  Op AtOffsets(Fd reader, Fd writer, Fd file);
  void Compare();
  void ByRing();

  // draw_idioms.cc; `ep` is where they happen.
  void Stale(int32_t ep);
  void Rotation(int32_t ep);
  void FaultyCopy(int32_t ep);
  void Ghost(int32_t ep);
  void Chain();
  void Diamond();
  void Loop();
  void Paths();
  void DirectPaths();
  bool Tower(int32_t leaf, std::initializer_list<uint32_t> ways, std::array<int32_t, 5>* at);
  void ShorterPaths();
  void Oneshot(int32_t ep);
  void Shared();
  void Reorder(int32_t ep);
  void TableFull();
  void RangeOfPeers(int32_t ep);
  void Crowd(int32_t ep);
  void Cloexec();
  void FaultyIo(int32_t ep);
  void Nudge(Shadow::FileId file);  // notifies with key 0
  void Nudged(int32_t ep);
  void ManyReady(int32_t ep, uint32_t n, std::array<int32_t, 8>* numbers);

  GeneratorOptions options_;
  uint64_t kinds_ = 0;  // bit k: this trace may use kind k
  Shadow shadow_;
  Taste taste_;
  Random* random_ = nullptr;
  std::vector<Op>* ops_ = nullptr;
  uint64_t next_data_ = 1;
  uint32_t asleep_ = 0;  // bit n: thread Tn may sleep
  uint32_t timed_ = 0;   // with a timeout
  size_t start_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_FUZZ_GENERATOR_H_
