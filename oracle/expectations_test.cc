// Expectations: reading, matching, and what is refused.

#include "oracle/expectations.h"

#include <gtest/gtest.h>

#include <string>

namespace pollux {
namespace {

constexpr char kText[] = R"(# What is known.
poll|ppoll / memory / *
    It writes
    too much.
    link https://example.org/1
    rate 0.25
    | poll(-1 IN, 0)

epoll_wait / missing / callback.link as if planted:fault.loses
epoll_wait / extra / callback.link as if nothing
    It loses.
    | ep = epoll_create1(0)
    | epoll_wait(ep, NULL, 8, 0)
)";

TEST(ExpectationsTest, Matches) {
  const auto all = Expectations::Parse(kText, "known.txt");
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->entries().size(), 2u);
  const Expected& first = all->entries()[0];
  EXPECT_EQ(first.why, "It writes too much.");
  EXPECT_EQ(first.link, "https://example.org/1");
  EXPECT_EQ(first.line, 2);
  EXPECT_EQ(first.rate, 0.25);
  EXPECT_EQ(first.witness.ops.size(), 1u);
  EXPECT_EQ(all->Find("ppoll / memory / nest.ready", "planted:x"), &first);
  EXPECT_EQ(all->Find("select / memory / nest.ready", ""), nullptr);
  EXPECT_EQ(all->Find("ppoll / bits / nest.ready", ""), nullptr);
  const Expected& second = all->entries()[1];
  EXPECT_EQ(all->Find("epoll_wait / missing / callback.link", "planted:a, planted:fault.loses"), &second);
  EXPECT_EQ(all->Find("epoll_wait / missing / callback.link", "planted:fault.loses-more"), nullptr);
  EXPECT_EQ(all->Find("epoll_wait / missing / callback.link", ""), nullptr);
  EXPECT_EQ(all->Find("epoll_wait / extra / callback.link", ""), &second);
  EXPECT_EQ(all->Find("epoll_wait / extra / callback.link", "planted:fault.loses"), nullptr);
}

TEST(ExpectationsTest, SaysWhatIsWrong) {
  const auto wrong = [](const std::string& text) {
    return std::string(Expectations::Parse(text, "known.txt").status().message());
  };
  EXPECT_EQ(wrong(""), "");
  EXPECT_EQ(wrong("poll / memory\n"), "known.txt:1: expected CALL / DIFFERENCE / RULE");
  EXPECT_EQ(wrong("    why\n"), "known.txt:1: expected a signature first");
  EXPECT_EQ(wrong("\n* / errno / *\n    why\n    | poll(0)\n"),
            "known.txt:2: this could be anything: name the difference, and the call or the rule");
  EXPECT_EQ(wrong("poll / * / nest.ready\n    why\n    | poll(0)\n"),
            "known.txt:1: this could be anything: name the difference, and the call or the rule");
  EXPECT_EQ(wrong("poll / memory / *\n    rate 2\n"), "known.txt:2: a rate is above 0 and at most 1");
  EXPECT_EQ(wrong("poll / memory / *\n    why\n"), "known.txt:1: an entry has a witness: lines that begin with |");
  EXPECT_EQ(wrong("poll / memory / *\n    | poll(-1 IN, 0)\n"), "known.txt:1: an entry says why, indented");
  EXPECT_NE(wrong("poll / memory / *\n    why\n    | pool(-1)\n").find("known.txt:1: its witness: "),
            std::string::npos);
}

}  // namespace
}  // namespace pollux
