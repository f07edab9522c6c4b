# Patches of pages for MicroPython's make ports: see patch.c. Stock firmware has none.
ifneq ($(MTDB_BTREE_STOCK),1)
SRC_USERMOD_C += $(USERMOD_DIR)/patch.c
endif
