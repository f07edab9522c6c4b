set(PICO_BOARD "pico")
set(PICO_PLATFORM "rp2040")
# btree is a user C module (ports/btree); definitions on that would not reach the QSTR scan.
list(APPEND MICROPY_DEF_BOARD MICROPY_PY_BTREE=1 MICROPY_STREAMS_POSIX_API=1)
include(${CMAKE_CURRENT_LIST_DIR}/../../ports/rp2/slots.cmake)
