// The reference model of Linux eventpoll: runs ops, one after the other, and says what Linux would answer.
//
// Pure: no system call, clock, global or thread. State is plain data with indices for pointers, so a copy of a
// Model is a copy of the world. Costs: an op costs what the kernel's algorithm costs, without the system call.
// Not thread-safe.
//
// Where to look: fd_table.cc (descriptors), process.cc (the second process), file.cc (the table of what each type of
// file can do), poll.cc, vector.cc (readv and writev), splice.cc (pipes), splice_file.cc (sendfile, and files at one
// end of splice), kcmp.cc, NAME.cc for each type of file, inet.cc (what TCP and UDP share), device.cc (files that
// never change), announce.cc (files that tell of changes), ring.cc (io_uring as a file), eventpoll.cc (notification,
// ready list), ctl.cc, wait.cc, nesting.cc (loops and paths), describe.cc (state in words).
// threads.cc: who sleeps, who is woken, in what order they run; orders.cc: whether that order matters.

#ifndef POLLUX_MODEL_MODEL_H_
#define POLLUX_MODEL_MODEL_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "model/op.h"
#include "model/profile.h"
#include "model/rules.h"
#include "model/state.h"
#include "model/trace.h"

namespace pollux {

class Model {
 public:
  explicit Model(const Profile& profile, const Facts& facts = {});
  virtual ~Model() = default;
  // A copy is a world of its own: its rules' hook, if there is one, is asked about the copy.
  Model(const Model& other);
  Model& operator=(const Model&) = delete;

  // Back to the start of a trace: numbers 0 to 2 open and out of bounds, RLIMIT_NOFILE 1024, no watch held.
  void Reset();

  // Runs one op whose operands are literal numbers (Bindings::Resolve). *out gets the one allowed outcome; what threads
  // do that the op wakes is part of it. A thread's call that would block leaves the thread asleep in it.
  // A call that would block for ever yields kBlocked and leaves the state as after the call was interrupted.
  // What the model does not know yields kSkipped, with the reason as note; then nothing has changed.
  // Virtual: planted bugs change what goes in and comes out.
  virtual void Run(const Op& op, Outcome* out);

  // Would this read, write, send or recv sleep? Waits are told by Run: a blocked wait leaves the same state as
  // one with timeout 0.
  bool Blocks(const Op& op) const;

  // Does it matter in which order those threads run that the op would wake? If in doubt, it does.
  bool OrderMatters(const Op& op) const;

  // The state in words, one line a fact: descriptors, files, instances, ready lists with stale marks.
  std::string Describe() const;

  const State& state() const { return state_; }
  State& state() { return state_; }  // planted bugs change it
  const Profile& profile() const { return profile_; }
  const Facts& facts() const { return facts_; }
  Rules& rules() { return rules_; }
  const Rules& rules() const { return rules_; }

  // The named steps that ops are made of. Public for planted bugs and explanations.

  // The thread whose call is under way; 0: the controller, or nobody.
  uint8_t running() const { return running_; }
  // The poll mask of a file now (its ->poll), for who is interested in these events. Polling an epoll file prunes its
  // ready list (R0.8).
  uint32_t PollMask(Id file, uint32_t requested = ~0u);
  // The poll mask of a file as PollMask, without any effect: an epoll is ready if a ready-list item is.
  uint32_t PeekMask(Id file) const;
  // Calls back the watchers of a queue, head to tail (R0.4), up to the first exclusive one that consumes it, or all.
  enum Limit : bool { kOneConsumes, kAll };
  void Notify(List& queue, uint32_t key, Limit limit = kOneConsumes);
  // One watcher's turn (ep_poll_callback): has it consumed the notification? Matters for exclusive ones alone.
  bool Callback(Id item, uint32_t key);
  // Wakes one thread that sleeps in a wait on the instance, if there is one.
  void WakeWaiter(Id instance, Rule why);
  void LinkItem(Id item, Rule why);
  void UnlinkItem(Id item, Rule why);
  // The item of this key, or kNil.
  Id FindItem(Id instance, Id file, int32_t fd) const;
  void RemoveItem(Id item);
  // The file a number stands for, or kNil; O_PATH files included.
  Id FileAt(int32_t fd) const;
  Id InstanceOf(Id file) const;
  // How the rules of a type of file begin, "eventfd."; empty for those that have none of their own.
  static std::string_view RulePrefix(FileType type) { return Ops(type).prefix; }
  // Can epoll watch files of this type?
  static bool Pollable(FileType type) { return Ops(type).poll != nullptr; }
  // Does a poll take something away, so that the next one answers otherwise?
  static bool PollConsumes(FileType type) { return Ops(type).poll_consumes; }

 private:
  friend class Describer;

  bool Has(Quirk q) const { return profile_[q]; }
  void Dispatch(const Op& op, Outcome* out);

