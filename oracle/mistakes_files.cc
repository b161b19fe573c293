// Mistakes in the files that epoll watches: their masks, and whom their operations notify.

#include "oracle/mistake.h"

namespace pollux {
namespace {

constexpr uint32_t kSpace = kOut | kWrnorm | kWrband;

// The object of the file that descriptor slot 0 names, if that is of the type.
Id Object(const Scene& s, FileType type) {
  const File& file = s.description();
  return file.type == type ? file.object : kNil;
}
Pipe& ThePipe(const Scene& s) { return s.state().pipes[Object(s, FileType::kPipe)]; }
Eventfd& TheEventfd(const Scene& s) { return s.state().eventfds[Object(s, FileType::kEventfd)]; }
Timerfd& TheTimerfd(const Scene& s) { return s.state().timerfds[Object(s, FileType::kTimerfd)]; }
Socket& TheSocket(const Scene& s) { return s.state().sockets[Object(s, FileType::kUnix)]; }
// What the rule is asked about.
Pipe& AskedPipe(const Scene& s) { return s.state().pipes[s.id]; }
Socket& AskedSocket(const Scene& s) { return s.state().sockets[s.id]; }

bool Reads(const Scene& s) { return s.Calls(Call::kRead) || s.Calls(Call::kRecv); }
bool Writes(const Scene& s) { return s.Calls(Call::kWrite) || s.Calls(Call::kSend); }

int64_t BytesIn(const Scene& s, const Pipe& pipe) {
  int64_t bytes = 0;
  Id id = pipe.slots.head;
  for (uint32_t i = pipe.slots.size; i > 0 && id != kNil; --i) {
    bytes += s.state().slots[id].bytes;
    id = s.state().slots[id].in_pipe.next;
  }
  return bytes;
}

bool Writable(const Scene&, const Socket& socket) { return 4 * (1 + socket.charge) <= socket.send_buffer; }

// Some of the calls notify with another key, or one time more.
bool NotifyInstead(Scene& s, List& queue, uint32_t key) {
  if (s.value) s.model.Notify(queue, key);
  return false;
}
bool NotifyToo(Scene& s, List& queue, uint32_t key) {
  s.model.Notify(queue, key);
  return s.value;
}

}  // namespace

const std::vector<Mistake>& FileMistakes() {
  static const std::vector<Mistake> mistakes = {
      // --- Pipes
      // -------------------------------------------------------------------------------------------------------
      {"pipe.hup-hides-in",
       "pipe",
       "a pipe that hung up is HUP alone, though bytes are left",
       {Rule::kPipeIn},
       [](Scene& s) { return s.value && AskedPipe(s).writers > 0; }},
      {"pipe.hup-late",
       "pipe",
       "D10, D22: HUP comes once the last byte was read",
       {Rule::kPipeHup},
       [](Scene& s) { return s.value && AskedPipe(s).slots.size == 0; }},
      {"pipe.err-hides-out",
       "pipe",
       "D76 epoll-shim: a pipe without readers is ERR alone",
       {Rule::kPipeOut},
       [](Scene& s) { return s.value && AskedPipe(s).readers > 0; }},
      {"pipe.out-bytes",
       "pipe",
       "D75 Starnix, epoll-shim: free bytes make a pipe writable, not a free slot",
       {Rule::kPipeOut},
       [](Scene& s) { return BytesIn(s, AskedPipe(s)) < AskedPipe(s).max_slots * 4096; }},
      {"pipe.first-write",
       "pipe",
       "D01 Linux 5.5 to 5.13: only a write into an empty pipe is an edge",
       {Rule::kPipeWriteWakes},
       [](Scene& s) { return s.value && s.memo == 0; },
       [](Scene& s) { s.memo = Writes(s) ? ThePipe(s).slots.size : 0; }},
      {"pipe.failed-write",
       "pipe",
       "a write that stores nothing is no edge",
       {Rule::kPipeWriteWakes},
       [](Scene& s) { return s.value && s.memo != BytesIn(s, AskedPipe(s)); },
       [](Scene& s) { s.memo = BytesIn(s, ThePipe(s)); }},
      {"pipe.empty-write",
       "pipe",
       "DragonOS: a write of 0 bytes is an edge",
       {Rule::kPipeNothing},
       [](Scene& s) {
         if (s.value && Writes(s)) s.model.Notify(ThePipe(s).readers_queue, kIn | kRdnorm);
         return s.value;
       }},
      {"pipe.partial-read",
       "pipe",
       "D05 Shadow: a read that leaves bytes is an edge for readers",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         Pipe& p = ThePipe(s);
         if (!Reads(s) || out->kind != Outcome::kValues || p.slots.size == 0) return;
         s.model.Notify(p.readers_queue, kIn | kRdnorm);
       }},
      {"pipe.drained-out",
       "pipe",
       "D35 ArceOS: a full pipe becomes writable once it is empty, a page is no edge",
       {Rule::kPipeReadWakes},
       [](Scene& s) { return s.value && AskedPipe(s).slots.size == 0; }},
      {"pipe.freed-out",
       "pipe",
       "D74, D93: every read that frees a slot is an edge for writers",
       {Rule::kPipeReadWakes},
       [](Scene& s) { return s.value || s.memo > static_cast<int64_t>(AskedPipe(s).slots.size); },
       [](Scene& s) { s.memo = ThePipe(s).slots.size; }},
      {"pipe.close-in",
       "pipe",
       "the last writer's close notifies with key IN",
       {Rule::kPipeReleaseWakesReaders},
       [](Scene& s) { return NotifyInstead(s, AskedPipe(s).readers_queue, kIn | kRdnorm); }},
      {"pipe.close-out",
       "pipe",
       "the last reader's close notifies with key OUT",
       {Rule::kPipeReleaseWakesWriters},
       [](Scene& s) { return NotifyInstead(s, AskedPipe(s).writers_queue, kOut | kWrnorm); }},
      {"pipe.dup-close",
       "pipe",
       "closing one of two numbers of the writing end hangs up",
       {Rule::kFileLastReference},
       [](Scene& s) {
         const File& file = s.state().files[s.id];
         if (!s.value && s.Calls(Call::kClose) && file.type == FileType::kPipe && file.writable) {
           s.state().pipes[file.object].writers = 0;
         }
         return s.value;
       }},
      {"pipe.grown-edge",
       "pipe",
       "F_SETPIPE_SZ notifies only if the pipe grew",
       {Rule::kPipeSizeWakes},
       [](Scene& s) { return s.value && AskedPipe(s).max_slots > s.memo; },
       [](Scene& s) { s.memo = ThePipe(s).max_slots; }},
      {"pipe.size-pages",
       "pipe",
       "F_SETPIPE_SZ rounds to pages, not to a power of two",
       {Rule::kPipeSizeWakes},
       [](Scene& s) {
         const int64_t pages = (static_cast<int64_t>(s.op.u32(2)) + 4095) / 4096;
         AskedPipe(s).max_slots = pages == 0 ? 1 : pages;
         return s.value;
       }},

      // --- FIFOs, and pipes that are opened again
      // -----------------------------------------------------------------------------------------------
      {"fifo.dup",
       "fifo",
       "opening a number through /proc gives the description that it names, as dup does",
       {},
       nullptr,
       [](Scene& s) {
         if (s.Calls(Call::kReopen) && s.description().type != FileType::kPath)
           s.op = {.call = Call::kDup, .arg = {s.op.arg[0]}};
       }},
      {"fifo.quiet-once",
       "fifo",
       "a reader sees HUP at once if there was ever a writer",
       {Rule::kFifoQuiet},
       [](Scene& s) { return s.value && AskedPipe(s).write_opens == 1; }},
      {"fifo.reader-wakes",
       "fifo",
       "the first reader is an edge for writers, whose ERR it ends",
       {Rule::kPipeOpenWakes},
       [](Scene& s) {
         if (s.value && s.Calls(Call::kReopen) && (s.op.u32(1) & 3) == kORdonly) {
           s.model.Notify(AskedPipe(s).writers_queue, 0);
         }
         return s.value;
       }},
      {"fifo.writer-silent",
       "fifo",
       "a writer that comes is no edge for readers, as it brings no bytes",
       {Rule::kPipeOpenWakes},
       [](Scene& s) { return s.value && (s.op.u32(1) & 3) != kOWronly; }},
      {"fifo.any-writer",
       "fifo",
       "a writer that goes hangs up though others are left",
       {Rule::kPipeHup},
       [](Scene& s) {
         const Pipe& p = AskedPipe(s);
         return s.value || (p.writers > 0 && p.writers + 1 < static_cast<int32_t>(p.write_opens));
       }},
      {"fifo.path-keeps",
       "fifo",
       "bytes stay in a FIFO that nobody has open",
       {Rule::kPipeReleaseWakes},
       [](Scene& s) {
         Pipe& p = AskedPipe(s);
         if (p.readers == 0 && p.writers == 0 && p.slots.size > 0) ++p.readers;
         return s.value;
       }},

      // --- eventfd
      // -----------------------------------------------------------------------------------------------------
      {"eventfd.first-write",
       "eventfd",
       "D02 WSL1, D36 StarryOS: a write is an edge only if the count was 0",
       {Rule::kEventfdWriteWakes},
       [](Scene& s) { return s.value && s.memo == 0; },
       [](Scene& s) { s.memo = TheEventfd(s).count != 0; }},
      {"eventfd.write-zero",
       "eventfd",
       "D04 Shadow: a write of 0 is no edge",
       {Rule::kEventfdWriteWakes},
       [](Scene& s) { return s.value && s.op.arg[3] != 0; }},
      {"eventfd.write-out",
       "eventfd",
       "D20 Nanos: a write notifies with OUT as well",
       {Rule::kEventfdWriteWakes},
       [](Scene& s) { return NotifyInstead(s, s.state().eventfds[s.id].queue, kIn | kOut); }},
      {"eventfd.read-full",
       "eventfd",
       "a read is an edge only if no write fitted before",
       {Rule::kEventfdReadWakes},
       [](Scene& s) { return s.value && s.memo != 0; },
       [](Scene& s) { s.memo = TheEventfd(s).count >= UINT64_MAX - 1; }},
      {"eventfd.read-in",
       "eventfd",
       "a semaphore's read that leaves a count is an edge for readers",
       {Rule::kEventfdReadWakes},
       [](Scene& s) {
         Eventfd& e = s.state().eventfds[s.id];
         return e.count > 0 ? NotifyToo(s, e.queue, kIn) : s.value;
       }},
      {"eventfd.empty-edge",
       "eventfd",
       "a read at count 0 notifies, too",
       {Rule::kEventfdEmpty},
       [](Scene& s) { return s.value ? NotifyToo(s, s.state().eventfds[s.id].queue, kOut) : false; }},
      {"eventfd.max",
       "eventfd",
       "the count may reach 2^64 - 1",
       {Rule::kEventfdFull},
       [](Scene& s) { return s.value && UINT64_MAX - s.state().eventfds[s.id].count < s.op.arg[3]; }},
      {"eventfd.fault-keeps",
       "eventfd",
       "a read into a bad buffer keeps the count",
       {},
       nullptr,
       [](Scene& s) { s.memo = static_cast<int64_t>(TheEventfd(s).count); },
       [](Scene& s, Outcome* out) {
         const bool fault = Reads(s) && out->kind == Outcome::kError && out->error == kEFAULT;
         if (fault) TheEventfd(s).count = static_cast<uint64_t>(s.memo);
       }},

      // --- AF_UNIX stream
      // ----------------------------------------------------------------------------------------------
      {"stream.first-arrival",
       "stream",
       "D03 WSL1, D37 StarryOS: data that arrives behind unread data is no edge",
       {Rule::kUnixArrivalWakes},
       [](Scene& s) { return s.value && (AskedSocket(s).type != kSockStream || AskedSocket(s).messages.size == 1); }},
      {"stream.out-again",
       "stream",
       "D92: a drained buffer is an edge for its sender only if that was not writable",
       {Rule::kUnixSpaceWakes},
       [](Scene& s) { return s.value && (s.memo == 0 || AskedSocket(s).type != kSockStream); },
       [](Scene& s) { s.memo = Reads(s) && Writable(s, s.state().sockets[TheSocket(s).peer]); }},
      {"stream.partial-read",
       "stream",
       "a read of a part of a buffer is an edge for its sender",
       {Rule::kUnixConsumed},
       [](Scene& s) {
         const Id sender = s.state().messages[AskedSocket(s).messages.head].sender;
         return s.value ? true : NotifyToo(s, s.state().sockets[sender].queue, kSpace);
       }},
      {"stream.half-close",
       "stream",
       "D43 Gramine: SHUT_WR closes both directions of the peer",
       {Rule::kUnixShutWakesPeer},
       [](Scene& s) {
         Socket& peer = s.state().sockets[AskedSocket(s).peer];
         if (peer.type == kSockStream) peer.shut_rd = peer.shut_wr = true;
         return s.value;
       }},
      {"stream.shut-again",
       "stream",
       "a shutdown that changes nothing notifies nobody",
       {Rule::kUnixShutWakesSelf, Rule::kUnixShutWakesPeer},
       [](Scene& s) {
         const bool changed = s.memo != AskedSocket(s).shut_rd + 2 * AskedSocket(s).shut_wr;
         return s.value && (changed || AskedSocket(s).type != kSockStream);
       },
       [](Scene& s) { s.memo = TheSocket(s).shut_rd + 2 * TheSocket(s).shut_wr; }},
      {"stream.peer-first",
       "stream",
       "shutdown notifies the peer before the socket itself",
       {Rule::kUnixShutWakesSelf, Rule::kUnixShutWakesPeer},
       [](Scene& s) {
         Socket& socket = AskedSocket(s);
         if (s.rule == Rule::kUnixShutWakesSelf) return s.value && (socket.peer == kNil || socket.type == kSockDgram);
         s.model.Notify(s.state().sockets[socket.peer].queue, 0);
         return NotifyInstead(s, socket.queue, 0);
       }},
      {"stream.shut-discards",
       "stream",
       "SHUT_RD discards what was not read",
       {Rule::kUnixShutRd},
       [](Scene& s) {
         if (s.value && AskedSocket(s).type == kSockStream) AskedSocket(s).messages = {};
         return s.value;
       }},
      {"stream.shut-out",
       "stream",
       "a socket whose send side was shut is not writable",
       {Rule::kUnixShutWr},
       [](Scene& s) {
         if (s.value && AskedSocket(s).type == kSockStream) AskedSocket(s).charge += s.model.facts().unix_sndbuf;
         return s.value;
       }},
      {"stream.quarter",
       "stream",
       "a send is EAGAIN as soon as OUT has gone",
       {Rule::kUnixSendFull},
       [](Scene& s) { return s.value || (AskedSocket(s).type == kSockStream && !Writable(s, AskedSocket(s))); }},
      {"stream.fault-edge",
       "stream",
       "a send from a bad buffer is no edge for the sender",
       {Rule::kUnixSpaceWakes},
       [](Scene& s) {
         const bool own = Writes(s) && Object(s, FileType::kUnix) == s.id && AskedSocket(s).type == kSockStream;
         return s.value && !own;
       }},
      {"stream.close-in",
       "stream",
       "D18 OSv: a close notifies the peer with the key of data",
       {Rule::kUnixReleaseWakesPeer},
       [](Scene& s) {
         return s.Calls(Call::kClose)
                    ? NotifyInstead(s, s.state().sockets[static_cast<Id>(s.memo)].queue, kIn | kPri | kRdnorm | kRdband)
                    : s.value;
       },
       [](Scene& s) { s.memo = TheSocket(s).peer; }},

      // --- AF_UNIX datagram
      // --------------------------------------------------------------------------------------------
      {"dgram.out-again",
       "dgram",
       "D91: a received datagram is an edge for its sender only if that was not writable",
       {Rule::kUnixSpaceWakes},
       [](Scene& s) { return s.value && (s.memo == 0 || AskedSocket(s).type != kSockDgram); },
       [](Scene& s) { s.memo = Reads(s) && Writable(s, s.state().sockets[TheSocket(s).peer]); }},
      {"dgram.failed-send",
       "dgram",
       "a datagram that could not be sent is no edge for its sender",
       {Rule::kUnixSpaceWakes},
       [](Scene& s) {
         const bool own = Writes(s) && Object(s, FileType::kUnix) == s.id && AskedSocket(s).type == kSockDgram;
         return s.value && !own;
       }},
      {"dgram.empty-silent",
       "dgram",
       "an empty datagram notifies nobody",
       {Rule::kUnixArrivalWakes},
       [](Scene& s) {
         const Socket& socket = AskedSocket(s);
         return s.value && (socket.type != kSockDgram || s.state().messages[socket.messages.tail].bytes > 0);
       }},
      {"dgram.rest-kept",
       "dgram",
       "a short receive leaves the rest of the datagram",
       {Rule::kUnixPeek},
       [](Scene& s) {
         if (s.value || AskedSocket(s).type != kSockDgram) return s.value;
         Message& m = s.state().messages[AskedSocket(s).messages.head];
         const int64_t n = static_cast<int64_t>(s.op.arg[2]);
         if (n >= m.bytes) return false;
         m.bytes -= n;
         return true;
       }},
      {"dgram.close-keeps-out",
       "dgram",
       "closing with unread datagrams tells their sender nothing about space",
       {Rule::kUnixSpaceWakes},
       [](Scene& s) { return s.value && (Reads(s) || Writes(s) || AskedSocket(s).type != kSockDgram); }},
      {"dgram.shut-peer",
       "dgram",
       "shutdown of a datagram socket reaches its peer",
       {Rule::kUnixShutReachesPeer},
       [](Scene& s) { return AskedSocket(s).peer != kNil; }},

      // --- AF_UNIX seqpacket
      // -------------------------------------------------------------------------------------------
      {"seqpacket.rest-kept",
       "seqpacket",
       "a short receive leaves the rest of the message, as on a stream",
       {Rule::kUnixPeek},
       [](Scene& s) {
         if (s.value || AskedSocket(s).type != kSockSeqpacket) return s.value;
         Message& m = s.state().messages[AskedSocket(s).messages.head];
         const int64_t n = static_cast<int64_t>(s.op.arg[2]);
         if (n >= m.bytes) return false;
         m.bytes -= n;
         return true;
       }},
      {"seqpacket.empty-nothing",
       "seqpacket",
       "a send of 0 bytes queues nothing, as on a stream",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         const Socket& socket = TheSocket(s);
         if (!Writes(s) || socket.type != kSockSeqpacket || s.op.arg[2] != 0 || out->kind != Outcome::kValues) return;
         List& queue = s.state().sockets[socket.peer].messages;
         MessageList::Remove(s.state().messages, queue, queue.tail);
       }},
      {"seqpacket.shut-alone",
       "seqpacket",
       "shutdown does not reach the peer, as on a datagram socket",
       {Rule::kUnixShutReachesPeer},
       [](Scene& s) { return s.value && AskedSocket(s).type != kSockSeqpacket; }},
      {"seqpacket.no-reset",
       "seqpacket",
       "D24 Miri: closing with unread messages does not reset the peer",
       {Rule::kUnixReset},
       [](Scene& s) { return s.value && AskedSocket(s).type != kSockSeqpacket; }},

