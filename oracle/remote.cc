#include "oracle/remote.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "oracle/quirk_probe.h"

extern char** environ;

namespace pollux {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kStartUp{60000};
// An agent itself says that a call hangs after 30 deadlines.
constexpr int kPatience = 40;
constexpr milliseconds kLeastPatience{5000};
constexpr milliseconds kFarewell{500};  // for a command to end once its input has
constexpr size_t kTogether = 1 << 15;   // bytes of questions that are not urgent
constexpr size_t kMostWords = 2000;

std::string LastLines(const std::string& text) {
  size_t from = text.size() > kMostWords ? text.find('\n', text.size() - kMostWords) : 0;
  if (from == text.npos) from = text.size() - kMostWords;
  std::string lines;
  for (const char c : text.substr(from)) {
    if (c == '\n' || c == '\t' || (c >= ' ' && c < 127)) lines += c;
  }
  while (!lines.empty() && lines.back() == '\n') lines.pop_back();
  return lines.substr(std::min(lines.find_first_not_of('\n'), lines.size()));
}

// Writes to a pipe without SIGPIPE where nobody reads it.
ssize_t WriteQuietly(int fd, const char* data, size_t size) {
  sigset_t pipe, before, pending;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &pipe, &before);
  const ssize_t n = write(fd, data, size);
  const int error = errno;
  if (n < 0 && error == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
    const timespec now = {};
    sigtimedwait(&pipe, nullptr, &now);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return n;
}

}  // namespace

// The process, in a group of its own, and the pipes to it.
class RemoteTarget::Command {
 public:
  // nullptr, and *why.
  static std::unique_ptr<Command> Start(const std::vector<std::string>& words, std::string* why) {
    std::unique_ptr<Command> command(new Command);
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
      *why = "no pipe";
      for (const int fd : {in[0], in[1], out[0], out[1]}) close(fd);
      return nullptr;
    }
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in[0], 0);
    posix_spawn_file_actions_adddup2(&files, out[1], 1);
    posix_spawn_file_actions_adddup2(&files, err[1], 2);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    const int error = posix_spawnp(&command->pid_, argv[0], &files, &attributes, argv.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    for (const int fd : {in[0], out[1], err[1]}) close(fd);
    command->in_ = in[1], command->out_ = out[0], command->err_ = err[0];
    for (const int fd : {in[1], out[0], err[0]}) fcntl(fd, F_SETFL, O_NONBLOCK);
    if (error != 0) {
      *why = absl::StrCat(words[0], ": ", std::strerror(error));
      command->pid_ = 0;
      return nullptr;
    }
    return command;
  }

  ~Command() {
    Close(&in_);
    if (pid_ > 0) {
      const auto until = Clock::now() + kFarewell;
      while (!Ended() && Clock::now() < until) poll(nullptr, 0, 5);
      kill(-pid_, SIGKILL);
      while (!ended_ && waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
      }
    }
    Close(&out_), Close(&err_);
  }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  // Sends what there is, and takes in what comes meanwhile; false if nobody reads it.
  bool Send(std::string* data) {
    size_t at = 0;
    while (at < data->size()) {
      const ssize_t n = WriteQuietly(in_, data->data() + at, data->size() - at);
      if (n > 0) {
        at += static_cast<size_t>(n);
      } else if (errno == EAGAIN) {
        if (!Take(POLLOUT, -1)) return false;
      } else if (errno != EINTR) {
        return false;
      }
    }
    data->clear();
    return true;
  }

  enum class Got { kFrame, kEnd, kNothing };
  Got Receive(Frame* frame, Clock::time_point until) {
    for (;;) {
      if (reader_.Next(frame)) return Got::kFrame;
      const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now()).count();
      if (left <= 0) return Got::kNothing;
      if (!Take(0, static_cast<int>(left))) return Got::kEnd;
    }
  }

  // What it said that was no answer: on stderr, and between frames.
  std::string Words() {
    while (Drain(err_, [this](const char* data, size_t n) { said_.append(data, n); }) > 0) {
    }
    return LastLines(reader_.noise() + said_);
  }

  // How it ended, in words; it has to have closed its output.
  std::string End() {
    const auto until = Clock::now() + kFarewell;
    while (!Ended() && Clock::now() < until) poll(nullptr, 0, 5);
    if (!ended_) return "closed its output";
    if (WIFSIGNALED(status_)) return absl::StrCat("died of signal ", WTERMSIG(status_));
    return absl::StrCat("ended with exit status ", WEXITSTATUS(status_));
  }

 private:
  Command() = default;

  static void Close(int* fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
  }

  bool Ended() { return ended_ = ended_ || waitpid(pid_, &status_, WNOHANG) == pid_; }

  template <class F>
  ssize_t Drain(int fd, F f) {
    if (fd < 0) return 0;
    const ssize_t n = read(fd, buffer_, sizeof buffer_);
    if (n > 0) f(buffer_, static_cast<size_t>(n));
    return n;
  }

  // Waits for something to come, or until what is wanted of in_ is possible; false at the end of its output.
  bool Take(short wanted, int timeout) {
    pollfd fds[] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}, {wanted != 0 ? in_ : -1, wanted, 0}};
    if (poll(fds, 3, timeout) <= 0) return true;
    if (fds[1].revents != 0 && Drain(err_, [this](const char* data, size_t n) {
                                 said_.append(data, n);
                                 if (said_.size() > 4 * kMostWords) said_.erase(0, said_.size() - 2 * kMostWords);
                               }) == 0) {
      Close(&err_);
    }
    if (fds[0].revents != 0) {
      const ssize_t n = Drain(out_, [this](const char* data, size_t size) { reader_.Add(data, size); });
      if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return false;
    }
    return true;
  }

  pid_t pid_ = 0;
  int in_ = -1, out_ = -1, err_ = -1;
  bool ended_ = false;
  int status_ = 0;
  FrameReader reader_;
  std::string said_;
  char buffer_[1 << 16];
};

