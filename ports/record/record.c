// The bytes of a record: what microtetherdb/records/encoder.py makes of a document, in one pass and one buffer.
//
// encoder.py is the specification, and runs where this module is not. What JSON cannot carry, what is too long and whatever else
// this code does not take gives None: the twin in Python then says what is wrong and where, or takes it after all.
//
// No code of the program's runs meanwhile, but on the RP2's other core and in hard interrupts, which may change the document:
// tables are read anew for each element, a text once there is room for it, and no pointer into them is kept over an allocation.

#include <string.h>

#include "record.h"

#include "py/objlist.h"
#include "py/objstr.h"
#include "py/objtuple.h"
#include "py/runtime.h"
#include "py/stackctrl.h" // MicroPython 1.24 has no cstack.h

#define MAX_TEXT (8192) // bytes of JSON, also the bound for a document that contains itself
#define MAX_DEPTH (24)
#define MAX_TAG (128)
#define MOST (160) // bytes that are made on the stack: most records

#define EXPIRES (1) // flags, see docs/format.md
#define WRAPPED (2)

typedef enum {
    TAGS_NONE, // no document with members "tags" and "_tags" is taken
    TAGS_OWN, // its own "_tags" stay, if they are some
    TAGS_GIVEN, // come instead of its own
} tags_t;

typedef struct _record_t {
    vstr_t text;
    mp_print_t print; // to `text`
    size_t end; // of the longest one; 0 once that was not enough
    tags_t tags;
    char most[MOST]; // where `text` begins
} record_t;

static bool add_value(record_t *self, mp_obj_t value, size_t depth);

// Make room for n bytes and return where they go, or NULL if the record becomes too long.
static char *add_room(record_t *self, size_t n) {
    vstr_t *text = &self->text;
    size_t len = text->len + n;
    if (len > self->end) {
        self->end = 0;
        return NULL;
    }
    if (len > text->alloc) {
        if (text->fixed_buf) { // on to the heap
            vstr_init(text, len + len / 4);
            text->len = len - n;
            memcpy(text->buf, self->most, len - n);
        } else {
            vstr_hint_size(text, n + len / 4);
        }
    }
    text->len = len;
    return text->buf + len - n;
}

static void print_strn(void *self, const char *str, size_t n) {
    char *p = add_room(self, n);
    if (p != NULL) {
        memcpy(p, str, n);
    }
}

static bool add_char(record_t *self, char c) {
    char *p = add_room(self, 1);
    if (p != NULL) {
        *p = c;
    }
    return p != NULL;
}

// Add what begins an element or member: a comma unless it is the first one.
static bool add_comma(record_t *self, char first) {
    return self->text.buf[self->text.len - 1] == first || add_char(self, ',');
}

// Return how long a str is in JSON, with its quotes, or 0 if it is no text or too long.
static size_t json_size(mp_obj_t str) {
    GET_STR_DATA_LEN(str, s, len);
    if (len > MAX_TEXT) {
        return 0;
    }
    size_t n = len + 2;
    for (const byte *top = s + len; s < top; s++) {
        if (*s < ' ') {
            n += *s == '\n' || *s == '\r' || *s == '\t' ? 1 : 5;
        } else if (*s == '"' || *s == '\\') {
            n++;
        } else if (*s == 0xed && s[1] > 0x9f) {
            return 0; // half of a surrogate pair, which UTF-8 has no bytes for
        }
    }
    return n;
}

static bool add_str(record_t *self, mp_obj_t str) {
    size_t n = json_size(str);
    char *p = n ? add_room(self, n) : NULL;
    if (p == NULL) {
        return false;
    }
    GET_STR_DATA_LEN(str, s, len);
    *p++ = '"';
    if (n == len + 2) {
        memcpy(p, s, len);
        p += len;
    } else {
        for (const byte *top = s + len; s < top; s++) {
            if (*s >= ' ' && *s != '"' && *s != '\\') {
                *p++ = *s;
                continue;
            }
            *p++ = '\\';
            if (*s >= ' ') {
                *p++ = *s;
            } else if (*s == '\n') {
                *p++ = 'n';
            } else if (*s == '\r') {
                *p++ = 'r';
            } else if (*s == '\t') {
                *p++ = 't';
            } else {
                memcpy(p, *s < 16 ? "u000" : "u001", 4);
                p[4] = "0123456789abcdef"[*s & 15];
                p += 5;
            }
        }
    }
    *p = '"';
    return true;
}

