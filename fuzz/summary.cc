// A campaign's summary, as JSON and for people.

#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "fuzz/campaign.h"

namespace pollux {

std::string ToJson(const Summary& s) {
  const auto list = [](const std::vector<Finding>& findings) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const Finding& f : findings) {
      all.push_back(
          {{"signature", f.signature}, {"as_if", f.as_if}, {"count", f.count}, {"ops", f.ops}, {"path", f.path}});
    }
    return all;
  };
  nlohmann::ordered_json json = {{"target", s.target},
                                 {"profile", s.profile},
                                 {"stepping", s.stepping},
                                 {"seconds", s.seconds},
                                 {"traces", s.traces},
                                 {"ops", s.ops},
                                 {"ops_per_second", s.ops_per_second()},
                                 {"divergences", list(s.findings)},
                                 {"expected", list(s.expected)},
                                 {"target_deaths", s.target_deaths},
                                 {"exact", s.exact},
                                 {"by_set", s.by_set},
                                 {"inconclusive", s.inconclusive},
                                 {"skipped", s.skipped},
                                 {"rules_hit", s.rules_hit},
                                 {"rules_total", s.rules_total}};
  for (const TypeRules& t : s.type_rules) {
    json["types"][t.type] = {{"rules_hit", t.hit}, {"rules_total", t.total}, {"missed", t.missed}};
  }
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string ToText(const Summary& s) {
  char line[256];
  std::snprintf(line, sizeof line, "%s against %s: %llu ops in %llu traces, %.1f s, %.0f ops/s; rules %zu of %zu\n",
                s.target.c_str(), s.profile.c_str(), static_cast<unsigned long long>(s.ops),
                static_cast<unsigned long long>(s.traces), s.seconds, s.ops_per_second(), s.rules_hit, s.rules_total);
  std::string text = line;
  const auto list = [&text](const char* title, const std::vector<Finding>& findings, bool rates) {
    for (const Finding& f : findings) {
      absl::StrAppend(&text, title, f.signature);
      if (!f.as_if.empty()) absl::StrAppend(&text, "  as if: ", f.as_if);
      absl::StrAppend(&text, "  (", f.count, " traces, minimal ", f.ops, " ops");
      if (rates) absl::StrAppend(&text, ", reproduced at rate ", f.rate);
      absl::StrAppend(&text, ")  ", f.path, "\n");
    }
  };
  list("expected: ", s.expected, false);
  list("divergence: ", s.findings, false);
  list("not reproducible: ", s.unreproducible, true);
  uint64_t by_set = 0;
  for (const auto& [reason, n] : s.by_set) by_set += n;
  absl::StrAppend(&text, "verdicts: ", s.exact, " exact, ", by_set, " by set\n");
  for (const auto& [reason, n] : s.by_set) absl::StrAppend(&text, "by set: ", n, " ", reason, "\n");
  for (const auto& [reason, n] : s.inconclusive) absl::StrAppend(&text, "inconclusive: ", n, " ", reason, "\n");
  for (const auto& [reason, n] : s.skipped) absl::StrAppend(&text, "skipped: ", n, " ", reason, "\n");
  for (const TypeRules& t : s.type_rules) {
    if (t.total == 0) continue;  // what it is about stands in the rules of others
    absl::StrAppend(&text, t.type, ": ", t.hit, " of ", t.total, " rules");
    for (const std::string& id : t.missed) absl::StrAppend(&text, id == t.missed.front() ? "; not " : ", ", id);
    absl::StrAppend(&text, "\n");
  }
  if (!s.stepping.empty()) absl::StrAppend(&text, "threads: ", s.stepping, "\n");
  if (s.worker_deaths > 0) absl::StrAppend(&text, "workers that died: ", s.worker_deaths, "\n");
  if (s.target_deaths > 0) absl::StrAppend(&text, "the target died and was started again: ", s.target_deaths, "\n");
  if (s.findings.empty() && s.unreproducible.empty()) absl::StrAppend(&text, "no divergence\n");
  if (s.interrupted) absl::StrAppend(&text, "interrupted\n");
  return text;
}

}  // namespace pollux
