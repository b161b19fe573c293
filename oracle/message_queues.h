// POSIX message queues of which nothing is left: in an IPC namespace of one's own, and without a name.
//
// The first queue moves the calling thread into a new namespace, for good: its limits and names are nobody else's.
// Needs CAP_SYS_ADMIN. Before, all of this costs nothing. Not thread-safe: it belongs to the thread that executes.

#ifndef POLLUX_ORACLE_MESSAGE_QUEUES_H_
#define POLLUX_ORACLE_MESSAGE_QUEUES_H_

namespace pollux {

class MessageQueues {
 public:
  // A new queue, at the lowest free number, or -errno. nullptr in *why, or why there can be none here.
  long Open(unsigned flags, long most, long longest, const char** why);

 private:
  bool moved_ = false;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_MESSAGE_QUEUES_H_
