// A small event loop, run on epoll's model: its test needs no kernel, no sleep and no luck.
//
// The loop is a template over who answers its calls. A program gives it the system's; this one gives it a
// pollux::World, plays the other end of each connection, and finds the classic mistake: a handler that is told of an
// edge once and does not read until EAGAIN. The loop then falls asleep with bytes unread. On a kernel that is a hang
// that sometimes happens; here it is a result.

#include <errno.h>
#include <fcntl.h>
#include <pollux.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <cstdio>
#include <functional>
#include <map>
#include <string>

template <class System>
class EventLoop {
 public:
  using Handler = std::function<void(uint32_t events)>;

  explicit EventLoop(System& system) : system_(system), epoll_(system.EpollCreate()) {}
  ~EventLoop() { system_.Close(epoll_); }

  void Watch(int fd, uint32_t events, Handler handler) {
    const typename System::Event event = {events, static_cast<uint64_t>(fd)};
    if (system_.EpollCtl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0) handlers_[fd] = std::move(handler);
  }
  void Forget(int fd) {
    system_.EpollCtl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    handlers_.erase(fd);
  }
  // Handles what is ready; how many events there were, or a negative error number.
  int Turn() {
    typename System::Event events[4];
    const int n = system_.EpollWait(epoll_, events, 4, -1);
    for (int i = 0; i < n; ++i) {
      // An earlier handler of this turn may have forgotten the descriptor.
      const auto found = handlers_.find(static_cast<int>(events[i].data));
      if (found != handlers_.end()) Handler(found->second)(events[i].events);
    }
    return n;
  }

 private:
  System& system_;
  int epoll_;
  std::map<int, Handler> handlers_;
};

// Echoes on an edge-triggered socket, `until_again` or, wrongly, one read an edge; ticks on a timer. Returns whether
// all that the peer sent came back before the loop fell asleep.
bool Echoes(bool until_again) {
  pollux::World world;
  EventLoop<pollux::World> loop(world);
  int s[2];
  world.SocketPair(SOCK_STREAM | SOCK_NONBLOCK, s);
  const int timer = world.Timerfd(TFD_NONBLOCK);
  std::string log;

  loop.Watch(s[0], EPOLLIN | EPOLLRDHUP | EPOLLET, [&](uint32_t) {
    char buffer[4];
    int64_t n;
    do {
      n = world.Read(s[0], buffer, sizeof buffer);
      if (n > 0) world.Write(s[0], buffer, static_cast<size_t>(n));
    } while (until_again && n > 0);
    log += n == 0 ? "end " : "echo ";
    if (n == 0) loop.Forget(s[0]);
  });
  loop.Watch(timer, EPOLLIN, [&](uint32_t) {
    uint64_t ticks = 0;
    world.Read(timer, &ticks, sizeof ticks);
    log += "tick*" + std::to_string(ticks) + " ";
  });

  world.Write(s[1], "hello, loop", 11);
  world.Expire(timer, 2);
  while (loop.Turn() > 0) {
  }
  char echo[64];
  const int64_t n = world.Read(s[1], echo, sizeof echo);
  log += "asleep ";
  world.Shutdown(s[1], SHUT_WR);
  while (loop.Turn() > 0) {
  }
  std::printf("%-12s %2d of 11 bytes came back: %s\n", until_again ? "until EAGAIN" : "one read", static_cast<int>(n),
              log.c_str());
  if (n != 11) std::fputs(world.Describe().c_str(), stdout);
  return n == 11;
}

int main() {
  const bool right = Echoes(true), wrong = Echoes(false);
  return right && !wrong ? 0 : 1;
}
