// pollux export: a trace as a C program or a test.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/input.h"
#include "fuzz/verbs.h"
#include "oracle/export.h"
#include "oracle/files.h"

namespace pollux {
namespace {

struct Args {
  std::string trace, as, profile, output;
};

int RunExport(const Args& args) {
  absl::StatusOr<std::vector<Input>> inputs = LoadTraces({args.trace});
  if (!inputs.ok()) return StatusError(inputs.status());
  if (inputs->size() != 1) return UsageError(args.trace + " is a folder; expected one trace");
  const Trace& trace = (*inputs)[0].trace;
  absl::StatusOr<std::unique_ptr<Model>> model = ModelFor(trace, args.profile);
  if (!model.ok()) return StatusError(model.status());
  const std::string name = args.trace == "-" ? "trace" : std::filesystem::path(args.trace).stem().string();
  const std::string program = Export(model->get(), trace, args.as == "c" ? ExportAs::kC : ExportAs::kGtest, name);
  if (args.output.empty()) {
    std::fputs(program.c_str(), stdout);
    return kExitConforms;
  }
  const absl::Status written = WriteAtomically(args.output, program);
  return written.ok() ? static_cast<int>(kExitConforms) : StatusError(written);
}

}  // namespace

Action ExportVerb(CLI::App* verb) {
  auto args = std::make_shared<Args>();
  verb->add_option("TRACE", args->trace, "the trace; - is standard input")->required();
  verb->add_option("--as", args->as, "c: a program that exits 0 where it behaves as Linux; gtest: a test")
      ->required()
      ->check(CLI::IsMember({"c", "gtest"}));
  verb->add_option("--profile", args->profile, "the release that is expected; by default the one the trace names");
  verb->add_option("-o,--output", args->output, "the file to write; standard output by default");
  verb->footer("Example:\n  pollux export --as c my.trace > my.c && gcc -pthread -o my my.c && ./my");
  return [args] { return RunExport(*args); };
}

}  // namespace pollux
