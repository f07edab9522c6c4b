// MicroTetherDB: what Berkeley DB 1.85 needs from MicroPython, and mends of what it gets wrong.
// README.md in this folder explains each of them. SPDX-License-Identifier: MIT

#include "py/runtime.h"
#include "py/gc.h"
#include "py/mperrno.h"

#if MICROPY_PY_BTREE

#define MTDB_BTREE_GLUE 1
#include "berkeley-db/db.h"
#include "berkeley-db/btree.h"

// Streams ////////////////////////////////////////////////////////////////////////////////////////
// Berkeley DB carries its file as an int. modbtree.c passes the same vtable at every open.

static const FILEVTABLE *stream_calls;

#if defined(__LP64__)
// Objects lie in MicroPython's heap at multiples of 32 bytes; other parts of a split heap lie within 16 GB of the first.
#define ORIGIN ((uintptr_t)MP_STATE_MEM(area).gc_pool_start - ((uintptr_t)1 << 34))
#define SHIFT (4)
#else
// An object's address is even.
#define ORIGIN ((uintptr_t)0)
#define SHIFT (1)
#endif

int mtdb_open(const void *stream) {
    uintptr_t fd = ((uintptr_t)stream - ORIGIN) >> SHIFT;
    if (fd > INT_MAX) {
        errno = EINVAL;
        return -1;
    }
    return (int)fd;
}

int mtdb_close(int fd) {
    return 0;
}

static void *stream_of(int fd) {
    return (void *)(((uintptr_t)fd << SHIFT) + ORIGIN);
}

// What a stream raises (Ctrl-C, no memory for its frame) must not jump over Berkeley DB, which may be in the middle of a
// split: it is kept, the call fails, and checked() raises it at the end. The VM's own place for it is one per thread.
#if MTDB_BTREE_STOCK
#define GUARDED(failed, call) (call)
#else
// clang-format off: it does not indent a statement expression in a macro
#define GUARDED(failed, call) ({ \
        nlr_buf_t nlr; \
        __typeof__(call) got = failed; \
        if (nlr_push(&nlr) == 0) { \
            got = call; \
            nlr_pop(); \
        } else { \
            keep(MP_OBJ_FROM_PTR(nlr.ret_val)); \
        } \
        got; \
    })
// clang-format on

static void keep(mp_obj_t exception) {
    MP_STATE_THREAD(mp_pending_exception) = exception;
    #if MICROPY_ENABLE_SCHEDULER && !MICROPY_PY_THREAD
    if (MP_STATE_VM(sched_state) == MP_SCHED_IDLE) {
        MP_STATE_VM(sched_state) = MP_SCHED_PENDING;
    }
    #endif
    errno = EIO;
}
#endif

// A call that went well may have left an errno of what it did by the way (a file that is not there).
ssize_t mtdb_read(int fd, void *buf, size_t len) {
    int before = errno;
    ssize_t n = GUARDED(-1, stream_calls->read(stream_of(fd), buf, len));
    if (n >= 0) {
        errno = before;
    }
    return n;
}

ssize_t mtdb_write(int fd, const void *buf, size_t len) {
    int before = errno;
    ssize_t n = GUARDED(-1, stream_calls->write(stream_of(fd), buf, len));
    if (n >= 0) {
        errno = before;
    }
    return n;
}

off_t mtdb_lseek(int fd, off_t offset, int whence) {
    int before = errno;
    off_t at = GUARDED(-1, stream_calls->lseek(stream_of(fd), offset, whence));
    if (at >= 0) {
        errno = before;
    }
    return at;
}

int mtdb_fsync(int fd) {
    return stream_calls->fsync(stream_of(fd));
}

#ifndef MICROPY_BERKELEY_DB_DEFPSIZE
#if defined(__LP64__)
#define MICROPY_BERKELEY_DB_DEFPSIZE (4096)
#else
#define MICROPY_BERKELEY_DB_DEFPSIZE (1024)
#endif
#endif

int mtdb_fstat(int fd, struct mtdb_stat *sb) {
    sb->st_size = mtdb_lseek(fd, 0, SEEK_END);
    sb->st_blksize = MICROPY_BERKELEY_DB_DEFPSIZE; // page size of a new tree when none is asked for
    if (sb->st_size == (off_t)-1 || mtdb_lseek(fd, 0, SEEK_SET) == (off_t)-1) {
        return -1;
    }
    return 0;
}

// A page of an unknown type: the file is damaged.
void mtdb_abort(void) {
    mp_raise_OSError(MP_EIO);
}

// Memory /////////////////////////////////////////////////////////////////////////////////////////
// MicroPython's heap. No root pointer is needed: the btree object refers to the DB, that to the BTREE,
// that to the pool and it to the pages, always by the address that was allocated; during a call the
// object is on the caller's stack. So a tree dropped without close() is collected like any object.

#if !MTDB_BTREE_LIBC_HEAP
void *mtdb_malloc(size_t n) {
    void *p = gc_alloc(n, 0);
    if (p == NULL) {
        errno = ENOMEM;
    }
    return p;
}