  bool Sleeps(const Op& op) const;

  // threads.cc
  void RunThreads(const Op& op, Outcome* out);
  void Expire(const Op& op, Outcome* out);
  // Is the call a thread's, with a timeout? It passes at an expire() of that thread, and at no other time.
  bool Lasts(const Op& op) const { return running_ != 0 && TimeoutOf(op) == Timeout::kFinite; }
  const char* NotInThreads(const Op& op) const;
  bool WakeThread(List& queue, Id entry, uint32_t key);
  bool MaySleep(const Op& op, const File& file) const;
  bool SleepsOn(Id file) const;
  uint8_t TakeWoken();
  struct Order;
  size_t Chosen(size_t n);
  std::vector<uint64_t> Fingerprint() const;
  void FallAsleep(uint8_t thread, const Op& op);
  void SleepIn(uint8_t thread);
  void SleepInPolled(uint8_t thread);
  void Enqueue(uint8_t thread, List* queue, Thread::Place place, const WaitEntry& entry, bool front);
  void Resume(uint8_t thread, Outcome* out);
  void Finish(uint8_t thread);
  void Hold(uint8_t thread, Id file);
  // Has the call under way slept before, in a thread?
  bool Again() const { return running_ != 0 && state_.threads[running_].again; }

  // fd_table.cc
  // A number beyond the table, which only a planted rule lets through, is as good as 0, which nobody can use.
  Descriptor& At(int32_t fd) { return state_.fds[FileAt(fd) == kNil ? 0 : static_cast<size_t>(fd)]; }
  Id Usable(int32_t fd);             // FileAt without O_PATH files: what most calls see
  int32_t LowestFree(int32_t from);  // -1 if none below RLIMIT_NOFILE
  void Install(int32_t fd, Id file, bool cloexec);
  void Uninstall(int32_t fd);
  void DropReference(Id file);
  void ReleaseFiles();
  Id NewFile(FileType type, uint32_t flags, Id object, Id inode = kNil);
  Id NewInode(FileType type, Id object = kNil);
  void ReleaseInode(Id inode);
  void Open(Id file, bool cloexec, Outcome* out);  // installs at the lowest free number
  void Close(const Op& op, Outcome* out);
  void CloseRange(const Op& op, Outcome* out);
  void Dup(const Op& op, Outcome* out);
  void Dup2(const Op& op, Outcome* out);
  void Dup3(const Op& op, Outcome* out);
  void DupTo(int32_t from, int32_t to, bool cloexec, Outcome* out);
  void Fcntl(const Op& op, Outcome* out);

  // process.cc
  void RunAsSecond(const Op& op, Outcome* out);
  void Fork(Outcome* out);
  void Exit(const Op& op, Outcome* out);
  void Execve(const Op& op, Outcome* out);

