/* MicroTetherDB: this <db.h> stands first on the include path of Berkeley DB 1.85 (Debian's
 * db1-compat, compiled unmodified) and puts MicroPython's streams and heap under it.
 *
 * It includes every system header that the sources use, then the real <db.h>, and only then maps
 * the calls, so that no system prototype is touched. SPDX-License-Identifier: MIT */
#ifndef MTDB_BTREE_DB_H
#define MTDB_BTREE_DB_H

#include <sys/types.h>
#include <sys/param.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef __P
#define __P(args) args
#endif
#ifndef __PMT
#define __PMT(args) args
#endif
#ifndef __BIT_TYPES_DEFINED__
#define __BIT_TYPES_DEFINED__ 1 /* libc has u_int32_t and friends in <sys/types.h> */
#endif

#define __DBINTERFACE_PRIVATE 1
#include_next <db.h>

/* Page numbers of overflow pages lie unaligned in leaf pages (offset 9 in struct _bleaf) and are
 * read through a pgno_t pointer in bt_split.c: a fault on Cortex-M0+. With byte alignment the
 * compiler reads them bytewise; the layout of the pages stays the same. */
#if !MTDB_BTREE_NATURAL_PGNO /* set by the test that shows the fault */
typedef u_int32_t mtdb_pgno_t __attribute__((aligned(1)));
#define pgno_t mtdb_pgno_t
#endif

/* glue.c */
struct mtdb_stat {
    off_t st_size;
    int st_mode;
    u_int st_blksize;
};
int mtdb_open(const void *stream);
int mtdb_close(int fd);
ssize_t mtdb_read(int fd, void *buf, size_t len);
ssize_t mtdb_write(int fd, const void *buf, size_t len);
off_t mtdb_lseek(int fd, off_t offset, int whence);
int mtdb_fsync(int fd);
int mtdb_fstat(int fd, struct mtdb_stat *sb);
void mtdb_abort(void) __attribute__((noreturn));

#ifndef MTDB_BTREE_API_ONLY /* set for modbtree.c, which needs the types only */
#define open(stream, flags, mode) mtdb_open(stream)
#define close(fd) mtdb_close(fd)
#define read(fd, buf, len) mtdb_read(fd, buf, len)
#define write(fd, buf, len) mtdb_write(fd, buf, len)
#define lseek(fd, offset, whence) mtdb_lseek(fd, offset, whence)
#define fsync(fd) mtdb_fsync(fd)
#define fcntl(fd, cmd, arg) (0)
#define stat mtdb_stat
#define fstat(fd, sb) mtdb_fstat(fd, sb)
#undef S_ISREG
#define S_ISREG(mode) (1)
#undef _STATBUF_ST_BLKSIZE
#define _STATBUF_ST_BLKSIZE 1
#define abort() mtdb_abort()
#define fprintf(...) ((void)0)

/* bt_open.c's tmp(), for trees without a stream: never reached, since there always is one. */
#define getenv(name) ((char *)0)
#define snprintf(...) ((void)0)
#define mkstemp(path) (-1)
#define unlink(path) ((void)0)
#undef sigfillset
#define sigfillset(set) ((void)0)
#define sigprocmask(how, set, old) ((void)0)

#if !MTDB_BTREE_LIBC_HEAP
void *mtdb_malloc(size_t n);
void *mtdb_calloc(size_t count, size_t n);
void *mtdb_realloc(void *p, size_t n);
void mtdb_free(void *p);
#define malloc(n) mtdb_malloc(n)
#define calloc(count, n) mtdb_calloc(count, n)
#define realloc(p, n) mtdb_realloc(p, n)
#define free(p) mtdb_free(p)
#endif
#endif /* MTDB_BTREE_API_ONLY */

#endif /* MTDB_BTREE_DB_H */