RemoteTarget::RemoteTarget() = default;
RemoteTarget::~RemoteTarget() = default;

absl::StatusOr<std::unique_ptr<RemoteTarget>> RemoteTarget::Open(std::string name, std::vector<std::string> command,
                                                                 const TargetOptions& options) {
  std::unique_ptr<RemoteTarget> target(new RemoteTarget);
  target->name_ = std::move(name);
  target->words_ = std::move(command);
  target->options_ = options;
  if (absl::Status status = target->Start(); !status.ok()) return status;
  const AgentInfo& info = target->info_;
  if (!ProfileForRelease(info.release, &target->profile_)) {
    return absl::UnavailableError(absl::StrCat(target->name_, ": there is no profile for kernel ", info.release));
  }
  for (const auto& [key, value] : info.facts) SetFact(&target->facts_, key, value);
  for (const auto& [call, why] : info.lacks) target->lacks_[static_cast<size_t>(call)] = Interned(why);
  if (!info.lacks_caller32.empty()) target->lacks_caller32_ = Interned(info.lacks_caller32);
  target->probed_ = ProbeOpenQuirks(target.get(), target->facts_, &target->profile_);
  return target;
}

// Starts the command and gets to know its agent.
absl::Status RemoteTarget::Start() {
  std::string why;
  command_ = Command::Start(words_, &why);
  if (command_ == nullptr) return absl::UnavailableError(absl::StrCat(name_, ": ", why));
  const auto unavailable = [this](std::string reason) {
    const std::string words = command_->Words();
    command_ = nullptr;
    if (!words.empty()) absl::StrAppend(&reason, ": ", words.substr(words.rfind('\n') + 1));
    return absl::UnavailableError(absl::StrCat(name_, ": ", reason));
  };
  const auto until = Clock::now() + kStartUp;
  Frame frame;
  for (const FrameType expected : {FrameType::kReady, FrameType::kOpened}) {
    do {
      switch (command_->Receive(&frame, until)) {
        case Command::Got::kNothing:
          return unavailable("no agent answers");
        case Command::Got::kEnd:
          return unavailable(absl::StrCat("no agent: the command ", command_->End()));
        case Command::Got::kFrame:
          break;
      }
      if (frame.type == FrameType::kFailed) return unavailable("its agent says: " + frame.payload);
    } while (frame.type != expected);
    if (expected == FrameType::kReady) {
      const uint64_t version = PayloadReader(frame.payload).Number();
      if (version != kProtocol) {
        return unavailable(
            absl::StrCat("its agent speaks version ", version, " of the protocol, and Pollux version ", kProtocol));
      }
      sending_.clear();
      AppendFrame(FrameType::kOpen, ++last_id_,
                  ToPayload(OpenRequest{.language = LanguageFingerprint(),
                                        .deadline_ms = options_.deadline_ms,
                                        .job = options_.job,
                                        .allow_sysctl = options_.allow_sysctl,
                                        .allow_clock = options_.allow_clock}),
                  &sending_);
      if (!command_->Send(&sending_)) return unavailable("no agent: the command " + command_->End());
    }
  }
  info_ = {};
  if (!FromPayload(frame.payload, &info_)) return unavailable("its agent does not say what it is");
  return absl::OkStatus();
}