  // file.cc
  // What a type of file can do: the part of struct file_operations that the calls meet. A null operation is one that
  // the type has not.
  struct SocketOps;
  enum Does : uint8_t { kNot, kAlways, kOnce };  // kOnce: in former releases, which a quirk tells
  bool Still(Does does, Quirk quirk) const { return does == kAlways || (does == kOnce && Has(quirk)); }
  struct FileOps {
    FileType type;
    std::string_view prefix;                         // of its rules, "eventfd."
    uint32_t (Model::*poll)(const File&) = nullptr;  // its mask
    // The part of the mask that is looked at only if OUT, WRNORM or WRBAND is asked for; looking may leave traces.
    uint32_t (Model::*poll_write)(const File&) = nullptr;
    void (Model::*wait)(const File&, Queues*) = nullptr;  // where its poll waits, in the order of poll_wait()
    void (Model::*read)(const File&, Memory, int64_t n, Outcome*) = nullptr;
    void (Model::*write)(const File&, Memory, int64_t n, uint64_t value, Outcome*) = nullptr;
    void (Model::*release)(const File&) = nullptr;
    // A new file of this inode: kNil, and the outcome, if there will be none. Null: nothing can be opened (ENXIO).
    Id (Model::*open)(Id inode, uint32_t flags, Outcome*) = nullptr;
    // Those without read_iter, or write_iter: readv(2) and writev(2) are one call a segment.
    Does read_by_segment = kNot, write_by_segment = kNot;
    // Puts up to n bytes into the pipe. Null: nothing can be spliced from it.
    void (Model::*splice_read)(const File&, int64_t* position, Id pipe, int64_t n, Outcome*) = nullptr;
    // Takes what came out of a pipe. Null: nothing can be spliced to it.
    void (Model::*splice_write)(const File&, int64_t* position, int64_t n) = nullptr;
    // The same of what may not take all of it: writes, and says how much was taken; if none, *out says why.
    int64_t (Model::*splice_takes)(const File&, int64_t n, Outcome*) = nullptr;
    bool seeks = false;      // FMODE_LSEEK: sendfile(2) from it need not be to a pipe
    bool positions = false;  // FMODE_PREAD, FMODE_PWRITE: an offset may be given in place of its position
    // What FIONREAD counts; -1 where that is an unknown ioctl. Null: it always is.
    int64_t (Model::*unread)(const File&, Outcome*) = nullptr;
    bool fasync = false;                                  // O_ASYNC can be switched on
    bool poll_consumes = false;                           // a poll takes what it reports
    bool (Model::*hung_up)(const File&) const = nullptr;  // then its poll waits nowhere, and no ioctl is known
    const char* no_fasync = nullptr;                      // why it has no O_ASYNC here
    Errno no_ioctl = kENOTTY;                             // what an unknown ioctl answers
    const SocketOps* socket = nullptr;                    // of sockets alone
  };
  struct SocketOps {
    void (Model::*send)(const File&, Memory, int64_t n, uint32_t flags, Outcome*);
    void (Model::*recv)(const File&, Memory, int64_t n, uint32_t flags, Outcome*);
    void (Model::*shutdown)(const File&, int32_t how, Outcome*);
    // A null operation below is one that has no model: the op is skipped.
    void (Model::*bind)(const File&, Outcome*) = nullptr;
    void (Model::*listen)(const File&, int32_t backlog, Outcome*) = nullptr;
    void (Model::*connect)(const File&, int32_t to, Outcome*) = nullptr;  // a number, -1: AF_UNSPEC
    void (Model::*accept)(const File&, uint32_t flags, Outcome*) = nullptr;
    void (Model::*getsockopt)(const File&, int32_t option, Outcome*) = nullptr;
    void (Model::*setsockopt)(const File&, int32_t option, int32_t value, Outcome*) = nullptr;
    void (Model::*sendfd)(const File&, int32_t fd, Outcome*) = nullptr;
    void (Model::*recvfd)(const File&, Outcome*) = nullptr;
  };
  static const FileOps kFileOps[];
  static const SocketOps kUnixOps, kTcpOps, kUdpOps, kNetlinkOps;
  static const FileOps& Ops(FileType type) { return kFileOps[static_cast<size_t>(type)]; }
  const FileOps& OpsOf(Id file) const { return Ops(state_.files[file].type); }
  Queues QueuesOf(Id file);
  bool HungUp(Id file) const;
  // What an ioctl that the file does not know answers; `given`: it has an argument that is not 0.
  Errno NoIoctl(Id file, bool given = true);
  void EpollWaitQueue(const File& file, Queues* queues);
  uint32_t EpollMask(const File& file) { return PollInstance(file.object); }
  void EpollRelease(const File& file) { ReleaseInstance(file.object); }
  void PlainRelease(const File& file) { state_.plains.Free(file.object); }
  void WouldSleep(bool nonblock, Outcome* out);  // EAGAIN or blocked
  bool Transfers(Id file, bool write, Outcome* out);
  void Read(const Op& op, Outcome* out);
  void Write(const Op& op, Outcome* out);
  Id SocketAt(int32_t fd, Outcome* out);
  void Send(const Op& op, Outcome* out);
  void Recv(const Op& op, Outcome* out);
  void Shutdown(const Op& op, Outcome* out);
  void SocketCreate(const Op& op, Outcome* out);
  void Accept(const Op& op, Outcome* out);
  void SocketOp(const Op& op, Outcome* out);  // the calls that look the socket up, and no more
  void OpenFile(const Op& op, Outcome* out);
  void Reopen(const Op& op, Outcome* out);
  void OpenInode(Id inode, uint32_t flags, Outcome* out);
  void MemfdCreate(const Op& op, Outcome* out);
  void Ioctl(const Op& op, Outcome* out);
  Id PlainOpen(Id inode, uint32_t flags, Outcome* out);
  void IoctlInt(const Op& op, Outcome* out);  // FIONBIO, FIOASYNC, FIONREAD
  void Fionread(Id file, Memory memory, Outcome* out);
  int64_t PlainUnread(const File& file, Outcome* out);
  int64_t UnknownUnread(const File& file, Outcome* out);
  void Readv(const Op& op, Outcome* out);
  void Writev(const Op& op, Outcome* out);
  Id VectorAt(const Op& op, bool write, Outcome* out);
  bool Segments(const Op& op, bool write, Outcome* out);
  void PlainRead(const File& file, Memory memory, int64_t n, Outcome* out);
  void PlainWrite(const File& file, Memory memory, int64_t n, uint64_t value, Outcome* out);

