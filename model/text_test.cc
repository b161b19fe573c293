// The text form: the example of DESIGN 1, round trips, spellings, names, and where errors are placed.

#include "model/text.h"

#include <gtest/gtest.h>

#include "model/random_ops.h"
#include "model/test_util.h"

namespace pollux {
namespace {

std::string Message(std::string_view text) {
  Trace trace;
  ParseError error;
  EXPECT_FALSE(Parse(text, "t", &trace, &error)) << text;
  return error.message();
}

// DESIGN 1's example, as it is printed.
constexpr std::string_view kExample = R"(% profile linux-6.18
ep = epoll_create1(0) = 3
r, w = pipe2(O_NONBLOCK) = 4, 5
d = dup(r) = 6
epoll_ctl(ep, ADD, r, IN|ET, 0x1) = 0
epoll_ctl(ep, ADD, d, IN|ET, 0x2) = 0
write(w, 3) = 3
epoll_wait(ep, 8, 0) = [IN 0x2, IN 0x1]    # one description: newest first
close(r) = 0
e = eventfd(0, EFD_NONBLOCK) = 4
epoll_ctl(ep, DEL, r) = -ENOENT    # r still means 4
write(e, u64 7) = 8
read(e, 8) = 8 u64 7
write(w, 1) = 1
epoll_wait(ep, fault@1, 8, 0) = [IN 0x2]
poll(ep IN, w OUT, 0) = [IN, OUT]
fdinfo(ep) = [4 IN|ERR|HUP|ET 0x1, 6 IN|ERR|HUP|ET 0x2]
p = epoll_create1(0) = 7
epoll_ctl(p, ADD, e, IN|ET, 0x9) = 0
epoll_wait(p, 8, -1) = blocked
)";

TEST(TextTest, TheExampleOfTheDesign) {
  const Trace trace = Parsed(kExample);
  EXPECT_EQ(Print(trace), kExample);
  EXPECT_EQ(trace.directives, (std::vector<Directive>{{"profile", "linux-6.18", {}}}));
  ASSERT_EQ(trace.ops.size(), 19u);

  const Op& add = trace.ops[3];
  EXPECT_EQ(add.call, Call::kEpollCtl);
  EXPECT_EQ(add.fd(0), Fd::Output(0, 0));
  EXPECT_EQ(add.num(1), kCtlAdd);
  EXPECT_EQ(add.fd(2), Fd::Output(1, 0));
  EXPECT_EQ(add.mem(3), Memory());
  EXPECT_EQ(add.u32(4), kIn | kEt);
  EXPECT_EQ(add.arg[5], 1u);

  EXPECT_EQ(trace.ops[9].fd(2), Fd::Output(1, 0)) << "close does not unbind";
  const Op& write = trace.ops[10];
  EXPECT_EQ(write.arg[2], 8u);
  EXPECT_EQ(write.arg[3], 7u);
  EXPECT_EQ(trace.ops[13].mem(1), Memory(Memory::kFault, 1));
  const Op& poll = trace.ops[14];
  EXPECT_EQ(poll.npoll, 2);
  EXPECT_EQ(poll.poll_fd(1), Fd::Output(1, 1));
  EXPECT_EQ(poll.poll_events(1), kOut);

  const Outcome& wait = trace.notes[6].expect.allow[0];
  EXPECT_EQ(wait.kind, Outcome::kRecords);
  EXPECT_EQ(wait.records, (std::vector<Record>{{kIn, 0, 2}, {kIn, 0, 1}}));
  EXPECT_EQ(trace.notes[9].expect.allow[0].error, kENOENT);
  EXPECT_EQ(trace.notes[11].expect.allow[0].payload, 7u);
  EXPECT_EQ(trace.notes[15].expect.allow[0].records[1], (Record{kIn | kErr | kHup | kEt, 6, 2}));
  EXPECT_EQ(trace.notes[18].expect.allow[0].kind, Outcome::kBlocked);
}

// --- Round trips -------------------------------------------------------------------------------------------------

TEST(TextTest, EveryCallRoundTrips) {
  Random random(1);
  const std::vector<Op> before = RandomOps(random, 20);
  for (size_t c = 0; c < kCalls; ++c) {
    for (int n = 0; n < 500; ++n) {
      Trace trace;
      trace.ops = before;
      trace.ops.push_back(RandomOp(random, static_cast<Call>(c), before));
      const std::string text = Print(trace);
      const Trace parsed = Parsed(text);
      ASSERT_EQ(parsed.ops, trace.ops) << text;
      ASSERT_EQ(Print(parsed), text);
      ASSERT_EQ(Parsed(Print(parsed)), parsed);
    }
  }
}

Outcome RandomOutcome(Random& random, const Op& op) {
  Outcome o;
  o.clobbered = random() % 16 == 0;
  const Yields yields = Spec(op.call).yields;
  switch (random() % 4) {
    case 0:
      o.Error(static_cast<Errno>(random() % 200));
      return o;
    case 1:
      o.kind = static_cast<Outcome::Kind>(Outcome::kBlocked + random() % 4);
      return o;
    default:
      break;
  }
  if (yields == Yields::kEvents || yields == Yields::kRevents || yields == Yields::kItems ||
      yields == Yields::kSignals) {
    o.kind = Outcome::kRecords;
    o.records.resize(random() % 4);
    for (Record& r : o.records) {
      r.events = static_cast<uint32_t>(RandomValue(random));
      if (yields == Yields::kItems) r.fd = static_cast<int32_t>(RandomValue(random));
      if (yields != Yields::kRevents) r.data = RandomValue(random);
    }
    return o;
  }
  const bool two = yields == Yields::kTwo || yields == Yields::kOption || yields == Yields::kPassed ||
                   yields == Yields::kMessage || yields == Yields::kOffset;
  const bool four = yields == Yields::kParams || yields == Yields::kAttributes;
  const bool three = yields == Yields::kInterval || yields == Yields::kOffsets;
  o.nvalues = two ? 2 : four ? 4 : three ? 3 : 1;
  for (uint8_t i = 0; i < o.nvalues; ++i) o.value[i] = static_cast<int64_t>(RandomValue(random));
  o.has_payload = (yields == Yields::kPayload || yields == Yields::kMessage) && random() % 2 == 0;
  if (o.has_payload) o.payload = RandomValue(random);
  return o;
}

TEST(TextTest, WholeTracesRoundTrip) {
  Random random(2);
  const auto comment = [&] {
    return std::vector<std::string>{"", "a comment", "  indented", " ", "# twice"}[random() % 5];
  };
  const auto lines = [&] {
    std::vector<std::string> above(random() % 3);
    for (std::string& line : above) line = comment();
    return above;
  };
  for (int n = 0; n < 300; ++n) {
    Trace trace;
    if (n % 2 == 0) trace.directives = {{"profile", "linux-6.1+a", lines()}, {"fact", "pipe.slots 16 # all", lines()}};
    trace.ops = RandomOps(random, 20);
    trace.notes.resize(trace.ops.size());
    for (size_t i = 0; i < trace.ops.size(); ++i) {
      Note& note = trace.notes[i];
      for (size_t k = 0; k < Outputs(trace.ops[i].call); ++k) note.name[k] = "n" + std::to_string(2 * i + k);
      note.expect.any = random() % 8 == 0;
      if (!note.expect.any) note.expect.allow.resize(random() % 4);
      for (Outcome& o : note.expect.allow) o = RandomOutcome(random, trace.ops[i]);
      note.above = lines(), note.comment = comment();
    }
    trace.below = lines();
    const std::string text = Print(trace);
    const Trace parsed = Parsed(text);
    ASSERT_EQ(parsed, trace) << text;
    ASSERT_EQ(Print(parsed), text);
  }
}

TEST(TextTest, CommentsAndEmptyLinesStay) {
  constexpr std::string_view text = R"(# ctl.add.exists: a key is added once

% profile linux-6.18
#
# second paragraph
% seed 7

ep = epoll_create1(0)    # binds

# above
close(ep) = 0    #
# below

)";
  EXPECT_EQ(Print(Parsed(text)), text);
  const Trace trace = Parsed(text);
  EXPECT_EQ(trace.directives[1].above, (std::vector<std::string>{" ", "second paragraph"}));
  EXPECT_EQ(trace.notes[1].above, (std::vector<std::string>{"", "above"}));
  EXPECT_EQ(trace.below, (std::vector<std::string>{"below", ""}));
}

