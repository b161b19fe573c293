// Threads on the model: who is woken, in what order, and what they find.

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "model/model.h"
#include "model/test_util.h"
#include "model/text.h"

namespace pollux {
namespace {

// The annotated trace that the model of 6.18 makes of it, without the first `skip` lines.
std::string Annotated(std::string_view text, int skip = 0) {
  Trace trace;
  ParseError error;
  EXPECT_TRUE(Parse(text, "trace", &trace, &error)) << error.message();
  Profile profile;
  FindProfile("linux-6.18", &profile);
  Model model(profile);
  Bindings bindings;
  std::vector<Outcome> outcomes;
  for (const Op& op : trace.ops) {
    outcomes.emplace_back();
    model.Run(bindings.Resolve(op), &outcomes.back());
    bindings.Bind(op, outcomes.back());
  }
  std::string printed = Print(trace, outcomes);
  Trace again;
  EXPECT_TRUE(Parse(printed, "printed", &again, &error)) << error.message();
  EXPECT_EQ(Print(again), printed);
  for (; skip > 0; --skip) printed.erase(0, printed.find('\n') + 1);
  return printed;
}

constexpr std::string_view kFour =
    "ep = epoll_create1(0)\n"
    "e = eventfd(0, EFD_NONBLOCK)\n";

std::string Four(std::string_view mask, std::string_view then) {
  std::string text(kFour);
  text += "epoll_ctl(ep, ADD, e, " + std::string(mask) + ", 0x1)\n";
  for (const char* t : {"T1", "T2", "T3", "T4"}) text += std::string(t) + " epoll_wait(ep, 8, -1)\n";
  return Annotated(text + std::string(then), 7);
}

TEST(ThreadsTest, EdgesReachTheNewestSleeperFirst) {
  EXPECT_EQ(Four("IN|ET", "write(e, u64 1)\nwrite(e, u64 1)\n"),
            "write(e, u64 1) = 8\n  T4 epoll_wait = [IN 0x1]\n"
            "write(e, u64 1) = 8\n  T3 epoll_wait = [IN 0x1]\n");
}

TEST(ThreadsTest, ALevelReachesAllUnlessSomebodyConsumesIt) {
  EXPECT_EQ(Four("IN", "write(e, u64 1)\n"),
            "write(e, u64 1) = 8\n  T1 epoll_wait = [IN 0x1]\n  T2 epoll_wait = [IN 0x1]\n"
            "  T3 epoll_wait = [IN 0x1]\n  T4 epoll_wait = [IN 0x1]\n");
  EXPECT_EQ(Four("IN|ONESHOT", "write(e, u64 1)\nepoll_ctl(ep, MOD, e, IN|ONESHOT, 0x2)\n"),
            "write(e, u64 1) = 8\n  T4 epoll_wait = [IN 0x1]\n"
            "epoll_ctl(ep, MOD, e, IN|ONESHOT, 0x2) = 0\n  T3 epoll_wait = [IN 0x2]\n");
}

TEST(ThreadsTest, WhoWakesForNothingSleepsInFront) {
  // T4 wakes, finds nothing and stands in front again.
  EXPECT_EQ(Four("IN|ET", "write(e, u64 0)\nwrite(e, u64 1)\n"),
            "write(e, 8) = 8\nwrite(e, u64 1) = 8\n  T4 epoll_wait = [IN 0x1]\n");
}

TEST(ThreadsTest, ABusyThreadDoesNothingElse) {
  EXPECT_EQ(Four("IN", "T1 close(e)\n"), "T1 close(e) = skipped    # the thread is in a call\n");
}

TEST(ThreadsTest, ExclusiveItemsTellOneInstance) {
  const std::string three = std::string(kFour) +
                            "b = epoll_create1(0)\nc = epoll_create1(0)\n"
                            "epoll_ctl(ep, ADD, e, IN|EXCLUSIVE, 0x1)\n"
                            "epoll_ctl(b, ADD, e, IN|EXCLUSIVE, 0x2)\n"
                            "epoll_ctl(c, ADD, e, IN|EXCLUSIVE, 0x3)\n"
                            "T1 epoll_wait(b, 8, -1)\nT2 epoll_wait(c, 8, -1)\n"
                            "write(e, u64 1)\nepoll_wait(ep, 8, 0)\nepoll_wait(c, 8, 0)\n";
  EXPECT_EQ(Annotated(three, 9),
            "write(e, u64 1) = 8\n  T1 epoll_wait = [IN 0x2]\n"
            "epoll_wait(ep, 8, 0) = [IN 0x1]\n"
            "epoll_wait(c, 8, 0) = []\n");
}

TEST(ThreadsTest, WaitersOfBothLevelsOfANest) {
  const std::string nest = std::string(kFour) +
                           "o = epoll_create1(0)\n"
                           "epoll_ctl(ep, ADD, e, IN|ET, 0x1)\nepoll_ctl(o, ADD, ep, IN|ET, 0x2)\n"
                           "T1 epoll_wait(o, 8, -1)\nT2 epoll_wait(ep, 8, -1)\nwrite(e, u64 1)\n";
  // The inner one is woken first, and takes the edge; the outer one then finds nothing.
  EXPECT_EQ(Annotated(nest, 7), "write(e, u64 1) = 8\n  T2 epoll_wait = [IN 0x1]\n");
}

TEST(ThreadsTest, APollAsksItsNumbersAnew) {
  EXPECT_EQ(Annotated("a = eventfd(0, EFD_NONBLOCK)\nb = eventfd(0, EFD_NONBLOCK)\nT1 poll(a IN, b IN, -1)\nclose(a)\n"
                      "write(b, u64 1)\n",
                      3),
            "close(a) = 0\nwrite(b, u64 1) = 8\n  T1 poll = [NVAL, IN]\n");
}

TEST(ThreadsTest, AWriteThatSleepsHasWrittenWhatThereWasRoomFor) {
  EXPECT_EQ(
      Annotated("r, w = pipe2(0)\nfcntl(w, F_SETPIPE_SZ, 4096)\nT1 write(w, 5000)\nread(r, 4096)\nread(r, 904)\n", 2),
      "T1 write(w, 5000) = blocked\nread(r, 4096) = 4096\n  T1 write = 5000\nread(r, 904) = 904\n");
}

TEST(ThreadsTest, WhoSleepsForAMomentHasNotBlocked) {
  EXPECT_EQ(Annotated("r, w = pipe2(0)\nfcntl(w, F_SETPIPE_SZ, 4096)\nT1 read(r, 4096)\nT2 write(w, 5000)\n", 3),
            "T2 write(w, 5000) = 5000\n  T1 read = 4096\n");
}

TEST(ThreadsTest, ATimeoutPassesWhereItIsSaidTo) {
  // T4 is gone from the queue; T3 is the newest sleeper.
  EXPECT_EQ(Four("IN|ET", "write(e, u64 1)\nT4 epoll_wait(ep, 8, 1)\nexpire(T4)\nwrite(e, u64 1)\nexpire(T4)\n"),
            "write(e, u64 1) = 8\n  T4 epoll_wait = [IN 0x1]\n"
            "T4 epoll_wait(ep, 8, 1) = blocked\n"
            "expire(T4) = 0\n  T4 epoll_wait = []\n"
            "write(e, u64 1) = 8\n  T3 epoll_wait = [IN 0x1]\n"
            "expire(T4) = skipped    # the thread sleeps in no call with a timeout\n");
}

TEST(ThreadsTest, EveryCallThatWaitsHasATimeout) {
  EXPECT_EQ(
      Annotated("ep = epoll_create1(0)\nT1 epoll_pwait(ep, 8, 9, NULL, 8)\nT2 epoll_pwait2(ep, 8, {3600, 0}, NULL, 8)\n"
                "T3 select(ep R, {0, 1})\nT4 ppoll(ep IN, {0, 1}, NULL, 8)\nT5 epoll_pwait2(ep, 8, {-1, 0}, NULL, 8)\n"
                "expire(T2)\nexpire(T3)\nexpire(T1)\nexpire(T4)\n",
                5),
      "T5 epoll_pwait2(ep, 8, {-1, 0}, NULL, 8) = -EINVAL\n"
      "expire(T2) = 0\n  T2 epoll_pwait2 = []\nexpire(T3) = 0\n  T3 select = [0]\n"
      "expire(T1) = 0\n  T1 epoll_pwait = []\nexpire(T4) = 0\n  T4 ppoll = [0]\n");
}

TEST(ThreadsTest, WhoseWakeCameBeforeItsTimeoutTakesTheEvent) {
  EXPECT_EQ(Annotated("e = eventfd(0, EFD_NONBLOCK)\nT1 poll(e IN, 5)\nwrite(e, u64 1)\nexpire(T1)\n", 2),
            "write(e, u64 1) = 8\n  T1 poll = [IN]\n"
            "expire(T1) = skipped    # the thread sleeps in no call with a timeout\n");
}

// Does the order matter in which those run whom the last op wakes?
bool OrderMatters(std::string_view text) {
  Model model(Named("linux-6.18"));
  Bindings bindings;
  Outcome outcome;
  const std::vector<Op> ops = ParsedOps(text);
  for (size_t i = 0; i + 1 < ops.size(); ++i) {
    model.Run(bindings.Resolve(ops[i]), &outcome);
    bindings.Bind(ops[i], outcome);
  }
  return model.OrderMatters(bindings.Resolve(ops.back()));
}

TEST(ThreadsTest, OrderMattersWhereTwoRunForOneEvent) {
  const std::string four(kFour);
  const std::string two = "T1 epoll_wait(ep, 8, -1)\nT2 epoll_wait(ep, 8, -1)\n";
  EXPECT_FALSE(OrderMatters(four + "epoll_ctl(ep, ADD, e, IN|ET, 0)\n" + two + "write(e, u64 1)\n")) << "one is woken";
  EXPECT_FALSE(OrderMatters("e = eventfd(0, EFD_NONBLOCK)\nT1 poll(e IN, -1)\nT2 poll(e IN, -1)\nwrite(e, u64 1)\n"));
  EXPECT_TRUE(OrderMatters("e = eventfd(0, 0)\nT1 read(e, 8)\nT2 read(e, 8)\nwrite(e, u64 1)\n"));
}

TEST(ThreadsTest, ErrorsSayWhatWasExpected) {
  const auto error = [](std::string_view text) {
    Trace trace;
    ParseError e;
    EXPECT_FALSE(Parse(text, "t", &trace, &e));
    return e.message();
  };
  EXPECT_EQ(error("T17 close(3)\n"), "t:1:1: expected a thread from T1 to T16, got `T17`");
  EXPECT_EQ(error("T1 close = 0\n"), "t:1:1: expected an op: a completion belongs to the op above it, got `T1`");
  EXPECT_EQ(error("close(3)\n  T1 close = 0\n  T1 close = 0\n"),
            "t:3:3: expected another thread: an op brings each back once, got `T1`");
  EXPECT_EQ(error("close(3)\n  T1 poll = [IN 3]\n"), "t:2:17: expected `,` or `]`, got `3`");
}

}  // namespace
}  // namespace pollux
