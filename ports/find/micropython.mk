# A faster search in bytes and str for MicroPython's make ports: see find.c. Stock firmware is left as it is.
ifneq ($(MTDB_BTREE_STOCK),1)
MTDB_FIND_DIR := $(USERMOD_DIR)

SRC_USERMOD_C += $(MTDB_FIND_DIR)/find.c
$(BUILD)/py/objstr.o: CFLAGS += -include $(MTDB_FIND_DIR)/weak.h
$(BUILD)/py/objstr.o: $(MTDB_FIND_DIR)/weak.h
endif
