// loads(raw): the document of a record's text, as json.loads reads it. It takes what our own encoder writes, compact and
// mostly without escapes; for all else, and for what is no JSON, json.loads is asked. Numbers are read by the same functions.
//
// What it saves: MicroPython's reader takes a byte at a time from a stream, and looks for each text among some thousand names of the
// firmware. Here the names of members are remembered, and values are not looked for.

#include <string.h>

#include "record.h"

#include "py/builtin.h"
#include "py/objlist.h"
#include "py/objstr.h"
#include "py/parsenum.h"
#include "py/runtime.h"

#define MAX_DEPTH (6) // json.loads needs no stack for more
#define AT_ONCE (8) // elements that are collected on the stack
#define NAMES (32)
#define DIGITS (sizeof(mp_int_t) > 4 ? 18 : 9) // of a small int, with its sign

typedef struct _reader_t {
    const byte *p;
    const byte *end;
} reader_t;

static qstr_short_t names[NAMES];

static mp_obj_t read_value(reader_t *self, int depth);

// Find the end of the text that begins behind its first quote; returns its length, or -1 if it has escapes or no end.
static mp_int_t find_end(reader_t *self, byte *bits) {
    const byte *s = self->p;
    const byte *p = s;
    *bits = 0;
    while (p < self->end && *p != '"') {
        if (*p == '\\' || *p < ' ') {
            return -1;
        }
        *bits |= *p++;
    }
    self->p = p + 1;
    return p < self->end ? p - s : -1;
}

static mp_obj_t read_name(reader_t *self) {
    if (self->p >= self->end || *self->p != '"') {
        return MP_OBJ_NULL;
    }
    const char *s = (const char *)++self->p;
    byte bits;
    mp_int_t len = find_end(self, &bits);
    if (len <= 0 || bits > 0x7f || self->p >= self->end || *self->p++ != ':') {
        return MP_OBJ_NULL;
    }
    qstr_short_t *name = &names[(s[0] * 3 + s[len - 1] * 5 + len) % NAMES];
    const qstr_pool_t *pool = MP_STATE_VM(last_pool);
    qstr q = *name;
    if (q < pool->total_prev_len + pool->len) { // else it was one before a soft reset
        size_t n;
        const byte *known = qstr_data(q, &n);
        if (n == (size_t)len && memcmp(known, s, len) == 0) {
            return MP_OBJ_NEW_QSTR(q);
        }
    }
    q = qstr_find_strn(s, len);
    if (q == MP_QSTRnull) {
        return mp_obj_new_str_copy(&mp_type_str, (const byte *)s, len);
    }
    *name = q;
    return MP_OBJ_NEW_QSTR(q);
}

static mp_obj_t read_number(reader_t *self) {
    const byte *s = self->p;
    const byte *p = s + (*s == '-');
    mp_int_t n = 0;
    bool digits = true, real = false;
    for (; p < self->end; p++) {
        if (*p >= '0' && *p <= '9') {
            n = p - s < DIGITS ? n * 10 + (*p - '0') : 0;
        } else if (*p == '.' || *p == 'e' || *p == 'E') {
            real = true;
        } else if (*p == '-' || *p == '+') {
            digits = false;
        } else {
            break;
        }
    }
    self->p = p;
    size_t len = p - s;
    if (real) {
        return mp_parse_num_float((const char *)s, len, false, NULL);
    }
    if (!digits || len > DIGITS || len == (*s == '-')) {
        return mp_parse_num_integer((const char *)s, len, 10, NULL);
    }
    return MP_OBJ_NEW_SMALL_INT(*s == '-' ? -n : n);
}

