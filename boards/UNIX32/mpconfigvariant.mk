include $(VARIANT_DIR)/../UNIX/mpconfigvariant.mk
MICROPY_FORCE_32BIT = 1
