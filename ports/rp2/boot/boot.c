// Boot loader for RP2040 and RP2350: checks and chooses one of two slots and starts it where it lies. docs/update.md has the
// table of states. It runs from RAM, uses the flash functions of the boot ROM, and no library. The build (ci/build_rp2.py) gives
// RP2040 or RP2350, SLOT_A, SLOT_B, SLOT_SIZE, CONTROL; tests/boot/model.c includes this file with HOST and a model of the flash.
#include <stdint.h>

#if !HOST
#include "hardware/regs/addressmap.h"
#include "hardware/regs/clocks.h"
#include "hardware/regs/pll.h"
#include "hardware/regs/psm.h"
#include "hardware/regs/resets.h"
#include "hardware/regs/watchdog.h"
#include "hardware/regs/xosc.h"

static void flash_read(uint32_t at, void *to, uint32_t n);
static void flash_erase(uint32_t at);
static void flash_program(uint32_t at, const uint8_t *page);
static void hurry(void);
#endif

#include "control.h"

static const uint32_t slots[2] = { SLOT_A, SLOT_B };

static int startable(int s) {
    uint32_t v[2];
    flash_read(slots[s] + VECTORS, v, sizeof v);
    return ctl_startable(v, slots[s]);
}

// Whether all of the image in slot `s` is what its record says. A word at a time: 11 cycles a byte on the RP2040.
__attribute__((optimize("O2"))) static int whole(const ctl_t *c, int s) {
    static uint32_t table[256], piece[PAGE / 4];
    uint32_t size = c->image[s].size, crc = ~0u;
    if (!startable(s) || size > SLOT_SIZE || size % 4) {
        return 0;
    }
    hurry();
    for (uint32_t i = 0; i < 256; i++) {
        uint8_t byte = i ^ 0xff;
        table[i] = ctl_crc(&byte, 1) ^ 0xff000000u;
    }
    for (uint32_t at = 0; at < size; at += PAGE) {
        uint32_t n = size - at < PAGE ? size - at : PAGE;
        flash_read(slots[s] + at, piece, n);
        for (const uint32_t *p = piece, *end = piece + n / 4; p < end; p++) {
            crc ^= *p;
            crc = crc >> 8 ^ table[crc & 0xff];
            crc = crc >> 8 ^ table[crc & 0xff];
            crc = crc >> 8 ^ table[crc & 0xff];
            crc = crc >> 8 ^ table[crc & 0xff];
        }
    }
    return ~crc == c->image[s].crc;
}

// Return the slot to start, or -1 for none; `trial`: whether it is started for the first time and unconfirmed.
int choose(int *trial) {
    ctl_t c;
    int sector = ctl_settled(&c);
    *trial = 0;
    if (sector < 0) {
        return -1;
    }
    int s = c.boot, other = 1 - s;
    if (c.state[s] == VALID && startable(s)) {
        return s;
    }
    if (c.state[s] == FLASHED || c.state[s] == NEW) {
        if (whole(&c, s)) {
            *trial = c.state[s] == NEW;
            c.state[s] = *trial ? PENDING : VALID;
            ctl_save(sector, &c);
            return s;
        }
    }
    // A trial that did not end well, or damage: back to the other, if that is what it was. It was checked long ago.
    if (c.state[other] == VALID && whole(&c, other)) {
        c.state[s] = ABORTED;
        c.boot = other;
        ctl_save(sector, &c);
        return other;
    }
    return -1;
}

#if !HOST
#define REG(at) (*(volatile uint32_t *)(uintptr_t)(at))
#define SET(at, bits) (REG((at) + REG_ALIAS_SET_BITS) = (bits))
#define CLEAR(at, bits) (REG((at) + REG_ALIAS_CLR_BITS) = (bits))
#define CODE(a, b) ((uint32_t)(b) << 8 | (a))

// The compiler may want these for structures.
__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memcpy(void *to, const void *from, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
    }
    return to;
}

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memset(void *to, int value, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        ((uint8_t *)to)[i] = value;
    }
    return to;
}

// A function of the boot ROM (RP2040 datasheet, 2.8.3; RP2350 datasheet, 5.4.1).
static void *rom(uint32_t code) {
#if RP2040
    typedef void *(*lookup_t)(uint16_t *table, uint32_t code);
    return ((lookup_t)(uintptr_t)*(volatile uint16_t *)0x18)((uint16_t *)(uintptr_t)*(volatile uint16_t *)0x14, code);
#else
    typedef void *(*lookup_t)(uint32_t code, uint32_t mask);
    return ((lookup_t)(uintptr_t)*(volatile uint16_t *)0x16)(code, 4); // RT_FLAG_FUNC_ARM_SEC
#endif
}

