# Faults on demand, for the tests' own image (ci/build.py faults, faults32): module `faults`. No other image has it.
ifeq ($(MTDB_FAULTS),1)
MTDB_FAULTS_DIR := $(USERMOD_DIR)

SRC_USERMOD_C += $(MTDB_FAULTS_DIR)/faults.c
CFLAGS_USERMOD += -include $(MTDB_FAULTS_DIR)/faults.h
LDFLAGS_USERMOD += -Wl,--wrap=gc_alloc -Wl,--wrap=gc_realloc
endif
