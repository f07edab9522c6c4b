// What becomes of the index of tags when a record changes: microtetherdb/query/index_entries.py for the usual record, whose tags are its
// last member and need no escapes.

#include <string.h>

#include "record.h"

#include "py/objlist.h"
#include "py/objstr.h"
#include "py/runtime.h"

#define MOST (8) // tags of a record that are taken
#define MAX_CODE (56) // bytes of an entry before the key
#define HEAD (3) // bytes before that: 00 'x' 00

typedef struct _tag_t {
    const byte *s;
    size_t len;
} tag_t;

// Whether two tags have the same entry, which may be shortened.
static bool same(const tag_t *a, const tag_t *b) {
    size_t n = a->len;
    if (n != b->len) {
        if (n < MAX_CODE - 1 || b->len < MAX_CODE - 1) {
            return false;
        }
    }
    return memcmp(a->s, b->s, MIN(n, MAX_CODE - 1)) == 0;
}

static bool among(const tag_t *tag, const tag_t *tags, int n) {
    for (; n > 0; n--, tags++) {
        if (same(tag, tags)) {
            return true;
        }
    }
    return false;
}

bool record_has_tags(mp_obj_t raw) {
    size_t len;
    const byte *s = (const byte *)mp_obj_str_get_data(raw, &len);
    return find_subbytes(s, len, (const byte *)"tags\":", 6, 1) != NULL;
}

// Find the tags of a record; returns how many, or -1 if it is not a usual one.
static int find_tags(mp_obj_t raw, tag_t *tags) {
    static const char name[] = "\"_tags\":[\"";
    if (raw == mp_const_none) {
        return 0;
    }
    size_t len;
    const byte *s = (const byte *)mp_obj_str_get_data(raw, &len);
    const byte *end = s + len;
    const byte *p = find_subbytes(s, len, (const byte *)name + 2, 6, 1);
    if (p == NULL) {
        return 0;
    }
    if (p - s < 3 || end - p < 11 || memcmp(p - 2, name, 10) != 0 || (p[-3] != ',' && p[-3] != '{')) {
        return -1;
    }
    p += 8;
    if (find_subbytes(p, end - p, (const byte *)name + 2, 6, 1) != NULL) {
        return -1;
    }
    while (end[-1] == ' ') {
        end--;
    }
    for (int n = 0; n < MOST; n++) {
        tags[n].s = p;
        while (p < end && *p != '"' && *p != '\\') {
            p++;
        }
        if (end - p < 3 || *p != '"') {
            return -1;
        }
        tags[n].len = p - tags[n].s;
        if (among(&tags[n], tags, n)) {
            return -1;
        }
        if (end - p == 3) {
            return p[1] == ']' && p[2] == '}' ? n + 1 : -1;
        }
        if (p[1] != ',' || p[2] != '"') {
            return -1;
        }
        p += 3;
    }
    return -1;
}

// Append an entry that comes, or goes, to the change list.
static void add_entry(mp_obj_t out, const tag_t *tag, mp_obj_t key, bool comes) {
    size_t len;
    const char *s = mp_obj_str_get_data(key, &len);
    size_t n = MIN(tag->len + 3, MAX_CODE);
    vstr_t text;
    vstr_init_len(&text, HEAD + n + len);
    char *p = text.buf;
    memset(p, 0, HEAD + n);
    p[1] = 'x';
    p[HEAD] = 0x30;
    memcpy(p + HEAD + 1, tag->s, MIN(tag->len, n - 1));
    memcpy(p + HEAD + n, s, len);
    byte head = HEAD + n;
    mp_obj_t pair[2] = { mp_obj_new_bytes_from_vstr(&text), comes ? mp_obj_new_bytes(&head, 1) : mp_const_none };
    mp_obj_list_append(out, mp_obj_new_tuple(2, pair));
}

// tag_changes(old, new, key, out): append what changes to a change list, or return False.
static mp_obj_t record_tag_changes(size_t n_args, const mp_obj_t *args) {
    tag_t old[MOST], new[MOST];
    int n_old = find_tags(args[0], old);
    int n_new = find_tags(args[1], new);
    if (n_old < 0 || n_new < 0) {
        return mp_const_false;
    }
    for (int i = 0; i < n_old; i++) {
        if (!among(&old[i], new, n_new)) {
            add_entry(args[3], &old[i], args[2], false);
        }
    }
    for (int i = 0; i < n_new; i++) {
        if (!among(&new[i], old, n_old)) {
            add_entry(args[3], &new[i], args[2], true);
        }
    }
    return mp_const_true;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(record_tag_changes_obj, 4, 4, record_tag_changes);
