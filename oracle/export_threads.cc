// Of exported programs: threads that are stepped, and how their coming to rest is told.

#include "oracle/export_fragments.h"

namespace pollux {
namespace {

constexpr Fragment kFragments[] = {
    {"SLEEP", R"(
/* Linux sleeps in this call until the trace is over. */
#define SLEEP(index, ...)     \
  do {                        \
    op = index;               \
    (void)CALL(__VA_ARGS__);  \
  } while (0)
)",
     "\n#define SLEEP(index, ...) static_cast<void>(CALL(__VA_ARGS__))\n"},
    {"threads", R"(
/* All threads run on one CPU, with real-time priorities if they may. This one's is above the others' while it makes a
 * call, so that nobody runs in the middle of it, and below them afterwards: then those who were woken run, in the order
 * in which they were woken. Without real-time priorities order is the scheduler's. */
enum { RESTING = 1, WORKING = 2, CALLING = 3 };

enum { THREADS = 17 };

static struct thread {
  pthread_t id;
  int tid;
  uint32_t asked, entered, done; /* steps; the first one is its start */
  uint64_t runs;                 /* how often it had been given the CPU when it was looked at */
  void (*step)(void);            /* NULL: it ends */
} threads[THREADS];

static int real_time;
)",
     ""},
    {"guilty", R"(
/* Where more than one thread slept before the op, and none is real-time, order may be what differs. */
static int sleepers;

static int guilty(void) {
  if (real_time || sleepers < 2) return 1;
  fprintf(stderr, "no verdict: without real-time priority the order of threads is not known\n");
  return 2;
}
)",
     ""},
    {"set_priority", R"(
static int set_priority(int priority) {
  struct sched_param param;
  memset(&param, 0, sizeof param);
  param.sched_priority = priority;
  return sched_setscheduler(0, SCHED_FIFO, &param) == 0;
}
)",
     ""},
    {"nap", R"(
static void nap(void) { usleep(300); }
)",
     ""},
    {"futex_wait", R"(
static void futex_wait(uint32_t *at, uint32_t value) {
  while (__atomic_load_n(at, __ATOMIC_ACQUIRE) == value) {
    syscall(SYS_futex, at, 0 /* FUTEX_WAIT */, value, NULL, NULL, 0);
  }
}

static void futex_wake(uint32_t *at) { syscall(SYS_futex, at, 1 /* FUTEX_WAKE */, 1, NULL, NULL, 0); }
)",
     ""},
    {"view", R"(
/* A process that looks at the threads: it has descriptors of its own, and no part in the trace. */
static struct view {
  uint32_t asked, answered;
  int tid[THREADS];      /* whom to look at; 0: nobody */
  char state[THREADS];   /* as in /proc/PID/task/TID/stat */
  uint64_t runs[THREADS]; /* the third number of schedstat; UINT64_MAX: not known */
} *view;
static pid_t viewer;

static void look_at(pid_t pid, int tid, char *state, uint64_t *runs) {
  char path[64], text[512], *end;
  unsigned long long n;
  ssize_t length;
  int fd;
  *state = 'R';
  *runs = UINT64_MAX;
  snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
  fd = open(path, O_RDONLY);
  if (fd < 0) return;
  length = read(fd, text, sizeof text - 1);
  close(fd);
  text[length < 0 ? 0 : length] = '\0';
  end = strrchr(text, ')'); /* of the name, which may contain anything */
  if (end != NULL && end[1] == ' ') *state = end[2];
  snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pid, tid);
  fd = open(path, O_RDONLY);
  if (fd < 0) return;
  length = read(fd, text, sizeof text - 1);
  close(fd);
  text[length < 0 ? 0 : length] = '\0';
  if (sscanf(text, "%*u %*u %llu", &n) == 1) *runs = n;
}

static void end_viewer(void) {
  if (viewer > 0) {
    kill(viewer, SIGKILL);
    waitpid(viewer, NULL, 0);
  }
  viewer = 0;
}

