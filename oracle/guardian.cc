#include "oracle/guardian.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>

namespace pollux {
namespace {

constexpr char kSysctl[] = "/proc/sys/fs/epoll/max_user_watches";
constexpr char kName[] = "pollux-max-user-watches";  // an abstract socket name
constexpr char kReady = 'r';                         // the guardian's word: the limit is lowered

socklen_t Address(sockaddr_un* address) {
  *address = {};
  address->sun_family = AF_UNIX;
  std::memcpy(address->sun_path + 1, kName, sizeof kName - 1);
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + sizeof kName);
}

// --- The guardian process. Forked from a process with threads: system calls only, no allocation. ---------------------

int64_t ReadLimit() {
  char text[32] = {};
  const int fd = open(kSysctl, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  return n > 0 ? std::strtoll(text, nullptr, 10) : -1;
}

bool WriteLimit(int64_t limit) {
  char text[32];
  const int length = std::snprintf(text, sizeof text, "%lld", static_cast<long long>(limit));
  const int fd = open(kSysctl, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = write(fd, text, static_cast<size_t>(length)) == length;
  close(fd);
  return written;
}

class Guardian {
 public:
  Guardian(int listener, int64_t lowered) : lowered_(lowered) { polled_[0] = {listener, POLLIN, 0}; }

  [[noreturn]] void Main() {
    // Who started it connects at once; should it have died before that, there is nothing to wait for.
    int patience_ms = 5000;
    while (poll(polled_, size_, patience_ms) != 0) {
      if (polled_[0].revents != 0) Accept();
      for (nfds_t i = size_; i-- > 1;) {
        if (polled_[i].revents != 0) Leave(i);
      }
      // With nobody left it takes those who have just come, and otherwise goes.
      patience_ms = size_ == 1 ? 0 : -1;
    }
    _exit(0);
  }

 private:
  void Accept() {
    const int fd = accept4(polled_[0].fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    if (size_ == kMost || (size_ == 1 && !Lower())) {
      close(fd);
      return;
    }
    polled_[size_++] = {fd, POLLIN, 0};
    send(fd, &kReady, 1, MSG_NOSIGNAL);
  }
  // A holder sends nothing: whatever happened on its connection is its end.
  void Leave(nfds_t i) {
    if (size_ == 2 && ReadLimit() == lowered_) WriteLimit(original_);
    close(polled_[i].fd);  // a holder that waits for this finds the old value
    polled_[i] = polled_[--size_];
  }
  bool Lower() {
    original_ = ReadLimit();
    return original_ >= lowered_ && WriteLimit(lowered_);
  }

  static constexpr nfds_t kMost = 256;
  int64_t lowered_, original_ = -1;
  pollfd polled_[kMost];  // the listener, then the holders
  nfds_t size_ = 1;
};

[[noreturn]] void BecomeGuardian(int listener, int64_t lowered) {
  setsid();
  for (int s = 1; s < NSIG; ++s) signal(s, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  prctl(PR_SET_NAME, "pollux-guardian");
  // Keeps nothing of its parent: no pipe that somebody reads to its end, no directory.
  listener = dup2(listener, 3);
  const int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) dup2(null, fd);
  if (syscall(SYS_close_range, 4, ~0u, 0) != 0) {
    for (int fd = 4; fd < 65536; ++fd) close(fd);
  }
  if (chdir("/") != 0) _exit(1);
  const int oom = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (oom >= 0) {
    if (write(oom, "-1000", 5) != 5) {  // then it takes its chances
    }
    close(oom);
  }
  Guardian(listener, lowered).Main();
}

// --- Those who need it -----------------------------------------------------------------------------------------------

// How many watches the processes that can be seen hold.
int64_t WatchesInUse() {
  int64_t watches = 0;
  const auto each = [](const std::string& path, const auto& f) {
    DIR* dir = opendir(path.c_str());
    if (dir == nullptr) return;
    while (const dirent* entry = readdir(dir)) {
      if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') f(path + "/" + entry->d_name, entry->d_name);
    }
    closedir(dir);
  };
  each("/proc", [&](const std::string& process, const char*) {
    each(process + "/fd", [&](const std::string& link, const char* number) {
      char target[64];
      const ssize_t n = readlink(link.c_str(), target, sizeof target);
      if (n <= 0 || std::string_view(target, static_cast<size_t>(n)) != "anon_inode:[eventpoll]") return;
      std::ifstream info(process + "/fdinfo/" + number);
      for (std::string line; std::getline(info, line);) watches += line.starts_with("tfd:");
    });
  });
  return watches;
}

// Starts the guardian, unless somebody else is about to.
bool StartGuardian(int64_t lowered, std::string* why) {
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un address;
  const socklen_t length = Address(&address);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(listener, 64) != 0) {
    const bool other = errno == EADDRINUSE;
    close(listener);
    *why = "the guardian's socket cannot be bound";
    return other;
  }
  // The name is ours, so the limit is the original one.
  if (lowered >= ReadLimit()) {
    close(listener);
    *why = "too many watches are in use to lower fs.epoll.max_user_watches";
    return false;
  }
  const pid_t child = fork();
  if (child == 0) {
    // Once more, so that the guardian is nobody's child and no SIGCHLD tells of it.
    if (fork() != 0) _exit(0);
    BecomeGuardian(listener, lowered);
  }
  close(listener);
  if (child < 0) {
    *why = "the guardian cannot be started";
    return false;
  }
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return true;
}

}  // namespace

int64_t MaxUserWatches() { return ReadLimit(); }

bool LoweredWatches::Join() {
  if (connection_ >= 0) return true;
  // One that is about to leave hangs up; then there is a next one, or none.
  for (int attempt = 0; attempt < 200; ++attempt) {
    if (attempt > 2) usleep(1000);
    const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address;
    const socklen_t length = Address(&address);
    const bool connected = connect(connection, reinterpret_cast<sockaddr*>(&address), length) == 0;
    ucred peer = {};
    socklen_t size = sizeof peer;
    getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    const timeval patience = {5, 0};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char word = 0;
    if (connected && peer.uid == 0 && recv(connection, &word, 1, 0) == 1 && word == kReady) {
      connection_ = connection;
      return true;
    }
    close(connection);
    if (!connected) return false;
  }
  return false;
}

bool LoweredWatches::Acquire(std::string* why) {
  if (access(kSysctl, W_OK) != 0) {
    *why = "fs.epoll.max_user_watches cannot be written";
    return false;
  }
  *why = "the guardian does not answer";
  int64_t lowered = -1;
  for (int attempt = 0; attempt < 200; ++attempt) {
    if (Join()) return true;
    if (lowered < 0) lowered = std::max(kLowestWatches, 2 * WatchesInUse());
    if (!StartGuardian(lowered, why)) return false;
  }
  return false;
}

void LoweredWatches::Release() {
  if (connection_ < 0) return;
  shutdown(connection_, SHUT_WR);
  char word;
  while (recv(connection_, &word, 1, 0) < 0 && errno == EINTR) {
  }
  close(connection_);
  connection_ = -1;
}

}  // namespace pollux
