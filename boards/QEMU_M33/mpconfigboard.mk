QEMU_ARCH = arm
QEMU_MACHINE = mps2-an505

CFLAGS += -mthumb -mcpu=cortex-m33 -mfloat-abi=soft
CFLAGS += -DMICROPY_HW_MCU_NAME='"Cortex-M33"'
AFLAGS += -mthumb -mcpu=cortex-m33

LDSCRIPT = $(MTDB_QEMU)/an505.ld

SRC_BOARD_O = shared/runtime/gchelper_native.o shared/runtime/gchelper_thumb2.o

MPY_CROSS_FLAGS += -march=armv7m

# Memory beside the image's own: see ports/qemu/qemu.c and modules/_mtdb_board.py there.
CFLAGS += -DMTDB_MEMORY=0x80000000
