// The public face of the model: calls become ops, and the bytes that the model only counts are kept here.

#include "model/pollux.h"

#include <cstring>
#include <initializer_list>
#include <unordered_map>
#include <utility>

#include "model/model.h"

namespace pollux {
namespace {

Op Make(Call call, std::initializer_list<int64_t> args) {
  Op op = {.call = call};
  size_t slot = 0;
  for (int64_t arg : args) op.arg[slot++] = static_cast<uint64_t>(arg);
  return op;
}

int64_t Number(int fd) { return static_cast<int64_t>(Fd::Literal(fd).bits()); }
int64_t Pointer(const void* p) {
  return static_cast<int64_t>(Memory(p != nullptr ? Memory::kGood : Memory::kNull).bits());
}

}  // namespace

struct World::Inside {
  explicit Inside(const Profile& profile) : model(profile) {}

  // The op's result, as the kernel returns it.
  int64_t Run(const Op& op) {
    model.Run(op, &out);
    switch (out.kind) {
      case Outcome::kValues:
        return out.value[0];
      case Outcome::kError:
        return -out.error;
      case Outcome::kRecords:
        return static_cast<int64_t>(out.records.size());
      case Outcome::kSkipped:  // no call of this header can be answered so
        return -kENOSYS;
      default:
        return kWouldSleep;
    }
  }
  int Two(const Op& op, int fds[2]) {
    const int64_t result = Run(op);
    if (result < 0) return static_cast<int>(result);
    fds[0] = static_cast<int>(out.value[0]), fds[1] = static_cast<int>(out.value[1]);
    return 0;
  }

  // --- Bytes: those of a queue lie in `bytes` under its id, in order; the model knows how many there are.

  using Queue = std::pair<FileType, Id>;
  struct HashQueue {
    size_t operator()(const Queue& q) const { return static_cast<size_t>(q.first) << 32 | q.second; }
  };

  const File& FileOf(int fd) const { return model.state().files[model.FileAt(fd)]; }

  // Where what is written to the file goes, or what is read from it lies.
  Queue QueueOf(const File& f, bool writing) const {
    const Id peer = f.type == FileType::kUnix && writing ? model.state().sockets[f.object].peer : f.object;
    return {f.type, peer};
  }

  size_t Queued(Queue queue) const {
    const State& s = model.state();
    int64_t n = 0;
    if (queue.first == FileType::kPipe) {
      for (Id i = s.pipes[queue.second].slots.head; i != kNil; i = s.slots[i].in_pipe.next) n += s.slots[i].bytes;
    } else if (queue.first == FileType::kUnix) {
      for (Id i = s.sockets[queue.second].messages.head; i != kNil; i = s.messages[i].in_socket.next) {
        n += s.messages[i].bytes - s.messages[i].consumed;
      }
    }
    return static_cast<size_t>(n);
  }

