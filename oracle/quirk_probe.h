// Decides the open quirks of a profile, each by its witness trace.
//
// A quirk is open for a release whose stable series or distributions back-ported the change that ended it. Its
// witness is a trace that a model with the quirk and one without it answer differently. The target shows the quirk
// if it answers every op as the model with it does.

#ifndef POLLUX_ORACLE_QUIRK_PROBE_H_
#define POLLUX_ORACLE_QUIRK_PROBE_H_

#include <string_view>
#include <vector>

#include "model/profile.h"
#include "oracle/target.h"

namespace pollux {

// The witness trace of a quirk, as text; empty for a quirk that is open for no release.
std::string_view Witness(Quirk quirk);

// Runs the witness on the target; only its Reset and Run are used.
bool Shows(Target* target, const Profile& profile, const Facts& facts, Quirk quirk);

// Turns every open quirk of the target's profile on or off. Returns those.
std::vector<Quirk> ProbeOpenQuirks(Target* target, const Facts& facts, Profile* profile);

}  // namespace pollux

#endif  // POLLUX_ORACLE_QUIRK_PROBE_H_
