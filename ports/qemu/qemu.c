// What MicroPython's qemu port lacks: a clock, AN505's serial port, errno, and a start-up script.
//
// Registers: CMSDK APB timer and UART, Arm Cortex-M System Design Kit TRM (DDI 0479), sections 4.3 and 4.5; memory map of the
// board, Arm Application Note AN505, section 3; the RISC-V machine timer, "virt" board of QEMU (hw/riscv/virt.c, its CLINT).

#include <stddef.h>
#include <stdint.h>

#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/runtime/pyexec.h"

#if defined(__riscv)

// Microseconds since the start, from a counter of 10 MHz.
static uint64_t ticks(void) {
    volatile uint32_t *mtime = (volatile uint32_t *)0x0200BFF8;
    uint32_t high, low;
    do {
        high = mtime[1];
        low = mtime[0];
    } while (high != mtime[1]);
    return ((uint64_t)high << 32 | low) / 10;
}

#else

#include "uart.h"

typedef struct {
    volatile uint32_t ctrl, value, reload, intstatus;
} timer_t;

typedef struct {
    volatile uint32_t data, state, ctrl, intstatus, bauddiv;
} uart_t;

#define TIMER ((timer_t *)0x50000000)
#define UART ((uart_t *)0x50200000)

// Microseconds since the first call, from a counter of 20 MHz that runs down and round in 214 s: read it more often.
static uint64_t ticks(void) {
    static uint64_t total;
    static uint32_t last;
    if (!TIMER->ctrl) {
        TIMER->reload = last = UINT32_MAX;
        TIMER->value = UINT32_MAX;
        TIMER->ctrl = 1;
    }
    uint32_t now = TIMER->value;
    total += (uint32_t)(last - now);
    last = now;
    return total / 20;
}

void uart_init(void) {
    UART->bauddiv = 16;
    UART->ctrl = 3; // transmitter and receiver
}

int uart_rx_any(void) { // asked for by MicroPython 1.27 and later
    return UART->state & 2 ? 1 : 0;
}

int uart_rx_chr(void) {
    return UART->state & 2 ? (int)(UART->data & 0xff) : UART_RX_NO_CHAR;
}

void uart_tx_strn(const char *buf, size_t len) {
    for (size_t i = 0; i < len; ++i) {
        while (UART->state & 1) {
        }
        UART->data = (uint8_t)buf[i];
    }
}

#endif

mp_uint_t mp_hal_ticks_us(void) {
    return ticks();
}

mp_uint_t mp_hal_ticks_ms(void) {
    return ticks() / 1000;
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return ticks();
}

uint64_t mp_hal_time_ns(void) {
    return ticks() * 1000;
}

void mp_hal_delay_us(mp_uint_t us) {
    for (uint64_t end = ticks() + us; ticks() < end;) {
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    for (uint64_t end = ticks() + 1000ull * ms; ticks() < end;) {
        mp_handle_pending(true);
    }
}

int *__errno(void) {
    static int value;
    return &value;
}

// The heap of 192 KB, or as many bytes beside ramdisk.py's memory as the word in front of them says (tests/qemu.py).
void mtdb_qemu_gc_init(void *start, void *end) {
    uint32_t *memory = (uint32_t *)(MTDB_MEMORY + 0x700000);
    if (memory[0]) {
        start = memory + 4;
        end = (uint8_t *)start + memory[0];
    }
    gc_init(start, end);
}

void mtdb_qemu_start(void) {
    ticks();
    pyexec_frozen_module("_boot.py", false);
}
