// Programs from traces: a body of one statement or more an op, and the functions that it mentions.

#include "oracle/export.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "model/text.h"
#include "oracle/checker.h"
#include "oracle/exec.h"
#include "oracle/export_body.h"
#include "oracle/export_fragments.h"
#include "oracle/loopback.h"
#include "oracle/timeouts.h"

namespace pollux {
namespace {

constexpr std::string_view kIncludes = R"(
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
)";

constexpr std::string_view kBegin = R"(
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
)";

// Where threads are stepped.
constexpr std::string_view kThreadIncludes = "#include <pthread.h>\n";
constexpr std::string_view kThreadBegin = "\nstatic int guilty(void);\n";
constexpr std::string_view kTimedBegin = "\nstatic int guilty_in_time(void);\n";

constexpr std::string_view kStartC = R"(
static void on_alarm(int signal) {
  static const char message[] = "a call did not return\n";
  (void)signal;
  if (blocks) return;
  if (write(2, message, sizeof message - 1) < 0 || write(2, ops[op], strlen(ops[op])) < 0) _exit(1);
  _exit(1);
}

/* 0, 1 and 2 and nothing else; the next descriptor is 3. */
static void start(void) {
  struct sigaction alarms;
  struct rlimit files;
  sigset_t none;
  int fd;
  do fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd < 2);
  if (syscall(SYS_close_range, 3, ~0U, 0) != 0) {
    for (fd = 3; fd < 65536; ++fd) close(fd);
  }
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = 1024;
  if (setrlimit(RLIMIT_NOFILE, &files) != 0) exit(2);
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  memset(&alarms, 0, sizeof alarms);
  alarms.sa_handler = on_alarm; /* no SA_RESTART */
  sigaction(SIGALRM, &alarms, NULL);
  alarm(5);
}
)";

// Of a program that execve starts again: step and limit are its arguments.
constexpr std::string_view kResume = R"(
static void resume(char **arguments) {
  struct sigaction alarms;
  struct rlimit files;
  me = 2;
  resumed = (uint32_t)atoi(arguments[1]);
  step_now = (uint32_t *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0, 0);
  if (step_now == MAP_FAILED) exit(2);
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = strtoull(arguments[2], NULL, 10);
  setrlimit(RLIMIT_NOFILE, &files);
  memset(&alarms, 0, sizeof alarms);
  alarms.sa_handler = on_alarm; /* no SA_RESTART */
  sigaction(SIGALRM, &alarms, NULL);
  alarm(5);
  step_done();
}
)";

constexpr std::string_view kStartGtest = R"(
static void on_alarm(int) {}

/* Runs a trace on a thread whose descriptor table holds 0, 1 and 2 and nothing else: its next descriptor is 3. */
template <class Body>
static void RunAlone(Body body) {
  std::thread([&body] {
    struct sigaction alarms = {};
    alarms.sa_handler = on_alarm; /* no SA_RESTART */
    sigaction(SIGALRM, &alarms, nullptr);
    signal(SIGPIPE, SIG_IGN);
    ASSERT_EQ(unshare(CLONE_FILES), 0);
    int fd;
    do fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd < 2);
    ASSERT_EQ(syscall(SYS_close_range, 3, ~0U, 0), 0);
    struct rlimit before, files;
    getrlimit(RLIMIT_NOFILE, &before);
    files = before;
    files.rlim_cur = 1024;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
    body();
    setrlimit(RLIMIT_NOFILE, &before);
  }).join();
}
)";

// --- The program -----------------------------------------------------------------------------------------------------

bool WordChar(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool Mentions(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const bool begins = at == 0 || !WordChar(text[at - 1]);
    const bool ends = at + word.size() == text.size() || !WordChar(text[at + word.size()]);
    if (begins && ends) return true;
  }
  return false;
}

