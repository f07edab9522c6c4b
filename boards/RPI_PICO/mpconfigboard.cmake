set(PICO_BOARD "pico")
set(PICO_PLATFORM "rp2040")
# btree is a user C module (ports/btree); definitions on that would not reach the QSTR scan.
list(APPEND MICROPY_DEF_BOARD MICROPY_PY_BTREE=1 MICROPY_STREAMS_POSIX_API=1)
# 10 KB of flash: AES with one table instead of four, and the SDK's printf, which MicroPython does not use, without floats.
add_compile_definitions(MBEDTLS_AES_FEWER_TABLES PICO_PRINTF_SUPPORT_FLOAT=0 PICO_PRINTF_SUPPORT_EXPONENTIAL=0 PICO_PRINTF_SUPPORT_PTRDIFF_T=0)
include(${CMAKE_CURRENT_LIST_DIR}/../../ports/rp2/slots.cmake)