static bool is_array(mp_obj_t value) {
    return mp_obj_is_type(value, &mp_type_list) || mp_obj_is_type(value, &mp_type_tuple);
}

static bool is_dict(mp_obj_t value) {
    return mp_obj_is_type(value, &mp_type_dict) || mp_obj_is_type(value, &mp_type_ordereddict);
}

// Tell how many tags there are, or -1 if they are not as they must be.
static mp_int_t count_tags(mp_obj_t tags) {
    if (!is_array(tags)) {
        return -1;
    }
    size_t n;
    mp_obj_t *items;
    mp_obj_get_array(tags, &n, &items);
    for (size_t i = 0; i < n; i++) {
        if (!mp_obj_is_str(items[i])) {
            return -1;
        }
        GET_STR_LEN(items[i], len);
        if (len == 0 || len > MAX_TAG) {
            return -1;
        }
    }
    return n;
}

static bool add_array(record_t *self, mp_obj_t array, size_t depth) {
    if (!add_char(self, '[')) {
        return false;
    }
    for (size_t i = 0;; i++) {
        size_t n;
        mp_obj_t *items;
        mp_obj_get_array(array, &n, &items);
        if (i >= n) {
            return add_char(self, ']');
        }
        mp_obj_t item = items[i];
        if (!add_comma(self, '[') || !add_value(self, item, depth + 1)) {
            return false;
        }
    }
}

// Tell whether the member that begins at `start`, perhaps behind a comma, has this name.
static bool is_named(const record_t *self, size_t start, const char *name) {
    const char *p = self->text.buf + start;
    p += *p == ',';
    return p[1] == name[1] && memcmp(p, name, strlen(name)) == 0;
}

static bool add_dict(record_t *self, mp_obj_t dict, size_t depth) {
    if (!add_char(self, '{')) {
        return false;
    }
    const mp_map_t *map = mp_obj_dict_get_map(dict);
    for (size_t i = 0; i < map->alloc; i++) {
        if (!mp_map_slot_is_filled(map, i)) {
            continue;
        }
        mp_obj_t key = map->table[i].key;
        mp_obj_t value = map->table[i].value;
        size_t start = self->text.len;
        if (!mp_obj_is_str(key) || !add_comma(self, '{') || !add_str(self, key) || !add_char(self, ':')) {
            return false;
        }
        if (!add_value(self, value, depth + 1)) {
            return false;
        }
        if (depth == 0 && self->tags == TAGS_NONE) {
            if (is_named(self, start, "\"tags\":") || is_named(self, start, "\"_tags\":")) {
                return false;
            }
        } else if (depth == 0 && is_named(self, start, "\"_tags\":")) {
            mp_int_t n = self->tags == TAGS_GIVEN ? 0 : count_tags(value);
            if (n < 0) {
                return false;
            }
            if (n == 0) {
                self->text.len = start;
            }
        }
    }
    return add_char(self, '}');
}

static bool add_value(record_t *self, mp_obj_t value, size_t depth) {
    if (mp_obj_is_str(value)) {
        return add_str(self, value);
    }
    bool dict = is_dict(value);
    if (dict || is_array(value)) {
        MP_STACK_CHECK();
        if (depth >= MAX_DEPTH) {
            return false;
        }
        return dict ? add_dict(self, value, depth) : add_array(self, value, depth);
    }
    if (mp_obj_is_float(value)) {
        // As the twin knows, what is written for numbers next to the largest may be read as infinity.
        mp_float_t x = mp_obj_float_get(value);
        if (!(x > MICROPY_FLOAT_CONST(-1e38) && x < MICROPY_FLOAT_CONST(1e38))) {
            return false;
        }
    } else if (value != mp_const_none && !mp_obj_is_bool(value) && !mp_obj_is_int(value)) {
        return false;
    }
    mp_obj_print_helper(&self->print, value, PRINT_JSON);
    return self->end > 0;
}

