// A place for FIFOs that leaves nothing behind: a tmpfs that is mounted nowhere (fsmount(2)), needs CAP_SYS_ADMIN.
//
// Its mount lives as long as a descriptor of it, and no descriptor can be kept beside a trace's. So a thread with a
// table of its own keeps one, and its path goes by way of that thread. Not thread-safe.

#ifndef POLLUX_ORACLE_FIFO_ROOM_H_
#define POLLUX_ORACLE_FIFO_ROOM_H_

#include <sys/types.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace pollux {

class FifoRoom {
 public:
  FifoRoom() = default;
  ~FifoRoom();
  FifoRoom(const FifoRoom&) = delete;
  FifoRoom& operator=(const FifoRoom&) = delete;

  // An O_PATH descriptor of a new FIFO without a name, or -errno. The first call in a process starts the thread.
  long Open(int flags);
  // Where it is made, for as long as this is there.
  std::string Path() const;

 private:
  void Start();
  void Main();

  std::thread keeper_;
  std::mutex mutex_;
  std::condition_variable changed_;
  pid_t process_ = 0;  // whose keeper this is: threads do not survive fork(2)
  pid_t tid_ = 0;      // 0: not up yet
  int mount_ = -1;     // in the keeper's table, or -errno
  bool stop_ = false;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_FIFO_ROOM_H_
