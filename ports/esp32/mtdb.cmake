# What the ESP32 boards share; included by boards/ESP32_*/mpconfigboard.cmake, which ports/esp32/CMakeLists.txt of MicroPython
# includes before ESP-IDF. Wants IDF_TARGET and SDKCONFIG_DEFAULTS set, and appends to the latter.

get_filename_component(MTDB_DIR ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)

# ESP-IDF resolves the name of the partition table against MicroPython's ports/esp32: give it an absolute one.
set(MTDB_SDKCONFIG_PARTITIONS ${CMAKE_BINARY_DIR}/sdkconfig.partitions)
file(WRITE ${MTDB_SDKCONFIG_PARTITIONS}
    "\nCONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"${MICROPY_BOARD_DIR}/partitions.csv\"\n")

list(APPEND SDKCONFIG_DEFAULTS
    ${MTDB_DIR}/ports/esp32/sdkconfig.mtdb
    ${MICROPY_BOARD_DIR}/sdkconfig.board
    ${MTDB_SDKCONFIG_PARTITIONS}
)

# Version and board in the application descriptor (esp_app_desc_t.version, at most 31 characters).
file(STRINGS ${MTDB_DIR}/microtetherdb/__init__.py MTDB_VERSION REGEX "^__version__ = ")
string(REGEX REPLACE "^__version__ = \"(.*)\"$" "\\1" MTDB_VERSION "${MTDB_VERSION}")
set(PROJECT_VER "${MTDB_VERSION}+${MICROPY_BOARD}")

set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)

# The btree module, see ports/btree.
list(APPEND MICROPY_DEF_BOARD MICROPY_PY_BTREE=1)
if(NOT USER_C_MODULES)
    set(USER_C_MODULES ${MTDB_DIR}/ports/btree/micropython.cmake)
endif()
if(NOT MTDB_DB1_DIR)
    set(MTDB_DB1_DIR ${MTDB_DIR}/build/src/db1-compat/db)
endif()
