# The btree module as a user C module for MicroPython's make ports (unix, qemu, stm32...).
#
#   USER_C_MODULES=<repository>/ports   finds this folder
#   MTDB_DB1_DIR=<db1-compat>/db        Berkeley DB 1.85 sources, unmodified
#   MICROPY_PY_BTREE=0                  as a make variable: the port's own rules would want a submodule
#   MTDB_BTREE_STOCK=1                  without our mends and with libc's heap: behaves like stock firmware
MTDB_BTREE_DIR := $(USERMOD_DIR)
MTDB_BTREE_STOCK ?= 0

ifeq ($(wildcard $(MTDB_DB1_DIR)/btree/bt_open.c),)
$(error MTDB_DB1_DIR must name the "db" folder of db1-compat's sources)
endif

SRC_USERMOD_C += $(MTDB_BTREE_DIR)/glue.c
SRC_USERMOD_LIB_C += $(addprefix $(MTDB_DB1_DIR)/, $(addprefix btree/bt_, $(addsuffix .c, \
	close conv delete get open overflow page put search seq split utils)) mpool/mpool.c)
CFLAGS_USERMOD += -I$(MTDB_BTREE_DIR)/include -I$(MTDB_DB1_DIR)
CFLAGS_USERMOD += -DMICROPY_PY_BTREE=1
CFLAGS_USERMOD += -DMTDB_BTREE_STOCK=$(MTDB_BTREE_STOCK) -DMTDB_BTREE_LIBC_HEAP=$(MTDB_BTREE_STOCK)

# K&R C, and queue heads that are used as if they were elements.
$(BUILD)/$(MTDB_DB1_DIR)/%.o: CFLAGS += -w -fno-strict-aliasing
$(BUILD)/btree/glue.o: CFLAGS += -fno-strict-aliasing
