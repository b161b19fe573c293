// An epoll in memory: deterministic, without a kernel, to test event loops against.
//
// A World is one process' descriptors, the files behind them and the epoll instances that watch them, exactly as Linux
// has them: which events a wait returns and in which order, what an edge is, when EPOLLONESHOT disarms, what a closed
// duplicate leaves behind. Nothing happens in it but what its caller does, so a test that passes once passes always.
//
//   pollux::World world;
//   int ends[2];
//   world.Pipe(ends, O_NONBLOCK);
//   const int ep = world.EpollCreate();
//   const pollux::World::Event want = {EPOLLIN | EPOLLET, 7};
//   world.EpollCtl(ep, EPOLL_CTL_ADD, ends[0], &want);
//   world.Write(ends[1], "hello", 5);
//   pollux::World::Event got[8];
//   world.EpollWait(ep, got, 8, -1);  // 1; got[0] is {EPOLLIN, 7}
//
// Arguments are those of the system calls of the same names, constants are Linux's on x86-64 (those of <sys/epoll.h>
// and its neighbours). Results are the system calls' too, but an error comes back as -errno, as the kernel itself
// returns it. Descriptors are numbered from 3 up, the lowest free one first; 0 to 2 are nobody's.
//
// Time stands still. Where Linux would sleep for ever, since nobody is left to wake the caller, the result is
// kWouldSleep and nothing has changed; a wait with a positive timeout finds nothing and returns 0, as after that time.
// Timers expire when they are told to.
//
// Every call here has a single allowed result, so there is nothing to choose and no seed to give.
//
// A World is a value: a copy is a world of its own, from which both can go on. Calls cost what the kernel's algorithm
// costs, without the system call. Not thread-safe.

#ifndef POLLUX_MODEL_POLLUX_H_
#define POLLUX_MODEL_POLLUX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace pollux {

class World {
 public:
  // struct epoll_event, its data as a number.
  struct Event {
    uint32_t events;
    uint64_t data;
  };

  // -EDEADLK: the call would sleep for ever.
  static constexpr int kWouldSleep = -35;

  // The newest Linux that Pollux knows.
  World();
  // Another release: "linux-6.1", "linux-5.10", ... ("linux-6.18+QUIRK" with one difference). Empty if there is none
  // of that name.
  static std::optional<World> Of(std::string_view release);

  ~World();
  World(const World& other);
  World& operator=(const World& other);
  World(World&& other) noexcept;  // what is moved from may only be assigned to or destroyed
  World& operator=(World&& other) noexcept;

  // --- epoll ---------------------------------------------------------------------------------------------------

  // epoll_create1(2): a new instance's descriptor. Flags: EPOLL_CLOEXEC.
  int EpollCreate(int flags = 0);
  // epoll_ctl(2): 0, or -EEXIST, -ENOENT, -ELOOP, ... A null event is EFAULT where the kernel would read it.
  int EpollCtl(int epfd, int op, int fd, const Event* event);
  // epoll_wait(2): how many of `events` were filled.
  int EpollWait(int epfd, Event* events, int maxevents, int timeout_ms);

  // --- Files -----------------------------------------------------------------------------------------------------

  // pipe2(2): fds[0] is read, fds[1] written. Flags: O_NONBLOCK, O_CLOEXEC, O_DIRECT (packets).
  int Pipe(int fds[2], int flags = 0);
  // socketpair(2), AF_UNIX: SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET, with SOCK_NONBLOCK and SOCK_CLOEXEC.
  int SocketPair(int type, int fds[2]);
  // eventfd(2): EFD_NONBLOCK, EFD_CLOEXEC, EFD_SEMAPHORE.
  int Eventfd(unsigned initial, int flags = 0);
  // timerfd_create(2), CLOCK_MONOTONIC. Flags: TFD_NONBLOCK, TFD_CLOEXEC.
  int Timerfd(int flags = 0);
  // The timer expires, `times` times since it was last looked at: one wake-up. -EINVAL for what is no timer, or 0.
  int Expire(int fd, uint64_t times = 1);

  // read(2), write(2): bytes arrive as they were written. Writing to a closed pipe is -EPIPE, and no signal.
  int64_t Read(int fd, void* buffer, size_t size);
  int64_t Write(int fd, const void* buffer, size_t size);
  // shutdown(2) of a socket: SHUT_RD, SHUT_WR, SHUT_RDWR.
  int Shutdown(int fd, int how);

  // --- Descriptors -----------------------------------------------------------------------------------------------

  int Dup(int fd);
  int Dup2(int fd, int newfd);
  int Close(int fd);

  // Descriptors, files, interest and ready lists in words, one line a fact: for a failed test's message.
  std::string Describe() const;

 private:
  struct Inside;
  explicit World(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace pollux

#endif  // POLLUX_MODEL_POLLUX_H_
