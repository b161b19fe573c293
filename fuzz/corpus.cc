#include "fuzz/corpus.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "model/binary.h"
#include "model/text.h"
#include "oracle/files.h"

namespace pollux {
namespace {

namespace fs = std::filesystem;

constexpr char kTemporary[] = "pollux-corpus-";  // + process

absl::Status Failed(std::string_view what, const std::string& path) {
  return absl::InvalidArgumentError(
      absl::StrCat(absl::string_view(what.data(), what.size()), " ", path, ": ", std::strerror(errno)));
}

// The process named by "PREFIX<pid>...", if it is gone.
bool LeftOver(const std::string& name, std::string_view prefix) {
  if (name.compare(0, prefix.size(), prefix) != 0) return false;
  int pid = 0;
  std::from_chars(name.data() + prefix.size(), name.data() + name.size(), pid);
  return pid > 0 && kill(pid, 0) != 0 && errno == ESRCH;
}

uint64_t Hash(std::string_view bytes) {
  uint64_t h = 0xcbf29ce484222325;
  for (char c : bytes) h = (h ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return h ^ h >> 29;
}

}  // namespace

absl::Status Corpus::Prepare() {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (!fs::is_directory(folder_, error)) {
    errno = error ? error.value() : ENOTDIR;
    return Failed("cannot use as a corpus:", folder_);
  }
  if (access(folder_.c_str(), R_OK | W_OK | X_OK) != 0) return Failed("cannot use as a corpus:", folder_);
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_, error)) {
    if (LeftOver(entry.path().filename().string(), kAside)) fs::remove(entry.path(), error);
  }
  return absl::OkStatus();
}

absl::Status Corpus::Add(const std::vector<Op>& ops) {
  std::string bytes;
  Encode(ops, &bytes);
  char name[17];
  std::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(Hash(bytes)));
  if (!known_.insert(name).second) return absl::OkStatus();
  return WriteAtomically(absl::StrCat(folder_, "/", name), bytes);
}

std::vector<std::string> Corpus::NewNames() {
  std::vector<std::string> names;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(folder_, error); !error && it != fs::recursive_directory_iterator();
       it.increment(error)) {
    if (it->path().filename().string().front() == '.' || !it->is_regular_file(error)) continue;
    std::string name = fs::relative(it->path(), folder_, error).string();
    if (known_.insert(name).second) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool Corpus::Load(const std::string& name, std::vector<Op>* ops) const {
  const absl::StatusOr<std::string> content = ReadFile(absl::StrCat(folder_, "/", name));
  if (!content.ok()) return false;
  if (fs::path(name).extension() != ".trace") {
    Decode(reinterpret_cast<const uint8_t*>(content->data()), content->size(), ops);
    return true;
  }
  Trace trace;
  ParseError error;
  if (!Parse(*content, name, &trace, &error)) return false;
  *ops = std::move(trace.ops);
  return true;
}

TemporaryFolder::TemporaryFolder() {
  std::error_code error;
  // In memory, if there is a choice: a campaign writes thousands of small files in its first seconds.
  const bool memory = std::getenv("TMPDIR") == nullptr && access("/dev/shm", W_OK | X_OK) == 0;
  const fs::path base = memory ? fs::path("/dev/shm") : fs::temp_directory_path(error);
  if (error) return;
  for (const fs::directory_entry& entry : fs::directory_iterator(base, error)) {
    if (LeftOver(entry.path().filename().string(), kTemporary)) fs::remove_all(entry.path(), error);
  }
  const std::string path = (base / absl::StrCat(kTemporary, getpid())).string();
  if (mkdir(path.c_str(), 0700) == 0) path_ = path;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  if (!path_.empty()) fs::remove_all(path_, error);
}

}  // namespace pollux
