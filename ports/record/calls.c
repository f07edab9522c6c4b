// The usual forms of MicroTetherDB's put and delete: put(key, data, ttl=, tags=) and delete(key), with keys as most are. A function
// in Python costs as much as the tree's work, and these were five.
//
// microtetherdb/database.py has the same in Python, for stock firmware and for all other calls: what is not taken here is left to
// it, with nothing done. MicroPython looks for Ctrl-C in bytecode: none comes between taking the lock and its guard.

#include "record.h"

#include "py/objstr.h"
#include "py/objtype.h"
#include "py/runtime.h"

#define MAX_KEY (32) // bytes; longer ones are looked at in Python
#define MAX_TTL (1 << 29) // seconds

// Functions in Python, see `record_connect`.
enum {
    PUT,
    DELETE,
    TICK, // (db): upkeep is due
    WRITE, // (db, key, raw): put a record with all that belongs to it
};
MP_REGISTER_ROOT_POINTER(mp_obj_t record_calls[4]);

// Return an attribute of an instance, or NULL; valid until other code runs.
static mp_obj_t *member(mp_obj_t db, qstr name) {
    mp_obj_instance_t *self = MP_OBJ_TO_PTR(db);
    mp_map_elem_t *found = mp_map_lookup(&self->members, MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP);
    return found == NULL ? NULL : &found->value;
}

static bool is_usual(mp_obj_t key) {
    if (!mp_obj_is_str(key)) {
        return false;
    }
    GET_STR_DATA_LEN(key, s, len);
    return len <= MAX_KEY && len > 0 && s[0] >= 2;
}

static mp_int_t count(mp_obj_t db, qstr name) {
    mp_obj_t *n = member(db, name);
    *n = MP_OBJ_NEW_SMALL_INT(MP_OBJ_SMALL_INT_VALUE(*n) + 1);
    return MP_OBJ_SMALL_INT_VALUE(*n);
}

// Put, or with `raw` NULL delete, in a way that the database is in: returns MP_OBJ_NULL if it is in another one.
static mp_obj_t change(mp_obj_t db, mp_obj_t key, mp_obj_t raw, bool links) {
    mp_obj_t call[4];
    mp_obj_t *linked = member(db, MP_QSTR__linked);
    if (links) {
        *linked = mp_const_true;
    }
    if (*linked == mp_const_false) {
        mp_load_method(*member(db, MP_QSTR__store), raw == MP_OBJ_NULL ? MP_QSTR_delete : MP_QSTR_put, call);
    } else if (raw == MP_OBJ_NULL) {
        return MP_OBJ_NULL;
    } else {
        call[0] = MP_STATE_VM(record_calls)[WRITE];
        call[1] = db;
    }
    call[2] = key;
    call[3] = raw;
    mp_obj_t out = mp_call_method_n_kw(raw == MP_OBJ_NULL ? 1 : 2, 0, call);
    if (raw == MP_OBJ_NULL) {
        count(db, MP_QSTR__deletes);
    }
    if (count(db, MP_QSTR__made) >= MP_OBJ_SMALL_INT_VALUE(*member(db, MP_QSTR__next))) {
        mp_call_function_1(MP_STATE_VM(record_calls)[TICK], db);
    }
    return out;
}

// Do a change with the lock held; returns MP_OBJ_NULL if another thread has it, or as `change` does.
static mp_obj_t locked(mp_obj_t db, mp_obj_t key, mp_obj_t raw, bool links) {
    #if MICROPY_PY_THREAD
    mp_obj_t lock = *member(db, MP_QSTR__lock);
    mp_obj_t call[3];
    mp_load_method(lock, MP_QSTR_acquire, call);
    call[2] = MP_OBJ_NEW_SMALL_INT(0);
    if (mp_call_method_n_kw(1, 0, call) != mp_const_true) {
        return MP_OBJ_NULL;
    }
    mp_obj_t out = MP_OBJ_NULL;
    nlr_buf_t nlr;
    bool done = nlr_push(&nlr) == 0;
    if (done) {
        out = change(db, key, raw, links);
        nlr_pop();
    }
    mp_load_method(lock, MP_QSTR_release, call);
    mp_call_method_n_kw(0, 0, call);
    if (!done) {
        nlr_jump(nlr.ret_val);
    }
    return out;
    #else
    return change(db, key, raw, links);
    #endif
}