  // poll.cc: poll(2), ppoll(2), select(2)
  void Poll(const Op& op, Outcome* out);
  void Select(const Op& op, Outcome* out);
  uint32_t PollNumber(int32_t fd, uint32_t requested);
  void PollSet(const Op& op, Memory set, bool sleeps, Outcome* out);
  void SelectSets(const Op& op, bool sleeps, Outcome* out);
  static uint32_t SelectKey(uint32_t sets);
  void SetReturned(Memory set, bool ready, bool sleeps, bool interrupted, Outcome* out);

  // pipe.cc
  void Pipe2(const Op& op, Outcome* out);
  void FifoCreate(const Op& op, Outcome* out);
  Id NewPipe();
  void FreePipe(Id pipe);
  Id PipeOpen(Id inode, uint32_t flags, Outcome* out);
  uint32_t PipeMask(const File& file);
  void PipeWait(const File& file, Queues* queues);
  void PipeRead(const File& file, Memory memory, int64_t n, Outcome* out);
  bool PipePasses(const File& file, Call call) const;
  void PipeWrite(const File& file, Memory memory, int64_t n, uint64_t value, Outcome* out);
  void PipeRelease(const File& file);
  int64_t PipeUnread(const File& file, Outcome*) { return BytesInPipe(file.object); }
  int64_t BytesInPipe(Id pipe) const;
  void SetPipeSize(const File& file, int64_t bytes, Outcome* out);
  bool PipeFull(const Pipe& pipe) const { return pipe.slots.size >= pipe.max_slots; }

  // splice.cc
  struct Offset;
  void Splice(const Op& op, Outcome* out);
  void SpliceFiles(int32_t from, Offset* off_in, int32_t into, Offset* off_out, int64_t n, uint32_t flags, bool tee,
                   Outcome* out);
  void Vmsplice(const Op& op, Outcome* out);
  void PipeToPipe(Id in, Id into, int64_t n, bool tee, bool nonblock, Outcome* out);
  int64_t TakeFromPipe(Id pipe, int64_t n, int64_t room, bool nonblock, bool* freed, Outcome* out);
  bool SpaceInPipe(Id pipe, bool nonblock, Outcome* out);
  void SpliceWakes(Id into, bool filled, Id out_of, bool freed);
  Id PipeOf(const File& file) const;
  void PushSlot(Id pipe, PipeSlot slot);
  void PopSlot(Id pipe);

  // splice_file.cc
  // An offset that a call is given in place of a file's position.
  struct Offset {
    Memory memory = Memory::kNull;
    int64_t value = 0;
    bool stored = true;  // what has become of it is given back
    bool given() const { return memory.kind() != Memory::kNull; }
  };
  static Offset OffsetAt(const Op& op, size_t slot) { return {op.mem(slot), static_cast<int64_t>(op.arg[slot + 1])}; }
  bool OffsetTaken(Id file, const Offset& offset, Errno without, Outcome* out);
  bool OffsetGoes(Id file, const Offset& offset, int64_t n, Errno without, Outcome* out);
  void StoreOffsets(std::initializer_list<Offset> offsets, Outcome* out);
  int64_t* PositionOf(Id file, Offset* offset);
  void PipeToFile(Id in, Id file, Offset* offset, int64_t n, bool nonblock, Outcome* out);
  void FileToPipe(Id file, Offset* offset, Id into, int64_t n, bool nonblock, Outcome* out);
  void FileToFile(Id in, Offset* offset, Id to, int64_t n, Outcome* out);
  bool SpliceWriteGoes(Id file, Outcome* out);
  void Sendfile(const Op& op, Outcome* out);
  void SendfileAt(const Op& op, Outcome* out);
  void SendfileFrom(int32_t to, int32_t in, Offset* offset, int64_t n, Outcome* out);
  void PlainSpliceRead(const File& file, int64_t* position, Id pipe, int64_t n, Outcome* out);
  void PlainSpliceWrite(const File& file, int64_t* position, int64_t n);
  void NullSpliceWrite(const File&, int64_t*, int64_t) {}
  void MessageSpliceRead(const File& file, int64_t*, Id pipe, int64_t n, Outcome* out);
  void UnixSpliceRead(const File& file, int64_t*, Id pipe, int64_t n, Outcome* out);
  void TcpSpliceRead(const File& file, int64_t*, Id pipe, int64_t n, Outcome* out);
  void PushPages(Id pipe, int64_t offset, int64_t n);

  // caller32.cc
  Op FromCaller32(Op op);

  // kcmp.cc
  void KcmpFile(const Op& op, Outcome* out);
  void KcmpTfd(const Op& op, Outcome* out);
  static void KcmpFound(bool same, Outcome* out);

  // eventfd.cc
  void EventfdCreate(const Op& op, Outcome* out);
  uint32_t EventfdMask(const File& file);
  void EventfdWait(const File& file, Queues* queues);
  void EventfdRead(const File& file, Memory memory, int64_t n, Outcome* out);
  bool EventfdPasses(const File& file, Call call, uint64_t value) const;
  void EventfdWrite(const File& file, Memory memory, int64_t n, uint64_t value, Outcome* out);
  void EventfdRelease(const File& file) { state_.eventfds.Free(file.object); }

