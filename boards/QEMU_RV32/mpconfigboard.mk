# As MicroPython's VIRT_RV32, whose errno must not be thread-local where there are no threads.
include boards/VIRT_RV32/mpconfigboard.mk
CFLAGS += -D__PICOLIBC_ERRNO_FUNCTION=__errno

# Memory beside the image's own: see ports/qemu/qemu.c and modules/_mtdb_board.py there.
CFLAGS += -DMTDB_MEMORY=0x81000000