TEST(TextTest, EmptyTracesAndMissingNewlines) {
  EXPECT_EQ(Parsed(""), Trace());
  EXPECT_EQ(Print(Trace()), "");
  EXPECT_EQ(Print(Parsed("close(3)")), "close(3)\n");
  EXPECT_EQ(Print(Parsed("\tclose ( 3 )=0#x\r\n")), "close(3) = 0    # x\n");
}

// --- Spellings ---------------------------------------------------------------------------------------------------

struct Spelling {
  const char *read, *printed;
};

TEST(TextTest, SpellingsAreReadAndTheShortOnePrinted) {
  const Spelling kSpellings[] = {
      {"epoll_create(-1)", "epoll_create(-1)"},
      {"epoll_create1(O_CLOEXEC)", "epoll_create1(EPOLL_CLOEXEC)"},
      {"epoll_create1(0x80800)", "epoll_create1(EPOLL_CLOEXEC|O_NONBLOCK)"},
      {"epoll_ctl(3, EPOLL_CTL_ADD, 4, EPOLLIN|EPOLLET, 1)", "epoll_ctl(3, ADD, 4, IN|ET, 0x1)"},
      {"epoll_ctl(3, 2, 4)", "epoll_ctl(3, DEL, 4)"},
      {"epoll_ctl(3, DEL, 4, 0, 0)", "epoll_ctl(3, DEL, 4)"},
      {"epoll_ctl(3, MOD, 4, IN)", "epoll_ctl(3, MOD, 4, IN, 0)"},
      {"epoll_ctl(3, 77, 4, 0x80000801, -1)", "epoll_ctl(3, 77, 4, IN|ET|0x800, 0xffffffffffffffff)"},
      {"epoll_ctl(3, -1, 4, -1, 0)",
       "epoll_ctl(3, -1, 4, "
       "IN|PRI|OUT|ERR|HUP|NVAL|RDNORM|RDBAND|WRNORM|WRBAND|MSG|RDHUP|URING_WAKE|EXCLUSIVE|WAKEUP|ONESHOT|ET|0x7ffd800"
       ", 0)"},
      {"epoll_ctl(3, ADD, 4, NULL)", "epoll_ctl(3, ADD, 4, NULL)"},
      {"epoll_ctl(3, ADD, 4, fault@0)", "epoll_ctl(3, ADD, 4, fault@0)"},
      {"epoll_ctl(3, ADD, 4, readonly, IN, 5)", "epoll_ctl(3, ADD, 4, readonly, IN, 0x5)"},
      {"epoll_wait(3, kernel, 0x10, 4294967295)", "epoll_wait(3, kernel, 16, -1)"},
      {"epoll_pwait(3, 8, 0, 8)", "epoll_pwait(3, 8, 0, 8)"},
      {"epoll_pwait(3, unmapped, 8, 0, NULL, 4)", "epoll_pwait(3, unmapped, 8, 0, NULL, 4)"},
      {"epoll_pwait2(3, 8, {0, 0}, NULL, 8)", "epoll_pwait2(3, 8, {0, 0}, NULL, 8)"},
      {"epoll_pwait2(3, 8, NULL, 8)", "epoll_pwait2(3, 8, NULL, 8)"},
      {"epoll_pwait2(3, NULL, 8, kernel, kernel, 8)", "epoll_pwait2(3, NULL, 8, kernel, kernel, 8)"},
      {"epoll_pwait2(3, 8, readonly, {-1, 1000000000}, 8)", "epoll_pwait2(3, 8, readonly, {-1, 1000000000}, 8)"},
      {"epiocsparams(3, 20, 8, 1, 0)", "epiocsparams(3, 20, 8, 1, 0)"},
      {"epiocsparams(3, NULL)", "epiocsparams(3, NULL)"},
      {"epiocgparams(3)", "epiocgparams(3)"},
      {"epiocgparams(3, readonly)", "epiocgparams(3, readonly)"},
      {"ioctl(3, 35343)", "ioctl(3, 0x8a0f)"},
      {"poll(0)", "poll(0)"},
      {"poll(3 POLLIN|EPOLLOUT, -1 0, -1)", "poll(3 IN|OUT, -1 0, -1)"},
      {"close_range(3, 4294967295, CLOSE_RANGE_CLOEXEC)", "close_range(3, -1, CLOEXEC)"},
      {"dup3(3, 4, O_CLOEXEC)", "dup3(3, 4, O_CLOEXEC)"},
      {"fcntl(3, F_GETFL)", "fcntl(3, F_GETFL)"},
      {"fcntl(3, F_GETFL, 0)", "fcntl(3, F_GETFL)"},
      {"fcntl(3, F_DUPFD, 2048)", "fcntl(3, F_DUPFD, 2048)"},
      {"fcntl(3, 4, 2048)", "fcntl(3, F_SETFL, O_NONBLOCK)"},
      {"fcntl(3, F_SETFL, -1)", "fcntl(3, F_SETFL, O_APPEND|O_NONBLOCK|O_ASYNC|O_DIRECT|O_CLOEXEC|0xfff793ff)"},
      {"fcntl(3, F_SETFD, 1)", "fcntl(3, F_SETFD, FD_CLOEXEC)"},
      {"fcntl(3, 999, -5)", "fcntl(3, 999, -5)"},
      {"read(3, readonly, 1048576)", "read(3, readonly, 1048576)"},
      {"write(3, u64 0xff)", "write(3, u64 255)"},
      {"write(3, u64 0)", "write(3, 8)"},
      {"send(3, fault@8, u64 1, MSG_OOB|MSG_DONTWAIT)", "send(3, fault@8, u64 1, MSG_OOB|MSG_DONTWAIT)"},
      {"recv(3, 1, 0)", "recv(3, 1, 0)"},
      {"shutdown(3, 1)", "shutdown(3, SHUT_WR)"},
      {"shutdown(3, 3)", "shutdown(3, 3)"},
      {"pipe2(O_CLOEXEC|O_NONBLOCK|O_DIRECT)", "pipe2(O_NONBLOCK|O_DIRECT|O_CLOEXEC)"},
      {"eventfd(-1, EFD_SEMAPHORE|O_NONBLOCK)", "eventfd(-1, EFD_SEMAPHORE|EFD_NONBLOCK)"},
      {"socketpair(SOCK_STREAM, SOCK_NONBLOCK|CLOEXEC)", "socketpair(STREAM, NONBLOCK|CLOEXEC)"},
      {"socketpair(9, 0)", "socketpair(9, 0)"},
      {"timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)", "timerfd_create(MONOTONIC, TFD_NONBLOCK)"},
      {"timerfd_settime(3, TFD_TIMER_ABSTIME, {0, 1}, {0, 0})", "timerfd_settime(3, TFD_TIMER_ABSTIME, {0, 1})"},
      {"timerfd_settime(3, 0, {1, 0}, {0, 5})", "timerfd_settime(3, 0, {1, 0}, {0, 5})"},
      {"timerfd_ticks(3, 5)", "timerfd_ticks(3, 5)"},
      {"memfd_create(MFD_CLOEXEC)", "memfd_create(MFD_CLOEXEC)"},
      {"open(null, O_RDONLY)", "open(null, O_RDONLY)"},
      {"open(directory, O_PATH|O_RDONLY)", "open(directory, O_PATH)"},
      {"prlimit(RLIMIT_NOFILE, 5)", "prlimit(NOFILE, 5)"},
      {"watches(3)", "watches(3)"},
  };
  for (const Spelling& s : kSpellings) EXPECT_EQ(Print(Parsed(s.read)), s.printed + std::string("\n"));
}

