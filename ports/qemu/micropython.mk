# What our boards add to MicroPython's qemu port: time, on AN505 the serial port, and a start-up script (qemu.c).
ifneq ($(QEMU_ARCH),)
MTDB_QEMU_DIR := $(USERMOD_DIR)

SRC_USERMOD_C += $(MTDB_QEMU_DIR)/qemu.c
SRC_USERMOD_LIB_C += $(abspath $(TOP))/shared/timeutils/timeutils.c
endif
