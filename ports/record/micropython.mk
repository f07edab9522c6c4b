# The records' encoder for MicroPython's make ports: see record.c. Stock firmware has none.
ifneq ($(MTDB_BTREE_STOCK),1)
SRC_USERMOD_C += $(USERMOD_DIR)/record.c $(USERMOD_DIR)/calls.c $(USERMOD_DIR)/tags.c $(USERMOD_DIR)/loads.c
endif
