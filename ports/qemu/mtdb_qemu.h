// MicroPython's qemu port with the modules that a microcontroller's build has (MP_CONFIGFILE names this file).
#include "ports/qemu/mpconfigport.h"

#undef MICROPY_PY_TIME
#define MICROPY_PY_TIME (1)
#define MICROPY_PY_TIME_TIME_TIME_NS (1)
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (1)
#define MICROPY_PY_TIME_INCLUDEFILE "mtdb_qemu_time.h"
#undef MICROPY_PY_SELECT
#define MICROPY_PY_SELECT (1)
#undef MICROPY_PY_ASYNCIO
#define MICROPY_PY_ASYNCIO (1)
#define MICROPY_STREAMS_POSIX_API (1)

// The start-up script _boot.py.
void mtdb_qemu_start(void);
#define MICROPY_PORT_INIT_FUNC mtdb_qemu_start()

#include "mtdb_build.h"
