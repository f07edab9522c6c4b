// As MicroPython's standard variant, with the modules that a microcontroller's build has.
#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

#include "variants/mpconfigvariant_common.h"
#include "mtdb_build.h"
