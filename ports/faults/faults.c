// MicroTetherDB: Ctrl-C at the n-th place where the VM looks for it, and the n-th allocation that fails.
// For tests only; `faults.interrupt(n, again=0)`, `faults.starve(n, again=0)`, `faults.off()`. SPDX-License-Identifier: MIT

#include "py/runtime.h"
#include "py/gc.h"
#include "py/mpthread.h"

unsigned long mtdb_faults_passes; // until the next interrupt; 0: none
static unsigned long passes_again; // from the first interrupt to a second one; 0: none
static unsigned long allocs, allocs_again;
static mp_uint_t fired;

void mtdb_faults_pass(void) {
    mtdb_faults_passes = passes_again;
    passes_again = 0;
    fired++;
    mp_sched_keyboard_interrupt();
}

static bool starved(void) {
    if (allocs && --allocs == 0) {
        allocs = allocs_again;
        allocs_again = 0;
        fired++;
        return true;
    }
    return false;
}

void *__real_gc_alloc(size_t n, unsigned int flags);
void *__wrap_gc_alloc(size_t n, unsigned int flags) {
    return starved() ? NULL : __real_gc_alloc(n, flags);
}

void *__real_gc_realloc(void *p, size_t n, bool move);
void *__wrap_gc_realloc(void *p, size_t n, bool move) {
    return n && starved() ? NULL : __real_gc_realloc(p, n, move);
}

// Arm: the n-th pass from here on is interrupted (0: none), and the `again`-th after that.
static mp_obj_t faults_interrupt(size_t n_args, const mp_obj_t *args) {
    fired = 0;
    passes_again = n_args > 1 ? mp_obj_get_int(args[1]) : 0;
    mtdb_faults_passes = mp_obj_get_int(args[0]);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(faults_interrupt_obj, 1, 2, faults_interrupt);

static mp_obj_t faults_starve(size_t n_args, const mp_obj_t *args) {
    fired = 0;
    allocs_again = n_args > 1 ? mp_obj_get_int(args[1]) : 0;
    allocs = mp_obj_get_int(args[0]);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(faults_starve_obj, 1, 2, faults_starve);

// Disarm; returns how many faults there were.
static mp_obj_t faults_off(void) {
    mtdb_faults_passes = passes_again = allocs = allocs_again = 0;
    MP_STATE_MAIN_THREAD(mp_pending_exception) = MP_OBJ_NULL;
    return MP_OBJ_NEW_SMALL_INT(fired);
}
static MP_DEFINE_CONST_FUN_OBJ_0(faults_off_obj, faults_off);

static const mp_rom_map_elem_t faults_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_faults) },
    { MP_ROM_QSTR(MP_QSTR_interrupt), MP_ROM_PTR(&faults_interrupt_obj) },
    { MP_ROM_QSTR(MP_QSTR_starve), MP_ROM_PTR(&faults_starve_obj) },
    { MP_ROM_QSTR(MP_QSTR_off), MP_ROM_PTR(&faults_off_obj) },
};
static MP_DEFINE_CONST_DICT(faults_globals, faults_globals_table);

const mp_obj_module_t mtdb_faults_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&faults_globals,
};
MP_REGISTER_MODULE(MP_QSTR_faults, mtdb_faults_module);