TEST(TextTest, OutcomesRead) {
  const Spelling kSpellings[] = {
      {"close(3) = *", "close(3) = *"},
      {"close(3) = {0,-EBADF}", "close(3) = {0, -EBADF}"},
      {"close(3) = {0}", "close(3) = 0"},
      {"pipe2(0) = {3, 4, 5, 6, -EMFILE}", "pipe2(0) = {3, 4, 5, 6, -EMFILE}"},
      {"epoll_wait(3, 8, 0) = []", "epoll_wait(3, 8, 0) = []"},
      {"epoll_wait(3, 8, 0) = {[IN 1], [EPOLLOUT 2, 0 0x3]}", "epoll_wait(3, 8, 0) = {[IN 0x1], [OUT 0x2, 0 0x3]}"},
      {"poll(3 IN, 4 IN, 0) = [0, NVAL]", "poll(3 IN, 4 IN, 0) = [0, NVAL]"},
      {"epiocgparams(3) = 0, 20, 8, 1", "epiocgparams(3) = 0, 20, 8, 1"},
      {"recv(3, 8, 0) = 3 clobbered", "recv(3, 8, 0) = 3 clobbered"},
      {"read(3, 8) = -E4000 clobbered # ?", "read(3, 8) = -E4000 clobbered    # ?"},
      {"read(3, 8) = hung", "read(3, 8) = hung"},
      {"read(3, 8) = died", "read(3, 8) = died"},
      {"close(1) = skipped # harness", "close(1) = skipped    # harness"},
  };
  for (const Spelling& s : kSpellings) EXPECT_EQ(Print(Parsed(s.read)), s.printed + std::string("\n"));
}

