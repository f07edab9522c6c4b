// MICROPY_HW_FLASH_STORAGE_BYTES comes from flash.csv through the generated header.
#define MICROPY_HW_BOARD_NAME "Raspberry Pi Pico"
#include "mtdb_build.h"
