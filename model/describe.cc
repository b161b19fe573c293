// The model's state in words, for explanations and reports.

#include <cstdarg>
#include <cstdio>
#include <map>

#include "model/model.h"
#include "model/text.h"

namespace pollux {

class Describer {
 public:
  explicit Describer(const Model& model) : m_(model), s_(model.state_) {}

  std::string Run() {
    Numbers(s_, "");
    if (s_.second) Numbers(s_.other, "P2:");
    for (const auto& [file, fds] : numbers_) {
      std::string line;
      for (const std::string& fd : fds) line += (line.empty() ? "" : ",") + fd;
      line += ": " + File(file);
      text_ += line + "\n";
      if (const Id e = m_.InstanceOf(file); e != kNil) Epoll(e);
    }
    for (size_t t = 1; t < s_.threads.size(); ++t) {
      if (s_.threads[t].state == Thread::kIdle) continue;
      text_ += "T" + std::to_string(t) + ": sleeps in " + CallOf(s_.threads[t].op) + "\n";
    }
    if (s_.nofile != 1024) text_ += "RLIMIT_NOFILE " + std::to_string(s_.nofile) + "\n";
    if (s_.watches_left < State::kNoLimit / 2) text_ += "watches left " + std::to_string(s_.watches_left) + "\n";
    return text_;
  }

 private:
  void Numbers(const Process& process, const char* whose) {
    for (size_t fd = 3; fd < process.fds.size(); ++fd) {
      if (process.fds[fd].file != kNil) numbers_[process.fds[fd].file].push_back(whose + std::to_string(fd));
    }
  }

  static std::string CallOf(Op op) {
    op.thread = 0;
    return PrintOp(op);
  }

  std::string File(Id id) const {
    const pollux::File& f = s_.files[id];
    std::string t;
    switch (f.type) {
      case FileType::kCount:
      case FileType::kNone:
        return "nothing";
      case FileType::kPath:
        return s_.inodes[f.inode].fifo ? "O_PATH of a FIFO" : "O_PATH";
      case FileType::kRegular:
        return "regular file";
      case FileType::kDirectory:
        return "directory";
      case FileType::kMemfd:
        return "memfd";
      case FileType::kNull:
        return "/dev/null";
      case FileType::kEpoll: {
        const Instance& e = s_.instances[f.object];
        return "epoll, " + std::to_string(e.items.size) + " items";
      }
      case FileType::kPipe: {
        const Pipe& p = s_.pipes[f.object];
        const char* end = !f.writable ? "reading end" : !f.readable ? "writing end" : "both ends";
        t = std::string(s_.inodes[f.inode].fifo ? "FIFO, " : "pipe, ") + end + ", " + std::to_string(p.slots.size) +
            "/" + std::to_string(p.max_slots) + " slots";
        if (p.writers == 0) t += ", no writer";
        if (p.readers == 0) t += ", no reader";
        break;
      }
      case FileType::kEventfd:
        t = "eventfd, count " + std::to_string(s_.eventfds[f.object].count);
        break;
      case FileType::kTimerfd:
        t = "timerfd, " + std::to_string(s_.timerfds[f.object].ticks) + " ticks";
        if (const auto& every = s_.timerfds[f.object].interval; every[0] != 0 || every[1] != 0) t += ", periodic";
        if (s_.timerfds[f.object].expired) t += ", expired";
        if (s_.timerfds[f.object].might_cancel) t += ", told of jumps";
        if (s_.timerfds[f.object].jumped) t += ", the clock has jumped";
        break;
      case FileType::kUserfaultfd:
        t = s_.userfaultfds[f.object].initialized ? "userfaultfd" : "userfaultfd before its handshake";
        break;
      case FileType::kPerf:
        t = "perf event";
        break;
      case FileType::kRing: {
        const Ring& r = s_.rings[f.object];
        t = "io_uring, " + std::to_string(r.submissions) + " of " + std::to_string(r.sq_entries) + " submissions, " +
            std::to_string(r.completions) + " of " + std::to_string(r.cq_entries) + " completions";
        if (r.overflow > 0) t += ", " + std::to_string(r.overflow) + " beyond";
        break;
      }
      case FileType::kInotify: {
        const Inotify& n = s_.inotifies[f.object];
        t = "inotify, " + std::to_string(n.watches.size) + " watches, " + std::to_string(n.notices.size) + " events";
        break;
      }
      case FileType::kMqueue: {
        const Mqueue& q = s_.mqueues[s_.inodes[f.inode].object];
        t = "message queue, " + std::to_string(q.messages.size) + "/" + std::to_string(q.most) + " messages of " +
            std::to_string(q.longest) + " bytes";
        break;
      }
      case FileType::kPtm:
      case FileType::kPts: {
        const bool slave = f.type == FileType::kPts;
        const Tty &own = s_.ptys[f.object].side[slave], &other = s_.ptys[f.object].side[!slave];
        t = std::string(slave ? "slave" : "master") + " of a pseudoterminal, " + std::to_string(own.unread) + " unread";
        if (own.other_closed) t += slave ? ", hung up" : ", no slave";
        if (other.held > 0) t += ", the other side's buffers hold " + std::to_string(other.held);
        break;
      }
      case FileType::kSignalfd:
        t = "signalfd of " + std::to_string(std::popcount(s_.signalfds[f.object].mask)) + " signals, " +
            std::to_string(s_.signals.size()) + " pending";
        break;
      case FileType::kPidfd: {
        static constexpr const char* kStates[] = {"alive", "dead", "reaped"};
        t = std::string("pidfd of a child that is ") + kStates[static_cast<size_t>(s_.children[f.object].state)];
        break;
      }
      case FileType::kTcp:
      case FileType::kUdp:
        t = Inet(s_.inets[f.object]);
        break;
      case FileType::kDevice:
      case FileType::kOpaque:
      case FileType::kSecret:
      case FileType::kTerminal:
      case FileType::kConstant:
        t = f.type == FileType::kSecret ? "secret memory" : Name(f);
        if (s_.plains[f.object].read) t += ", read";
        break;
      case FileType::kAnnounces:
        t = Name(f);
        break;
      case FileType::kNetlink: {
        const Netlink& s = s_.netlinks[f.object];
        t = "netlink, " + std::to_string(s.messages.size) + " queued, charge " + std::to_string(s.used);
        if (s.address == 0) t += ", unbound";
        if (s.to != 0) t += ", to another socket";
        if (s.dumping) t += ", dump under way";
        if (s.congested) t += ", has lost answers";
        if (s.error != kOK) t += ", error pending";
        break;
      }
      case FileType::kUnix: {
        const Socket& s = s_.sockets[f.object];
        t = s.type == kSockStream ? "unix stream" : s.type == kSockDgram ? "unix datagram" : "unix seqpacket";
        t += ", " + std::to_string(s.messages.size) + " queued, charge " + std::to_string(s.charge);
        if (s.state == SocketState::kListening) t += ", listening, backlog " + std::to_string(s.backlog);
        if (s.state == SocketState::kUnconnected && s.type != kSockDgram) t += ", not connected";
        if (s.type == kSockDgram && s.peer == kNil) t += ", without a peer";
        if (s.type == kSockDgram && s.peer != kNil && s_.sockets[s.peer].peer != f.object) t += ", connected one way";
        if (s.oob != kNil) t += ", out-of-band byte";
        if (s.waits_for != kNil) t += ", waits for its peer";
        if (s.waiting.size > 0) t += ", " + std::to_string(s.waiting.size) + " wait for it";
        if (s.shut_rd) t += ", receive shut";
        if (s.shut_wr) t += ", send shut";
        if (s.error != kOK) t += ", error pending";
        break;
      }
    }
    return t + ", mask " + PrintMask(m_.PeekMask(id));
  }

