// Of exported programs: calls as 32-bit processes make them.
//
// What such a call points to lies below 4 GiB: the program's own data do if it is not position-independent.

#include "oracle/export_fragments.h"

namespace pollux {
namespace {

constexpr Fragment kFragments[] = {
    {"I386", R"(
/* Added to the number of a call: it is made by int 0x80, as 32-bit processes make it. */
enum { I386 = 1 << 20 };

static long int80(long number, long a, long b, long c, long d, long e, long f) {
#ifdef __x86_64__
  long result;
  register long sixth __asm__("r13") = f;
  __asm__ volatile("movq %%rbp, %%r12\n\tmovq %%r13, %%rbp\n\tint $0x80\n\tmovq %%r12, %%rbp"
                   : "=a"(result)
                   : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), "r"(sixth)
                   : "r8", "r9", "r10", "r11", "r12", "memory", "cc");
  return (int)result;
#else
  (void)number, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
  return -ENOSYS;
#endif
}

static long make(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  if (number < I386) return syscall(number, a, b, c, d, e, f);
  result = int80(number - I386, a, b, c, d, e, f);
  if (result >= 0 || result < -4095) return result;
  errno = (int)-result;
  return -1;
}

/* Can such calls be made here? A kernel that knows none kills who tries. */
static int has_i386(void) {
  static const char here;
  int status = 1;
  pid_t child;
  if ((uintptr_t)&here >> 32 != 0) {
    fprintf(stderr, "compile and link with -no-pie: what a 32-bit caller points to lies below 4 GiB\n");
    return 0;
  }
  child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    _exit(int80(20 /* getpid */, 0, 0, 0, 0, 0, 0) == getpid() ? 0 : 1);
  }
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
    fprintf(stderr, "no calls of 32-bit processes here\n");
    return 0;
  }
  return 1;
}
)",
     ""},
    {"timeval32", R"(
static int *timeval32(long long sec, long long usec) {
  static OWN int t[2];
  t[0] = (int)sec;
  t[1] = (int)usec;
  return t;
}
)",
     ""},
    {"run_low", R"(
/* Runs the trace on a thread whose stack, and what it has for itself, is where 32-bit callers can point to. */
static void run_low(void *(*trace)(void *)) {
  const size_t size = 1 << 25;
  pthread_attr_t attributes;
  pthread_t id;
  sigset_t alarms;
  void *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_32BIT | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack == MAP_FAILED || pthread_attr_init(&attributes) != 0) exit(2);
  if (pthread_attr_setstack(&attributes, stack, size) != 0) exit(2);
  if (pthread_create(&id, &attributes, trace, NULL) != 0) exit(2);
  sigemptyset(&alarms);
  sigaddset(&alarms, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &alarms, NULL);
  pthread_join(id, NULL);
}
)",
     ""},
};

}  // namespace

std::span<const Fragment> Caller32Fragments() { return kFragments; }

}  // namespace pollux
