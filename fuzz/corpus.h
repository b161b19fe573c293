// A corpus on disk: a folder of traces, text (*.trace) and binary (any other name).
//
// A file appears under its name only when it is complete: it is written aside (a name that begins with a dot, which
// readers leave alone) and renamed. Several processes may share a corpus.

#ifndef POLLUX_FUZZ_CORPUS_H_
#define POLLUX_FUZZ_CORPUS_H_

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "model/op.h"

namespace pollux {

class Corpus {
 public:
  explicit Corpus(std::string folder) : folder_(std::move(folder)) {}

  // Creates the folder if need be and removes what writers that died left aside. An error says why the folder cannot
  // be used.
  absl::Status Prepare();
  // Adds a trace, under a name that follows from its bytes.
  absl::Status Add(const std::vector<Op>& ops);
  // Calls `take` with every trace that has come since the last call, by name; all of them the first time. Traces that
  // Add wrote are not new. Files that do not parse are left out.
  template <class F>
  void Read(F take) {
    for (const std::string& name : NewNames()) {
      std::vector<Op> ops;
      if (Load(name, &ops)) take(std::move(ops));
    }
  }
  const std::string& folder() const { return folder_; }

 private:
  std::vector<std::string> NewNames();
  bool Load(const std::string& name, std::vector<Op>* ops) const;

  std::string folder_;
  std::unordered_set<std::string> known_;
};

// A private corpus in the temporary folder, removed with the object. Those of campaigns that were killed are removed
// by the next.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }  // empty if there is no place for one

 private:
  std::string path_;
};

}  // namespace pollux

#endif  // POLLUX_FUZZ_CORPUS_H_