void RemoteTarget::Stop() {
  command_ = nullptr;
  sending_.clear();
  ahead_.clear();
  in_ahead_ = in_step_ = false;
}

uint32_t RemoteTarget::Foresee(std::span<const Op> ops, std::span<const Outcome> outcomes) {
  if (ops.empty() || (command_ == nullptr && !Start().ok())) return 0;
  RunRequest request = {.reset = true, .ops = {ops.begin(), ops.end()}, .foreseen = {}};
  for (size_t i = 0; i < ops.size(); ++i) request.foreseen.emplace_back(ops[i], outcomes[i]);
  AppendFrame(FrameType::kRun, ++last_id_, ToPayload(request), &sending_);
  ahead_.push_back({.id = last_id_, .ops = std::move(request.ops), .outcomes = {}});
  in_step_ = false;  // it will have gone elsewhere
  // Whoever asks first sends what is left.
  if (sending_.size() > kTogether) (void)command_->Send(&sending_);
  return last_id_;
}

void RemoteTarget::ResetTo(uint32_t foreseen) {
  if (in_ahead_) ahead_.pop_front();
  in_ahead_ = in_step_ = false;
  next_ = 0;
  executed_.clear();
  gone_ = Outcome::kValues;
  if (foreseen == 0) return;
  while (!ahead_.empty() && ahead_.front().id < foreseen) ahead_.pop_front();
  in_ahead_ = !ahead_.empty() && ahead_.front().id == foreseen;
}

// The answer to question `id`; those to what was foreseen are kept on the way.
RemoteTarget::Answer RemoteTarget::Await(uint32_t id, size_t ops, std::string* payload) {
  if (command_ == nullptr || !command_->Send(&sending_)) return Answer::kDied;
  // Each op may sleep until it is brought home.
  const auto patience =
      std::max(kLeastPatience, milliseconds(options_.deadline_ms) * (kPatience + 2 * static_cast<int>(ops)));
  Frame frame;
  for (;;) {
    switch (command_->Receive(&frame, Clock::now() + patience)) {
      case Command::Got::kNothing:
        return Answer::kSilent;
      case Command::Got::kEnd:
        return Answer::kDied;
      case Command::Got::kFrame:
        break;
    }
    const auto known = std::find_if(ahead_.begin(), ahead_.end(), [&](const Ahead& a) { return a.id == frame.id; });
    if (known != ahead_.end() && frame.type == FrameType::kDone) {
      known->outcomes.emplace();
      for (PayloadReader r(frame.payload); !r.done();) {
        if (!ReadOutcome(&r, &known->outcomes->emplace_back())) return Answer::kDied;
      }
    }
    if (frame.id != id) continue;
    *payload = std::move(frame.payload);
    return frame.type == FrameType::kFailed ? Answer::kDied : Answer::kCame;
  }
}

// Has the agent execute ops at once, behind what it has executed or from the start of a trace: the last one's outcome.
RemoteTarget::Answer RemoteTarget::Ask(bool reset, std::span<const Op> ops, Outcome* last) {
  AppendFrame(FrameType::kRun, ++last_id_,
              ToPayload(RunRequest{.reset = reset, .ops = {ops.begin(), ops.end()}, .foreseen = {}}), &sending_);
  std::string payload;
  const Answer answer = Await(last_id_, ops.size(), &payload);
  if (answer != Answer::kCame) return answer;
  size_t came = 0;
  for (PayloadReader r(payload); !r.done(); ++came) {
    if (!ReadOutcome(&r, last)) return Answer::kDied;
  }
  return came == ops.size() || (came > 0 && last->kind == Outcome::kHung) ? Answer::kCame : Answer::kDied;
}