static mp_obj_t read_array(reader_t *self, int depth) {
    mp_obj_t some[AT_ONCE];
    mp_obj_t list = MP_OBJ_NULL;
    size_t n = 0;
    if (self->p < self->end && *self->p == ']') {
        self->p++;
        return mp_obj_new_list(0, NULL);
    }
    for (;;) {
        mp_obj_t value = read_value(self, depth + 1);
        if (value == MP_OBJ_NULL || self->p >= self->end) {
            return MP_OBJ_NULL;
        }
        if (list != MP_OBJ_NULL) {
            mp_obj_list_append(list, value);
        } else {
            some[n++] = value;
            if (n == AT_ONCE) {
                list = mp_obj_new_list(n, some);
            }
        }
        byte c = *self->p++;
        if (c == ']') {
            return list != MP_OBJ_NULL ? list : mp_obj_new_list(n, some);
        }
        if (c != ',') {
            return MP_OBJ_NULL;
        }
    }
}

static void add_members(mp_obj_t dict, size_t n, mp_obj_t *some) {
    for (size_t i = 0; i < n; i++, some += 2) {
        mp_map_lookup(mp_obj_dict_get_map(dict), some[0], MP_MAP_LOOKUP_ADD_IF_NOT_FOUND)->value = some[1];
    }
}

static mp_obj_t read_object(reader_t *self, int depth) {
    mp_obj_t some[2 * AT_ONCE];
    mp_obj_t dict = MP_OBJ_NULL;
    size_t n = 0;
    if (self->p < self->end && *self->p == '}') {
        self->p++;
        return mp_obj_new_dict(0);
    }
    for (;;) {
        mp_obj_t *member = some + 2 * n;
        member[0] = read_name(self);
        if (member[0] == MP_OBJ_NULL || (member[1] = read_value(self, depth + 1)) == MP_OBJ_NULL || self->p >= self->end) {
            return MP_OBJ_NULL;
        }
        n++;
        byte c = *self->p++;
        if (c == '}' || n == AT_ONCE) {
            if (dict == MP_OBJ_NULL) {
                dict = mp_obj_new_dict(c == '}' ? n : 2 * AT_ONCE);
            }
            add_members(dict, n, some);
            n = 0;
        }
        if (c == '}') {
            return dict;
        }
        if (c != ',') {
            return MP_OBJ_NULL;
        }
    }
}

static bool is_word(reader_t *self, const char *word, size_t len) {
    if ((size_t)(self->end - self->p) < len || memcmp(self->p, word, len) != 0) {
        return false;
    }
    self->p += len;
    return true;
}

static mp_obj_t read_value(reader_t *self, int depth) {
    if (self->p >= self->end) {
        return MP_OBJ_NULL;
    }
    byte c = *self->p;
    if (c == '"') {
        const byte *s = ++self->p;
        byte bits;
        mp_int_t len = find_end(self, &bits);
        if (len < 2 || bits > 0x7f) { // short ones cost no memory, and the bytes of others are checked
            return len < 0 ? MP_OBJ_NULL : mp_obj_new_str((const char *)s, len);
        }
        return mp_obj_new_str_copy(&mp_type_str, s, len);
    }
    if (c == '{' || c == '[') {
        if (depth >= MAX_DEPTH) {
            return MP_OBJ_NULL;
        }
        self->p++;
        return c == '{' ? read_object(self, depth) : read_array(self, depth);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        return read_number(self);
    }
    if (is_word(self, "true", 4)) {
        return mp_const_true;
    }
    if (is_word(self, "false", 5)) {
        return mp_const_false;
    }
    return is_word(self, "null", 4) ? mp_const_none : MP_OBJ_NULL;
}

static mp_obj_t record_loads(mp_obj_t text) {
    mp_buffer_info_t raw;
    if (mp_get_buffer(text, &raw, MP_BUFFER_READ)) {
        reader_t self = { (const byte *)raw.buf, (const byte *)raw.buf + raw.len };
        mp_obj_t out = read_value(&self, 0);
        while (self.p < self.end && *self.p == ' ') {
            self.p++;
        }
        if (out != MP_OBJ_NULL && self.p == self.end) {
            return out;
        }
    }
    mp_obj_t json = mp_import_name(MP_QSTR_json, mp_const_none, MP_OBJ_NEW_SMALL_INT(0));
    return mp_call_function_1(mp_load_attr(json, MP_QSTR_loads), text);
}
MP_DEFINE_CONST_FUN_OBJ_1(record_loads_obj, record_loads);
