/* Loaded before libc (LD_PRELOAD): malloc() of one size fails from the n-th time on, so often. The numbers lie where a MicroPython program can write them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

static volatile int32_t *numbers; /* low and high bound of the size, calls until it fails, failures left, failures so far */

__attribute__((constructor)) static void begin(void) {
    numbers = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

void *malloc(size_t n) {
    static void *(*real)(size_t);
    if (real == 0) {
        real = dlsym(RTLD_NEXT, "malloc");
    }
    if (numbers != 0 && numbers[3] > 0 && n >= (size_t)numbers[0] && n <= (size_t)numbers[1] && numbers[2]-- <= 0) {
        numbers[3]--;
        numbers[4]++;
        errno = ENOMEM;
        return 0;
    }
    return real(n);
}
