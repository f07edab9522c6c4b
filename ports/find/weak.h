// Put before py/objstr.c (-include): the linker takes find.c's function instead of that one.
#include <stddef.h>

const unsigned char *find_subbytes(const unsigned char *haystack, size_t hlen, const unsigned char *needle, size_t nlen, int direction)
    __attribute__((weak));
