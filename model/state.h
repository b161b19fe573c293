// The world as the model sees it: descriptors, open file descriptions, notify queues, epoll instances and items.
//
// Plain data in tables; an index stands for a pointer, and index 0 of every table is a null object that belongs to
// nothing. So a copy of State is a copy of the world, and a model that is wrong on purpose cannot reach outside it.

#ifndef POLLUX_MODEL_STATE_H_
#define POLLUX_MODEL_STATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "model/abi.h"
#include "model/file_type.h"
#include "model/op.h"
#include "model/rules.h"

namespace pollux {

using Id = uint32_t;
inline constexpr Id kNil = 0;

// A table of T with reuse of freed places.
template <class T>
class Table {
 public:
  Table() { Clear(); }
  void Clear() {
    rows_.clear(), free_.clear();
    rows_.emplace_back();  // the null object
    count_ = 1;
  }
  Id New() {
    if (free_.empty()) {
      rows_.emplace_back();
      return count_++;
    }
    const Id id = free_.back();
    free_.pop_back();
    rows_[id] = T();
    return id;
  }
  void Free(Id id) {
    if (id != kNil && id < count_) free_.push_back(id);
  }
  // An index from another table, which only a planted bug has, may be out of range here: then it is the null object.
  T& operator[](Id id) { return rows_[id < count_ ? id : kNil]; }
  const T& operator[](Id id) const { return rows_[id < count_ ? id : kNil]; }
  size_t size() const { return count_; }

