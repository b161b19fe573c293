// The model as a library: what a program that only sees model/pollux.h gets.

#include "model/pollux.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <cerrno>
#include <string>
#include <vector>

namespace pollux {

bool operator==(const World::Event& a, const World::Event& b) { return a.events == b.events && a.data == b.data; }
void PrintTo(const World::Event& e, std::ostream* out) {
  *out << std::hex << "{0x" << e.events << ", 0x" << e.data << "}";
}

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Event = World::Event;

void Add(World& world, int ep, int fd, uint32_t events, uint64_t data) {
  const Event event = {events, data};
  ASSERT_EQ(world.EpollCtl(ep, EPOLL_CTL_ADD, fd, &event), 0);
}

std::vector<Event> Wait(World& world, int ep, int maxevents = 16) {
  std::vector<Event> events(static_cast<size_t>(maxevents));
  const int n = world.EpollWait(ep, events.data(), maxevents, 0);
  EXPECT_GE(n, 0);
  events.resize(static_cast<size_t>(n));
  return events;
}

std::string ReadSome(World& world, int fd, size_t size) {
  std::string text(size, '?');
  const int64_t n = world.Read(fd, text.data(), size);
  if (n < 0) return "error " + std::to_string(-n);
  return text.substr(0, static_cast<size_t>(n));
}

int64_t WriteText(World& world, int fd, const std::string& text) { return world.Write(fd, text.data(), text.size()); }

TEST(WorldTest, NumbersAreTheLowestFreeFromThree) {
  World world;
  int ends[2];
  ASSERT_EQ(world.Pipe(ends), 0);
  EXPECT_THAT(ends, ElementsAre(3, 4));
  EXPECT_EQ(world.Close(3), 0);
  EXPECT_EQ(world.EpollCreate(EPOLL_CLOEXEC), 3);
  EXPECT_EQ(world.Dup(4), 5);
  EXPECT_EQ(world.Dup2(3, 9), 9);
  EXPECT_EQ(world.Eventfd(0), 6);
  EXPECT_EQ(world.Close(7), -EBADF);
}

TEST(WorldTest, LevelIsReportedUntilItIsReadAnEdgeOnce) {
  World world;
  int level[2], edge[2];
  world.Pipe(level, O_NONBLOCK), world.Pipe(edge, O_NONBLOCK);
  const int ep = world.EpollCreate();
  Add(world, ep, level[0], EPOLLIN, 1);
  Add(world, ep, edge[0], EPOLLIN | EPOLLET, 2);
  WriteText(world, level[1], "x"), WriteText(world, edge[1], "x");
  EXPECT_THAT(Wait(world, ep), ElementsAre(Event{EPOLLIN, 1}, Event{EPOLLIN, 2}));
  EXPECT_THAT(Wait(world, ep), ElementsAre(Event{EPOLLIN, 1}));
  EXPECT_EQ(ReadSome(world, level[0], 8), "x");
  EXPECT_THAT(Wait(world, ep), IsEmpty());
}

TEST(WorldTest, ErrorsAreNegativeAsTheKernelReturnsThem) {
  World world;
  const int ep = world.EpollCreate(), event_fd = world.Eventfd(0);
  const Event event = {EPOLLIN, 0};
  EXPECT_EQ(world.EpollCtl(ep, EPOLL_CTL_MOD, event_fd, &event), -ENOENT);
  EXPECT_EQ(world.EpollCtl(ep, EPOLL_CTL_ADD, event_fd, nullptr), -EFAULT);
  Add(world, ep, event_fd, EPOLLIN, 0);
  EXPECT_EQ(world.EpollCtl(ep, EPOLL_CTL_ADD, event_fd, &event), -EEXIST);
  EXPECT_EQ(world.EpollCtl(ep, EPOLL_CTL_DEL, event_fd, nullptr), 0);
  EXPECT_EQ(world.EpollCtl(ep, EPOLL_CTL_ADD, ep, &event), -EINVAL);
  EXPECT_EQ(world.EpollCreate(1), -EINVAL);
  EXPECT_EQ(world.EpollWait(ep, nullptr, 0, 0), -EINVAL);
}

TEST(WorldTest, BytesOfAPipeComeOutInOrder) {
  World world;
  int ends[2];
  world.Pipe(ends, O_NONBLOCK);
  EXPECT_EQ(WriteText(world, ends[1], "hello "), 6);
  EXPECT_EQ(WriteText(world, ends[1], "world"), 5);
  EXPECT_EQ(ReadSome(world, ends[0], 8), "hello wo");
  EXPECT_EQ(ReadSome(world, ends[0], 8), "rld");
  EXPECT_EQ(ReadSome(world, ends[0], 8), "error " + std::to_string(EAGAIN));
  world.Close(ends[1]);
  EXPECT_EQ(ReadSome(world, ends[0], 8), "");
}

TEST(WorldTest, AFullPipeTakesWhatFits) {
  World world;
  int ends[2];
  world.Pipe(ends, O_NONBLOCK);
  std::string many(100000, 'a');
  many[65535] = 'z';
  EXPECT_EQ(WriteText(world, ends[1], many), 65536);
  EXPECT_EQ(WriteText(world, ends[1], many), -EAGAIN);
  EXPECT_EQ(ReadSome(world, ends[0], 100000), many.substr(0, 65536));
}

TEST(WorldTest, TheRestOfALongPacketOrMessageIsGone) {
  World world;
  int packets[2], messages[2];
  world.Pipe(packets, O_NONBLOCK | O_DIRECT);
  ASSERT_EQ(world.SocketPair(SOCK_SEQPACKET | SOCK_NONBLOCK, messages), 0);
  for (const auto& [to, from] : {std::pair(packets[1], packets[0]), std::pair(messages[0], messages[1])}) {
    WriteText(world, to, "first");
    WriteText(world, to, "second");
    EXPECT_EQ(ReadSome(world, from, 3), "fir");
    EXPECT_EQ(ReadSome(world, from, 16), "second");
  }
}

TEST(WorldTest, ASocketPairCarriesBothWaysAndEndsWithShutdown) {
  World world;
  int s[2];
  ASSERT_EQ(world.SocketPair(SOCK_STREAM | SOCK_NONBLOCK, s), 0);
  const int ep = world.EpollCreate();
  Add(world, ep, s[0], EPOLLIN | EPOLLRDHUP | EPOLLET, 1);
  EXPECT_THAT(Wait(world, ep), IsEmpty());
  WriteText(world, s[0], "ping");
  WriteText(world, s[1], "pong");
  EXPECT_EQ(ReadSome(world, s[1], 16), "ping");
  EXPECT_EQ(ReadSome(world, s[0], 16), "pong");
  EXPECT_EQ(world.Shutdown(s[1], SHUT_WR), 0);
  EXPECT_THAT(Wait(world, ep), ElementsAre(Event{EPOLLIN | EPOLLRDHUP, 1}));
  EXPECT_EQ(ReadSome(world, s[0], 16), "");
  EXPECT_EQ(WriteText(world, s[1], "more"), -EPIPE);
}

TEST(WorldTest, BytesOfAClosedPipeAreNotTheNextOnes) {
  World world;
  int ends[2];
  world.Pipe(ends, O_NONBLOCK);
  WriteText(world, ends[1], "old");
  world.Close(ends[0]), world.Close(ends[1]);
  world.Pipe(ends, O_NONBLOCK);
  EXPECT_EQ(WriteText(world, ends[1], "new"), 3);
  EXPECT_EQ(ReadSome(world, ends[0], 16), "new");
}

TEST(WorldTest, CountersAndTimersAreReadAsNumbers) {
  World world;
  const int counter = world.Eventfd(40, EFD_NONBLOCK), timer = world.Timerfd(TFD_NONBLOCK);
  uint64_t n = 2;
  EXPECT_EQ(world.Write(counter, &n, sizeof n), 8);
  EXPECT_EQ(world.Read(counter, &n, sizeof n), 8);
  EXPECT_EQ(n, 42u);
  EXPECT_EQ(world.Read(timer, &n, sizeof n), -EAGAIN);
  EXPECT_EQ(world.Expire(timer), 0);
  EXPECT_EQ(world.Expire(timer, 2), 0);
  EXPECT_EQ(world.Read(timer, &n, sizeof n), 8);
  EXPECT_EQ(n, 3u);
  EXPECT_EQ(world.Expire(counter), -EINVAL);
  EXPECT_EQ(world.Expire(timer, 0), -EINVAL);
  EXPECT_EQ(world.Expire(99), -EBADF);
}

TEST(WorldTest, WhatWouldSleepForEverSaysSoAndChangesNothing) {
  World world;
  int ends[2];
  world.Pipe(ends);
  const int ep = world.EpollCreate();
  Add(world, ep, ends[0], EPOLLIN, 1);
  Event event;
  char byte;
  EXPECT_EQ(world.EpollWait(ep, &event, 1, -1), World::kWouldSleep);
  EXPECT_EQ(world.EpollWait(ep, &event, 1, 1000), 0);
  EXPECT_EQ(world.Read(ends[0], &byte, 1), World::kWouldSleep);
  const std::string many(65536, 'a');
  EXPECT_EQ(WriteText(world, ends[1], many), 65536);
  EXPECT_EQ(WriteText(world, ends[1], "b"), World::kWouldSleep);
  EXPECT_EQ(ReadSome(world, ends[0], 100000), many);
  EXPECT_EQ(World::kWouldSleep, -EDEADLK);
}

TEST(WorldTest, ACopyIsAWorldOfItsOwn) {
  World world;
  int ends[2];
  world.Pipe(ends, O_NONBLOCK);
  WriteText(world, ends[1], "same");
  World other = world;
  EXPECT_EQ(ReadSome(other, ends[0], 16), "same");
  WriteText(other, ends[1], "other");
  EXPECT_EQ(ReadSome(world, ends[0], 16), "same");
  world = other;
  EXPECT_EQ(ReadSome(world, ends[0], 16), "other");
}

TEST(WorldTest, OtherReleasesAreOtherWorlds) {
  EXPECT_FALSE(World::Of("linux-1.0").has_value());
  std::optional<World> old = World::Of("linux-6.1");
  ASSERT_TRUE(old.has_value());
  World now;
  const uint64_t nine_bytes[2] = {1, 0};
  EXPECT_EQ(old->Write(old->Eventfd(0), nine_bytes, 9), 8);
  EXPECT_EQ(now.Write(now.Eventfd(0), nine_bytes, 9), -EINVAL);
}

TEST(WorldTest, TheStateReadsAsText) {
  World world;
  const int counter = world.Eventfd(5), ep = world.EpollCreate();
  Add(world, ep, counter, EPOLLIN, 0x77);
  EXPECT_THAT(world.Describe(), HasSubstr("eventfd"));
  EXPECT_THAT(world.Describe(), HasSubstr("0x77"));
}

}  // namespace
}  // namespace pollux