void *mtdb_calloc(size_t count, size_t n) {
    void *p = mtdb_malloc(count * n);
    if (p != NULL) {
        memset(p, 0, count * n);
    }
    return p;
}

void *mtdb_realloc(void *p, size_t n) {
    p = gc_realloc(p, n, true);
    if (p == NULL) {
        errno = ENOMEM;
    }
    return p;
}

void mtdb_free(void *p) {
    gc_free(p);
}
#endif

// Calls //////////////////////////////////////////////////////////////////////////////////////////

#if MTDB_BTREE_STOCK
static int checked(const DB *db, int res) {
    return res;
}
#else
// After an error no page stays pinned. A stream that tells no reason gets one.
static int checked(const DB *db, int res) {
    mp_obj_t exception = MP_STATE_THREAD(mp_pending_exception);
    if (res == RET_ERROR || exception != MP_OBJ_NULL) {
        BTREE *t = db->internal;
        MPOOL *mp = t->bt_mp;
        for (BKT *b = mp->lqh.cqh_first; b != (void *)&mp->lqh; b = b->q.cqe_next) {
            b->flags &= ~MPOOL_PINNED;
        }
        t->bt_pinned = NULL;
        t->bt_order = NOT;
        if (t->bt_rdata.data == NULL) {
            t->bt_rdata.size = 0; // __ovfl_get() goes on with the old size after a realloc() that failed
        }
        if (errno == 0) {
            errno = EIO;
        }
    }
    if (exception != MP_OBJ_NULL) {
        MP_STATE_THREAD(mp_pending_exception) = MP_OBJ_NULL;
        nlr_raise(exception);
    }
    return res;
}
#endif

DB *mtdb_bt_open(void *stream, const FILEVTABLE *vtable, const BTREEINFO *info, int dflags) {
    stream_calls = vtable;
    errno = 0;
    DB *db = __bt_open(stream, O_RDWR, 0, info, dflags);
    #if !MTDB_BTREE_STOCK
    if (db != NULL) {
        // bt_psplit() marks "the new item is placed" by skip = 0 and then takes a right page that
        // begins with the first old item (nxt == 0) for the new item's place: one index too many, of
        // garbage. That happens when the new item goes first and is half a page by itself, which is
        // exactly the largest item that is kept in a leaf. So keep it out of the leaves.
        BTREE *t = db->internal;
        size_t half = (t->bt_psize - BTDATAOFF) / 2;
        while (NBLEAFDBT(0, t->bt_ovflsize) + sizeof(indx_t) >= half) {
            t->bt_ovflsize--;
        }
    }
    #endif
    return db;
}

int mtdb_bt_close(DB *db) {
    errno = 0;
    return __bt_close(db);
}

int mtdb_bt_sync(const DB *db, u_int flags) {
    errno = 0;
    #if !MTDB_BTREE_STOCK
    BTREE *t = db->internal;
    bool modified = F_ISSET(t, B_MODIFIED); // else nothing is written, and a new tree's meta page is still to come
    #endif
    int res = checked(db, __bt_sync(db, flags));
    #if !MTDB_BTREE_STOCK
    if (res == RET_SUCCESS && modified) {
        // Berkeley DB never clears this and writes the meta page at every sync of a changed tree.
        F_CLR(t, B_METADIRTY);
    }
    #endif
    return res;
}

int mtdb_bt_get(const DB *db, const DBT *key, DBT *val, u_int flags) {
    errno = 0;
    return checked(db, __bt_get(db, key, val, flags));
}

int mtdb_bt_put(const DB *db, DBT *key, const DBT *val, u_int flags) {
    errno = 0;
    #if !MTDB_BTREE_STOCK
    // A key on an overflow page would be sorted by its page number and read back wrong.
    BTREE *t = db->internal;
    if (key->size + (val->size < NOVFLSIZE ? val->size : NOVFLSIZE) > t->bt_ovflsize) {
        errno = EINVAL;
        return RET_ERROR;
    }
    #endif
    return checked(db, __bt_put(db, key, val, flags));
}

int mtdb_bt_delete(const DB *db, const DBT *key, u_int flags) {
    errno = 0;
    int res = __bt_delete(db, key, flags);
    #if !MTDB_BTREE_STOCK
    // bt_fast() takes the page of the last put for the first one as long as keys come in descending order (bt_order BACK),
    // also when a delete has emptied and freed it: the next small key would go into a page that is in no tree any more.
    ((BTREE *)db->internal)->bt_order = NOT;
    #endif
    return checked(db, res);
}

int mtdb_bt_seq(const DB *db, DBT *key, DBT *val, u_int flags) {
    errno = 0;
    int res = __bt_seq(db, key, val, flags);
    #if !MTDB_BTREE_STOCK
    // __bt_first() says "no such key" when it could not read a page, or had no memory for one.
    if (res == RET_SPECIAL && errno != 0) {
        res = RET_ERROR;
    }
    #endif
    return checked(db, res);
}

#endif // MICROPY_PY_BTREE