 private:
  Id count_ = 0;
  std::vector<T> rows_;
  std::vector<Id> free_;
};

// A doubly linked list through a Hook member of the rows of a table.
struct Hook {
  Id prev = kNil, next = kNil;
};
struct List {
  Id head = kNil, tail = kNil;
  uint32_t size = 0;
};

template <class T, Hook T::*kHook>
struct ListOps {
  static void PushBack(Table<T>& t, List& list, Id id) {
    if (id == kNil) return;
    (t[id].*kHook) = {list.tail, kNil};
    (list.tail == kNil ? list.head : (t[list.tail].*kHook).next) = id;
    list.tail = id, ++list.size;
  }
  static void PushFront(Table<T>& t, List& list, Id id) {
    if (id == kNil) return;
    (t[id].*kHook) = {kNil, list.head};
    (list.head == kNil ? list.tail : (t[list.head].*kHook).prev) = id;
    list.head = id, ++list.size;
  }
  static void Remove(Table<T>& t, List& list, Id id) {
    if (list.size == 0) return;
    if (id == kNil) {  // a list that a planted bug has torn ends here
      list = {};
      return;
    }
    const Hook h = t[id].*kHook;
    (h.prev == kNil ? list.head : (t[h.prev].*kHook).next) = h.next;
    (h.next == kNil ? list.tail : (t[h.next].*kHook).prev) = h.prev;
    (t[id].*kHook) = {};
    --list.size;
  }
  // Puts all of `front` before `list`; `front` is empty afterwards.
  static void SpliceFront(Table<T>& t, List& list, List& front) {
    if (front.size == 0) return;
    if (list.size == 0) {
      list = front;
    } else {
      (t[front.tail].*kHook).next = list.head;
      (t[list.head].*kHook).prev = front.tail;
      list.head = front.head, list.size += front.size;
    }
    front = {};
  }
};

// --- Notify queues -------------------------------------------------------------------------------------------------

// An entry of a notify queue (wait queue): an epoll item's, or that of a thread that sleeps.
struct WaitEntry {
  Hook in_queue;
  Id item = kNil;
  bool exclusive = false;
  uint8_t thread = 0;  // whose it is, if it is no item's
  bool stays = false;  // a wake leaves it in the queue: poll's and select's, an eventfd's once
  uint32_t key = 0;    // what a poll or select listens to; else 0
};
using QueueList = ListOps<WaitEntry, &WaitEntry::in_queue>;

// The queues that the poll of a file waits on, in order; the others are null.
inline constexpr size_t kMaxQueues = 2;
using Queues = std::array<List*, kMaxQueues>;

// --- Files ---------------------------------------------------------------------------------------------------------

// An open file description.
struct File {
  FileType type = FileType::kNone;
  bool readable = false, writable = false;  // FMODE_READ, FMODE_WRITE
  bool quiet = false;                       // what is done with it is no event for inotify (FMODE_NONOTIFY)
  uint32_t flags = 0;                       // what F_GETFL returns
  bool by_name = false;                     // opened by a name, if only one of /proc
  int32_t refs = 0;                         // descriptors
  Id object = kNil;                         // pipe, eventfd, socket, timer or instance
  Id inode = kNil;                          // of a file that can be opened again (/proc/PID/fd)
  uint32_t writer_memo = 0;                 // of a FIFO's reader: Pipe::write_opens when it was opened (f_pipe)
  List items;                               // interest-list items whose target this is (file->f_ep)
};

// What open files and O_PATH descriptors have in common that were opened from one another.
struct Inode {
  FileType type = FileType::kNone;
  int32_t refs = 0;               // files, those opened with O_PATH too
  bool fifo = false;              // a FIFO in a file system, not an anonymous pipe
  Id object = kNil;               // its pipe, while that is open; its message queue
  int64_t size = 0;               // of what is read from a position
  Which which = Which::kRegular;  // of what open() has named
  List watches;                   // of inotify
};

// One ring slot of a pipe.
struct PipeSlot {
  Hook in_pipe;
  int64_t offset = 0, bytes = 0;
  bool mergeable = true;  // PIPE_BUF_FLAG_CAN_MERGE; what is spliced or a packet is not
  bool packet = false;    // PIPE_BUF_FLAG_PACKET
};
using SlotList = ListOps<PipeSlot, &PipeSlot::in_pipe>;

struct Pipe {
  List slots;
  int64_t max_slots = 0;
  int32_t readers = 0, writers = 0;  // open file descriptions of each side; one that does both counts in both
  uint32_t write_opens = 1;          // how often it was opened for writing (w_counter)
  bool polled = false;               // some poll has ever looked at it (pipe->poll_usage)
  List readers_queue, writers_queue;
};

struct Eventfd {
  uint64_t count = 0;
  bool semaphore = false;
  List queue;
};

struct Timerfd {
  uint64_t ticks = 0;
  bool might_cancel = false;  // it is told of jumps of the clock: in_cancel
  bool jumped = false;        // the clock has, and nobody was told (moffs is KTIME_MAX)
  Hook in_cancel;
  bool expired = false;             // and not restarted since
  int64_t interval[2] = {};         // of a periodic timer: seconds, nanoseconds
  int32_t clock = kClockMonotonic;  // CLOCK_*
  List queue;
};
using CancelList = ListOps<Timerfd, &Timerfd::in_cancel>;

struct Userfaultfd {
  bool initialized = false;  // after the handshake
  List queue;
};

struct Perf {
  List queue;
};

// What inotify is to tell of an inode.
struct Watch {
  Hook in_inotify, in_inode;
  Id inotify = kNil, inode = kNil;
  int32_t wd = 0;
  uint32_t events = 0;
  bool oneshot = false, exclude_unlinked = false;
};
using InotifyWatches = ListOps<Watch, &Watch::in_inotify>;
using InodeWatches = ListOps<Watch, &Watch::in_inode>;

// An event that inotify has queued.
struct Notice {
  Hook in_inotify;
  uint32_t mask = 0;
  int32_t wd = 0;
};
using NoticeList = ListOps<Notice, &Notice::in_inotify>;

struct Inotify {
  List watches, notices;
  int32_t next_wd = 1;
  List queue;
};

// An io_uring: what stands in its queues, and the completions that found no room.
struct Ring {
  int64_t sq_entries = 0, cq_entries = 0;
  int64_t submissions = 0, completions = 0, overflow = 0;
  List queue;
};

// A buffer queued on a socket; its charge belongs to the sender until it is freed.
struct Message {
  Hook in_socket;
  int64_t bytes = 0, consumed = 0, charge = 0;
  Id sender = kNil;
  Id file = kNil;  // an open file description that travels with it (SCM_RIGHTS)
};
using MessageList = ListOps<Message, &Message::in_socket>;

enum class SocketState : uint8_t { kUnconnected, kListening, kConnected };  // TCP_CLOSE, TCP_LISTEN, TCP_ESTABLISHED

struct Socket {
  int32_t type = kSockStream;
  SocketState state = SocketState::kUnconnected;
  int32_t refs = 0;                       // its file, sockets whose peer it is, buffers it sent
  bool dead = false;                      // its file is gone (SOCK_DEAD)
  bool shut_rd = false, shut_wr = false;  // RCV_SHUTDOWN, SEND_SHUTDOWN
  bool named = false;                     // it is found by its address; an accepted socket only shares one
  uint32_t address = 0;                   // 0: none
  Errno error = kOK;                      // sk_err
  Id peer = kNil;
  Id listener = kNil;          // of a socket that nobody has accepted yet
  int64_t backlog = 0;         // a receive queue of more than so many is full
  int64_t charge = 0;          // bytes of its own buffers that are not freed yet
  int64_t send_buffer = 0;     // SO_SNDBUF
  int64_t receive_buffer = 0;  // SO_RCVBUF, which limits nothing here
  int32_t receive_low = 1;     // SO_RCVLOWAT
  int32_t linger = -1;         // SO_LINGER, -1: off
  List messages;               // receive queue; of a listener: who waits to be accepted, as senders
  Id oob = kNil;               // the message that is the out-of-band byte, until somebody takes it
  bool had_oob = false;        // there has been one
  List queue;
  Hook in_waiting;
  Id waits_for = kNil;  // the peer on whose `waiting` it stands
  List waiting;         // senders that found the receive queue full (peer_wait)
};
using WaitingList = ListOps<Socket, &Socket::in_waiting>;

// An AF_INET socket. Between two ops nothing is under way, so that a TCP connection is in one of few states.
enum class TcpState : uint8_t {
  kClosed,
  kListening,
  kEstablished,
  kCloseWait,  // the other side has ended
  kFinWait,    // this side has ended (FIN_WAIT2)
};
// What connect(2) knows of a socket (sock->state).
enum class TcpPhase : uint8_t { kUnconnected, kConnecting, kConnected, kDisconnecting };
enum class Urgent : uint8_t { kNone, kValid, kRead };

struct Inet {
  bool stream = false;                    // TCP, else UDP
  bool shut_rd = false, shut_wr = false;  // RCV_SHUTDOWN, SEND_SHUTDOWN
  bool nodelay = false;
  Errno error = kOK;  // sk_err
  int32_t lowat = 1, linger = -1;
  uint64_t address = 0;   // the address and port it is bound to, as a number that is used once; 0: none
  bool wildcard = false;  // bound to a port of every address
  List queue;

