set(IDF_TARGET esp32)

set(SDKCONFIG_DEFAULTS
    boards/sdkconfig.base
    boards/sdkconfig.ble
)

include(${CMAKE_CURRENT_LIST_DIR}/../../ports/esp32/mtdb.cmake)