      // --- timerfd
      // -----------------------------------------------------------------------------------------------------
      {"timerfd.first-tick",
       "timerfd",
       "D85: ticks are an edge only if none were pending",
       {Rule::kTimerfdTicksWake},
       [](Scene& s) { return s.value && s.memo == 0; },
       [](Scene& s) { s.memo = TheTimerfd(s).ticks != 0; }},
      {"timerfd.settime-edge",
       "timerfd",
       "timerfd_settime notifies",
       {Rule::kTimerfdSettimeClears},
       [](Scene& s) { return NotifyToo(s, s.state().timerfds[s.id].queue, kIn); }},
      {"timerfd.add-ticks",
       "timerfd",
       "set ticks are added to those that are pending",
       {},
       nullptr,
       [](Scene& s) { s.memo = static_cast<int64_t>(TheTimerfd(s).ticks); },
       [](Scene& s, Outcome* out) {
         if (s.Calls(Call::kTimerfdTicks) && out->kind == Outcome::kValues)
           TheTimerfd(s).ticks += static_cast<uint64_t>(s.memo);
       }},
      {"timerfd.read-one",
       "timerfd",
       "a read takes one tick, as from a semaphore",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (Object(s, FileType::kTimerfd) == kNil || !out->has_payload) return;
         TheTimerfd(s).ticks = out->payload - 1;
         out->payload = 1;
       }},
      {"timerfd.fault-keeps",
       "timerfd",
       "a read into a bad buffer keeps the ticks",
       {},
       nullptr,
       [](Scene& s) { s.memo = static_cast<int64_t>(TheTimerfd(s).ticks); },
       [](Scene& s, Outcome* out) {
         const bool fault = Reads(s) && out->kind == Outcome::kError && out->error == kEFAULT;
         if (fault) TheTimerfd(s).ticks = static_cast<uint64_t>(s.memo);
       }},
      {"timerfd.absolute-as-relative",
       "timerfd",
       "an absolute time is taken for a span: one that has passed does not expire at once",
       {Rule::kTimerfdExpires},
       [](Scene& s) { return s.value && (s.op.u32(1) & kTfdTimerAbstime) == 0; }},
      {"timerfd.keeps-firing",
       "timerfd",
       "a periodic timer goes on notifying before it is read",
       {},
       nullptr,
       [](Scene& s) {
         if (!s.Calls(Call::kEpollWait)) return;
         for (Id id = 1; id < s.state().timerfds.size(); ++id) {
           Timerfd& t = s.state().timerfds[id];
           if (t.expired && NearInterval(t.interval[0], t.interval[1])) s.model.Notify(t.queue, kIn);
         }
       }},
      {"timerfd.gettime-clears",
       "timerfd",
       "timerfd_gettime takes the ticks",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (s.Calls(Call::kTimerfdGettime) && out->kind == Outcome::kValues) TheTimerfd(s).ticks = 0;
       }},
      {"timerfd.rearm-expired",
       "timerfd",
       "settime leaves the expirations of the old setting to be read",
       {},
       nullptr,
       [](Scene& s) { s.memo = static_cast<int64_t>(TheTimerfd(s).ticks); },
       [](Scene& s, Outcome* out) {
         if (!s.Calls(Call::kTimerfdSettime) || out->kind != Outcome::kValues) return;
         TheTimerfd(s).ticks += static_cast<uint64_t>(s.memo);
       }},

      // --- userfaultfd and perf events ---------------------------------------------------------------------------
      {"userfaultfd.handshake-edge",
       "userfaultfd",
       "the handshake notifies",
       {},
       nullptr,
       nullptr,
       [](Scene& s, Outcome* out) {
         if (!s.Calls(Call::kUffdApi) || out->kind != Outcome::kValues) return;
         s.model.Notify(s.state().userfaultfds[Object(s, FileType::kUserfaultfd)].queue, 0);
       }},
      {"userfaultfd.err-at-open",
       "userfaultfd",
       "whether it may block is looked at when it is created, and not again",
       {Rule::kUserfaultfdErrBlocking},
       [](Scene& s) {
         return s.value && !s.Calls(Call::kFcntl) && s.model.state().userfaultfds[s.id].initialized && s.memo != 0;
       },
       [](Scene& s) { s.memo = s.Calls(Call::kPoll); }},
      {"perf.in",
       "perf",
       "a perf event without a buffer is readable: it can be read",
       {Rule::kPerfHup},
       [](Scene& s) { return s.value && !s.Calls(Call::kPoll); }},
  };
  return mistakes;
}

}  // namespace pollux
