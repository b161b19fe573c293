// The agent: executes ops where Pollux itself does not run, and says what they did (wire.h), on stdin and stdout.
//
// One static binary that needs nothing. It ends when its input does. Exit 0, or 3 after a call that never came home.

#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "oracle/kernel.h"
#include "oracle/wire.h"

namespace pollux {
namespace {

using Clock = std::chrono::steady_clock;

// Answers travel together, but none waits for long.
constexpr size_t kFlush = 1 << 16;
constexpr auto kFlushEvery = std::chrono::milliseconds(1);
constexpr int kHung = 3;

// A console neither edits nor echoes what goes over it.
void MakeRaw(int fd) {
  termios settings;
  if (tcgetattr(fd, &settings) != 0) return;
  cfmakeraw(&settings);
  tcsetattr(fd, TCSANOW, &settings);
}

class Agent {
 public:
  // Requests come from 2, since Exec takes 0 for its own.
  static constexpr int kIn = 2, kOut = 1;

  int Main() {
    MakeRaw(0), MakeRaw(kOut);
    if (dup2(0, kIn) < 0) return 1;
    std::string version;
    PayloadWriter(&version).Number(kProtocol);
    AppendFrame(FrameType::kReady, 0, version, &replies_);
    char buffer[1 << 16];
    for (;;) {
      Frame frame;
      while (reader_.Next(&frame)) {
        Answer(frame);
        const bool late = Clock::now() - flushed_ > kFlushEvery;
        if ((late || replies_.size() > kFlush) && !Flush()) return 1;
      }
      if (!Flush()) return 1;
      const ssize_t n = read(kIn, buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return 0;
      reader_.Add(buffer, static_cast<size_t>(n));
    }
  }

 private:
  void Answer(const Frame& frame) {
    switch (frame.type) {
      case FrameType::kOpen:
        return Open(frame);
      case FrameType::kRun:
        return Run(frame);
      case FrameType::kDoubt:
        payload_.clear();
        PayloadWriter(&payload_).Number(static_cast<uint64_t>(kernel_ == nullptr ? Reason::kNone : kernel_->Doubt()));
        return AppendFrame(FrameType::kReason, frame.id, payload_, &replies_);
      default:
        return Fail(frame, "a question that this agent does not know");
    }
  }

  void Fail(const Frame& frame, const std::string& why) { AppendFrame(FrameType::kFailed, frame.id, why, &replies_); }

  void Open(const Frame& frame) {
    OpenRequest open;
    if (!FromPayload(frame.payload, &open)) return Fail(frame, "a torn question");
    if (open.protocol != kProtocol || open.language != LanguageFingerprint()) {
      return Fail(frame, "it is of another version of Pollux");
    }
    std::string why;
    if (kernel_ == nullptr) {
      kernel_ = Kernel::Open({.allow_sysctl = open.allow_sysctl,
                              .allow_clock = open.allow_clock,
                              .job = open.job,
                              .deadline_ms = open.deadline_ms,
                              .mark = nullptr,
                              .hung = [this] { Hung(); }},
                             &why);
    }
    if (kernel_ == nullptr) return Fail(frame, why);
    AgentInfo info;
    utsname name;
    uname(&name);
    info.release = name.release, info.version = name.version, info.machine = name.machine;
    info.page = static_cast<uint32_t>(sysconf(_SC_PAGESIZE));
    info.facts = PrintFacts(kernel_->facts());
    for (size_t c = 0; c < kCalls; ++c) {
      const Call call = static_cast<Call>(c);
      if (const char* lack = kernel_->Lacks(call)) info.lacks.emplace_back(call, lack);
    }
    if (const char* lack = kernel_->LacksCaller32()) info.lacks_caller32 = lack;
    const Stepping stepping = kernel_->Threads();
    info.stepping = stepping.level, info.how = stepping.how;
    AppendFrame(FrameType::kOpened, frame.id, ToPayload(info), &replies_);
  }

  void Run(const Frame& frame) {
    if (kernel_ == nullptr || !FromPayload(frame.payload, &request_)) return Fail(frame, "a torn question");
    payload_.clear();
    running_ = frame.id;
    if (request_.reset) kernel_->Reset();
    for (size_t i = 0; i < request_.ops.size(); ++i) {
      kernel_->Run(request_.ops[i], &outcome_);
      AppendOutcome(outcome_, &payload_);
      if (outcome_.kind == Outcome::kHung) break;
      if (i < request_.foreseen.size() && Foreseen(request_.ops[i], outcome_) != request_.foreseen[i]) break;
    }
    AppendFrame(FrameType::kDone, frame.id, payload_, &replies_);
  }

  // The watching thread's: the op under way hangs, and the thread that executes with it. This says so and is the end.
  void Hung() {
    Outcome hung;
    hung.kind = Outcome::kHung;
    AppendOutcome(hung, &payload_);
    AppendFrame(FrameType::kDone, running_, payload_, &replies_);
    Flush();
    _exit(kHung);
  }

  bool Flush() {
    for (size_t at = 0; at < replies_.size();) {
      const ssize_t n = write(kOut, replies_.data() + at, replies_.size() - at);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      at += static_cast<size_t>(n);
    }
    replies_.clear();
    flushed_ = Clock::now();
    return true;
  }

  FrameReader reader_;
  std::string replies_, payload_;
  Clock::time_point flushed_;
  uint32_t running_ = 0;
  RunRequest request_;
  Outcome outcome_;
  std::unique_ptr<Kernel> kernel_;
};

}  // namespace
}  // namespace pollux

int main() { return pollux::Agent().Main(); }
