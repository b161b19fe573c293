// The model through the text form: the corpus, what the releases differ in, copies, facts, and its state in words.

#include "model/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "model/test_util.h"

namespace pollux {
namespace {

// The annotated trace of what the model does.
std::string RunOn(Model* model, const Trace& trace) {
  std::vector<Outcome> outcomes(trace.ops.size());
  Bindings bindings;
  for (size_t i = 0; i < trace.ops.size(); ++i) {
    model->Run(bindings.Resolve(trace.ops[i]), &outcomes[i]);
    bindings.Bind(trace.ops[i], outcomes[i]);
  }
  return Print(trace, outcomes);
}
std::string RunOn(Model* model, std::string_view text) {
  model->Reset();
  return RunOn(model, Parsed(text));
}
std::string LastLine(const std::string& text) {
  const size_t end = text.size() - 1, start = text.rfind('\n', end - 1);
  return text.substr(start + 1, end - start - 1);
}

// --- The corpus --------------------------------------------------------------------------------------------------

// Every outcome written is one outcome, so that printing what the model does gives the file again. Sets and "*" are
// properties/corpus_test.cc's.
TEST(ModelTest, RepeatsTheCorpusToTheLetter) {
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(POLLUX_CORPUS)) {
    if (entry.path().extension() != ".trace") continue;
    SCOPED_TRACE(entry.path());
    const std::string text = FileText(entry.path());
    const Trace trace = Parsed(text);
    const bool open = std::any_of(trace.notes.begin(), trace.notes.end(),
                                  [](const Note& n) { return n.expect.any || n.expect.allow.size() > 1; });
    if (open) continue;
    Profile profile;
    Facts facts;
    for (const Directive& d : trace.directives) {
      if (d.key == "profile") ASSERT_TRUE(FindProfile(d.value, &profile)) << entry.path();
      const size_t space = d.value.find(' ');
      if (d.key == "fact") ASSERT_TRUE(SetFact(&facts, d.value.substr(0, space), d.value.substr(space + 1)));
    }
    Model model(profile, facts);
    EXPECT_EQ(RunOn(&model, trace), text) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 300);
}

// --- Releases ----------------------------------------------------------------------------------------------------

// corpus/quirks/ID.trace is the quirk's witness: its outcomes are 6.18's, and other ones with the quirk.
TEST(ModelTest, EveryQuirkHasAWitness) {
  for (size_t q = 0; q < kQuirks; ++q) {
    const std::string id(Info(static_cast<Quirk>(q)).id);
    const std::string path = std::string(POLLUX_CORPUS) + "/quirks/" + id + ".trace";
    const std::string text = FileText(path);
    ASSERT_NE(text, "") << path;
    Model without(Named("linux-6.18")), with(Named("linux-6.18+" + id));
    EXPECT_EQ(RunOn(&without, text), text);
    EXPECT_NE(RunOn(&with, text), text) << id;
  }
}

TEST(ModelTest, WhatAReleaseAnswers) {
  struct Case {
    const char *profile, *outcome;
  };
  // A closed epfd with bad arguments: 6.15 looks at the descriptor first.
  for (const Case& c : {Case{"linux-6.18", "-EBADF"}, {"linux-6.12", "-EINVAL"}, {"linux-6.1", "-EINVAL"}}) {
    Model model(Named(c.profile));
    EXPECT_EQ(RunOn(&model, "epoll_wait(-1, 0, 0)"), "epoll_wait(-1, 0, 0) = " + std::string(c.outcome) + "\n");
  }
  // The empty packet that a faulting write left ends a read with nothing; without one there is nothing to read.
  for (const Case& c : {Case{"linux-6.18", "-EAGAIN"}, {"linux-6.12", "0"}, {"linux-6.1", "0"}}) {
    Model model(Named(c.profile));
    const std::string text = RunOn(&model, "r, w = pipe2(O_NONBLOCK|O_DIRECT)\nwrite(w, NULL, 1)\nread(r, 8)\n");
    EXPECT_EQ(LastLine(text), "read(r, 8) = " + std::string(c.outcome)) << c.profile;
  }
  // The slot that a faulting write left goes to the other pipe, silently; then there is nothing to splice.
  for (const Case& c : {Case{"linux-6.18", "[0]"}, {"linux-6.12", "[IN]"}, {"linux-6.1", "[IN]"}}) {
    Model model(Named(c.profile));
    const std::string text = RunOn(&model,
                                   "r, w = pipe2(O_NONBLOCK)\n"
                                   "r2, w2 = pipe2(O_NONBLOCK)\n"
                                   "write(w, NULL, 1)\n"
                                   "splice(r, w2, 1, NONBLOCK)\n"
                                   "poll(r2 IN, 0)\n");
    EXPECT_EQ(LastLine(text), "poll(r2 IN, 0) = " + std::string(c.outcome)) << c.profile;
  }
  // The second write to a pipe that was not drained.
  constexpr std::string_view kSecondWrite =
      "ep = epoll_create1(0)\n"
      "r, w = pipe2(O_NONBLOCK)\n"
      "epoll_ctl(ep, ADD, r, IN|ET, 0x1)\n"
      "write(w, 1)\n"
      "epoll_wait(ep, 8, 0)\n"
      "write(w, 1)\n"
      "epoll_wait(ep, 8, 0)\n";
  for (const Case& c : {Case{"linux-6.18", "[IN 0x1]"},
                        {"linux-5.15", "[IN 0x1]"},
                        {"linux-5.4", "[IN 0x1]"},
                        {"linux-5.10+pipe.only-first-write-wakes", "[]"}}) {
    Model model(Named(c.profile));
    EXPECT_EQ(LastLine(RunOn(&model, kSecondWrite)), "epoll_wait(ep, 8, 0) = " + std::string(c.outcome)) << c.profile;
  }
}

// --- Values ------------------------------------------------------------------------------------------------------

TEST(ModelTest, ACopyIsAWorldOfItsOwn) {
  Model model(Named("linux-6.18"));
  RunOn(&model,
        "ep = epoll_create1(0)\n"
        "e = eventfd(1, EFD_NONBLOCK)\n"
        "epoll_ctl(ep, ADD, e, IN|ET, 0x1)\n"
        "s, peer = socketpair(STREAM, NONBLOCK)\n"
        "send(s, 3, 0)\n");
  const std::string before = model.Describe();
  Model copy = model;
  EXPECT_EQ(copy.Describe(), before);

  // The copy goes on, and the original does not notice.
  EXPECT_EQ(RunOn(&copy, Parsed("epoll_wait(3, 8, 0)\n")), "epoll_wait(3, 8, 0) = [IN 0x1]\n");
  RunOn(&copy, Parsed("close_range(3, -1, 0)\n"));
  EXPECT_EQ(copy.Describe(), "");
  EXPECT_EQ(model.Describe(), before);
  EXPECT_EQ(RunOn(&model, Parsed("epoll_wait(3, 8, 0)\nrecv(6, 8, 0)\n")),
            "epoll_wait(3, 8, 0) = [IN 0x1]\nrecv(6, 8, 0) = 3\n");
}

TEST(ModelTest, ResetForgetsEverything) {
  Model model(Named("linux-6.18"));
  const std::string fresh = "ep = epoll_create1(0) = 3\n";
  EXPECT_EQ(RunOn(&model, "prlimit(NOFILE, 4)\nwatches(1)\nep = epoll_create1(0)\n"),
            "prlimit(NOFILE, 4) = 0\nwatches(1) = 0\n" + fresh);
  model.Reset();
  EXPECT_EQ(model.Describe(), "");
  EXPECT_EQ(RunOn(&model, "ep = epoll_create1(0)\n"), fresh);
}

// --- Facts -------------------------------------------------------------------------------------------------------

TEST(ModelTest, FactsDecideWhatTheMachineDecides) {
  Facts small;
  ASSERT_TRUE(SetFact(&small, "pipe.slots", "2"));
  ASSERT_TRUE(SetFact(&small, "pm-sleep", "1"));
  ASSERT_TRUE(SetFact(&small, "unix.sndbuf", "4608"));
  Model model(Named("linux-6.18"), small);
  EXPECT_EQ(RunOn(&model, "r, w = pipe2(O_NONBLOCK)\nwrite(w, 65536)\n"),
            "r, w = pipe2(O_NONBLOCK) = 3, 4\nwrite(w, 65536) = 8192\n");
  EXPECT_EQ(LastLine(RunOn(&model,
                           "ep = epoll_create1(0)\n"
                           "e = eventfd(0, EFD_NONBLOCK)\n"
                           "epoll_ctl(ep, ADD, e, IN|WAKEUP, 0x1)\n"
                           "fdinfo(ep)\n")),
            "fdinfo(ep) = [4 IN|ERR|HUP|WAKEUP 0x1]");
  // One message of 768 bytes is charged: 4 * (1 + 768) <= 4608, a second one is too much.
  EXPECT_EQ(LastLine(RunOn(&model,
                           "s, peer = socketpair(DGRAM, NONBLOCK)\n"
                           "send(s, 1, 0)\n"
                           "poll(s OUT, 0)\n")),
            "poll(s OUT, 0) = [OUT]");
  EXPECT_EQ(LastLine(RunOn(&model,
                           "s, peer = socketpair(DGRAM, NONBLOCK)\n"
                           "send(s, 1, 0)\n"
                           "send(s, 1, 0)\n"
                           "poll(s OUT, 0)\n")),
            "poll(s OUT, 0) = [0]");
}

TEST(ModelTest, FactsArePrintedAndRead) {
  Facts odd;
  odd.pipe_slots = 2, odd.net_admin = false, odd.unix_charge = {{100, 200}, {300, 400}}, odd.direct_io = 5;
  Facts read;
  for (const auto& [key, value] : PrintFacts(odd)) EXPECT_TRUE(SetFact(&read, key, value)) << key << ' ' << value;
  EXPECT_EQ(read, odd);
  EXPECT_FALSE(SetFact(&read, "pipe.slots", "-1"));
  EXPECT_FALSE(SetFact(&read, "pipe.slots", "many"));
  EXPECT_FALSE(SetFact(&read, "no.such", "1"));
  EXPECT_FALSE(SetFact(&read, "unix.charge", "300:400,100:200"));
}

// --- In words ----------------------------------------------------------------------------------------------------

TEST(ModelTest, DescribesItsState) {
  Model model(Named("linux-6.18"));
  RunOn(&model,
        "ep = epoll_create1(0)\n"
        "a = eventfd(1, EFD_NONBLOCK)\n"
        "b = eventfd(1, EFD_NONBLOCK)\n"
        "r, w = pipe2(O_NONBLOCK)\n"
        "epoll_ctl(ep, ADD, a, IN, 0xa)\n"
        "epoll_ctl(ep, ADD, b, IN|ONESHOT, 0xb)\n"
        "epoll_ctl(ep, ADD, r, IN|ET, 0xc)\n"
        "epoll_wait(ep, 8, 0)\n"
        "write(w, 5)\n"
        "read(a, 8)\n"
        "d = dup(r)\n"
        "close(r)\n"
        "prlimit(NOFILE, 64)\n");
  EXPECT_EQ(model.Describe(),
            "3: epoll, 3 items\n"
            "  item 4 0xa IN|ERR|HUP\n"
            "  item 5 0xb ONESHOT, disarmed\n"
            "  item 6 0xc (ghost) IN|ERR|HUP|ET\n"
            "  ready [4 0xa stale by harvest.requeue, 6 0xc (ghost) by callback.link]\n"
            "4: eventfd, count 0, mask OUT\n"
            "5: eventfd, count 1, mask IN|OUT\n"
            "8: pipe, reading end, 1/16 slots, mask IN|RDNORM\n"
            "7: pipe, writing end, 1/16 slots, mask OUT|WRNORM\n"
            "RLIMIT_NOFILE 64\n");
}

}  // namespace
}  // namespace pollux