TEST(TextTest, ErrorNumbersHaveNames) {
  EXPECT_EQ(ErrnoName(kEAGAIN), "EAGAIN");
  EXPECT_EQ(ErrnoName(kELOOP), "ELOOP");
  EXPECT_EQ(ErrnoName(kENOTSOCK), "ENOTSOCK");
  EXPECT_EQ(ErrnoName(kEOVERFLOW), "EOVERFLOW");
  EXPECT_EQ(ErrnoName(kECONNREFUSED), "ECONNREFUSED");
  EXPECT_EQ(ErrnoName(kECANCELED), "ECANCELED");
  EXPECT_EQ(ErrnoName(133), "EHWPOISON");
  EXPECT_EQ(ErrnoName(41), "E41");
  EXPECT_EQ(ErrnoName(512), "E512");
}

// --- Names -------------------------------------------------------------------------------------------------------

TEST(TextTest, AFuzzersTraceGetsNamesByKind) {
  Trace trace = Parsed(R"(a = epoll_create1(0)
b = epoll_create(1)
c, d = pipe2(0)
e, f = socketpair(DGRAM, 0)
g, h = socketpair(STREAM, 0)
i, j = pipe2(0)
k = eventfd(0, 0)
l = timerfd_create(MONOTONIC, 0)
m = memfd_create(0)
n = open(null, 0)
o = dup(c)
p = dup2(d, 9)
q = dup2(d, 10)
s = fcntl(h, F_DUPFD, 20)
t = fcntl(j, F_GETFL)
close(p)
)");
  trace.notes.clear();
  EXPECT_EQ(Print(trace), R"(ep = epoll_create1(0)
ep2 = epoll_create(1)
r, w = pipe2(0)
s1, s2 = socketpair(DGRAM, 0)
s3, s4 = socketpair(STREAM, 0)
r2, w2 = pipe2(0)
e = eventfd(0, 0)
t = timerfd_create(MONOTONIC, 0)
m = memfd_create(0)
f = open(null, O_RDONLY)
d = dup(r)
d2 = dup2(w, 9)
dup2(w, 10)
fcntl(s4, F_DUPFD, 20)
fcntl(w2, F_GETFL)
close(d2)
)");
}

