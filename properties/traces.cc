#include "properties/traces.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "model/text.h"
#include "oracle/files.h"

namespace pollux {

std::string CorpusPath(std::string_view folder, std::string_view name) {
  std::string path = POLLUX_CORPUS;
  path.append("/").append(folder);
  if (!name.empty()) path.append("/").append(name);
  return path;
}

std::vector<std::string> TraceFiles(std::string_view folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(CorpusPath(folder))) {
    if (entry.path().extension() == ".trace") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string Stem(std::string_view path) { return std::filesystem::path(path).stem(); }

absl::StatusOr<Trace> ReadTrace(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  Trace trace;
  ParseError error;
  if (!Parse(*text, path, &trace, &error)) return absl::InvalidArgumentError(error.message());
  return trace;
}

Profile NewestProfile() { return Profiles().back(); }

absl::StatusOr<Model> ModelFor(const Trace& trace) {
  Profile profile = NewestProfile();
  Facts facts;
  for (const Directive& d : trace.directives) {
    if (d.key == "profile" && !FindProfile(d.value, &profile)) {
      return absl::NotFoundError(absl::StrCat("no profile ", d.value));
    }
    const size_t space = d.value.find(' ');
    if (d.key == "fact" &&
        (space == d.value.npos || !SetFact(&facts, d.value.substr(0, space), d.value.substr(space + 1)))) {
      return absl::InvalidArgumentError(absl::StrCat("no fact ", d.value));
    }
  }
  return Model(profile, facts);
}

std::vector<Outcome> Simulate(Model* model, const std::vector<Op>& ops) {
  std::vector<Outcome> outcomes(ops.size());
  Bindings bindings;
  model->Reset();
  for (size_t i = 0; i < ops.size(); ++i) {
    model->Run(bindings.Resolve(ops[i]), &outcomes[i]);
    bindings.Bind(ops[i], outcomes[i]);
  }
  return outcomes;
}

absl::StatusOr<std::vector<Listed>> ReadReasons(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  std::vector<Listed> listed;
  std::istringstream in(*text);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    const size_t colon = line.find(": ");
    if (colon == line.npos) return absl::InvalidArgumentError(absl::StrCat(path, ": no reason in \"", line, "\""));
    listed.push_back({line.substr(0, colon), line.substr(colon + 2)});
  }
  return listed;
}

}  // namespace pollux
