// The boot loader and the slot writer against a model of NOR flash: power cuts at every flash operation, whole and torn in several
// ways, and then at every operation of what follows. `model [EVERY]`: the second cut only at the first six and every EVERY-th; from 1,000
// on fewer first ones, too. Compiled by
// tests/test_boot.py for this computer, and for the Cortex-M33.
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST 1
#define SLOT_A 0x1000u
#define SLOT_B 0x3000u
#define SLOT_SIZE 0x2000u
#define CONTROL 0x5000u
#define CHIP 0x7000u

// The chip: its cells, and the bits that a cut left between 0 and 1, which read differently each time.
static uint8_t cells[CHIP], weak[CHIP];
static int weaks;             // whether there are any
static long operations, cut;  // the operation that the cut comes in, or -1
static int tear;              // how it leaves the page or sector
static jmp_buf power;         // goes where the power comes back
static unsigned seed;

static unsigned rnd(void) {
    seed = seed * 1103515245u + 12345u;
    return seed >> 16 & 0xff;
}

static void flash_read(uint32_t at, void *to, uint32_t n) {
    memcpy(to, cells + at, n);
    if (weaks) {
        for (uint32_t i = 0; i < n; i++) {
            if (weak[at + i]) {
                ((uint8_t *)to)[i] ^= weak[at + i] & rnd();
            }
        }
    }
}

enum { NOTHING, PART, SOME, BARELY, DONE, TEARS };

static void fail(const char *what) {
    printf("FAILED %s\n", what);
    exit(1);
}

static void flash_erase(uint32_t at) {
    if (at % 4096 || at < SLOT_A || at >= CHIP) {
        fail("erase outside");
    }
    int torn = operations++ == cut;
    for (uint32_t i = at; i < at + 4096; i++) {
        if (!torn || tear == DONE) {
            cells[i] = 0xff;
            weak[i] = 0;
        } else if (tear == PART) {
            cells[i] |= rnd();
            weak[i] |= rnd() & rnd();
        } else if (tear == SOME) {
            cells[i] = rnd();
        } else if (tear == BARELY) { // reads as erased, nearly always
            cells[i] = 0xff;
            weak[i] = rnd() & rnd() & rnd() & rnd() & rnd() & rnd();
        }
    }
    if (torn) {
        weaks = 1;
        longjmp(power, 1);
    }
}

static void flash_program(uint32_t at, const uint8_t *page) {
    if (at % 256 || at < SLOT_A || at >= CHIP) {
        fail("program outside");
    }
    int torn = operations++ == cut;
    int end = rnd();
    for (int i = 0; i < 256; i++) {
        uint8_t todo = cells[at + i] & ~page[i];
        if (!torn || tear == DONE) {
            cells[at + i] &= page[i];
            weak[at + i] &= page[i]; // what is programmed to its end is a 0
        } else if (tear == PART) {
            if (i < end) {
                cells[at + i] &= page[i];
            } else if (i < end + 8) {
                weak[at + i] |= todo;
            }
        } else if (tear == SOME) {
            cells[at + i] &= ~(todo & rnd());
        } else if (tear == BARELY) { // reads right, nearly always
            cells[at + i] &= page[i];
            weak[at + i] |= todo & rnd() & rnd() & rnd() & rnd() & rnd() & rnd();
        }
    }
    if (torn) {
        weaks = 1;
        longjmp(power, 1);
    }
}

static void hurry(void) {
}

#include "../../ports/rp2/boot/boot.c"

// The images: version 1 to 4, each linked for either slot. What is behind the vectors tells all of its bytes.
#define SIZE (4096 + 300)

static uint8_t images[5][2][SIZE];