  uint64_t peer_address = 0;  // UDP: whom it is connected to
  List messages;              // UDP: receive queue

  TcpState state = TcpState::kClosed;
  TcpPhase phase = TcpPhase::kUnconnected;
  bool dead = false;                 // its file is gone, its connection is not (SOCK_DEAD)
  bool queued = false;               // nobody has accepted it yet
  bool done = false;                 // the other side has ended (SOCK_DONE)
  Id peer = kNil;                    // the other side of a connection
  int64_t received = 0, copied = 0;  // rcv_nxt, copied_seq
  Urgent urgent = Urgent::kNone;     // urg_data
  int64_t urgent_at = 0;             // urg_seq
  uint32_t backlog = 0;
  Hook in_pending;
  List pending;  // a listener's connections that nobody has accepted yet
};
using InetList = ListOps<Inet, &Inet::in_pending>;

// A message in a netlink socket's receive queue.
struct NetlinkMessage {
  Hook in_socket;
  int64_t bytes = 0;   // -1: a part of a dump, nobody knows how long
  int64_t charge = 0;  // of what has a known one
  bool zeros = false;  // else it begins with a header
};
using NetlinkList = ListOps<NetlinkMessage, &NetlinkMessage::in_socket>;

// A netlink socket: NETLINK_ROUTE, in a network namespace whose one interface is loopback.
struct Netlink {
  uint32_t address = 0;    // port id; 0: none yet
  uint32_t to = 0;         // whom it sends to; 0: the kernel
  bool connected = false;  // and hears from nobody else
  Errno error = kOK;       // sk_err
  bool congested = false;  // it has lost an answer, and not read all since (NETLINK_S_CONGESTED)
  bool dumping = false;    // a dump has not come to its end (cb_running)
  uint32_t parts = 0;      // of dumps that are queued
  int64_t used = 0;        // sk_rmem_alloc, without those
  int64_t send_buffer = 0, receive_buffer = 0;
  int32_t lowat = 1, linger = -1;
  List messages, queue;
};

struct MqMessage {
  Hook in_queue;
  int64_t bytes = 0;
  uint32_t priority = 0;
  uint64_t value = 0;  // of 8 bytes
};
using MqMessageList = ListOps<MqMessage, &MqMessage::in_queue>;

// A POSIX message queue: what its inode holds. Of each of its files only the position in its status line is kept.
struct Mqueue {
  int64_t most = 0, longest = 0;  // mq_maxmsg, mq_msgsize
  List messages;                  // in the order in which they came
  List queue;
};

// One of the buffers in which what was written to a terminal waits for its worker.
struct TtyBuffer {
  Hook in_tty;
  int64_t size = 0, used = 0, read = 0;  // twice its size fits
};
using TtyBufferList = ListOps<TtyBuffer, &TtyBuffer::in_tty>;

// One side of a pseudoterminal, and what is on its way to it.
struct Tty {
  int32_t files = 0;                 // open file descriptions
  bool other_closed = false;         // TTY_OTHER_CLOSED
  bool io_error = false;             // TTY_IO_ERROR
  int64_t unread = 0, position = 0;  // what can be read, and where in the line discipline's buffer that begins
  List buffers;                      // never without one
  int64_t held = 0, spare = 0;       // their sizes' sum (mem_used); small ones that were freed
  int64_t unseen = 0;                // sizes of those that the worker frees when all that shows has come about
  List read_queue, write_queue;
};

struct Pty {
  Tty side[2];      // master, slave
  Id inode = kNil;  // the slave's
};

struct Signalfd {
  uint32_t mask = 0;  // SignalBit
};

// A signal that nobody has taken.
struct PendingSignal {
  int32_t signal = 0, value = 0;
  bool shared = false;  // sent to the process
};

enum class ChildState : uint8_t { kAlive, kDead, kReaped };

// A child, and what its pidfds have in common (struct pid).
struct Child {
  ChildState state = ChildState::kAlive;
  List queue;
};

// A file that lives nowhere else: where reads and writes go on, and what it has seen.
struct Plain {
  int64_t position = 0;
  bool read = false;     // of an attribute in /sys: it has been read
  uint64_t changes = 0;  // of a file that announces: those that its last poll knew of
};

// What files in /proc announce: the mounts of a namespace, the domain name. All their open files wait on one queue.
struct Announced {
  uint64_t changes = 0;
  List queue;
};

// --- epoll ---------------------------------------------------------------------------------------------------------

// One entry of an interest list: key (file, fd), mask and data.
struct Item {
  Hook in_ready, in_file, in_instance;
  Id instance = kNil, file = kNil;
  std::array<Id, kMaxQueues> entries = {};  // one for each queue that the file's poll waits on
  int32_t fd = -1;
  uint32_t events = 0;
  uint64_t data = 0;
  bool linked = false;            // in the ready list (or the list a scan works on)
  Rule queued_by = Rule::kNone;   // the rule that last put it on the ready list
  Rule dropped_by = Rule::kNone;  // the rule that last took it off, or refused it
};
using ReadyList = ListOps<Item, &Item::in_ready>;
using FileItems = ListOps<Item, &Item::in_file>;
using InstanceItems = ListOps<Item, &Item::in_instance>;

struct Instance {
  Id file = kNil;
  List items;  // the interest list, in order of ADD
  List ready;
  List queue;    // who watches this instance
  List waiters;  // threads that sleep in a wait
  uint32_t usecs = 0;
  uint16_t budget = 0;
  uint8_t prefer = 0;
  uint32_t visited = 0;  // generation of the last graph walk that came by
  int32_t depth = 0;     // what that walk found
  bool busy = false;     // a scan or an upward notification is at work here; only a planted loop comes back to it
};

// --- Threads -------------------------------------------------------------------------------------------------------

// A thread, and the call in which it sleeps.
struct Thread {
  enum State : uint8_t { kIdle, kAsleep, kWoken };
  // Where it stands: the entry, the file whose queue that is in, and which of the file's queues.
  struct Place {
    Id entry = kNil, file = kNil;
    size_t queue = 0;
  };
  State state = kIdle;
  bool again = false;           // it has slept in this call
  bool expired = false;         // its timeout has passed
  Rule woken_by = Rule::kNone;  // the rule that last woke it
  Op op;
  Id file = kNil;    // what a call on one file was made on, whatever its number means now
  int64_t done = 0;  // bytes that a write has written before it slept
  std::vector<Place> places;
  std::vector<Id> held;  // files that cannot go before it returns
};

struct ItemKey {
  Id instance, file;
  int32_t fd;
  friend bool operator==(const ItemKey&, const ItemKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const ItemKey& k) {
    return H::combine(std::move(h), uint64_t{k.instance} << 32 | k.file, k.fd);
  }
};

struct Descriptor {
  Id file = kNil;
  bool cloexec = false;
};

// --- The world -----------------------------------------------------------------------------------------------------

// What a process has of its own.
struct Process {
  std::vector<Descriptor> fds;  // by number; 0 to 2 hold the null file and are never free
  int32_t lowest_free = 3;      // no number below it is free
  int64_t nofile = 1024;        // RLIMIT_NOFILE
  uint32_t port = 1;            // its number, as a netlink port id: the first that a socket of its tries
};

// Its own process is the one that calls: the first one between two ops.
struct State : Process {
  Process other;        // the second one; while that calls, the first
  bool second = false;  // is there a second process?
  int64_t watches_left = kNoLimit;
  static constexpr int64_t kNoLimit = int64_t{1} << 62;

