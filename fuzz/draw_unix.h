// Scenes of AF_UNIX sockets (draw_unix_scenes.cc), for the habits of their types.

#ifndef POLLUX_FUZZ_DRAW_UNIX_H_
#define POLLUX_FUZZ_DRAW_UNIX_H_

#include "fuzz/generator.h"

namespace pollux {

void Connections(Generator& g, int32_t ep);
void OneWay(Generator& g, int32_t ep);
void OutOfBand(Generator& g, int32_t ep);
void Rights(Generator& g, int32_t ep);

}  // namespace pollux

#endif  // POLLUX_FUZZ_DRAW_UNIX_H_
