// As MicroPython's standard variant, with the modules that a microcontroller's build has.
#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

#include "variants/mpconfigvariant_common.h"
// Ctrl-C is noticed where the VM looks for it, as on a microcontroller, and never raised in the middle of C code.
#undef MICROPY_ASYNC_KBD_INTR
#define MICROPY_ASYNC_KBD_INTR (0)

#include "mtdb_build.h"