TEST(TextTest, ANameMeansTheLatestBindingBeforeIt) {
  const Trace trace = Parsed("x = dup(3)\nclose(x)\nx = dup(x)\nclose(x)\n");
  EXPECT_EQ(trace.ops[1].fd(0), Fd::Output(0, 0));
  EXPECT_EQ(trace.ops[2].fd(0), Fd::Output(0, 0));
  EXPECT_EQ(trace.ops[3].fd(0), Fd::Output(2, 0));
}

TEST(TextTest, AUseThatALaterBindingWouldHideGetsItsOwnName) {
  Trace trace = Parsed("x = dup(3)\nclose(x)\nx = dup(x)\nclose(x)\n");
  trace.ops[3].arg[0] = Fd::Output(0, 0).bits();
  EXPECT_EQ(Print(trace), "d = dup(3)\nclose(d)\nx = dup(d)\nclose(d)\n");
  EXPECT_EQ(Parsed(Print(trace)).ops, trace.ops);
}

TEST(TextTest, NotesWithoutUsableNamesGetThemWhereNeeded) {
  Trace trace = Parsed("dup(3)\nx = dup(3)\nclose(x)\n");
  EXPECT_EQ(Print(trace), "dup(3)\nx = dup(3)\nclose(x)\n");
  trace.notes[1].name[0] = "NULL";
  EXPECT_EQ(Print(trace), "dup(3)\nd = dup(3)\nclose(d)\n");
  trace.ops[2].arg[0] = Fd::Output(2, 0).bits();  // names nothing: reads as -1
  EXPECT_EQ(Print(trace), "dup(3)\ndup(3)\nclose(-1)\n");
}

