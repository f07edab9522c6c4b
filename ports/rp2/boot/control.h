// The control region: what the boot loader and the slot writer know and say to each other. docs/update.md has the table of states.
//
// Two sectors, one record each; the record with the higher sequence number and a right CRC counts. A change goes to the other
// sector: erase, program the whole record, program its seal. Whoever includes this gives
//   RP2040 or RP2350            the chip
//   CONTROL                     offset of the region in flash; SLOT_A, SLOT_B, SLOT_SIZE
//   flash_read(at, buf, n)      copy out of flash
//   flash_erase(at)             erase a sector
//   flash_program(at, page)     program a page of 256 bytes
#include <stdint.h>

#define FLASH 0x10000000u
#define RAM 0x20000000u
#if RP2040
#define VECTORS 0x100u // behind boot2
#define RAM_END 0x20042000u
#else
#define VECTORS 0u
#define RAM_END 0x20082000u
#endif
#define SECTOR 4096u
#define PAGE 256u
#define CTL_MAGIC 0x3142544du // "MTB1"

// States of a slot. FLASHED: came by cable, and was not checked yet; the others as in microtetherdb/ota/slot.py.
enum { EMPTY, NEW, PENDING, VALID, ABORTED, FLASHED };

typedef struct {
    uint32_t magic, sequence;
    uint8_t boot, state[2], unused;
    struct {
        uint32_t size, crc;
    } image[2];
    uint32_t crc; // of what is before it
} ctl_t;

// CRC-32 (IEEE 802.3), a bit at a time: the records are short.
static uint32_t ctl_crc(const void *data, uint32_t n) {
    uint32_t crc = ~0u;
    for (const uint8_t *p = data; n--;) {
        crc ^= *p++;
        for (int i = 0; i < 8; i++) {
            crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
        }
    }
    return ~crc;
}

// Read the record that counts. Return its sector, or -1 when there is none. `sound`: both sectors hold sealed records.
static int ctl_load(ctl_t *c, int *sound) {
    int found = -1;
    *sound = 2;
    for (int i = 0; i < 2; i++) {
        // looked at as copies: bits that a cut left between 0 and 1 may read differently the next time
        ctl_t r;
        uint32_t seal;
        flash_read(CONTROL + i * SECTOR, &r, sizeof r);
        flash_read(CONTROL + i * SECTOR + PAGE, &seal, sizeof seal);
        if (r.magic == CTL_MAGIC && r.crc == ctl_crc(&r, sizeof r - 4) && r.boot < 2) {
            *sound -= !seal;
            if (found < 0 || (int32_t)(r.sequence - c->sequence) > 0) {
                *c = r;
                found = i;
            }
        }
    }
    *sound = !*sound;
    return found;
}

static void ctl_page(uint32_t at, const void *data, uint32_t n) {
    static uint8_t page[PAGE];
    for (uint32_t i = 0; i < PAGE; i++) {
        page[i] = i < n ? ((const uint8_t *)data)[i] : 0xff;
    }
    flash_program(at, page);
}

// The seal lies in another page: where it was begun, the record's own programming had ended.
static void ctl_program(int sector, const ctl_t *c) {
    static const uint32_t seal = 0;
    ctl_page(CONTROL + sector * SECTOR, c, sizeof *c);
    ctl_page(CONTROL + sector * SECTOR + PAGE, &seal, sizeof seal);
}

// Replace the record in `sector` by `c`; return the sector of that. A cut leaves the one or the other.
static int ctl_save(int sector, ctl_t *c) {
    sector ^= 1;
    c->sequence++;
    c->crc = ctl_crc(c, sizeof *c - 4);
    flash_erase(CONTROL + sector * SECTOR);
    ctl_program(sector, c);
    return sector;
}

// As ctl_load; then nothing of what was found can read differently the next time. A record without a seal may be one that a cut
// tore: it is programmed again, to the same bytes. So may what is in the other sector, and read as a newer record some day: it is
// replaced.
static int ctl_settled(ctl_t *c) {
    int sound;
    int sector = ctl_load(c, &sound);
    if (sector >= 0 && !sound) {
        ctl_program(sector, c);
        sector = ctl_save(sector, c);
    }
    return sector;
}

// Whether the stack pointer and reset handler `v` can be those of an image linked for the slot at `slot`.
static int ctl_startable(const uint32_t *v, uint32_t slot) {
    uint32_t pc = v[1] - FLASH - slot;
    return !(v[0] & 3) && v[0] > RAM && v[0] <= RAM_END && pc & 1 && pc < SLOT_SIZE;
}

// What the application in slot `me` may do; each returns 0 when it may not, and changes nothing then.
enum { BEGIN, ACTIVATE, CONFIRM, ROLLBACK };

static int ctl_step(int step, int me, uint32_t size, uint32_t crc) {
    ctl_t c;
    int sector = ctl_settled(&c);
    int other = 1 - me;
    if (sector < 0) {
        return 0;
    }
    if (step == BEGIN && c.state[me] == VALID) {
        if (c.boot == me && c.state[other] == EMPTY) {
            return 1;
        }
        c.boot = me;
        c.state[other] = EMPTY;
    } else if (step == ACTIVATE && c.state[me] == VALID && c.state[other] == EMPTY && !(size % 4) && size <= SLOT_SIZE) {
        c.boot = other;
        c.state[other] = NEW;
        c.image[other].size = size;
        c.image[other].crc = crc;
    } else if (step == CONFIRM && c.state[me] == PENDING) {
        c.state[me] = VALID;
    } else if (step == ROLLBACK && c.state[me] == PENDING && c.state[other] == VALID) {
        c.state[me] = ABORTED;
        c.boot = other;
    } else {
        return 0;
    }
    ctl_save(sector, &c);
    return 1;
}

// Replace a sector at `at` in the slot that the application in slot `me` does not run from; `n` bytes, up to a whole sector.
// Return 0 when it may not, and nothing was written then.
static int ctl_write(int me, uint32_t at, const uint8_t *data, uint32_t n) {
    ctl_t c;
    int sound;
    uint32_t to = (me ? SLOT_A : SLOT_B) + at;
    if (ctl_load(&c, &sound) < 0 || c.boot != me || c.state[me] != VALID || c.state[1 - me] != EMPTY || at % SECTOR || at >= SLOT_SIZE ||
        n > SECTOR) {
        return 0;
    }
    flash_erase(to);
    for (uint32_t i = 0; i < n; i += PAGE) {
        ctl_page(to + i, data + i, n - i);
    }
    return 1;
}
