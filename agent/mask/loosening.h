// Loosening: whether a new mask lets more through than the one that runs.
//
// Promise    A new mask that begins with all rules of the running one, in their order, unchanged or tightened in place, lets nothing
//            more through: a rule works on what those before it left. Tightened is: drop or reject of the same fields instead of
//            what left something of them, reject instead of drop; fewer characters of truncate; a larger radius; fewer names
//            in an allow-list. Every other change counts as looser, because whether it is cannot be told from the rules alone.
// Limits     Compares what is written, not what keys' files hold. Only with a mask that runs: a start asks nothing.
// Threads    Pure functions; any.
// Tests      tests/agent/mask/loosening_test.cc
#pragma once

#include <string>

#include "agent/mask/masker.h"

namespace pinaflux {

// What is said to the operator when `next` is looser than `running` and does not carry the confirmation of just this
// change (MaskOptions::loosen); else empty. It names a rule by its number, and the confirmation: 16 hexadecimal digits
// of SHA-256 over both masks, a home zone's centre left out. So where a rule has a centre that the running mask does
// not know there is no confirmation: it would be one for any other centre as well. That takes a restart.
std::string unconfirmed_loosening(const MaskOptions& running, const MaskOptions& next);

}  // namespace pinaflux