// The op's outcome from what was run ahead; false if it is not there.
bool RemoteTarget::RunAhead(const Op& op, Outcome* out) {
  Ahead& ahead = ahead_.front();
  if (next_ == ahead.ops.size() || ahead.ops[next_] != op) return false;
  if (!ahead.outcomes.has_value()) {
    std::string payload;
    const Answer answer = Await(ahead.id, ahead.ops.size() * ahead_.size(), &payload);
    if (answer == Answer::kDied) Bury("a trace that was run ahead");
    if (answer == Answer::kSilent) Stop();
    if (answer != Answer::kCame) return false;
  }
  if (next_ >= ahead.outcomes->size()) return false;
  std::swap(*out, (*ahead.outcomes)[next_]);
  ++next_;
  return true;
}

// Keeps what the dead one said, and tells of it.
void RemoteTarget::Bury(const std::string& what) {
  ++deaths_;
  std::string how = "is gone";
  if (command_ != nullptr) {
    how = command_->End();
    last_words_ = command_->Words();
  }
  Stop();
  std::fprintf(stderr, "pollux: %s %s in %s; it is started again\n%s%s", name_.c_str(), how.c_str(), what.c_str(),
               last_words_.c_str(), last_words_.empty() ? "" : "\n");
}

// After a death: does the op bring it again?
void RemoteTarget::RunAgain(const Op& op, Outcome* out) {
  Answer answer = Start().ok() ? Answer::kCame : Answer::kDied;
  for (size_t i = 0; i < executed_.size() && answer == Answer::kCame; ++i) {
    answer = Ask(i == 0, {&executed_[i], 1}, out);
  }
  if (answer == Answer::kCame) answer = Ask(executed_.empty(), {&op, 1}, out);
  if (answer == Answer::kCame) {
    in_step_ = true;
    return;
  }
  ++deaths_;
  if (command_ != nullptr) last_words_ = LastLines(absl::StrCat(command_->End(), "\n", command_->Words()));
  Stop();
  out->Clear();
  out->kind = gone_ = answer == Answer::kSilent ? Outcome::kHung : Outcome::kDied;
}

void RemoteTarget::Run(const Op& op, Outcome* out) {
  if (gone_ != Outcome::kValues) {
    out->Clear();
    out->kind = gone_;
    return;
  }
  if (!in_ahead_ || !RunAhead(op, out)) {
    in_ahead_ = in_ahead_ && !ahead_.empty();
    if (in_ahead_) ahead_.pop_front(), in_ahead_ = false;
    Answer answer = command_ != nullptr || Start().ok() ? Answer::kCame : Answer::kDied;
    if (answer == Answer::kCame && in_step_) {
      answer = Ask(false, {&op, 1}, out);
    } else if (answer == Answer::kCame) {
      executed_.push_back(op);
      answer = Ask(true, executed_, out);
      executed_.pop_back();
    }
    in_step_ = answer == Answer::kCame;
    if (answer == Answer::kDied) {
      Bury(std::string(Spec(op.call).name));
      RunAgain(op, out);
    } else if (answer == Answer::kSilent) {
      out->Clear();
      out->kind = Outcome::kHung;
    }
  }
  if (out->kind == Outcome::kHung) {
    if (command_ != nullptr) last_words_ = command_->Words();
    Stop();
    gone_ = Outcome::kHung;
  }
  executed_.push_back(op);
}

Reason RemoteTarget::Doubt() {
  ResetTo(0);
  if (command_ == nullptr && !Start().ok()) return Reason::kFactChanged;
  AppendFrame(FrameType::kDoubt, ++last_id_, "", &sending_);
  std::string payload;
  const Answer answer = Await(last_id_, 1, &payload);
  if (answer == Answer::kCame) return static_cast<Reason>(PayloadReader(payload).Number());
  Bury("measuring");
  return Reason::kNone;
}

}  // namespace pollux
