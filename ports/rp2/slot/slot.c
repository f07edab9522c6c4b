// _mtdb_slot: the other slot and the control region, for microtetherdb/ota/slot_rp2.py. Erases and programs nothing else, and that
// only when ../boot/control.h allows it. At most a sector a call, so that the loop runs in between.
//
// The flash is written through MicroPython's own rp2.Flash (ports/rp2/rp2_flash.c), which knows how to do that with interrupts,
// the second core and PSRAM; an object of its type is made here that begins where the storage does not.
#include <string.h>

#include "extmod/vfs.h"
#include "hardware/structs/watchdog.h"
#include "modrp2.h"
#include "py/binary.h"
#include "py/mperrno.h"
#include "py/objarray.h"
#include "py/runtime.h"

#define SLOT_A MTDB_SLOT_A
#define SLOT_B MTDB_SLOT_B
#define SLOT_SIZE MTDB_SLOT_SIZE
#define CONTROL MTDB_CONTROL
#define RP2040 PICO_RP2040

// As in rp2_flash.c, where it is static.
typedef struct {
    mp_obj_base_t base;
    uint32_t start, size;
} flash_obj_t;

static void flash_call(uint32_t at, qstr method, mp_obj_t first, mp_obj_t second, mp_obj_t third) {
    flash_obj_t flash = { { &rp2_flash_type }, at, 4096 };
    mp_obj_t call[5];
    mp_load_method(MP_OBJ_FROM_PTR(&flash), method, call);
    call[2] = first;
    call[3] = second;
    call[4] = third;
    mp_call_method_n_kw(third ? 3 : 2, 0, call);
}

static void flash_read(uint32_t at, void *to, uint32_t n) {
    memcpy(to, (const uint8_t *)XIP_BASE + at, n);
}

static void flash_erase(uint32_t at) {
    flash_call(at, MP_QSTR_ioctl, MP_OBJ_NEW_SMALL_INT(MP_BLOCKDEV_IOCTL_BLOCK_ERASE), MP_OBJ_NEW_SMALL_INT(0), MP_OBJ_NULL);
}

static void flash_program(uint32_t at, const uint8_t *page) {
    mp_obj_array_t data = { { &mp_type_bytearray }, BYTEARRAY_TYPECODE, 0, 256, (void *)page };
    flash_call(at, MP_QSTR_writeblocks, MP_OBJ_NEW_SMALL_INT(0), MP_OBJ_FROM_PTR(&data), MP_OBJ_NEW_SMALL_INT(0));
}

#include "../boot/control.h"

// The slot that this runs from, as it was linked.
static int own_slot(void) {
    extern char __flash_binary_start;
    return (uintptr_t)&__flash_binary_start - XIP_BASE != SLOT_A;
}

static mp_obj_t refused(int done) {
    if (!done) {
        mp_raise_OSError(MP_EPERM);
    }
    return mp_const_none;
}

static mp_obj_t slot_status(void) {
    ctl_t c;
    int sound, me = own_slot();
    // rp2.Flash() as it is, to see that its objects are still what is made here
    const flash_obj_t *storage = MP_OBJ_TO_PTR(mp_call_function_0(MP_OBJ_FROM_PTR(&rp2_flash_type)));
    if (ctl_load(&c, &sound) < 0 || storage->start != CONTROL + 2 * SECTOR) {
        mp_raise_OSError(MP_ENODEV);
    }
    mp_obj_t found[] = {
        MP_OBJ_NEW_SMALL_INT(me),
        MP_OBJ_NEW_SMALL_INT(c.state[me]),
        MP_OBJ_NEW_SMALL_INT(c.state[1 - me]),
        MP_OBJ_NEW_SMALL_INT(SLOT_SIZE),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(found), found);
}
static MP_DEFINE_CONST_FUN_OBJ_0(slot_status_obj, slot_status);

// Whether an image that begins with this can start in the other slot.
static mp_obj_t slot_fits(mp_obj_t head_in) {
    mp_buffer_info_t head;
    uint32_t vectors[2];
    mp_get_buffer_raise(head_in, &head, MP_BUFFER_READ);
    if (head.len < VECTORS + sizeof vectors) {
        return mp_const_false;
    }
    memcpy(vectors, (const uint8_t *)head.buf + VECTORS, sizeof vectors);
    return mp_obj_new_bool(ctl_startable(vectors, own_slot() ? SLOT_A : SLOT_B));
}
static MP_DEFINE_CONST_FUN_OBJ_1(slot_fits_obj, slot_fits);

static mp_obj_t slot_read(mp_obj_t at_in, mp_obj_t buf_in) {
    mp_buffer_info_t buf;
    mp_get_buffer_raise(buf_in, &buf, MP_BUFFER_WRITE);
    size_t at = mp_obj_get_int(at_in);
    refused(at <= SLOT_SIZE && buf.len <= SLOT_SIZE - at);
    flash_read((own_slot() ? SLOT_A : SLOT_B) + at, buf.buf, buf.len);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(slot_read_obj, slot_read);

static mp_obj_t slot_write(mp_obj_t at_in, mp_obj_t buf_in) {
    mp_buffer_info_t buf;
    mp_get_buffer_raise(buf_in, &buf, MP_BUFFER_READ);
    return refused(ctl_write(own_slot(), mp_obj_get_int(at_in), buf.buf, buf.len));
}
static MP_DEFINE_CONST_FUN_OBJ_2(slot_write_obj, slot_write);

// step(what[, size, crc]): BEGIN, ACTIVATE (these two), CONFIRM or ROLLBACK
static mp_obj_t slot_step(size_t n, const mp_obj_t *args) {
    return refused(
        ctl_step(mp_obj_get_int(args[0]), own_slot(), n > 1 ? mp_obj_get_int(args[1]) : 0, n > 2 ? mp_obj_get_int_truncated(args[2]) : 0));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(slot_step_obj, 1, 3, slot_step);

// Called by _boot.py at its end: the trial's watchdog has done its work. Once only: another is the program's own.
static mp_obj_t slot_started(void) {
    static bool started;
    if (!started) {
        started = true;
        hw_clear_bits(&watchdog_hw->ctrl, WATCHDOG_CTRL_ENABLE_BITS);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(slot_started_obj, slot_started);

static const mp_rom_map_elem_t slot_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__mtdb_slot) }, { MP_ROM_QSTR(MP_QSTR_status), MP_ROM_PTR(&slot_status_obj) },
    { MP_ROM_QSTR(MP_QSTR_fits), MP_ROM_PTR(&slot_fits_obj) },          { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&slot_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&slot_write_obj) },        { MP_ROM_QSTR(MP_QSTR_step), MP_ROM_PTR(&slot_step_obj) },
    { MP_ROM_QSTR(MP_QSTR_started), MP_ROM_PTR(&slot_started_obj) },
};
static MP_DEFINE_CONST_DICT(slot_globals, slot_globals_table);

const mp_obj_module_t mtdb_slot_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&slot_globals,
};
MP_REGISTER_MODULE(MP_QSTR__mtdb_slot, mtdb_slot_module);