static uint32_t crc_of(const uint8_t *p, uint32_t n) { // not the boot loader's own
    uint32_t crc = ~0u;
    for (uint32_t i = 0; i < n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            uint32_t in = (p[i] >> bit ^ crc) & 1;
            crc = crc >> 1 ^ (in ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

static void make(void) {
    for (int v = 1; v < 5; v++) {
        for (int s = 0; s < 2; s++) {
            for (int i = 0; i < SIZE; i++) {
                images[v][s][i] = rnd();
            }
            uint32_t vectors[2] = { RAM_END, FLASH + slots[s] + 0x301 };
            memcpy(images[v][s] + VECTORS, vectors, 8);
        }
    }
}

// What is known of the device, for the promises. `good`: the version that was confirmed last. `begun`: one whose activation began,
// else 0; `starts`: how often it was started; `sure`: its confirmation began, `refused`: its roll-back began.
typedef struct {
    int good, begun, starts, sure, refused;
} known_t;
static known_t known;

// A scenario is a list of what the program does on the device: install a version and confirm it, or what else becomes of it.
typedef struct {
    int version;
    enum { GOOD, ROLLED, RESET, DAMAGED, END } fate;
} task_t;
static const task_t scenarios[][4] = {
    { { 2, GOOD }, { 3, GOOD }, { 0, END } },
    { { 2, ROLLED }, { 3, GOOD }, { 0, END } },
    { { 2, RESET }, { 3, GOOD }, { 0, END } },
    { { 2, DAMAGED }, { 3, GOOD }, { 0, END } },
    { { 2, GOOD }, { 3, RESET }, { 4, GOOD }, { 0, END } },
};
static int scenario, task; // `task` is the program's journal: no promise rests on it

static int version_in(int s) {
    for (int v = 1; v < 5; v++) {
        if (!memcmp(cells + slots[s], images[v][s], SIZE)) {
            return v;
        }
    }
    return 0;
}

static int crcs[5][2];

static void cabled(int state) {
    memset(cells, 0xff, CHIP);
    memset(weak, 0, CHIP);
    weaks = 0;
    memcpy(cells + SLOT_A, images[1][0], SIZE);
    for (int i = 0; i < 2; i++) {
        ctl_t c = { CTL_MAGIC, i, 0, { state, EMPTY }, 0xff, { { SIZE, crcs[1][0] }, { ~0u, ~0u } }, 0 };
        c.crc = crc_of((uint8_t *)&c, sizeof c - 4);
        memcpy(cells + CONTROL + i * SECTOR, &c, sizeof c);
        memset(cells + CONTROL + i * SECTOR + PAGE, 0, 4);
    }
    known = (known_t){ 1, 0, 0, 0, 0 };
    task = 0;
}

static int load(ctl_t *c) {
    int sound;
    return ctl_load(c, &sound);
}

// The device from power-on until the scenario is over; the next reset is the next turn.
static void device(void) {
    for (int turn = 0;; turn++) {
        if (turn == 20) {
            fail("no end");
        }
        int trial;
        int s = choose(&trial);
        if (s < 0) {
            fail("nothing boots");
        }
        int v = version_in(s);
        if (!v) {
            fail("an image that is not whole boots");
        }
        if (v == known.good) {
            if (known.begun && known.starts) {
                known.begun = 0; // rolled back
            }
        } else if (v == known.begun) {
            if (known.refused && !trial) {
                fail("an image boots that was given up");
            }
            if (known.starts++ && !known.sure) {
                fail("an unconfirmed image starts twice");
            }
        } else {
            fail("a confirmed image is lost, or an old one boots");
        }
        if (trial != (v != known.good && known.starts == 1)) {
            fail("trial");
        }
        if (known.sure == 2 && v != known.begun) {
            fail("a confirmed image is lost");
        }
        const task_t *todo = &scenarios[scenario][task];
        ctl_t c;
        load(&c);
        if (c.state[s] == PENDING) {
            if (todo->fate == ROLLED) {
                known.refused = 1;
                task++;
                if (!ctl_step(ROLLBACK, s, 0, 0)) {
                    fail("roll-back refused");
                }
            } else if (todo->fate == RESET) {
                task++;
            } else {
                known.sure = 1;
                if (!ctl_step(CONFIRM, s, 0, 0)) {
                    fail("confirmation refused");
                }
                known = (known_t){ v, 0, 0, 0, 0 };
                task++;
            }
            continue;
        }
        if (known.sure && v == known.begun) { // a cut came just when it had been confirmed
            known = (known_t){ v, 0, 0, 0, 0 };
            task++;
            continue;
        }
        if (todo->fate == END) {
            return;
        }
        if (known.good == todo->version) {
            task++;
            continue;
        }
        if (known.begun && c.state[1 - s] == ABORTED && todo->fate == DAMAGED) {
            task++;
            known.begun = 0;
            continue;
        }
        int w = todo->version;
        const uint8_t *image = images[w][1 - s];
        known.begun = 0; // nothing else can be started once this has begun
        if (!ctl_step(BEGIN, s, 0, 0)) {
            fail("begin refused");
        }
        for (uint32_t at = 0; at < SIZE; at += 4096) {
            if (!ctl_write(s, at, image + at, SIZE - at < 4096 ? SIZE - at : 4096)) {
                fail("write refused");
            }
        }
        if (todo->fate == DAMAGED) { // one bit of it flips where it lies
            cells[slots[1 - s] + 2000] ^= 4;
        }
        known = (known_t){ known.good, todo->fate == DAMAGED ? 0 : w, 0, 0, 0 };
        if (todo->fate == DAMAGED) {
            task++;
        }
        if (!ctl_step(ACTIVATE, s, SIZE, crcs[w][1 - s])) {
            fail("activation refused");
        }
    }
}

typedef struct {
    uint8_t cells[CHIP], weak[CHIP];
    known_t known;
    int task, weaks;
} saved_t;
static saved_t first;

static void save(saved_t *to) {
    memcpy(to->cells, cells, CHIP);
    memcpy(to->weak, weak, CHIP);
    to->known = known;
    to->task = task;
    to->weaks = weaks;
}

static void restore(const saved_t *from) {
    memcpy(cells, from->cells, CHIP);
    memcpy(weak, from->weak, CHIP);
    known = from->known;
    task = from->task;
    weaks = from->weaks;
}

// Run the device with a cut at operation `at`; return whether it came.
static int run(long at, int how) {
    operations = 0;
    cut = at;
    tear = how;
    if (setjmp(power)) {
        return 1;
    }
    device();
    return 0;
}

static long sweep(long every) {
    long cuts = 0;
    for (volatile int how = 0; how < TEARS; how++) {
        for (volatile long k = 0;; k += 1 + every / 1000) {
            cabled(FLASHED);
            seed = k * 7 + how;
            if (!run(k, how)) {
                break;
            }
            cuts++;
            save(&first);
            for (volatile int then = 0; then < TEARS; then++) {
                // the first ones always: they are what mends
                for (volatile long j = (k + then) % 2 || every == 1 ? 0 : 7;; j += j < 5 ? 1 : every) {
                    restore(&first);
                    if (!run(j, then)) {
                        break;
                    }
                    cuts++;
                    run(-1, 0);
                }
            }
            restore(&first);
            run(-1, 0);
        }
    }
    return cuts;
}

// What never boots: a slot's image, or its record, damaged at each byte in turn; the other slot, or USB boot, takes over.
static void damage(void) {
    int trial;
    for (uint32_t at = 0; at < SIZE; at += 7) {
        cabled(FLASHED); // as after a copy by cable that broke off
        cells[SLOT_A + at] ^= 1 << at % 8;
        if (choose(&trial) != -1 || choose(&trial) != -1) {
            fail("a damaged image from the cable boots");
        }
    }
    for (uint32_t at = 0; at < sizeof(ctl_t); at++) {
        cabled(VALID);
        ctl_t c;
        load(&c);
        c.boot = 1; // to nowhere, were it to count
        ctl_save(1, &c);
        cells[CONTROL + at] ^= 1 << at % 8;
        if (choose(&trial) != 0) {
            fail("a damaged record counts");
        }
        cells[CONTROL + at] ^= 1 << at % 8;
        cells[CONTROL + SECTOR + at] ^= 1 << at % 8;
        if (choose(&trial) != -1) {
            fail("two damaged records");
        }
    }
    for (int state = NEW; state <= FLASHED; state += FLASHED - NEW) { // longer than the slot, and whole
        cabled(VALID);
        ctl_t c;
        int sector = load(&c);
        c.state[0] = state;
        c.image[0].size = SLOT_SIZE + 4;
        c.image[0].crc = crc_of(cells + SLOT_A, SLOT_SIZE + 4);
        ctl_save(sector, &c);
        if (choose(&trial) != -1) {
            fail("a size");
        }
    }
    for (int chip = 0; chip < 256; chip += 255) { // erased, or nothing but zeros
        memset(cells, chip, CHIP);
        if (choose(&trial) != -1) {
            fail("an empty chip boots");
        }
    }
    static const uint32_t wrong[][2] = {
        { RAM_END + 4, 0x301 }, { RAM_END + 1, 0x301 },     { RAM, 0x301 },   { 0xffffffff, 0x301 },
        { RAM_END, 0x300 },     { RAM_END, SLOT_SIZE + 1 }, { RAM_END, -3u }, { RAM_END, 0xefffefff },
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        for (int other = 0; other < 2; other++) { // with a valid image in the other slot, and without
            cabled(VALID);
            uint32_t vectors[2] = { wrong[i][0], FLASH + SLOT_A + wrong[i][1] };
            memcpy(cells + SLOT_A + VECTORS, vectors, 8);
            ctl_t c;
            int sector = load(&c);
            if (other) {
                memcpy(cells + SLOT_B, images[2][1], SIZE);
                c.state[1] = VALID;
                c.image[1].size = SIZE;
                c.image[1].crc = crcs[2][1];
                ctl_save(sector, &c);
            }
            if (choose(&trial) != (other ? 1 : -1) || trial || choose(&trial) != (other ? 1 : -1)) {
                fail("vectors that point elsewhere");
            }
            if (other) { // and that one damaged as well
                cells[SLOT_B + 3000] ^= 1;
                load(&c);
                c.boot = 0;
                ctl_save(sector ^ 1, &c);
                if (choose(&trial) != -1) {
                    fail("a damaged image is fallen back on");
                }
            }
        }
    }
}

// What the application must not do, and changes nothing.
static void refused(void) {
    static uint8_t before[CHIP], data[4096];
    for (int state = 0; state < 6; state++) {
        for (int other = 0; other < 6; other++) {
            for (int boot = 0; boot < 2; boot++) {
                cabled(VALID);
                ctl_t c;
                int sector = load(&c);
                c.boot = boot;
                c.state[0] = state;
                c.state[1] = other;
                ctl_save(sector, &c);
                memcpy(before, cells, CHIP);
                int allowed[] = { state == VALID, state == VALID && other == EMPTY, state == PENDING, state == PENDING && other == VALID };
                for (int step = BEGIN; step <= ROLLBACK; step++) {
                    memcpy(cells, before, CHIP);
                    if (ctl_step(step, 0, SIZE, 0) != allowed[step]) {
                        fail("step");
                    }
                    if (!allowed[step] && memcmp(before, cells, CHIP)) {
                        fail("a refused step wrote");
                    }
                }
                memcpy(cells, before, CHIP);
                int may = state == VALID && other == EMPTY && boot == 0;
                if (ctl_write(0, 4096, data, 4096) != may || (!may && memcmp(before, cells, CHIP))) {
                    fail("write");
                }
                memcpy(cells, before, CHIP);
                if (ctl_write(0, 256, data, 256) || ctl_write(0, SLOT_SIZE, data, 256) || ctl_write(0, -4096u, data, 256) ||
                    ctl_write(0, 0, data, 4097) || memcmp(before, cells, CHIP)) {
                    fail("a write outside");
                }
            }
        }
    }
}

int main(int argc, char **argv) {
    long every = argc > 1 ? atol(argv[1]) : 1;
    cut = -1;
    make();
    for (int v = 1; v < 5; v++) {
        for (int s = 0; s < 2; s++) {
            crcs[v][s] = crc_of(images[v][s], SIZE);
        }
    }
    damage();
    refused();
    long cuts = 0;
    for (scenario = 0; scenario < (int)(sizeof scenarios / sizeof *scenarios); scenario++) {
        cuts += sweep(every);
    }
    printf("OK %ld cuts\n", cuts);
    return 0;
}
