// A light shadow of a trace's world: which descriptors of which kind are open, and what is registered where.
//
// The generator asks it what an op could sensibly be about. It follows numbers exactly (lowest free, dup2, limits) and
// registrations roughly; it knows nothing of readiness, and being wrong costs a less interesting op, never a wrong
// verdict. About ten nanoseconds an op. Not thread-safe.

#ifndef POLLUX_FUZZ_SHADOW_H_
#define POLLUX_FUZZ_SHADOW_H_

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "fuzz/random.h"
#include "model/op.h"

namespace pollux {

enum class FileKind : uint8_t {
  kEpoll,
  kPipeRead,
  kPipeWrite,
  kEventfd,
  kStream,
  kDgram,
  kSeqpacket,
  kTimerfd,
  kUserfaultfd,
  kPerf,
  kFifo,  // an O_PATH descriptor of a FIFO or a pipe; what it is opened as is a reading or a writing end
  kTcp,
  kUdp,
  kProcess,    // no file: what is about a second process
  kCaller32,   // no file: calls of 32-bit processes
  kThreads,    // no file: what is about threads
  kDevice,     // opened by name; never changes
  kAnnouncer,  // opened by name; tells of changes
  kNetlink,
  kInotify,
  kRing,
  kMqueue,
  kSignalfd,
  kPidfd,
  kPtm,
  kPts,
  kRefused,
  kNone,  // not open
};
inline constexpr size_t kFileKinds = static_cast<size_t>(FileKind::kNone);
inline bool IsSocket(FileKind k) {
  return k == FileKind::kStream || k == FileKind::kDgram || k == FileKind::kSeqpacket;
}

inline bool IsInet(FileKind k) { return k == FileKind::kTcp || k == FileKind::kUdp; }

// What open() opens.
FileKind Opened(const Op& op);

class Shadow {
 public:
  using FileId = uint16_t;
  static constexpr FileId kNoFile = 0;

  struct File {
    FileKind kind = FileKind::kNone;
    bool semaphore = false;
    int32_t refs = 0;
    int32_t number = -1;                        // one of its open numbers
    FileId peer = kNoFile;                      // the other end; of an inotify what it watches
    FileId node = kNoFile;                      // of pipes and FIFOs: the first file of the same inode
    FileId reader = kNoFile, writer = kNoFile;  // of a node: the newest ends
    bool listens = false;
  };
  struct Item {
    FileId ep = kNoFile, file = kNoFile;
    int32_t number = -1;
    uint32_t events = 0;
    uint64_t data = 0;
  };

  Shadow() { Reset(); }
  void Reset();
  // Follows the next op of the trace.
  void Apply(const Op& op);
  // Reset, then Apply to each.
  void Replay(const std::vector<Op>& ops);

  uint32_t size() const { return static_cast<uint32_t>(outputs_.size()); }
  // The number an operand stands for, -1 if none.
  int32_t Number(Fd fd) const;
  FileId At(int32_t number) const {
    return number < 0 || number >= static_cast<int32_t>(at_.size()) ? kNoFile : at_[number].file;
  }
  const File& file(FileId id) const { return files_[id]; }
  FileKind KindAt(int32_t number) const { return files_[At(number)].kind; }
  // The name of an open number: the output that put it there.
  Fd Name(int32_t number) const { return at_[number].name; }
  // Open numbers of a kind, in no useful order.
  const std::vector<int32_t>& Open(FileKind kind) const { return open_[static_cast<size_t>(kind)]; }
  uint32_t open_count() const { return open_count_; }
  int32_t limit() const { return limit_; }
  // Is there a second process? What its table has of its own is not followed.
  bool second() const { return second_; }

  // A random item whose instance and file live, or nullptr.
  const Item* AnyItem(Random* random);
  // A random item of that instance, or nullptr.
  const Item* ItemOf(FileId ep, Random* random);
  bool Registered(FileId ep, int32_t number, FileId file) const;
  const std::vector<Item>& items() const { return items_; }

 private:
  struct Slot {
    FileId file = kNoFile;
    uint32_t position = 0;  // in open_[kind]
    Fd name;
  };
  FileId NewFile(FileKind kind, int32_t number, Fd name);
  int32_t Lowest(int32_t from) const;
  void Install(int32_t number, FileId file, Fd name);
  void CloseNumber(int32_t number);
  void Ctl(const Op& op);
  // The first of the pairs that begin with `to`, taken out; or kNoFile.
  using Pairs = std::vector<std::pair<FileId, FileId>>;
  static FileId Take(Pairs* pairs, FileId to);
  FileKind Reopened(const File& file, uint32_t flags) const;
  void SetEnds(FileId node, FileId end);

  std::vector<Slot> at_;
  std::vector<File> files_;
  std::vector<Item> items_;
  std::array<std::vector<int32_t>, kFileKinds> open_;
  std::vector<std::pair<int32_t, int32_t>> outputs_;
  Pairs pending_, passed_;  // listener and client; receiver and the file on its way
  int32_t lowest_ = 3, high_ = 3, limit_ = 1024;
  uint32_t open_count_ = 0;
  bool second_ = false;
};

}  // namespace pollux

#endif  // POLLUX_FUZZ_SHADOW_H_