typedef void (*call_t)(void);
#if RP2040
static uint32_t boot2[64];
#endif

static void flash_open(void) {
    ((call_t)rom(CODE('I', 'F')))(); // connect_internal_flash
    ((call_t)rom(CODE('E', 'X')))(); // flash_exit_xip
}

static void flash_close(void) {
    ((call_t)rom(CODE('F', 'C')))(); // flash_flush_cache
#if RP2040
    ((call_t)((uintptr_t)boot2 | 1))();
#else
    ((call_t)rom(CODE('C', 'X')))(); // flash_enter_cmd_xip; the application sets up its own
#endif
}

// Whole words: all that is read here is made of them.
static void flash_read(uint32_t at, void *to, uint32_t n) {
    for (uint32_t i = 0; i < n / 4; i++) {
        ((uint32_t *)to)[i] = ((const volatile uint32_t *)(FLASH + at))[i];
    }
}

static void flash_erase(uint32_t at) {
    flash_open();
    ((void (*)(uint32_t, uint32_t, uint32_t, uint32_t))rom(CODE('R', 'E')))(at, SECTOR, 1 << 16, 0xd8);
    flash_close();
}

static void flash_program(uint32_t at, const uint8_t *page) {
    flash_open();
    ((void (*)(uint32_t, const uint8_t *, uint32_t))rom(CODE('R', 'P')))(at, page, PAGE);
    flash_close();
}

// Run from clk_ref, as after a reset: so an application finds it that sets its clocks up.
static void calm(void) {
    CLEAR(CLOCKS_BASE + CLOCKS_CLK_SYS_CTRL_OFFSET, CLOCKS_CLK_SYS_CTRL_SRC_BITS);
    while (!(REG(CLOCKS_BASE + CLOCKS_CLK_SYS_SELECTED_OFFSET) & 1)) {
    }
}

// Crystal and PLL: after a reset the chip runs at about 6.5 MHz (RP2040; 11 MHz: RP2350) from its ring oscillator, and a check of
// a whole slot would take a second. 12 MHz * 125 / 6 / 2 = 125 MHz on both chips.
static int hurried;

static void hurry(void) {
    if (hurried) {
        return;
    }
    hurried = 1;
    REG(XOSC_BASE + XOSC_CTRL_OFFSET) = XOSC_CTRL_FREQ_RANGE_VALUE_1_15MHZ;
    REG(XOSC_BASE + XOSC_STARTUP_OFFSET) = 47; // in 256 periods: 1 ms
    SET(XOSC_BASE + XOSC_CTRL_OFFSET, XOSC_CTRL_ENABLE_VALUE_ENABLE << XOSC_CTRL_ENABLE_LSB);
    while (!(REG(XOSC_BASE + XOSC_STATUS_OFFSET) & XOSC_STATUS_STABLE_BITS)) {
    }
    REG(CLOCKS_BASE + CLOCKS_CLK_REF_CTRL_OFFSET) = CLOCKS_CLK_REF_CTRL_SRC_VALUE_XOSC_CLKSRC;
    while (!(REG(CLOCKS_BASE + CLOCKS_CLK_REF_SELECTED_OFFSET) & 1 << CLOCKS_CLK_REF_CTRL_SRC_VALUE_XOSC_CLKSRC)) {
    }
    calm();
    SET(RESETS_BASE + RESETS_RESET_OFFSET, RESETS_RESET_PLL_SYS_BITS);
    CLEAR(RESETS_BASE + RESETS_RESET_OFFSET, RESETS_RESET_PLL_SYS_BITS);
    while (!(REG(RESETS_BASE + RESETS_RESET_DONE_OFFSET) & RESETS_RESET_PLL_SYS_BITS)) {
    }
    REG(PLL_SYS_BASE + PLL_CS_OFFSET) = 1;
    REG(PLL_SYS_BASE + PLL_FBDIV_INT_OFFSET) = 125;
    CLEAR(PLL_SYS_BASE + PLL_PWR_OFFSET, PLL_PWR_PD_BITS | PLL_PWR_VCOPD_BITS);
    while (!(REG(PLL_SYS_BASE + PLL_CS_OFFSET) & PLL_CS_LOCK_BITS)) {
    }
    REG(PLL_SYS_BASE + PLL_PRIM_OFFSET) = 6 << PLL_PRIM_POSTDIV1_LSB | 2 << PLL_PRIM_POSTDIV2_LSB;
    CLEAR(PLL_SYS_BASE + PLL_PWR_OFFSET, PLL_PWR_POSTDIVPD_BITS);
    REG(CLOCKS_BASE + CLOCKS_CLK_SYS_CTRL_OFFSET) = 0; // auxiliary source: the PLL
    REG(CLOCKS_BASE + CLOCKS_CLK_SYS_CTRL_OFFSET) = 1;
    while (!(REG(CLOCKS_BASE + CLOCKS_CLK_SYS_SELECTED_OFFSET) & 2)) {
    }
}

