// What tests share: a profile by name, traces from text, and a folder that goes away with its test.
#ifndef POLLUX_MODEL_TEST_UTIL_H_
#define POLLUX_MODEL_TEST_UTIL_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "model/profile.h"
#include "model/text.h"

namespace pollux {

// The profile of that name; a failed expectation if there is none.
inline Profile Named(std::string_view name) {
  Profile profile;
  EXPECT_TRUE(FindProfile(name, &profile)) << name;
  return profile;
}

// The trace that `text` is; a failed expectation with the parser's message if it is none.
inline Trace Parsed(std::string_view text) {
  Trace trace;
  ParseError error;
  EXPECT_TRUE(Parse(text, "test", &trace, &error)) << error.message();
  return trace;
}

inline std::vector<Op> ParsedOps(std::string_view text) { return Parsed(text).ops; }

inline std::string Lines(const std::vector<Op>& ops) {
  Trace trace;
  trace.ops = ops;
  return Print(trace);
}

// All of a file; empty if there is none.
inline std::string FileText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// A new folder, removed with all it holds at the end.
class TempFolder {
 public:
  TempFolder() {
    std::string name = testing::TempDir() + "pollux-" + std::string(6, 'X');
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

  // Writes the file and returns its path.
  std::string Write(std::string_view name, std::string_view text) const {
    std::ofstream(*this / name, std::ios::binary) << text;
    return *this / name;
  }
  std::string Read(std::string_view name) const { return FileText(*this / name); }

 private:
  std::string path_;
};

}  // namespace pollux

#endif  // POLLUX_MODEL_TEST_UTIL_H_