  Model model;
  Outcome out;
  std::unordered_map<Queue, std::string, HashQueue> bytes;
};

World::World(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
World::World() : World(std::make_unique<Inside>(Profiles().back())) {}
World::~World() = default;
World::World(const World& other) : inside_(std::make_unique<Inside>(*other.inside_)) {}
World& World::operator=(const World& other) {
  inside_ = std::make_unique<Inside>(*other.inside_);
  return *this;
}
World::World(World&& other) noexcept = default;
World& World::operator=(World&& other) noexcept = default;

std::optional<World> World::Of(std::string_view release) {
  Profile profile;
  if (!FindProfile(release, &profile)) return std::nullopt;
  return World(std::make_unique<Inside>(profile));
}

// --- epoll -----------------------------------------------------------------------------------------------------------

int World::EpollCreate(int flags) { return static_cast<int>(inside_->Run(Make(Call::kEpollCreate1, {flags}))); }

int World::EpollCtl(int epfd, int op, int fd, const Event* event) {
  const Event e = event != nullptr ? *event : Event();
  return static_cast<int>(inside_->Run(
      Make(Call::kEpollCtl, {Number(epfd), op, Number(fd), Pointer(event), e.events, static_cast<int64_t>(e.data)})));
}

int World::EpollWait(int epfd, Event* events, int maxevents, int timeout_ms) {
  const int n =
      static_cast<int>(inside_->Run(Make(Call::kEpollWait, {Number(epfd), Pointer(events), maxevents, timeout_ms})));
  for (int i = 0; i < n; ++i) events[i] = {inside_->out.records[i].events, inside_->out.records[i].data};
  return n;
}

// --- Files -----------------------------------------------------------------------------------------------------------

int World::Pipe(int fds[2], int flags) { return inside_->Two(Make(Call::kPipe2, {flags}), fds); }

int World::SocketPair(int type, int fds[2]) {
  constexpr int kFlags = kONonblock | kOCloexec;
  return inside_->Two(Make(Call::kSocketpair, {type & ~kFlags, type & kFlags}), fds);
}

int World::Eventfd(unsigned initial, int flags) {
  return static_cast<int>(inside_->Run(Make(Call::kEventfd, {initial, flags})));
}

int World::Timerfd(int flags) {
  return static_cast<int>(inside_->Run(Make(Call::kTimerfdCreate, {kClockMonotonic, flags})));
}

int World::Expire(int fd, uint64_t times) {
  const File& f = inside_->FileOf(fd);
  if (f.type != FileType::kTimerfd || times == 0) return -(f.type == FileType::kNone ? kEBADF : kEINVAL);
  const uint64_t pending = inside_->model.state().timerfds[f.object].ticks;
  return static_cast<int>(inside_->Run(Make(Call::kTimerfdTicks, {Number(fd), static_cast<int64_t>(pending + times)})));
}

int64_t World::Read(int fd, void* buffer, size_t size) {
  Inside& in = *inside_;
  const Op op = Make(Call::kRead, {Number(fd), Pointer(buffer), static_cast<int64_t>(size)});
  if (in.model.Blocks(op)) return kWouldSleep;
  const Inside::Queue queue = in.QueueOf(in.FileOf(fd), false);
  const int64_t n = in.Run(op);
  if (n <= 0) return n;
  if (in.out.has_payload) {
    std::memcpy(buffer, &in.out.payload, sizeof in.out.payload);
    return n;
  }
  std::string& bytes = in.bytes[queue];
  std::memcpy(buffer, bytes.data(), static_cast<size_t>(n));
  // What is left of a packet or message that was longer than the buffer is gone as well.
  bytes.erase(0, bytes.size() - in.Queued(queue));
  return n;
}

int64_t World::Write(int fd, const void* buffer, size_t size) {
  Inside& in = *inside_;
  uint64_t payload = 0;
  if (size >= sizeof payload && buffer != nullptr) std::memcpy(&payload, buffer, sizeof payload);
  const Op op =
      Make(Call::kWrite, {Number(fd), Pointer(buffer), static_cast<int64_t>(size), static_cast<int64_t>(payload)});
  if (in.model.Blocks(op)) return kWouldSleep;
  const Inside::Queue queue = in.QueueOf(in.FileOf(fd), true);
  const size_t before = in.Queued(queue);
  const int64_t n = in.Run(op);
  if (n > 0 && in.Queued(queue) > before) {
    std::string& bytes = in.bytes[queue];
    bytes.resize(before);  // what an earlier owner of the id left behind
    bytes.append(static_cast<const char*>(buffer), static_cast<size_t>(n));
  }
  return n;
}

int World::Shutdown(int fd, int how) {
  return static_cast<int>(inside_->Run(Make(Call::kShutdown, {Number(fd), how})));
}

// --- Descriptors -----------------------------------------------------------------------------------------------------

int World::Dup(int fd) { return static_cast<int>(inside_->Run(Make(Call::kDup, {Number(fd)}))); }

int World::Dup2(int fd, int newfd) {
  return static_cast<int>(inside_->Run(Make(Call::kDup2, {Number(fd), Number(newfd)})));
}

int World::Close(int fd) { return static_cast<int>(inside_->Run(Make(Call::kClose, {Number(fd)}))); }

std::string World::Describe() const { return inside_->model.Describe(); }

}  // namespace pollux