// The fragments that the text needs, and those that they need.
std::string Needed(const std::string& text, ExportAs as) {
  std::string needed;
  const auto all = AllFragments();
  for (auto subject = all.rbegin(); subject != all.rend(); ++subject) {
    for (auto f = subject->rbegin(); f != subject->rend(); ++f) {
      const std::string_view code = as == ExportAs::kC || f->cpp.empty() ? f->c : f->cpp;
      if (Mentions(text, f->name) || Mentions(needed, f->name)) needed.insert(0, code);
    }
  }
  return needed;
}

// All that calls point to below 4 GiB, and calls that tell by their number how they are made.
void ForCallers32(std::string* functions) {
  absl::StrReplaceAll({{"MAP_PRIVATE | MAP_ANONYMOUS", "MAP_PRIVATE | MAP_32BIT | MAP_ANONYMOUS"},
                       {"(void *)(1L << 44)", "NULL"},
                       {"result_of(syscall(__VA_ARGS__))\n",
                        "result_of(MAKE(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0))\n"
                        "#define MAKE(number, a, b, c, d, e, f, ...) \\\n"
                        "  make(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))\n"}},
                      functions);
}

// An op of two processes as one of their steps; nothing where the language itself answers.
std::string Step(const Op& op, const Outcome& outcome, const std::string& statements, bool second, size_t* steps) {
  const bool process = op.call == Call::kFork || op.call == Call::kExit || op.call == Call::kExecve;
  if (process ? outcome.kind != Outcome::kValues : op.process != 0 && !second) return "";
  const std::string step = std::to_string((*steps)++);
  if (op.call == Call::kFork) return "  fork_second(" + step + ");\n";
  if (op.call == Call::kExit) return "  end_second(" + step + ");\n";
  if (op.call == Call::kExecve) return "  become_another(" + step + ");\n";
  return "  if (my_turn(" + std::to_string(op.process + 1) + ", " + step + ")) {\n" + statements +
         "  step_done();\n  }\n";
}

int64_t HeldWatches(const State& state) {
  int64_t held = 0;
  for (Id e = 1; e < state.instances.size(); ++e) held += state.instances[e].items.size;
  return held;
}

// Did the op end with the expiration of a timer?
bool Expired(const Model& model, const Op& op) {
  if (op.call != Call::kTimerfdSettime && op.call != Call::kRead && op.call != Call::kReadv) return false;
  const File& file = model.state().files[model.FileAt(op.num(0))];
  return file.type == FileType::kTimerfd && model.state().timerfds[file.object].expired;
}

// Of a pseudoterminal's sides that are open in the caller's table, those that have got or lost bytes: by number.
std::string Arrivals(const State& s, const Op& op, std::vector<int64_t>* before) {
  std::string text;
  std::vector<int64_t> now(s.ptys.size() * 2);
  const std::vector<Descriptor>& fds = op.process == 0 ? s.fds : s.other.fds;
  for (Id pty = 1; pty < s.ptys.size(); ++pty) {
    for (size_t side = 0; side < 2; ++side) {
      const int64_t unread = now[pty * 2 + side] = s.ptys[pty].side[side].unread;
      if (pty * 2 < before->size() && (*before)[pty * 2 + side] == unread) continue;
      for (size_t n = 3; n < fds.size(); ++n) {
        const File& f = s.files[fds[n].file];
        if (f.type != (side == 0 ? FileType::kPtm : FileType::kPts) || f.object != pty) continue;
        text += "  arrives(" + Number(static_cast<int64_t>(n)) + ", " + Number(unread) + ");\n";
        break;
      }
    }
  }
  *before = std::move(now);
  return text;
}

