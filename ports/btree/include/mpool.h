/* MicroTetherDB: the interface of Berkeley DB's buffer pool (mpool.c), in place of db1-compat's
 * <mpool.h>: the C libraries of microcontrollers have no CIRCLEQ macros, and its 128 hash chains
 * cost 1 KB of heap for a cache of five pages. SPDX-License-Identifier: MIT */
#ifndef MTDB_BTREE_MPOOL_H
#define MTDB_BTREE_MPOOL_H

/* Circular queues with the field names and semantics of BSD's <sys/queue.h>. */
#undef CIRCLEQ_HEAD
#undef CIRCLEQ_ENTRY
#undef CIRCLEQ_INIT
#undef CIRCLEQ_INSERT_HEAD
#undef CIRCLEQ_INSERT_TAIL
#undef CIRCLEQ_REMOVE
#define CIRCLEQ_HEAD(name, type) \
    struct name { \
        struct type *cqh_first, *cqh_last; \
    }
#define CIRCLEQ_ENTRY(type) \
    struct { \
        struct type *cqe_next, *cqe_prev; \
    }
#define CIRCLEQ_INIT(head) \
    do { \
        (head)->cqh_first = (head)->cqh_last = (void *)(head); \
    } while (0)
#define CIRCLEQ_INSERT_HEAD(head, elm, field) \
    do { \
        (elm)->field.cqe_next = (head)->cqh_first; \
        (elm)->field.cqe_prev = (void *)(head); \
        if ((head)->cqh_last == (void *)(head)) \
            (head)->cqh_last = (elm); \
        else \
            (head)->cqh_first->field.cqe_prev = (elm); \
        (head)->cqh_first = (elm); \
    } while (0)
#define CIRCLEQ_INSERT_TAIL(head, elm, field) \
    do { \
        (elm)->field.cqe_next = (void *)(head); \
        (elm)->field.cqe_prev = (head)->cqh_last; \
        if ((head)->cqh_first == (void *)(head)) \
            (head)->cqh_first = (elm); \
        else \
            (head)->cqh_last->field.cqe_next = (elm); \
        (head)->cqh_last = (elm); \
    } while (0)
#define CIRCLEQ_REMOVE(head, elm, field) \
    do { \
        if ((elm)->field.cqe_next == (void *)(head)) \
            (head)->cqh_last = (elm)->field.cqe_prev; \
        else \
            (elm)->field.cqe_next->field.cqe_prev = (elm)->field.cqe_prev; \
        if ((elm)->field.cqe_prev == (void *)(head)) \
            (head)->cqh_first = (elm)->field.cqe_next; \
        else \
            (elm)->field.cqe_prev->field.cqe_next = (elm)->field.cqe_next; \
    } while (0)

#if MTDB_BTREE_STOCK
#define HASHSIZE 128
#elif defined(__LP64__)
#define HASHSIZE 64
#else
#define HASHSIZE 16
#endif
#define HASHKEY(pgno) ((pgno - 1) % HASHSIZE)

/* One cached page; the page itself follows the structure. */
typedef struct _bkt {
    CIRCLEQ_ENTRY(_bkt) hq; /* hash chain */
    CIRCLEQ_ENTRY(_bkt) q;  /* least recently used first */
    void *page;
    pgno_t pgno;
#define MPOOL_DIRTY 0x01
#define MPOOL_PINNED 0x02
    u_int8_t flags;
} BKT;

typedef struct MPOOL {
    CIRCLEQ_HEAD(_lqh, _bkt) lqh;
    CIRCLEQ_HEAD(_hqh, _bkt) hqh[HASHSIZE];
    u_int32_t curcache; /* pages in the cache now */
    u_int32_t maxcache; /* pages in the cache at most, unless more are pinned */
    u_int32_t npages;   /* pages in the file */
    u_long pagesize;
    int fd;
    void (*pgin)(void *, pgno_t, void *);
    void (*pgout)(void *, pgno_t, void *);
    void *pgcookie;
} MPOOL;

MPOOL *mpool_open(void *key, int fd, pgno_t pagesize, pgno_t maxcache);
void mpool_filter(MPOOL *, void (*pgin)(void *, pgno_t, void *), void (*pgout)(void *, pgno_t, void *), void *cookie);
void *mpool_new(MPOOL *, pgno_t *);
void *mpool_get(MPOOL *, pgno_t, u_int);
int mpool_put(MPOOL *, void *page, u_int flags);
int mpool_sync(MPOOL *);
int mpool_close(MPOOL *);

#endif