  // timerfd.cc
  void TimerfdCreate(const Op& op, Outcome* out);
  void TimerfdSettime(const Op& op, Outcome* out);
  void TimerfdGettime(const Op& op, Outcome* out);
  void TimerfdTicks(const Op& op, Outcome* out);
  void TimerExpires(Id timer);
  uint32_t TimerfdMask(const File& file);
  void TimerfdWait(const File& file, Queues* queues);
  void TimerfdRead(const File& file, Memory memory, int64_t n, Outcome* out);
  void TimerfdRelease(const File& file);
  void JumpClock(Outcome* out);
  void SetCancel(Id timer, bool cancel);
  bool Canceled(Id timer);  // and it is told once

  // userfaultfd.cc
  void UserfaultfdCreate(const Op& op, Outcome* out);
  void UserfaultfdApi(const Op& op, Outcome* out);
  void UserfaultfdWait(const File& file, Queues* queues);
  uint32_t UserfaultfdMask(const File& file);
  void UserfaultfdRead(const File& file, Memory memory, int64_t n, Outcome* out);
  void UserfaultfdRelease(const File& file) { state_.userfaultfds.Free(file.object); }

  // inotify.cc
  void InotifyInit(const Op& op, Outcome* out);
  void InotifyAdd(const Op& op, Outcome* out);
  void InotifyRm(const Op& op, Outcome* out);
  void InotifyReadEvents(const Op& op, Outcome* out);
  uint32_t InotifyMask(const File& file);
  void InotifyWait(const File& file, Queues* queues);
  void InotifyRead(const File& file, Memory memory, int64_t n, Outcome* out);
  int64_t InotifyUnread(const File& file, Outcome*) {
    return kInEventSize * state_.inotifies[file.object].notices.size;
  }
  void InotifyRelease(const File& file);
  Id InotifyAt(int32_t fd, Outcome* out);
  void QueueNotice(Id watch, uint32_t mask);
  void RemoveWatch(Id watch);
  void Tell(Id inode, uint32_t event, bool by_path);
  void TellGone(Id inode);
  // fsnotify_file(): what was done with a file, for those who watch its inode.
  void Happened(Id file, uint32_t event) {
    if (state_.watched == 0) [[likely]]
      return;
    Watched(file, event);
  }
  void Watched(Id file, uint32_t event);
  void Transferred(Id file, const Outcome& out, uint32_t event) {
    if (out.kind == Outcome::kValues && out.value[0] > 0) Happened(file, event);
  }
  void Fchmod(const Op& op, Outcome* out);

  // ring.cc
  void RingSetup(const Op& op, Outcome* out);
  void RingPush(const Op& op, Outcome* out);
  void RingReap(const Op& op, Outcome* out);
  void RingEnter(const Op& op, Outcome* out);
  uint32_t RingMask(const File& file);
  void RingWait(const File& file, Queues* queues);
  void RingRelease(const File& file) { state_.rings.Free(file.object); }
  Id RingAt(int32_t fd, Errno otherwise, Outcome* out);
  void Complete(Id ring);
  void FlushOverflow(Id ring);

  // perf.cc
  void PerfEventOpen(const Op& op, Outcome* out);
  void PerfWait(const File& file, Queues* queues);
  uint32_t PerfMask(const File& file);
  void PerfRead(const File& file, Memory memory, int64_t n, Outcome* out);
  void PerfRelease(const File& file) { state_.perfs.Free(file.object); }

  // device.cc
  uint32_t DeviceMask(const File& file);
  void DeviceRead(const File& file, Memory memory, int64_t n, Outcome* out);
  void DeviceWrite(const File& file, Memory memory, int64_t n, uint64_t value, Outcome* out);
  Id TerminalOpen(Id inode, uint32_t flags, Outcome* out);
  void MemfdSecret(const Op& op, Outcome* out);
  Which WhichOf(const File& file) const { return state_.inodes[file.inode].which; }
  void DeviceSpliceRead(const File& file, int64_t* position, Id pipe, int64_t n, Outcome* out);
  bool DeviceHolds(const File& file, int64_t position, int64_t n, int64_t* bytes);
  int64_t DeviceUnread(const File& file, Outcome* out);
  int64_t SecretUnread(const File& file, Outcome* out);
  // Which of its type's operations a file has that was opened by name.
  bool Fasync(const File& file) const;
  bool Seeks(const File& file) const;
  bool SplicesFrom(const File& file) const;
  int64_t MaxBytes(const File& file) const;
  bool UpToFileSystem(const File& file) const;  // whether it is on one whose MaxBytes() is not known
  bool SplicesTo(const File& file) const;