// Does the op write to a terminal? Then its number, else -1.
int32_t Terminal(const Model& model, const Op& op, const Outcome& outcome) {
  if (outcome.kind != Outcome::kValues || outcome.value[0] <= 0) return -1;
  const bool writes = op.call == Call::kWrite || op.call == Call::kWritev;
  if (!writes && op.call != Call::kSplice && op.call != Call::kSpliceAt) return -1;
  const int32_t fd = op.num(writes ? 0 : op.call == Call::kSplice ? 1 : 3);
  const State& s = model.state();
  const std::vector<Descriptor>& fds = op.process == 0 ? s.fds : s.other.fds;
  if (fd < 0 || static_cast<size_t>(fd) >= fds.size()) return -1;
  const FileType type = s.files[fds[static_cast<size_t>(fd)].file].type;
  return type == FileType::kPtm || type == FileType::kPts ? fd : -1;
}

std::string Quoted(std::string_view s) {
  std::string quoted = "\"";
  for (const char c : s) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c == '\n' ? "\\n" : std::string(1, c);
  }
  return quoted + "\"";
}

std::string TestName(std::string_view name) {
  std::string out;
  bool upper = true;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) {
      upper = true;
      continue;
    }
    out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return out.empty() || std::isdigit(static_cast<unsigned char>(out[0])) != 0 ? "Trace" + out : out;
}

// The threads of these bits.
std::string Threads(uint32_t bits) { return absl::StrCat("0x", absl::Hex(bits), "u"); }

// The threads that are in a call, a bit each.
uint32_t InCalls(const State& state) {
  uint32_t threads = 0;
  for (size_t t = 1; t < state.threads.size(); ++t) {
    threads |= static_cast<uint32_t>(state.threads[t].state != Thread::kIdle) << t;
  }
  return threads;
}

// What the call of a thread in op `i` returns in the end, be it that it sleeps first; blocked if it never does.
const Outcome& Returned(const std::vector<Outcome>& outcomes, uint8_t thread, size_t i) {
  for (size_t k = i; k < outcomes.size() && outcomes[i].kind == Outcome::kBlocked; ++k) {
    for (const Completion& done : outcomes[k].completions) {
      if (done.thread == thread) return done.outcome;
    }
  }
  return outcomes[i];
}

