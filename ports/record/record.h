// See record.c and calls.c.
#ifndef MTDB_RECORD_H
#define MTDB_RECORD_H

#include "py/obj.h"

typedef struct _record_call_t {
    mp_obj_base_t base;
    mp_obj_t (*quick)(const mp_obj_t *args, size_t n_kw); // returns MP_OBJ_NULL, nothing done, for what it does not take
    uint8_t slow; // which of `record_calls` takes everything
    uint8_t n_args; // of the quick one, with self and without keywords
} record_call_t;

extern const record_call_t record_put_obj, record_delete_obj;
extern const mp_obj_fun_builtin_fixed_t record_connect_obj;

extern const mp_obj_fun_builtin_var_t record_tag_changes_obj;
extern const mp_obj_fun_builtin_fixed_t record_loads_obj;

mp_obj_t record_plain(mp_obj_t data);
mp_obj_t record_encode(mp_obj_t data, mp_obj_t tags, mp_obj_t stamp);
bool record_has_tags(mp_obj_t raw);

#endif
