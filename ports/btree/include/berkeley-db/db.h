/* MicroTetherDB: what extmod/modbtree.c calls, in terms of glue.c. SPDX-License-Identifier: MIT */
#ifndef MTDB_BTREE_API_H
#define MTDB_BTREE_API_H

#define MTDB_BTREE_API_ONLY 1
#include <db.h>

/* The four stream calls that modbtree.c passes: read, write, lseek, fsync. */
typedef struct {
    ssize_t (*read)(void *, void *, size_t);
    ssize_t (*write)(void *, const void *, size_t);
    off_t (*lseek)(void *, off_t, int);
    int (*fsync)(void *);
} FILEVTABLE;

DB *mtdb_bt_open(void *stream, const FILEVTABLE *vtable, const BTREEINFO *info, int dflags);
int mtdb_bt_close(DB *);
int mtdb_bt_sync(const DB *, u_int);
int mtdb_bt_get(const DB *, const DBT *, DBT *, u_int);
int mtdb_bt_put(const DB *, DBT *, const DBT *, u_int);
int mtdb_bt_delete(const DB *, const DBT *, u_int);
int mtdb_bt_seq(const DB *, DBT *, DBT *, u_int);

#endif