// Each op with its completions, as printed.
std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::string line : std::vector<std::string>(absl::StrSplit(absl::StripSuffix(text, "\n"), '\n'))) {
    if (!lines.empty() && line.starts_with("  ")) {
      absl::StrAppend(&lines.back(), "\n  ", line);
    } else {
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

}  // namespace

std::string Export(Model* model, const Trace& trace, ExportAs as, std::string_view name) {
  std::vector<Outcome> outcomes(trace.ops.size());
  Bindings bindings;
  std::string body;
  model->Reset();
  std::vector<std::string> statements(trace.ops.size());
  bool inet = false, signals = false, i386 = false;
  uint32_t threads = 0;  // a bit each
  for (const Op& op : trace.ops) threads |= op.thread == 0 ? 0 : 1u << op.thread;
  std::vector<Op> resolved(trace.ops.size());
  const bool two = threads == 0 &&
                   std::any_of(trace.ops.begin(), trace.ops.end(), [](const Op& op) { return op.call == Call::kFork; });
  size_t steps = 0;
  std::vector<int64_t> arrived;
  std::array<bool, kMaxThreads + 1> timed = {};  // in a call with a timeout
  bool any_timed = false;
  int slot = 0;
  for (size_t i = 0; i < trace.ops.size(); ++i) {
    const Op op = resolved[i] = bindings.Resolve(trace.ops[i]);
    const bool second = model->state().second;
    std::string after;
    const char* why = Refused(op);
    if (why == nullptr && threads != 0) why = NotBesideThreads(op);
    if (why != nullptr) {
      outcomes[i].kind = Outcome::kSkipped;
      outcomes[i].note = why;
    } else {
      model->Run(op, &outcomes[i]);
    }
    if (op.call == Call::kWatches && outcomes[i].kind == Outcome::kValues) {
      statements[i] = "  watches(" + Number(op.num(0)) + ", " + Number(HeldWatches(model->state())) + ");\n";
    } else if (outcomes[i].kind != Outcome::kSkipped && op.thread != 0) {
      resolved[i] = Timed(trace.ops, i, op, slot, kExportSlotMs);
      if (TimeoutOf(op) == Timeout::kFinite && outcomes[i].kind == Outcome::kBlocked) {
        timed[op.thread] = any_timed = true;
        statements[i] = absl::StrCat("  lasts(", op.thread, ", ", TimeoutMs(resolved[i]), ");\n");
      }
      statements[i] += "  by_thread(" + std::to_string(op.thread) + ", step_" + std::to_string(i) + ");\n";
    } else if (op.call == Call::kExpire && outcomes[i].kind == Outcome::kValues) {
      slot = SlotOf(trace.ops, i);
      statements[i] = absl::StrCat("  expire(", op.arg[0], ");\n");
    } else if (outcomes[i].kind != Outcome::kSkipped) {
      statements[i] = Statements(op, outcomes[i], i);
      i386 |= op.i386 != 0;
      signals |= op.call == Call::kRaise || op.call == Call::kKill || op.call == Call::kSigqueue;
      inet |= op.call == Call::kSocket && op.num(0) == kAfInet;
      if (inet && Loopback::Sends(op.call)) statements[i] += "  settle();\n";
      if (const int32_t fd = Terminal(*model, op, outcomes[i]); fd >= 0) {
        statements[i] = "  write_nothing(" + Number(fd) + ");\n" + statements[i];
      }
      if (model->state().ptys.size() > 1) statements[i] += Arrivals(model->state(), op, &arrived);
      if (Expired(*model, op)) statements[i] += "  expires(" + Number(op.num(0)) + ");\n";
    }
    if (outcomes[i].kind != Outcome::kSkipped &&
        (two || op.process != 0 || op.call == Call::kExit || op.call == Call::kExecve)) {
      statements[i] = Step(op, outcomes[i], statements[i], second, &steps);
    }
    for (const Completion& done : outcomes[i].completions) {
      if (!timed[done.thread] || op.call == Call::kExpire) continue;
      after += absl::StrCat("  lasts(", done.thread, ", 0);\n");
      timed[done.thread] = false;
    }
    if (threads != 0 && outcomes[i].kind != Outcome::kSkipped) {
      statements[i] += "  RESTS(" + std::to_string(i) + ", " + Threads(InCalls(model->state())) + ");\n" + after;
    }
    bindings.Bind(trace.ops[i], outcomes[i]);
  }
  std::string thread_steps;
  for (size_t i = 0; i < resolved.size(); ++i) {
    if (resolved[i].thread == 0 || outcomes[i].kind == Outcome::kSkipped) continue;
    thread_steps += "\nstatic void step_" + std::to_string(i) + "(void) {\n" +
                    Statements(resolved[i], Returned(outcomes, resolved[i].thread, i), i) + "}\n";
  }

  Trace plain;
  plain.ops = trace.ops;
  for (const Note& note : trace.notes) plain.notes.push_back({.name = {note.name[0], note.name[1]}});
  const std::string text = Print(plain, outcomes);
  const std::vector<std::string> lines = Lines(text);

  std::string code = thread_steps;  // without what the trace calls its descriptors
  for (size_t i = 0; i < lines.size() && i < statements.size(); ++i) {
    body += "\n  /* " + lines[i] + " */\n" + statements[i];
    code += statements[i];
  }

  std::string table = "\nstatic const char *const ops[] = {\n";
  for (const std::string& line : lines) table += "    " + Quoted(line) + ",\n";
  table += lines.empty() ? "    \"\",\n};\n" : "};\n";

  const bool c = as == ExportAs::kC;
  // A thread's own memory is where 32-bit callers can point to if the whole trace runs on a thread that was made for
  // it.
  const bool low = i386 && threads != 0;
  if (!c && (two || low)) {
    const char* what = two ? "two processes" : "threads beside 32-bit callers";
    code = "", body = "  GTEST_SKIP() << \"" + std::string(what) + " are for a program of its own\";\n";
    thread_steps = "", threads = 0, i386 = false;
  }
  const bool changes = Mentions(code, "change_mounts") || Mentions(code, "change_domainname");
  if (threads != 0) {
    absl::StrAppend(&code, " start_threads end_threads", c ? " guilty" : "", c && any_timed ? " guilty_in_time" : "",
                    low ? " run_low" : "");
    body = std::string(c ? "  alarm(30);\n" : "") + "  start_threads(" + Threads(threads) + ");\n" + body +
           "\n  end_threads();\n";
  }
  std::string functions = Needed(code + (c ? " RUN" : "") + (two && c ? " my_turn" : "") +
                                     (changes ? " own_namespaces " : "") + (signals ? " own_signals " : ""),
                                 as);
  if (i386) ForCallers32(&functions);
  const absl::string_view own = threads == 0 ? "" : c ? "_Thread_local " : "thread_local ";
  absl::StrReplaceAll({{"OWN ", own},
                       {"GUILTY", threads == 0 ? "1"
                                  : any_timed  ? "guilty_in_time()"
                                               : "guilty()"}},
                      &functions);
  const bool arena = Mentions(functions + code, "arena"), ring = Mentions(code, "RUN_URING"),
             user = Mentions(code, "watches");
  std::string program =
      "/* " + std::string(name) + ": what " + model->profile().name +
      (c ? " does. Exit status 0: so does this system; 1: it does not; 2: no verdict.\n" : " does.\n") +
      (i386 ? " * Compile and link with -no-pie, for x86-64.\n" : "") +
      (threads != 0 ? " * It has threads: compile with -pthread.\n" : "") + " * Written by pollux export. */\n";
  if (!c) program += "#include <gtest/gtest.h>\n\n#include <thread>\n";
  program.append(kIncludes);
  if (threads != 0) program.append(kThreadIncludes);
  program.append(kBegin);
  if (threads != 0 && c) program += any_timed ? kTimedBegin : kThreadBegin;
  program += table + functions;
  if (threads != 0) {
    program += "\n/* What a thread has for itself. */\nstatic void begin_thread(void) {";
    program += std::string(arena ? "\n  map_arena();\n" : "") + "}\n" + thread_steps;
  }
  if (c) {
    program.append(kStartC);
    if (two) {
      program.append(kResume);
      program +=
          "\nint main(int argc, char **argv) {\n  if (argc > 1) {\n    resume(argv);\n  } else {\n    start();\n"
          "    share();\n  }\n";
      body += "\n  finish(" + std::to_string(steps) + ");\n";
    } else {
      program += low ? "\nstatic void *trace(void *unused) {\n  (void)unused;\n" : "\nint main(void) {\n  start();\n";
    }
    if (i386 && !low) program += "  if (!has_i386()) return 2;\n";
    if (signals) program += "  own_signals();\n";
    if (changes) program += "  own_namespaces();\n";
    if (arena) program += "  map_arena();\n";
    if (ring) program += "  map_uring();\n";
    if (user) program += "  take_user();\n";
    program += body;
    if (low) {
      program += "\n  return NULL;\n}\n\nint main(void) {\n  start();\n  if (!has_i386()) return 2;\n  run_low(trace);";
    }
    program += "\n  return 0;\n}\n";
  } else {
    program.append(kStartGtest);
    program += "\nTEST(Pollux, " + TestName(name) + ") {\n";
    if (i386) program += "  if (!has_i386()) GTEST_SKIP();\n";
    if (signals) program += "  own_signals();\n";  // in every thread
    program += "  RunAlone([] {\n";
    if (changes) program += "  own_namespaces();\n";
    if (arena) program += "  map_arena();\n";
    if (ring) program += "  map_uring();\n";
    if (user) program += "  take_user();\n";
    program += body + "  });\n}\n";
  }
  return program;
}

}  // namespace pollux
