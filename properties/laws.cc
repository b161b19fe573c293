#include "properties/laws.h"

#include <algorithm>
#include <memory>

#include "fuzz/generator.h"
#include "fuzz/ops.h"
#include "fuzz/random.h"
#include "model/text.h"
#include "oracle/checker.h"
#include "oracle/model_target.h"
#include "properties/traces.h"

namespace pollux {

// The kernel's own model says what sleeps there, and what it does not know.
void NeverBlock(std::vector<Op>* ops) {
  const Target& real = *Sides().back().target;
  ModelTarget target("model", real.profile(), real.facts());
  Model model(real.profile(), real.facts());
  std::vector<Outcome> outcomes;
  Checker(&target, &model).Run(ops, {.never_block = true, .verify_facts = false}, &outcomes);
  // What has no model, the kernel would do all the same.
  std::vector<bool> drop(ops->size());
  for (size_t i = 0; i < ops->size(); ++i) drop[i] = outcomes[i].kind == Outcome::kSkipped;
  *ops = WithoutOps(*ops, drop);
}

namespace {

bool Consumes(const Model& model, int32_t number) {
  return Model::PollConsumes(model.state().files[model.FileAt(number)].type);
}

void OwnData(std::vector<Op>* ops) {
  for (size_t i = 0; i < ops->size(); ++i) {
    if (SetsItem((*ops)[i])) (*ops)[i].arg[5] = i + 1;
  }
}

// A poll of some files takes what it finds, so that it matters to a law how often its own ops poll. Whatever there is
// to take is taken at the end of the trace, by polling each of them; those that no number names are not sent away.
void Take(std::vector<Op>* ops) {
  Model model(NewestProfile());
  std::vector<bool> drop(ops->size());
  Bindings bindings;
  Outcome out;
  for (size_t i = 0; i < ops->size(); ++i) {
    const Op op = bindings.Resolve((*ops)[i]);
    drop[i] = op.call == Call::kSendfd && Consumes(model, op.num(1));
    if (!drop[i]) model.Run(op, &out);
    bindings.Bind((*ops)[i], out);
  }
  if (std::find(drop.begin(), drop.end(), true) != drop.end()) {
    *ops = WithoutOps(*ops, drop);
    NeverBlock(ops);
    OwnData(ops);
    model.Reset();
    Simulate(&model, *ops);
  }
  for (int32_t n = 3; n < static_cast<int32_t>(model.state().fds.size()); ++n) {
    if (Consumes(model, n)) ops->push_back(ops::Poll({{Fd::Literal(n), kIn}}));
  }
}

std::vector<Op> Draw(uint64_t seed) {
  Random random(seed);
  GeneratorOptions options;
  options.sleeps = options.watches = false;
  std::vector<Op> ops;
  Generator(options).Draw(&random, &ops);
  std::vector<bool> drop(ops.size());
  for (size_t i = 0; i < ops.size(); ++i) {
    const Call call = ops[i].call;
    const bool process = ops[i].process != 0 || call == Call::kFork || call == Call::kExit || call == Call::kExecve;
    // A law may put other ops before the one that lets a timeout pass.
    drop[i] = call == Call::kPrlimit || call == Call::kExpire || process;
  }
  ops = WithoutOps(ops, drop);
  NeverBlock(&ops);
  OwnData(&ops);
  Take(&ops);
  return ops;
}

// Halves, quarters, ..., single ops taken out.
rc::Seq<Drawn> Shorter(const Drawn& drawn) {
  std::vector<Drawn> all;
  const size_t n = drawn.ops.size();
  for (size_t size = n / 2; size > 0 && all.size() < 100; size /= 2) {
    for (size_t from = 0; from < n; from += size) {
      std::vector<bool> drop(n);
      for (size_t i = from; i < std::min(from + size, n); ++i) drop[i] = true;
      all.push_back({WithoutOps(drawn.ops, drop)});
      NeverBlock(&all.back().ops);
      OwnData(&all.back().ops);
      Take(&all.back().ops);
    }
  }
  return rc::seq::fromContainer(std::move(all));
}

}  // namespace

const std::vector<Side>& Sides() {
  static std::unique_ptr<Target> native;
  static ModelTarget model("model", NewestProfile());
  static const std::vector<Side> sides = [] {
    std::vector<Side> all = {{"the model", &model}};
    TargetOptions options;
    options.deadline_ms = 2000;
    if (absl::StatusOr<std::unique_ptr<Target>> opened = OpenTarget("native", options); opened.ok()) {
      native = *std::move(opened);
      all.push_back({"the kernel", native.get()});
    }
    return all;
  }();
  return sides;
}

std::vector<Outcome> Play(const Side& side, const std::vector<Op>& ops) {
  std::vector<Outcome> outcomes(ops.size());
  Bindings bindings;
  Model model(side.target->profile(), side.target->facts());
  Outcome allowed;
  side.target->Reset();
  for (size_t i = 0; i < ops.size(); ++i) {
    const Op op = bindings.Resolve(ops[i]);
    if (Refused(op) == nullptr) model.Run(op, &allowed);
    if (Refused(op) != nullptr || allowed.kind == Outcome::kSkipped) {
      outcomes[i].kind = Outcome::kSkipped;
    } else {
      side.target->Run(op, &outcomes[i]);
      // How often a timer has expired is up to the clock.
      if (!allowed.has_payload) outcomes[i].has_payload = false, outcomes[i].payload = 0;
    }
    bindings.Bind(ops[i], outcomes[i]);
  }
  return outcomes;
}

std::string Story(const Side& side, const std::vector<Op>& ops, const std::vector<Outcome>& outcomes) {
  Trace trace;
  trace.ops = ops;
  return "on " + side.name + ":\n" + Print(trace, outcomes);
}

Fd Script::Moved(Fd fd) const {
  if (fd.literal()) return fd;
  const size_t place = fd.op() < place_.size() ? place_[fd.op()] : kNowhere;
  return place == kNowhere ? Fd::Literal(-1) : Fd::Output(static_cast<uint32_t>(place), fd.out());
}

std::vector<OpenFile> OpenAtEnd(const std::vector<Op>& ops) {
  Model model(NewestProfile());
  Simulate(&model, ops);
  std::vector<OpenFile> open;
  const State& s = model.state();
  for (size_t n = 3; n < s.fds.size(); ++n) {
    const Id file = s.fds[n].file;
    if (file == kNil) continue;
    const FileType type = s.files[file].type;
    open.push_back({static_cast<int32_t>(n), type == FileType::kEpoll, Model::Pollable(type), file, type});
  }
  return open;
}

void showValue(const Drawn& drawn, std::ostream& os) {
  Trace trace;
  trace.ops = drawn.ops;
  Model model(NewestProfile());
  os << "\n" << Print(trace, Simulate(&model, drawn.ops));
}

}  // namespace pollux

namespace rc {

Gen<pollux::Drawn> Arbitrary<pollux::Drawn>::arbitrary() {
  return gen::shrink(gen::map(gen::noShrink(gen::arbitrary<uint64_t>()),
                              [](uint64_t seed) { return pollux::Drawn{pollux::Draw(seed)}; }),
                     [](const pollux::Drawn& drawn) { return pollux::Shorter(drawn); });
}

}  // namespace rc