  // announce.cc
  void Change(const Op& op, Outcome* out);
  Announced& AnnouncedBy(const File& file);
  Id AnnouncerOpen(Id inode, uint32_t flags, Outcome* out);
  void AnnouncerWait(const File& file, Queues* queues) { (*queues)[0] = &AnnouncedBy(file).queue; }
  uint32_t AnnouncerMask(const File& file);

  // netlink.cc
  void NetlinkCreate(int32_t type, uint32_t flags, Outcome* out);
  void NetlinkWait(const File& file, Queues* queues) { (*queues)[0] = &state_.netlinks[file.object].queue; }
  uint32_t NetlinkMask(const File& file);
  void NetlinkRead(const File& file, Memory memory, int64_t n, Outcome* out);
  void NetlinkWrite(const File& file, Memory memory, int64_t n, uint64_t value, Outcome* out);
  void NetlinkSend(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out);
  void NetlinkRecv(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out);
  void NetlinkRequest(const Op& op, Outcome* out);
  bool NetlinkSendTo(const File& file, Memory memory, int64_t n, uint32_t flags, bool zeros, Outcome* out);
  void NetlinkAnswer(Id socket, int64_t bytes);
  void NetlinkQueue(Id socket, NetlinkMessage message);
  bool NetlinkFull(const Netlink& s) const;
  Errno TakeNetlinkError(Netlink& s);
  void NetlinkDrop(Netlink& s);
  uint32_t NetlinkPort();
  void NetlinkBind(const File& file, Outcome* out);
  void NetlinkConnect(const File& file, int32_t to, Outcome* out);
  void NetlinkShutdown(const File& file, int32_t how, Outcome* out);
  void NetlinkListen(const File& file, int32_t backlog, Outcome* out);
  void NetlinkAccept(const File& file, uint32_t flags, Outcome* out);
  void NetlinkGetsockopt(const File& file, int32_t option, Outcome* out);
  void NetlinkSetsockopt(const File& file, int32_t option, int32_t value, Outcome* out);
  void NetlinkRelease(const File& file);

  // unix.cc
  void SocketPair(const Op& op, Outcome* out);
  bool UnixType(int32_t* type, Outcome* out);
  Id NewSocket(int32_t type);
  uint32_t UnixMask(const File& file);
  uint32_t UnixWriteMask(const File& file);
  void UnixWait(const File& file, Queues* queues);
  void UnixRead(const File& file, Memory memory, int64_t n, Outcome* out);
  void UnixWrite(const File& file, Memory memory, int64_t n, uint64_t value, Outcome* out);
  void UnixSend(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out);
  void UnixRecv(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out);
  void UnixShutdown(const File& file, int32_t how, Outcome* out);
  void UnixRelease(const File& file) { ReleaseSocket(file.object, false); }
  int64_t UnixUnread(const File& file, Outcome* out);
  void ReleaseSocket(Id socket, bool embryo);
  // What a call sends or receives beside the bytes: a description that travels along.
  struct Transfer {
    Memory memory;
    int64_t n;
    uint32_t flags;
    bool nonblock;
    Id file = kNil;
  };
  void StreamSend(Id socket, const Transfer& t, Outcome* out);
  void MessageSend(Id socket, const Transfer& t, Outcome* out);
  void StreamRecv(Id socket, Transfer* t, Outcome* out);
  void MessageRecv(Id socket, Transfer* t, Outcome* out);
  void StreamRecvOob(Id socket, const Transfer& t, Outcome* out);
  Errno SendBuffer(Id socket, int64_t bytes, bool faults, Id file);
  bool HasOob() const;
  int64_t Length(Id message) const;
  Id AtOob(Id socket, Id message, bool peek, bool copied);
  Id TakeFile(Id message, bool peek);
  int64_t Charge(const Socket& s, int64_t bytes) const;
  bool UnixWritable(const Socket& s, int64_t more = 0) const;
  bool UnixFull(Id socket) const;
  bool WouldWait(Id socket);
  Id QueueMessage(Id from, Id to, int64_t bytes, Id file = kNil);
  void FreeMessage(Id message);
  void FreeBuffer(Id sender, int64_t charge);
  void Unref(Id socket);
  Errno TakeError(Socket& s);