// --- Annotated traces --------------------------------------------------------------------------------------------

TEST(TextTest, OutcomesReplaceWhatWasWritten) {
  const Trace trace = Parsed("e = eventfd(0, 0) = {3, 4}    # why\ntimerfd_ticks(e, 1) = 0\nclose(e) = 0\n");
  std::vector<Outcome> outcomes(2);
  outcomes[0].Value(3);
  outcomes[1].kind = Outcome::kSkipped, outcomes[1].note = "no CHECKPOINT_RESTORE";
  const std::string text =
      "e = eventfd(0, 0) = 3    # why\ntimerfd_ticks(e, 1) = skipped    # no CHECKPOINT_RESTORE\nclose(e)\n";
  EXPECT_EQ(Print(trace, outcomes), text);
  EXPECT_EQ(Print(Parsed(text), outcomes), text) << "the note is not written twice";
  EXPECT_EQ(PrintOps(trace), (std::vector<std::string>{"e = eventfd(0, 0)", "timerfd_ticks(e, 1)", "close(e)"}));
}

TEST(TextTest, OneOpAlone) {
  const Trace trace = Parsed("r, w = pipe2(0)\nepoll_ctl(3, ADD, w, IN, 0x1)\n");
  EXPECT_EQ(PrintOp(trace.ops[1]), "epoll_ctl(3, ADD, #0.1, IN, 0x1)");
  EXPECT_EQ(PrintOp(trace.ops[1], [](Fd fd) { return fd.literal() ? "ep" : "w"; }), "epoll_ctl(ep, ADD, w, IN, 0x1)");
  EXPECT_EQ(PrintMask(0), "0");
}

// --- Errors ------------------------------------------------------------------------------------------------------

