// Put before py/objstr.c (-include), for a faster search in bytes and str: `in`, find, split, replace. find_subbytes() there calls
// memcmp at every position of the text, a call of 30 instructions on x86-64 for what the first two bytes nearly always
// decide (the first alone does not in JSON, where every third byte is a quote).
#ifndef MTDB_FIRST_BYTES_H
#define MTDB_FIRST_BYTES_H

#include <string.h>

// The file only asks whether the result is 0. -Os would not inline this of itself.
__attribute__((always_inline)) static inline int mtdb_memcmp(const void *a, const void *b, size_t n) {
    const unsigned char *p = a, *q = b;
    if (n > 1 && (p[0] != q[0] || p[1] != q[1])) {
        return 1;
    }
    return memcmp(a, b, n);
}

#define memcmp mtdb_memcmp

#endif