// `ttl` and `tags` among the keywords; false for anything else.
static bool keywords(const mp_obj_t *kw, size_t n, mp_obj_t *ttl, mp_obj_t *tags) {
    for (; n; n--, kw += 2) {
        if (kw[0] == MP_OBJ_NEW_QSTR(MP_QSTR_ttl)) {
            *ttl = kw[1];
        } else if (kw[0] == MP_OBJ_NEW_QSTR(MP_QSTR_tags)) {
            *tags = kw[1];
        } else {
            return false;
        }
    }
    return true;
}

static mp_obj_t quick_put(const mp_obj_t *args, size_t n_kw) {
    mp_obj_t ttl = mp_const_none, tags = mp_const_none, raw;
    mp_obj_t call[3];
    if (!is_usual(args[1]) || !keywords(args + 3, n_kw, &ttl, &tags)) {
        return MP_OBJ_NULL;
    }
    if (member(args[0], MP_QSTR__put_raw) != NULL) { // microtetherdb/limit.py
        return MP_OBJ_NULL;
    }
    if (n_kw == 0) {
        raw = record_plain(args[2]);
    } else {
        if (ttl != mp_const_none) {
            if (!mp_obj_is_small_int(ttl) || MP_OBJ_SMALL_INT_VALUE(ttl) <= 0 || MP_OBJ_SMALL_INT_VALUE(ttl) > MAX_TTL) {
                return MP_OBJ_NULL;
            }
            mp_load_method(*member(args[0], MP_QSTR__clock), MP_QSTR_stamp, call);
            call[2] = ttl;
            ttl = mp_call_method_n_kw(1, 0, call);
        }
        raw = record_encode(args[2], tags, ttl);
    }
    if (raw == mp_const_none) {
        return MP_OBJ_NULL;
    }
    bool links = n_kw != 0 && (ttl != mp_const_none || record_has_tags(raw));
    if (locked(args[0], args[1], raw, links) == MP_OBJ_NULL) {
        return MP_OBJ_NULL;
    }
    return args[1];
}

static mp_obj_t quick_delete(const mp_obj_t *args, size_t n_kw) {
    return is_usual(args[1]) && !n_kw ? locked(args[0], args[1], MP_OBJ_NULL, false) : MP_OBJ_NULL;
}

static mp_obj_t call(mp_obj_t self_in, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    const record_call_t *self = MP_OBJ_TO_PTR(self_in);
    mp_arg_check_num(n_args, n_kw, 1, MP_OBJ_FUN_ARGS_MAX, true);
    if (n_args == self->n_args && mp_obj_is_instance_type(mp_obj_get_type(args[0])) && member(args[0], MP_QSTR__next) != NULL) {
        mp_obj_t out = self->quick(args, n_kw);
        if (out != MP_OBJ_NULL) {
            return out;
        }
    }
    return mp_call_function_n_kw(MP_STATE_VM(record_calls)[self->slow], n_args, n_kw, args);
}

static MP_DEFINE_CONST_OBJ_TYPE(record_call_type, MP_QSTR_function, MP_TYPE_FLAG_BINDS_SELF, call, call);

const record_call_t record_put_obj = { { &record_call_type }, quick_put, PUT, 3 };
const record_call_t record_delete_obj = { { &record_call_type }, quick_delete, DELETE, 2 };

// connect(cls, tick, write): take the place of a class's put and delete, which are called for all that is not taken here.
static mp_obj_t record_connect(mp_obj_t cls, mp_obj_t tick, mp_obj_t write) {
    mp_obj_t put = mp_load_attr(cls, MP_QSTR_put);
    mp_obj_t delete = mp_load_attr(cls, MP_QSTR_delete);
    if (put != MP_OBJ_FROM_PTR(&record_put_obj)) {
        MP_STATE_VM(record_calls)[PUT] = put;
        MP_STATE_VM(record_calls)[DELETE] = delete;
        MP_STATE_VM(record_calls)[TICK] = tick;
        MP_STATE_VM(record_calls)[WRITE] = write;
        mp_store_attr(cls, MP_QSTR_put, MP_OBJ_FROM_PTR(&record_put_obj));
        mp_store_attr(cls, MP_QSTR_delete, MP_OBJ_FROM_PTR(&record_delete_obj));
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_3(record_connect_obj, record_connect);