  // What open() calls it.
  std::string Name(const pollux::File& f) const {
    for (const Word& word : Spec(Call::kOpen).args[0].words) {
      if (word.value == static_cast<uint64_t>(s_.inodes[f.inode].which)) return std::string(word.name);
    }
    return "file";
  }

  static std::string Inet(const pollux::Inet& s) {
    static constexpr const char* kStates[] = {"closed", "listening", "established", "ended by the other side", "ended"};
    std::string t = s.stream ? std::string("tcp, ") + kStates[static_cast<size_t>(s.state)] : "udp";
    if (s.stream && s.state == TcpState::kListening) t += ", " + std::to_string(s.pending.size) + " pending";
    if (s.stream) t += ", " + std::to_string(s.received - s.copied) + " unread";
    if (!s.stream) t += ", " + std::to_string(s.messages.size) + " queued";
    if (s.urgent == Urgent::kValid) t += ", urgent data";
    if (s.phase == TcpPhase::kConnecting) t += ", connecting";
    if (!s.stream && s.peer_address != 0) t += ", connected";
    if (s.address == 0) t += ", unbound";
    if (s.shut_rd) t += ", receive shut";
    if (s.shut_wr) t += ", send shut";
    if (s.error != kOK) t += ", error pending";
    return t;
  }

  // An item by its number and data; its own number may be closed or name another file by now.
  std::string ItemName(Id id) const {
    const Item& item = s_.items[id];
    char data[32];
    std::snprintf(data, sizeof data, " 0x%llx", static_cast<unsigned long long>(item.data));
    std::string t = std::to_string(item.fd) + data;
    if (m_.FileAt(item.fd) != item.file) t += " (ghost)";
    return t;
  }

  void Epoll(Id e) {
    const Instance& instance = s_.instances[e];
    Id id = instance.items.head;
    for (uint32_t i = instance.items.size; i > 0 && id != kNil; --i) {
      const Item& item = s_.items[id];
      text_ += "  item " + ItemName(id) + " " + PrintMask(item.events);
      if ((item.events & ~kPrivate) == 0) text_ += ", disarmed";
      text_ += "\n";
      id = item.in_instance.next;
    }
    std::string ready;
    id = instance.ready.head;
    for (uint32_t i = instance.ready.size; i > 0 && id != kNil; --i) {
      const Item& item = s_.items[id];
      ready += (ready.empty() ? "" : ", ") + ItemName(id);
      if ((m_.PeekMask(item.file) & item.events) == 0) ready += " stale";
      ready += " by " + std::string(Info(item.queued_by).id);
      id = item.in_ready.next;
    }
    text_ += "  ready [" + ready + "]\n";
    std::string waiters;
    id = instance.waiters.head;
    for (uint32_t i = instance.waiters.size; i > 0 && id != kNil; --i, id = s_.entries[id].in_queue.next) {
      waiters += (waiters.empty() ? "T" : ", T") + std::to_string(s_.entries[id].thread);
    }
    if (!waiters.empty()) text_ += "  wakes next [" + waiters + "]\n";
  }

  const Model& m_;
  const State& s_;
  std::map<Id, std::vector<std::string>> numbers_;
  std::string text_;
};

std::string Model::Describe() const { return Describer(*this).Run(); }

}  // namespace pollux