// 8 s, from the crystal's clock (a trial's image was checked, so hurry() ran). Everything is reset but the oscillators.
static void watch(void) {
    SET(PSM_BASE + PSM_WDSEL_OFFSET, PSM_WDSEL_BITS & ~(PSM_WDSEL_ROSC_BITS | PSM_WDSEL_XOSC_BITS));
    REG(WATCHDOG_BASE + WATCHDOG_SCRATCH4_OFFSET) = 0; // an ordinary start
#if RP2040
    REG(WATCHDOG_BASE + WATCHDOG_TICK_OFFSET) = WATCHDOG_TICK_ENABLE_BITS | 12;
    REG(WATCHDOG_BASE + WATCHDOG_LOAD_OFFSET) = 2 * 8000000; // counts twice a tick (erratum RP2040-E1)
#else
    REG(TICKS_BASE + 0x34) = 12; // TICKS_WATCHDOG_CYCLES
    REG(TICKS_BASE + 0x30) = 1;  // TICKS_WATCHDOG_CTRL
    REG(WATCHDOG_BASE + WATCHDOG_LOAD_OFFSET) = 8000000;
#endif
    SET(WATCHDOG_BASE + WATCHDOG_CTRL_OFFSET, WATCHDOG_CTRL_ENABLE_BITS);
}

__attribute__((used)) static void boot(void) {
    int trial;
#if RP2040
    memcpy(boot2, (const void *)FLASH, sizeof boot2);
#endif
    int s = choose(&trial);
    if (s < 0) {
#if RP2040
        ((void (*)(uint32_t, uint32_t))rom(CODE('U', 'B')))(0, 0);
#else
        ((int (*)(uint32_t, uint32_t, uint32_t, uint32_t))rom(CODE('R', 'B')))(0x102, 10, 0, 0); // REBOOT2_FLAG_REBOOT_TYPE_BOOTSEL
#endif
        for (;;) {
        }
    }
    if (hurried) {
        calm();
    }
    if (trial) {
        watch();
    }
    const uint32_t *vectors = (const uint32_t *)(FLASH + slots[s] + VECTORS);
    REG(0xe000ed08) = (uint32_t)vectors; // VTOR
    uint32_t sp = vectors[0], pc = vectors[1];
#if !RP2040
    __asm volatile("msr msplim, %0" ::"r"(0));
#endif
    __asm volatile("msr msp, %0\n bx %1" ::"r"(sp), "r"(pc));
    __builtin_unreachable();
}

// Copies everything else into RAM, clears what is zero at the start, and goes there.
__attribute__((section(".reset"), naked, used)) void reset(void) {
    __asm volatile("ldr r0, =_ram_from\n ldr r1, =_ram_to\n ldr r2, =_ram_end\n"
                   "1: cmp r1, r2\n bhs 2f\n ldmia r0!, {r3}\n stmia r1!, {r3}\n b 1b\n"
                   "2: ldr r2, =_bss_end\n movs r3, #0\n"
                   "3: cmp r1, r2\n bhs 4f\n stmia r1!, {r3}\n b 3b\n"
                   "4: ldr r0, =boot\n bx r0\n .ltorg\n");
}

extern const uint32_t _stack;
__attribute__((section(".vectors"), used)) static const void *const vectors[4] = { &_stack, reset, reset, reset };

// Where `picotool info` looks for the binary information: the build puts the addresses of slot A's here.
__attribute__((section(".info"), used)) static const uint32_t info[5] = { 0, 0, 0, 0, 0 };

#if RP2040
__asm__(".pushsection .boot2, \"a\"\n .incbin \"" BOOT2 "\"\n .popsection\n");
#else
// The image definition that the boot ROM looks for (RP2350 datasheet, 5.9): an executable for the Arm cores, secure; the only block.
__attribute__((section(".definition"), used)) static const uint32_t definition[5] = { 0xffffded3, 0x10210142, 0x000001ff, 0, 0xab123579 };
#endif
#endif
