# Faster search in bytes and str for MicroPython's make ports: see first_bytes.h. No module; stock firmware is left as it is.
ifneq ($(MTDB_BTREE_STOCK),1)
MTDB_FIND_HEADER := $(USERMOD_DIR)/first_bytes.h

$(BUILD)/py/objstr.o: CFLAGS += -include $(MTDB_FIND_HEADER)
$(BUILD)/py/objstr.o: $(MTDB_FIND_HEADER)
endif
