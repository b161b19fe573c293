// The protocol: frames through noise, and payloads there and back.

#include "oracle/wire.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "model/abi.h"

namespace pollux {
namespace {

std::string Framed(uint32_t id, std::string_view payload) {
  std::string stream;
  AppendFrame(FrameType::kRun, id, payload, &stream);
  return stream;
}

// What a reader finds that is given the stream `step` bytes at a time.
std::vector<std::pair<uint32_t, std::string>> Read(const std::string& stream, size_t step,
                                                   std::string* noise = nullptr) {
  std::vector<std::pair<uint32_t, std::string>> found;
  FrameReader reader;
  Frame frame;
  for (size_t at = 0; at < stream.size(); at += step) {
    reader.Add(stream.data() + at, std::min(step, stream.size() - at));
    while (reader.Next(&frame)) found.emplace_back(frame.id, frame.payload);
  }
  if (noise != nullptr) *noise = reader.noise();
  return found;
}

using Frames = std::vector<std::pair<uint32_t, std::string>>;

TEST(Frames, ComeInWhateverPieces) {
  const std::string stream = Framed(1, "") + Framed(2, "payload") + Framed(0xfffffffe, std::string(70000, '\xf5'));
  for (const size_t step : {1, 2, 3, 7, 17, 1000, 1 << 20}) {
    EXPECT_EQ(Read(stream, step), (Frames{{1, ""}, {2, "payload"}, {0xfffffffe, std::string(70000, '\xf5')}})) << step;
  }
}

TEST(Frames, SurviveNoise) {
  const std::string stream = "[ 0.1] boot\n" + Framed(1, "a") + "\xf5Pl, nearly\n" + Framed(2, "b") +
                             "\xf5Plx no frame\n" + Framed(3, "c") + "\xf5";
  for (const size_t step : {1, 5, 1000}) {
    std::string noise;
    EXPECT_EQ(Read(stream, step, &noise), (Frames{{1, "a"}, {2, "b"}, {3, "c"}})) << step;
    EXPECT_EQ(noise, "[ 0.1] boot\n\xf5Pl, nearly\n\xf5Plx no frame\n");
  }
}

TEST(Frames, TornOnesAreLostAlone) {
  const std::string good = Framed(7, "the payload");
  // A byte is gone, is another one, or is too much, at every place.
  for (size_t at = 0; at < good.size(); ++at) {
    for (const int how : {0, 1, 2}) {
      std::string torn = good;
      if (how == 0) torn.erase(at, 1);
      if (how == 1) torn[at] = static_cast<char>(torn[at] ^ 0x40);
      if (how == 2) torn.insert(at, 1, '\n');
      const Frames found = Read(torn + Framed(8, "next") + Framed(9, "last"), 3);
      // Nothing is torn that has the noise before or behind it.
      const bool whole = how == 2 && at == 0;
      EXPECT_EQ(found,
                whole ? (Frames{{7, "the payload"}, {8, "next"}, {9, "last"}}) : (Frames{{8, "next"}, {9, "last"}}))
          << at << " " << how;
    }
  }
}

TEST(Frames, ALengthBeyondAllIsNoise) {
  std::string stream = Framed(1, "");
  stream[12] = '\x7f';
  EXPECT_EQ(Read(stream + Framed(2, "b"), 4), (Frames{{2, "b"}}));
}

TEST(Payloads, NumbersAndTexts) {
  std::string payload;
  PayloadWriter w(&payload);
  for (const uint64_t v : {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 63, ~uint64_t{0}}) w.Number(v);
  for (const int64_t v : {int64_t{0}, int64_t{-1}, INT64_MIN, INT64_MAX}) w.Signed(v);
  w.Text("text"), w.Text("");
  PayloadReader r(payload);
  for (const uint64_t v : {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 63, ~uint64_t{0}}) {
    EXPECT_EQ(r.Number(), v);
  }
  for (const int64_t v : {int64_t{0}, int64_t{-1}, INT64_MIN, INT64_MAX}) EXPECT_EQ(r.Signed(), v);
  EXPECT_EQ(r.Text(), "text");
  EXPECT_EQ(r.Text(), "");
  EXPECT_TRUE(r.ok() && r.done());
  EXPECT_EQ(r.Number(), 0u);
  EXPECT_FALSE(r.ok());
  // Whatever is cut off is seen.
  for (size_t size = 0; size < 8; ++size) {
    PayloadReader cut(std::string_view("\x07seven!!", size));
    (void)cut.Text();
    EXPECT_EQ(cut.ok(), size == 8);
  }
}

TEST(Payloads, Outcomes) {
  std::vector<Outcome> outcomes(7);
  outcomes[0].Value(-7);
  outcomes[1].Error(kEPERM);
  outcomes[2].kind = Outcome::kRecords, outcomes[2].records = {{kIn | kEt, 4, ~uint64_t{0}}, {0, -1, 0}};
  outcomes[3].Value(8), outcomes[3].has_payload = true, outcomes[3].payload = 1ull << 60;
  outcomes[4].Value(3), outcomes[4].nvalues = 4, outcomes[4].value[3] = INT64_MIN, outcomes[4].clobbered = true;
  outcomes[5].kind = Outcome::kBlocked;
  Completion came = {.thread = 2, .call = Call::kEpollWait, .outcome = outcomes[2]};
  outcomes[5].completions = {came};
  outcomes[6].kind = Outcome::kSkipped, outcomes[6].note = "not here";
  std::string payload;
  for (const Outcome& outcome : outcomes) AppendOutcome(outcome, &payload);
  PayloadReader r(payload);
  Outcome read;
  for (const Outcome& outcome : outcomes) {
    ASSERT_TRUE(ReadOutcome(&r, &read));
    EXPECT_EQ(read, outcome);
  }
  EXPECT_STREQ(read.note, "not here");
  EXPECT_EQ(read.note, Interned("not here"));
  EXPECT_TRUE(r.done());
  for (size_t size = 0; size + 1 < payload.size(); ++size) {
    PayloadReader cut(std::string_view(payload).substr(0, size));
    size_t n = 0;
    while (!cut.done() && ReadOutcome(&cut, &read)) ++n;
    EXPECT_LT(n, outcomes.size());
  }
}

TEST(Payloads, Questions) {
  const auto number = [](int32_t n) { return Fd::Literal(n).bits(); };
  RunRequest run = {.reset = true, .ops = {}, .foreseen = {}};
  run.ops.push_back({.call = Call::kPipe2, .arg = {kONonblock}});
  run.ops.push_back(
      {.call = Call::kEpollWait, .thread = 3, .arg = {number(1000000), Memory().bits(), 8, ~uint64_t{0}}});
  run.ops.push_back({.call = Call::kClose, .process = 1, .arg = {number(-1)}});
  Canonicalize(run.ops);
  Outcome pipe;
  pipe.Value(4), pipe.nvalues = 2, pipe.value[1] = 5;
  for (const Op& op : run.ops) run.foreseen.emplace_back(op, pipe);
  RunRequest read;
  ASSERT_TRUE(FromPayload(ToPayload(run), &read));
  EXPECT_TRUE(read.reset);
  EXPECT_EQ(read.ops, run.ops);
  EXPECT_EQ(read.foreseen, run.foreseen);
  EXPECT_EQ(read.foreseen[0].number[1], 5);
  EXPECT_EQ(read.foreseen[2].number[0], -1);
  const std::string payload = ToPayload(run);
  for (size_t size = 0; size < payload.size(); ++size)
    EXPECT_FALSE(FromPayload(payload.substr(0, size), &read)) << size;

  AgentInfo info = {.release = "6.1.0", .version = "#1", .machine = "s390x", .page = 65536};
  info.facts = {{"pipe.slots", "16"}};
  info.lacks = {{Call::kFork, "one process"}};
  info.lacks_caller32 = "another machine";
  AgentInfo known;
  ASSERT_TRUE(FromPayload(ToPayload(info), &known));
  EXPECT_EQ(known.machine, "s390x");
  EXPECT_EQ(known.page, 65536u);
  EXPECT_EQ(known.facts, info.facts);
  EXPECT_EQ(known.lacks, info.lacks);
  EXPECT_EQ(known.lacks_caller32, info.lacks_caller32);
}

}  // namespace
}  // namespace pollux
