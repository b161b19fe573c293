// Of exported programs: signals, children and their pidfds, message queues.

#include "oracle/export_fragments.h"

namespace pollux {
namespace {

constexpr Fragment kFragments[] = {
    {"signal_set", R"(
static uint64_t *signal_set(uint64_t signals) {
  static uint64_t set;
  set = signals;
  return &set;
}
)",
     ""},
    {"queued_signal", R"(
static siginfo_t *queued_signal(int value) {
  static siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_value.sival_int = value;
  return &info;
}
)",
     ""},
    {"is_signal", R"(
static void is_signal(int index, uint32_t signal, uint32_t value) {
  struct signalfd_siginfo s;
  memcpy(&s, buffer + (size_t)index * sizeof s, sizeof s);
  if (s.ssi_signo != signal) differs("read the signal", s.ssi_signo);
  if ((uint32_t)s.ssi_int != value) differs("read a signal with value", s.ssi_int);
}
)",
     R"(
static void is_signal(int index, uint32_t signal, uint32_t value) {
  struct signalfd_siginfo s;
  memcpy(&s, buffer + (size_t)index * sizeof s, sizeof s);
  EXPECT_EQ(s.ssi_signo, signal) << "record " << index;
  EXPECT_EQ((uint32_t)s.ssi_int, value) << "record " << index;
}
)"},
    {"own_signals", R"(
static void lets_no_other_in(int signal) { (void)signal; }

/* The signals that are sent here are blocked, and do nothing where a call lets one through. */
static void own_signals(void) {
  static const int signals[] = {SIGUSR1, SIGUSR2, SIGURG, 40, 41};
  struct sigaction action;
  sigset_t set;
  size_t i;
  memset(&action, 0, sizeof action);
  action.sa_handler = lets_no_other_in;
  sigfillset(&action.sa_mask);
  sigemptyset(&set);
  for (i = 0; i < sizeof signals / sizeof signals[0]; ++i) {
    sigaddset(&set, signals[i]);
    sigaction(signals[i], &action, NULL);
  }
  sigprocmask(SIG_BLOCK, &set, NULL);
}
)",
     ""},
    {"child_info", "\nstatic siginfo_t child_info;\n", ""},
    {"new_child", R"(
/* A child that does nothing, keeps no file open and dies with this program; its pidfd. */
static long new_child(void) {
  volatile int *ready = (volatile int *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const pid_t program = getpid();
  int pidfd = -1;
  long child;
  if (ready == MAP_FAILED) exit(2);
  child = result_of(syscall(SYS_clone, 0x1000L /* CLONE_PIDFD */, NULL, &pidfd, NULL, NULL));
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != program) _exit(0);
    if (syscall(SYS_close_range, 0, ~0U, 0) != 0) _exit(0);
    *ready = 1;
    for (;;) pause();
  }
  while (child > 0 && !*ready) usleep(100);
  munmap((void *)ready, 4096);
  return child < 0 ? child : pidfd;
}
)",
     ""},
    {"pid_of", R"(
/* Whose pidfd it is: -1 if that is reaped, 0 if it is none. */
static long pid_of(int fd) {
  char path[64], line[256];
  long pid = 0;
  FILE *file;
  snprintf(path, sizeof path, "/proc/thread-self/fdinfo/%d", fd);
  file = fopen(path, "re");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) sscanf(line, "Pid: %ld", &pid);
  if (file != NULL) fclose(file);
  return pid;
}
)",
     ""},
    {"pidfd_again", R"(
static long pidfd_again(int fd, unsigned flags) {
  const long pid = pid_of(fd);
  if (pid <= 0) return pid == 0 ? -EBADF : -ESRCH;
  return result_of(syscall(434 /* pidfd_open */, pid, flags));
}
)",
     ""},
    {"end_child", R"(
/* Kills the child; it is dead, and everybody has been told, when this returns. */
static long end_child(int fd) {
  struct pollfd dead;
  siginfo_t info;
  const long result = result_of(syscall(424 /* pidfd_send_signal */, fd, SIGKILL, NULL, 0));
  if (result != 0) return result;
  dead.fd = fd;
  dead.events = POLLIN;
  poll(&dead, 1, 1000);
  syscall(SYS_waitid, 3 /* P_PIDFD */, fd, &info, WEXITED | WNOHANG | WNOWAIT | __WALL, NULL);
  return 0;
}
)",
     ""},
    {"has_status", R"(
static void has_status(int want) {
  if (child_info.si_status != want) differs("has the status", child_info.si_status);
}
)",
     R"(
static void has_status(int want) { EXPECT_EQ(child_info.si_status, want); }
)"},
    {"new_queue", R"(
/* A message queue without a name, in an IPC namespace of this program alone. Needs root. */
static long new_queue(int flags, long most, long longest) {
  static int moved;
  long attributes[8] = {0}, queue;
  attributes[1] = most;
  attributes[2] = longest;
  if (!moved && unshare(CLONE_NEWIPC) != 0) exit(2);
  moved = 1;
  queue = result_of(syscall(SYS_mq_open, "queue", O_CREAT | O_EXCL | flags, 0600, attributes));
  if (queue >= 0) syscall(SYS_mq_unlink, "queue");
  return queue;
}
)",
     ""},
    {"mq_priority", "\nstatic unsigned mq_priority;\n", ""},
    {"has_priority", R"(
static void has_priority(unsigned want) {
  if (mq_priority != want) differs("has the priority", mq_priority);
}
)",
     R"(
static void has_priority(unsigned want) { EXPECT_EQ(mq_priority, want); }
)"},
    {"mq_attributes", "\nstatic long mq_attributes[8]; /* flags, maxmsg, msgsize, curmsgs */\n", ""},
    {"has_attributes", R"(
static void has_attributes(long flags, long most, long longest, long queued) {
  const long want[] = {flags, most, longest, queued};
  for (int i = 0; i < 4; ++i) {
    if (mq_attributes[i] != want[i]) differs("has another attribute:", mq_attributes[i]);
  }
}
)",
     R"(
static void has_attributes(long flags, long most, long longest, long queued) {
  const long want[] = {flags, most, longest, queued};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(mq_attributes[i], want[i]);
}
)"},
};

}  // namespace

std::span<const Fragment> SignalFragments() { return kFragments; }

}  // namespace pollux