static bool add_tags(record_t *self, mp_obj_t tags) {
    static const char name[] = "\"_tags\":";
    char *p;
    if (!add_comma(self, '{') || (p = add_room(self, sizeof(name) - 1)) == NULL) {
        return false;
    }
    memcpy(p, name, sizeof(name) - 1);
    return add_array(self, tags, 0) && add_char(self, '}');
}

static mp_obj_t record(mp_obj_t data, mp_obj_t tags, mp_obj_t stamp, tags_t mode) {
    record_t self;
    bool wrapped = mode == TAGS_GIVEN && !is_dict(data);
    vstr_init_fixed_buf(&self.text, MOST, self.most);
    self.print.data = &self;
    self.print.print_strn = print_strn;
    self.tags = mode;
    if (stamp != mp_const_none || wrapped) {
        vstr_add_byte(&self.text, (stamp != mp_const_none ? EXPIRES : 0) | (wrapped ? WRAPPED : 0));
        if (stamp != mp_const_none) {
            mp_buffer_info_t bytes;
            mp_get_buffer_raise(stamp, &bytes, MP_BUFFER_READ);
            vstr_add_strn(&self.text, bytes.buf, bytes.len);
        }
    }
    self.end = self.text.len + MAX_TEXT;
    if (wrapped) {
        vstr_add_str(&self.text, "{\"_value\":");
    }
    bool done = add_value(&self, data, 0);
    if (done && mode == TAGS_GIVEN) {
        self.text.len -= !wrapped; // the brace at the end
        done = add_tags(&self, tags);
    }
    if (done && self.text.fixed_buf) {
        return mp_obj_new_bytes((const byte *)self.most, self.text.len);
    }
    if (done) {
        return mp_obj_new_bytes_from_vstr(&self.text);
    }
    vstr_clear(&self.text); // which gives back what is on the heap
    return mp_const_none;
}

// plain(data): the record of a document that has no tags, nor a member "tags".
mp_obj_t record_plain(mp_obj_t data) {
    return record(data, mp_const_none, mp_const_none, TAGS_NONE);
}
static MP_DEFINE_CONST_FUN_OBJ_1(record_plain_obj, record_plain);

// encode(data, tags, stamp): the record of any document.
mp_obj_t record_encode(mp_obj_t data, mp_obj_t tags, mp_obj_t stamp) {
    mp_int_t n = tags == mp_const_none ? 0 : count_tags(tags);
    return n < 0 ? mp_const_none : record(data, tags, stamp, n ? TAGS_GIVEN : TAGS_OWN);
}
static MP_DEFINE_CONST_FUN_OBJ_3(record_encode_obj, record_encode);

static const mp_rom_map_elem_t record_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__mtdb_record) },
    { MP_ROM_QSTR(MP_QSTR_plain), MP_ROM_PTR(&record_plain_obj) },
    { MP_ROM_QSTR(MP_QSTR_encode), MP_ROM_PTR(&record_encode_obj) },
    { MP_ROM_QSTR(MP_QSTR_loads), MP_ROM_PTR(&record_loads_obj) },
    { MP_ROM_QSTR(MP_QSTR_tag_changes), MP_ROM_PTR(&record_tag_changes_obj) },
    { MP_ROM_QSTR(MP_QSTR_connect), MP_ROM_PTR(&record_connect_obj) },
    { MP_ROM_QSTR(MP_QSTR_put), MP_ROM_PTR(&record_put_obj) },
    { MP_ROM_QSTR(MP_QSTR_delete), MP_ROM_PTR(&record_delete_obj) },
};
static MP_DEFINE_CONST_DICT(record_globals, record_globals_table);

const mp_obj_module_t mtdb_record_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&record_globals,
};
MP_REGISTER_MODULE(MP_QSTR__mtdb_record, mtdb_record_module);
