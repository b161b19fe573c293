// The pollux command: parses the command line, runs one verb.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "fuzz/verbs.h"

namespace pollux {
namespace {

constexpr Verb kVerbs[] = {
    {"run", "execute traces on a target and check them, op by op", RunVerb},
    {"check", "check recorded outcomes against a profile; no target", CheckVerb},
    {"fuzz", "a campaign: search for traces on which a target and the model differ", FuzzVerb},
    {"min", "the smallest trace that diverges in the same way", MinVerb},
    {"explain", "the model's state after every op, what changed, which rules", ExplainVerb},
    {"export", "a trace as a C program or a test", ExportVerb},
    {"rules", "the rules of epoll, and which of them a set of traces covers", RulesVerb},
    {"targets", "what can execute traces here", TargetsVerb},
    {"profiles", "the releases the model knows, and their quirks", ProfilesVerb},
};

std::string VerbNames() {
  std::string names;
  for (const Verb& v : kVerbs) names += (names.empty() ? "" : ", ") + std::string(v.name);
  return names;
}

int Main(int argc, char** argv) {
  CLI::App app("Pollux, the twin of epoll: an executable model of eventpoll, held to a target op by op.", "pollux");
  app.footer(
      "Examples:\n  pollux fuzz --time 60\n  pollux run corpus/golden/*.trace\n  pollux rules\n"
      "'pollux VERB --help' explains a verb.");
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", "pollux 0.1.0");

  std::vector<std::pair<CLI::App*, Action>> verbs;
  for (const Verb& v : kVerbs) {
    CLI::App* verb = app.add_subcommand(v.name, v.summary);
    verbs.emplace_back(verb, v.declare(verb));
  }
  // CLI11 calls a word that is no verb "extra"; the first one is better answered with the verbs there are.
  if (argc < 2) return UsageError("no verb; one of: " + VerbNames() + " (or --help)");
  const std::string first = argv[1];
  const auto named = [&first](const Verb& v) { return first == v.name; };
  if (first[0] != '-' && std::none_of(std::begin(kVerbs), std::end(kVerbs), named)) {
    return UsageError("no verb '" + first + "'; one of: " + VerbNames());
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    std::string line = e.what();
    for (char& c : line) c = c == '\n' ? ' ' : c;
    return UsageError(line + " (try 'pollux " + (first[0] == '-' ? "" : first + " ") + "--help')");
  }
  for (const auto& [verb, action] : verbs) {
    if (verb->parsed()) return action();
  }
  return UsageError("no verb; one of: " + VerbNames());
}

}  // namespace
}  // namespace pollux

int main(int argc, char** argv) { return pollux::Main(argc, argv); }