static void start_viewer(void) {
  const pid_t parent = getpid();
  view = (struct view *)mmap(NULL, sizeof *view, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (view == MAP_FAILED) exit(2);
  viewer = fork();
  if (viewer < 0) exit(2);
  if (viewer > 0) {
    atexit(end_viewer);
    return;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
  for (uint32_t seen = 0;; ++seen) {
    futex_wait(&view->asked, seen);
    for (int t = 1; t < THREADS; ++t) {
      if (view->tid[t] != 0) look_at(parent, view->tid[t], &view->state[t], &view->runs[t]);
    }
    __atomic_store_n(&view->answered, seen + 1, __ATOMIC_RELEASE);
    futex_wake(&view->answered);
  }
}

static void look(void) {
  const uint32_t answered = __atomic_fetch_add(&view->asked, 1, __ATOMIC_RELEASE);
  futex_wake(&view->asked);
  futex_wait(&view->answered, answered);
}
)",
     ""},
    {"in_call", R"(
static int in_call(int t) { return __atomic_load_n(&threads[t].done, __ATOMIC_ACQUIRE) != threads[t].asked; }
)",
     ""},
    {"now_ms", R"(
static long now_ms(void) {
  long now[2] = {0, 0};
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, now);
  return now[0] * 1000 + now[1] / 1000000;
}
)",
     ""},
    {"lasts", R"(
static long ends[THREADS]; /* when the timeout passes of the call that the thread is in; 0: it has none */

/* The next call of the thread lasts so long; 0: it is over. */
static void lasts(int t, long ms) { ends[t] = ms > 0 ? now_ms() + ms : 0; }
)",
     ""},
    {"guilty_in_time", R"(
/* A timeout that passed before a later op let it pass makes the difference, and is none. */
static int guilty_in_time(void) {
  const long now = now_ms();
  int t;
  for (t = 1; t < THREADS; ++t) {
    if (ends[t] == 0 || now < ends[t]) continue;
    fprintf(stderr, "no verdict: this machine was too slow for a timeout\n");
    return 2;
  }
  return guilty();
}
)",
     ""},
    {"expire", R"(
/* The timeout of the call that the thread is in passes. */
static void expire(int t) {
  ends[t] = 0;
  while (in_call(t)) futex_wait(&threads[t].done, threads[t].asked - 1);
}
)",
     ""},
    {"come_to_rest", R"(
enum { MOST_LOOKS = 30000 };

/* Until each thread has returned or sleeps: it is asleep, and has not run since it was seen asleep the last time. So
 * all of them slept at the moment at which the last look began. 0: some thread does neither. */
static int come_to_rest(void) {
  int t, looks, calm = 0;
  if (real_time) set_priority(RESTING);
  for (looks = 0; looks < MOST_LOOKS; ++looks) {
    int pending[THREADS], any = 0, asleep = 1, moved = 0;
    for (t = 1; t < THREADS; ++t) {
      any |= pending[t] = in_call(t);
      view->tid[t] = pending[t] ? threads[t].tid : 0;
      /* Before its step it sleeps, too. */
      if (pending[t]) asleep &= __atomic_load_n(&threads[t].entered, __ATOMIC_ACQUIRE) == threads[t].asked;
    }
    if (!any) break;
    look();
    for (t = 1; t < THREADS; ++t) {
      if (!pending[t]) continue;
      asleep &= view->state[t] == 'S';
      moved |= view->runs[t] == UINT64_MAX ? calm < 5 : view->runs[t] != threads[t].runs;
      threads[t].runs = view->runs[t];
    }
    if (asleep && !moved) break;
    calm = asleep ? calm + 1 : 0;
    if (!asleep || calm > 1) nap();
  }
  if (real_time) set_priority(CALLING);
  return looks < MOST_LOOKS;
}
)",
     ""},
    {"thread_main", R"(
static void begin_thread(void);

static void *thread_main(void *argument) {
  struct thread *me = (struct thread *)argument;
  sigset_t alarms;
  sigemptyset(&alarms);
  sigaddset(&alarms, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &alarms, NULL);
  if (real_time && !set_priority(WORKING)) exit(2);
  begin_thread();
  me->tid = (int)syscall(SYS_gettid);
  for (uint32_t seen = 1;; ++seen) {
    __atomic_store_n(&me->done, seen, __ATOMIC_RELEASE);
    futex_wake(&me->done);
    futex_wait(&me->asked, seen);
    if (me->step == NULL) return NULL;
    __atomic_store_n(&me->entered, seen + 1, __ATOMIC_RELEASE);
    me->step();
  }
}
)",
     ""},
    {"start_threads", R"(
static void on_interrupt(int signal) { (void)signal; }

/* Thread n for each bit n. */
static void start_threads(uint32_t which) {
  struct sigaction interrupts;
  cpu_set_t one;
  int t;
  memset(threads, 0, sizeof threads);
  memset(&interrupts, 0, sizeof interrupts);
  interrupts.sa_handler = on_interrupt; /* no SA_RESTART */
  sigaction(SIGUSR1, &interrupts, NULL);
  start_viewer();
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  if (sched_setaffinity(0, sizeof one, &one) != 0 && errno != EINVAL) exit(2); /* EINVAL: there is one CPU */
  real_time = set_priority(CALLING);
  for (t = 1; t < THREADS; ++t) {
    if ((which >> t & 1) == 0) continue;
    threads[t].asked = threads[t].entered = 1;
    if (pthread_create(&threads[t].id, NULL, thread_main, &threads[t]) != 0) exit(2);
    futex_wait(&threads[t].done, 0);
  }
}
)",
     ""},
    {"by_thread", R"(
/* The thread takes the step: it returns, or sleeps in it. One that is in a call has failed the test. */
static void by_thread(int t, void (*step)(void)) {
  if (in_call(t)) return;
  threads[t].step = step;
  __atomic_add_fetch(&threads[t].asked, 1, __ATOMIC_RELEASE);
  futex_wake(&threads[t].asked);
}
)",
     ""},
    {"RESTS", R"(
/* After the op the threads of these bits are in a call, the others have returned. */
#define RESTS(index, which)  \
  do {                       \
    op = index;              \
    rests(which);            \
  } while (0)

static void rests(uint32_t which) {
  int t;
  if (!come_to_rest()) {
    fprintf(stderr, "no verdict: a thread neither sleeps nor returns\n");
    exit(2);
  }
  for (t = 1; t < THREADS; ++t) {
    if (in_call(t) == (int)(which >> t & 1)) continue;
    if (in_call(t)) differs("leaves this thread in its call:", t);
    differs("lets this thread return:", t);
  }
  for (sleepers = 0; which != 0; which >>= 1) sleepers += which & 1;
}
)",
     R"(
/* After the op the threads of these bits are in a call, the others have returned. */
#define RESTS(index, which)                                                                                     \
  do {                                                                                                          \
    ASSERT_TRUE(come_to_rest());                                                                                \
    for (int t = 1; t < THREADS; ++t) EXPECT_EQ(in_call(t), (int)((which) >> t & 1)) << ops[index] << " T" << t; \
  } while (0)
)"},
    {"end_threads", R"(
/* Interrupts what sleeps still, and ends the threads. */
static void end_threads(void) {
  int t;
  if (real_time) set_priority(RESTING);
  for (t = 1; t < THREADS; ++t) {
    while (in_call(t)) {
      if (__atomic_load_n(&threads[t].entered, __ATOMIC_ACQUIRE) == threads[t].asked) {
        pthread_kill(threads[t].id, SIGUSR1); /* before its call it would be lost: once more, then */
      }
      nap();
    }
  }
  for (t = 1; t < THREADS; ++t) {
    if (threads[t].asked == 0) continue;
    by_thread(t, NULL);
    pthread_join(threads[t].id, NULL);
  }
  end_viewer();
}
)",
     ""},
};

}  // namespace

std::span<const Fragment> ThreadFragments() { return kFragments; }

}  // namespace pollux
