// Patches of pages in the log: what microtetherdb/storage/patches.py does, in C.
//
// patches.py is the specification, and runs where this module is not; the format is in docs/format.md. No object is made here,
// so that nothing is collected meanwhile.

#include <string.h>

#include "py/runtime.h"

// A page begins with its number, those of its neighbours and flags (Berkeley DB's btree.h: struct _page), which LINKS brings.
#define FLAGS (12)
#define LOWER (16)
#define SLOTS (20)
#define LINKS (0x8000)
#define FRAME_HEAD (12)
#define PATCH_HEAD (12) // position before, shape, slots that are as before, number of cuts
#define KIND_PATCH (8)

typedef struct _shape_t {
    size_t lower;
    size_t upper;
} shape_t;

static uint16_t get16(const uint8_t *p) {
    return p[0] | p[1] << 8;
}

static uint32_t get32(const uint8_t *p) {
    return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static void put16(uint8_t *p, size_t value) {
    p[0] = value;
    p[1] = value >> 8;
}

static shape_t shape_of(const uint8_t *page, size_t size) {
    shape_t shape = { SLOTS, SLOTS };
    if ((page[FLAGS] & 0x1f) == 1 || (page[FLAGS] & 0x1f) == 2) {
        size_t lower = get16(page + LOWER);
        size_t upper = get16(page + LOWER + 2);
        if (SLOTS <= lower && lower <= upper && upper <= size) {
            shape.lower = lower;
            shape.upper = upper;
        }
    }
    return shape;
}

static void damaged(void) {
    mp_raise_ValueError(MP_ERROR_TEXT("patch"));
}

// One patch, of `n` bytes from `p` on, applied to a page of that shape; returns that which it has then.
static shape_t apply_one(uint8_t *page, size_t size, shape_t was, const uint8_t *p, size_t n, size_t head) {
    const uint8_t *end = p + n;
    if (n < PATCH_HEAD) {
        damaged();
    }
    shape_t shape = { get16(p + 4), get16(p + 6) };
    size_t same = get16(p + 8);
    size_t cuts = get16(p + 10);
    memcpy(page + LOWER, p + 4, 4);
    p += PATCH_HEAD;
    size_t up = was.upper;
    if ((size_t)(end - p) < 4 * cuts) {
        damaged();
    }
    for (; cuts; cuts--, p += 4) {
        size_t start = get16(p);
        size_t cut = get16(p + 2);
        if (start < up || start + cut > size) {
            damaged();
        }
        memmove(page + up + cut, page + up, start - up);
        up += cut;
    }
    if (same & LINKS) {
        if (end - p < LOWER) {
            damaged();
        }
        memcpy(page, p, LOWER);
        p += LOWER;
    }
    same = SLOTS + (same & (LINKS - 1));
    size_t rest = shape.lower - same - head;
    if (shape.lower < same + head || rest + same > was.lower || was.lower > size || shape.lower > shape.upper || shape.upper > up ||
        (size_t)(end - p) != up - shape.upper + head) {
        damaged();
    }
    memcpy(page + shape.upper, p, up - shape.upper);
    memmove(page + same + head, page + was.lower - rest, rest);
    memcpy(page + same, end - head, head);
    return shape;
}

// build(page, frame, patches, at): make a page of a PAGE frame, in which it may lie itself, and of the patches that lie in
// `patches` from `at` on, the oldest first. Returns how many bytes these have as frames, and from bit 16 on their number; -1 if one
// is a DELTA or the page was trimmed.
static mp_obj_t patch_build(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t page, frame, patches;
    mp_get_buffer_raise(args[0], &page, MP_BUFFER_WRITE);
    mp_get_buffer_raise(args[1], &frame, MP_BUFFER_READ);
    mp_get_buffer_raise(args[2], &patches, MP_BUFFER_READ);
    size_t at = MIN((size_t)mp_obj_get_int(args[3]), patches.len);
    const uint8_t *p = frame.buf;
    uint8_t *out = page.buf;
    size_t head = get16(p + 6);
    size_t tail = get16(p + 4) - head;
    if (get16(p + 4) < head || head + tail > page.len || FRAME_HEAD + head + tail > frame.len) {
        damaged();
    }
    memmove(out + page.len - tail, p + FRAME_HEAD + head, tail);
    memmove(out, p + FRAME_HEAD, head);
    p = (const uint8_t *)patches.buf + at;
    const uint8_t *end = (const uint8_t *)patches.buf + patches.len;
    shape_t shape = shape_of(out, page.len);
    bool usable = shape.upper == page.len - tail;
    mp_int_t sum = 0;
    while (p < end) {
        size_t n = end - p < 8 ? page.len : get16(p);
        head = get16(p + 2);
        if (8 + n > (size_t)(end - p)) {
            damaged();
        }
        if (p[7] == KIND_PATCH) {
            shape = apply_one(out, page.len, shape, p + 8, n, head);
            sum += n + FRAME_HEAD + 65536;
        } else { // DELTA, by older releases: position before, bytes kept from the end of the page
            if (n < 6 + head) {
                damaged();
            }
            size_t keep = get16(p + 12);
            tail = n - 6 - head;
            if (head + tail + keep > page.len) {
                damaged();
            }
            memcpy(out, p + 14, head);
            memcpy(out + page.len - keep - tail, p + 14 + head, tail);
            usable = false;
        }
        p += 8 + n;
    }
    return MP_OBJ_NEW_SMALL_INT(usable ? sum : -1);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(patch_build_obj, 4, 4, patch_build);

// shape(page): where the gap of a page lies, its begin, and from bit 16 on its end.
static mp_obj_t patch_shape(mp_obj_t page_in) {
    mp_buffer_info_t page;
    mp_get_buffer_raise(page_in, &page, MP_BUFFER_READ);
    shape_t shape = shape_of(page.buf, page.len);
    return mp_obj_new_int_from_uint(shape.lower | shape.upper << 16);
}
static MP_DEFINE_CONST_FUN_OBJ_1(patch_shape_obj, patch_shape);

// Size of the entry at `at` of a leaf or internal page, 0 if it does not fit (btree.h: struct _bleaf, _binternal).
static size_t entry(const uint8_t *page, size_t size, size_t at) {
    if (at + 12 > size) {
        return 0;
    }
    size_t n = get32(page + at) + 12;
    if (page[FLAGS] & 2) {
        n += get32(page + at + 4);
    }
    n &= ~(size_t)3;
    return n <= size - at ? n : 0;
}

// Where an entry of n bytes is in a page whose entries begin at `up`; 0 if it is not there.
static size_t find(const uint8_t *page, size_t size, size_t up, const uint8_t *wanted, size_t n) {
    size_t m;
    for (; up < size && (m = entry(page, size, up)); up += m) {
        if (m == n && memcmp(page + up, wanted, n) == 0) {
            return up;
        }
    }
    return 0;
}

// What is to be put together, and where the next byte goes.
typedef struct _patch_t {
    uint8_t *frame;
    uint8_t *next;
    uint8_t *end;
    size_t cuts;
    size_t cut; // bytes, together
} patch_t;

static bool add(patch_t *self, const uint8_t *from, size_t n) {
    if (n > (size_t)(self->end - self->next)) {
        return false;
    }
    memcpy(self->next, from, n);
    self->next += n;
    return true;
}

static bool add_cut(patch_t *self, size_t at, size_t n) {
    if (!n) {
        return true;
    }
    self->cuts++;
    self->cut += n;
    uint8_t cut[4];
    put16(cut, at);
    put16(cut + 2, n);
    return add(self, cut, 4);
}

// Put into the patch what of `old` does not come again.
static bool add_cuts(patch_t *self, const uint8_t *page, shape_t shape, const uint8_t *old, size_t up, size_t size) {
    size_t cut = 0;
    size_t n;
    for (; up < size; up += n) {
        n = entry(old, size, up);
        if (!n) {
            return false;
        }
        if (find(page, size, shape.upper, old + up, n)) {
            if (!add_cut(self, up - cut, cut)) {
                return false;
            }
            cut = 0;
        } else {
            cut += n;
        }
    }
    return add_cut(self, up - cut, cut);
}

// Add the entries of `page` that `old` has not; enter at `slots` where each lies then. `cuts`: where they are in the patch.
static bool add_entries(patch_t *self, const uint8_t *page, shape_t shape, const uint8_t *old, size_t up, size_t size, const uint8_t *cuts,
                        uint8_t *slots) {
    size_t below = shape.upper;
    for (size_t i = SLOTS; i < shape.lower; i += 2) {
        size_t at = get16(page + i);
        size_t n = entry(page, size, at);
        if (at < shape.upper || !n) {
            return false;
        }
        size_t found = find(old, size, up, page + at, n);
        if (found) {
            size_t j = self->cuts;
            for (size_t from = found; j && get16(cuts + 4 * j - 4) > from; j--) {
                found += get16(cuts + 4 * j - 2);
            }
        } else {
            if (!add(self, page + at, n)) {
                return false;
            }
            found = below;
            below += n;
        }
        put16(slots + i - SLOTS, found);
    }
    return below == up + self->cut;
}

// differ(frame, page, old, position, most): put a patch, of `most` bytes, into `frame` behind its head, that makes `page` of `old`,
// whose frame is at `position`. Returns its length, and from bit 16 on that of its slots; 0 if there is none, -1 if both are the same.
static mp_obj_t patch_differ(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t frame, page_buf, old_buf;
    mp_get_buffer_raise(args[0], &frame, MP_BUFFER_WRITE);
    mp_get_buffer_raise(args[1], &page_buf, MP_BUFFER_READ);
    mp_get_buffer_raise(args[2], &old_buf, MP_BUFFER_READ);
    uint32_t position = mp_obj_get_int_truncated(args[3]);
    mp_int_t most = mp_obj_get_int(args[4]);
    const uint8_t *page = page_buf.buf;
    const uint8_t *old = old_buf.buf;
    size_t size = page_buf.len;
    shape_t shape = shape_of(page, size);
    shape_t was = shape_of(old, size);
    size_t slots = shape.lower - SLOTS;
    // All slots as they are to be lie at the end of the frame.
    most = MIN(most, (mp_int_t)(frame.len - FRAME_HEAD - slots));
    if (was.lower > shape.upper || most < PATCH_HEAD || old_buf.len != size) {
        return MP_OBJ_NEW_SMALL_INT(0);
    }
    size_t limit = size - MAX(was.upper, shape.upper);
    size_t k = 0;
    while (k < limit && page[size - 1 - k] == old[size - 1 - k]) {
        k++;
    }
    uint8_t *start = (uint8_t *)frame.buf + FRAME_HEAD;
    uint8_t *first = start + PATCH_HEAD;
    patch_t self = { start, first, start + most, 0, 0 };
    bool links = memcmp(page, old, LOWER) != 0;
    uint8_t *now = (uint8_t *)frame.buf + frame.len - slots;
    memcpy(now, page + SLOTS, slots);
    bool done = false;
    if (was.upper + k < size && shape.upper > SLOTS && was.upper > SLOTS) {
        done = add_cuts(&self, page, shape, old, was.upper, size) && (!links || add(&self, page, LOWER)) &&
               add_entries(&self, page, shape, old, was.upper, size, first, now);
        if (!done) {
            self.next = first;
            self.cuts = self.cut = 0;
            memcpy(now, page + SLOTS, slots);
        }
    }
    if (!done && !(add_cut(&self, was.upper, size - was.upper - k) && (!links || add(&self, page, LOWER)) &&
                   add(&self, page + shape.upper, size - shape.upper - k))) {
        return MP_OBJ_NEW_SMALL_INT(0);
    }
    size_t same = 0;
    size_t before = was.lower - SLOTS;
    while (same < slots && same < before && now[same] == old[SLOTS + same]) {
        same++;
    }
    while (slots > same && before > same && now[slots - 1] == old[SLOTS + before - 1]) {
        slots--;
        before--;
    }
    if (self.next == first && slots == same && before == same) {
        return MP_OBJ_NEW_SMALL_INT(-1);
    }
    slots -= same;
    if (slots > (size_t)(self.end - self.next)) {
        return MP_OBJ_NEW_SMALL_INT(0);
    }
    memmove(self.next, now + same, slots);
    put16(self.frame, position);
    put16(self.frame + 2, position >> 16);
    put16(self.frame + 4, shape.lower);
    put16(self.frame + 6, shape.upper);
    put16(self.frame + 8, same | (links ? LINKS : 0));
    put16(self.frame + 10, self.cuts);
    return mp_obj_new_int_from_uint((self.next - self.frame + slots) | slots << 16);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(patch_differ_obj, 5, 5, patch_differ);

static const mp_rom_map_elem_t patch_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__mtdb_patch) },
    { MP_ROM_QSTR(MP_QSTR_build), MP_ROM_PTR(&patch_build_obj) },
    { MP_ROM_QSTR(MP_QSTR_shape), MP_ROM_PTR(&patch_shape_obj) },
    { MP_ROM_QSTR(MP_QSTR_differ), MP_ROM_PTR(&patch_differ_obj) },
};
static MP_DEFINE_CONST_DICT(patch_globals, patch_globals_table);

const mp_obj_module_t mtdb_patch_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&patch_globals,
};
MP_REGISTER_MODULE(MP_QSTR__mtdb_patch, mtdb_patch_module);
