# What our boards add to MicroPython's qemu port: time, on AN505 the serial port, and a start-up script (qemu.c).
ifneq ($(QEMU_ARCH),)
MTDB_QEMU_DIR := $(USERMOD_DIR)

SRC_USERMOD_C += $(MTDB_QEMU_DIR)/qemu.c
SRC_USERMOD_LIB_C += $(abspath $(TOP))/shared/timeutils/timeutils.c
# MicroPython 1.27 and later have a clock there, which does not know AN505.
$(BUILD)/mphalport.o: CFLAGS += $(foreach f,ticks_ms ticks_us ticks_cpu delay_ms delay_us,-Dmp_hal_$f=port_$f)
# Its main() starts the heap: see qemu.c.
$(BUILD)/main.o: CFLAGS += -Dgc_init=mtdb_qemu_gc_init
endif
