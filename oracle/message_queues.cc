#include "oracle/message_queues.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace pollux {

long MessageQueues::Open(unsigned flags, long most, long longest, const char** why) {
  *why = nullptr;
  if (!moved_) moved_ = unshare(CLONE_NEWIPC) == 0;
  if (!moved_) {
    *why = "message queues need an IPC namespace of their own: CAP_SYS_ADMIN";
    return -1;
  }
  constexpr char kName[] = "queue";
  mq_attr attributes = {};
  attributes.mq_maxmsg = most, attributes.mq_msgsize = longest;
  const long queue = syscall(SYS_mq_open, kName, O_CREAT | O_EXCL | static_cast<int>(flags), 0600, &attributes);
  const int error = errno;
  if (queue >= 0) syscall(SYS_mq_unlink, kName);
  return queue < 0 ? -error : queue;
}

}  // namespace pollux
