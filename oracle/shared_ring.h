// The memory that an io_uring shares with its process, reached by the ring's number alone.
//
// Nothing is kept: each access maps the ring, works on it and unmaps it, so that a trace's close(2) is the last
// reference. Of rings that the calling thread has set up, whose queues are
// a page each. A mapping costs about two microseconds.

#ifndef POLLUX_ORACLE_SHARED_RING_H_
#define POLLUX_ORACLE_SHARED_RING_H_

#include <cstdint>

namespace pollux {

// io_uring_setup(2): the number, or -errno.
long SetUpRing(uint32_t entries, uint32_t flags);

// Puts up to n NOPs into the submission queue, as many as fit: how many, or -errno.
long PushNops(int fd, uint32_t n);

// Takes up to n completions: how many, or -errno.
long ReapCompletions(int fd, uint32_t n);

}  // namespace pollux

#endif  // POLLUX_ORACLE_SHARED_RING_H_