  // unix_connect.cc
  void UnixCreate(int32_t type, uint32_t flags, Outcome* out);
  void UnixBind(const File& file, Outcome* out);
  void UnixListen(const File& file, int32_t backlog, Outcome* out);
  void UnixConnect(const File& file, int32_t to, Outcome* out);
  void UnixAccept(const File& file, uint32_t flags, Outcome* out);
  void StreamConnect(const File& file, Id to, Outcome* out);
  void DgramConnect(Id socket, Id to, Outcome* out);
  uint32_t UnixAddress(int32_t fd) const;
  Id FindNamed(uint32_t address, int32_t type) const;
  bool MaySend(Id from, Id to) const;
  void SetPeer(Id socket, Id peer);
  void DropPeer(Id socket);
  void Disconnected(Id socket, Id from);
  bool WaitForPeer(Id socket);
  void StopWaiting(Id socket, Id peer);
  void WakeWaiting(Id socket, uint32_t key);

  // unix_options.cc
  void UnixGetsockopt(const File& file, int32_t option, Outcome* out);
  void UnixSetsockopt(const File& file, int32_t option, int32_t value, Outcome* out);

  // unix_rights.cc
  void UnixSendfd(const File& file, int32_t fd, Outcome* out);
  void UnixRecvfd(const File& file, Outcome* out);
  bool Holds(Id socket, Id held) const;

  // inet.cc
  static constexpr uint32_t kArrivalKey = kIn | kPri | kRdnorm | kRdband;  // sock_def_readable()
  static constexpr uint32_t kSpaceKey = kOut | kWrnorm | kWrband;          // sock_def_write_space()
  static void Unmodelled(const char* why, Outcome* out);                   // skipped, for that reason
  void InetCreate(int32_t type, uint32_t flags, Outcome* out);
  Id InetAt(int32_t fd) const;  // the INET socket that a number stands for, or kNil
  void InetWait(const File& file, Queues* queues);
  Errno TakeInetError(Inet& s);
  void InetBind(const File& file, Outcome* out);
  void InetGetsockopt(const File& file, int32_t option, Outcome* out);
  void InetSetsockopt(const File& file, int32_t option, int32_t value, Outcome* out);

  // tcp.cc
  void TcpListen(const File& file, int32_t backlog, Outcome* out);
  void TcpConnect(const File& file, int32_t to, Outcome* out);
  void TcpAccept(const File& file, uint32_t flags, Outcome* out);
  void TcpShutdown(const File& file, int32_t how, Outcome* out);
  void TcpRelease(const File& file);
  const char* TcpUnreachable(Id socket, int32_t to) const;
  void TcpHandshake(Id client, Id to);
  void TcpStopListening(Id listener);
  void TcpDisconnect(Id socket);
  void TcpEnd(Id socket);
  bool TcpFin(Id peer);
  void TcpReset(Id socket);
  void TcpDone(Id socket);
  void TcpFree(Id socket);
  static void TcpClosed(Inet& s);

  // tcp_data.cc
  uint32_t TcpMask(const File& file);
  void TcpRead(const File& file, Memory memory, int64_t n, Outcome* out);
  void TcpWrite(const File& file, Memory memory, int64_t n, uint64_t value, Outcome* out);
  void TcpSend(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out);
  void TcpRecv(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out);
  void TcpRecvUrgent(Inet& s, Memory memory, int64_t n, uint32_t flags, Outcome* out);
  void TcpArrive(Id from, Id to, int64_t n, bool urgent);
  static bool TcpReadable(const Inet& s, int64_t target);
  int64_t TcpUnread(const File& file, Outcome*);

  // udp.cc
  uint32_t UdpMask(const File& file);
  void UdpRead(const File& file, Memory memory, int64_t n, Outcome* out);
  void UdpWrite(const File& file, Memory memory, int64_t n, uint64_t value, Outcome* out);
  void UdpSend(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out);
  void UdpRecv(const File& file, Memory memory, int64_t n, uint32_t flags, Outcome* out);
  void UdpListen(const File& file, int32_t backlog, Outcome* out);
  void UdpConnect(const File& file, int32_t to, Outcome* out);
  void UdpAccept(const File& file, uint32_t flags, Outcome* out);
  void UdpShutdown(const File& file, int32_t how, Outcome* out);
  void UdpRelease(const File& file);
  int64_t UdpUnread(const File& file, Outcome*);
  Id UdpReceiver(const Inet& from);
  void DropDatagram(Inet& s);

  // mqueue.cc
  void MqOpen(const Op& op, Outcome* out);
  void MqOp(const Op& op, Outcome* out);  // the calls on an open queue
  void MqSend(const Op& op, const File& file, Mqueue& q, Outcome* out);
  void MqReceive(const Op& op, const File& file, Mqueue& q, Outcome* out);
  void MqueueWait(const File& file, Queues* queues);
  uint32_t MqueueMask(const File& file);
  int64_t MqueueUnread(const File& file, Outcome*);
  void FreeMqueue(Id id);