TEST(TextTest, ErrorsSayWhereAndWhatWasExpected) {
  const struct {
    const char *text, *message;
  } kErrors[] = {
      {"\n\nepoll_wait(  x, 8, 0)", "t:3:14: expected a descriptor, got `x`"},
      {"% profil linux-6.1", "t:1:3: expected profile, fact, target, seed, as-if, signature or note, got `profil`"},
      {"% profile", "t:1:10: expected a value, got the end of the line"},
      {"close(3)\n% seed 1", "t:2:1: expected an op: directives stand before the first one, got `%`"},
      {"T17 close(3)", "t:1:1: expected a thread from T1 to T16, got `T17`"},
      {"  T2 epoll_wait = [IN 0x9]", "t:1:3: expected an op: a completion belongs to the op above it, got `T2`"},
      {"race {", "t:1:1: expected a name or a call, got `race`"},
      {"}", "t:1:1: expected a name or a call, got `}`"},
      {"= 3", "t:1:1: expected a name or a call, got `=`"},
      {"NULL = dup(3)", "t:1:1: expected a name or a call, got `NULL`"},
      {"ep", "t:1:3: expected `(`, `,` or `=`, got the end of the line"},
      {"a, b, c = pipe2(0)", "t:1:5: expected `=`, got `,`"},
      {"a, 3 = pipe2(0)", "t:1:4: expected a name, got `3`"},
      {"a = 3", "t:1:5: expected a call, got `3`"},
      {"epoll_fly(3)", "t:1:1: expected a call, got `epoll_fly`"},
      {"x = close(3)", "t:1:5: expected a call that returns one descriptor, got `close`"},
      {"x = pipe2(0)", "t:1:5: expected a call that returns one descriptor, got `pipe2`"},
      {"x, y = dup(0)", "t:1:8: expected a call that returns two descriptors, got `dup`"},
      {"close", "t:1:6: expected `(`, `,` or `=`, got the end of the line"},
      {"close(", "t:1:7: expected a descriptor, got the end of the line"},
      {"close(3", "t:1:8: expected `)`, got the end of the line"},
      {"close(3, 4)", "t:1:8: expected `)`, got `,`"},
      {"close(3) 4", "t:1:10: expected `=`, a comment or the end of the line, got `4`"},
      {"close(99999999999)", "t:1:7: expected a descriptor, got `99999999999`"},
      {"dup2(3)", "t:1:7: expected `,` and newfd, got `)`"},
      {"epoll_ctl(3, BAD, 4)", "t:1:14: expected op: ADD, DEL, MOD or a number, got `BAD`"},
      {"epoll_ctl(3, ADD, 4, INN, 0)", "t:1:22: expected an event mask, got `INN`"},
      {"epoll_ctl(3, ADD, 4, IN|, 0)", "t:1:25: expected an event mask, got `,`"},
      {"epoll_ctl(3, ADD, 4, IN, x)", "t:1:26: expected data (64 bits), got `x`"},
      {"epoll_ctl(3, ADD, 4, IN, 0x10000000000000000)", "t:1:26: expected data (64 bits), got `0x10000000000000000`"},
      {"epoll_ctl(3, ADD, 4, NULL, IN, 0)", "t:1:26: expected `)`, got `,`"},
      {"epoll_wait(3, 8, 010)", "t:1:18: expected timeout (32 bits), got `010`"},
      {"epoll_wait(3, fault, 8, 0)", "t:1:20: expected `@`, got `,`"},
      {"epoll_wait(3, fault@-1, 8, 0)", "t:1:21: expected a number of records, got `-1`"},
      {"epoll_pwait2(3, 8, 0, NULL, 8)", "t:1:20: expected `{`, got `0`"},
      {"epoll_pwait2(3, 8, {0}, NULL, 8)", "t:1:22: expected `,` and tv_nsec, got `}`"},
      {"poll(3 IN, 4, 0)", "t:1:13: expected an event mask, got `,`"},
      {"poll(3 ET, 0)", "t:1:8: expected an event mask of 16 bits, got `ET`"},
      {"poll(3 IN)", "t:1:10: expected `,` and timeout, got `)`"},
      {"poll(1 0,1 0,1 0,1 0,1 0,1 0,1 0,1 0,1 0,1 0,0)",
       "t:1:44: expected the timeout: a poll has at most 9 descriptors, got `0`"},
      {"read(3, -1)", "t:1:9: expected a byte count up to 1048576, got `-1`"},
      {"write(3, NULL, u64 1)", "t:1:16: expected a byte count: the memory cannot be read, got `u64`"},
      {"change(4)", "t:1:8: expected mounts or domainname, got `4`"},
      {"prlimit(CPU, 4)", "t:1:9: expected `NOFILE`, got `CPU`"},
      {"shutdown(3, SHUT_RW)", "t:1:13: expected how: SHUT_RD, SHUT_WR, SHUT_RDWR or a number, got `SHUT_RW`"},
      {"close(3) = ", "t:1:11: expected an integer, or an outcome in words, got the end of the line"},
      {"close(3) = {", "t:1:13: expected an integer, or an outcome in words, got the end of the line"},
      {"close(3) = {0", "t:1:14: expected `,` or `}`, got the end of the line"},
      {"close(3) = -EWHAT", "t:1:12: expected an error, got `-EWHAT`"},
      {"close(3) = -1 EBADF", "t:1:15: expected a comment or the end of the line, got `EBADF`"},
      {"close(3) = [IN 1]", "t:1:12: expected an integer, or an outcome in words, got `[`"},
      {"pipe2(0) = 3", "t:1:13: expected two descriptors' numbers, or an outcome in words, got the end of the line"},
      {"epoll_wait(3, 8, 0) = 1", "t:1:23: expected `[`, or an outcome in words, got `1`"},
      {"epoll_wait(3, 8, 0) = [IN]", "t:1:26: expected data, got `]`"},
      {"epoll_wait(3, 8, 0) = [IN 1", "t:1:28: expected `,` or `]`, got the end of the line"},
      {"fdinfo(3) = [IN 1]", "t:1:14: expected a descriptor's number, got `IN`"},
      {"read(3, 8) = 8 u64", "t:1:19: expected a 64-bit value, got the end of the line"},
  };
  for (const auto& e : kErrors) EXPECT_EQ(Message(e.text), e.message) << e.text;
  EXPECT_EQ(Message(std::string_view("close(3)\0#", 10)),
            "t:1:9: expected `=`, a comment or the end of the line, got `?`");
}

TEST(TextTest, AFailedParseLeavesTheTraceAlone) {
  Trace trace = Parsed("close(3)");
  const Trace before = trace;
  ParseError error;
  EXPECT_FALSE(Parse("close(4)\nclose(x)", "t", &trace, &error));
  EXPECT_EQ(trace, before);
}

}  // namespace
}  // namespace pollux
