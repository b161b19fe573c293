// On which CPUs the calling thread runs.

#ifndef POLLUX_ORACLE_CPUS_H_
#define POLLUX_ORACLE_CPUS_H_

#include <sched.h>

#include <cstddef>

namespace pollux {

// *one becomes the n-th CPU of `all`, from 0; empty if it has not so many.
inline void NthCpu(const cpu_set_t& all, int n, cpu_set_t* one) {
  CPU_ZERO(one);
  for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &all) || n-- > 0) continue;
    CPU_SET(cpu, one);
    return;
  }
}

// Keeps the calling thread on the CPU where it is, from Begin() to End(), if there are others. Not thread-safe.
class StayHere {
 public:
  void Begin() {
    if (begun_ || sched_getaffinity(0, sizeof before_, &before_) != 0 || CPU_COUNT(&before_) < 2) return;
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<size_t>(sched_getcpu()), &here);
    begun_ = sched_setaffinity(0, sizeof here, &here) == 0;
  }
  void End() {
    if (begun_) sched_setaffinity(0, sizeof before_, &before_);
    begun_ = false;
  }
  bool begun() const { return begun_; }

 private:
  cpu_set_t before_ = {};
  bool begun_ = false;
};

}  // namespace pollux

#endif  // POLLUX_ORACLE_CPUS_H_
