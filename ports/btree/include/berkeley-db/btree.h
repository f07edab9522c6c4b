/* MicroTetherDB: BTREE for extmod/modbtree.c, and its calls led through glue.c.
 * SPDX-License-Identifier: MIT */
#include <btree/btree.h>

#ifndef MTDB_BTREE_GLUE
#define __bt_open mtdb_bt_open
#define __bt_close mtdb_bt_close
#define __bt_sync mtdb_bt_sync
#define __bt_get mtdb_bt_get
#define __bt_put mtdb_bt_put
#define __bt_delete mtdb_bt_delete
#define __bt_seq mtdb_bt_seq
#endif