  // pty.cc
  void Openpty(const Op& op, Outcome* out);
  void Ptsopen(const Op& op, Outcome* out);
  void OpenSlave(Id pty, uint32_t flags, Outcome* out);
  Id PtsOpen(Id inode, uint32_t flags, Outcome* out);
  Id PtmOpen(Id inode, uint32_t flags, Outcome* out);
  Tty& TtyOf(const File& file);
  Tty& OtherTty(const File& file);
  bool PtyHungUp(const File& file) const;
  void PtyWait(const File& file, Queues* queues);
  uint32_t PtyMask(const File& file);
  int64_t PtyUnread(const File& file, Outcome*);
  int64_t TtyRoom(Tty& tty, int64_t bytes);
  int64_t TtyInsert(Tty& tty, int64_t bytes);
  void TtyWork(Tty& tty);
  void DropTtyBuffer(Tty& tty);
  bool TtyRoomRaces(const Tty& tty, int64_t n) const;
  bool TtyRefillRaces(const Tty& tty, int64_t n) const;
  bool TtyBacklog(const Tty& tty) const;
  void PtyRead(const File& file, Memory memory, int64_t n, Outcome* out);
  void PtyWrite(const File& file, Memory memory, int64_t n, uint64_t value, Outcome* out);
  void PtySpliceRead(const File& file, int64_t* position, Id into, int64_t n, Outcome* out);
  int64_t PtySpliceTakes(const File& file, int64_t n, Outcome* out);
  void PtmRelease(const File& file);
  void PtsRelease(const File& file);
  void FreePty(Id id);

  // signalfd.cc
  void Signalfd4(const Op& op, Outcome* out);
  void Signals(const Op& op, Outcome* out);
  void SendSignal(const Op& op, Outcome* out);  // raise, kill, sigqueue
  void SignalfdWait(const File&, Queues* queues) { (*queues)[0] = &state_.signal_queue; }
  uint32_t SignalfdMask(const File& file);
  void SignalfdRead(const File& file, Memory memory, int64_t n, Outcome* out);
  void SignalfdRelease(const File& file) { state_.signalfds.Free(file.object); }
  void TakeSignals(const File& file, int64_t most, int64_t room, Outcome* out);
  bool DequeueSignal(uint32_t mask, PendingSignal* signal);
  bool LetsThrough(const Op& op, size_t slot);
  void Interrupted(Outcome* out);
  void BroughtHome(const Op& op);

  // pidfd.cc
  void ChildCreate(Outcome* out);
  void PidfdOpen(const Op& op, Outcome* out);
  void ExitChild(const Op& op, Outcome* out);
  void Reap(const Op& op, Outcome* out);
  Id OpenPidfd(Id child, uint32_t flags, Outcome* out);
  void PidfdWait(const File& file, Queues* queues) { (*queues)[0] = &state_.children[file.object].queue; }
  uint32_t PidfdMask(const File& file);
  int64_t PidfdUnread(const File&, Outcome*) { return Has(Quirk::kPidfdUnread) ? 0 : -1; }

  // eventpoll.cc
  void EpollCreate(Outcome* out, bool cloexec);
  void EpollCtl(const Op& op, Outcome* out);
  Errno CtlAdd(Id instance, Id target, int32_t fd, uint32_t events, uint64_t data);
  Errno CtlMod(Id item, uint32_t events, uint64_t data);
  // How a wait may end without an event: it sleeps, for ever or for a time, and signals may come through.
  struct Patience {
    bool for_ever = false, sleeps = false, interruptible = false;
  };
  void Wait(int32_t epfd, Memory memory, int32_t max, Patience patience, Outcome* out);
  void EpollWaits(const Op& op, Outcome* out);  // the three calls
  bool TimeGiven(const Op& op, size_t slot, bool* for_ever, Outcome* out);
  bool SigmaskGiven(const Op& op, size_t slot, Outcome* out);
  void Harvest(Instance& e, Memory memory, int32_t max, Outcome* out);
  uint32_t PollInstance(Id instance);
  uint32_t PollItem(Id item);
  void NotifyUpward(Id instance, uint32_t more = 0);
  void ReleaseInstance(Id instance);
  void Params(const Op& op, Outcome* out);
  void Fdinfo(const Op& op, Outcome* out);

  // nesting.cc
  bool WouldLoop(Id instance, Id target);
  int32_t DepthBelow(Id instance, Id inserting_into, int32_t depth);
  int32_t DepthAbove(Id instance);
  bool PathsExceeded(Id instance, Id target, Id leaf);

  void Prlimit(const Op& op, Outcome* out);
  void Watches(const Op& op, Outcome* out);

  Profile profile_;
  Facts facts_;
  State state_;
  Rules rules_;
  uint8_t running_ = 0;                   // the thread whose call is under way
  Order* order_ = nullptr;                // of those who are woken, where one is tried
  mutable std::unique_ptr<Model> probe_;  // of Sleeps(); kept for its memory
};

}  // namespace pollux

#endif  // POLLUX_MODEL_MODEL_H_