  Table<File> files;
  Table<Inode> inodes;
  Table<WaitEntry> entries;
  Table<Item> items;
  Table<Instance> instances;
  Table<Pipe> pipes;
  Table<PipeSlot> slots;
  Table<Eventfd> eventfds;
  Table<Timerfd> timerfds;
  Table<Userfaultfd> userfaultfds;
  Table<Perf> perfs;
  Table<Socket> sockets;
  Table<Message> messages;
  Table<Plain> plains;
  Table<Inet> inets;
  List cancel;  // timers that are told when the clock jumps (cancel_list)
  Announced mounts, domain_name;
  Table<Netlink> netlinks;
  Table<NetlinkMessage> netlink_messages;
  uint32_t netlink_addresses = 1;  // so far, those of processes too
  Table<Ring> rings;
  Table<Inotify> inotifies;
  Table<Watch> watches;
  Table<Notice> notices;
  uint32_t watched = 0;  // watches that have an inode
  Table<Mqueue> mqueues;
  Table<MqMessage> mq_messages;
  Table<Pty> ptys;
  Table<TtyBuffer> tty_buffers;
  Table<Signalfd> signalfds;
  std::vector<PendingSignal> signals;  // in the order in which they came
  List signal_queue;                   // where every signalfd of the process waits (sighand->signalfd_wqh)
  Table<Child> children;
  int32_t unreaped = 0;                    // children
  uint64_t inet_addresses = 0;             // so far
  absl::flat_hash_map<ItemKey, Id> index;  // the interest lists' search trees
  std::vector<Id> released;                // files whose last reference went, in that order
  std::vector<Id> releasing;               // those whose turn it is
  uint32_t generation = 0;                 // of graph walks
  uint32_t addresses = 0;                  // that were given to sockets
  int64_t in_flight = 0;                   // descriptions that travel with messages
  std::vector<Thread> threads;             // by number; empty until one sleeps
  std::vector<uint8_t> woken;              // threads that will run, in that order
  uint32_t sleepers = 0;                   // threads that are in a call

  void Reset() {
    fds.assign(3, {}), lowest_free = 3, nofile = 1024, port = 1, watches_left = kNoLimit;
    other = {fds, 3, 1024}, second = false;
    files.Clear(), inodes.Clear(), entries.Clear(), items.Clear(), instances.Clear(), pipes.Clear(), slots.Clear();
    eventfds.Clear(), timerfds.Clear(), userfaultfds.Clear(), perfs.Clear(), sockets.Clear(), messages.Clear(),
        plains.Clear();
    index.clear(), released.clear(), releasing.clear();
    generation = 0, addresses = 0, in_flight = 0;
    threads.clear(), woken.clear(), sleepers = 0;
    inets.Clear(), inet_addresses = 0;
    cancel = {};
    mounts = domain_name = {};
    netlinks.Clear(), netlink_messages.Clear(), netlink_addresses = 1;
    rings.Clear(), inotifies.Clear(), watches.Clear(), notices.Clear(), watched = 0;
    mqueues.Clear(), mq_messages.Clear(), ptys.Clear(), tty_buffers.Clear();
    signalfds.Clear(), signals.clear(), signal_queue = {}, children.Clear(), unreaped = 0;
  }
};

}  // namespace pollux

#endif  // POLLUX_MODEL_STATE_H_
