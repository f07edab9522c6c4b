/* Berkeley DB over a file in memory, without MicroPython: compiled by tests/test_btree.py with gcc's alignment sanitizer, which
 * traps at every access that a Cortex-M0+ would fault on. Keys that spill to overflow pages included: trees made by stock
 * firmware may hold them. */
#define MTDB_BTREE_API_ONLY 1
#include <db.h>
#include <btree/btree.h>

static char file[1 << 22];
static off_t size, position;

int mtdb_open(const void *stream) {
    return 3;
}
int mtdb_close(int fd) {
    return 0;
}
int mtdb_fsync(int fd) {
    return 0;
}
void mtdb_abort(void) {
    abort();
}
void __dbpanic(DB *db) {
    abort();
}

ssize_t mtdb_read(int fd, void *buf, size_t len) {
    if (position + (off_t)len > size) {
        len = position < size ? size - position : 0;
    }
    memcpy(buf, file + position, len);
    position += len;
    return len;
}

ssize_t mtdb_write(int fd, const void *buf, size_t len) {
    memcpy(file + position, buf, len);
    position += len;
    if (position > size) {
        size = position;
    }
    return len;
}

off_t mtdb_lseek(int fd, off_t offset, int whence) {
    position = offset + (whence == SEEK_END ? size : whence == SEEK_CUR ? position : 0);
    return position;
}

int mtdb_fstat(int fd, struct mtdb_stat *sb) {
    sb->st_size = size;
    sb->st_blksize = 512;
    return 0;
}

int main(void) {
    static const int sizes[] = { 3, 17, 60, 199, 201, 240, 300, 1000 }; /* of keys and of values */
    BTREEINFO info = { 0 };
    info.psize = 512;
    char buf[1024];
    DBT key = { buf, 0 }, val = { buf, 0 };
    DB *db = __bt_open("", O_RDWR, 0, &info, 0);
    unsigned seed = 1;
    if (db == NULL) {
        return 1;
    }
    ((BTREE *)db->internal)->bt_ovflsize--; /* the size that corrupts the heap: not what is tested here */
    for (int n = 0; n < 4000; n++) {
        seed = seed * 1103515245 + 12345;
        key.size = sizes[seed >> 16 & 7];
        val.size = sizes[seed >> 20 & 7];
        memset(buf, 'a' + (seed >> 24) % 26, sizeof buf);
        buf[0] = n % 50 + 1;
        if (n % 4 == 3) {
            __bt_delete(db, &key, 0);
        } else if (__bt_put(db, &key, &val, 0) != RET_SUCCESS) {
            return 2;
        }
        if (n % 100 == 0 && __bt_sync(db, 0) != RET_SUCCESS) {
            return 3;
        }
    }
    DBT k, v;
    int count = 0;
    for (int res = __bt_seq(db, &k, &v, R_FIRST); res == RET_SUCCESS; res = __bt_seq(db, &k, &v, R_NEXT)) {
        count++;
    }
    printf("OK %d records\n", count);
    return __bt_close(db);
}
