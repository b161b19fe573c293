// Reading traces, and the profiles and facts they speak of.

#include "fuzz/input.h"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "model/binary.h"
#include "model/text.h"
#include "oracle/files.h"

namespace pollux {
namespace {

namespace fs = std::filesystem;

absl::Status Load(const std::string& path, std::vector<Input>* inputs) {
  absl::StatusOr<std::string> content = ReadFile(path);
  if (!content.ok()) return content.status();
  Input input;
  input.path = path;
  if (path == "-" || path.ends_with(".trace")) {
    ParseError error;
    if (!Parse(*content, path, &input.trace, &error)) return absl::InvalidArgumentError(error.message());
  } else {
    Decode(reinterpret_cast<const uint8_t*>(content->data()), content->size(), &input.trace.ops);
  }
  inputs->push_back(std::move(input));
  return absl::OkStatus();
}

// "% fact KEY VALUE"
bool ApplyFact(const Directive& d, Facts* facts) {
  const size_t space = std::min(d.value.find(' '), d.value.size());
  return SetFact(facts, d.value.substr(0, space), d.value.substr(std::min(space + 1, d.value.size())));
}

}  // namespace

absl::StatusOr<std::vector<Input>> LoadTraces(const std::vector<std::string>& paths) {
  std::vector<Input> inputs;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      if (absl::Status status = Load(path, &inputs); !status.ok()) return status;
      continue;
    }
    std::vector<std::string> files;
    for (fs::recursive_directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
      const std::string name = it->path().filename().string();
      if (name.starts_with(".")) {
        if (it->is_directory()) it.disable_recursion_pending();
      } else if (it->is_regular_file()) {
        files.push_back(it->path().string());
      }
    }
    if (error) return absl::InvalidArgumentError("cannot read " + path + ": " + error.message());
    std::sort(files.begin(), files.end());
    for (const std::string& file : files) {
      if (absl::Status status = Load(file, &inputs); !status.ok()) return status;
    }
  }
  return inputs;
}

absl::StatusOr<Profile> NamedProfile(const std::string& name) {
  Profile profile;
  if (FindProfile(name, &profile)) return profile;
  std::string names;
  for (const Profile& p : Profiles()) names += (names.empty() ? "" : ", ") + p.name;
  return absl::InvalidArgumentError("no profile is called '" + name + "'; there are " + names +
                                    ", each with +QUIRK and -QUIRK");
}

absl::StatusOr<std::unique_ptr<Model>> ModelFor(const Trace& trace, const std::string& profile) {
  std::string name = Profiles().back().name;
  Facts facts;
  for (const Directive& d : trace.directives) {
    if (d.key == "profile") name = d.value;
    if (d.key == "fact" && !ApplyFact(d, &facts)) {
      return absl::InvalidArgumentError("'% fact " + d.value + "' is no fact");
    }
  }
  absl::StatusOr<Profile> found = NamedProfile(profile.empty() ? name : profile);
  if (!found.ok()) return found.status();
  return std::make_unique<Model>(*found, facts);
}

bool WrittenFor(const Trace& trace, const Model& model) {
  Facts facts = model.facts();
  for (const Directive& d : trace.directives) {
    Profile profile;
    if (d.key == "profile" && FindProfile(d.value, &profile) && profile.quirk != model.profile().quirk) return false;
    if (d.key == "fact" && !ApplyFact(d, &facts)) return false;
  }
  return facts == model.facts();
}

absl::StatusOr<std::unique_ptr<Model>> ModelFor(const Target& target, const std::string& profile) {
  if (profile.empty()) return std::make_unique<Model>(target.profile(), target.facts());
  absl::StatusOr<Profile> found = NamedProfile(profile);
  if (!found.ok()) return found.status();
  return std::make_unique<Model>(*found, target.facts());
}

extern const char kGvisorExpectations[];  // expectations_text.cc

absl::StatusOr<Expectations> ExpectationsOf(const std::string& target, const std::string& file) {
  if (file.empty()) {
    if (target != "gvisor") return Expectations();
    return Expectations::Parse(kGvisorExpectations, "ci/expectations/gvisor.txt");
  }
  const absl::StatusOr<std::string> text = ReadFile(file);
  if (!text.ok()) return text.status();
  return Expectations::Parse(*text, file);
}

}  // namespace pollux
